"""The files that a publisher put behind a model: a zip of whatever make, read with patience.

A bundle's own zip is read strictly, by `edge.archive`.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from edge.archive import MAX_BYTES, MAX_ENTRIES
from edge.errors import ModelError


def split_attached(data: bytes, where: str) -> tuple[bytes, dict[str, bytes]]:
    """The flatbuffer, and name -> content of what is behind it; nothing where no zip is.

    Raises:
        ModelError: the zip is damaged, or would fill the memory.
    """
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return data, {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            claimed_bytes = sum(info.file_size for info in infos)
            if len(infos) > MAX_ENTRIES or claimed_bytes > MAX_BYTES:
                raise ValueError(f"{len(infos)} entries claim {claimed_bytes} bytes")
            start = min((info.header_offset for info in infos), default=len(data))
            return data[:start], {info.filename: _read(archive, info) for info in infos}
    # RuntimeError: an encrypted entry, or a kind of compression that Python does not have
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, zlib.error) as error:
        raise ModelError(
            f"{where}: the archive behind the model is damaged: "
            f"{' '.join(str(error).split())[:200]}; copy the file again"
        ) from None


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename} is packed in another way than deflate")
    with archive.open(info) as file:
        # With its size: without, Python unpacks up to 2 GB of it first, whatever it claims to be.
        return file.read(info.file_size)
