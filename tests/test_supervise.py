"""Watching over cameras: processes that hang, crash, lie, freeze, and cannot be killed."""

from __future__ import annotations

import gc
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.camera import Spec
from edge.cameras.capture import Capture
from edge.cameras.limits import Limits
from edge.cameras.opening import Likeness
from edge.cameras.status import Bad, Item, Seen, Status
from edge.cameras.supervise import Supervisor
from edge.errors import CameraError
from tests.films import moving_digit, to_jpeg, write_film
from tests.mjpeg import MjpegServer, Mood

QUICK = Limits(
    stall_s=0.8, open_s=3.0, frozen_s=0.5, kill_s=0.3, first_wait_s=0.01, longest_wait_s=0.05
)
LIVE = Spec("stream", "hangs", "scripted")


def scripted(spec: Spec) -> Capture:
    return Capture(spec, module="tests.scripted_child")


def items_of(camera: Supervisor, most_s: float = 20.0) -> Iterator[Item]:
    until_s = time.monotonic() + most_s
    for item in camera:
        if item is not None:
            yield item
        assert time.monotonic() < until_s, "the camera gave too little"


@pytest.mark.parametrize(
    ("word", "state", "message"),
    [
        ("hangs-at-start", "stalled", "not open after 3 s"),
        ("dies-at-start", "failed", "its process ended with 3"),
        ("hangs", "stalled", "no frame for 0.8 s"),
        ("crashes", "failed", "its process died of SIGSEGV"),
        ("ends", "ended", "gives no more frames"),
        ("garbage", "failed", "its process sent what is no message"),
        ("nonsense", "failed", "its process makes no sense"),
        ("too-large", "failed", "its process makes no sense"),
    ],
)
def test_a_process_that_misbehaves_is_told_and_replaced(
    word: str, state: str, message: str
) -> None:
    children: list[Capture] = []

    def open_capture(spec: Spec) -> Capture:
        children.append(scripted(spec))
        return children[-1]

    with Supervisor(replace(LIVE, address=word), QUICK, open_capture=open_capture) as camera:
        items = items_of(camera)
        ends = [
            item
            for item in itertools.takewhile(lambda _: len(children) < 3, items)
            if isinstance(item, Status) and item.state not in ("starting", "running")
        ]
        assert {(end.state, message in end.message) for end in ends} == {(state, True)}
        assert all("opening it again in" in end.message for end in ends)
        assert all(child.exit_code() is not None for child in children[:2])  # the old one is gone


def test_frames_of_any_size_are_whole() -> None:
    with Supervisor(replace(LIVE, address="resizes"), QUICK, open_capture=scripted) as camera:
        frames = []
        for item in items_of(camera):
            if isinstance(item, Seen):
                frames.append((item.frame.rgb.shape, int(item.frame.rgb.min())))
                assert item.frame.rgb.min() == item.frame.rgb.max()
            if isinstance(item, Status) and item.state == "ended":
                break
    small, large, tiny = (48, 64, 3), (480, 640, 3), (24, 32, 3)
    assert frames == list(zip([small] * 3 + [large] * 2 + [tiny] * 2, range(1, 8), strict=True))


def test_frames_lost_with_their_process_are_counted_as_dropped() -> None:
    with Supervisor(replace(LIVE, address="loses"), QUICK, open_capture=scripted) as camera:
        statuses, indices = [], []
        for item in items_of(camera):
            if isinstance(item, Seen):
                indices.append(item.frame.index)
            elif isinstance(item, Status):
                statuses.append(item)
            if len(indices) == 5:
                break
    assert [one.dropped for one in statuses if one.state == "failed"] == [5]
    assert indices == [0, 1, 2, 8, 9]  # three given, five lost, and on


class Immortal:
    """A process in a driver that does not return: it takes no signal."""

    def __init__(self, capture: Capture) -> None:
        self._child = capture.child
        self.is_released = False

    def kill(self) -> None:
        pass

    def poll(self) -> int | None:
        if self.is_released:
            self._child.kill()
        return self._child.poll() if self.is_released else None


