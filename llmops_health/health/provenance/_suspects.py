"""Which of the steps behind a model may have spoilt it: the faults that checks find, ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from llmops_health.health.provenance import (
    distorted_signal,
    label_flips,
    unaccounted_rows,
    unpinned_step,
)
from llmops_health.health.provenance._fates import Fates, Key
from llmops_health.health.provenance._ledger import Step

_FAULT, _LOOK, _UNPINNED = 100.0, 30.0, 5.0


@dataclass(slots=True, eq=False)
class Suspect:
    """A step with what speaks against it; `share` of its rows were dropped, made or changed."""

    step: Step
    score: float = 0.0
    share: float = 0.0
    words: list[str] = field(default_factory=list)

    def add(self, score: float, words: str) -> None:
        """Add something that speaks against the step."""
        self.score += score
        self.words.append(words)


def suspects(
    way: Sequence[Step],
    steps: Sequence[Step],
    fates: Mapping[Key, Fates],
    fate_rows: pl.DataFrame,
    sizes: Mapping[str, int],
) -> list[Suspect]:
    """Return the steps of a way back, most suspect first.

    What a check would fail counts more than what it would warn of, that more than what cannot be
    repeated; of equals the step that touched the larger share of its rows comes first.
    """
    found = {id(step): Suspect(step, share=_touched(step)) for step in way}
    rows = unaccounted_rows.Params()
    for fault in unaccounted_rows.faults_of(way, steps, fates, sizes, rows):
        found[id(fault.step)].add(_FAULT if fault.is_certain else _LOOK, fault.words)
    flips, mix = label_flips.Params(), distorted_signal.Params()
    for step in way:
        changed = label_flips.flips_of(step, flips)
        gravity = label_flips.gravity_of(changed, flips)
        if gravity and changed.share is not None:
            words = f"{step.name} changed {100 * changed.share.estimate:.1f} % of its labels"
            found[id(step)].add(_FAULT if gravity > 1 else _LOOK, words)
        for one in distorted_signal.distortions_of(step, fates, fate_rows, mix):
            meant = f" (meant: {one.reason})" if one.reason else ""
            found[id(step)].add(_UNPINNED if one.reason else _LOOK, one.words + meant)
        lacks = unpinned_step.what_lacks(step)
        if lacks:
            found[id(step)].add(_UNPINNED, f"{step.name} lacks {', '.join(lacks)}")
    return sorted(found.values(), key=lambda one: (-one.score, -one.share, one.step.seq))


def _touched(step: Step) -> float:
    n = sum(count or 0 for count in (step.dropped, step.created, step.modified))
    n = max(n, step.flipped or 0)
    return min(n / step.rows_in, 1.0) if step.rows_in else 0.0
