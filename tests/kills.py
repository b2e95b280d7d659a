"""Kills `edgeproof install` wherever the power could fail, and looks what is there afterwards.

    python -m tests.kills syscalls                  # the command, at each of its system calls
    python -m tests.kills syscalls --from-store     # from the first look at the store on; quick
    python -m tests.kills random --count 1000 --seed 1

After each kill the name has to stand for the old bundle or the new one, whole and right; the same
again has to work then, and to leave nothing behind. Exits with 1 when that is not so.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edge.bundle import read_bundle, seal_of, write_bundle
from edge.store.check import check
from edge.store.install import install
from edge.store.place import STATE
from edge.store.rollback import rollback
from edge.store.state import read_state
from edge.zoo import find_model, shipped_models
from tests.strace import (
    Point,
    fork_recorded,
    fork_until,
    is_usable,
    list_calls,
    numbered,
    run_until,
)

NAME = "digits"
SLACK = 2
"""Calls of each name beyond those that were counted: no two runs are quite the same."""
UNTRIED = ["env", "XDG_CACHE_HOME=/dev/null"]
"""Nothing is remembered, so that a model is tried in its child each time."""
SHARE = 25
"""Kills that a process makes in a row."""
ENDED = "came to their end"
MOST_ENDED = 0.4
"""Of all runs: those beyond the calls that were counted. More, and nothing is killed at all."""
LOOKED_AT_EACH = 10
"""Random kills: after so many of them an install is let come to its end."""


@dataclass(frozen=True)
class Case:
    """What is killed, and in which store."""

    name: str
    before: tuple[Path, ...]
    """Bundles that are installed before, in this order."""
    model: Path | None
    """What is installed then; none: a rollback."""

    def work(self) -> None:
        if self.model is None:
            rollback(NAME, say)
        else:
            install(self.model, say)

    @property
    def command(self) -> list[str]:
        words = ["rollback", NAME] if self.model is None else ["install", str(self.model)]
        return [sys.executable, "-m", "edge", *words]

    @property
    def old(self) -> str:
        return seal(self.before[-1] if self.before else shipped_models()[NAME])

    @property
    def new(self) -> str:
        if self.model is not None:
            return seal(self.model)
        return seal(self.before[-2] if len(self.before) > 1 else shipped_models()[NAME])


def say(_: str) -> None:
    """Nobody listens."""


def seal(path: Path) -> str:
    return seal_of(path.read_bytes())


def make_versions(folder: Path, count: int) -> list[Path]:
    """Bundles of the same name that differ in what they say of their making; none is proven."""
    bundle = read_bundle(shipped_models()[NAME])
    paths = [folder / f"{number}.tflite" for number in range(count)]
    for number, path in enumerate(paths):
        origin = {**bundle.contract.provenance, "version": number}
        contract = replace(bundle.contract, provenance=origin)
        write_bundle(path, replace(bundle, contract=contract, proof_json=None))
    return paths


def make_cases(versions: list[Path]) -> list[Case]:
    return [
        Case("install over another", tuple(versions[:1]), versions[1]),
        Case("install into an empty store", (), versions[1]),
        Case("rollback", tuple(versions[:2]), None),
        Case("rollback to the shipped one", tuple(versions[:1]), None),
    ]


def in_use(is_right: Callable[[bytes, str], object] = check) -> str:
    """The seal of what the name stands for, which was looked through.

    Raises:
        ModelError: it does not stand for a model that can be used.
    """
    path = find_model(NAME)
    data = path.read_bytes()
    is_right(data, str(path))
    return seal_of(data)


def leftovers() -> list[str]:
    """What is in the folder and should not be, after an install that came to its end."""
    folder = Path(os.environ["EDGEPROOF_STORE"]) / "models" / NAME
    named = {f"{one}.tflite" for one in read_state(folder / STATE).seals}
    return sorted({path.name for path in folder.iterdir()} - {STATE} - named)


def examine(case: Case, is_right: Callable[[bytes, str], object] = check) -> bool:
    """Looks at the store after a kill, and does the same again; whether the switch was made.

    Raises:
        AssertionError, EdgeproofError: a promise is broken.
    """
    found = in_use(is_right)
    assert found in (case.old, case.new), f"neither old nor new: {found}"
    has_switched = found == case.new
    if case.model is None and not has_switched:
        rollback(NAME, say)
        assert in_use(is_right) == case.new
    install_again(case, is_right)
    return has_switched


def install_again(case: Case, is_right: Callable[[bytes, str], object] = check) -> None:
    """Installs the model, or that which was rolled back from.

    Raises:
        AssertionError, EdgeproofError: it does not work, or leaves something behind.
    """
    model = case.model or case.before[-1]
    install(model, say)
    assert in_use(is_right) == seal(model)
    assert leftovers() == []


def prepared(case: Case, folder: Path) -> Iterator[Path]:
    """Stores as a case needs them, for ever; each is in $EDGEPROOF_STORE."""
    template, store = folder / "template", folder / "store"
    shutil.rmtree(template, ignore_errors=True)
    os.environ["EDGEPROOF_STORE"] = str(template)
    template.mkdir(parents=True)
    for model in case.before:
        install(model, say)
    os.environ["EDGEPROOF_STORE"] = str(store)
    while True:
        if _tree(store) != _tree(template):
            shutil.rmtree(store, ignore_errors=True)
            shutil.copytree(template, store)
        yield store


def _tree(folder: Path) -> dict[Path, bytes | None]:
    """What is in a folder; none stands for a folder's content."""
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in (folder, *folder.rglob("*"))
        if path.exists()
    }


