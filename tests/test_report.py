"""The reports: readable by their programs, safe against their data, and the same each time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from edge.contract import Input, Output, Preprocess
from export.baseline import mistakes
from export.bench import Finding
from export.corruptions import CONDITIONS
from export.diagnosis import Cause
from export.gate import Cost, Verdict, judge, weigh
from export.layers import LayerError
from export.measure import Answers
from export.policy import load_policy
from export.reference import Reference, choose_part
from export.repair import Step, Trial
from export.report import Report, overview, rows_of, table, write_overview, write_reports
from export.report.confusions import MOST_CLASSES
from export.report.figures import pareto_front
from export.report.junit import clean
from export.report.pictures import MOST
from export.variants import Quantization
from train.runs import RunRecord
from train.samples import PictureFiles, Samples

EVIL = "<script>alert(1)</script>|`x`"
LABELS = ("cat", "dog", EVIL, "never shown")
VOID = {"meta", "img", "wbr"}


OUTPUT = Output(temperature=1.25, unknown_threshold=0.6)
QUANTIZATION = Quantization("percentile", 99.9, 500, ("dense_1",))


def a_layer(name: str, error_db: float) -> LayerError:
    return LayerError(name, "CONV_2D", (1, 28, 28, 8), error_db, error_db, 0.01, 0.1, 0.0, 6.0, 0)


def a_reference(labels: tuple[str, ...] = LABELS, n: int = 240) -> Reference:
    """A float model that is nearly always right; the last class has no pictures."""
    rng = np.random.default_rng(0)
    targets = np.arange(n) % (len(labels) - 1)
    logits = (6 * np.eye(len(labels))[targets] + rng.normal(0, 1.5, (n, len(labels)))).astype("f4")
    part = choose_part(targets, 30)
    hard = logits[part] + rng.normal(0, 2, (len(CONDITIONS), len(part), len(labels)))
    return Reference(labels, targets, logits, part, CONDITIONS, hard.astype(np.float32))


def a_finding(reference: Reference, variant: str, noise: float) -> Finding:
    """A candidate whose logits are the float model's and noise; one picture is `unknown`."""
    rng = np.random.default_rng(1)
    logits = (reference.logits + rng.normal(0, noise, reference.logits.shape)).astype(np.float32)
    logits[0] = np.nan
    hard = reference.corrupted + np.float32(noise)
    answers = tuple(
        Answers(runtime, "1.0", logits, logits, us, hard, {"builtin": logits[reference.part]})
        for runtime, us in (("tflite-runtime", 300.0), ("ai-edge-litert", 0.0))
    )
    shipped = mistakes([replace(a, logits=reference.logits) for a in answers], reference)
    verdict = judge(
        load_policy("other"), variant, Cost(96_000, 7_654_321), reference, answers, shipped, OUTPUT
    )
    causes = () if verdict.passed else (Cause("layer", f"conv_1 of {EVIL}"),)
    layers = (a_layer("conv_1", 3.25), a_layer(EVIL, 40.0))
    return Finding(variant, verdict, answers, OUTPUT, QUANTIZATION, causes, layers)


def a_report(reference: Reference, noises: dict[str, float], **changes: object) -> Report:
    gray = Input(28, 28, "gray", Preprocess("ink", (0.0,), (255.0,)))
    record = RunRecord(
        1, "tiny-1", "tiny", EVIL, reference.labels, gray, {}, 1, "a", "b", "c",
        {"keras": "3"}, 1, 1, {}, 1.0,
    )  # fmt: skip
    pixels = np.random.default_rng(2).integers(0, 256, (len(reference.targets), 28, 28))
    report = Report(
        record,
        load_policy("other"),
        reference,
        Samples(pixels.astype(np.uint8), reference.targets),
        tuple(a_finding(reference, variant, noise) for variant, noise in noises.items()),
        {"int4": "the runtime died\x00 of <SIGSEGV> \udc80"},
        (Step(QUANTIZATION, Trial(True, 31.0, "every line passed"), 96_000),),
    )
    return replace(report, **changes)  # type: ignore[arg-type]


