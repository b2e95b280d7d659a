"""The archive itself: a tar whose bytes depend on its content alone, with a sum of every file.

Not compressed: wheels are, and what deflate makes differs from one zlib to the next.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from edge.files import write_atomic

MTIME_S = 1580601600
"""2 February 2020, as hatchling dates the files in a wheel."""
SUMS = "SHA256SUMS"


def sums_text(files: Mapping[str, bytes]) -> str:
    """What `sha256sum --check` reads: a line for each file."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    return "".join(sorted(lines, key=lambda line: line.split("  ", 1)[1]))


def write_archive(path: Path, files: Mapping[str, bytes], programs: set[str]) -> bytes:
    """Writes `files` (name -> content), and their sums, into a folder named as the archive.

    programs: names of those that can be run.

    Returns: the text of the sums, by which the archive can be known.
    """
    sums = sums_text(files).encode()
    folder = path.name.removesuffix(".tar")
    whole = {**files, SUMS: sums}
    folders = {"", *(str(Path(name).parent) for name in whole)} - {"."}
    buffer = io.BytesIO()
    # GNU's format: USTAR cuts names at 100 characters, which wheels can have.
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted({*folders, *whole}):
            entry = tarfile.TarInfo(f"{folder}/{name}".rstrip("/"))
            entry.mtime = MTIME_S
            entry.mode = 0o644 if name in whole and name not in programs else 0o755
            if name in whole:
                entry.size = len(whole[name])
                archive.addfile(entry, io.BytesIO(whole[name]))
            else:
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
    write_atomic(path, buffer.getvalue())
    return sums
