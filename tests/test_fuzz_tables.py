"""Contract, proof, recipe and policy with anything in them: read, or refused in one line."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundle import parse_bundle, read_bundle
from edge.contract import NAME, Contract, fitting_name
from edge.errors import EdgeproofError, ModelError, UsageError
from edge.proof import Proof
from edge.strict import MAX_DEPTH, parse_json
from edge.zoo import find_model
from export.policy import load_policy
from tests.fuzz.amount import MANY, SOME
from train.recipes import load_recipe, parse_change
from train.toml import parse_toml

SHIPPED = read_bundle(find_model("digits"))
CONTRACT: dict[str, Any] = json.loads(SHIPPED.contract.to_json())
PROOF: dict[str, Any] = json.loads(SHIPPED.proof_json or "")
LETTERS = st.text(st.characters(exclude_categories=()), max_size=20)
"""Lone surrogates and control characters too."""
ODD = st.sampled_from(
    ["", ".", "../x", "/etc", "\x1b[2J", "a\nb", "x" * 100_000, "\ud800", "NaN", "\0", "\u202e"]
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, -(10**400), 2**63, -1, 0, 1e308, 5e-324, True, math.nan, math.inf]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, LETTERS, ODD)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(LETTERS, inner)),
    max_leaves=5,
)


@st.composite
def changed(draw: st.DrawFn, table: dict[str, Any]) -> dict[str, Any]:
    """The table with some of its values, at any depth, replaced, left out or added to."""
    whole = copy.deepcopy(table)
    for _ in range(draw(st.integers(1, 3))):
        place: Any = whole
        while True:
            keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and draw(st.booleans()):
                place = place[key]
                continue
            fate = draw(st.sampled_from(["replace", "replace", "replace", "leave out", "add"]))
            if fate == "replace":
                place[key] = draw(VALUES)
            elif fate == "leave out":
                del place[key]
            elif isinstance(place, dict):
                place[draw(LETTERS)] = draw(VALUES)
            break
    return whole


def read_or_refused(read: Callable[[], Any], error: type[EdgeproofError]) -> Any:
    """What it reads; none where it is refused as it has to be."""
    began_s = time.perf_counter()
    try:
        return read()
    except error as refusal:
        text = str(refusal)
        assert "\n" not in text
        assert len(text) < 1000
        return None
    finally:
        assert time.perf_counter() - began_s < 5


@MANY
@given(changed(CONTRACT))
def test_contract_reads_back_or_is_refused(table: dict[str, Any]) -> None:
    contract = read_or_refused(lambda: Contract.from_json(json.dumps(table), "m"), ModelError)
    if contract is not None:
        assert Contract.from_json(contract.to_json(), "again") == contract
        assert NAME.fullmatch(contract.name)


@MANY
@given(st.one_of(LETTERS, VALUES.map(json.dumps), st.binary().map(lambda b: b.decode("latin-1"))))
def test_anything_as_a_contract_is_refused(text: str) -> None:
    assert read_or_refused(lambda: Contract.from_json(text, "m"), ModelError) is None


@SOME
@given(changed(PROOF))
def test_proof_reads_back_or_is_refused(table: dict[str, Any]) -> None:
    proof = read_or_refused(lambda: Proof.from_json(json.dumps(table), "m"), ModelError)
    if proof is not None:
        assert Proof.from_json(proof.to_json(), "again") == proof


WHOLE = json.dumps(CONTRACT)
TEXTS = {
    "twice": (WHOLE.replace('"name":', '"name": "other", "name":', 1), "key 'name' stands twice"),
    "twice-deep": (WHOLE.replace('"std":', '"std": [9], "std":'), "key 'std' stands twice"),
    "1e400": (WHOLE.replace('"temperature": ', '"temperature": 1e400, "x": '), "double holds"),
    "nan": (WHOLE.replace('"temperature": ', '"temperature": NaN, "x": '), "NaN is not a number"),
    "huge": (WHOLE.replace('"std": [', f'"std": [{10**400}, '), "std.0.: expected a number that"),
    "digits": (WHOLE.replace('"size_bytes": ', f'"size_bytes": {"9" * 5000}'), "not JSON: Exceeds"),
    "deep": ("[" * 100_000, f"at most {MAX_DEPTH} levels"),
    "deeper": (
        WHOLE.replace('"provenance": {', '"provenance": {"x": ' + "[" * 40 + "]" * 40 + ", "),
        f"at most {MAX_DEPTH} levels",
    ),
    "dot": (WHOLE.replace('"name": "digits"', '"name": ".ssh"'), "name must be 1 to 64 letters"),
    "path": (WHOLE.replace('"name": "digits"', '"name": "../x"'), "name must be 1 to 64 letters"),
    "long": (WHOLE.replace('"name": "digits"', f'"name": "{"x" * 65}"'), "name must be 1 to 64"),
    "escape": (WHOLE.replace('"variant": "', '"variant": "\\u001b[2J'), "variant must be short"),
    "negative": (WHOLE.replace('"size_bytes": ', '"size_bytes": -'), "size_bytes must be 1 to 2"),
    "size": (WHOLE.replace('"height": 28', '"height": 1025'), "size must be 1 to 1024 pixels"),
    "hash": (WHOLE.replace('"sha256": "', '"sha256": "X'), "sha256 must be 64 hexadecimal digits"),
}


@pytest.mark.parametrize("name", list(TEXTS))
def test_contract_that_says_two_things_or_none_is_refused_in_its_words(name: str) -> None:
    text, message = TEXTS[name]
    assert text != WHOLE
    with pytest.raises(ModelError, match=message) as refusal:
        Contract.from_json(text, "m")
    assert len(str(refusal.value)) < 300


def test_depth_that_is_allowed_is_written_and_read() -> None:
    inner: Any = 1
    for _ in range(MAX_DEPTH - 2):
        inner = [inner]
    text = json.dumps({**CONTRACT, "provenance": {"x": inner}})
    assert parse_json(text)["provenance"]["x"] == inner
    contract = Contract.from_json(text, "m")
    assert Contract.from_json(contract.to_json(), "again") == contract


@MANY
@given(LETTERS)
def test_any_name_can_be_made_fitting(text: str) -> None:
    name = fitting_name(text)
    assert NAME.fullmatch(name)
    assert fitting_name(name) == name or name.strip("-.") != name


def test_shipped_bundles_are_read_as_before() -> None:
    for name in ("digits", "fashion"):
        data = find_model(name).read_bytes()
        assert parse_bundle(data, name).contract.name == name


def toml(value: object) -> str:
    """A value as TOML writes it, near enough; nan and inf are words there."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return "''" if value is None else json.dumps(value)