def test_a_process_that_cannot_be_killed_is_wedged_until_the_kernel_lets_go() -> None:
    immortals: list[Immortal] = []

    def open_capture(spec: Spec) -> Capture:
        capture = scripted(spec)
        if not immortals:
            immortals.append(Immortal(capture))
            capture.child = immortals[0]
        return capture

    states, steps_when_wedged = [], []
    with Supervisor(LIVE, QUICK, open_capture=open_capture) as camera:
        until_s = time.monotonic() + 10
        for item in camera:
            assert time.monotonic() < until_s
            if isinstance(item, Status):
                states.append(item.state)
            if states and states[-1] == "wedged" and not immortals[0].is_released:
                steps_when_wedged.append(camera.steps)
                immortals[0].is_released = len(steps_when_wedged) > 3
            if states.count("running") == 2:
                break
    assert states == ["starting", "running", "stalled", "wedged", "starting", "running"]
    assert len(set(steps_when_wedged)) == 1  # so the watchdog is not fed


def test_what_can_never_be_opened_ends_the_run(tmp_path: Path) -> None:
    film = tmp_path / "film.avi"
    film.write_bytes(b"RIFF no film at all")
    with (
        Supervisor(Spec("film", str(film), "film.avi"), QUICK) as camera,
        pytest.raises(CameraError, match="expected a video") as error,
    ):
        list(items_of(camera))
    assert error.value.is_final


