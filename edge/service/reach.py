"""Which camera services there are on this machine, and whether a model that is installed reaches
them: each user has a store, and a service runs as a user of its own."""

from __future__ import annotations

import pwd
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.store.place import SYSTEM, state_file

UNITS = Path("/etc/systemd/system")
STORE = "EDGEPROOF_STORE"
DEFAULT_MODEL = "digits"
"""The camera's, without --model."""


@dataclass(frozen=True)
class Service:
    """A camera's unit as it stands in its file; what `systemctl edit` added is not looked at."""

    name: str
    """Without .service."""
    user: str
    model: str
    """What its --model says."""
    stores: tuple[Path, ...]
    """Where it looks for installed models, in this order."""


def stores_of(user: str, stated: str | None = None) -> tuple[Path, ...]:
    """Where a service of that user looks; see `edge.store.place.stores`.

    stated: $EDGEPROOF_STORE as the unit has it.
    """
    if stated:
        return (Path(stated),)
    if user == "root":
        return (SYSTEM,)
    try:
        home = Path(pwd.getpwnam(user).pw_dir)
    except KeyError:
        return (SYSTEM,)
    return (home / ".local/share/edgeproof/store", SYSTEM)


def find_services(units: Path = UNITS) -> list[Service]:
    """Of this machine, by their unit files."""
    try:
        paths = sorted(units.glob("*.service"))
        texts = {path.stem: path.read_text(errors="replace") for path in paths if path.is_file()}
    except OSError:
        return []
    found = [_parse(name, text) for name, text in texts.items()]
    return [service for service in found if service is not None]


def describe(service: Service, name: str, store: Path) -> str:
    """What becomes of a change of the model `name` in a store, in a running service.

    The store's bundle may also be hidden by another one that the service's user installed.
    """
    if service.model != name:
        return f"runs {service.model!r}, which this does not change"
    first = next((one for one in service.stores if state_file(one, name).exists()), None)
    if store not in service.stores:
        how = "sudo" if SYSTEM in service.stores else f"EDGEPROOF_STORE={service.stores[0]}"
        return f"runs as {service.user} and does not look into {store}: {how} edgeproof install"
    if first not in (store, None):
        return f"has another one, in {first}"
    return "takes it within 2 seconds, if it runs"


def _parse(name: str, text: str) -> Service | None:
    """None: no camera of ours."""
    settings = [line.partition("=")[::2] for line in text.splitlines() if "=" in line]
    last = dict(settings)
    words = _words(last.get("ExecStart", ""))
    if "edge" not in words or "camera" not in words:
        return None
    lines = (_words(value) for key, value in settings if key == "Environment")
    stated = dict(word.partition("=")[::2] for line in lines for word in line)
    user = last.get("User", "root")
    return Service(name, user, _model(words), stores_of(user, stated.get(STORE)))


def _words(line: str) -> list[str]:
    """What `edge.service.quoting` wrote."""
    try:
        return [word.replace("%%", "%") for word in shlex.split(line.removeprefix(":"))]
    except ValueError:  # by somebody else
        return []


def _model(words: Sequence[str]) -> str:
    for word, after in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == "--model":
            return value if equals else after
    return DEFAULT_MODEL