def a_verdict(report: Report) -> Verdict:
    return report.findings[0].verdict


def mixed(**changes: object) -> Report:
    """One candidate that passes but for its unknown picture, and one that is far off."""
    return a_report(a_reference(), {"float32": 0.0, "int8": 4.0}, **changes)


def written(folder: Path, report: Report) -> dict[str, str]:
    return {path.name: path.read_text() for path in write_reports(folder, report)}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The four files of the mixed report, by name."""
    return written(tmp_path_factory.mktemp("mixed"), mixed())


class Page(HTMLParser):
    """Collects tags and attributes; fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def ids(self) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get("id"))]


def test_the_same_report_gives_the_same_bytes(tmp_path: Path, texts: dict[str, str]) -> None:
    assert list(texts) == ["report.html", "report.json", "junit.xml", "summary.md"]
    assert written(tmp_path, mixed()) == texts


def test_page_has_no_script_and_nothing_from_elsewhere(texts: dict[str, str]) -> None:
    text = texts["report.html"]
    page = Page(text)
    assert page.open == []
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "link", "iframe", "object"} & set(tags)
    assert tags.count("style") == 1
    for reference in ("http", "url(", "@import", "javascript:", "<script>alert"):
        assert reference not in text.lower(), reference
    for _, attributes in page.tags:
        assert (attributes.get("src") or "data:").startswith("data:")
        assert (attributes.get("href") or "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]


def test_page_refers_only_to_what_it_has_and_names_nothing_twice(texts: dict[str, str]) -> None:
    page = Page(texts["report.html"])
    ids = page.ids()
    assert len(ids) == len(set(ids))
    aims = {value[1:] for _, a in page.tags if (value := a.get("href"))}
    assert aims <= set(ids)


def test_drawings_take_their_colours_from_the_theme(texts: dict[str, str]) -> None:
    text = texts["report.html"]
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 3 + 2 * 2  # two runtimes and size; two diagrams a variant
    for drawing in drawings:
        assert "var(--ink)" in drawing
        assert not re.search(r"(fill|stroke): #", drawing)
        assert not re.search(r"<svg[^>]* (width|height)=", drawing)
    style = text[text.index("<style>") : text.index("</style>")]
    used = set(re.findall(r"var\((--[\w-]+)\)", text))
    light, dark = style.split("prefers-color-scheme: dark", 1)
    for name in used - {"--heat"}:
        assert f"{name}:" in light, name
        assert f"{name}:" in dark, name


def test_failures_causes_and_refusals_stand_in_every_report(texts: dict[str, str]) -> None:
    report = mixed()
    failed = report.findings[1].verdict.failures
    assert failed
    for name, text in {**texts, "terminal": "\n".join(table(report))}.items():
        for check in failed:
            assert check.name in text, (name, check.name)
        assert "conv_1 of" in unescape(text), name
        assert "the runtime died" in text, name


def test_json_is_strict_and_complete(texts: dict[str, str]) -> None:
    text = texts["report.json"]
    told = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert (told["schema"], told["passed"], told["labels"][2]) == (3, False, EVIL)
    candidate = told["candidates"][1]
    assert candidate["outcome"] == "failed"
    assert (candidate["temperature"], candidate["unknown_threshold"]) == (1.25, 0.6)
    floats, told_of = candidate["float_answered"], candidate["measurements"][0]["answered"]
    assert told_of["correct"] <= told_of["n"] < told["test_pictures"]
    assert floats["n"] < told["float"]["answered"]["n"] == told["test_pictures"]
    assert candidate["layers"][0]["name"] == "conv_1"
    assert candidate["quantization"]["percentile"] == 99.9
    measured = candidate["measurements"][0]
    assert measured["runtime"] == "tflite-runtime 1.0"
    assert sum(map(sum, measured["confusion"])) == told["test_pictures"]
    assert measured["confusion"][0][-1] == 1  # the picture that is answered with unknown
    assert list(measured["corrupted_accuracy"]["noise"]) == ["0", "1", "2", "3"]
    assert len(measured["lost"]) == measured["drop"]["lost"]
    assert len(measured["gained"]) == measured["drop"]["gained"]
    assert told["steps"][0]["trial"]["passed"] is True
    assert "numpy" in told["versions"]


def test_every_report_for_people_says_how_many_pictures_are_answered(
    texts: dict[str, str],
) -> None:
    """The record has no confidence here, so the float model's headline answers them all."""
    found = mixed().findings[1].verdict.measurements[0].answered
    share, right = f"{100 * found.n / 240:.2f} %", f"{100 * found.accuracy:.2f} %"
    people = {"report.html": texts["report.html"], "summary.md": texts["summary.md"]}
    for name, text in {**people, "terminal": "\n".join(table(mixed()))}.items():
        for told in ("100.00 %", share, right):
            assert told in text, (name, told)


def test_costs_stand_beside_what_they_may_be(texts: dict[str, str], tmp_path: Path) -> None:
    report = mixed()
    passed = weigh(report.policy, report.findings[0].verdict, 1_234_567)
    report = replace(
        report, findings=(replace(report.findings[0], verdict=passed), report.findings[1])
    )
    told = written(tmp_path, report)
    shown = {**told, "terminal": "\n".join(table(report))}
    for name in ("report.html", "summary.md", "terminal"):
        for count in ("7,654,321", "1,000,000,000"):
            assert count in shown[name], (name, count)
    candidates = json.loads(told["report.json"])["candidates"]
    assert [one["bundle_bytes"] for one in candidates] == [1_234_567, None]
    assert [one["multiply_adds"] for one in candidates] == [7_654_321] * 2
    checks = {check["name"]: check for check in candidates[0]["checks"]}
    assert checks["max_bundle_bytes"]["value"] == 1_234_567
    assert checks["max_bundle_bytes"]["limit"] == report.policy.max_bundle_bytes


def test_a_byte_too_many_is_shown(tmp_path: Path) -> None:
    report = mixed()
    verdict = weigh(replace(report.policy, max_bundle_bytes=100_000), a_verdict(report), 100_001)
    report = replace(report, findings=(replace(report.findings[0], verdict=verdict),))
    assert "100.001 kB" in written(tmp_path, report)["summary.md"]


def test_the_closing_table_has_every_candidate_and_what_is_asked(tmp_path: Path) -> None:
    report = mixed()
    headings, first, second, refused = overview(rows_of(report))
    assert headings.split()[0] == "MODEL"
    assert "7,654,321" in first
    assert (second.split()[-1], refused.split()[-1]) == ("FAILED", "REFUSED")
    told = json.loads(write_overview(tmp_path, [report]).read_text())
    assert (told["passed"], [one["variant"] for one in told["models"]]) == (
        False,
        ["float32", "int8", "int4"],
    )
    assert (told["models"][2]["accuracy"], told["models"][2]["multiply_adds"]) == (None, None)
    assert told["models"][1]["min_accuracy"] == report.policy.min_accuracy


def test_junit_counts_what_it_holds(texts: dict[str, str]) -> None:
    root = ET.fromstring(texts["junit.xml"])
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["float32", "int8", "int4"]
    for suite in suites:
        cases = suite.findall("testcase")
        assert suite.get("tests") == f"{len(cases)}"
        assert suite.get("failures") == f"{len(suite.findall('testcase/failure'))}"
        assert suite.get("errors") == f"{len(suite.findall('testcase/error'))}"
        assert len({case.get("name") for case in cases}) == len(cases)
    assert {case.get("classname") for case in suites[1].findall("testcase")} == {
        "edgeproof.tiny.int8"
    }
    assert root.get("tests") == f"{len(root.findall('testsuite/testcase'))}"


def test_lack_of_data_is_told_from_failure(tmp_path: Path) -> None:
    report = mixed(refused={})
    finding = report.findings[0]
    checks = [replace(check, outcome="passed") for check in finding.verdict.checks]
    checks[0] = replace(checks[0], outcome="not enough data", note="give more")
    verdict = replace(finding.verdict, checks=tuple(checks))
    report = replace(report, findings=(replace(finding, verdict=verdict, causes=()),))
    texts = written(tmp_path, report)
    failures = ET.fromstring(texts["junit.xml"]).findall("testsuite/testcase/failure")
    assert [failure.get("type") for failure in failures] == ["not enough data"]
    assert 'class="chip not-enough-data"' in texts["report.html"]
    assert "⚠️ not enough data" in texts["summary.md"]
    assert "NOT ENOUGH DATA float32: min_test_pictures" in "\n".join(table(report))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("a\x00b\x1f", "a\ufffdb\ufffd"), ("\udc80", "\ufffd"), ("\tä🙂", "\tä🙂")],
)
def test_xml_gets_no_character_that_it_forbids(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_summary_takes_names_literally(texts: dict[str, str]) -> None:
    text = texts["summary.md"]
    assert "<script" not in text
    assert text.startswith("## ❌ tiny: ")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.count("|") for line in rows}) == 2  # two kinds of tables, no stray bar
    assert text.count("<details>") == text.count("</details>") == 2


