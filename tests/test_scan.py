"""The scan of a folder of photos: names what is bad and nothing else, and splits without leaks."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import UsageError
from tests.conftest import ROOT, Edgeproof
from tests.shapes import CLASSES, Made, draw_shape, make_shapes
from train.datasets import load_dataset
from train.photos import cache, scan
from train.photos.alike import group_alike
from train.photos.facts import Facts, read_facts
from train.photos.report import Reason, Report
from train.photos.rules import ENOUGH_TEST_PICTURES
from train.photos.scan import scan_folder
from train.samples import digest, split
from train.toml import parse_toml

Capture = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Shapes:
    folder: Path
    made: Made
    report: Report


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    """345 files, 30 of them bad: see tests/shapes.py."""
    folder = tmp_path_factory.mktemp("photos") / "shapes"
    made = make_shapes(folder)
    return Shapes(folder, made, scan_folder(folder))


def left_out(report: Report, reason: Reason) -> set[str]:
    return {file.path for file in report.left_out if file.reason == reason}


def test_every_bad_file_is_named_with_its_reason_and_no_good_one(shapes: Shapes) -> None:
    made, report = shapes.made, shapes.report
    assert left_out(report, "unreadable") == set(made.unreadable)
    assert left_out(report, "foreign") == set(made.unread_format)
    assert left_out(report, "conflict") == set(chain.from_iterable(made.conflicts))
    copies = left_out(report, "copy")
    assert all(len(copies & set(pair)) == 1 for pair in made.copies)
    assert len(copies) == len(made.copies)
    assert not left_out(report, "leak")
    reasons = {Path(file.path).name: file.detail for file in report.left_out}
    assert reasons["empty.png"] == "expected a picture, got an empty file"
    assert "truncated" in reasons["torn.jpg"]


def test_near_copies_are_found_and_no_two_shapes_are_merged(shapes: Shapes) -> None:
    found = sorted(sorted(paths) for paths in shapes.report.near_copies())
    assert found == sorted(sorted(pair) for pair in shapes.made.near)


def test_notes_name_positions_turned_and_gray_pictures(shapes: Shapes) -> None:
    notes = {note.kind: set(note.paths) for note in shapes.report.notes}
    used = {shapes.report.pictures[index].path for index in shapes.report.kept}
    good = set(shapes.made.good)  # of copies, whose names sort first may be the ones in use
    assert notes["position"] & good == set(shapes.made.located) & used
    assert notes["turned"] & good == set(shapes.made.rotated) & used
    assert notes["gray"] & good == set(shapes.made.gray) & used
    assert "imbalance" not in notes


def test_test_part_is_a_fifth_of_each_class_and_shares_no_scene(shapes: Shapes) -> None:
    report = shapes.report
    assert not set(report.groups[report.is_test]) & set(report.groups[~report.is_test])
    shares = np.bincount(report.targets()[report.is_test]) / np.bincount(report.targets())
    assert np.abs(shares - 0.2).max() < 0.02


def test_groups_travel_with_the_samples_into_the_validation_split(shapes: Shapes) -> None:
    train = load_dataset(str(shapes.folder)).train
    assert train.groups is not None
    assert len(train.groups) == len(train)
    assert len(set(train.groups.tolist())) < len(train)
    for seed in range(10):
        rest, held_out = split(train.targets, 0.1, seed, train.groups)
        assert not set(train.take(rest).groups) & set(train.take(held_out).groups)  # type: ignore[arg-type]
        assert set(train.targets[held_out]) == {0, 1, 2}


def test_same_files_give_the_same_data_set_in_any_order(shapes: Shapes, tmp_path: Path) -> None:
    for path in sorted(shapes.folder.rglob("*"), reverse=True):
        if path.is_file():
            copy = tmp_path / "shapes" / path.relative_to(shapes.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    once, again = load_dataset(str(shapes.folder)), load_dataset(str(tmp_path / "shapes"))
    for one, other in ((once.train, again.train), (once.test, again.test)):
        assert one.fingerprint() == other.fingerprint()
        assert np.array_equal(one.targets, other.targets)


def test_digests_of_the_scan_are_those_of_the_files(shapes: Shapes) -> None:
    test = load_dataset(str(shapes.folder)).test
    assert test.digests() == [digest(frame) for frame in test]


def test_scan_changes_nothing_and_a_second_one_decodes_what_changed(
    shapes: Shapes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "few"
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for name in [n for n in shapes.made.good if n.startswith(label)][:5]:
            shutil.copy(shapes.folder / name, folder / name)

    def state() -> dict[Path, tuple[int, ...]]:
        """All but the time of the last access: that is the file system's own note of reading."""
        found = ((path, path.stat()) for path in folder.rglob("*"))
        return {path: (at.st_ino, at.st_size, at.st_mode, at.st_mtime_ns) for path, at in found}

    before = state()
    first = scan_folder(folder)
    assert state() == before

    read: list[str] = []

    def counting(path: Path) -> Facts:
        read.append(path.name)
        return read_facts(path)

    monkeypatch.setattr(scan, "read_facts", counting)
    second = scan_folder(folder)
    assert read == []
    assert second.pictures == first.pictures
    changed = folder / first.pictures[0].path
    with Image.open(folder / first.pictures[1].path) as other:
        other.save(changed, other.format)
    assert scan_folder(folder).pictures[0].facts.digest != first.pictures[0].facts.digest
    assert read == [changed.name]
    cache._place(folder).write_bytes(b'{"made_by": 3')
    scan_folder(folder)
    assert len(read) == 1 + 15


