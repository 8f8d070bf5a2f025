"""Unstable answers: the same prompt under the same settings gets other answers.

Why it matters
    Where a question is answered differently from call to call, some errors are dice: no prompt and
    no model makes them go away, and a change of temperature can buy at most that part.
How it is found
    Prompts (or eval cases) that came again under the same models, prompt version and settings
    within 14 days, once in the last 7. Per prompt the chance that two of its answers are equal, by
    predicted label and by raw text; over prompts the mean with a t interval, the share that is all
    equal (TAR), and the part of the variance that lies within prompts: of eval scores where cases
    are tried several times, else of labels. WARN where labels agree less than `min_agreement`
    (one right answer, or nothing drawn at random), or where agreement fell by `max_fall` against
    the same prompts and settings 21 to 35 days back. Raw text that varies is no fault by itself,
    not even at temperature 0: batched serving does that. It warns and never fails.
How to mend it
    Set temperature to 0 and the seed; where that is so, pin the model version, and draw several
    answers and vote where one answer decides much.
What it cannot see
    Features where no prompt ever comes again: log eval runs with several trials. Whether equal
    answers are right: see `knob_illusion` and the calibration checks.
Source
    Atil et al. (2024), "LLM Stability: A detailed analysis with some surprises", arXiv:2408.04667.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
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
from llmops_health.health.sampling._repeats import (
    COUNTED_DAYS,
    SEEN_DAYS,
    Floats,
    Repeats,
    repeats,
    score_noise,
)
from llmops_health.health.sampling._settings import ONE_ANSWER
from llmops_health.kernels.intervals import Interval, mean_interval
from llmops_health.kernels.paired import paired_change

HISTORY_DAYS = 35

_BACK_DAYS = SEEN_DAYS + COUNTED_DAYS


class Params(CheckParams):
    """Settings of this check."""

    min_prompts: int = Field(
        default=20, ge=8, description="Prompts that came again; 20 show a mean to within 0.1."
    )
    min_agreement: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Chance that two labels of one prompt are equal: one call in 20 is not like "
        "the others. Served models reach 0.9 to 1 at temperature 0.",
    )
    max_fall: float = Field(
        default=0.1, gt=0, lt=1, description="Tolerated fall of the agreement (chance)."
    )
    max_p: float = Field(
        default=0.001, gt=0, lt=1, description="Of the fall, two-sided: judged every day."
    )
    level: float = Field(
        default=0.99, gt=0, lt=1, description="Coverage of the intervals: judged every day."
    )


@dataclass(frozen=True, slots=True)
class _Measure:
    """One way to compare answers: agreement per prompt (nan: none), and who it is about."""

    segment: str
    words: str
    agreement: Floats
    is_total: Floats


def check(
    feature: Feature,
    day: date,
    summary__answers: pl.DataFrame,
    core__eval_runs: pl.DataFrame,
    core__eval_results: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding about all answers, then one for each way in which they are unstable."""
    found = repeats(summary__answers, day)
    noise = _noise(found, core__eval_runs, core__eval_results, params)
    if found is None or len(found) < params.min_prompts:
        yield _too_few(found, noise, params)
        return
    earlier = repeats(summary__answers, day - timedelta(days=_BACK_DAYS))
    unstable = [
        one
        for one in (
            _level(feature, day, found, params),
            *(_fall(feature, day, found, earlier, segment, params) for segment in ("label", "raw")),
        )
        if one
    ]
    if unstable:
        others = ", ".join(one.segment for one in unstable[1:])
        also = f" Also: {others}." if others else ""
        yield replace(unstable[0], segment="", message=f"{unstable[0].message}{noise}{also}")
        yield from unstable
        return
    yield _stable(feature, found, noise, params)


def _measures(feature: Feature, found: Repeats) -> list[_Measure]:
    """Return the ways to compare: labels where they ought to agree, and raw text."""
    ought = np.ones(len(found), dtype=bool) if feature.kind in ONE_ANSWER else found.is_greedy
    label = np.where(ought, found.label.agreement, np.nan)
    return [
        _Measure("label", "labels", label, found.label.is_total.astype(np.float64)),
        _Measure("raw", "texts", found.raw.agreement, found.raw.is_total.astype(np.float64)),
    ]


def _noise(found: Repeats | None, runs: pl.DataFrame, results: pl.DataFrame, params: Params) -> str:
    """Say how much of the variance is drawn at random, where that can be told."""
    scored = score_noise(runs, results, level=params.level)
    if scored:
        share, n = scored
        return (
            f" Of the variance of eval scores {100 * share.estimate:.0f} % "
            f"[{100 * share.lo:.0f}, {100 * share.hi:.0f}] lies within {n} cases tried again: no "
            "change of temperature can buy more."
        )
    labels = found.noise_share() if found else None
    if labels is None:
        return ""
    return (
        f" Within prompts lies {100 * labels:.0f} % of the disagreement of labels: no change of "
        "temperature can buy more."
    )


def _too_few(found: Repeats | None, noise: str, params: Params) -> Finding:
    n = len(found) if found else 0
    if not n and not noise:
        return not_applicable(
            f"No prompt came again under the same settings in {SEEN_DAYS} days; several trials per "
            "eval case would show how stable answers are."
        )
    return not_enough_data(
        n,
        f"{n} prompts came again under the same settings in {SEEN_DAYS} days, "
        f"{params.min_prompts} are needed.{noise}",
    )


