"""Eval marker: words of the eval inputs give away that they are a test.

Why it matters
    A model that can tell a test from a user may answer the test. A case number, a fixed name or a
    turn of phrase that users never write is all it takes, and a fine-tune learns it unnoticed.
How it is found
    Words and pairs of words (digits as #) of the eval inputs are compared with those of the five
    production inputs nearest in meaning, so that the topic does not count. On one half of the
    inputs and users the three words that are most in evals beyond their neighbours are chosen, on
    the other half it is measured how many more eval inputs have one of them; and the other way
    round. Noise gives nothing on average. WARN when the whole interval of that excess lies above
    `min_excess`. A word is named only if it is in five eval inputs or more of a half; no prompt is
    shown. It warns and never fails.
How to mend it
    Keep case numbers and suite names in metadata (`eval_case_id`), not in the prompt, vary names,
    and write cases from sampled production inputs (`health__refresh_candidates`).
What it cannot see
    Marks outside the input: a missing user, the system text (see `harness_differs`), the hour.
    Formatting without words, marks in fewer than a tenth of the inputs, and suites of fewer than
    20 inputs. Style that eval authors share is a mark too, and is reported as one.
Source
    Cross-fitting as in Chernozhukov et al. (2018), Econometrics Journal 21(1); classifier
    two-sample tests, Lopez-Paz and Oquab (2017), arXiv:1610.06545: here words classify.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from math import sqrt

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_enough_data
from llmops_health.kernels.intervals import Interval, t_interval

HISTORY_DAYS = 28

_ANY = ""
_MOST_NAMED = 5


class Params(CheckParams):
    """Settings of this check."""

    min_excess: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Tolerated excess of eval inputs with a telling word over their neighbours in "
        "production (share).",
    )
    level: float = Field(
        default=0.999,
        gt=0,
        lt=1,
        description="Coverage of the interval: the same suite is judged every day.",
    )
    max_hidden: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Excess that must be ruled out to pass (share): else it cannot be told.",
    )
    min_inputs: int = Field(default=20, ge=4, description="Eval inputs needed, both halves.")


def check(
    feature: Feature, day: date, summary__marker_words: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding on the newest day with evals."""
    known = summary__marker_words.filter(pl.col("day") <= day)
    if known.is_empty():
        yield not_enough_data(
            0,
            f"No day of {HISTORY_DAYS} has the texts of {params.min_inputs} different eval inputs "
            "and of enough production inputs to compare their words.",
        )
        return
    newest = known.filter(pl.col("day") == pl.col("day").max())
    whole = newest.filter(pl.col("word") == _ANY)
    n = int(whole["n"].sum())
    if n < params.min_inputs:
        yield not_enough_data(n, f"{n} different eval inputs, {params.min_inputs} are needed.")
        return
    excess = _excess(whole, params.level)
    is_marked = excess.lo > params.min_excess
    if not is_marked and excess.hi > params.max_hidden:
        yield not_enough_data(
            n,
            f"Words that give a test away could be in {100 * excess.hi:.0f} % of the {n} eval "
            f"inputs unseen, {100 * params.max_hidden:.0f} % must be ruled out: more different "
            "inputs are needed.",
        )
        return
    named = _named(newest, params) if is_marked else []
    n_with, near = int(whole["n_with"].sum()), float(whole["sum_near"].sum()) / n
    on: date = newest["day"][0]
    if not is_marked:
        message = (
            f"Words chosen on one half of the eval inputs are in {n_with} of {n} inputs of the "
            f"other half, in {100 * near:.0f} % of their neighbours in production: no mark of a "
            f"test beyond {100 * params.min_excess:.0f} % is seen "
            f"[{100 * excess.lo:+.0f}, {100 * excess.hi:+.0f}]."
        )
    else:
        message = (
            f"Eval inputs give themselves away: {n_with} of {n} have one of the words "
            f"{', '.join(named)}, but only {100 * near:.0f} % of the production inputs nearest in "
            f"meaning, {100 * excess.estimate:.0f} % fewer "
            f"[{100 * excess.lo:.0f}, {100 * excess.hi:.0f}]."
        )
    yield Finding(
        status=Status.WARN if is_marked else Status.PASS,
        n=n,
        value=excess.estimate,
        lo=excess.lo,
        hi=excess.hi,
        threshold=params.min_excess,
        unit="share",
        message=message,
        action="Take these words out of the eval inputs, or into metadata, and write new cases "
        "from sampled production inputs."
        if is_marked
        else "",
        evidence_sql=_evidence(feature, on) if is_marked else "",
    )


def _excess(rows: pl.DataFrame, level: float) -> Interval:
    """Return by how much the share with the word exceeds that of the neighbours."""
    n = int(rows["n"].sum())
    mean = (int(rows["n_with"].sum()) - float(rows["sum_near"].sum())) / n
    variance = max(float(rows["sum_sq"].sum()) - n * mean**2, 0.0) / (n - 1)
    # One more input that differs each way: twenty of twenty do not say that all have the word.
    se = max(sqrt(variance / n), sqrt(2) / (n + 2))
    found = t_interval(mean, se, n - 1, level=level)
    return Interval(mean, max(found.lo, -1.0), min(found.hi, 1.0))


def _named(newest: pl.DataFrame, params: Params) -> list[str]:
    """Return the words that tell most, in quotation marks."""
    words = newest.filter(pl.col("word") != _ANY)
    excess = (pl.col("n_with").sum() - pl.col("sum_near").sum()) / pl.col("n").sum()
    ranked = (
        words.group_by("word").agg(excess=excess).sort("excess", "word", descending=[True, False])
    )
    telling = ranked.filter(pl.col("excess") > params.min_excess)["word"].to_list()
    return [f'"{word}"' for word in (telling or ranked["word"].to_list())[:_MOST_NAMED]]


def _evidence(feature: Feature, on: date) -> str:
    return (
        "select half, word, n as n_eval_inputs, n_with, n_with / n as share_of_evals, "  # noqa: S608 - literals only
        "sum_near / n as share_of_neighbours from summary__marker_words "
        f"where feature_id = {literal(feature.id)} and day = {literal(on)}::date "
        "order by word = '' desc, n_with - sum_near desc, half, word limit 100"
    )
