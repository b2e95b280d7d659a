"""Installed models: what a name stands for, who takes its place, and the way back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.bundle import parse_bundle, read_bundle, seal_of, write_bundle
from edge.cameras.camera import Spec
from edge.cli import run
from edge.errors import EnvironmentFault, ModelError
from edge.store import place
from edge.store.install import install
from edge.store.lock import locked
from edge.store.place import find_state, is_name, state_file, store_folder, stores
from edge.store.state import KEPT, read_state
from edge.store.switch import LOOK_EVERY_S, Switch
from edge.watch.run import load_for
from edge.zoo import find_model, shipped_models
from tests.conftest import Edgeproof
from tests.films import moving_digit, write_film
from tests.kills import make_versions, seal
from tests.mjpeg import wait_until
from tests.running import Camera

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Bundles named `digits`, each with a seal of its own."""
    return make_versions(tmp_path_factory.mktemp("versions"), 6)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one."""
    monkeypatch.setenv("EDGEPROOF_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


def silent(_: str) -> None:
    """Nobody listens."""


def in_use(name: str = "digits") -> str:
    """The seal of what a name stands for, checked."""
    data = find_model(name).read_bytes()
    parse_bundle(data, name)
    return seal_of(data)


def content(store: Path, name: str = "digits") -> set[str]:
    """What is in a model's folder: seals, and the names of all else."""
    return {path.name.removesuffix(".tflite") for path in (store / "models" / name).iterdir()}


def renamed(path: Path, name: str) -> Path:
    """The shipped `digits` under another name."""
    bundle = read_bundle(shipped_models()["digits"])
    target = path / "renamed.tflite"
    write_bundle(
        target, replace(bundle, contract=replace(bundle.contract, name=name), proof_json=None)
    )
    return target


