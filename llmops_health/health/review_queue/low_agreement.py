"""Low agreement: two reviewers decide differently about the same item.

Why it matters
    Decisions become labels. Where people do not agree, the label is the reviewer who happened to
    be there, and no model can be measured against it.
How it is found
    Items that two people decided, over `window_days`: the share of agreement, Cohen's kappa,
    Gwet's AC1 and Krippendorff's alpha, beside the share of the commonest decision. Where one
    decision dominates, kappa and alpha fall towards 0 however well people agree; AC1 does not,
    and is what is judged: WARN when its whole interval, by buckets of items, lies below
    `min_ac1`. It never fails.
How to mend it
    Write down the cases that split the reviewers, decide them once together, and put the decision
    into the guideline.
What it cannot see
    Reviewers who agree because they see each other's decision, or the model's: see
    `rubber_stamping`. Items that only one person decided.
Source
    Gwet (2008), Brit. J. Math. Stat. Psych. 61; Krippendorff (2011); Feinstein and Cicchetti
    (1990), J. Clin. Epidemiol. 43, on prevalence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_applicable,
    not_enough_data,
)
from llmops_health.health.review_queue._flow import of_queue, since
from llmops_health.kernels.agreement import ac1_from_sums, two_rater_agreement
from llmops_health.kernels.jackknife import bucket_jackknife

HISTORY_DAYS = 91

Floats = npt.NDArray[np.float64]


class Params(CheckParams):
    """Settings of this check."""

    window_days: int = Field(default=28, ge=7, le=91, description="Days of pairs to look at.")
    min_ac1: float = Field(
        default=0.6, gt=0, lt=1, description="Below is moderate at best on the scale in use."
    )
    level: float = Field(default=0.995, gt=0, lt=1, description="Coverage: judged every day.")
    min_pairs: int = Field(default=40, ge=10, description="Items decided by two people.")
    min_buckets: int = Field(default=10, ge=3, description="Groups of items the error needs.")


def check(
    feature: Feature, day: date, summary__review_pairs: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding on the feature's reviewers together."""
    first = day - timedelta(days=params.window_days - 1)
    pairs = since(of_queue(feature, summary__review_pairs), first)
    n = int(pairs["n"].sum())
    if not n:
        yield not_applicable(f"No item was decided by two people in {params.window_days} days.")
        return
    if n < params.min_pairs or pairs["bucket"].n_unique() < params.min_buckets:
        yield not_enough_data(
            n, f"{n} items were decided by two people, {params.min_pairs} are needed."
        )
        return
    table, by_bucket = _counts(pairs)
    if len(table) < 2:
        yield not_enough_data(
            n, f"All {n} pairs made the same decision: agreement beyond chance is undefined."
        )
        return
    found = two_rater_agreement(table)
    ac1 = bucket_jackknife(by_bucket, ac1_from_sums, level=params.level)
    used = table.sum(axis=0) / table.sum()
    low = ac1.hi < params.min_ac1
    yield Finding(
        status=Status.WARN if low else Status.PASS,
        message=f"Two reviewers agreed on {100 * found.percent:.1f} % of {n} items: AC1 "
        f"{ac1.estimate:.2f} [{ac1.lo:.2f}, {ac1.hi:.2f}], alpha {found.alpha:.2f}, kappa "
        f"{found.kappa:.2f}; the commonest decision is {100 * used.max():.0f} % of all.",
        n=n,
        value=ac1.estimate,
        lo=ac1.lo,
        hi=ac1.hi,
        threshold=params.min_ac1,
        unit="AC1",
        action="Decide the items that split the reviewers together and write the rule down."
        if low
        else "",
        evidence_sql=_evidence(feature, first, day) if low else "",
    )


def _counts(pairs: pl.DataFrame) -> tuple[Floats, Floats]:
    """Return the symmetric table of decisions, and the sums of AC1 per bucket of items."""
    decisions = sorted({*pairs["decision"].to_list(), *pairs["other_decision"].to_list()})
    place = {name: at for at, name in enumerate(decisions)}
    one, other = (
        np.array([place[name] for name in pairs[column].to_list()])
        for column in ("decision", "other_decision")
    )
    n = pairs["n"].to_numpy().astype(np.float64)
    table = np.zeros((len(decisions), len(decisions)))
    # Who came first says nothing: half of each pair is counted either way.
    np.add.at(table, (one, other), n / 2)
    np.add.at(table, (other, one), n / 2)
    sums = np.zeros((64, 2 + len(decisions)))
    bucket = pairs["bucket"].to_numpy()
    sums[:, 0] = np.bincount(bucket, weights=n, minlength=64)
    sums[:, 1] = np.bincount(bucket, weights=n * (one == other), minlength=64)
    np.add.at(sums, (bucket, 2 + one), n)
    np.add.at(sums, (bucket, 2 + other), n)
    return table, sums


def _evidence(feature: Feature, first: date, day: date) -> str:
    return (
        "select decision, other_decision, sum(n)::bigint as n "  # noqa: S608 - literals only
        f"from summary__review_pairs where feature_id = {literal(feature.id)} "
        f"and day between {literal(first)}::date and {literal(day)}::date "
        "group by decision, other_decision order by n desc, decision, other_decision limit 500"
    )
