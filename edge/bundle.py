"""The bundle: a .tflite that carries its labels, contract, proof and self-test, and its own seal.

    model.tflite = flatbuffer | zip(labels.txt, contract.json, proof.json, golden.npz,
                                    signature.json) | seal

The zip is appended as TFLite metadata appends associated files, so `unzip -l` lists it and any
runtime loads it. Its archive comment is the seal: SHA-256 over every byte before it. A flipped
byte anywhere is therefore found; a deliberate change is not, for that is what signatures are for
(`edge.trust`).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.contract import Contract
from edge.errors import ModelError
from edge.files import write_atomic
from edge.terminal import printable

if TYPE_CHECKING:
    from edge.proof import Proof

LABELS, CONTRACT, PROOF, GOLDEN = "labels.txt", "contract.json", "proof.json", "golden.npz"
SIGNATURE = "signature.json"
SEAL = "edgeproof sha256 "
SEAL_BYTES = len(SEAL) + 64
MAX_BYTES = 512 * 1024 * 1024
MAX_ENTRY_BYTES = 64 * 1024 * 1024
"""Of all entries together. No honest ones come near; more is there to fill the memory."""
FLATBUFFER_ID = b"TFL3"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first day: the same content, the same bytes


@dataclass(frozen=True)
class Golden:
    """Self-test: frames that the project drew, and the exact outputs of each runtime."""

    frames: NDArray[np.uint8]
    """uint8 (n, height, width) gray or (n, height, width, 3) RGB, of the input's own size."""
    outputs: dict[str, NDArray[np.generic]]
    """Runtime package -> raw output tensors (n, classes), as measured when the model was made."""


@dataclass(frozen=True)
class Bundle:
    """A model with everything it says of itself."""

    model: bytes
    labels: tuple[str, ...]
    contract: Contract
    golden: Golden | None = None
    proof_json: str | None = None
    """proof.json as it stands; none: not gated yet. To classify, nobody needs to read it."""
    signature_json: str | None = None
    """signature.json as it stands; none: not signed. What it says: `edge.trust`."""

    @property
    def proof(self) -> Proof | None:
        """What the gate found out; none: not gated yet.

        Raises:
            ModelError: it does not fit.
        """
        if self.proof_json is None:
            return None
        from edge.proof import Proof

        return Proof.from_json(self.proof_json, self.contract.name)


@dataclass(frozen=True)
class Parts:
    """A .tflite with a zip behind it."""

    model: bytes
    """The flatbuffer: everything before the first entry."""
    entries: dict[str, bytes]
    comment: bytes


def read_bundle(path: Path) -> Bundle:
    """Reads and checks a bundle; nothing of it has been run.

    Raises:
        ModelError: says which check failed, what was expected and what came.
    """
    return parse_bundle(read_model_file(path), str(path))


def read_model_file(path: Path) -> bytes:
    """The bytes of a .tflite, unless they are too many.

    Raises:
        ModelError: it cannot be read, or is bigger than MAX_BYTES.
    """
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAX_BYTES:
            raise ModelError(f"{path}: expected at most {MAX_BYTES} bytes, got {size_bytes}")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None


def parse_bundle(data: bytes, where: str) -> Bundle:
    """As `read_bundle`, from bytes. where: the model's name for messages."""
    if data[4:8] != FLATBUFFER_ID:
        raise ModelError(f"{where}: expected a TFLite model, got something else")
    parts = split_archive(data, where)
    if parts is None:
        raise ModelError(
            f"{where}: expected labels, contract and proof behind the model, got a file that ends "
            "without them: it was cut short, or `edgeproof export` did not write it; a model from "
            f"elsewhere becomes a bundle with: {_adopt(where)}"
        )
    bundle = _assemble(parts.model, parts.entries, where)
    _check_seal(data, parts.comment, where)
    return bundle


def split_archive(data: bytes, where: str) -> Parts | None:
    """A .tflite in its parts; none when no zip is behind the model.

    Raises:
        ModelError: the zip is damaged.
    """
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            listed = archive.infolist()
            _check_claims(listed)
            entries = {info.filename: _read_entry(archive, info) for info in listed}
            start = min((info.header_offset for info in listed), default=len(data))
            return Parts(data[:start], entries, archive.comment)
    # RuntimeError: an encrypted entry, or a kind of compression that Python does not have
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, zlib.error) as error:
        raise ModelError(
            f"{where}: the archive behind the model is damaged: {_brief(error)}; "
            "copy the file again"
        ) from None