def test_a_device_that_is_not_plugged_in_is_waited_for_without_a_process(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    states: list[str] = []
    with Supervisor(
        Spec("v4l2", str(device), "/dev/video0"), replace(QUICK, look_s=0.02), open_capture=scripted
    ) as camera:
        for item in camera:
            if isinstance(item, Status):
                states.append(item.state)
            if camera.steps == 3:
                device.touch()
            if len(states) == 3:
                break
    assert states[:2] == ["waiting", "starting"]


def test_waits_between_openings_grow_to_a_bound_and_differ() -> None:
    limits = replace(QUICK, first_wait_s=0.01, longest_wait_s=0.08)
    with Supervisor(
        replace(LIVE, address="dies-at-start"), limits, open_capture=scripted
    ) as camera:
        waits = []
        for item in items_of(camera, 20):
            if isinstance(item, Status) and item.state == "failed":
                waits.append(camera._backoff_s())
            if len(waits) == 8:
                break
    assert max(waits) <= 0.08
    assert 0.04 <= min(waits[4:]) < max(waits[4:])
    assert max(waits[:1]) <= 0.02


@pytest.mark.parametrize(
    ("mood", "state", "message"),
    [
        ("stall", "stalled", "no frame for"),
        ("refuse", "ended", "gives no more frames"),
        ("end", "ended", "gives no more frames"),
        ("noise", "stalled", "no frame for"),
        ("frozen", "frozen", "the same picture for 0.5 s"),
        ("garbage", "failed", "only damaged frames for"),
    ],
)
def test_a_stream_that_goes_bad_is_noticed_and_comes_back(
    mood: Mood, state: str, message: str
) -> None:
    frames = [to_jpeg(frame) for frame in moving_digit("7", 20)]
    with MjpegServer(frames) as server:
        spec = Spec("http", server.url, "camera")
        with Supervisor(spec, QUICK) as camera:
            states: list[str] = []
            indices: list[int] = []
            dropped = 0
            end = None
            for item in items_of(camera, 20):
                dropped += item.dropped
                if isinstance(item, Status):
                    states.append(item.state)
                    if item.state not in ("starting", "running"):
                        end = end or item
                        server.mood = "good"
                else:
                    indices.append(item.index if isinstance(item, Bad) else item.frame.index)
                if len(indices) == 5 and end is None:
                    server.mood = mood
                if states.count("running") == 2:
                    break
    assert end is not None
    assert (end.state, message in end.message) == (state, True)
    assert indices == sorted(set(indices))
    assert dropped == indices[-1] + 1 - len(indices)  # each frame was given or dropped


def test_the_newest_frame_is_given_and_those_before_it_are_counted() -> None:
    frames = [to_jpeg(frame) for frame in moving_digit("7", 20)]
    with (
        MjpegServer(frames, rate=50) as server,
        Supervisor(Spec("http", server.url, "camera"), QUICK) as camera,
    ):
        seen = []
        for item in items_of(camera):
            if isinstance(item, Seen):
                seen.append((item.frame.index, item.dropped, time.monotonic() - item.taken_s))
                time.sleep(0.1)  # answers take five frames' time
            if len(seen) == 8:
                break
    indices = [index for index, _, _ in seen]
    gaps = [after - before for before, after in itertools.pairwise(indices)]
    assert [dropped for _, dropped, _ in seen[1:]] == [gap - 1 for gap in gaps]
    assert min(gaps) >= 2
    assert sorted(age_s for _, _, age_s in seen[1:])[3] < 0.05  # of two frames at most


def test_a_slow_answer_is_no_stall_of_the_camera() -> None:
    frames = [to_jpeg(frame) for frame in moving_digit("7", 20)]
    with (
        MjpegServer(frames) as server,
        Supervisor(Spec("http", server.url, "camera"), QUICK) as camera,
    ):
        states, count = [], 0
        for item in items_of(camera):
            if isinstance(item, Status):
                states.append(item.state)
            elif isinstance(item, Seen):
                count += 1
                time.sleep(1.5 * QUICK.stall_s)
            if count == 4:
                break
    assert states == ["starting", "running"]


def test_at_most_so_many_frames_a_second_are_taken(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.avi", moving_digit("7", 60), rate=60)
    spec = Spec("film", str(film), "film.avi")
    with Supervisor(spec, QUICK, fps=10) as camera:
        taken = [item.taken_s for item in items_of(camera) if isinstance(item, Seen)]
    assert 7 <= len(taken) <= 11


@pytest.mark.parametrize("loop", [False, True])
def test_a_film_drops_none_where_none_may_be_dropped(tmp_path: Path, loop: bool) -> None:
    film = write_film(tmp_path / "film.avi", moving_digit("7", 30))
    spec = Spec("film", str(film), "film.avi", all_frames=True, loop=loop)
    with Supervisor(spec, QUICK) as camera:
        seen = itertools.islice((i for i in items_of(camera) if isinstance(i, Seen)), 65)
        frames = [(item.frame.index, item.dropped, item.frame.source) for item in seen]
    assert len(frames) == (65 if loop else 30)
    assert [(index, dropped) for index, dropped, _ in frames] == [
        (n, 0) for n in range(len(frames))
    ]
    assert frames[29][2] == "film.avi#t=0.967"
    assert not loop or frames[30][2] == "film.avi#t=0.000"


def test_a_film_runs_at_its_own_speed_also_where_it_begins_again(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.avi", moving_digit("7", 5), rate=20)
    spec = Spec("film", str(film), "film.avi", loop=True)
    with Supervisor(spec, QUICK) as camera:
        seen = itertools.islice((i for i in items_of(camera) if isinstance(i, Seen)), 26)
        times = [item.taken_s for item in seen]
    assert times[-1] - times[0] == pytest.approx(25 / 20, abs=0.35)


def test_pixels_are_read_only_and_right() -> None:
    frame = moving_digit("7", 1)[0]
    with (
        MjpegServer([to_jpeg(frame)]) as server,
        Supervisor(Spec("http", server.url, "camera"), QUICK) as camera,
    ):
        for item in items_of(camera):
            if isinstance(item, Seen):
                assert not item.frame.rgb.flags.writeable
                difference = np.abs(item.frame.rgb.astype(int) - frame)
                assert difference.mean() < 4
                break


def test_likeness_is_of_the_whole_picture_for_a_while() -> None:
    likeness = Likeness(1.0)
    frame = np.zeros((64, 64, 3), np.uint8)
    for now_s in (0.0, 0.5, 0.9):
        likeness.look(frame, now_s)
    assert not likeness.is_frozen
    likeness.look(frame, 1.0)
    assert likeness.is_frozen
    frame[32, 5, 1] = 1
    likeness.look(frame, 1.1)
    assert not likeness.is_frozen


def test_no_descriptor_or_process_is_left_behind() -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    gc.collect()
    before = count()
    for word in ("ends", "crashes", "hangs"):
        with Supervisor(replace(LIVE, address=word), QUICK, open_capture=scripted) as camera:
            states = [i.state for i in itertools.islice(_statuses(camera), 7)]
            assert states.count("starting") >= 2
    gc.collect()
    assert count() <= before


def _statuses(camera: Supervisor) -> Iterator[Status]:
    return (item for item in items_of(camera, 20) if isinstance(item, Status))
