"""What a drawn camera frame can be like: every condition, with its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PAPERS: Mapping[str, tuple[int, int, int]] = {
    "white": (246, 246, 243),
    "cream": (248, 238, 212),
    "yellow": (250, 226, 112),
    "pink": (245, 186, 196),
    "blue": (166, 202, 232),
    "green": (176, 216, 172),
    "gray": (172, 172, 170),
    "kraft": (186, 148, 104),
    "black": (40, 40, 42),
    "navy": (36, 48, 84),
    "board": (40, 66, 54),
    "brown": (78, 56, 42),
}
"""sRGB in full light. The last four are dark and are written on with something light."""
DARK_PAPERS = ("black", "navy", "board", "brown")
INKS: Mapping[str, tuple[int, int, int]] = {
    "black": (28, 28, 30),
    "blue": (34, 52, 142),
    "red": (176, 34, 42),
    "green": (24, 98, 62),
    "pencil": (92, 92, 96),
    "white": (244, 244, 240),
    "yellow": (244, 222, 120),
    "silver": (190, 192, 196),
}
"""sRGB where the pen covers the paper wholly. The last three are for dark paper."""
LIGHT_INKS = ("white", "yellow", "silver")
TABLES: Mapping[str, tuple[int, int, int]] = {
    "dark": (52, 48, 46),
    "wood": (132, 92, 58),
    "pine": (206, 168, 120),
    "gray": (120, 122, 124),
}
RULES: Mapping[str, tuple[int, int, int]] = {
    "blue": (130, 160, 205),
    "gray": (150, 150, 150),
    "red": (214, 130, 130),
    "white": (200, 205, 205),
}


@dataclass(frozen=True)
class Setting:
    """One frame's conditions. As it stands: a sheet of white paper in even light."""

    width: int = 640
    height: int = 480
    """Of the frame, in pixels."""
    size: float = 0.4
    """The longer side of a digit's ink over the frame's height. What does not fit is made to."""
    at: tuple[float, float] = (0.5, 0.5)
    """Where in the room that is left: 0 and 0 is as far left and up as the margin lets it."""
    paper: str = "white"
    """Of PAPERS."""
    ink: str = "black"
    """Of INKS."""
    contrast: float = 1.0
    """How much of the paper a stroke covers, 0 to 1."""
    grain: float = 0.0
    """How much of a stroke the paper's tooth leaves bare, 0 to 1: pencil and chalk."""
    pen: float | None = None
    """The stroke's width in digit sizes; none: as the digit was written (about 0.12)."""
    texture: float = 0.02
    """How much the paper's own brightness varies, as a fraction of it."""
    exposure: float = 220.0
    """Of the paper where it is brightest, in steps of 255."""
    gradient: float = 1.0
    """Brightest light over darkest light in the frame."""
    light_deg: float = 0.0
    """Whence the light comes: 0 from the right, 90 from below."""
    lamp: bool = False
    """A lamp's spot in place of an even slope."""
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """The light's colour as the camera's white balance leaves it: gains of R, G and B."""
    shadow: str = "none"
    """none, half (a half plane), corner, hand or blind (stripes)."""
    shadow_depth: float = 0.5
    """Share of the light that it takes, 0 to 1."""
    shadow_blur: float = 0.0
    """Width of the shadow's edge (sigma) over the frame's height."""
    shadow_deg: float = 0.0
    """Which way the shadow lies."""
    shadow_at: float = 0.5
    """Where its edge runs, across the frame from 0 to 1."""
    rules: str = "none"
    """none, lines or grid, printed on the paper; the digit stands on one."""
    rule_color: str = "blue"
    """Of RULES."""
    rule_pitch: float = 0.6
    """From line to line, in digit sizes."""
    rule_strength: float = 0.5
    """How much of the paper a line covers, 0 to 1."""
    page_edge: str = "none"
    """none, or the side of the frame at which the page ends: left, right, top or bottom. Where the
    digit leaves no room on that side, the side that has most; none when no side has."""
    table: str = "wood"
    """Of TABLES: what lies beyond the page's edge."""
    finger: bool = False
    """A finger reaches in from the border, as far as the digit leaves room."""
    tilt_deg: float = 0.0
    """The page is turned by this, clockwise."""
    perspective: float = 0.0
    """How much smaller the page is drawn for each frame height towards its far side."""
    perspective_deg: float = 90.0
    """Where the far side lies: 0 right, 90 down."""
    defocus: float = 0.0
    """Gaussian blur, sigma in digit sizes."""
    motion: float = 0.0
    """Length of the camera's jerk in digit sizes."""
    motion_deg: float = 0.0
    noise: float = 0.0
    """Sensor noise, sigma in steps of 255 in middle gray; more in the dark."""
    sharpen: float = 0.0
    """The camera's own sharpening, 0 to 1."""
    jpeg: int = 92
    """Quality; 0: not compressed."""
    gap: tuple[float, float] = (0.12, 0.4)
    """Paper between the ink of neighbours, in digit sizes, from and to; below 0: they touch."""
    jitter: float = 0.05
    """How much digits of one number differ in size, and in height above the line (sigma)."""
    lines: int = 1
    """Lines that the digits are written in."""

    @property
    def light_on_dark(self) -> bool:
        return self.ink in LIGHT_INKS
