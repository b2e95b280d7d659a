"""JSON and TOML tables into frozen dataclasses: unknown keys, missing keys and wrong types refused.

Serves every file that a person or another machine may have edited: contract, proof, run,
recipe, policy. The dataclass is the schema; there is no second one.
"""

from __future__ import annotations

import json
import math
import types
from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

MAX_DEPTH = 32
"""Tables and lists within each other. Ours are 5 deep; what writes them again or shows them, as
Python's own JSON does, goes down by one call a level."""
MAX_SHOWN = 80
"""Letters of a value that a message repeats."""


class Mismatch(ValueError):
    """A table that does not fit its dataclass; the message names the key, expected and got."""


def parse_json(text: str) -> Any:
    """What a JSON text says, where it says it clearly.

    Raises:
        ValueError: not JSON, a key that stands twice in a table, a number that is none or that no
            double holds, or more than MAX_DEPTH levels.
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse, parse_float=finite, object_pairs_hook=_table
        )
    except RecursionError:
        raise ValueError(f"expected at most {MAX_DEPTH} levels, got far more") from None
    check_depth(value)
    return value


def check_depth(value: object, levels: int = MAX_DEPTH) -> None:
    """Refuses tables and lists that lie too deep within each other.

    Raises:
        ValueError: deeper than so many levels.
    """
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if inner and not levels:
        raise ValueError(f"expected at most {MAX_DEPTH} levels, got more")
    for item in inner:
        if isinstance(item, dict | list):
            check_depth(item, levels - 1)


def finite(digits: str) -> float:
    """The number that digits write.

    Raises:
        ValueError: `nan`, `inf`, or one that no double holds.
    """
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"expected a number that a double holds, got {digits[:MAX_SHOWN]}")
    return number


def shown(value: object) -> str:
    """A value for a message: in one line, and short."""
    if isinstance(value, int) and value.bit_length() > 63:  # Python refuses to write the longest
        return "a very large one"
    if not isinstance(value, str | int | float | None):
        return f"a {_name(value)}"  # however deep it is
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        double = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"key {shown(double)} stands twice")
    return table


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number that JSON knows")


def from_dict(cls: type[T], table: object, where: str) -> T:
    """Builds `cls` from a parsed table.

    where: the name of the table for messages, such as `contract.json`.

    Raises:
        Mismatch: a key is unknown or missing, or a value has the wrong type or range.
    """
    if not isinstance(table, Mapping):
        raise Mismatch(f"{where}: expected a table of keys, got {_name(table)}")
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(str(key) for key in table if key not in known)
    if unknown:
        raise Mismatch(f"{where}: unknown key {shown(unknown[0])}; known are {', '.join(known)}")
    hints = _hints(cls)  # type: ignore[arg-type]
    values = {}
    for name, field in known.items():
        if name in table:
            values[name] = _value(hints[name], table[name], f"{where}: {name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise Mismatch(f"{where}: key {name!r} is missing")
    try:
        return cls(**values)
    except ValueError as error:  # a dataclass may check its own ranges in __post_init__
        raise Mismatch(f"{where}: {error}") from None


@cache  # as many as there are dataclasses
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _value(hint: Any, value: object, where: str) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _union(arguments, value, where)
    if origin is Literal:
        if value in arguments:
            return value
        raise Mismatch(
            f"{where}: expected one of {', '.join(map(str, arguments))}, got {shown(value)}"
        )
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise Mismatch(f"{where}: expected a list, got {_name(value)}")
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise Mismatch(f"{where}: expected a table of keys, got {_name(value)}")
        return {str(k): _value(arguments[1], v, f"{where}.{_key(k)}") for k, v in value.items()}
    if is_dataclass(hint):
        return from_dict(hint, value, where)  # type: ignore[arg-type]
    return _scalar(hint, value, where)


def _union(options: tuple[Any, ...], value: object, where: str) -> object:
    if value is None and type(None) in options:
        return None
    (hint,) = (option for option in options if option is not type(None))
    return _value(hint, value, where)


def _scalar(hint: type, value: object, where: str) -> object:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise Mismatch(f"{where}: expected a number that a double holds, got more") from None
    if isinstance(value, int) and value.bit_length() > 63:
        raise Mismatch(f"{where}: expected a number of at most 63 bits, got a larger one")
    if isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise Mismatch(f"{where}: expected {hint.__name__}, got {_described(value)}")


def _key(key: object) -> str:
    text = str(key)
    return text if text.isprintable() and len(text) <= MAX_SHOWN else shown(text)


def _described(value: object) -> str:
    is_plain = isinstance(value, str | int | float)
    return f"{_name(value)} {shown(value)}" if is_plain else _name(value)


def _name(value: object) -> str:
    return type(value).__name__
