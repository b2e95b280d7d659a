"""`make audit`: known holes in the versions that constraints.txt pins, by the database of osv.dev.

What is found fails, unless accepted.toml says why it stays, and until when. The database knows
packages, not the C libraries inside their wheels; those were looked up by hand (accepted.toml).
"""

from __future__ import annotations

import datetime
import http.client
import json
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from deploy.wheels import Target, read_constraints
from edge.errors import EdgeproofError, EnvironmentFault, UsageError
from edge.strict import Mismatch, from_dict

ROOT = Path(__file__).parent.parent
ACCEPTED = Path(__file__).parent / "accepted.toml"
OSV = "https://api.osv.dev/v1"
PYTHONS = ((3, 11), (3, 12), (3, 13))
TIMEOUT_S = 30.0
MAX_PAGES = 20
"""Of one answer; more would be a database gone mad."""
FOUND = 3
"""Exit code: as the gate's, something did not pass."""

Pin = tuple[str, str]
"""(name, version)"""


@dataclass(frozen=True)
class Accepted:
    """A finding that stays for now."""

    package: str
    version: str
    ids: tuple[str, ...]
    """The names that it goes by: CVE-..., GHSA-..., PYSEC-..."""
    since: str
    until: str
    """Dates, YYYY-MM-DD; from `until` on it is a finding again."""
    reason: str


@dataclass(frozen=True)
class AcceptedList:
    """accepted.toml."""

    accepted: tuple[Accepted, ...]


@dataclass(frozen=True)
class Hole:
    """What the database says of one pin."""

    pin: Pin
    names: frozenset[str]
    """Its id and all aliases."""
    summary: str
    fixed: tuple[str, ...]

    def __str__(self) -> str:
        remedy = f"fixed in {', '.join(self.fixed)}" if self.fixed else "no release without it"
        return f"{'=='.join(self.pin)}: {', '.join(sorted(self.names))}: {self.summary}; {remedy}"


def pins_of(constraints: str) -> dict[Pin, list[str]]:
    """Each pin -> the Pythons that get it, on Linux."""
    pins: dict[Pin, list[str]] = {}
    for python in PYTHONS:
        for pin in read_constraints(constraints, Target("x86_64", python)).items():
            pins.setdefault(pin, []).append("{}.{}".format(*python))
    return pins


def read_accepted(text: str, where: str) -> tuple[Accepted, ...]:
    """Raises UsageError: it is no TOML, or has other keys, or a date is none."""
    try:
        entries = from_dict(AcceptedList, tomllib.loads(text), where).accepted
        for entry in entries:
            datetime.date.fromisoformat(entry.since), datetime.date.fromisoformat(entry.until)
    except (tomllib.TOMLDecodeError, Mismatch, ValueError) as error:
        raise UsageError(f"{where}: {error}") from None
    return entries


def ask(pins: Iterable[Pin], osv: str = OSV) -> list[Hole]:
    """Raises EnvironmentFault: the database cannot be reached, or answers something else."""
    order = list(pins)
    ids: dict[Pin, set[str]] = {pin: set() for pin in order}
    waiting: list[tuple[Pin, str]] = [(pin, "") for pin in order]
    for _ in range(MAX_PAGES):
        if not waiting:
            break
        results = _fetch(f"{osv}/querybatch", {"queries": [_query(*each) for each in waiting]})
        again = []
        try:
            for (pin, _), result in zip(waiting, results["results"], strict=True):
                ids[pin] |= {found["id"] for found in result.get("vulns", ())}
                if result.get("next_page_token"):
                    again.append((pin, str(result["next_page_token"])))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise EnvironmentFault(f"{osv}: expected an answer to each query") from None
        waiting = again
    if waiting:
        raise EnvironmentFault(f"{osv}: expected at most {MAX_PAGES} pages of findings, got more")
    holes = [
        _hole(pin, _fetch(f"{osv}/vulns/{name}")) for pin in order for name in sorted(ids[pin])
    ]
    return _merged(hole for hole in holes if hole is not None)


def accepted_by(hole: Hole, entries: Iterable[Accepted], today: datetime.date) -> Accepted | None:
    """The entry that lets it stay."""
    for entry in entries:
        is_it = (entry.package, entry.version) == hole.pin and hole.names & set(entry.ids)
        if is_it and today < datetime.date.fromisoformat(entry.until):
            return entry
    return None


def _query(pin: Pin, page: str) -> dict[str, Any]:
    query = {"package": {"name": pin[0], "ecosystem": "PyPI"}, "version": pin[1]}
    return {**query, "page_token": page} if page else query


def _hole(pin: Pin, told: Mapping[str, Any]) -> Hole | None:
    if "withdrawn" in told:
        return None
    events = [
        event
        for affected in told.get("affected", ())
        if affected.get("package", {}).get("name", "").lower() == pin[0]
        for each in affected.get("ranges", ())
        if each.get("type") == "ECOSYSTEM"
        for event in each.get("events", ())
    ]
    fixed = tuple(sorted({event["fixed"] for event in events if "fixed" in event}))
    summary = str(told.get("summary") or told.get("details") or "no summary")
    names = frozenset({str(told["id"]), *map(str, told.get("aliases", ()))})
    return Hole(pin, names, " ".join(summary.split())[:160], fixed)


def _merged(holes: Iterable[Hole]) -> list[Hole]:
    """One for each hole, though several collections tell it by names of their own."""
    kept: list[Hole] = []
    for hole in holes:
        same = [one for one in kept if one.pin == hole.pin and one.names & hole.names]
        names = hole.names.union(*(one.names for one in same))
        fixed = tuple(sorted({*hole.fixed, *(each for one in same for each in one.fixed)}))
        kept = [one for one in kept if one not in same]
        kept.append(Hole(hole.pin, names, hole.summary, fixed))
    return kept


def _fetch(address: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise EnvironmentFault(
            f"{address} cannot be asked: {reason}. "
            "Nothing was audited: run it where the network allows it"
        ) from None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--osv", default=OSV, show_default=True, help="The database's address.")
@click.option(
    "--accepted", type=click.Path(exists=True, path_type=Path), default=ACCEPTED, show_default=False
)
def main(osv: str, accepted: Path) -> None:
    """Print what is found; exits with 3 at a hole that is not accepted."""
    try:
        entries = read_accepted(accepted.read_text("utf-8"), accepted.name)
        pins = pins_of((ROOT / "constraints.txt").read_text())
        holes = ask(pins, osv)
    except EdgeproofError as error:
        click.echo(f"make audit: error: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    today, bad = datetime.datetime.now(datetime.UTC).date(), 0
    for hole in holes:
        entry = accepted_by(hole, entries, today)
        bad += entry is None
        why = f"accepted until {entry.until}: {entry.reason}" if entry else "NOT ACCEPTED"
        click.echo(f"{hole} (Python {', '.join(pins[hole.pin])}): {why}")
    click.echo(f"{len(pins)} pins, {len(holes)} known holes, {bad} not accepted", err=True)
    raise SystemExit(FOUND if bad else 0)


if __name__ == "__main__":
    main()
