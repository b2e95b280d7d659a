"""The part of a run's data that is asked about: its test split, or what it was fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge.errors import UsageError
from train.plots.answers import Answers
from train.runs import Run
from train.samples import Dataset, Samples

SplitName = Literal["test", "validation", "train"]


@dataclass(frozen=True)
class Part:
    """Pictures of one run, numbered from 0 in their order."""

    run: Run
    split: SplitName
    samples: Samples

    @property
    def title(self) -> str:
        """Such as `test`, to be put before `pictures`."""
        return "training" if self.split == "train" else self.split

    def headline(self, answers: Answers) -> str:
        """Such as `97.75 % of 10,000 test pictures right`."""
        share = f"{100 * answers.right.mean():.2f} %"
        return f"{share} of {len(answers.targets):,} {self.title} pictures right"

    def check_indices(self, indices: Sequence[int]) -> None:
        """Refuses numbers of no picture.

        Raises:
            UsageError: one is below 0 or beyond the last.
        """
        for index in indices:
            if not 0 <= index < len(self.samples):
                raise UsageError(
                    f"no {self.title} picture {index}: expected 0 to {len(self.samples) - 1}, "
                    f"{self.run.record.name} has {len(self.samples):,} of them"
                )

    def only(self, indices: Sequence[int]) -> Samples:
        """The pictures at these numbers."""
        return self.samples.take(np.asarray(indices, np.int64))


def fitted_samples(run: Run, dataset: Dataset) -> Samples:
    """The pictures that the run's weights were fitted on.

    Raises:
        ModelError: the stored split cannot be used.
    """
    return dataset.train.take(run.split().train)


def part_of(run: Run, dataset: Dataset, split: SplitName) -> Part:
    """One part of the data of a run.

    Raises:
        UsageError: no picture is in it.
        ModelError: the stored split cannot be used.
    """
    if split == "test":
        samples = dataset.test
    elif split == "train":
        samples = fitted_samples(run, dataset)
    else:
        samples = dataset.train.take(run.split().validation)
    if not len(samples):
        raise UsageError(f"{run.folder} has no {split} pictures: all were fitted on")
    return Part(run, split, samples)
