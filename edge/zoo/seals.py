"""The seals of the shipped bundles: what is part of the software, and so needs no trial.

python -m edge.zoo.seals     writes the list anew, as `make zoo` does
"""

from __future__ import annotations

from edge.zoo import FOLDER, shipped_models

LIST = FOLDER / "seals.txt"


def is_shipped(seal: str) -> bool:
    """Whether these are the very bytes that came with edgeproof. seal: `edge.bundle.seal_of`."""
    try:
        lines = LIST.read_text().splitlines()
    except (OSError, ValueError):
        return False
    return seal in [line.partition(" ")[0] for line in lines]


def list_seals() -> str:
    """A line for each shipped bundle: its seal and its file's name."""
    from edge.bundle import parse_bundle, read_model_file, seal_of

    lines = []
    for path in shipped_models().values():
        data = read_model_file(path)
        parse_bundle(data, path.name)
        lines.append(f"{seal_of(data)}  {path.name}\n")
    return "".join(lines)


if __name__ == "__main__":
    from edge.files import write_atomic

    write_atomic(LIST, list_seals().encode())
