"""Where fuzzing begins: small inputs that are in order, made here, and those that once were not."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from edge.bundle import Bundle, Golden, pack_bundle, read_bundle, written_digest
from edge.contract import Contract
from edge.zoo import find_model
from tests.published import edited, metadata_of, with_metadata

KEPT = Path(__file__).parent / "seeds"
"""Inputs that once were a finding, a folder a target; replayed by tests/test_fuzz_replay.py."""


def seeds(target: str) -> dict[str, bytes]:
    """Name -> bytes, for a target of `tests.fuzz.targets`."""
    made = {"pictures": _pictures, "bundles": _bundles}[target]()
    return made | {path.name: path.read_bytes() for path in sorted((KEPT / target).glob("*"))}


def _pictures() -> dict[str, bytes]:
    """One in each format and of each kind that is read in its own way, 24 pixels wide."""
    rng = np.random.default_rng(3)
    rgb = Image.fromarray(rng.integers(0, 256, (16, 24, 3), np.uint8).repeat(2, 0).repeat(2, 1))
    gray, clear = rgb.convert("L"), rgb.copy()
    clear.putalpha(128)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(rng.integers(0, 65536, (16, 24)).astype(np.uint16))
    table: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "rgb.jpg": (rgb, "JPEG", {"quality": 60, "exif": exif}),
        "gray.jpg": (gray, "JPEG", {"quality": 30}),
        "progressive.jpg": (rgb, "JPEG", {"progressive": True}),
        "cmyk.jpg": (rgb.convert("CMYK"), "JPEG", {"quality": 30}),
        "profile.jpg": (gray, "JPEG", {"icc_profile": profile}),
        "rgb.png": (rgb, "PNG", {}),
        "gray.png": (gray, "PNG", {}),
        "clear.png": (clear, "PNG", {"exif": exif}),
        "palette.png": (rgb.quantize(16), "PNG", {"transparency": 3}),
        "bits.png": (gray.convert("1"), "PNG", {}),
        "deep.png": (deep, "PNG", {}),
        "moving.png": (rgb, "PNG", {"save_all": True, "append_images": [clear.convert("RGB")]}),
        "rgb.bmp": (rgb.resize((7, 5)), "BMP", {}),
        "palette.bmp": (gray.resize((7, 5)), "BMP", {}),
        "one.gif": (gray.quantize(8), "GIF", {}),
        "moving.gif": (gray, "GIF", {"save_all": True, "append_images": [gray.rotate(90)]}),
        "lossy.webp": (rgb, "WEBP", {}),
        "clear.webp": (clear, "WEBP", {"lossless": True, "exif": exif}),
        "plain.tif": (gray, "TIFF", {}),
        "lzw.tif": (rgb, "TIFF", {"compression": "tiff_lzw"}),
        "deflate.tif": (deep, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "float.tif": (Image.fromarray(rng.random((8, 12), np.float32)), "TIFF", {}),
        "jpeg.tif": (rgb, "TIFF", {"compression": "jpeg"}),
        "rgb.ppm": (rgb.resize((7, 5)), "PPM", {}),
        "deep.pgm": (deep, "PPM", {}),
        "bits.pbm": (gray.convert("1"), "PPM", {}),
    }
    made = {}
    for name, (image, kind, options) in table.items():
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        made[name] = buffer.getvalue()
    phone = io.BytesIO()
    rgb.save(phone, "MPO", save_all=True, append_images=[gray])
    words = b"P2\n# words\n3 2\n9\n1 2 3 4 5 6\n"
    return made | {"phone.jpg": phone.getvalue(), "words.pgm": words}


def _bundles() -> dict[str, bytes]:
    """A shipped bundle without its weights, and two models as publishers send them."""
    whole = read_bundle(find_model("digits"))
    model = edited(whole.model, _without_weights)
    golden, proof = whole.golden, whole.proof
    assert golden is not None
    assert proof is not None
    name, outputs = next(iter(golden.outputs.items()))
    small = Golden(golden.frames[:1], {name: outputs[:1]})
    short = replace(proof, measurements=(replace(proof.measurements[0], corruptions={}),))
    bundle = Bundle(model, whole.labels, _of(whole.contract, model), small)
    proven = replace(short, content_sha256=written_digest(bundle))
    bundle = replace(bundle, proof_json=proven.to_json())
    labels = "".join(f"{label}\n" for label in whole.labels).encode()
    stated = with_metadata(
        model, metadata_of([127.5], [127.5], color=2), {"labels.txt": labels, "more.txt": b"x"}
    )
    return {
        "digits.tflite": pack_bundle(bundle),
        "bare.tflite": pack_bundle(replace(bundle, golden=None, proof_json=None)),
        "signed.tflite": pack_bundle(replace(bundle, golden=None, signature_json='{"schema": 1}')),
        "foreign.tflite": stated,
        "model.tflite": model,
    }


def _without_weights(parsed: Any) -> None:
    for buffer in parsed.buffers:
        if buffer.data is not None and len(buffer.data) > 64:
            buffer.data = buffer.data[:8]


def _of(contract: Contract, model: bytes) -> Contract:
    import hashlib

    digest = hashlib.sha256(model).hexdigest()
    about = replace(contract.model, sha256=digest, size_bytes=len(model))
    return replace(contract, model=about)