def kill_at(points: list[Point], case: Case, from_store: bool) -> Counter[str]:
    """One after the other, each in a store as before."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for point, store in zip(points, prepared(case, Path(folder)), strict=False):
            before = _tree(store)
            if from_store:
                was_killed = fork_until(point, case.work)
            else:
                was_killed = run_until(point, [*UNTRIED, *case.command])
            if _tree(store) == before:  # which was looked at when it was made
                found["killed before the store was touched" if was_killed else ENDED] += 1
                continue
            try:
                has_switched = examine(case)
            except Exception as error:
                print(f"{case.name}, killed at {point}: {error}", flush=True)
                found["BROKEN"] += 1
                continue
            if not was_killed:
                found[ENDED] += 1
            else:
                found["killed after the switch" if has_switched else "killed before it"] += 1
    return found


def points_of(case: Case, from_store: bool) -> list[Point]:
    """Every call that a run makes, the last one first, and before it some that others may make."""
    with tempfile.TemporaryDirectory() as folder:
        stores = prepared(case, Path(folder))
        next(stores)
        if from_store:
            case.work()  # once before: what is imported late is imported now
            next(stores)
            names = [call[2] for call in fork_recorded(case.work, Path(folder) / "log")]
            processes = [numbered(names)]
        else:
            processes = list_calls([*UNTRIED, *case.command])
    points = dict.fromkeys(point for process in processes for point in process)
    most = Counter(point.name for point in points)
    print(f"{case.name}: {len(points)} calls of {len(most)} names", flush=True)
    beyond = [Point(name, n + k + 1) for name, n in most.items() for k in range(SLACK)]
    return [*beyond, *reversed(points)]


def syscalls(jobs: int, from_store: bool) -> bool:
    """Whether all promises were kept, and nearly all of the calls were the last one of a run."""
    total: Counter[str] = Counter()
    planned = 0
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(jobs) as pool:
        cases = make_cases(make_versions(Path(folder), 2))
        # A command's own start is the same in all of them: the others differ from the store on.
        for case in cases if from_store else cases[:2]:
            began_s, found = time.monotonic(), Counter[str]()
            points = points_of(case, from_store)
            planned += len(points)
            shares = [points[at : at + SHARE] for at in range(0, len(points), SHARE)]
            work = partial(kill_at, case=case, from_store=from_store)
            for share in pool.map(work, shares):
                found += share
                print(f"  {sum(found.values())} of {len(points)}: {told(found)}", end="\r")
            print(f"\n  {time.monotonic() - began_s:.0f} s", flush=True)
            total += found
    print(f"{sum(total.values())} runs: {told(total)}")
    return not total["BROKEN"] and total[ENDED] < MOST_ENDED * planned


def kill_at_random(seed: int, count: int, versions: list[Path]) -> Counter[str]:
    """In one store, which is carried on from kill to kill, until so many runs were killed."""
    rng = random.Random(seed)
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EDGEPROOF_STORE"] = str(Path(folder) / "store")
        longest_s = _duration_s(Case("", (), versions[0]))
        number = 0
        while number - found[ENDED] < count:
            before = in_use()
            case = Case("", (), rng.choice([one for one in versions if seal(one) != before]))
            # Late moments twice as often: the first half of a run is Python's own start.
            after_s = rng.uniform(rng.choice((0, longest_s / 2)), longest_s)
            was_killed = run_for(after_s, [*UNTRIED, *case.command])
            try:
                found[_outcome(case, before, was_killed)] += 1
                number += 1
                if number % LOOKED_AT_EACH == 0:
                    if in_use() != case.new:  # what else the machine does comes and goes
                        longest_s = _duration_s(case)
                    case.work()
                    assert (in_use(), leftovers()) == (case.new, [])
            except Exception as error:
                print(f"kill {number}, seed {seed}: {error}", flush=True)
                found["BROKEN"] += 1
                number += 1
    return found


def _duration_s(case: Case) -> float:
    """What a whole run takes now."""
    began_s = time.monotonic()
    subprocess.run([*UNTRIED, *case.command], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began_s


def _outcome(case: Case, before: str, was_killed: bool) -> str:
    now = in_use()
    assert now in (before, case.new), f"neither old nor new: {now}"
    if not was_killed:
        assert now == case.new, "it said that it is done"
        return ENDED
    return "killed after the switch" if now == case.new else "killed before it"


def run_for(seconds: float, command: list[str]) -> bool:
    """Runs a command and kills it after a time; whether it was still there then."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            assert process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait() == -9
    return False


def at_random(jobs: int, count: int, seed: int) -> bool:
    """Whether all promises were kept."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(jobs) as pool:
        versions = make_versions(Path(folder), 6)
        work = partial(kill_at_random, count=count // jobs, versions=versions)
        total = sum(pool.map(work, range(seed, seed + jobs)), Counter[str]())
    print(f"{sum(total.values())} runs: {told(total)}; {time.monotonic() - began_s:.0f} s")
    return not total["BROKEN"]


def told(found: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(found.items()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    at_calls = kinds.add_parser("syscalls")
    at_calls.add_argument("--from-store", action="store_true")
    by_chance = kinds.add_parser("random")
    by_chance.add_argument("--count", type=int, default=1000)
    by_chance.add_argument("--seed", type=int, default=1)
    for kind in (at_calls, by_chance):
        kind.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        if asked.kind == "random":
            return 0 if at_random(asked.jobs, asked.count, asked.seed) else 1
        if not is_usable():
            print("expected an strace that may trace: apt install strace", file=sys.stderr)
            return 4
        return 0 if syscalls(asked.jobs, asked.from_store) else 1


if __name__ == "__main__":
    sys.exit(main())
