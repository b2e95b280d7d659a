"""How many inputs a property is tried with, in the tests: EDGEPROOF_FUZZ_SCALE=20 takes longer."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SCALE = float(os.environ.get("EDGEPROOF_FUZZ_SCALE", "1"))


def examples(count: int) -> settings:
    """So many, times the scale. A slow machine is no failure, and folders may be used again."""
    return settings(
        max_examples=max(1, round(count * SCALE)), suppress_health_check=list(HealthCheck)
    )


MANY, SOME, FEW = examples(300), examples(100), examples(12)
"""Of what takes less than a millisecond; several; a child process or more."""
MUTANTS = max(1, round(1_500 * SCALE))
"""Of a target in `tests.fuzz.targets`, made by chance."""
