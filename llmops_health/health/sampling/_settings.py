"""The settings of a feature's calls, as `summary__parameters` counts them. Nothing is judged.

A condition is written once, in SQL: it chooses rows here, and is the evidence of a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache

import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import Finding, literal, not_enough_data

ONE_ANSWER = ("classifier", "extraction")
"""Kinds of features whose questions have one right answer."""

VALUES = ("temperature", "top_p", "top_k", "max_tokens", "frequency_penalty", "presence_penalty")

COLUMNS = {name: f"{name}_bin" if name == "max_tokens" else name for name in VALUES}
"""Columns of `summary__parameters` that hold them."""

SAYS_NOTHING = (
    "(params_known is not null and not params_known) or (params_known is null and "
    + " and ".join(f"{name} is null" for name in VALUES)
    + " and not has_seed)"
)
"""Calls of which nothing is known: the source cannot say, or says nothing at all."""

IS_GREEDY = "(temperature = 0 or coalesce(top_k, 0) = 1 or coalesce(top_p, 1) = 0)"
"""Calls in which nothing is drawn at random."""


@cache
def chosen(condition: str) -> pl.Expr:
    """Return an SQL condition over columns of the table as an expression; null is false."""
    return pl.sql_expr(condition).fill_null(value=False)


def production(table: pl.DataFrame, day: date, n_days: int) -> pl.DataFrame:
    """Return the rows of production of the `n_days` days that end with `day`.

    Production is `run_kind` prod, or unknown where no row at all is prod.
    """
    kind = table["run_kind"]
    is_live = kind == "prod"
    is_live = is_live if is_live.any() else kind == "unknown"
    return table.filter(is_live & (table["day"] > day - timedelta(days=n_days)))


def recent(table: pl.DataFrame, day: date, n_days: int) -> pl.DataFrame:
    """Return the rows of the `n_days` days that end with `day`."""
    return table.filter(table["day"] > day - timedelta(days=n_days))


def said(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of calls that say with which settings they were made."""
    if rows["params_known"].all(ignore_nulls=False):
        return rows
    return rows.filter(~chosen(SAYS_NOTHING))


def n_calls(rows: pl.DataFrame) -> int:
    """Return the calls behind rows."""
    return int(rows["n"].sum())


def silence(rows: pl.DataFrame, known: pl.DataFrame, n_days: int) -> Finding | None:
    """Say why calls tell nothing of their settings; None if they do.

    `rows` are those of the last `n_days` days in production, `known` what `said` leaves of them.
    """
    n = n_calls(rows)
    if not n:
        return not_enough_data(0, f"No production call is logged in {n_days} days.")
    if known.is_empty():
        return not_enough_data(
            n, f"None of the {n} calls of {n_days} days says with which parameters it was made."
        )
    return None


def in_words(feature: Feature) -> str:
    """Return what kind of feature it is, with its article."""
    return f"{'an' if feature.kind[0] in 'aeiou' else 'a'} {feature.kind} feature"


def varying(rows: pl.DataFrame) -> list[str]:
    """Return the parameters that have more than one value, null among them."""
    return [name for name in VALUES if rows[COLUMNS[name]].n_unique() > 1]


def parameter_values(
    rows: pl.DataFrame, by: Iterable[str], parameters: Sequence[str]
) -> pl.DataFrame:
    """Return the calls per day, columns `by`, parameter and value, of values that are known.

    A value is null where it is known not to be set. Rows of max_tokens have its first two digits.
    """
    groups = list(by)
    long = rows.select(
        "day",
        *groups,
        "n",
        "params_known",
        **{name: pl.col(COLUMNS[name]).cast(pl.Float64) for name in parameters},
    )
    told = long.unpivot(
        parameters,
        index=["day", *groups, "n", "params_known"],
        variable_name="parameter",
        value_name="value",
    ).filter(pl.col("value").is_not_null() | pl.col("params_known").fill_null(value=False))
    return told.group_by("day", *groups, "parameter", "value").agg(pl.col("n").sum())


def is_reasoning(model: str, families: Iterable[str]) -> bool:
    """Whether a model belongs to a family by its name, with or without a provider before it.

    Examples
    --------
    >>> is_reasoning("openai/o3-mini", ["o3"]), is_reasoning("gpt-4o", ["o3"])
    (True, False)
    """
    name = model.rsplit("/", 1)[-1].lower()
    return any(name == one or name.startswith(f"{one}-") for one in families)


def reasoning_models(rows: pl.DataFrame, families: Iterable[str]) -> list[str]:
    """Return the names among these rows that belong to one of the families, sorted."""
    names: set[str | None] = set(rows["request_model"].to_list())
    return sorted(name for name in names if name is not None and is_reasoning(name, families))


def temperature_sql(default: float, models: Iterable[str]) -> str:
    """Return SQL of the temperature that is in force; null where that is not known.

    `default` is what a provider takes where none is set, `models` those that take none at all.
    """
    listed = ", ".join(literal(name) for name in models)
    refuses = f"when request_model in ({listed}) then null " if listed else ""
    return (
        f"(case when params_known is not null and not params_known then null {refuses}"
        f"when {IS_GREEDY} then 0.0 when temperature is not null then temperature "
        f"when params_known then {literal(default)} end)"
    )


def evidence(feature: Feature, day: date, n_days: int, condition: str) -> str:
    """Return the query that lists the settings of which a condition is true."""
    return (
        "select day, run_kind, request_model, prompt_name, prompt_version, service_version, "  # noqa: S608 - literals only
        f"params_known, {', '.join(VALUES)}, has_seed, n from summary__parameters "
        f"where feature_id = {literal(feature.id)} and run_kind in ('prod', 'unknown') "
        f"and day between date {literal(day - timedelta(days=n_days - 1))} and date {literal(day)} "
        f"and ({condition}) order by day desc, n desc, config_key limit 200"
    )
