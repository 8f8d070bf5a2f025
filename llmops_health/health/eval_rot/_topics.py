"""Traffic by cell of meaning beside the eval cases in it, for a picture. Nothing is judged."""

from __future__ import annotations

import numpy as np

from llmops_health.figures import CoverageByTopic, Estimate, TopicShare
from llmops_health.health.eval_rot._cases import Floats, Ints
from llmops_health.kernels.coverage import CellMassCoverage
from llmops_health.kernels.intervals import wilson_interval

_N_LISTED = 12
_N_UNCOVERED = 8  # of these at most, the largest
_N_NAMED = 3
_NO_TOPIC = "no known topic"


def coverage_by_topic(
    week: CellMassCoverage, now: Floats, before: Floats | None, n_eval: Floats
) -> CoverageByTopic:
    """Lay out the largest topics, those that no case covers first in line for a place.

    Parameters
    ----------
    week
        Coverage of the week as the check found it.
    now : shape (64, n_cells + 1)
        Inputs of the week per bucket of users and cell, those far from every cell last.
    before : shape (n_cells + 1,)
        Share of each cell in the weeks compared with; None without them.
    n_eval : shape (n_cells + 1,)
        Eval cases per cell.
    """
    inputs = now.sum(axis=0)
    share = inputs / inputs.sum()
    order = np.argsort(-inputs, kind="stable")
    order = order[(inputs > 0)[order] | (before[order] > 0 if before is not None else False)]
    uncovered = order[~week.is_covered[order] & (inputs > 0)[order]]
    first = uncovered[:_N_UNCOVERED]
    others = order[~np.isin(order, first)]
    listed = np.concatenate([first, others[: _N_LISTED - len(first)]])
    listed = listed[np.argsort(-inputs[listed], kind="stable")]
    rest = np.setdiff1d(order, listed)
    deff = _design_effects(now)

    def topic(name: str, cells: Ints, is_covered: bool) -> TopicShare:  # noqa: FBT001
        of_cells = float(share[cells].sum())
        found = wilson_interval(of_cells * week.n / _one(deff[cells]), week.n / _one(deff[cells]))
        return TopicShare(
            name=name,
            share=of_cells,
            lo=found.lo,
            hi=found.hi,
            n_cases=int(n_eval[cells].sum()),
            is_covered=is_covered,
            share_before=None if before is None else float(before[cells].sum()),
        )

    topics = tuple(
        topic(
            _NO_TOPIC if at == len(n_eval) - 1 else f"topic {at}",
            np.array([at]),
            bool(week.is_covered[at]),
        )
        for at in listed.tolist()
    )
    n_covered = int(np.count_nonzero(week.is_covered[order]))
    missed = [one for one in topics if not one.is_covered]
    largest = ", ".join(f"{one.name} with {one.share:.1%}" for one in missed[:_N_NAMED])
    return CoverageByTopic(
        title="Share of traffic per topic, and eval cases that cover it",
        description=f"Eval cases cover {week.estimate:.1%} [{week.lo:.1%}, {week.hi:.1%}] of "
        f"{week.n} inputs of 7 days, in {n_covered} of {len(order)} topics"
        f"{f'; the largest without a case: {largest}' if largest else ''}.",
        topics=topics,
        covered=Estimate(value=week.estimate, lo=week.lo, hi=week.hi),
        rest=topic(
            f"{len(rest)} more topics",
            rest,
            bool(week.is_covered[rest].all()),
        )
        if len(rest)
        else None,
    )


def _one(deff: Floats) -> float:
    return float(deff.max())


def _design_effects(counts: Floats) -> Floats:
    """How much more the share of a cell varies, as users ask alike; at least 1, shape (n_cells,).

    The linearised jackknife variance over buckets, over that of independent inputs.
    """
    rows = counts.sum(axis=1)
    filled = counts[rows > 0]
    n_buckets, n = len(filled), float(rows.sum())
    share = counts.sum(axis=0) / n
    inside = filled - share * rows[rows > 0][:, None]
    spread = n_buckets / max(n_buckets - 1, 1) * (inside**2).sum(axis=0) / n**2
    independent = share * (1 - share) / n
    varies = independent > 0
    return np.where(varies, np.maximum(1.0, spread / np.where(varies, independent, 1.0)), 1.0)
