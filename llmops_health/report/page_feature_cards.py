"""The section of cards: what to do with each feature, and what waiting costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from llmops_health.figures import Estimate, Mark, Scatter
from llmops_health.report import plots
from llmops_health.report.page_features import Fact
from llmops_health.report.page_figures import Picture
from llmops_health.report.page_numbers import full_date, interval, number, places, short

MOST_CARDS = 60
"""Cards shown in full; further ones stand in the table `health__feature_cards`."""

MOST_MARKS = 200


@dataclass(frozen=True, slots=True)
class CardView:
    """One feature's card; the anchor is empty where the page does not show the feature."""

    feature_id: str
    anchor: str
    advice: str
    reason: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class CardSection:
    """Cards with an advice by rank, those without one, and how many more there are of the first.

    `picture` is None where fewer than two features have both an age and a challenger.
    """

    cards: tuple[CardView, ...]
    open_cards: tuple[CardView, ...]
    n_more: int
    picture: Picture | None


def card_section(rows: pl.DataFrame, anchors: Mapping[str, str]) -> CardSection:
    """Return the section of a day's cards; `anchors` are the features' places on the page."""
    views = [_view(row, anchors) for row in rows.iter_rows(named=True)]
    told = [view for view in views if view.advice]
    return CardSection(
        cards=tuple(told[:MOST_CARDS]),
        open_cards=tuple(view for view in views if not view.advice)[:MOST_CARDS],
        n_more=max(0, len(told) - MOST_CARDS),
        picture=_picture(rows.to_dicts()),
    )


def _view(row: Mapping[str, Any], anchors: Mapping[str, str]) -> CardView:
    return CardView(
        feature_id=row["feature_id"],
        anchor=anchors.get(row["feature_id"], ""),
        advice=str(row["advice"] or "").capitalize(),
        reason=str(row["reason"] or ""),
        facts=tuple(fact for fact in _facts(row) if fact.value),
    )


def _facts(row: Mapping[str, Any]) -> Sequence[Fact]:
    return (
        Fact("Waiting costs", _regret(row)),
        Fact("Withdrawn on", full_date(row["deadline"]) if row["deadline"] else ""),
        Fact("Challenger", _challenger(row)),
        Fact("Unchanged for", _age(row)),
        Fact("Upkeep", _a_month(row["upkeep_usd_per_month"], "USD")),
        Fact("Calls", _a_month(row["calls_per_month"], "")),
        Fact("In the way", str(row["blockers"] or "")),
        Fact("Rank if worths are 50 % off", _ranks(row)),
    )


def _regret(row: Mapping[str, Any]) -> str:
    told = [
        _a_month(row["regret_usd_per_month"], "USD"),
        _a_month(row["regret_answers_per_month"], "right answers"),
    ]
    return "; ".join(part for part in told if part)


def _a_month(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    n_places = 2 if 0.005 <= abs(value) < 100 else 0
    return f"{number(value, n_places)} {unit} a month".replace("  ", " ")


def _challenger(row: Mapping[str, Any]) -> str:
    if row["gap_pp"] is None:
        return ""
    gap, lo, hi = row["gap_pp"], row["gap_lo_pp"], row["gap_hi_pp"]
    n_places = places(gap, lo, hi)
    sign = "+" if gap > 0 else ""
    return (
        f"{row['challenger']} {sign}{number(gap, n_places)} pp {interval(lo, hi, n_places)} against"
        f" {row['champion']}, {row['n_cases']:,} cases"
    )


def _age(row: Mapping[str, Any]) -> str:
    if row["age_days"] is None:
        return ""
    told = (
        f"{row['age_days']:,} days" if row["age_is_exact"] else f"{row['age_days']:,} days or more"
    )
    if row["age_percentile"] is not None:
        told += f", longer than {short(round(100 * row['age_percentile']))} % of past gaps"
    return told


def _ranks(row: Mapping[str, Any]) -> str:
    lo, hi = row["rank_lo"], row["rank_hi"]
    return "" if lo == hi else f"{lo} to {hi}"


def _picture(rows: Sequence[Mapping[str, Any]]) -> Picture | None:
    """Return age against gap, a mark per feature as large as what it costs."""
    known = [row for row in rows if None not in (row["age_percentile"], row["gap_pp"])]
    if len(known) < 2:
        return None
    title = "Age against the best challenger's gap; area: USD a month that calls and hours cost"
    beyond = [row["feature_id"] for row in known if row["advice"] in {"replace", "retrain"}]
    figure = Scatter(
        title=title,
        description=f"{len(known)} features; to be replaced or retrained: "
        f"{', '.join(beyond) or 'none'}.",
        x_label="past gaps between changes that were shorter",
        x_unit="share",
        y_label="challenger minus champion",
        y_unit="pp",
        marks=tuple(
            Mark(
                label=row["feature_id"],
                x=Estimate(value=row["age_percentile"]),
                y=Estimate(value=row["gap_pp"], lo=row["gap_lo_pp"], hi=row["gap_hi_pp"]),
                n=round(row["upkeep_usd_per_month"] or row["spend_usd_per_month"] or 0),
                is_chosen=row["advice"] in {"replace", "retrain", "retire"},
            )
            for row in known[:MOST_MARKS]
        ),
        y_limit=0.0,
    )
    return Picture(title, plots.svg(figure))
