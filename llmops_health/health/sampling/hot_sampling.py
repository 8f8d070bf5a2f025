"""Hot sampling: answers are drawn at random where one answer is right, or at a cost.

Why it matters
    A classifier at temperature 0.7 answers the same question differently from call to call: some
    of its errors are dice, and no better prompt removes them. Far above 1 the text falls apart.
How it is found
    The share of production calls of a classifier or extraction feature that ran above
    `max_temperature` in the last 7 days: WARN from `min_share` on. And the outcomes of 63 days by
    temperature: every temperature against the coolest ones, within strata of week, model, prompt
    version, context and task (least squares with a level per stratum, jackknife over buckets of
    users, or of eval cases where there are none): before and after a switch are not compared, for
    what else changed with it cannot be told. FAIL where a temperature that is in use loses
    more than `min_loss`, after allowing for all temperatures (Benjamini-Hochberg). The outcome is
    labels, else what people said or did, else a judge's scores; the finding says which.
How to mend it
    Set temperature to 0 and evaluate again. Where variety is wanted, draw several answers and vote.
What it cannot see
    Calls that do not say their temperature. Who set a temperature may have had easier questions
    than the strata tell: what is found is an association, and a small randomised test of two
    temperatures would settle it.
Source
    Renze and Guven (2024), "The Effect of Sampling Temperature on Problem Solving in Large
    Language Models", arXiv:2402.05201: no loss from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Curve, CurvePoint, Curves, Estimate
from llmops_health.findings import CheckParams, Finding, Status, not_applicable, not_enough_data
from llmops_health.health.sampling._outcomes import (
    UNSET,
    Outcomes,
    evidence,
    numbered,
    outcomes,
    per_bucket,
)
from llmops_health.health.sampling._settings import (
    ONE_ANSWER,
    in_words,
    n_calls,
    production,
    reasoning_models,
    said,
    silence,
    temperature_sql,
)
from llmops_health.health.sampling._settings import evidence as settings_evidence
from llmops_health.kernels.intervals import wilson_interval
from llmops_health.kernels.jackknife import bucket_jackknife, ratio
from llmops_health.kernels.multiplicity import benjamini_hochberg
from llmops_health.kernels.stratified import StratifiedContrast, stratified_contrast

HISTORY_DAYS = 63

_IN_USE_DAYS = 7
_PROMPT = ("request_model", "prompt_name", "prompt_version")
_BLOCK = ("week", *_PROMPT)
_STRATA = ((*_BLOCK, "context_bin", "task"), (*_BLOCK, "context_bin"), _BLOCK)
_MIN_OVERLAP = 0.5
_MIN_BUCKETS = 8
_MAX_CURVES = 6


class Params(CheckParams):
    """Settings of this check."""

    max_temperature: float = Field(
        default=0.3, ge=0, le=2, description="Highest temperature where one answer is right."
    )
    min_share: float = Field(
        default=0.01, gt=0, le=1, description="Share of calls; less is somebody's experiment."
    )
    min_calls: int = Field(default=5, ge=1, description="Calls above max_temperature, at least.")
    min_outcomes: int = Field(
        default=30, ge=10, description="Outcomes that a temperature needs to be compared."
    )
    min_loss: float = Field(
        default=0.03, ge=0, le=1, description="Loss of quality that matters (share or score)."
    )
    max_p: float = Field(
        default=0.003,
        gt=0,
        lt=1,
        description="One-sided, after allowing for all temperatures; with `min_loss` below 1 false "
        "alarm in 1,000 days in simulation.",
    )
    level: float = Field(default=0.99, gt=0, lt=1, description="Coverage of the intervals.")
    max_unseen: float = Field(
        default=0.1, gt=0, le=1, description="Loss that must be visible before silence is a pass."
    )
    default_temperature: float = Field(
        default=1.0, ge=0, le=2, description="What providers take where none is set."
    )
    reasoning_models: tuple[str, ...] = Field(
        default=("o1", "o3", "o4", "gpt-5", "deepseek-reasoner"),
        description="Families of models whose temperature cannot be set.",
    )


@dataclass(frozen=True, slots=True)
class _Loss:
    """What one temperature costs against the coolest ones."""

    temperature: float
    contrast: StratifiedContrast
    p_value: float


@dataclass(frozen=True, slots=True)
class _Losses:
    words: str
    coolest: float
    levels: tuple[_Loss, ...]


def check(
    feature: Feature,
    day: date,
    summary__parameters: pl.DataFrame,
    summary__outcomes: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the feature, then one for each temperature that costs quality."""
    rows = production(summary__parameters, day, _IN_USE_DAYS)
    known = said(rows)
    refusal = silence(rows, known, _IN_USE_DAYS)
    if refusal:
        yield refusal
        return
    in_force = _in_force(known, params)
    if in_force.is_empty():
        yield not_enough_data(
            n_calls(rows), f"None of {n_calls(rows)} calls says its temperature in 7 days."
        )
        return
    told = outcomes(summary__outcomes, day, HISTORY_DAYS, 2 * params.min_outcomes)
    losses = _losses(told, params) if told else None
    costly = list(_costly(feature, day, losses, _shares(in_force), params)) if losses else []
    if costly:
        worst = min(costly, key=lambda one: one.value or 0.0)
        others = ", ".join(one.segment for one in costly if one is not worst)
        also = f" Also: {others}." if others else ""
        yield replace(worst, segment="", message=f"{worst.message}{also}")
        yield from costly
    elif feature.kind in ONE_ANSWER:
        yield _where_one_answer(feature, day, in_force, losses, params)
    else:
        yield _where_free(feature, told, losses, params)