def many_shapes(folder: Path, counts: dict[str, int], seed: int = 3) -> Path:
    rng = np.random.default_rng(seed)
    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            draw_shape("circle", rng, 80, 70).save(folder / label / f"{number:02d}.png")
    return folder


def test_copies_of_test_pictures_leave_the_training_split(tmp_path: Path) -> None:
    many_shapes(tmp_path / "train", {"a": 6, "b": 6}, seed=1)
    many_shapes(tmp_path / "test", {"a": 4, "b": 4}, seed=2)
    shutil.copy(tmp_path / "test/a/00.png", tmp_path / "train/a/same.png")
    with Image.open(tmp_path / "test/b/01.png") as picture:
        picture.save(tmp_path / "train/b/near.jpg", quality=70)
    shutil.copy(tmp_path / "test/b/02.png", tmp_path / "train/a/conflict.png")
    report = scan_folder(tmp_path)
    assert {(file.path, file.reason) for file in report.left_out} == {
        ("train/a/same.png", "leak"),
        ("train/b/near.jpg", "leak"),
        ("train/a/conflict.png", "conflict"),
        ("test/b/02.png", "conflict"),
    }
    dataset = load_dataset(str(tmp_path))
    assert (len(dataset.train), len(dataset.test)) == (12, 7)


def test_burst_of_one_scene_is_one_picture_to_the_minimum(tmp_path: Path) -> None:
    folder = many_shapes(tmp_path / "mugs", {"blue": 5, "red": 1})
    with Image.open(folder / "red" / "00.png") as picture:
        for quality in (50, 60, 70, 80):
            picture.save(folder / "red" / f"{quality}.jpg", quality=quality)
    message = r"red: expected at least 3 readable, distinct pictures, got 1 \(5 with near copies\)"
    with pytest.raises(UsageError, match=message):
        load_dataset(str(folder))
    assert scan_folder(folder).problem is not None


def test_alike_under_two_classes_stay_and_are_noted(tmp_path: Path) -> None:
    folder = many_shapes(tmp_path / "parts", {"bad": 5, "good": 25})
    with Image.open(folder / "bad" / "00.png") as picture:
        picture.save(folder / "good" / "same scene.jpg", quality=80)
    report = scan_folder(folder)
    notes = {note.kind: note for note in report.notes}
    assert notes["alike-across-classes"].paths == ("bad/00.png", "good/same scene.jpg")
    assert "bad (5)" in notes["small-class"].text
    assert "5 times" in notes["imbalance"].text
    assert not report.left_out