@st.composite
def written(draw: st.DrawFn, keys: tuple[str, ...]) -> str:
    """Lines of TOML with known keys and odd values."""
    pairs = draw(st.dictionaries(st.sampled_from(keys) | LETTERS.map(toml), VALUES, max_size=4))
    return "".join(f"{key} = {toml(value)}\n" for key, value in pairs.items())


LIMITS = ("min_accuracy", "max_drop_points", "drop_confidence", "hard_pictures", "max_size_bytes")
KEYS = ("network", "epochs", "batch_size", "learning_rate", "widths", "augment", "dropout")


@SOME
@given(written(LIMITS))
def test_policy_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gate.toml"
    path.write_bytes(b"[default]\n" + text.encode(errors="surrogatepass"))
    policy = read_or_refused(lambda: load_policy("digits", path), UsageError)
    assert policy is None or all(math.isfinite(float(value)) for value in vars(policy).values())


@SOME
@given(written(KEYS))
def test_recipe_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    read_or_refused(lambda: load_recipe(str(path), "photo", []), UsageError)


@SOME
@given(st.one_of(LETTERS, st.tuples(st.sampled_from(KEYS), VALUES.map(toml)).map("=".join)))
def test_change_of_a_recipe_is_read_or_refused(text: str) -> None:
    change = read_or_refused(lambda: parse_change(text), UsageError)
    if change is not None:
        read_or_refused(lambda: load_recipe("cnn", "photo", [change]), UsageError)


@pytest.mark.parametrize("text", ["a = nan", "a = [1, -inf]", "a = 1e400", "a = " + "[" * 5000])
def test_toml_without_a_number_or_an_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a number|too deep"):
        parse_toml(text)