def figure(
    feature: Feature,
    day: date,
    summary__parameters: pl.DataFrame,
    summary__outcomes: pl.DataFrame,
    params: Params,
) -> Curves | None:
    """Show the outcome by temperature, a line per model and prompt."""
    del feature, summary__parameters
    told = outcomes(summary__outcomes, day, HISTORY_DAYS, 2 * params.min_outcomes)
    known = _with_temperature(told, params) if told else None
    if told is None or known is None or known["temperature"].n_unique() < 2:
        return None
    largest = known.group_by(_PROMPT).agg(pl.col("n").sum()).sort("n", *_PROMPT, descending=True)
    curves = []
    for model, prompt, version, _ in largest.head(_MAX_CURVES).iter_rows():
        one = known.filter(
            pl.col("request_model").eq_missing(model)
            & pl.col("prompt_name").eq_missing(prompt)
            & pl.col("prompt_version").eq_missing(version)
        )
        points = tuple(
            _point(float(key[0]), part)
            for key, part in one.sort("temperature")
            .partition_by("temperature", as_dict=True, maintain_order=True)
            .items()
        )
        label = " ".join(str(word) for word in (model, prompt, version) if word) or "unnamed"
        curves.append(Curve(label=label, points=points))
    temperatures = known["temperature"].unique().sort().to_list()
    return Curves(
        title="Quality by temperature",
        description=f"{told.words.capitalize()} of {int(known['n'].sum())} calls at temperatures "
        f"from {temperatures[0]:g} to {temperatures[-1]:g}, up to {day}.",
        x_label="temperature",
        measure=told.words,
        unit="share",
        curves=tuple(curves),
    )