def test_what_lies_beside_the_classes_is_named(tmp_path: Path) -> None:
    many_shapes(tmp_path / "train", {"a": 4, "b": 4}, seed=1)
    many_shapes(tmp_path / "test", {"a": 2, "b": 2}, seed=2)
    (tmp_path / "val" / "a").mkdir(parents=True)
    (tmp_path / "loose.jpg").write_bytes(b"x")
    (tmp_path / "train" / "a" / "notes.txt").write_text("x")
    (tmp_path / "train" / "a" / ".hidden.png").write_bytes(b"x")
    (tmp_path / "train" / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    frames = [Image.new("RGB", (300, 70), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "train/b/film.gif", save_all=True, append_images=frames[1:])
    report = scan_folder(tmp_path)
    assert left_out(report, "unreadable") == {"train/a/gone.png"}
    notes = {note.kind: note.paths for note in report.notes}
    assert notes["outside"] == ("loose.jpg", "val/")
    assert notes["other-files"] == ("train/a/notes.txt",)
    assert notes["animated"] == notes["long-picture"] == ("train/b/film.gif",)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["train/a", "train/b"], "expected at least two class folders"),
        (["train/a", "val/a"], "train, val look like splits, not classes"),
        (["train/a", "train/b", "test/a", "test/c"], "must have the same class folders"),
        (["train/a", "test/a"], "expected at least two class folders"),
    ],
)
def test_layout_that_is_no_data_set_says_what_is_expected(
    tmp_path: Path, folders: list[str], message: str
) -> None:
    for name in folders:
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UsageError, match=message):
        scan_folder(tmp_path)


def test_empty_classes_are_too_few_and_no_crash(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
    assert "a: expected at least 3" in str(scan_folder(tmp_path).problem)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folder_without_permission_is_named(tmp_path: Path) -> None:
    folder = many_shapes(tmp_path / "photos", {"a": 4, "b": 4})
    (folder / "a" / "private").mkdir(mode=0)
    (report_line,) = scan_folder(folder).left_out
    assert (report_line.path, report_line.reason) == ("a/private", "unreadable")


def test_command_prints_the_report_and_exits_by_what_it_found(
    shapes: Shapes, tmp_path: Path, edgeproof: Edgeproof
) -> None:
    done = edgeproof("scan", shapes.folder)
    assert done.returncode == 1
    assert done.stderr == ""
    bad = [*shapes.made.unreadable, *shapes.made.unread_format]
    pairs = [*shapes.made.copies, *shapes.made.near, *shapes.made.conflicts]
    for path in [*bad, *chain.from_iterable(pairs)]:
        assert path in done.stdout
    assert f"Next: edgeproof train {shapes.folder}" in done.stdout

    clean = many_shapes(tmp_path / "clean", {"a": 20, "b": 20})
    out = tmp_path / "report.json"
    done = edgeproof("scan", clean, "--format", "json", "--out", out)
    assert (done.returncode, done.stdout) == (0, "")
    whole = json.loads(out.read_text())
    assert {row["path"] for row in whole["pictures"]} == {
        path.relative_to(clean).as_posix() for path in clean.rglob("*.png")
    }
    assert {row["used_for"] for row in whole["pictures"]} == {"train", "test"}

    few = many_shapes(tmp_path / "few", {"a": 20, "b": 2})
    done = edgeproof("scan", few)
    assert done.returncode == 2
    assert ["b", "2", "-", "-"] in [line.split() for line in done.stdout.splitlines()]
    assert "b: expected at least 3 readable, distinct pictures, got 2" in done.stderr


def test_ten_thousand_pictures_are_compared_in_little_memory() -> None:
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 256, (10_000, 8), np.uint8)
    thumbnails = rng.integers(0, 256, (10_000, 432), np.uint8)
    hashes[9_000], thumbnails[9_000] = hashes[10] ^ 1, thumbnails[10] ^ 7
    hashes[9_500], thumbnails[9_500] = hashes[20], 255 - thumbnails[20]
    groups = group_alike(hashes, thumbnails, np.ones(10_000))
    assert groups[9_000] == groups[10] == 10
    assert np.delete(groups, 9_000).tolist() == [i for i in range(10_000) if i != 9_000]


def test_enough_for_the_gate_is_what_its_policy_says() -> None:
    policy = parse_toml((ROOT / "export" / "gate.toml").read_text())
    assert policy["default"]["min_test_pictures"] == ENOUGH_TEST_PICTURES
