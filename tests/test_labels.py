"""A stranger's model must not speak to the terminal by its labels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.bundle import pack_bundle, parse_bundle, read_bundle
from edge.errors import ModelError
from edge.zoo import shipped_models


@pytest.mark.parametrize("letters", ["\x1b[31m", "\x9b31m", "\r", "\x07", "\x7f", "\0"])
def test_labels_with_control_characters_are_refused(letters: str) -> None:
    bundle = read_bundle(shipped_models()["digits"])
    sly = replace(bundle, labels=(f"{letters}zero", *bundle.labels[1:]))
    with pytest.raises(ModelError, match=r"without control characters in labels\.txt"):
        parse_bundle(pack_bundle(sly), "sly")


def test_labels_of_any_language_are_taken() -> None:
    bundle = read_bundle(shipped_models()["digits"])
    kept = replace(
        bundle, labels=("z\u00e9ro", "\u4e00", "\U0001f468\u200d\U0001f373", *bundle.labels[3:])
    )
    assert parse_bundle(pack_bundle(kept), "kept").labels == kept.labels
