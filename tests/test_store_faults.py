"""The store when the power fails, the process is killed, or the disk refuses: old or new, whole."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from edge.bundle import parse_bundle
from edge.cli import run
from tests import kills, power, strace
from tests.kills import Case, make_cases, make_versions
from tests.strace import Point

CHANGES = ("mkdir", "openat", "write", "fsync", "rename", "unlink", "rmdir", "exit_group")
"""A kill between two calls that change nothing is as one before the next that does. Of openat those
that make a file."""
REFUSALS = ("EIO", "ENOSPC", "EROFS", "EACCES")
REFUSED = ("mkdir", "openat", "write", "fsync", "rename", "read", "close", "getdents64", "unlink")


@pytest.fixture(scope="module", autouse=True)
def tracer() -> None:
    """strace, or a loud reason why nothing is proven here."""
    if not strace.is_usable():
        reason = "NOT PROVEN: a kill at any system call, for want of strace (apt install strace)"
        if "strace" in os.environ.get("EDGEPROOF_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return make_cases(make_versions(tmp_path_factory.mktemp("versions"), 2))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an interpreter: what a model computes does not depend on the disk."""
    from edge.store import check

    checked = check.check

    class Once:
        found: check.Checked | None = None

    def parse_only(data: bytes, where: str, *, allow_downgrade: bool = False) -> check.Checked:
        Once.found = Once.found or checked(data, where)
        parse_bundle(data, where)
        return Once.found

    monkeypatch.setattr(check, "check", parse_only)


@pytest.mark.parametrize("number", range(4))
def test_a_kill_at_any_call_leaves_the_old_model_or_the_new_one(
    number: int, cases: list[Case], tmp_path: Path, quick: None
) -> None:
    case = cases[number]
    stores = kills.prepared(case, tmp_path)
    next(stores)
    case.work()  # what is imported late is imported now
    next(stores)
    counts: Counter[str] = Counter()
    found: Counter[bool] = Counter()
    for call in strace.fork_recorded(case.work, tmp_path / "log"):
        counts[call[2]] += 1
        if call[2] not in CHANGES or (call[2] == "openat" and "O_CREAT" not in call[3]):
            continue
        next(stores)
        point = Point(call[2], counts[call[2]])
        assert strace.fork_until(point, case.work), point
        found[kills.examine(case, parse_bundle)] += 1
    assert found[True] >= 2  # as it ends, at the least, and as it tidies
    assert found[False] >= 3


@pytest.mark.parametrize("number", range(4))
def test_a_power_cut_leaves_the_old_model_or_the_new_one(
    number: int, cases: list[Case], tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, place = cases[number], tmp_path / "place"
    stores = kills.prepared(case, tmp_path)
    next(stores)
    case.work()
    place.mkdir()
    store = next(stores).rename(place / "store")
    if not case.before:
        store.rmdir()
    monkeypatch.setenv("EDGEPROOF_STORE", str(store))
    disk = power.Disk(place)
    left = [*disk.root.states()]
    for call in strace.fork_recorded(case.work, tmp_path / "log", power.OPTIONS):
        if not call[4].startswith("-"):
            disk.apply(call[2], call[3])
            left += [tree for tree in disk.root.states() if tree not in left]
    for at, tree in enumerate(left):
        _look(case, tree, tmp_path / f"cut-{at}", (case.old, case.new), monkeypatch)
    assert len(left) >= 2
    for at, tree in enumerate(disk.root.states()):  # it said that it is done
        _look(case, tree, tmp_path / f"end-{at}", (case.new,), monkeypatch)


def _look(
    case: Case,
    tree: power.Tree,
    folder: Path,
    expected: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a device that starts again finds; and that an install mends whatever was left."""
    folder.mkdir()
    power.write_tree(tree, folder)
    monkeypatch.setenv("EDGEPROOF_STORE", str(folder / "store"))
    assert kills.in_use(parse_bundle) in expected
    kills.install_again(case, parse_bundle)


def test_a_disk_that_refuses_any_call_leaves_the_old_model_or_the_new_one(
    cases: list[Case], tmp_path: Path, quick: None
) -> None:
    case = cases[0]
    stores = kills.prepared(case, tmp_path)
    next(stores)
    run(case.command[3:])
    next(stores)
    with open(tmp_path / "told", "w+") as told:

        def work() -> None:
            sys.stderr = told
            code = run(case.command[3:])
            told.flush()
            os._exit(code)

        counts = Counter(call[2] for call in strace.fork_recorded(work, tmp_path / "log"))
        # The first read is what the fork waits with, until it is traced.
        calls = [(name, k) for name in REFUSED for k in range(name == "read", counts[name])]
        for name, k in calls:
            store = next(stores)
            inject = f"inject={name}:error={REFUSALS[k % len(REFUSALS)]}:when={k + 1}"
            options = ["-o", "/dev/null", "-e", f"trace={name}", "-e", inject]
            told.seek(0)
            told.truncate()
            code = os.waitstatus_to_exitcode(strace.fork_traced(work, options))
            told.seek(0)
            _check_refusal(case, code, told.read(), store, f"{name} {k + 1}")


def _check_refusal(case: Case, code: int, words: str, store: Path, at: str) -> None:
    found = kills.in_use(parse_bundle)
    assert found in (case.old, case.new), at
    assert code in (0, 4), f"{at}: {code}, {words}"
    if code == 4:
        (line,) = words.splitlines()
        assert line.startswith("edgeproof: error: "), at
        is_made = "power cut may still undo it" in line or "the system" in line  # of stdout
        assert found == (case.new if is_made else case.old), f"{at}: {line}"
    else:
        assert found == case.new, at
    staged = [path.name for path in (store / "models/digits").iterdir() if path.name[0] == "."]
    assert staged == [] or "unlink" in at, at
