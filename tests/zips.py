"""The zip behind a model, written header by header: rightly, or with one thing wrong in it."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edge.bundle import CONTRACT, LABELS, PROOF, SEAL, content_digest

Rng = np.random.Generator
Entries = dict[str, bytes]


@dataclass
class Raw:
    """An entry of a zip as it is written, header by header."""

    name: bytes
    packed: bytes
    size: int
    crc: int
    flags: int = 0
    method: int = 8
    gap: bytes = b""
    """Before it."""
    local: dict[str, Any] = field(default_factory=dict)
    """What its own header says otherwise than the directory."""
    shift: int = 0
    """Of where the directory says that it is."""


def pack(name: str, content: bytes) -> Raw:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflater.compress(content) + deflater.flush()
    return Raw(name.encode(), packed, len(content), zlib.crc32(content))


def write(
    model: bytes, raws: list[Raw], *, claims: int = 0, comment: bytes = b"", sealed: bool = True
) -> bytes:
    """The model with the entries behind it, and a right seal unless told otherwise."""
    body, directory = bytearray(model), b""
    for raw in raws:
        body += raw.gap
        at = len(body) + raw.shift
        told = replace(raw, **raw.local)
        fields = (20, told.flags, told.method, 0, 33, told.crc, len(told.packed), told.size)
        body += struct.pack("<4s5H3I2H", b"PK\3\4", *fields, len(told.name), 0)
        body += told.name + raw.packed
        about = (20, 20, raw.flags, raw.method, 0, 33, raw.crc)
        sizes = (len(raw.packed), raw.size, len(raw.name), 0, 0, 0, 0, 0, at)
        directory += struct.pack("<4s6H3I5H2I", b"PK\1\2", *about, *sizes) + raw.name
    count, seal_bytes = len(raws) + claims, len(SEAL) + 64
    length = seal_bytes if not comment else len(comment)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), length)
    unsealed = bytes(body) + directory + end
    if comment:
        return unsealed + comment
    digest = hashlib.sha256(unsealed if sealed else unsealed + b"?").hexdigest()
    return unsealed + SEAL.encode() + digest.encode()


def rebuilt(model: bytes, entries: Entries, *, is_rehashed: bool, is_reproven: bool) -> bytes:
    """A bundle of these parts, with the hashes made anew that are asked for, and the seal."""
    entries = dict(entries)
    if is_rehashed:
        contract = json.loads(entries[CONTRACT])
        contract["model"] |= {
            "sha256": hashlib.sha256(model).hexdigest(),
            "size_bytes": len(model),
        }
        entries[CONTRACT] = json.dumps(contract, indent=1, sort_keys=True).encode() + b"\n"
    if is_reproven and PROOF in entries:
        proof = json.loads(entries[PROOF])
        proof["content_sha256"] = content_digest(entries[LABELS], entries[CONTRACT])
        entries[PROOF] = json.dumps(proof, indent=1, sort_keys=True).encode() + b"\n"
    return write(model, [pack(name, content) for name, content in entries.items()])


WRONG = (
    *("swapped", "duplicated", "extra", "encrypted", "otherwise packed", "bomb", "moved"),
    *("headers disagree", "gap", "count", "comment", "tail"),
)


def tampered(rng: Rng, model: bytes, entries: Entries) -> tuple[str, bytes]:
    """What is wrong, and the bundle with that; the seal is right in half of the cases."""
    raws = [pack(name, content) for name, content in entries.items()]
    sealed = bool(rng.integers(2))
    one, other = (raws[i] for i in rng.choice(len(raws), 2, replace=False))
    what = WRONG[int(rng.integers(len(WRONG)))]
    settings: dict[str, Any] = {}
    if what == "swapped":
        one.name, other.name = other.name, one.name
    elif what == "duplicated":
        raws.append(replace(one) if rng.integers(2) else replace(other, name=one.name))
    elif what == "extra":
        raws.append(pack("more.txt", b"more"))
    elif what == "encrypted":
        one.flags |= 1
    elif what == "otherwise packed":
        one.method = int(rng.choice([1, 9, 12, 14, 99]))
    elif what == "bomb":
        bomb = pack(one.name.decode(), bytes(int(rng.choice([1, 70, 200])) << 20))
        one.packed, one.size = bomb.packed, int(rng.choice([0, 10, one.size, bomb.size, 2**32 - 1]))
    elif what == "moved":
        one.shift = int(rng.choice([-40, -1, 1, 17, len(one.packed)]))
    elif what == "headers disagree":
        lies = {"name": b"other.txt", "size": one.size + 1, "crc": 0, "method": 0, "flags": 8}
        key = list(lies)[int(rng.integers(len(lies)))]
        one.local = {key: lies[key]}
    elif what == "gap":
        one.gap = rng.bytes(int(rng.integers(1, 100)))
    elif what == "count":
        settings["claims"] = int(rng.choice([-1, 1, 1000]))
    elif what == "comment":
        settings["comment"] = SEAL.encode()[: int(rng.integers(1, 17))]
    else:
        data = write(model, raws) + rng.bytes(int(rng.integers(1, 50)))
        return what, data
    return what, write(model, raws, sealed=sealed, **settings)