def rot(path: Path) -> None:
    """One bit of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


# ---- install -------------------------------------------------------------------------------------


def test_installed_model_takes_the_shipped_one_s_name(
    store: Path, versions: list[Path], capsys: Capture
) -> None:
    assert run(["install", str(versions[0])]) == 0
    told = capsys.readouterr().out
    assert f"installed  digits int8, seal {seal(versions[0])[:12]}" in told
    assert "before     the shipped one; back to it: edgeproof rollback digits" in told
    assert "32 golden frames identical" in told
    assert in_use() == seal(versions[0])
    assert run(["models", "--json"]) == 0
    rows = {row["model"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert (rows["digits"]["from"], rows["fashion"]["from"]) == ("installed", "shipped")
    assert run(["info", "digits"]) == 0
    assert f"digits int8, installed, {store}" in capsys.readouterr().out


def test_install_says_for_machines_what_it_did(
    store: Path, versions: list[Path], capsys: Capture
) -> None:
    for number, before in [(0, None), (1, seal(versions[0]))]:
        assert run(["install", str(versions[number]), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["seal"], told["before"]) == (seal(versions[number]), before)
        assert (told["model"], told["changed"], told["version"]) == ("digits", True, None)
        assert Path(told["path"]).read_bytes() == versions[number].read_bytes()


def test_what_is_in_use_already_is_not_installed_again(
    store: Path, versions: list[Path], capsys: Capture
) -> None:
    install(versions[0], silent)
    before = state_file(store, "digits").stat()
    (store / "models/digits/.half.tflite").touch()
    assert run(["install", str(versions[0])]) == 0
    assert capsys.readouterr().out.startswith("unchanged  digits int8, seal ")
    assert state_file(store, "digits").stat() == before
    assert content(store) == {"state.json", seal(versions[0])}


def test_a_few_models_before_stay_and_no_more(store: Path, versions: list[Path]) -> None:
    for path in versions:
        install(path, silent)
    newest_first = [seal(path) for path in reversed(versions)]
    state = read_state(state_file(store, "digits"))
    assert (state.current, *state.before) == tuple(newest_first[: KEPT + 1])
    assert content(store) == {"state.json", *newest_first[: KEPT + 1]}


def test_a_model_that_comes_back_is_in_the_history_once(store: Path, versions: list[Path]) -> None:
    for number in (0, 1, 2, 0):
        install(versions[number], silent)
    state = read_state(state_file(store, "digits"))
    assert (state.current, *state.before) == tuple(seal(versions[n]) for n in (0, 2, 1))


def test_model_of_a_new_name_is_found_by_it(store: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(["install", str(renamed(tmp_path, "front-door"))]) == 0
    assert "before     none" in capsys.readouterr().out
    assert find_model("front-door").is_relative_to(store)
    assert run(["models"]) == 0
    assert "front-door    int8" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["-x", "x.tflite"])
def test_name_that_is_an_option_or_a_path_is_refused(
    store: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ModelError, match="cannot be a folder's"):
        install(renamed(tmp_path, name), silent)
    assert not store.exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", ".hidden", "-x", "x.tflite", "a\nb", "a ", "a" * 101]
)
def test_name_that_no_folder_can_have_is_none(name: str) -> None:
    assert not is_name(name)  # `Contract` refuses most of them before


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _without_golden(path: Path) -> None:
    write_bundle(path, replace(read_bundle(path), golden=None))


def _wrong(path: Path) -> None:
    bundle = read_bundle(path)
    assert bundle.golden is not None
    outputs = {name: output[::-1] for name, output in bundle.golden.outputs.items()}
    write_bundle(path, replace(bundle, golden=replace(bundle.golden, outputs=outputs)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "ends without them"),
        (rot, "copy the file again"),
        (_wrong, "computes wrongly here"),
        (_without_golden, "carries no golden frames"),
        (Path.unlink, "No such file"),
        (lambda path: (path.unlink(), path.mkdir()), "expected a .tflite file, got a folder"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_model_that_must_not_be_used_changes_nothing(
    store: Path,
    versions: list[Path],
    tmp_path: Path,
    capsys: Capture,
    damage: Callable[[Path], object],
    message: str,
    is_first: bool,
) -> None:
    if not is_first:
        install(versions[0], silent)
    before, model = in_use(), tmp_path / "model.tflite"
    model.write_bytes(versions[1].read_bytes())
    damage(model)
    assert run(["install", str(model)]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert in_use() == before
    if is_first:
        assert not (store / "models/digits").exists()
    else:
        assert content(store) == {"state.json", before}


@pytest.mark.parametrize(
    ("name", "is_file"), [("", True), ("models/digits", True), ("models/digits/state.json", False)]
)
def test_what_is_in_a_folder_s_or_a_file_s_place_is_named(
    store: Path, versions: list[Path], capsys: Capture, name: str, is_file: bool
) -> None:
    (store / name).parent.mkdir(parents=True, exist_ok=True)
    (store / name).touch() if is_file else (store / name).mkdir()
    assert run(["install", str(versions[0])]) == 4
    what = "a folder, got a file" if is_file else "a file, got a folder"
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"error: {store / name}: expected {what}: remove it; nothing was changed" in line


def test_shipped_name_needs_no_install(store: Path, capsys: Capture) -> None:
    assert run(["install", "digits"]) == 4
    assert "edgeproof rollback digits" in capsys.readouterr().err


def test_device_is_no_model(store: Path, capsys: Capture) -> None:
    assert run(["install", "/dev/zero"]) == 4
    assert "got a folder or a device" in capsys.readouterr().err


# ---- what the card did to it ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\0" * 200),
        lambda path: path.write_bytes(path.read_bytes()[:40]),
        lambda path: path.write_text('{"current": "../../x"}'),
        lambda path: path.write_text('{"current": "' + "0" * 64 + '", "before": ["/etc/x"]}'),
        lambda path: path.write_text("[" * 9000),
        lambda path: path.write_text(path.read_text().replace('"schema": 1', '"schema": 2')),
    ],
)
def test_damaged_state_is_told_and_mended_by_an_install(
    store: Path, versions: list[Path], capsys: Capture, damage: Callable[[Path], object]
) -> None:
    install(versions[0], silent)
    damage(state_file(store, "digits"))
    for command in (["verify", "digits"], ["info", "digits"], ["rollback"], ["models"]):
        assert run(command) == 4
        (line,) = capsys.readouterr().err.splitlines()
        assert "install it again: edgeproof install MODEL" in line
    assert run(["install", str(versions[1])]) == 0
    assert "state.json is damaged" in capsys.readouterr().err
    assert in_use() == seal(versions[1])
    assert content(store) == {"state.json", seal(versions[1])}


def test_damage_is_never_answered_with_the_shipped_model(
    store: Path, versions: list[Path], edgeproof: Edgeproof, tmp_path: Path
) -> None:
    picture = tmp_path / "black.png"
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(picture)
    install(versions[0], silent)
    installed = find_model("digits")
    damages: list[Callable[[Path], None]] = [rot, Path.unlink]
    for damage in damages:
        assert edgeproof("classify", picture).returncode == 0
        damage(installed)
        done = edgeproof("classify", picture)
        assert (done.returncode, len(done.stderr.splitlines())) == (4, 1), done.stderr
        install(versions[0], silent)
        assert in_use() == seal(versions[0])


def test_store_that_cannot_be_looked_at_is_not_passed_over(store: Path) -> None:
    (store / "models").mkdir(parents=True)
    (store / "models/digits").symlink_to("digits")  # for ever
    with pytest.raises(ModelError, match="cannot be read"):
        find_model("digits")
    assert find_model("fashion") == shipped_models()["fashion"]


# ---- rollback ------------------------------------------------------------------------------------


def test_rollback_goes_back_one_by_one_and_then_to_the_shipped_one(
    store: Path, versions: list[Path], capsys: Capture
) -> None:
    shipped = in_use()
    for path in versions[:3]:
        install(path, silent)
    for expected in (seal(versions[1]), seal(versions[0]), shipped):
        left = in_use()
        assert run(["rollback", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["seal"], told["left"]) == (expected, left)
        assert in_use() == expected
    assert run(["rollback", "digits"]) == 2
    assert "'digits' is not installed" in capsys.readouterr().err


def test_rollback_keeps_what_a_reader_may_just_be_opening(
    store: Path, versions: list[Path]
) -> None:
    install(versions[0], silent)
    install(versions[1], silent)
    path = find_model("digits")
    assert run(["rollback"]) == 0
    assert path.exists()
    install(versions[2], silent)
    assert content(store) == {"state.json", seal(versions[0]), seal(versions[2])}


def test_rollback_passes_over_what_the_card_damaged(
    store: Path, versions: list[Path], capsys: Capture
) -> None:
    for path in versions[:3]:
        install(path, silent)
    rot(store / "models/digits" / f"{seal(versions[1])}.tflite")
    assert run(["rollback"]) == 0
    assert "passed over: " in capsys.readouterr().err
    assert in_use() == seal(versions[0])


def test_rollback_passes_over_a_bundle_in_another_s_place(
    store: Path, versions: list[Path]
) -> None:
    for path in versions[:3]:
        install(path, silent)
    place = store / "models/digits" / f"{seal(versions[1])}.tflite"
    place.write_bytes(versions[4].read_bytes())
    assert run(["rollback"]) == 0
    assert in_use() == seal(versions[0])


def test_rollback_without_anything_before_changes_nothing(
    store: Path, tmp_path: Path, capsys: Capture
) -> None:
    install(renamed(tmp_path, "door"), silent)
    before = in_use("door")
    assert run(["rollback"]) == 4
    assert "what is installed stays in use" in capsys.readouterr().err
    assert in_use("door") == before


def test_rollback_asks_which_one_where_there_are_several(
    store: Path, versions: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    assert run(["rollback"]) == 2
    assert "nothing is installed" in capsys.readouterr().err
    install(versions[0], silent)
    install(renamed(tmp_path, "door"), silent)
    assert run(["rollback"]) == 2
    assert "there are digits, door" in capsys.readouterr().err


# ---- several stores ------------------------------------------------------------------------------


@pytest.fixture
def two_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A user's and root's."""
    monkeypatch.delenv("EDGEPROOF_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(place, "SYSTEM", tmp_path / "system")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return tmp_path / "data/edgeproof/store", tmp_path / "system"


def test_users_own_model_comes_before_root_s(
    two_stores: tuple[Path, Path],
    versions: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    own, system = two_stores
    assert stores() == two_stores
    with monkeypatch.context() as as_root:
        as_root.setattr("os.geteuid", lambda: 0)
        assert store_folder() == system
        install(versions[0], silent)
    assert find_model("digits").is_relative_to(system)
    assert run(["rollback", "digits"]) == 2
    assert "sudo edgeproof rollback digits" in capsys.readouterr().err
    install(versions[1], silent)
    assert find_model("digits").is_relative_to(own)
    assert run(["rollback", "digits"]) == 0  # to what is left without it
    assert in_use() == seal(versions[0])


def test_root_s_models_can_be_read_by_others(
    store: Path, versions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    before = os.umask(0o077)
    try:
        assert run(["install", str(versions[0])]) == 0
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (store / "models").rglob("*")}
    assert modes == {0o755, 0o644}


# ---- at the same time ----------------------------------------------------------------------------


def test_installs_at_the_same_time_follow_each_other_and_readers_see_whole_models(
    store: Path, versions: list[Path]
) -> None:
    seals = {seal(path) for path in versions} | {in_use()}
    command = [sys.executable, "-m", "edge", "install"]
    processes = [subprocess.Popen([*command, str(path)], stdout=-3, stderr=-1) for path in versions]
    while any(process.poll() is None for process in processes):
        assert in_use() in seals
    assert [process.communicate()[1].count(b"error") for process in processes] == [0] * 6
    assert {process.returncode for process in processes} == {0}
    state = read_state(state_file(store, "digits"))
    assert len({state.current, *state.before}) == KEPT + 1
    assert content(store) == {"state.json", *state.seals}


def test_lock_of_a_dead_process_is_no_obstacle(store: Path, versions: list[Path]) -> None:
    script = (
        "import time; from edge.store.lock import locked; from edge.store.place import *\n"
        "with locked(store_folder(), print): print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        told: list[str] = []
        with (
            pytest.raises(EnvironmentFault, match="another install or rollback has been at work"),
            locked(store, told.append, wait_s=0.2),
        ):
            pass
        assert len(told) == 1
        assert "waiting for it" in told[0]
        waiting = threading.Thread(target=install, args=(versions[0], told.append))
        waiting.start()
        time.sleep(0.2)
        assert find_state("digits") is None
        holder.kill()
    waiting.join(10)
    assert in_use() == seal(versions[0])


# ---- a camera that runs --------------------------------------------------------------------------


def test_switch_is_told_once_for_each_change(store: Path, versions: list[Path]) -> None:
    now_s = [0.0]
    switch, never = (Switch(model, lambda: now_s[0]) for model in ("digits", "./digits.tflite"))

    def told() -> list[bool]:
        now_s[0] += LOOK_EVERY_S
        return [switch(), switch(), never()]

    assert told() == [False, False, False]
    for change in (
        lambda: install(versions[0], silent),
        lambda: install(versions[1], silent),
        lambda: run(["rollback"]),
        lambda: run(["rollback"]),  # to the shipped one
    ):
        change()
        assert switch() is False  # not yet time
        assert told() == [True, False, False]
        assert told() == [False, False, False]


def test_model_that_needs_larger_frames_waits_for_a_new_start() -> None:
    small, large = (Spec("folder", "x", "x", side=side) for side in (100, 1280))
    with pytest.raises(ModelError, match="of 1280 pixels, and this run decodes them at 100"):
        load_for(small, "digits", silent)
    load_for(large, "digits", silent).close()


def test_camera_takes_what_is_installed_and_stays_where_that_is_damaged(
    store: Path, versions: list[Path], tmp_path: Path
) -> None:
    film = write_film(tmp_path / "film.avi", moving_digit("7", 60))
    with Camera([str(film), "--loop"]) as camera:
        assert wait_until(lambda: camera.results >= 3, 20)
        install(versions[0], silent)
        assert wait_until(lambda: "model 'digits' was read again" in camera.told, 10)
        state = state_file(store, "digits")
        state.write_bytes(b"x")
        assert wait_until(lambda: "the model stays as it is" in camera.told, 10)
        before = camera.results
        time.sleep(2 * LOOK_EVERY_S + 0.5)
        assert camera.told.count("the model stays as it is") == 1
        assert camera.results > before
        install(versions[1], silent)
        assert wait_until(lambda: camera.told.count("was read again") == 2, 10)
        assert run(["rollback"]) == 0  # to the shipped one: the damage took the history
        assert wait_until(lambda: camera.told.count("was read again") == 3, 10)
        camera.end()
    assert {line["label"] for line in camera.lines if "label" in line} <= {"7", "unknown"}
