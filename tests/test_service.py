"""The systemd service: its unit as systemd reads it, its arguments, and what it tells systemd."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from edge.errors import UsageError
from edge.notify import Notifier
from edge.service.access import Account, obstacle
from edge.service.arguments import ServiceArguments, service_arguments
from edge.service.install import install_steps, warnings
from edge.service.quoting import quote_word
from edge.service.reach import Service, describe, find_services, stores_of
from edge.service.unit import Unit, unit_text
from edge.store.place import SYSTEM, state_file
from tests.conftest import Edgeproof

STRANGER = Account(-1, frozenset())


def unit_of(*words: str, writable: tuple[Path, ...] = ()) -> Unit:
    return Unit("edgeproof", "edgeproof", (sys.executable, "-m", "edge", *words), writable)


@pytest.fixture
def analyze() -> str:
    """systemd-analyze, or a loud reason why nothing is proven here."""
    program = shutil.which("systemd-analyze")
    if program is None:
        reason = "NOT PROVEN: the unit, for want of systemd-analyze (apt install systemd)"
        if "systemd" in os.environ.get("EDGEPROOF_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    return program


@click.command()
@click.argument("source", required=False)
@click.option("--model", default="digits")
@click.option("--record-uncertain", type=click.Path(path_type=Path))
@click.option("--live", is_flag=False, flag_value="127.0.0.1:8080")
@click.option("--frames", type=click.IntRange(min=1))
@click.option("--all-frames", is_flag=True)
def camera(**_: object) -> None:
    """Stands for `edgeproof camera`."""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A current folder that a service would see, although tests have theirs in /tmp."""
    monkeypatch.setattr("edge.service.arguments.UNSEEN", (str(tmp_path / "unseen"),))
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that anybody may enter: those of pytest are closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


# ---- the unit ------------------------------------------------------------------------------------


def test_unit_is_accepted_by_systemd_without_a_word(tmp_path: Path, analyze: str) -> None:
    file = tmp_path / "edgeproof.service"
    words = ("a b", "50%", "$HOME", 'quo"te', "back\\slash", "ü", ";", "", "--live")
    file.write_text(unit_text(unit_of("camera", *words, writable=(Path("/srv/a b/50%"),))))
    done = subprocess.run([analyze, "verify", file], capture_output=True, text=True, check=False)
    about_ours = [line for line in done.stderr.splitlines() if "edgeproof" in line]
    assert (done.returncode, about_ours) == (0, [])


def test_unit_scores_as_confined(tmp_path: Path, analyze: str) -> None:
    file = tmp_path / "edgeproof.service"
    file.write_text(unit_text(unit_of("camera")))
    command = [analyze, "security", "--offline=true", "--threshold=20", "--no-pager", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]  # an exposure of 2.0 of 10 at most


def setting(text: str, name: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{name}=")]


def test_unit_restarts_for_ever_and_not_for_a_mistyped_argument() -> None:
    text = unit_text(unit_of("camera"))
    assert setting(text, "Restart") == ["always"]
    assert setting(text, "StartLimitIntervalSec") == ["0"]
    assert setting(text, "RestartPreventExitStatus") == ["2"]


def test_unit_lets_the_service_write_outside_of_its_state_folder_only_where_told() -> None:
    folders = (Path("/var/lib/edgeproof/unsure"), Path("/srv/a b"))
    assert setting(unit_text(unit_of(writable=folders)), "ReadWritePaths") == ['"-/srv/a b"']
    assert setting(unit_text(unit_of()), "ReadWritePaths") == []


def test_unit_spares_the_shared_memory_of_a_login() -> None:
    login = Unit("edgeproof", "pi", ("/usr/bin/python3",), owns_user=False)
    assert setting(unit_text(login), "RemoveIPC") == ["no"]
    assert setting(unit_text(unit_of()), "RemoveIPC") == ["yes"]


def test_unit_has_folders_of_its_own_that_others_cannot_read() -> None:
    text = unit_text(Unit("cam", "cam", ("/usr/bin/python3",)))
    for kind in ("State", "Cache"):
        assert setting(text, f"{kind}Directory") == ["cam"]
        assert setting(text, f"{kind}DirectoryMode") == ["0750"]


def test_unit_names_a_store_only_where_one_is_stated() -> None:
    assert "EDGEPROOF_STORE" not in unit_text(unit_of())
    stated = Unit("cam", "cam", ("/usr/bin/python3",), store=Path("/srv/a b"))
    assert '"EDGEPROOF_STORE=/srv/a b"' in setting(unit_text(stated), "Environment")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--live=0.0.0.0:8080", "--live=0.0.0.0:8080"),
        ("a b", '"a b"'),
        ("50%", '"50%%"'),
        ("$HOME", '"$HOME"'),  # `:` before the program keeps it from being replaced
        ('"', '"\\""'),
        ("\\", '"\\\\"'),
        ("'", '"\'"'),
        (";", '";"'),
        ("", '""'),
    ],
)
def test_word_is_quoted_for_systemd(word: str, expected: str) -> None:
    assert quote_word(word) == expected