def _in_force(known: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Return rows whose temperature is known, with what is in force in `temperature`."""
    models = reasoning_models(known, params.reasoning_models)
    in_force = chosen_value(temperature_sql(params.default_temperature, models))
    return known.with_columns(temperature=in_force).drop_nulls("temperature")


def chosen_value(sql: str) -> pl.Expr:
    """Return an SQL value over columns of the table as an expression."""
    return pl.sql_expr(sql).cast(pl.Float64)


def _shares(in_force: pl.DataFrame) -> dict[float, float]:
    """Return the share of calls per temperature, as outcomes round it."""
    per = in_force.group_by(t=pl.col("temperature").round(1)).agg(pl.col("n").sum())
    return {t: n / n_calls(in_force) for t, n in per.iter_rows()}


def _with_temperature(told: Outcomes, params: Params) -> pl.DataFrame:
    known = told.rows.drop_nulls("temperature")
    return known.with_columns(
        temperature=pl.when(pl.col("temperature") == UNSET)
        .then(params.default_temperature)
        .otherwise("temperature")
    )


def _losses(told: Outcomes, params: Params) -> _Losses | None:
    """Compare every temperature with the coolest ones; None where it did not vary enough."""
    if told.rows["temperature"].n_unique() == 1:
        return None
    known = _with_temperature(told, params)
    per = known.group_by("temperature").agg(pl.col("n").sum()).sort("temperature")
    common = per.filter(pl.col("n") >= params.min_outcomes)["temperature"].to_list()
    cool = per.filter(pl.col("temperature") <= params.max_temperature)["n"].sum()
    coolest = params.max_temperature if cool >= params.min_outcomes else min(common, default=0.0)
    hotter = [t for t in common if t > coolest]
    if not hotter:
        return None
    found = []
    for temperature in hotter:
        contrast = _contrast(known, coolest, temperature, params.level)
        if contrast is not None:
            found.append((temperature, contrast))
    if not found:
        return None
    adjusted = benjamini_hochberg([one.p_fall for _, one in found]).adjusted
    levels = (_Loss(t, one, float(p)) for (t, one), p in zip(found, adjusted, strict=True))
    return _Losses(told.words, coolest, tuple(levels))


def _contrast(
    known: pl.DataFrame, coolest: float, hot: float, level: float
) -> StratifiedContrast | None:
    """Compare within the finest strata in which at least half of the hot calls have a match."""
    both = known.filter((pl.col("temperature") <= coolest) | (pl.col("temperature") == hot))
    both = both.with_columns(
        arm=(pl.col("temperature") == hot).cast(pl.Int64), week=pl.col("day").dt.truncate("1w")
    )
    for columns in _STRATA:
        rows = numbered(both, columns, "stratum")
        n, y = per_bucket(rows, ("stratum", "arm"), (int(rows["stratum"].max()) + 1, 2))  # type: ignore[arg-type]
        if min((n.sum(axis=1) > 0).sum(axis=0)) < _MIN_BUCKETS:
            return None
        contrast = stratified_contrast(n, y, level=level)
        if contrast is not None and contrast.overlap >= _MIN_OVERLAP:
            return contrast
    return None


def _is_costly(one: _Loss, params: Params) -> bool:
    return one.p_value < params.max_p and one.contrast.estimate <= -params.min_loss


def _costly(
    feature: Feature, day: date, losses: _Losses, used: dict[float, float], params: Params
) -> Iterator[Finding]:
    """Yield one finding for each temperature that costs quality and is in use."""
    for one in losses.levels:
        found, share = one.contrast, used.get(one.temperature, 0.0)
        if share < params.min_share or not _is_costly(one, params):
            continue
        yield Finding(
            status=Status.FAIL,
            segment=f"temperature {one.temperature:g}",
            value=found.estimate,
            lo=found.lo,
            hi=found.hi,
            threshold=-params.min_loss,
            unit="share",
            n=int(found.n_1),
            p_value=one.p_value,
            message=f"At temperature {one.temperature:g} ({100 * share:.3g} % of calls) "
            f"{losses.words} are {found.mean_1:.3f} against {found.mean_0:.3f} at "
            f"{losses.coolest:g} or below, within week, model, prompt and task: "
            f"{found.estimate:+.3f} [{found.lo:+.3f}, {found.hi:+.3f}].",
            action=f"Set the temperature to {losses.coolest:g} or below; confirm it by evals.",
            evidence_sql=evidence(feature, day, HISTORY_DAYS, "temperature"),
        )


def _where_one_answer(
    feature: Feature, day: date, in_force: pl.DataFrame, losses: _Losses | None, params: Params
) -> Finding:
    hot = in_force.filter(in_force["temperature"] > params.max_temperature)
    n, of = n_calls(hot), n_calls(in_force)
    is_hot = n >= params.min_calls and n >= params.min_share * of
    if not is_hot:
        return Finding(
            status=Status.PASS,
            value=n / of,
            threshold=params.min_share,
            unit="share",
            n=of,
            message=f"{n} of {of} calls of {_IN_USE_DAYS} days ran above temperature "
            f"{params.max_temperature:g}.",
        )
    usual = hot.group_by("temperature").agg(pl.col("n").sum())
    usual = usual.sort("n", "temperature", descending=True)
    hottest = f"mostly {usual['temperature'][0]:g}"
    models = reasoning_models(in_force, params.reasoning_models)
    value = temperature_sql(params.default_temperature, models)
    return Finding(
        status=Status.WARN,
        value=n / of,
        threshold=params.min_share,
        unit="share",
        n=of,
        message=f"{100 * n / of:.3g} % of {of} calls of {_IN_USE_DAYS} days ran above temperature "
        f"{params.max_temperature:g} ({hottest}), though {in_words(feature)} has one right "
        f"answer per question; {_measured(losses, params)}.",
        action="Set temperature to 0 and evaluate again.",
        evidence_sql=settings_evidence(
            feature, day, _IN_USE_DAYS, f"{value} > {params.max_temperature}"
        ),
    )


def _measured(losses: _Losses | None, params: Params) -> str:
    if losses is None:
        return "what it costs cannot be told, as the temperature did not vary among outcomes"
    worst = min(losses.levels, key=lambda one: one.p_value)
    found = worst.contrast
    told = "no loss is proven" if not _is_costly(worst, params) else "it costs quality"
    return (
        f"{told}: {losses.words} at {worst.temperature:g} differ by {found.estimate:+.3f} "
        f"[{found.lo:+.3f}, {found.hi:+.3f}]"
    )


def _where_free(
    feature: Feature, told: Outcomes | None, losses: _Losses | None, params: Params
) -> Finding:
    if losses is None or told is None:
        return not_applicable(
            f"{in_words(feature).capitalize()} may draw at random, and no two temperatures have "
            "outcomes to compare."
        )
    widest = max(losses.levels, key=lambda one: one.contrast.se)
    worst = min(losses.levels, key=lambda one: one.p_value)
    unseen = 2.8 * widest.contrast.se
    if unseen > params.max_unseen:
        return not_enough_data(
            told.n,
            f"Cannot tell: of {losses.words} at temperature {widest.temperature:g} only a loss of "
            f"{unseen:.2f} would show.",
        )
    found = worst.contrast
    return Finding(
        status=Status.PASS,
        value=found.estimate,
        lo=found.lo,
        hi=found.hi,
        threshold=-params.min_loss,
        unit="share",
        n=told.n,
        p_value=worst.p_value,
        message=f"No temperature costs quality: {_measured(losses, params)}.",
    )


def _point(temperature: float, rows: pl.DataFrame) -> CurvePoint:
    n, y = per_bucket(rows, (), ())
    total, total_y = float(n.sum()), float(y.sum())
    if (n > 0).sum() >= _MIN_BUCKETS:
        found = bucket_jackknife(np.stack([y, n], axis=1), ratio(0, 1))
        estimate = Estimate(value=found.estimate, lo=max(0.0, found.lo), hi=min(1.0, found.hi))
    else:
        share = wilson_interval(min(total_y, total), total)
        estimate = Estimate(value=share.estimate, lo=share.lo, hi=share.hi)
    return CurvePoint(x=temperature, y=estimate, n=int(total))
