"""What is known of the pictures of a folder, kept in the user's cache between commands.

Training and export both scan the folder, and decoding thousands of photos takes minutes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from edge.files import write_atomic
from train.download import cache_dir
from train.photos.facts import Facts
from train.versions import versions

SCHEMA = 1
"""Raise it when `read_facts` or the edge's decoding gives other facts for the same file."""
BYTES = [field.name for field in fields(Facts) if field.type == "bytes"]

Known = dict[str, tuple[str, Facts]]
"""Path relative to the folder -> its stamp when it was read, and what was seen."""


def stamp(path: Path) -> str:
    """Changes with the file's content: size, and the times of the last write and change."""
    found = path.stat()
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}"


def load_known(folder: Path) -> Known:
    """What an earlier scan of `folder` saw; nothing when there is none that can be used."""
    try:
        stored = json.loads(_place(folder).read_bytes())
        if stored["made_by"] != _made_by():
            return {}
        return {path: (was, _facts(values)) for path, (was, values) in stored["seen"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def store_known(folder: Path, known: Known) -> None:
    """Keeps it, where the cache can be written."""
    seen = {path: (was, _values(facts)) for path, (was, facts) in known.items()}
    text = json.dumps({"made_by": _made_by(), "seen": seen})
    with suppress(OSError):
        write_atomic(_place(folder), text.encode())


def _place(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.resolve()).encode(errors="surrogateescape")).hexdigest()
    return cache_dir() / "photos" / f"{name[:16]}.json"


def _made_by() -> dict[str, Any]:
    return {"schema": SCHEMA, **versions("pillow", "imagehash")}


def _values(facts: Facts) -> dict[str, Any]:
    values = asdict(facts)
    return values | {name: base64.b64encode(values[name]).decode() for name in BYTES}


def _facts(values: dict[str, Any]) -> Facts:
    return Facts(**values | {name: base64.b64decode(values[name]) for name in BYTES})
