"""TOML on every supported Python: the standard library has it from 3.11 on."""

from __future__ import annotations

import sys
from typing import Any

from edge.strict import check_depth, finite

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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
