"""What may become of a bundle between its maker and a device, by accident or on purpose.

A mutant is whole when every hash, digest and seal was made anew: only a signature could tell it
from an honest model. All others have to be refused.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.bundle import CONTRACT, GOLDEN, LABELS, PROOF, SEAL, SIGNATURE, split_archive
from tests.contract_edits import CONTRACT_EDITS, TEXTS
from tests.zips import Entries, Rng, pack, rebuilt, tampered, write


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


def read_original(data: bytes, edited: tuple[Edited, ...] = ()) -> Original:
    parts = split_archive(data, "the original")
    assert parts is not None
    return Original(data, parts.model, parts.entries, edited)


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
    what, data = tampered(rng, of.model, of.entries)
    return Mutant(f"zip: {what}", data, False)


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
    if entries[CONTRACT] == of.entries[CONTRACT]:  # it said so already
        return edit_contract(rng, of, is_reproven=is_reproven)
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
