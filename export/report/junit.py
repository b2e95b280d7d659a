"""junit.xml: a test suite for each variant and a test case for each check, as CI systems show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from export.gate import Check
from export.report.contents import Report

if TYPE_CHECKING:
    from export.bench import Finding

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 does not allow, not even escaped (section 2.2)."""


def to_junit(report: Report) -> bytes:
    """The bytes of junit.xml; what failed says by `type` whether data was lacking."""
    model = report.record.name
    suites = [_suite(model, finding) for finding in report.findings]
    suites += [_refused(model, variant, reason) for variant, reason in report.refused.items()]
    root = ET.Element("testsuites", name=clean(f"edgeproof gate of {model}"))
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.extend(suites)
    ET.indent(root, " ")
    return ET.tostring(root, "utf-8", xml_declaration=True) + b"\n"


def clean(text: str) -> str:
    """Text without the characters that XML forbids."""
    return _FORBIDDEN.sub("\ufffd", text)


def _suite(model: str, finding: Finding) -> ET.Element:
    verdict = finding.verdict
    suite = _empty_suite(finding.variant, len(verdict.checks), len(verdict.failures), 0)
    for check in verdict.checks:
        case = _case(suite, model, finding.variant, _name(check))
        if not check.passed:
            failure = ET.SubElement(case, "failure", message=clean(str(check)), type=check.outcome)
            failure.text = clean("\n".join([str(check), *map(str, finding.causes)]))
    return suite


def _refused(model: str, variant: str, reason: str) -> ET.Element:
    suite = _empty_suite(variant, 1, 0, 1)
    case = _case(suite, model, variant, "is measured")
    ET.SubElement(case, "error", message=clean(reason), type="refused").text = clean(reason)
    return suite


def _empty_suite(variant: str, tests: int, failures: int, errors: int) -> ET.Element:
    return ET.Element(
        "testsuite",
        name=clean(variant),
        tests=str(tests),
        failures=str(failures),
        errors=str(errors),
        skipped="0",
        time="0",
    )


def _case(suite: ET.Element, model: str, variant: str, name: str) -> ET.Element:
    # Dots would be read as a package path, so that the model's own are replaced.
    place = ".".join(part.replace(".", "_") for part in ("edgeproof", model, variant))
    return ET.SubElement(suite, "testcase", classname=clean(place), name=clean(name), time="0")


def _name(check: Check) -> str:
    return f"{check.name} on {check.where}" if check.where else check.name