@pytest.mark.parametrize("word", ["a\nExecStartPre=/bin/sh", "a\x00", "\udcff"])
def test_word_that_no_unit_can_hold_is_refused(word: str) -> None:
    with pytest.raises(UsageError):
        quote_word(word)


# ---- its arguments -------------------------------------------------------------------------------


def test_arguments_become_absolute(place: Path) -> None:
    (place / "my.tflite").touch()
    (place / "film.mp4").touch()
    words = [
        "film.mp4",
        "--model",
        "my.tflite",
        "--record-uncertain=unsure",
        "--live",
        "--frames=3",
    ]
    found = service_arguments(camera, words)
    assert found.words == (
        f"{place}/film.mp4",
        *("--model", f"{place}/my.tflite"),
        f"--record-uncertain={place}/unsure",
        "--live",
        "--frames=3",
    )
    assert found.read == (place / "film.mp4", place / "my.tflite")
    assert found.written == (place / "unsure",)


def test_option_without_its_value_does_not_take_the_next_one(place: Path) -> None:
    (place / "my.tflite").touch()
    found = service_arguments(camera, ["--live", "--model", "my.tflite"])
    assert found.words == ("--live", "--model", f"{place}/my.tflite")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("pi",),
        ("0",),
        ("/dev/video2", "--model", "fashion"),
        ("rtsp://camera/stream?a=b", "--live", "--all-frames"),
        ("--live", "0.0.0.0:80", "http://camera/film.mp4"),
    ],
)
def test_names_and_addresses_stay_as_they_are(words: tuple[str, ...], place: Path) -> None:
    for name in ("0", "pi", "fashion"):
        (place / name).mkdir()
    assert service_arguments(camera, words) == ServiceArguments(words, (), ())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "none.tflite"), "there is no"),
        (("nothing.mp4",), "SOURCE: expected"),
        (("--record-uncertain", "../unseen/a"), "of its own; put it elsewhere"),
        (("--model=../unseen/a.tflite",), "of its own; put it elsewhere"),
    ],
)
def test_path_that_the_service_would_not_see_is_refused(
    words: tuple[str, ...], message: str, place: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        service_arguments(camera, words)


@pytest.mark.parametrize("folder", ["/tmp/unsure", "/var/tmp/unsure"])
def test_temporary_folder_is_not_the_service_s(folder: str) -> None:
    with pytest.raises(UsageError, match="put it elsewhere"):
        service_arguments(camera, ("--record-uncertain", folder))


@pytest.mark.parametrize("words", [("--nonsense",), ("--frames", "0"), ("a", "b")])
def test_arguments_that_the_camera_would_refuse_are_refused_now(words: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError):
        service_arguments(camera, words)


def test_closed_home_is_named(open_folder: Path) -> None:
    home = open_folder / "home"
    model = home / "models" / "my.tflite"
    model.parent.mkdir(parents=True)
    model.touch(0o644)
    assert obstacle(model, STRANGER) is None
    home.chmod(0o700)
    assert obstacle(model, STRANGER) == home
    link = open_folder / "link.tflite"
    link.symlink_to(model)
    assert obstacle(link, STRANGER) == home
    assert obstacle(model, Account(os.geteuid(), frozenset())) is None
    told = warnings(unit_of(), ServiceArguments((), (model,), ()), STRANGER)
    assert any(f"cannot read {model}" in line for line in told)


@pytest.mark.parametrize(
    ("mode", "account", "is_free"),
    [
        (0o644, STRANGER, True),
        (0o640, STRANGER, False),
        (0o640, Account(-1, frozenset({os.getegid()})), True),
        (0o604, Account(-1, frozenset({os.getegid()})), False),  # the group's bits, not others'
    ],
)
def test_file_is_read_by_whom_its_mode_lets(
    mode: int, account: Account, is_free: bool, open_folder: Path
) -> None:
    model = open_folder / "my.tflite"
    model.touch()
    model.chmod(mode)
    assert obstacle(model, account) == (None if is_free else model)


def test_password_in_an_address_is_warned_of() -> None:
    told = ServiceArguments(("rtsp://user:secret@camera/1",), (), ())
    found = [
        line for line in warnings(unit_of(), told, Account(0, frozenset())) if "secret" in line
    ]
    assert found == []
    assert any("password" in line for line in warnings(unit_of(), told, Account(0, frozenset())))
    option = ServiceArguments(("--mqtt=mqtt://user:secret@broker?a=b",), (), ())
    assert any("password" in line for line in warnings(unit_of(), option, Account(0, frozenset())))
    plain = ServiceArguments(("rtsp://camera/1", "--live=0.0.0.0:80"), (), ())
    assert not any("password" in x for x in warnings(unit_of(), plain, Account(0, frozenset())))


def test_installed_name_stays_where_the_service_looks_there(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = place / "store"
    state_file(store, "door").parent.mkdir(parents=True)
    state_file(store, "door").touch()
    words = ("--model", "door")
    assert service_arguments(camera, words, (store,)).words == words
    monkeypatch.setenv("EDGEPROOF_STORE", str(store))
    with pytest.raises(UsageError, match="'door' is installed for you, and the service looks in"):
        service_arguments(camera, words, (SYSTEM,))


# ---- what is installed for it --------------------------------------------------------------------


def test_store_of_a_service_is_its_users_and_root_s() -> None:
    assert stores_of("no-such-user") == stores_of("root") == (SYSTEM,)
    assert stores_of("no-such-user", "/srv/store") == (Path("/srv/store"),)
    home = Path(pwd.getpwuid(1).pw_dir)
    user = pwd.getpwuid(1).pw_name
    assert stores_of(user) == (home / ".local/share/edgeproof/store", SYSTEM)


def test_camera_services_are_found_by_their_units(tmp_path: Path) -> None:
    assert find_services(tmp_path / "none") == []
    python = ("/usr/bin/python3", "-m", "edge", "camera")
    units = [
        Unit("a", "no-such-user", python),
        Unit("b", "no-such-user", (*python, "50% off", "--model", "front door")),
        Unit("c", "no-such-user", (*python, "--model=my.tflite"), store=Path("/srv/a b%")),
    ]
    for unit in units:
        (tmp_path / f"{unit.name}.service").write_text(unit_text(unit))
    (tmp_path / "other.service").write_text("[Service]\nExecStart=/bin/sh -c 'camera\n")
    assert find_services(tmp_path) == [
        Service("a", "no-such-user", "digits", (SYSTEM,)),
        Service("b", "no-such-user", "front door", (SYSTEM,)),
        Service("c", "no-such-user", "my.tflite", (Path("/srv/a b%"),)),
    ]


def test_user_is_told_whether_an_install_reaches_a_service(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    service = Service("cam", "pi", "digits", (own, SYSTEM))
    state_file(own, "digits").parent.mkdir(parents=True)
    assert describe(service, "digits", own) == "takes it within 2 seconds, if it runs"
    assert describe(service, "digits", SYSTEM) == "takes it within 2 seconds, if it runs"
    assert "runs 'digits', which this does not change" in describe(service, "door", own)
    assert f"does not look into {other}: sudo edgepr" in describe(service, "digits", other)
    state_file(own, "digits").touch()
    assert describe(service, "digits", SYSTEM) == f"has another one, in {own}"
    assert describe(service, "digits", own) == "takes it within 2 seconds, if it runs"


def test_steps_make_the_user_only_where_there_is_none() -> None:
    unit = unit_of(writable=(Path("/srv/a b"),))
    new = install_steps(unit, Path("edgeproof.service"), STRANGER, is_root=False)
    assert new[0].startswith("sudo useradd --system ")
    assert new[0].endswith(" edgeproof")
    assert new[1] == "sudo cp edgeproof.service /etc/systemd/system/edgeproof.service"
    assert new[2] == "sudo install -d -o edgeproof '/srv/a b'"
    old = install_steps(unit_of(), unit_of().path, Account(999, frozenset()), is_root=True)
    assert old[:3] == [
        "systemctl daemon-reload",
        "systemctl enable edgeproof",
        "systemctl restart edgeproof",
    ]
    script = "\n".join(new + old)
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0


def test_install_writes_the_unit_and_prints_what_to_run(edgeproof: Edgeproof, place: Path) -> None:
    file = place / "cam.service"
    done = edgeproof("service", "install", "--name", "cam", "--output", file, "--", "--live")
    assert done.returncode == 0, done.stderr
    command = setting(file.read_text(), "ExecStart")
    assert command == [f":{sys.executable} -m edge camera --live"]
    assert f"cp {file} /etc/systemd/system/cam.service" in done.stdout
    assert "systemctl enable cam" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--user", "root"),
        ("--user", "a b"),
        ("--name", "../x"),
        ("--", "--nonsense"),
        ("--", "--model", "no/such.tflite"),
    ],
)
def test_install_refuses_in_one_line_and_writes_nothing(
    edgeproof: Edgeproof, place: Path, arguments: tuple[str, ...]
) -> None:
    file = place / "cam.service"
    done = edgeproof("service", "install", "--output", file, *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not file.exists()


def test_uninstall_prints_the_way_back(edgeproof: Edgeproof) -> None:
    done = edgeproof("service", "uninstall", "--name", "cam")
    assert done.returncode == 0
    assert "systemctl disable --now cam" in done.stdout
    assert "rm -f /etc/systemd/system/cam.service" in done.stdout


# ---- what it tells systemd -----------------------------------------------------------------------


class Clock:
    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd's, and what NOTIFY_SOCKET says of it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@edgeproof-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1) if request.param == "abstract" else name)
        listener.settimeout(5)
        yield listener, name


def heard(listener: socket.socket) -> list[str]:
    """All that has come."""
    listener.setblocking(False)
    found = []
    while True:
        try:
            found.append(listener.recv(4096).decode())
        except BlockingIOError:
            return found


def test_notifier_speaks_systemd_s_protocol(systemd: tuple[socket.socket, str]) -> None:
    listener, name = systemd
    with Notifier({"NOTIFY_SOCKET": name}) as notifier:
        assert notifier.is_on
        notifier.ready()
        notifier.status("waiting for\n/dev/video0")
        before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        notifier.reloading()
        notifier.stopping()
        notifier.progress()  # no watchdog was asked for
    ready, status, reloading, stopping = heard(listener)
    assert (ready, status, stopping) == (
        "READY=1",
        "STATUS=waiting for /dev/video0",
        "STOPPING=1",
    )
    word, _, stamp = reloading.partition("\nMONOTONIC_USEC=")
    assert word == "RELOADING=1"
    assert before_us <= int(stamp) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_watchdog_is_fed_four_times_in_its_time_out(systemd: tuple[socket.socket, str]) -> None:
    listener, name = systemd
    clock = Clock()
    settings = {
        "NOTIFY_SOCKET": name,
        "WATCHDOG_USEC": "20000000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    with Notifier(settings, clock) as notifier:
        assert notifier.watchdog_s == 20
        for _ in range(30 * 20):
            notifier.progress()
            clock.now_s += 1 / 30
        assert heard(listener) == ["WATCHDOG=1"] * 4
        clock.now_s += 100  # nothing was done, nothing was told
        assert heard(listener) == []
        notifier.progress()
        assert heard(listener) == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "settings",
    [
        {"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"},  # another process's
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {},
    ],
)
def test_watchdog_of_nobody_is_not_fed(
    settings: dict[str, str], systemd: tuple[socket.socket, str]
) -> None:
    listener, name = systemd
    with Notifier({"NOTIFY_SOCKET": name, **settings}) as notifier:
        notifier.progress()
    assert heard(listener) == []


@pytest.mark.parametrize("name", [None, "", "relative", "vsock:2:1234", "/no/such/socket"])
def test_notifier_without_systemd_is_silent(name: str | None) -> None:
    settings = {"WATCHDOG_USEC": "1000"} | ({} if name is None else {"NOTIFY_SOCKET": name})
    with Notifier(settings) as notifier:
        notifier.ready()
        notifier.progress()
    notifier.stopping()


def test_full_or_gone_socket_never_holds_up_the_loop(systemd: tuple[socket.socket, str]) -> None:
    listener, name = systemd
    with Notifier({"NOTIFY_SOCKET": name}) as notifier:
        began_s = time.monotonic()
        for _ in range(5000):  # far more than a socket's buffer holds
            notifier.status("x" * 500)
            assert time.monotonic() - began_s < 5
        assert 0 < len(heard(listener)) < 5000
        listener.close()
        notifier.stopping()
