"""Changes an input so that it gets past checksums: PNG's, the zip's, the contract's, the seal.

What bytes become is left to a fuzzer's own function, `Mutate`; only what guards them is mended.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable

from edge.bundle import (
    CONTRACT,
    FLATBUFFER_ID,
    GOLDEN,
    LABELS,
    PROOF,
    SEAL,
    SEAL_BYTES,
    content_digest,
)

Mutate = Callable[[bytes, int], bytes]
"""Bytes and the most there may be -> other bytes."""
PNG = b"\x89PNG\r\n\x1a\n"
RAW = 0.15
"""Of the inputs: changed just so, and no checksum mended."""


def mutate_picture(data: bytes, most: int, rng: random.Random, mutate: Mutate) -> bytes:
    """A picture with something changed; a PNG's chunks have their checksums."""
    changed = mutate(data, most)
    return changed if rng.random() < RAW else with_checksums(changed)


def with_checksums(data: bytes) -> bytes:
    """A PNG with the checksum of each chunk set right; anything else as it is."""
    if not data.startswith(PNG):
        return data
    fixed, at = bytearray(data), len(PNG)
    while at + 12 <= len(fixed):
        (size,) = struct.unpack_from(">I", fixed, at)
        end = at + 8 + size
        if end + 4 > len(fixed):
            break
        struct.pack_into(">I", fixed, end, zlib.crc32(fixed[at + 4 : end]))
        at = end + 4
    return bytes(fixed)


def mutate_bundle(data: bytes, most: int, rng: random.Random, mutate: Mutate) -> bytes:
    """A bundle with one of its parts changed, whole again: entries packed, hash and seal right."""
    entries = None if rng.random() < RAW else _entries(data)
    if entries is None:
        changed = mutate(data, most)
        return sealed(changed) if rng.random() < 0.5 else changed
    name = rng.choice(sorted(entries))
    room = max(64, most - sum(map(len, entries.values())))
    fate = rng.random()
    if fate < 0.04 and name:
        del entries[name]
    elif fate < 0.08 and name:
        entries[rng.choice((name.upper(), "../x", "more.txt", "x" * 300))] = entries[name]
    else:
        entries[name] = _mutated(name, entries[name], len(entries[name]) + room, rng, mutate)
    return joined(entries)


def _mutated(name: str, content: bytes, most: int, rng: random.Random, mutate: Mutate) -> bytes:
    arrays = _entries(content) if name == GOLDEN and rng.random() > RAW else None
    if not arrays:
        return mutate(content, most)
    inner = rng.choice(sorted(set(arrays) - {""}) or [""])
    arrays[inner] = mutate(arrays[inner], most)
    return zipped(arrays)


def _entries(data: bytes) -> dict[str, bytes] | None:
    """Each entry of the zip; under the empty name what stands before it. None: no zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            listed = archive.infolist()
            entries = {one.filename: archive.read(one) for one in listed if one.file_size < 1 << 20}
            start = min((one.header_offset for one in listed), default=0)
    except Exception:  # whatever the last change did to it
        return None
    return {"": data[: max(0, start)], **entries}


def joined(entries: dict[str, bytes]) -> bytes:
    """A bundle of such entries; the contract's hash and length, the proof's and the seal fit."""
    model = entries.get("", b"")
    if model[4:8] != FLATBUFFER_ID:
        model = model[:4].ljust(4, b"\0") + FLATBUFFER_ID + model[8:]
    entries = {**entries, "": model}
    if CONTRACT in entries:
        entries[CONTRACT] = with_hash(entries[CONTRACT], model)
    if {LABELS, CONTRACT, PROOF} <= set(entries):
        digest = content_digest(entries[LABELS], entries[CONTRACT])
        entries[PROOF] = re.sub(
            rb'("content_sha256": ?")[^"]*"', rb"\g<1>" + digest.encode() + b'"', entries[PROOF]
        )
    return sealed(zipped(entries, b" " * SEAL_BYTES))


def with_hash(contract: bytes, model: bytes) -> bytes:
    """A contract's text with the model's hash and length in their places."""
    digest = hashlib.sha256(model).hexdigest().encode()
    contract = re.sub(rb'("sha256": ?")[^"]*"', rb"\g<1>" + digest + b'"', contract)
    size = str(len(model)).encode()
    return re.sub(rb'("size_bytes": ?)-?[0-9]+', rb"\g<1>" + size, contract)


def zipped(entries: dict[str, bytes], comment: bytes = b"") -> bytes:
    """What stands under the empty name, and a zip of the others behind it."""
    buffer = io.BytesIO(entries.get("", b""))
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            if name:
                archive.writestr(zipfile.ZipInfo(name), content)
        archive.comment = comment
    return buffer.getvalue()


def sealed(data: bytes) -> bytes:
    """The bytes with a seal that fits instead of their last ones."""
    body = data[:-SEAL_BYTES] if len(data) > SEAL_BYTES else b""
    return body + SEAL.encode() + hashlib.sha256(body).hexdigest().encode()


def havoc(rng: random.Random) -> Mutate:
    """A fuzzer's function without a fuzzer: some bytes set, flipped, cut out, doubled or moved."""

    def mutate(data: bytes, most: int) -> bytes:
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 4, 8))):
            at = rng.randrange(len(changed) + 1)
            end = min(len(changed), at + rng.choice((1, 2, 4, 16, 64)))
            fate = rng.randrange(5)
            if fate == 0:
                changed[at:end] = rng.randbytes(end - at)
            elif fate == 1:
                changed[at:end] = rng.choice((b"\0", b"\xff", b"\x80", b"9")) * (end - at)
            elif fate == 2 and at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            elif fate == 3:
                del changed[at:end]
            else:
                changed[at:at] = changed[at:end] or b"\0"
        return bytes(changed[:most])

    return mutate


MUTATORS = {"pictures": mutate_picture, "bundles": mutate_bundle}
