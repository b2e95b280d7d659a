"""What may become of a bundle between its maker and a device, by accident or on purpose.

A mutant is whole when every hash, digest and seal was made anew: only a signature could tell it
from an honest model. All others have to be refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edge.bundle import (
    CONTRACT,
    GOLDEN,
    LABELS,
    PROOF,
    SEAL,
    SIGNATURE,
    content_digest,
    split_archive,
)

Rng = np.random.Generator
Entries = dict[str, bytes]


@dataclass(frozen=True)
class Edited:
    """A model's flatbuffer with one thing in it changed on purpose, see `tests.edits`."""

    what: str
    model: bytes
    operators: dict[str, int]
    """As it states them now."""


@dataclass(frozen=True)
class Original:
    """A bundle that is as it should be."""

    data: bytes
    model: bytes
    entries: Entries
    edited: tuple[Edited, ...] = ()


@dataclass(frozen=True)
class Mutant:
    what: str
    data: bytes
    is_whole: bool


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


def read_original(data: bytes, edited: tuple[Edited, ...] = ()) -> Original:
    parts = split_archive(data, "the original")
    assert parts is not None
    return Original(data, parts.model, parts.entries, edited)


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


# -- accidents ------------------------------------------------------------------------------------


def cut(rng: Rng, of: Original) -> Mutant:
    return Mutant("cut", of.data[: int(rng.integers(len(of.data)))], False)


def cut_at_a_part(rng: Rng, of: Original) -> Mutant:
    places = [len(of.model), len(of.data), len(of.data) - len(SEAL) - 64]
    at = 0
    while (at := of.data.find(b"PK", at + 1)) > 0:
        places.append(at)
    place = int(rng.choice(places)) + int(rng.integers(-30, 3))
    return Mutant("cut", of.data[: min(place, len(of.data) - 1)], False)


def flip(rng: Rng, of: Original) -> Mutant:
    return Mutant("flip", _flipped(rng, of.data, 0, len(of.data)), False)


def flip_behind_the_model(rng: Rng, of: Original) -> Mutant:
    return Mutant("flip", _flipped(rng, of.data, len(of.model), len(of.data)), False)


