"""Small ICC profiles for the tests, built as ICC.1:2001-04 lays them out."""

from __future__ import annotations

import struct

COLORANTS = {
    "rXYZ": (0.4360, 0.2225, 0.0139),
    "gXYZ": (0.3851, 0.7169, 0.0971),
    "bXYZ": (0.1431, 0.0606, 0.7141),
}
"""sRGB's primaries, adapted to D50."""
D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(*, swapped: bool, gamma: float | None = 2.2) -> bytes:
    """sRGB's primaries, with red and blue swapped if asked for. gamma: none for sRGB's curve."""
    colors = dict(COLORANTS)
    if swapped:
        colors["rXYZ"], colors["bXYZ"] = colors["bXYZ"], colors["rXYZ"]
    tags = {name: _xyz(values) for name, values in colors.items()}
    curve = _srgb_curve() if gamma is None else _gamma(gamma)
    return _profile(b"RGB ", b"XYZ ", {**tags, "rTRC": curve, "gTRC": curve, "bTRC": curve})


def gray_profile(*, gamma: float) -> bytes:
    """Gray of one gamma; 1.0 is proportional to light."""
    return _profile(b"GRAY", b"XYZ ", {"kTRC": _gamma(gamma)})


def cmyk_profile(*, ink: tuple[float, float, float]) -> bytes:
    """Paper is white, black is black, and any other full ink has the colour `ink`, CIE L*a*b*."""
    white, black = (100.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    corners = [white] + [black if corner % 2 else ink for corner in range(1, 16)]  # of C, M, Y, K
    table = b"".join(_lab8(corner) for corner in corners)
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    ramp = bytes(range(256))
    head = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    return _profile(b"CMYK", b"Lab ", {"A2B0": head + identity + ramp * 4 + table + ramp * 3})


def _lab8(lab: tuple[float, float, float]) -> bytes:
    return bytes([round(lab[0] * 2.55), round(lab[1] + 128), round(lab[2] + 128)])


def _srgb_curve() -> bytes:
    levels = []
    for i in range(1024):
        v = i / 1023
        levels.append(round(65535 * (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)))
    return b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *levels)


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _profile(space: bytes, connection: bytes, tags: dict[str, bytes]) -> bytes:
    device = b"prtr" if space == b"CMYK" else b"mntr"
    tags = {"wtpt": _xyz(D50), **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += name.encode() + struct.pack(">II", start + len(body), len(content))
        body += padded
    head = struct.pack(">I4sI", start + len(body), b"\0\0\0\0", 0x02400000)
    head += device + space + connection + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp"
    head += bytes(28) + struct.pack(">3i", *(round(value * 65536) for value in D50))
    return head.ljust(128, b"\0") + table + body
