"""Garments on a ground: found in any light, alone and together, without the shadow they cast."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from edge.errors import NothingFound
from edge.preprocess.object import find_objects
from tests.drawing import shirt

Box = tuple[int, int, int, int]

SHIRT = (130, 60, 241, 191)
"""Of `shirt`: left, top, width and height of what is drawn."""
GROUNDS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "black-on-white": ((240, 240, 238), (40, 40, 44)),
    "gray-on-white": ((235, 235, 232), (150, 150, 152)),
    "red-on-blue": ((166, 202, 232), (176, 34, 42)),
    "white-on-brown": ((78, 56, 42), (235, 235, 230)),
    "silver-on-black": ((40, 40, 42), (170, 170, 174)),
}
"""The ground's colour and the cloth's."""


def found(frame: NDArray[np.uint8]) -> Box:
    """Box of the one thing that is meant."""
    (region,) = find_objects(frame, 28, 28)
    assert region.box is not None
    return region.box


def apart(one: Box, other: Box) -> int:
    """Pixels by which the farthest edge of one box lies off the other's."""
    edges = [(x, y, x + width, y + height) for x, y, width, height in (one, other)]
    return max(abs(first - second) for first, second in zip(*edges, strict=True))


def lit(frame: NDArray[np.uint8], light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The frame under uneven light, float (H, W), with a sensor's noise."""
    seen = frame * light[:, :, np.newaxis]
    seen += np.random.default_rng(4).normal(0, 2, frame.shape)
    return seen.clip(0, 255).astype(np.uint8)


def slope(height: int = 300, width: int = 400) -> NDArray[np.float64]:
    """float (H, W): from 1 on the left to two fifths on the right."""
    return np.tile(np.linspace(1, 0.4, width), (height, 1))


def cast(ground: tuple[int, int, int], cloth: tuple[int, int, int], far: int, blur: float,
         left: float) -> NDArray[np.uint8]:  # fmt: skip
    """A shirt and its shadow `far` pixels right and down, in which `left` of the light is left."""
    own = shirt(ground, cloth)
    covered = Image.fromarray(shirt((0, 0, 0), (255, 255, 255))[:, :, 0])
    shifted = Image.new("L", covered.size)
    shifted.paste(covered, (far, far))
    shade = np.asarray(shifted.filter(ImageFilter.GaussianBlur(blur)), float) / 255
    dark = own * (1 - (1 - left) * shade)[:, :, np.newaxis]
    return np.where(np.asarray(covered)[:, :, np.newaxis] > 0, own, dark).astype(np.uint8)


def wardrobe() -> tuple[NDArray[np.uint8], list[Box]]:
    """uint8 (400, 640, 3): a black coat, a pale shirt and a red bag on white, and a few specks."""
    picture = Image.new("RGB", (640, 400), (236, 236, 230))
    pen = ImageDraw.Draw(picture)
    boxes: list[Box] = [(40, 60, 140, 260), (260, 100, 150, 180), (480, 180, 110, 120)]
    for (x, y, width, height), cloth in zip(
        boxes, ((30, 30, 34), (190, 190, 188), (170, 40, 50)), strict=True
    ):
        pen.rectangle((x, y, x + width - 1, y + height - 1), cloth)
    for x, y in ((220, 30), (450, 60), (440, 360)):
        pen.rectangle((x, y, x + 5, y + 5), (40, 40, 40))
    return np.asarray(picture), boxes


@pytest.mark.parametrize(("ground", "cloth"), GROUNDS.values(), ids=GROUNDS)
def test_garment_is_found_on_a_slope_of_light(
    ground: tuple[int, int, int], cloth: tuple[int, int, int]
) -> None:
    assert apart(found(lit(shirt(ground, cloth), slope())), SHIRT) <= 6


@pytest.mark.parametrize(("ground", "cloth"), GROUNDS.values(), ids=GROUNDS)
def test_slope_of_light_leaves_the_cloth_as_it_is(
    ground: tuple[int, int, int], cloth: tuple[int, int, int]
) -> None:
    (region,) = find_objects(lit(shirt(ground, cloth), slope()), 28, 28)
    body = region.pixels[10:22, 9:19, 0].astype(int)
    assert body.min() > 150
    assert abs(int(body[:, :3].mean()) - int(body[:, -3:].mean())) < 40
    assert region.pixels[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0


@pytest.mark.parametrize("blur", [0.5, 5.0], ids=["hard", "soft"])
@pytest.mark.parametrize(
    ("ground", "cloth"),
    [GROUNDS["black-on-white"], GROUNDS["red-on-blue"], GROUNDS["white-on-brown"]],
    ids=["black-on-white", "red-on-blue", "white-on-brown"],
)
def test_cast_shadow_is_no_part_of_the_garment(
    ground: tuple[int, int, int], cloth: tuple[int, int, int], blur: float
) -> None:
    frame = cast(ground, cloth, far=16, blur=blur, left=0.55)
    assert apart(found(lit(frame, np.ones((300, 400)))), SHIRT) <= 7


def test_pale_sleeve_is_part_of_a_gray_garment() -> None:
    frame = shirt((240, 240, 240), (60, 60, 60)).copy()
    sleeve = np.zeros(frame.shape[:2], bool)
    sleeve[:, 330:] = True
    frame[sleeve & (frame[:, :, 0] < 100)] = 175
    assert apart(found(frame), SHIRT) <= 5


@pytest.mark.parametrize("edge", [0.5, 4.0], ids=["hard", "soft"])
def test_shadow_across_the_ground_is_no_part_of_the_garment(edge: float) -> None:
    shade = Image.new("L", (400, 300), 255)
    ImageDraw.Draw(shade).polygon([(0, 0), (280, 0), (160, 300), (0, 300)], fill=130)
    light = np.asarray(shade.filter(ImageFilter.GaussianBlur(edge)), float) / 255
    assert apart(found(lit(shirt((225, 225, 220), (150, 40, 50)), light)), SHIRT) <= 6


def test_black_gap_of_a_handle_stays_black() -> None:
    picture = Image.new("RGB", (400, 300), (230, 228, 220))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((130, 40, 270, 240), outline=(90, 40, 30), width=16)
    pen.rectangle((100, 140, 300, 260), (90, 40, 30))
    (region,) = find_objects(np.asarray(picture), 28, 28)
    rows, _ = np.nonzero(region.pixels[:, :, 0] > 100)
    assert (rows.min(), rows.max()) == (0, 27)
    assert region.pixels[6, 14] < 20
    assert region.pixels[20, 14] > 200


def test_tilted_garment_stands_upright() -> None:
    frame = Image.fromarray(shirt((235, 235, 230), (50, 60, 120)))
    straight = find_objects(np.asarray(frame), 28, 28)[0].pixels.astype(int)
    turned = frame.rotate(10, Image.Resampling.BICUBIC, fillcolor=(235, 235, 230))
    tilted = find_objects(np.asarray(turned), 28, 28)[0].pixels.astype(int)
    assert np.abs(tilted - straight).mean() < 8


def test_each_of_several_garments_is_found_once_and_no_speck() -> None:
    frame, boxes = wardrobe()
    regions = find_objects(lit(frame, slope(400, 640)), 28, 28, many=True)
    seen = sorted(region.box for region in regions if region.box)
    assert len(seen) == len(regions) == len(boxes)
    assert max(apart(one, other) for one, other in zip(seen, boxes, strict=True)) <= 8


def _empty() -> dict[str, NDArray[np.uint8]]:
    rng = np.random.default_rng(5)
    plain = np.full((480, 640, 3), 215, np.uint8)
    speck = plain.copy()
    speck[200:210, 300:310] = 20
    blob = Image.new("L", (640, 480), 220)
    ImageDraw.Draw(blob).ellipse((200, 150, 400, 330), fill=130)
    soft = np.asarray(blob.filter(ImageFilter.GaussianBlur(25)))
    grain = Image.fromarray(rng.normal(0, 1, (60, 80)).astype(np.float32))
    texture = 200 * (1 + 0.04 * np.asarray(grain.resize((640, 480), Image.Resampling.BICUBIC)))
    return {
        "plain": plain,
        "slope": lit(plain, slope(480, 640)),
        "half in shadow": lit(plain, np.where(np.indices((480, 640)).sum(0) > 500, 1.0, 0.5)),
        "soft shadow": lit(np.repeat(soft[:, :, np.newaxis], 3, axis=2), np.ones((480, 640))),
        "noise": rng.normal(130, 20, (480, 640, 3)).clip(0, 255).astype(np.uint8),
        "noise in the dark": rng.normal(12, 8, (480, 640, 3)).clip(0, 255).astype(np.uint8),
        "texture": texture.astype(np.uint8),
        "speck": speck,
        "one row": np.full((1, 400), 90, np.uint8),
    }


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("name", _empty())
def test_empty_ground_holds_nothing(name: str, many: bool) -> None:
    with pytest.raises(NothingFound):
        find_objects(_empty()[name], 28, 28, many)


@pytest.mark.parametrize("side", [8, 27, 29, 640])
def test_frame_of_noise_is_nothing_or_a_box_within_it(side: int) -> None:
    rng = np.random.default_rng(6)
    for _ in range(5):
        frame = rng.integers(0, 256, (side, side + 1, 3), dtype=np.uint8)
        try:
            x, y, width, height = found(frame)
        except NothingFound:
            continue
        assert min(x, y) >= 0
        assert x + width <= side + 1
        assert y + height <= side
