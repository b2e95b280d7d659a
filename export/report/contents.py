"""What a report is made from: everything that the gate found out about one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.proof import Score
from export.pack import output_of
from export.policy import Policy
from export.reference import Reference
from export.statistics import answered_score, answers_of, score
from train.runs import RunRecord
from train.samples import Samples
from train.versions import versions

if TYPE_CHECKING:
    from export.bench import Finding
    from export.repair import Step


@dataclass(frozen=True)
class Report:
    """The ingredients; analysis.py computes from them what the reports show."""

    record: RunRecord
    policy: Policy
    reference: Reference
    test: Samples
    """The test pictures, to show those that quantisation flipped."""
    findings: tuple[Finding, ...]
    refused: dict[str, str]
    """Variant -> why it could not even be measured."""
    steps: tuple[Step, ...] = ()
    """What the repair tried, in its order."""

    @property
    def passed(self) -> bool:
        """Whether every candidate was measured and may ship, itself or repaired."""
        measured = [f.verdict.passed for f in self.findings if not f.is_superseded]
        return bool(measured) and all(measured) and not self.refused

    @property
    def floats(self) -> Score:
        """The float model's answers to all test pictures."""
        return score(answers_of(self.reference.logits), self.reference.targets)

    @property
    def floats_answered(self) -> Score:
        """The same of those that it does not call `unknown`, by the run's own confidence."""
        return answered_score(self.reference.logits, self.reference.targets, output_of(self.record))

    @property
    def versions(self) -> dict[str, str]:
        """Of what measured: the packages and the machine's architecture."""
        return versions("tensorflow", "keras", "numpy", "tflite-runtime", "ai-edge-litert")
