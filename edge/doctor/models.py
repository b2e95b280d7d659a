"""The doctor on models: what is installed, whom the device trusts, where trials are remembered."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge.doctor.check import Check, fault, ok, warning
from edge.doctor.python import read_version
from edge.errors import ModelError
from edge.store.place import installed_names, state_file, store_folder, stores

SYSTEM_KEYS = "etc/edgeproof/trusted"
"""Root's, beside the user's own in the store."""


@dataclass(frozen=True)
class Installed:
    """A bundle in a store, or the file that says which one is in use."""

    name: str
    path: Path
    problem: str | None
    """Why it cannot be used; none where its bytes are those that were installed."""


@dataclass(frozen=True)
class Keys:
    """A folder of trusted keys. That it is there means: signed models only."""

    folder: Path
    files: tuple[str, ...] | None
    """None: it cannot be read."""


@dataclass(frozen=True)
class Cache:
    """Where admission remembers which models it has tried."""

    folder: Path
    is_writable: bool


def read_installed(store: Path | None = None) -> list[Installed]:
    """Every bundle of the stores, read whole, and what cannot be told of a name.

    store: none takes all that this user sees.
    """
    found = []
    for place in (store,) if store else stores():
        for name in installed_names(place):
            state = state_file(place, name)
            if problem := _state_problem(state):
                found.append(Installed(name, state, problem))
            paths = sorted(state.parent.glob("[!.]*.tflite"))
            found += [Installed(name, path, _problem(path)) for path in paths]
    return found


def read_keys(root: Path, store: Path | None = None) -> list[Keys]:
    """root: where etc/edgeproof is."""
    places = [(store or store_folder()) / "trusted", root / SYSTEM_KEYS]
    return [Keys(place, _key_files(place)) for place in places if os.path.lexists(place)]


def read_cache() -> Cache:
    """Of the service where systemd says which ($CACHE_DIRECTORY), else of the user."""
    service = os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(service) if service else Path(user) / "edgeproof"
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return Cache(folder, there.is_dir() and os.access(there, os.W_OK | os.X_OK))


def check_installed(installed: list[Installed]) -> Check:
    """Whether the card still holds what was put there."""
    damaged = [each for each in installed if each.problem]
    if damaged:
        first = damaged[0]
        more = f", and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        remedy = f"edgeproof install {first.name} anew, or: edgeproof rollback {first.name}"
        return fault("models", f"{first.problem}{more}", remedy)
    counts: dict[str, int] = {}
    for each in installed:
        counts[each.name] = counts.get(each.name, 0) + 1
    told = [f"{name} ({n - 1} earlier)" if n > 1 else name for name, n in counts.items()]
    return ok("models", f"installed: {', '.join(told)}" if told else "none installed")


def check_keys(keys: list[Keys], library: str | None) -> Check:
    """Whether a device that takes signed models only can take any.

    library: the version of cryptography; none where it is not installed.
    """
    if not keys:
        return ok("trust", "no trusted keys: signatures are not asked for")
    count = 0
    for each in keys:
        what = f"signed models only, by the keys in {each.folder}"
        if each.files is None:
            found = f"{what}, which cannot be read: no other model than the shipped ones is taken"
            return fault("trust", found, f"ls -ld {each.folder}")
        if not each.files:
            found = f"{what}, which holds none: no other model than the shipped ones is taken"
            return fault("trust", found, f"edgeproof trust KEY.pub, or: rmdir {each.folder}")
        count += len(each.files)
    found = f"signed models only: {count} trusted key{'s' if count > 1 else ''}"
    if library is None:
        return fault("trust", f"{found}, and no cryptography", "pip install 'edgeproof[sign]'")
    return ok("trust", f"{found}; cryptography {library}")


def check_cache(cache: Cache) -> Check:
    """Whether a model's trial is needed once, or at each start."""
    if cache.is_writable:
        return ok("cache", str(cache.folder))
    found = f"{cache.folder} cannot be written: a model that is not shipped is tried at each start"
    return warning("cache", found, f"ls -ld {cache.folder}; or set XDG_CACHE_HOME")


def examine_models(root: Path) -> list[Check]:
    """All three. root: where etc/edgeproof is."""
    return [
        check_installed(read_installed()),
        check_keys(read_keys(root), read_version("cryptography")),
        check_cache(read_cache()),
    ]


def _state_problem(path: Path) -> str | None:
    from edge.store.state import bundle_in_use

    try:
        bundle_in_use(path)
    except ModelError as error:
        return " ".join(str(error).split())
    return None


def _problem(path: Path) -> str | None:
    from edge.bundle import parse_bundle, read_model_file, seal_of

    try:
        data = read_model_file(path)
        parse_bundle(data, str(path))
    except ModelError as error:
        return " ".join(str(error).split())
    if seal_of(data) != path.stem:
        return f"{path}: expected the bundle that it is named for, got another one"
    return None


def _key_files(folder: Path) -> tuple[str, ...] | None:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return None
    return tuple(name for name in names if name.endswith(".pub") and name[0] != ".")
