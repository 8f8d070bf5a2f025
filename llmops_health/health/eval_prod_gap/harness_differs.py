"""Harness differs: evals and production do not run the same thing.

Why it matters
    An eval of another model, prompt or set of tools is an eval of another product. It is the usual
    reason why behaviour differs, so it is looked at before anything is blamed on the model.
How it is found
    Field by field, the values of eval calls (`run_kind` eval) beside those of production calls,
    over the last 7 days, or 14 or 28 where no eval was called since: model asked and answering,
    prompt version, system text, tools, temperature, top_p, max_tokens. WARN where at least
    `max_untested` of the production calls have a value that fewer than 5 % of the eval calls have,
    or where a tool is called by a fifth of one side's calls and never by the other's. Candidates
    that evals try beside what is in production are no difference, nor is what came into
    production after the last eval. It warns and never fails.
How to mend it
    Let the harness call the service, or take model, prompt, tools and parameters from the same
    versioned place. Then judge `behaviour_switch` anew.
What it cannot see
    What neither side logs: retrieved context, post-processing, a system text that is put into the
    input. Values that are made anew for every call (a date in the system text) are not compared.
    Parameters are compared per prompt, and in runs without logged calls, by
    `sampling.eval_parameters_differ`.
Source
    Deterministic: shares of values by run_kind, as `summary__categories`, `summary__parameters`
    and `summary__system_texts` keep them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

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
from llmops_health.health.eval_prod_gap._harness import TITLES, Difference, Harness, compare

HISTORY_DAYS = 28


class Params(CheckParams):
    """Settings of this check."""

    max_untested: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of production calls with a value that evals hardly have: half of what "
        "users get is then untested.",
    )
    min_eval: int = Field(
        default=20, ge=1, description="Eval calls: below, 5 % of them is not one call."
    )
    min_production: int = Field(default=30, ge=1, description="Production calls needed.")


def check(
    feature: Feature,
    day: date,
    summary__categories: pl.DataFrame,
    summary__parameters: pl.DataFrame,
    summary__system_texts: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding about all fields, then one for each that differs."""
    harness = compare(
        summary__categories,
        summary__parameters,
        summary__system_texts,
        day,
        max_untested=params.max_untested,
    )
    if harness is None:
        yield not_applicable(f"No eval call is logged in {HISTORY_DAYS} days.")
        return
    if harness.n_eval < params.min_eval or harness.n_production < params.min_production:
        yield not_enough_data(
            harness.n_eval,
            f"{harness.n_eval} eval calls and {harness.n_production} production calls until the "
            f"last eval in {harness.n_days} days; {params.min_eval} and {params.min_production} "
            "are needed.",
        )
        return
    if not harness.fields:
        yield not_enough_data(
            harness.n_eval,
            f"{harness.n_eval} eval calls and {harness.n_production} production calls say nothing "
            "of model, prompt, tools or parameters that could be compared.",
        )
        return
    if not harness.differences:
        names = ", ".join(TITLES[name] for name in harness.fields)
        yield Finding(
            status=Status.PASS,
            n=harness.n_eval,
            threshold=params.max_untested,
            unit="share",
            message=f"{harness.n_eval} eval calls of {harness.n_days} days ran with what "
            f"{harness.n_production} production calls ran with ({names}).",
        )
        return
    yield _whole(feature, day, harness, params)
    for one in harness.differences:
        yield _of_field(feature, day, one, harness.n_days, params)


def _whole(feature: Feature, day: date, harness: Harness, params: Params) -> Finding:
    worst = max(harness.differences, key=lambda one: one.untested)
    listed = "; ".join(str(one) for one in harness.differences)
    return Finding(
        status=Status.WARN,
        n=harness.n_eval,
        value=worst.untested,
        threshold=params.max_untested,
        unit="share",
        message=f"Evals do not run what production runs: {listed}. {100 * worst.untested:.3g} % of "
        f"{harness.n_production} production calls of {harness.n_days} days differ from nearly all "
        f"of {harness.n_eval} eval calls in one field or more.",
        action="Let the eval harness take model, prompt, tools and parameters from the same "
        "versioned place as the service.",
        evidence_sql=_evidence(feature, day, worst.field),
    )


def _of_field(feature: Feature, day: date, one: Difference, n_days: int, params: Params) -> Finding:
    return Finding(
        status=Status.WARN,
        segment=TITLES[one.field],
        n=one.n_eval,
        value=one.untested,
        threshold=params.max_untested,
        unit="share",
        message=f"Evals run with another {TITLES[one.field]}: {one.eval_value}, production with "
        f"{one.production_value}; evals hardly have what {100 * one.untested:.3g} % of "
        f"{one.n_production} production calls of {n_days} days have.",
        action=f"Set the {TITLES[one.field]} of the eval harness to that of production.",
        evidence_sql=_evidence(feature, day, one.field),
    )


def _evidence(feature: Feature, day: date, field: str) -> str:
    """Return the query that shows both sides' values of one field."""
    column = "max_tokens_bin" if field == "max_tokens" else field
    table, column, where = "summary__parameters", f"{column}::varchar", ""
    if field in {"request_model", "response_model", "prompt_version", "tool"}:
        table, column, where = "summary__categories", "value", f"and field = {literal(field)} "
    elif field == "system_text":
        table, column = "summary__system_texts", "system_sha256"
    return (
        f"select run_kind, {column} as value, sum(n)::bigint as n, min(day) as first_day, "  # noqa: S608 - literals only
        f"max(day) as last_day from {table} where feature_id = {literal(feature.id)} {where}"
        f"and day between {literal(day)}::date - {HISTORY_DAYS - 1} and {literal(day)}::date "
        "group by run_kind, value order by run_kind, n desc, value limit 200"
    )
