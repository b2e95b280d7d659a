"""How many pictures of each kind are measured."""

PICTURES = 2000
"""PNG files of 28x28 in one folder."""
PHOTOS = 200
"""JPEG files of 1280x720 in one folder."""
FILM_FRAMES = 900
"""Frames of 1280x720: half a minute."""
CALLS = 2000
"""Frames of 28x28 whose calls are timed within one process."""
FRAMES = 10_000
"""Frames of 28x28 whose labels are compared."""
