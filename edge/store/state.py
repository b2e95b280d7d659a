"""The state file: which of a model's bundles is in use, and which were before."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.errors import ModelError
from edge.files import write_durable
from edge.store.place import STATE, find_state
from edge.strict import Mismatch, from_dict, parse_json

SCHEMA = 1
KEPT = 3
"""Bundles before the one in use that stay on the device."""
SEAL = re.compile(r"[0-9a-f]{64}")
MAX_BYTES = 10_000


@dataclass(frozen=True)
class State:
    """state.json. It is exchanged in one rename, and so is what the device makes of a name."""

    current: str
    """The seal of the bundle in use, SEAL.tflite beside this file."""
    before: tuple[str, ...] = ()
    """Seals of those before it, the last one first."""
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(f"this edgeproof reads schema {SCHEMA}, got {self.schema}")
        for seal in (self.current, *self.before):
            if not SEAL.fullmatch(seal):
                raise ValueError(f"expected seals of 64 hexadecimal digits, got {seal!r}")

    @property
    def seals(self) -> frozenset[str]:
        """All bundles that it names."""
        return frozenset({self.current, *self.before})

    def switched_to(self, seal: str) -> State:
        """With another bundle in use, and what was in use before it."""
        older = (one for one in (self.current, *self.before) if one != seal)
        return State(seal, tuple(older)[:KEPT])


def read_state(path: Path) -> State:
    """
    Raises:
        ModelError: it cannot be read, or is damaged.
    """
    try:
        with open(path, "rb") as file:
            table = parse_json(file.read(MAX_BYTES).decode())
        return from_dict(State, table, STATE)
    except OSError as error:
        reason = error.strerror or "unknown"
    except Mismatch as error:
        reason = str(error)
    except (ValueError, RecursionError) as error:
        reason = f"{STATE} is not JSON: {error}"
    raise ModelError(
        f"{path.parent}: which model is installed as {path.parent.name!r} cannot be told: "
        f"{reason}; install it again: edgeproof install MODEL"
    )


def write_state(path: Path, state: State) -> None:
    """Exchanges it in one step, and returns when the disk has it.

    Raises:
        OSError: of `path` itself and all before; see `edge.files.write_durable`.
    """
    write_durable(path, (json.dumps(asdict(state)) + "\n").encode())


def bundle_path(folder: Path, seal: str) -> Path:
    """Where a bundle lies beside the state file."""
    return folder / f"{seal}.tflite"


def find_installed(name: str) -> Path | None:
    """The bundle that is in use under a name; none where none is installed.

    Raises:
        ModelError: what is installed cannot be told.
    """
    path = find_state(name)
    return None if path is None else bundle_in_use(path)


def bundle_in_use(path: Path) -> Path:
    """
    path: a state file that is there.

    Raises:
        ModelError: it is damaged, or the bundle is gone.
    """
    bundle, name = bundle_path(path.parent, read_state(path).current), path.parent.name
    if not bundle.is_file():
        raise ModelError(
            f"{bundle}: expected the model that is installed as {name!r}, there is no such file; "
            f"install it again, or go back to the one before: edgeproof rollback {name}"
        )
    return bundle
