"""What a folder of photos becomes, and the limits it is judged by."""

from __future__ import annotations

from edge.contract import Input, Preprocess

SIDE = 64
"""Height and width in pixels that pictures of a folder are brought to."""
PHOTO = Input(SIDE, SIDE, "rgb", Preprocess("photo", (0.0,) * 3, (255.0,) * 3, fit="crop"))

TEST_FRACTION = 0.2
SPLIT_SEED = 1
MIN_PER_CLASS = 3
"""One scene each for training, validation and test."""
ENOUGH_TEST_PICTURES = 30
"""`min_test_pictures` of export/gate.toml's default, which training cannot read; a test holds
the two together."""

FEW_PER_CLASS = 20
"""Below it a class has fewer than four test pictures: its recall moves in steps of a quarter."""
IMBALANCE = 4
"""Largest class to smallest. At 4 to 1 in two classes, always saying the larger is 80 % right."""
LONG_ASPECT = 3
"""Long side to short side. The centre crop loses two thirds of such a picture."""