def overwrite(rng: Rng, of: Original) -> Mutant:
    """A block of zeros, of ones, of chance or of another place, as a worn card gives."""
    size = int(rng.choice([512, 4096, 16384]))
    at = int(rng.integers(0, len(of.data) // size)) * size
    other = int(rng.integers(0, len(of.data) - size))
    blocks = (bytes(size), b"\xff" * size, rng.bytes(size), of.data[other : other + size])
    block = blocks[int(rng.integers(len(blocks)))]
    data = of.data[:at] + block[: len(of.data) - at] + of.data[at + size :]
    return Mutant("block", data, False)


def _flipped(rng: Rng, data: bytes, start: int, end: int) -> bytes:
    damaged = bytearray(data)
    for place in rng.integers(start, end, int(rng.integers(1, 9))):
        damaged[place] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


# -- the zip --------------------------------------------------------------------------------------


def tamper_with_zip(rng: Rng, of: Original) -> Mutant:
    """With a right seal in half of the cases."""
    raws = [pack(name, content) for name, content in of.entries.items()]
    sealed = bool(rng.integers(2))
    one, other = (raws[i] for i in rng.choice(len(raws), 2, replace=False))
    what = ZIP[int(rng.integers(len(ZIP)))]
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
        data = write(of.model, raws) + rng.bytes(int(rng.integers(1, 50)))
        return Mutant(f"zip: {what}", data, False)
    return Mutant(f"zip: {what}", write(of.model, raws, sealed=sealed, **settings), False)


ZIP = (
    *("swapped", "duplicated", "extra", "encrypted", "otherwise packed", "bomb", "moved"),
    *("headers disagree", "gap", "count", "comment", "tail"),
)


def leave_out(rng: Rng, of: Original) -> Mutant:
    """An entry; without proof or golden frames it is a bundle still."""
    gone = list(of.entries)[int(rng.integers(len(of.entries)))]
    raws = [pack(name, content) for name, content in of.entries.items() if name != gone]
    is_whole = gone in (PROOF, GOLDEN, SIGNATURE)
    return Mutant(f"without {gone}", write(of.model, raws), is_whole)


def repack(rng: Rng, of: Original) -> Mutant:
    """The same content: in another order, packed otherwise, with a signature that is none."""
    raws = [pack(name, content) for name, content in of.entries.items()]
    order = [raws[int(i)] for i in rng.permutation(len(raws))]
    if rng.integers(2) and SIGNATURE not in of.entries:
        order.append(pack(SIGNATURE, b'{"schema": 1}'))
    return Mutant("packed anew", write(of.model, order), True)


# -- the contract, the labels, the golden frames --------------------------------------------------


def _set(*keys: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def edit(contract: dict[str, Any]) -> None:
        table = contract
        for key in keys[:-1]:
            table = table[key]
        table[keys[-1]] = to

    return edit


CONTRACT_EDITS: tuple[Callable[[dict[str, Any]], None], ...] = (
    _set("schema", to=2),
    _set("name", to="other"),
    _set("name", to="../../etc"),
    _set("variant", to="float32"),
    _set("variant", to="int16x8"),
    _set("variant", to="none"),
    _set("input", "height", to=27),
    _set("input", "height", to=4097),
    _set("input", "width", to=56),
    _set("input", "color", to="rgb"),
    _set("input", "preprocess", "kind", to="object"),
    _set("input", "preprocess", "mean", to=[100.0]),
    _set("input", "preprocess", "mean", to=[1e300]),
    _set("input", "preprocess", "std", to=[1.0]),
    _set("input", "preprocess", "std", to=[-1.0]),
    _set("input", "preprocess", "std", to=[1e-300]),
    _set("input", "preprocess", "std", to=[1.0, 1.0, 1.0]),
    _set("input", "preprocess", "fit", to="crop"),
    _set("output", "meaning", to="probabilities"),
    _set("output", "temperature", to=0.01),
    _set("output", "temperature", to=50.0),
    _set("output", "temperature", to=1e-300),
    _set("output", "temperature", to=0),
    _set("output", "unknown_threshold", to=0.0),
    _set("output", "unknown_threshold", to=0.999),
    _set("output", "unknown_threshold", to=2),
    _set("model", "sha256", to="0" * 64),
    _set("model", "size_bytes", to=100),
    _set("model", "operators", to={}),
    _set("model", "operators", "CONV_2D", to=9),
    _set("model", "operators", "WHILE", to=1),
    _set("model", "min_runtime", to="9.9.9"),
    _set("provenance", to={}),
    _set("provenance", "run", to="another"),
    _set("more", to=1),
    _set("output", to=None),
    _set("labels", to=[]),
    lambda contract: contract.pop("model"),
    lambda contract: contract["input"].pop("color"),
)
TEXTS = (
    b"", b"{", b"[]", b"null", b'{"schema": NaN}', b'{"schema": 1e999}', b"[" * 100_000,
    b"\xff\xfe{}", b'{"schema": 1, "schema": 2}', b'{"schema": ' + b"9" * 6000 + b"}",
)  # fmt: skip


def edit_contract(rng: Rng, of: Original, *, is_reproven: bool) -> Mutant:
    """The seal is right, always; the proof's digest, where it says so."""
    entries = dict(of.entries)
    number = int(rng.integers(len(CONTRACT_EDITS) + len(TEXTS)))
    if number < len(CONTRACT_EDITS):
        contract = json.loads(entries[CONTRACT])
        CONTRACT_EDITS[number](contract)
        entries[CONTRACT] = json.dumps(contract, indent=1, sort_keys=True).encode() + b"\n"
    else:
        entries[CONTRACT] = TEXTS[number - len(CONTRACT_EDITS)]
    data = rebuilt(of.model, entries, is_rehashed=False, is_reproven=is_reproven)
    return Mutant("contract", data, is_reproven)


def edit_labels(rng: Rng, of: Original, *, is_reproven: bool) -> Mutant:
    entries = dict(of.entries)
    labels = entries[LABELS].decode().splitlines()
    first, second = rng.choice(len(labels), 2, replace=False)
    kind = int(rng.integers(8))
    if kind < 3:
        labels[first], labels[second] = labels[second], labels[first]
    elif kind == 3:
        labels[first] = "another"
    elif kind == 4:
        labels[first] = labels[second]
    elif kind == 5:
        labels = labels[:-1]
    elif kind == 6:
        labels[first] = str(rng.choice(["", " ", "\x1b[31m", "a\u2028b", "x" * 100_000]))
    else:
        labels = [labels[int(i)] for i in np.roll(np.arange(len(labels)), 1)]
    entries[LABELS] = "".join(f"{label}\n" for label in labels).encode()
    data = rebuilt(of.model, entries, is_rehashed=False, is_reproven=is_reproven)
    return Mutant("labels", data, is_reproven)


def edit_golden(rng: Rng, of: Original) -> Mutant:
    """No proof is of them, so a right seal is all that it takes."""
    arrays = dict(np.load(io.BytesIO(of.entries[GOLDEN])))
    frames, kind = arrays["frames"], int(rng.integers(7))
    key = list(arrays)[int(rng.integers(1, len(arrays)))]
    if kind == 0:
        arrays["frames"] = np.roll(frames, 1, axis=0)
    elif kind == 1:
        arrays = {name: np.roll(one, 1, axis=1) for name, one in arrays.items()}
    elif kind == 2:
        arrays["frames"] = frames[:, :14]
    elif kind == 3:
        arrays["frames"] = frames.astype(rng.choice(["float64", "int16", "complex64"]))
    elif kind == 4:
        arrays[key] = arrays[key][:, :5]
    elif kind == 5:
        arrays = {name: one[:0] for name, one in arrays.items()}
    else:
        arrays.pop("frames")
    inner = write(b"", [pack(f"{name}.npy", _npy(array)) for name, array in arrays.items()])
    entries = {**of.entries, GOLDEN: inner}
    data = rebuilt(of.model, entries, is_rehashed=False, is_reproven=False)
    return Mutant("golden", data, True)


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def edit_proof(rng: Rng, of: Original) -> Mutant:
    proof = json.loads(of.entries[PROOF])
    proof[str(rng.choice(["schema", "content_sha256", "float_score"]))] = "other"
    entries = {**of.entries, PROOF: json.dumps(proof).encode()}
    return Mutant("proof", rebuilt(of.model, entries, is_rehashed=False, is_reproven=False), False)


# -- the model ------------------------------------------------------------------------------------


def edit_model(rng: Rng, of: Original, *, is_reproven: bool) -> Mutant:
    """Bytes of it changed, or some cut off, with the hash made anew."""
    if rng.integers(8) == 0:
        model = of.model[: int(rng.integers(8, len(of.model)))]
    elif rng.integers(2):
        model = _flipped(rng, of.model, 8, len(of.model))
    else:  # where tables are, rather than weights
        model = _flipped(rng, of.model, max(8, len(of.model) - 9000), len(of.model))
    data = rebuilt(model, of.entries, is_rehashed=True, is_reproven=is_reproven)
    return Mutant("model bytes", data, is_reproven)


def change_structure(rng: Rng, of: Original) -> Mutant:
    """Another operator, shape, type or scale; in half of the cases the contract agrees."""
    edited = of.edited[int(rng.integers(len(of.edited)))]
    entries = dict(of.entries)
    if rng.integers(2):
        contract = json.loads(entries[CONTRACT])
        contract["model"]["operators"] = edited.operators
        entries[CONTRACT] = json.dumps(contract).encode()
    data = rebuilt(edited.model, entries, is_rehashed=True, is_reproven=True)
    return Mutant(f"structure: {edited.what}", data, True)


KINDS: dict[str, tuple[float, Callable[[Rng, Original], Mutant]]] = {
    "cut at random": (0.12, cut),
    "cut at a part": (0.08, cut_at_a_part),
    "bits flipped anywhere": (0.14, flip),
    "bits flipped behind the model": (0.10, flip_behind_the_model),
    "blocks overwritten": (0.05, overwrite),
    "zip tampered with": (0.14, tamper_with_zip),
    "entry left out, resealed": (0.02, leave_out),
    "packed anew, resealed": (0.02, repack),
    "contract edited, resealed": (0.07, lambda r, o: edit_contract(r, o, is_reproven=False)),
    "contract edited, all made anew": (0.05, lambda r, o: edit_contract(r, o, is_reproven=True)),
    "labels edited, resealed": (0.03, lambda r, o: edit_labels(r, o, is_reproven=False)),
    "labels edited, all made anew": (0.02, lambda r, o: edit_labels(r, o, is_reproven=True)),
    "golden frames edited, resealed": (0.02, edit_golden),
    "proof edited, resealed": (0.02, edit_proof),
    "model edited, rehashed": (0.04, lambda r, o: edit_model(r, o, is_reproven=False)),
    "model edited, all made anew": (0.05, lambda r, o: edit_model(r, o, is_reproven=True)),
    "structure changed, all made anew": (0.03, change_structure),
}
"""Kind -> its share, and what makes one. The shares come to 1."""


def make_mutant(number: int, seed: int, originals: list[Original]) -> tuple[str, int, Mutant]:
    """The mutant of that number: its kind, which original it is of, and itself."""
    rng = np.random.default_rng([seed, number])
    index = number % len(originals)
    kinds = list(KINDS)
    kind = kinds[int(rng.choice(len(kinds), p=[share for share, _ in KINDS.values()]))]
    while True:
        mutant = KINDS[kind][1](rng, originals[index])
        if mutant.data != originals[index].data:
            return kind, index, mutant
