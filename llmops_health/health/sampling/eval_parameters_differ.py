"""Eval parameters differ: evals run with other parameters than production.

Why it matters
    An eval at temperature 0 says nothing of what users get at 0.8, and one with a larger max_tokens
    never sees the answers that are cut off. The score is of a system that is not in production.
How it is found
    Per parameter, the values of eval calls (`run_kind` eval) beside those of production calls of
    the same model and prompt, over the last 7 days, or 14 or 28 where no eval was called since.
    WARN where at least `max_foreign` of the eval calls use a value that production hardly uses, or
    at least `max_untested` of the production calls use one that evals hardly use. Where no eval
    call is logged, the temperature and top_p of the newest run per suite (champion, baseline or
    regression) take their place. A fixed seed in evals is no difference. It warns and never fails.
How to mend it
    Take the parameters of evals from the same versioned place as those of production.
What it cannot see
    Parameters that either side does not log, and values computed per call. Prompts, tools and
    models that differ are for `eval_prod_gap.harness_differs`.
Source
    Deterministic: shares of values by run_kind, as `summary__parameters` keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

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
from llmops_health.health.sampling._settings import (
    VALUES,
    n_calls,
    production,
    recent,
    said,
    silence,
)

HISTORY_DAYS = 28

_WINDOWS = (7, 14, HISTORY_DAYS)
_PROMPT = ("request_model", "prompt_name")
_SETTINGS = (
    "params_known",
    *("max_tokens_bin" if name == "max_tokens" else name for name in VALUES),
)
_Setting = tuple[float | None, ...]
_Settings = dict[tuple[str | None, str | None], list[tuple[_Setting, float]]]
_RARE = 0.05
_MOST_VALUES = 10
_ROLES = ("champion", "baseline", "regression")


class Params(CheckParams):
    """Settings of this check."""

    max_foreign: float = Field(
        default=0.2, gt=0, le=1, description="Share of eval calls at values production hardly uses."
    )
    max_untested: float = Field(
        default=0.5, gt=0, le=1, description="Share of production calls at values evals hardly use."
    )
    min_eval: int = Field(default=10, ge=1, description="Eval calls needed.")
    min_production: int = Field(default=30, ge=1, description="Production calls needed.")


@dataclass(frozen=True, slots=True)
class _Difference:
    """How one parameter differs: shares of each side that the other hardly has."""

    parameter: str
    foreign: float
    untested: float
    eval_value: float | None
    production_value: float | None
    n_eval: int


def check(
    feature: Feature,
    day: date,
    summary__parameters: pl.DataFrame,
    core__eval_runs: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding about all parameters, then one for each that differs."""
    called = summary__parameters.filter(summary__parameters["run_kind"] == "eval")
    n_days = next((n for n in _WINDOWS if _is_there(called, day, n)), HISTORY_DAYS)
    evals, source = said(recent(called, day, n_days)), "calls"
    if evals.is_empty():
        evals, source = _newest_runs(core__eval_runs), "runs"
    if called.is_empty() and evals.is_empty():
        yield not_applicable(f"No eval was called or run in {HISTORY_DAYS} days.")
        return
    rows = production(summary__parameters, day, n_days)
    live = said(rows)
    refusal = silence(rows, live, n_days)
    if refusal:
        yield refusal
        return
    least = params.min_eval if source == "calls" else 1
    n_live, n_eval = n_calls(live), n_calls(evals) if len(evals) else 0
    if n_eval < least or n_live < params.min_production:
        yield not_enough_data(
            n_eval,
            f"{n_eval} eval {source} and {n_live} production calls of {n_days} days say their "
            f"parameters; {least} and {params.min_production} are needed.",
        )
        return
    compared = _compared(live, evals, params, is_run=source == "runs")
    if not compared:
        yield not_enough_data(n_eval, f"No parameter is known of evals and of {n_live} calls.")
        return
    differ = [
        _finding(feature, one, source, n_days, params)
        for one in compared
        if one.foreign >= params.max_foreign or one.untested >= params.max_untested
    ]
    if differ:
        others = ", ".join(one.segment for one in differ[1:])
        also = f" Also: {others}." if others else ""
        yield replace(differ[0], segment="", message=f"{differ[0].message}{also}")
        yield from differ
        return
    names = ", ".join(one.parameter for one in compared)
    yield Finding(
        status=Status.PASS,
        n=n_eval,
        value=max(max(one.foreign, one.untested) for one in compared),
        threshold=params.max_untested,
        unit="share",
        message=f"{n_eval} eval {source} use the values of {n_live} production calls of {n_days} "
        f"days ({names}).",
    )


def _is_there(rows: pl.DataFrame, day: date, n_days: int) -> bool:
    return bool((rows["day"] > day - timedelta(days=n_days)).any())


def _newest_runs(runs: pl.DataFrame) -> pl.DataFrame:
    """Return the newest run per suite that stands for production, in the columns of settings."""
    stands = runs.filter(
        (pl.col("role").is_null() | pl.col("role").is_in(_ROLES))
        & (pl.col("temperature").is_not_null() | pl.col("top_p").is_not_null())
    )
    newest = stands.sort("started_at", "eval_run_id").unique("suite_id", keep="last")
    empty = pl.lit(None, pl.Float64)
    return newest.select(
        "day",
        "temperature",
        "top_p",
        "prompt_name",
        request_model=pl.col("model"),
        params_known=pl.lit(None, pl.Boolean),
        top_k=empty,
        max_tokens_bin=empty.cast(pl.Int64),
        frequency_penalty=empty,
        presence_penalty=empty,
        n=pl.lit(1, pl.Int64),
    )


