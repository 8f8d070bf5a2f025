"""Conflicting parameters: settings that fight each other, are ignored, or are not in force.

Why it matters
    Two knobs that cut the same distribution cannot be tuned apart, and a knob that does nothing is
    turned all the same. Answers cut off at a limit are wrong whatever the temperature.
How it is found
    By rule, over the production calls of the last 7 days that say how they were made; a rule is
    broken from `min_share` of them on, and every broken rule is a finding with that share:
    temperature and top-p both set; top-k and top-p both set; a setting that greedy decoding
    ignores; randomness, or penalties on words, where one answer is right or JSON is asked for; a
    seed on some calls only; settings that a reasoning model ignores; values out of range; more
    tokens than max_tokens, or a cut long before it; a temperature or top-p that the provider
    echoes otherwise; answers cut off at max_tokens (with a jackknife interval over users). It
    warns and never fails.
How to mend it
    Leave one of two knobs at its default, drop what is ignored, raise max_tokens or ask for shorter
    answers, and log what was sent.
What it cannot see
    Calls whose source cannot say its parameters (`params_known` false), defaults of a provider that
    differ from 1, and a conflict in fewer calls than `min_share`. That a change of parameters had
    no version is for `unversioned_change`.
Source
    OpenAI and Anthropic API references: alter temperature or top_p, not both. Holtzman et al.
    (2020), "The Curious Case of Neural Text Degeneration", arXiv:1904.09751.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.sampling._settings import (
    IS_GREEDY,
    ONE_ANSWER,
    chosen,
    evidence,
    in_words,
    n_calls,
    production,
    reasoning_models,
    said,
    silence,
    temperature_sql,
)
from llmops_health.kernels.jackknife import bucket_jackknife, ratio

HISTORY_DAYS = 7

_MIN_BUCKETS = 8
_N_BUCKETS = 64


class Params(CheckParams):
    """Settings of this check."""

    min_share: float = Field(
        default=0.01, gt=0, le=1, description="Share of calls; less is somebody's experiment."
    )
    min_calls: int = Field(default=5, ge=1, description="Calls that break a rule, at least.")
    max_truncated: float = Field(
        default=0.01, ge=0, lt=1, description="Tolerated share of answers cut off at a limit."
    )
    level: float = Field(
        default=0.99, gt=0, lt=1, description="Coverage of the interval: judged every day."
    )
    default_temperature: float = Field(
        default=1.0, ge=0, le=2, description="What providers take where none is set."
    )
    reasoning_models: tuple[str, ...] = Field(
        default=("o1", "o3", "o4", "gpt-5", "deepseek-reasoner"),
        description="Families of models that ignore or refuse temperature, top_p and penalties.",
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule as SQL of the calls that break it; `words` end a sentence that begins with them."""

    segment: str
    condition: str
    words: str
    action: str


_RULES = (
    _Rule(
        "temperature_and_top_p",
        f"temperature is not null and temperature <> 1 and top_p < 1 and not {IS_GREEDY}",
        "set both temperature and top_p, which cut the same distribution",
        "Set top_p to 1 and tune temperature alone, or the other way round.",
    ),
    _Rule(
        "top_k_and_top_p",
        f"top_k > 1 and top_p < 1 and not {IS_GREEDY}",
        "set both top_k and top_p, of which the stricter one hides the other",
        "Drop top_k, or set top_p to 1.",
    ),
    _Rule(
        "ignored_when_greedy",
        "(temperature = 0 and (top_p < 1 or top_k > 1)) "
        "or (temperature > 0 and (top_k = 1 or top_p = 0))",
        "decode greedily, so that one of temperature, top_p and top_k does nothing",
        "Drop the setting that does nothing, so that nobody tunes it.",
    ),
    _Rule(
        "out_of_range",
        "temperature < 0 or temperature > 2 or top_p < 0 or top_p > 1 "
        "or abs(frequency_penalty) > 2 or abs(presence_penalty) > 2",
        "carry a value that providers refuse or cut",
        "Look at where the value comes from: temperature is 0 to 2, top_p 0 to 1.",
    ),
)
_PENALTIES = "(coalesce(frequency_penalty, 0) <> 0 or coalesce(presence_penalty, 0) <> 0)"