def test_nothing_measured_is_a_report_too(tmp_path: Path) -> None:
    texts = written(tmp_path, mixed(findings=(), steps=()))
    assert "The one variant may not ship" in texts["report.html"]
    assert "int4" in texts["summary.md"]
    assert json.loads(texts["report.json"])["passed"] is False
    assert "Nothing was measured" in written(tmp_path, mixed(findings=(), refused={}))["summary.md"]


def test_every_answer_unknown_is_a_report_too(tmp_path: Path) -> None:
    reference = a_reference()
    finding = a_finding(reference, "int8", 0.0)
    answers = tuple(
        replace(one, logits=np.full_like(one.logits, np.nan)) for one in finding.answers
    )
    verdict = judge(load_policy("other"), "int8", Cost(1, 1), reference, answers)
    report = mixed(findings=(Finding("int8", verdict, answers),))
    texts = written(tmp_path, report)
    assert json.loads(texts["report.json"])["candidates"][0]["passed"] is False
    assert "unknown" in texts["report.html"]


def test_many_classes_list_pairs_instead_of_a_matrix(tmp_path: Path) -> None:
    labels = tuple(f"class {number}" for number in range(MOST_CLASSES + 20))
    report = a_report(a_reference(labels, 900), {"int8": 4.0})
    text = written(tmp_path, report)["report.html"]
    assert "The pairs that are confused most, of 45 classes" in text
    assert 'class="matrix' not in text
    assert "those that lost most, 5 more in report.json" in text


