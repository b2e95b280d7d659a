"""TOML, with numbers alone for numbers."""

from __future__ import annotations

import tomllib
from typing import Any

from edge.strict import check_depth, finite


def parse_toml(text: str) -> dict[str, Any]:
    """Parses TOML.

    Raises:
        ValueError: not TOML, or not with numbers: says the line. `nan` and `inf` are none: a limit
            of `nan` lets everything pass, as no comparison with it holds.
    """
    try:
        table = tomllib.loads(text, parse_float=finite)
    except RecursionError:
        raise ValueError("tables and lists lie too deep within each other") from None
    check_depth(table)
    return table