@dataclass(frozen=True, slots=True)
class _Counted:
    """A rule that is told from counted calls, not from settings: `part` of `of`."""

    segment: str
    part: str
    of: str
    words: str
    action: str


_COUNTED = (
    _Counted(
        "limit_not_in_force",
        "n_over_limit",
        "n_limited",
        "returned more tokens than max_tokens, so that the value logged is not the one in force",
        "Log max_tokens as it was sent.",
    ),
    _Counted(
        "cut_before_limit",
        "n_cut_early",
        "n_limited",
        "were cut off long before max_tokens, so that another limit is in force",
        "Look for the limit in force: the context window, or a gateway's own maximum.",
    ),
    _Counted(
        "echoed_otherwise",
        "n_echo_differs",
        "n_echoed",
        "were made with another temperature or top_p than logged, as the provider reports",
        "Find what rewrites the parameters between the service and the provider.",
    ),
)


def check(
    feature: Feature,
    day: date,
    summary__parameters: pl.DataFrame,
    summary__rates: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding about all rules, then one for each that is broken."""
    rows = production(summary__parameters, day, HISTORY_DAYS)
    known = said(rows)
    refusal = silence(rows, known, HISTORY_DAYS)
    if refusal:
        yield refusal
        return
    broken = [
        *_by_setting(feature, day, known, list(_rules(feature, known, params)), params),
        *_by_count(feature, day, rows, params),
        *_seed_on_some(feature, day, known, params),
        *_cut_off(feature, day, summary__rates, params),
    ]
    n = n_calls(known)
    if not broken:
        yield Finding(
            status=Status.PASS,
            n=n,
            message=f"No settings fight each other in {n} calls of {HISTORY_DAYS} days.",
        )
        return
    worst = max(broken, key=lambda one: one.value or 0.0)
    others = ", ".join(one.segment for one in broken if one is not worst)
    also = f" Also: {others}." if others else ""
    yield replace(worst, segment="", message=f"{worst.message}{also}")
    yield from broken


def _rules(feature: Feature, rows: pl.DataFrame, params: Params) -> Iterator[_Rule]:
    yield from _RULES
    models = reasoning_models(rows, params.reasoning_models)
    if feature.kind in ONE_ANSWER:
        yield _Rule(
            "random_where_one_answer",
            f"{temperature_sql(params.default_temperature, models)} > 0",
            f"draw at random, though {in_words(feature)} has one right answer per question",
            "Set temperature to 0.",
        )
        yield _Rule(
            "penalties_on_structure",
            _PENALTIES,
            "punish repeated words, which labels and fields must repeat",
            "Set frequency_penalty and presence_penalty to 0.",
        )
    else:
        yield _Rule(
            "penalties_on_structure",
            f"2 * n_json > n and {_PENALTIES}",
            "punish repeated words in JSON, which must repeat its keys and brackets",
            "Set frequency_penalty and presence_penalty to 0.",
        )
    if models:
        listed = ", ".join(literal(name) for name in models)
        yield _Rule(
            "ignored_by_reasoning_model",
            f"request_model in ({listed}) and (coalesce(temperature, 1) <> 1 "
            f"or coalesce(top_p, 1) <> 1 or {_PENALTIES})",
            "set sampling parameters that a reasoning model ignores or refuses",
            "Drop them; tune the reasoning effort or the prompt.",
        )


def _by_setting(
    feature: Feature, day: date, rows: pl.DataFrame, rules: list[_Rule], params: Params
) -> Iterator[Finding]:
    of = n_calls(rows)
    counts = rows.select(
        pl.col("n").filter(chosen(rule.condition)).sum().alias(rule.segment) for rule in rules
    ).row(0, named=True)
    for rule in rules:
        n = counts[rule.segment]
        if n < params.min_calls or n < params.min_share * of:
            continue
        breaking = rows.filter(chosen(rule.condition)).sort("n", "config_key", descending=True)
        yield Finding(
            status=Status.WARN,
            segment=rule.segment,
            value=n / of,
            threshold=params.min_share,
            unit="share",
            n=of,
            message=f"{_percent(n, of)} of {of} calls of {HISTORY_DAYS} days {rule.words} "
            f"({_words(breaking.row(0, named=True))}).",
            action=rule.action,
            evidence_sql=evidence(feature, day, HISTORY_DAYS, rule.condition),
        )


def _words(setting: dict[str, object]) -> str:
    """Say the settings of a row, those that are set."""
    names = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
    told = [f"{name} {setting[name]:g}" for name in names if setting[name] is not None]
    return ", ".join(["for example " + told[0], *told[1:]]) if told else "none is set"


def _percent(n: int, of: int) -> str:
    return f"{100 * n / of:.3g} %"


def _seed_on_some(
    feature: Feature, day: date, rows: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Tell of calls without a seed beside others of the same prompt with one, on both last days."""
    if not rows["has_seed"].any():
        return
    drawn = rows.filter(~chosen(IS_GREEDY))
    days = drawn["day"].unique().sort().tail(2)
    prompt = ("request_model", "prompt_name", "prompt_version")
    per_day = (
        drawn.filter(pl.col("day").is_in(days.implode()))
        .group_by("day", *prompt)
        .agg(
            n=pl.col("n").sum(),
            without=pl.col("n").filter(~pl.col("has_seed")).sum(),
        )
    )
    least = pl.max_horizontal(pl.lit(params.min_calls), 0.05 * pl.col("n"))
    mixed = per_day.filter(
        (pl.col("without") >= least) & (pl.col("n") - pl.col("without") >= least)
    )
    if len(days) < 2 or mixed["day"].n_unique() < 2:
        return
    n, of = int(mixed["without"].sum()), int(mixed["n"].sum())
    yield Finding(
        status=Status.WARN,
        segment="seed_on_some_calls",
        value=n / of,
        threshold=0.05,
        unit="share",
        n=of,
        message=f"{_percent(n, of)} of {of} calls of {len(days)} days have no seed, others of the "
        "same prompt have one: their answers cannot be repeated.",
        action="Set the seed on every call, or on none.",
        evidence_sql=evidence(feature, day, HISTORY_DAYS, f"not {IS_GREEDY}"),
    )


def _by_count(feature: Feature, day: date, rows: pl.DataFrame, params: Params) -> Iterator[Finding]:
    for rule in _COUNTED:
        n, of = (int(rows[name].sum()) for name in (rule.part, rule.of))
        if n < params.min_calls or n < params.min_share * of:
            continue
        yield Finding(
            status=Status.WARN,
            segment=rule.segment,
            value=n / of,
            threshold=params.min_share,
            unit="share",
            n=of,
            message=f"{_percent(n, of)} of {of} calls of {HISTORY_DAYS} days {rule.words}.",
            action=rule.action,
            evidence_sql=evidence(feature, day, HISTORY_DAYS, f"{rule.part} > 0"),
        )


def _cut_off(feature: Feature, day: date, rates: pl.DataFrame, params: Params) -> Iterator[Finding]:
    rows = production(rates, day, HISTORY_DAYS)
    is_cut = rows["metric"] == "truncated"
    bucket, *counts = (rows[name].filter(is_cut).to_numpy() for name in ("bucket", "sum_x", "n"))
    sums = np.stack([np.bincount(bucket, count, _N_BUCKETS) for count in counts], axis=1)
    n, of = int(sums[:, 0].sum()), int(sums[:, 1].sum())
    if n < params.min_calls or (sums[:, 1] > 0).sum() < _MIN_BUCKETS:
        return
    share = bucket_jackknife(sums, ratio(0, 1), level=params.level)
    if share.lo <= params.max_truncated:
        return
    yield Finding(
        status=Status.WARN,
        segment="cut_off",
        value=share.estimate,
        lo=share.lo,
        hi=share.hi,
        threshold=params.max_truncated,
        unit="share",
        n=of,
        message=f"{_percent(n, of)} [{100 * share.lo:.3g}, {100 * share.hi:.3g}] of {of} answers "
        f"of {HISTORY_DAYS} days were cut off at a limit; {100 * params.max_truncated:.3g} % are "
        "tolerated.",
        action="Raise max_tokens, or ask for shorter answers.",
        evidence_sql="select call_id, started_at, request_model, max_tokens, output_tokens "  # noqa: S608 - literals only
        f"from core__calls where feature_id = {literal(feature.id)} "
        f"and run_kind in ('prod', 'unknown') and day between "
        f"date {literal(day - timedelta(days=HISTORY_DAYS - 1))} and date {literal(day)} "
        "and finish_reason in ('length', 'max_tokens') order by started_at desc, call_id limit 100",
    )
