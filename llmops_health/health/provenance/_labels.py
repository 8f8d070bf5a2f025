"""Labels of single rows under two template versions, or before and after one step, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.health.provenance._ledger import Step


@dataclass(frozen=True, slots=True, eq=False)
class PairTable:
    """Rows by the other label (row) and the label that the step gave (column).

    `other_version` None: the other label is the one before the step.
    """

    pipeline: str
    step_id: str
    version: str | None
    other_version: str | None
    labels: tuple[str, ...]
    counts: npt.NDArray[np.float64]

    @property
    def n(self) -> int:
        """Rows in all."""
        return int(self.counts.sum())


def pair_tables(relabels: pl.DataFrame) -> list[PairTable]:
    """Return a table per step and other version, in a fixed order."""
    found = []
    grain = ["pipeline_id", "step_id", "other_version"]
    for key, part in relabels.sort(*grain, "label", "other_label").group_by(
        grain, maintain_order=True
    ):
        names = sorted({*part["label"].to_list(), *part["other_label"].to_list()})
        place = {name: at for at, name in enumerate(names)}
        counts = np.zeros((len(names), len(names)))
        for label, other, n in part.select("label", "other_label", "n").iter_rows():
            counts[place[other], place[label]] += n
        found.append(
            PairTable(
                pipeline=str(key[0]),
                step_id=str(key[1]),
                version=part["version"][0],
                other_version=None if key[2] is None else str(key[2]),
                labels=tuple(names),
                counts=counts,
            )
        )
    return found


def worst_flip(pairs: Sequence[PairTable], step: Step) -> str:
    """Return words on the most frequent flip of a step, '' where no row tells."""
    for pair in pairs:
        if (pair.pipeline, pair.step_id) == (step.pipeline, step.step_id):
            flips = pair.counts - np.diag(np.diag(pair.counts))
            if pair.other_version is None and flips.any():
                other, label = np.unravel_index(int(flips.argmax()), flips.shape)
                return (
                    f", most often {pair.labels[other]!r} to {pair.labels[label]!r}"
                    f" ({int(flips.max()):,} rows)"
                )
    return ""