def pack_bundle(bundle: Bundle) -> bytes:
    """The bundle's bytes; the same bundle always gives the same ones."""
    entries = {
        LABELS: "".join(f"{label}\n" for label in bundle.labels).encode(),
        CONTRACT: bundle.contract.to_json().encode(),
    }
    if bundle.proof_json is not None:
        entries[PROOF] = bundle.proof_json.encode()
    if bundle.golden is not None:
        entries[GOLDEN] = _pack_golden(bundle.golden)
    if bundle.signature_json is not None:
        entries[SIGNATURE] = bundle.signature_json.encode()
    buffer = io.BytesIO()
    buffer.write(bundle.model)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
        archive.comment = b" " * SEAL_BYTES
    unsealed = buffer.getvalue()[:-SEAL_BYTES]
    return unsealed + SEAL.encode() + hashlib.sha256(unsealed).hexdigest().encode()


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Writes the bundle whole or not at all."""
    write_atomic(path, pack_bundle(bundle))


def seal_of(data: bytes) -> str:
    """What a bundle's seal says, 64 hexadecimal digits: after `parse_bundle`, which checks it, the
    one name of these very bytes."""
    return data[-64:].decode("ascii", "replace")


def check_output(labels: tuple[str, ...], shape: tuple[int, ...], where: str) -> None:
    """Refuses a label list that does not fit the output tensor: (n,), (1, n) or (1, 1, 1, n).

    Raises:
        ModelError: names both counts.
    """
    if not shape or shape[-1] != len(labels) or set(shape[:-1]) - {1}:
        expected = shape[-1] if shape else 0
        raise ModelError(
            f"model {where!r} expects {expected} labels for output {shape}, "
            f"got {len(labels)} in {LABELS}"
        )


def _brief(what: object) -> str:
    """In one line and short: zipfile repeats names, which have up to 65,535 letters."""
    return " ".join(str(what).split())[:200]


def _adopt(where: str) -> str:
    return f"edgeproof adopt {where} --labels FILE"


def _check_claims(listed: list[zipfile.ZipInfo]) -> None:
    """Refuses what is there to fill the memory, or says one thing to one reader and another to
    another, before any of it is read."""
    if len({info.filename for info in listed}) < len(listed):
        raise ValueError("an entry stands twice in it")
    claimed = sum(info.file_size for info in listed)
    if claimed > MAX_ENTRY_BYTES:
        raise ValueError(f"its entries claim {claimed} bytes, expected {MAX_ENTRY_BYTES} at most")


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # LZMA takes as much memory as the entry says: gigabytes
        raise ValueError(f"{info.filename!r} is compressed in another way than deflate")
    return archive.read(info)  # checks the entry's CRC


def _assemble(model: bytes, entries: dict[str, bytes], where: str) -> Bundle:
    known = {LABELS, CONTRACT, PROOF, GOLDEN, SIGNATURE}
    missing, unknown = {LABELS, CONTRACT} - set(entries), set(entries) - known
    if missing or unknown:
        hint = f"; a model from elsewhere becomes a bundle with: {_adopt(where)}"
        raise ModelError(
            f"{where}: expected the entries {', '.join(sorted(known))}, "
            f"got {_brief(', '.join(sorted(entries))) or 'none'}"
            f"{hint if CONTRACT in missing else ''}"
        )
    try:
        labels = tuple(entries[LABELS].decode().removesuffix("\n").split("\n"))
        contract = Contract.from_json(entries[CONTRACT].decode(), where)
        proof_json = entries[PROOF].decode() if PROOF in entries else None
        signature_json = entries[SIGNATURE].decode() if SIGNATURE in entries else None
    except UnicodeDecodeError as error:
        raise ModelError(f"{where}: an entry that is text is not UTF-8: {error}") from None
    _check_model_bytes(model, contract, where)
    if len(set(labels)) != len(labels) or not all(label.strip() for label in labels):
        raise ModelError(f"{where}: expected distinct, non-empty labels in {LABELS}")
    if any(printable(label) != label for label in labels):  # they are printed to terminals
        raise ModelError(f"{where}: expected labels without control characters in {LABELS}")
    golden = _parse_golden(entries[GOLDEN], where) if GOLDEN in entries else None
    if golden is not None:
        _check_golden(golden, contract, labels, where)
    return Bundle(model, labels, contract, golden, proof_json, signature_json)


def _check_model_bytes(model: bytes, contract: Contract, where: str) -> None:
    promised = contract.model
    if len(model) != promised.size_bytes:
        raise ModelError(
            f"{where}: expected a model of {promised.size_bytes} bytes, got {len(model)}"
        )
    got = hashlib.sha256(model).hexdigest()
    if got != promised.sha256:
        raise ModelError(
            f"{where}: the model's bytes are not the ones that were proven: expected sha256 "
            f"{promised.sha256[:16]}..., got {got[:16]}...; copy the file again"
        )


def _check_seal(data: bytes, comment: bytes, where: str) -> None:
    got = SEAL + hashlib.sha256(data[: len(data) - SEAL_BYTES]).hexdigest()
    if comment != got.encode():
        raise ModelError(
            f"{where}: the seal does not match: a byte outside the model was changed; "
            "copy the file again"
        )


def _pack_golden(golden: Golden) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in {"frames": golden.frames, **golden.outputs}.items():
            inner = io.BytesIO()
            np.save(inner, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), inner.getvalue())
    return buffer.getvalue()


def _parse_golden(data: bytes, where: str) -> Golden:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_claims(archive.infolist())
            arrays = {
                info.filename.removesuffix(".npy"): np.load(
                    io.BytesIO(_read_entry(archive, info)), allow_pickle=False
                )
                for info in archive.infolist()
            }
        frames = arrays.pop("frames")
    except Exception as error:  # zip and npy readers raise many kinds on damaged bytes
        raise ModelError(f"{where}: {GOLDEN} cannot be read: {_brief(error)}") from None
    return Golden(frames, arrays)


def _check_golden(golden: Golden, contract: Contract, labels: tuple[str, ...], where: str) -> None:
    frames, side = golden.frames, contract.input.shape[:2]
    shape = (len(frames) if frames.ndim else 0, *side, *((3,) if frames.ndim == 4 else ()))
    if frames.dtype != np.uint8 or frames.shape != shape or not len(frames):
        raise ModelError(
            f"{where}: {GOLDEN}: expected frames of {side[0]}x{side[1]} pixels of uint8, "
            f"got {frames.dtype} {frames.shape}"
        )
    for name, outputs in golden.outputs.items():
        is_table = outputs.ndim == 2 and len(outputs) == len(frames)
        if outputs.dtype.kind not in "iuf" or not is_table:
            raise ModelError(
                f"{where}: {GOLDEN}: expected outputs of {name!r} to {len(frames)} frames, "
                f"got {outputs.dtype} {outputs.shape}"
            )
        check_output(labels, (1, outputs.shape[1]), contract.name)
