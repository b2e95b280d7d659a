"""JSON and TOML tables into frozen dataclasses: unknown keys, missing keys and wrong types refused.

Serves every file that a person or another machine may have edited: contract, proof, run,
recipe, policy. The dataclass is the schema; there is no second one.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class Mismatch(ValueError):
    """A table that does not fit its dataclass; the message names the key, expected and got."""


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
        raise Mismatch(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(known)}")
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
        raise Mismatch(f"{where}: expected one of {', '.join(map(str, arguments))}, got {value!r}")
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise Mismatch(f"{where}: expected a list, got {_name(value)}")
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise Mismatch(f"{where}: expected a table of keys, got {_name(value)}")
        return {str(k): _value(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
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
        return float(value)
    if isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise Mismatch(f"{where}: expected {hint.__name__}, got {_name(value)} {value!r}")


def _name(value: object) -> str:
    return type(value).__name__
