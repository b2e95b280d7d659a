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
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.archive import BadArchive, read_archive
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
    content_sha256: str | None = field(default=None, compare=False)
    """As `content_digest` gives it, of the entries that were read; none: it was not read."""

    @property
    def proof(self) -> Proof | None:
        """What the gate found out; none: not gated yet.

        Raises:
            ModelError: it does not fit, or is of another model.
        """
        if self.proof_json is None:
            return None
        from edge.proof import Proof

        proof = Proof.from_json(self.proof_json, self.contract.name)
        if self.content_sha256 not in (None, proof.content_sha256):
            raise ModelError(
                f"{self.contract.name}: proof.json: it proves another model, labels or contract: "
                f"expected sha256 {proof.content_sha256[:16]}... of them, "
                f"got {str(self.content_sha256)[:16]}...; export the model again"
            )
        return proof


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
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            if size_bytes > MAX_BYTES:
                raise ModelError(f"{path}: expected at most {MAX_BYTES} bytes, got {size_bytes}")
            return file.read(size_bytes)  # a device, which has no end, has no size either
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None


def parse_bundle(data: bytes, where: str) -> Bundle:
    """As `read_bundle`, from bytes. where: the model's name for messages."""
    if data[4:8] != FLATBUFFER_ID:
        raise ModelError(f"{where}: expected a TFLite model, got something else")
    parts = split_bundle(data, where)
    bundle = _assemble(parts.model, parts.entries, where)
    _check_seal(data, parts.comment, where)
    return bundle


def split_bundle(data: bytes, where: str) -> Parts:
    """As `split_archive`, of what has to have one."""
    parts = split_archive(data, where)
    if parts is None:
        raise ModelError(
            f"{where}: expected labels, contract and proof behind the model, got a file that ends "
            "without them: it was cut short, or `edgeproof export` did not write it; a model from "
            f"elsewhere becomes a bundle with: {_adopt(where)}"
        )
    return parts


def split_archive(data: bytes, where: str) -> Parts | None:
    """A .tflite in its parts; none when no zip is behind the model.

    Raises:
        ModelError: the zip is damaged.
    """
    try:
        archive = read_archive(data)
    except BadArchive as error:
        raise ModelError(
            f"{where}: the archive behind the model is damaged: {_brief(error)}; "
            "copy the file again"
        ) from None
    if archive is None:
        return None
    return Parts(data[: archive.start], archive.entries, archive.comment)


def pack_bundle(bundle: Bundle) -> bytes:
    """The bundle's bytes; the same bundle always gives the same ones."""
    entries = _proven_entries(bundle)
    if bundle.proof_json is not None:
        entries[PROOF] = bundle.proof_json.encode()
    if bundle.golden is not None:
        entries[GOLDEN] = _pack_golden(bundle.golden)
    if bundle.signature_json is not None:
        entries[SIGNATURE] = bundle.signature_json.encode()
    return pack_entries(bundle.model, entries)


def pack_entries(model: bytes, entries: dict[str, bytes]) -> bytes:
    """A bundle's bytes of the flatbuffer and the entries' contents, in their order, as they are."""
    import zipfile

    buffer = io.BytesIO()
    buffer.write(model)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, compresslevel=9)
        archive.comment = b" " * SEAL_BYTES
    unsealed = buffer.getvalue()[:-SEAL_BYTES]
    return unsealed + SEAL.encode() + hashlib.sha256(unsealed).hexdigest().encode()


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Writes the bundle whole or not at all."""
    write_atomic(path, pack_bundle(bundle))


def content_digest(labels: bytes, contract: bytes) -> str:
    """What a proof is of: 64 hexadecimal digits.

    labels, contract: the entries as they stand. The contract holds the model's own hash and length,
    which are checked when the bundle is read, so this is of the model's bytes as well.
    """
    lines = (f"{hashlib.sha256(raw).hexdigest()}\n" for raw in (labels, contract))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def written_digest(bundle: Bundle) -> str:
    """As `content_digest`, of the entries that `pack_bundle` writes."""
    return content_digest(*_proven_entries(bundle).values())


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
    """In one line and short: names of entries, which have up to 65,535 letters, are repeated."""
    return " ".join(str(what).split())[:200]


def _proven_entries(bundle: Bundle) -> dict[str, bytes]:
    return {
        LABELS: "".join(f"{label}\n" for label in bundle.labels).encode(),
        CONTRACT: bundle.contract.to_json().encode(),
    }


def _adopt(where: str) -> str:
    return f"edgeproof adopt {where} --labels FILE"


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
    digest = content_digest(entries[LABELS], entries[CONTRACT])
    return Bundle(model, labels, contract, golden, proof_json, signature_json, digest)


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
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in {"frames": golden.frames, **golden.outputs}.items():
            inner = io.BytesIO()
            np.save(inner, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), inner.getvalue())
    return buffer.getvalue()


def _parse_golden(data: bytes, where: str) -> Golden:
    read_array: Any = np.lib.format.read_array  # `np.load` would open what is a zip again
    try:
        archive = read_archive(data)
        arrays = {
            name.removesuffix(".npy"): read_array(io.BytesIO(content), allow_pickle=False)
            for name, content in (archive.entries if archive else {}).items()
        }
        frames = arrays.pop("frames")
    except Exception as error:  # the reader of npy raises many kinds on damaged bytes
        raise ModelError(f"{where}: {GOLDEN} cannot be read: {_brief(error)}") from None
    return Golden(frames, arrays)
