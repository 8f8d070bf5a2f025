"""Redundant cases: eval cases repeat each other.

Why it matters
    Copies make a suite look larger than it is. Its interval is too narrow, a topic that was
    copied counts many times, and every run pays for all of them.
How it is found
    A case repeats an earlier one of its suite when their inputs are equal, or when the cosine of
    their embeddings is at least `min_similarity`. What a case adds to those before it, 1 - cosine,
    is its facility-location gain. WARN when the whole Wilson interval of the share of repeating
    cases lies above `max_share`. Suites that are run as regression guards are left out.
How to mend it
    Retire the copies listed in `health__retirement_candidates`, or turn them into cases of their
    own. Equal inputs that expect different outputs contradict each other: decide which is right.
What it cannot see
    Cases that ask the same in other words, and cases that differ in the one word that matters:
    "do" and "do not" lie close together. Look at a copy before it is retired.
Source
    Wilson (1927), JASA 22:209-212, for the interval; the cosine of copies with a changed ending
    was 0.99, that of different questions on one topic below 0.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.eval_rot._cases import live
from llmops_health.health.eval_rot._shares import share_above

HISTORY_DAYS = 180

_KEYS = ["suite_id", "case_id"]


class Params(CheckParams):
    """Settings of this check."""

    min_similarity: float = Field(
        default=0.97, ge=0, le=1, description="Cosine from which two inputs are the same question."
    )
    max_share: float = Field(
        default=0.2, gt=0, lt=1, description="Share of repeating cases that costs little."
    )
    min_cases: int = Field(default=10, ge=1, description="Cases with a known input.")
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the interval.")


def check(
    feature: Feature,
    day: date,
    core__eval_cases: pl.DataFrame,
    summary__eval_cells: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all cases, and one per suite that warns where there are several."""
    guards = summary__eval_items.filter(pl.col("role") == "regression")["suite_id"].unique()
    cases = live(core__eval_cases, day).filter(~pl.col("suite_id").is_in(guards.to_list()))
    if cases.is_empty():
        yield Finding(
            status=Status.NOT_APPLICABLE,
            n=0,
            message="The feature has no eval cases besides regression guards.",
        )
        return
    marked = _repeats(cases, summary__eval_cells, params)
    if len(marked) < params.min_cases:
        yield Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=len(marked),
            message=f"{len(marked)} eval cases with a known input, {params.min_cases} needed.",
        )
        return
    yield _judge(feature, day, "", marked, params)
    suites = marked.partition_by("suite_id", as_dict=True)
    for (suite_id,), rows in sorted(suites.items()):
        if len(suites) > 1 and len(rows) >= params.min_cases:
            finding = _judge(feature, day, str(suite_id), rows, params)
            if finding.status is Status.WARN:
                yield finding


def _repeats(cases: pl.DataFrame, cells: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Mark which case repeats an earlier one, of those whose input is known."""
    oldest_first = (
        cases.filter(pl.col("input_sha256").is_not_null())
        .sort(pl.col("added_at").dt.epoch("us"), "case_id", nulls_last=False)
        .with_columns(
            is_copy=~pl.struct("suite_id", "input_sha256").is_first_distinct(),
            n_expected=pl.col("expected_sha256").n_unique().over("suite_id", "input_sha256"),
        )
    )
    near = cells.select(*_KEYS, "nearest_case_id", "nearest_similarity")
    still_there = cases.select("suite_id", nearest_case_id="case_id", is_there=pl.lit(value=True))
    marked = oldest_first.join(near, on=_KEYS, how="left").join(
        still_there, on=["suite_id", "nearest_case_id"], how="left"
    )
    is_near = pl.col("is_there").fill_null(value=False) & (
        pl.col("nearest_similarity") >= params.min_similarity
    )
    return marked.with_columns(
        repeats=pl.col("is_copy") | is_near,
        contradicts=pl.col("is_copy") & (pl.col("n_expected") > 1),
        gain=1 - pl.col("nearest_similarity"),
    )


def _judge(
    feature: Feature, day: date, suite_id: str, rows: pl.DataFrame, params: Params
) -> Finding:
    n, n_repeats = len(rows), int(rows["repeats"].sum())
    share = share_above(n_repeats, n, params.max_share, params.level)
    is_alarm = share.interval.lo > params.max_share
    gain = rows["gain"].median()
    message = (
        f"{n_repeats} of {n} eval cases{f' of {suite_id}' if suite_id else ''} repeat an earlier "
        f"one: {n_repeats / n:.0%} [{share.interval.lo:.0%}, {share.interval.hi:.0%}], "
        f"{params.max_share:.0%} are tolerated"
    )
    if isinstance(gain, float):
        message += f", and the median case adds {gain:.2f} (1 - cosine) to those before it"
    if n_contradict := int(rows["contradicts"].sum()):
        message += f"; {n_contradict} have the input of another case that expects something else"
    return Finding(
        status=Status.WARN if is_alarm else Status.PASS,
        segment=suite_id,
        message=f"{message}.",
        n=n,
        value=share.interval.estimate,
        lo=share.interval.lo,
        hi=share.interval.hi,
        threshold=params.max_share,
        unit="share",
        p_value=share.p_value,
        action="Look at the pairs shown and retire the copies; see health__retirement_candidates."
        if is_alarm
        else "",
        evidence_sql=_evidence(feature, day, suite_id, params) if is_alarm else "",
    )


def _evidence(feature: Feature, day: date, suite_id: str, params: Params) -> str:
    of_suite = f"and suite_id = {literal(suite_id)} " if suite_id else ""
    return (
        "select suite_id, case_id, nearest_case_id, nearest_similarity from summary__eval_cells "  # noqa: S608 - literals only
        f"where feature_id = {literal(feature.id)} {of_suite}"
        f"and nearest_similarity >= {literal(params.min_similarity)} "
        f"and (added_at is null or added_at::date <= {literal(day)}::date) "
        f"and (retired_at is null or retired_at::date > {literal(day)}::date) "
        "order by nearest_similarity desc, suite_id, case_id limit 200"
    )
