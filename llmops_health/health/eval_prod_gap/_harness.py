"""What evals and production are run with, side by side. Nothing is judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from llmops_health.health.eval_prod_gap._windows import WINDOWS, of_days

TITLES: Final = {
    "request_model": "model",
    "response_model": "answering model",
    "prompt_version": "prompt version",
    "system_text": "system text",
    "tool": "tools",
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_tokens",
}
"""Fields that are compared, in the order of how much they usually explain."""

RARE: Final = 0.05
"""Share below which a side hardly has a value."""

_SETTINGS: Final = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens_bin"}
_UNSET: Final = "unset"
_UNKNOWN: Final = "(null)"
_LONG: Final = ["day", "run_kind", "field", "value", "n"]
_OTHER: Final = "(other)"
# A tool that a fifth of one side calls and the other never is not there, or was never needed.
_TOOL_SHARE: Final = 0.2
_NO_TOOL: Final = 0.01


@dataclass(frozen=True, slots=True)
class Difference:
    """How one field differs: the usual values, and the share of production that evals never see."""

    field: str
    eval_value: str
    production_value: str
    untested: float
    n_eval: int
    n_production: int

    def __str__(self) -> str:
        """Say it in words, short enough to stand beside others."""
        return f"{TITLES[self.field]} ({self.eval_value} against {self.production_value})"


@dataclass(frozen=True, slots=True)
class Harness:
    """Both sides of a window of days: calls, fields that can be compared, and those that differ."""

    n_days: int
    n_eval: int
    n_production: int
    fields: tuple[str, ...]
    differences: tuple[Difference, ...]


def compare(
    categories: pl.DataFrame,
    parameters: pl.DataFrame,
    system_texts: pl.DataFrame,
    day: date,
    *,
    max_untested: float,
) -> Harness | None:
    """Compare what both sides ran with over the last 7 days, else 14 or 28; None without evals.

    Production after the last eval does not count: no eval could have met it.
    """
    tables = (categories, parameters, system_texts)
    evaluated = (one["day"].filter(one["run_kind"] == "eval").max() for one in tables)
    last_eval = max((at for at in evaluated if isinstance(at, date)), default=date.min)
    n_days = next((n for n in WINDOWS if (day - last_eval).days < n), None)
    if n_days is None:
        return None
    live = "prod" if any((one["run_kind"] == "prod").any() for one in tables) else "unknown"
    rows = _long(*(of_days(one, day, n_days) for one in tables))
    is_eval, is_live = rows["run_kind"] == "eval", rows["run_kind"] == live
    is_live &= rows["day"] <= last_eval
    # Every call is counted once under the field of models, whatever it says there.
    is_model = rows["field"] == "request_model"
    n_eval, n_production = (
        int(rows["n"].filter(is_model & side).sum()) for side in (is_eval, is_live)
    )
    sides = _sides(rows.filter(is_eval | is_live))
    fields = tuple(name for name in TITLES if name != "tool" and _is_comparable(sides.get(name)))
    found = [_difference(name, *sides[name]) for name in fields]
    differences = [one for one in found if one.untested >= max_untested]
    tools = _tools(sides.get("tool", ({}, {})), n_eval, n_production)
    if tools is not None:
        differences.append(tools)
        differences.sort(key=lambda one: list(TITLES).index(one.field))
    if "tool" in sides:
        fields = (*fields, "tool")
    return Harness(n_days, n_eval, n_production, fields, tuple(differences))


def _long(
    categories: pl.DataFrame, parameters: pl.DataFrame, system_texts: pl.DataFrame
) -> pl.DataFrame:
    """Return one row per day, run_kind, field and value, those of other fields too."""
    texts = system_texts.select(
        "day", "run_kind", pl.lit("system_text").alias("field"), value="system_sha256", n="n"
    )
    is_told = pl.col("params_known").fill_null(value=False)
    settings = parameters.select(
        "day",
        "run_kind",
        "n",
        **{
            name: pl.coalesce(
                pl.col(column).cast(pl.Float64).round(2).cast(pl.String),
                pl.when(is_told).then(pl.lit(_UNSET)),
            ).str.strip_suffix(".0")
            for name, column in _SETTINGS.items()
        },
    ).unpivot(
        list(_SETTINGS), index=["day", "run_kind", "n"], variable_name="field", value_name="value"
    )
    return pl.concat([categories[_LONG], texts, settings[_LONG]])


Counts = dict[str, int]


def _sides(rows: pl.DataFrame) -> dict[str, tuple[Counts, Counts]]:
    """Return the calls per value that is known, of evals and of production, by field."""
    found: dict[str, tuple[Counts, Counts]] = {}
    grouped = rows.group_by("field", "run_kind", "value").agg(pl.col("n").sum())
    for field, kind, value, n in grouped.sort("field", "value").iter_rows():
        if value not in (None, _UNKNOWN):
            found.setdefault(field, ({}, {}))[0 if kind == "eval" else 1][value] = n
    return found


def _is_comparable(sides: tuple[Counts, Counts] | None) -> bool:
    """Whether both sides say a value, and it is not made anew for every call."""
    if sides is None or not (sides[0] and sides[1]):
        return False
    if {*sides[0], *sides[1]} == {_UNSET}:
        return False
    named = [{v: n for v, n in side.items() if v != _OTHER} for side in sides]
    return all(
        sum(few.values()) >= 0.5 * sum(side.values())
        and max(few.values()) >= RARE * sum(side.values())
        for few, side in zip(named, sides, strict=True)
        if side
    )


def _difference(field: str, evals: Counts, production: Counts) -> Difference:
    n_eval, n_production = sum(evals.values()), sum(production.values())
    unseen = sum(n for v, n in production.items() if evals.get(v, 0) < RARE * n_eval)
    return Difference(
        field=field,
        eval_value=_usual(field, evals),
        production_value=_usual(field, production),
        untested=unseen / n_production,
        n_eval=n_eval,
        n_production=n_production,
    )


def _usual(field: str, side: Counts) -> str:
    value = max(side, key=lambda v: (side[v], v))
    return value[:8] if field == "system_text" else value


def _tools(sides: tuple[Counts, Counts], n_eval: int, n_production: int) -> Difference | None:
    """Return the tools that one side calls often and the other never."""
    evals, production = sides
    if not (n_eval and n_production):
        return None

    def only(mine: Counts, n_mine: int, other: Counts, n_other: int) -> list[str]:
        return [
            name
            for name, n in sorted(mine.items())
            if n >= _TOOL_SHARE * n_mine and other.get(name, 0) < _NO_TOOL * n_other
        ]

    mine = only(evals, n_eval, production, n_production)
    theirs = only(production, n_production, evals, n_eval)
    if not mine and not theirs:
        return None
    most = max(production[name] for name in theirs) if theirs else 0
    return Difference(
        field="tool",
        eval_value=", ".join(mine) or "none of its own",
        production_value=", ".join(theirs) or "none of its own",
        untested=most / n_production,
        n_eval=n_eval,
        n_production=n_production,
    )