def _mean(agreement: Floats, params: Params) -> tuple[Interval, int] | None:
    told = agreement[~np.isnan(agreement)]
    if len(told) < params.min_prompts:
        return None
    mean = mean_interval(float(told.mean()), float(told.var(ddof=1)), len(told), level=params.level)
    return Interval(mean.estimate, max(0.0, mean.lo), min(1.0, mean.hi)), len(told)


def _level(feature: Feature, day: date, found: Repeats, params: Params) -> Finding | None:
    label = _measures(feature, found)[0]
    told = _mean(label.agreement, params)
    if told is None or told[0].hi >= params.min_agreement:
        return None
    mean, n = told
    total = float(label.is_total[~np.isnan(label.agreement)].mean())
    return Finding(
        status=Status.WARN,
        segment="label",
        value=mean.estimate,
        lo=mean.lo,
        hi=mean.hi,
        threshold=params.min_agreement,
        unit="share",
        n=n,
        message=f"Two labels of the same prompt under the same settings are equal in "
        f"{100 * mean.estimate:.0f} % [{100 * mean.lo:.0f}, {100 * mean.hi:.0f}] over {n} prompts, "
        f"all of them in {100 * total:.0f} %; {100 * params.min_agreement:.0f} % are asked for.",
        action="Set temperature to 0 and a seed; where that is so, pin the model version, or vote.",
        evidence_sql=_evidence(feature, day, "predicted_label"),
    )


def _fall(
    feature: Feature,
    day: date,
    found: Repeats,
    earlier: Repeats | None,
    segment: str,
    params: Params,
) -> Finding | None:
    """Compare the agreement of the same prompts under the same settings with what it was."""
    if earlier is None:
        return None
    _, at, at_before = np.intersect1d(
        found.key, earlier.key, assume_unique=True, return_indices=True
    )
    now, before = (
        (one.label if segment == "label" else one.raw).agreement for one in (found, earlier)
    )
    difference = now[at] - before[at_before]
    # Texts that are drawn at random hardly ever agree: there is nothing to fall.
    judged = ~np.isnan(difference) & (found.is_greedy[at] | (segment == "label"))
    if judged.sum() < params.min_prompts:
        return None
    change = paired_change(difference[judged])
    p_value = max(change.p_t, change.p_signed_rank)
    if change.mean > -params.max_fall or p_value >= params.max_p:
        return None
    words = "labels" if segment == "label" else "raw texts at temperature 0"
    return Finding(
        status=Status.WARN,
        segment=f"{segment}_fell",
        value=change.mean,
        lo=change.lo,
        hi=change.hi,
        threshold=-params.max_fall,
        unit="share",
        n=change.n,
        p_value=p_value,
        message=f"Two {words} of the same prompt are equal less often than {_BACK_DAYS} days ago "
        f"under the same models and settings: {100 * change.mean:+.0f} points "
        f"[{100 * change.lo:+.0f}, {100 * change.hi:+.0f}] over {change.n} prompts.",
        action="Ask the provider what changed in serving, and pin the model version.",
        evidence_sql=_evidence(feature, day, "predicted_label" if segment == "label" else "answer"),
    )


def _stable(feature: Feature, found: Repeats, noise: str, params: Params) -> Finding:
    for measure in _measures(feature, found):
        told = _mean(measure.agreement, params)
        if told is None:
            continue
        mean, n = told
        is_judged = measure.segment == "label"
        if is_judged and mean.lo < 2 * params.min_agreement - 1:
            return not_enough_data(
                n,
                f"Cannot tell: two labels of a prompt are equal in {100 * mean.estimate:.0f} % "
                f"[{100 * mean.lo:.0f}, {100 * mean.hi:.0f}] over only {n} prompts.{noise}",
            )
        return Finding(
            status=Status.PASS,
            value=mean.estimate,
            lo=mean.lo,
            hi=mean.hi,
            threshold=params.min_agreement if is_judged else None,
            unit="share",
            n=n,
            message=f"Two {measure.words} of the same prompt under the same settings are equal in "
            f"{100 * mean.estimate:.0f} % [{100 * mean.lo:.0f}, {100 * mean.hi:.0f}] over {n} "
            f"prompts{'' if is_judged else ', as they are drawn or served; they did not fall'}."
            f"{noise}",
        )
    return not_enough_data(len(found), f"{len(found)} prompts came again, too few of a kind.")


def _evidence(feature: Feature, day: date, answer: str) -> str:
    return (
        f"select prompt_key, settings_key, run_kind, request_model, temperature, {answer}, "  # noqa: S608 - literals only
        "max(n) as n_in_14_days, max(day) as last_day from summary__answers "
        f"where feature_id = {literal(feature.id)} "
        f"and day between date {literal(day - timedelta(days=SEEN_DAYS - 1))} "
        f"and date {literal(day)} and prompt_key in (select prompt_key from summary__answers "
        f"where feature_id = {literal(feature.id)} "
        f"and day between date {literal(day - timedelta(days=SEEN_DAYS - 1))} "
        f"and date {literal(day)} group by prompt_key having count(distinct {answer}) > 1) "
        "group by all order by prompt_key, settings_key, n_in_14_days desc, last_day limit 200"
    )