def _compared(
    live: pl.DataFrame, evals: pl.DataFrame, params: Params, *, is_run: bool
) -> list[_Difference]:
    """Compare parameter by parameter, those first that differ most."""
    sides = _matched(_by_prompt(live), _by_prompt(evals), params)
    found = []
    for name in VALUES:
        of_live, of_evals = (_values(side, name) for side in sides)
        is_known = of_live and sum(of_evals.values()) >= (1 if is_run else params.min_eval)
        is_set = {*of_live, *of_evals} != {None}
        if is_known and is_set and len(of_live) <= _MOST_VALUES:
            found.append(_difference(name, of_evals, of_live))
    return sorted(found, key=lambda one: (-max(one.foreign, one.untested), one.parameter))


def _by_prompt(rows: pl.DataFrame) -> _Settings:
    """Return per model and prompt the settings of its calls and how many were made so."""
    per = rows.group_by(*_PROMPT, *_SETTINGS, maintain_order=True).agg(pl.col("n").sum())
    found: _Settings = {}
    for model, prompt, *setting, n in per.iter_rows():
        found.setdefault((model, prompt), []).append((tuple(setting), float(n)))
    return found


def _matched(live: _Settings, evals: _Settings, params: Params) -> tuple[_Settings, _Settings]:
    """Return the models and prompts that both sides have, else all.

    Production is given the evals' mix of prompts: another mix is no other parameter.
    """
    n_live, n_evals = (
        {prompt: sum(n for _, n in made) for prompt, made in side.items()} for side in (live, evals)
    )
    both = [prompt for prompt in live if prompt in evals]
    if sum(n_live[prompt] for prompt in both) < params.min_production:
        return live, evals
    weighted = {
        prompt: [(setting, n * n_evals[prompt] / n_live[prompt]) for setting, n in live[prompt]]
        for prompt in both
    }
    return weighted, {prompt: evals[prompt] for prompt in both}


def _values(side: _Settings, name: str) -> dict[float | None, float]:
    """Return the calls per value of a parameter; None is known not to be set."""
    at = 1 + VALUES.index(name)
    found: dict[float | None, float] = {}
    for made in side.values():
        for setting, n in made:
            if setting[at] is not None or setting[0]:
                found[setting[at]] = found.get(setting[at], 0.0) + n
    return found


def _difference(
    name: str, evals: dict[float | None, float], live: dict[float | None, float]
) -> _Difference:
    foreign, untested = _rare(evals, live), _rare(live, evals)
    return _Difference(
        parameter=name,
        foreign=sum(foreign.values()) / sum(evals.values()),
        untested=sum(untested.values()) / sum(live.values()),
        eval_value=_usual(foreign or evals),
        production_value=_usual(untested or live),
        n_eval=round(sum(evals.values())),
    )


def _rare(
    side: dict[float | None, float], other: dict[float | None, float]
) -> dict[float | None, float]:
    """Return the values of one side that the other hardly uses."""
    least = _RARE * sum(other.values())
    return {value: n for value, n in side.items() if other.get(value, 0.0) < least}


def _usual(side: dict[float | None, float]) -> float | None:
    return max(side, key=lambda value: (side[value], value is not None, value or 0.0))


def _finding(
    feature: Feature, one: _Difference, source: str, n_days: int, params: Params
) -> Finding:
    is_foreign = one.foreign >= params.max_foreign
    where = "eval " + source if is_foreign else "production calls"
    share = one.foreign if is_foreign else one.untested
    return Finding(
        status=Status.WARN,
        segment=one.parameter,
        value=share,
        threshold=params.max_foreign if is_foreign else params.max_untested,
        unit="share",
        n=one.n_eval,
        message=f"Evals run at {one.parameter} {_value(one.eval_value)}, production at "
        f"{_value(one.production_value)}: {100 * share:.3g} % of the {where} of {n_days} days use "
        "values that the other side hardly uses.",
        action="Take the parameters of evals from the same place as those of production.",
        evidence_sql=_evidence(feature, one.parameter, source),
    )


def _evidence(feature: Feature, parameter: str, source: str) -> str:
    calls = (
        f"select run_kind, {parameter} as value, sum(n)::bigint as n, min(day) as first_day, "  # noqa: S608 - literals only
        f"max(day) as last_day from summary__parameters where feature_id = {literal(feature.id)} "
        "and run_kind in ('prod', 'unknown', 'eval') group by run_kind, value"
    )
    runs = (
        f"select 'run ' || eval_run_id as run_kind, {parameter} as value, 1 as n, day as first_day,"  # noqa: S608 - literals only
        f" day as last_day from core__eval_runs where feature_id = {literal(feature.id)}"
    )
    both = f"{calls} union all {runs}" if source == "runs" else calls
    return f"{both} order by last_day desc, run_kind, value limit 100"


def _value(value: float | None) -> str:
    return "unset" if value is None else f"{value:g}"