def test_pictures_are_few_and_say_how_many_there_are(texts: dict[str, str]) -> None:
    lost = len(json.loads(texts["report.json"])["candidates"][1]["measurements"][0]["lost"])
    assert lost > MOST
    assert f"{lost - MOST} more in report.json" in texts["report.html"]
    assert texts["report.html"].count("<img") <= 2 * 3 * MOST


def test_photos_are_shrunk_and_a_lost_one_is_no_failure(tmp_path: Path) -> None:
    photo = tmp_path / f"{EVIL.replace('/', '')}.png"
    Image.effect_noise((900, 600), 90).convert("RGB").save(photo)
    reference = a_reference()
    paths = [photo, tmp_path / "gone.png"] * (len(reference.targets) // 2)
    report = mixed(test=Samples(PictureFiles(tuple(paths)), reference.targets))
    texts = written(tmp_path / "out", report)
    assert "data:image/jpeg" in texts["report.html"]
    assert "cannot be read" in texts["report.html"]
    assert len(texts["report.html"]) < 2_000_000
    files = json.loads(texts["report.json"])["picture_files"]
    assert set(files.values()) == {str(photo), str(tmp_path / "gone.png")}


def test_pareto_front_keeps_what_nothing_beats() -> None:
    assert pareto_front([3, 1, 2, 1, 4], [9, 5, 4, 6, 9]) == [3, 0]
