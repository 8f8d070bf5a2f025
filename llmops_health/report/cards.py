"""One card per feature: keep, retrain, replace or retire, and what a month of waiting costs.

Nothing is read; rows of `health__feature_cards` come out, and their JSON. What one card advises
is `card_advice`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import orjson
import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import CheckParams
from llmops_health.report.card_advice import (
    Advice,
    CardParams,
    Evidence,
    Regret,
    advised,
    challenger_gain,
    evidence,
    regret,
)

MODE: Final = "frozen_feature"
READER: Final = (MODE, "stale_model")
"""The check that reads all tables of a card."""
_SCENARIOS: Final = ((0.5, 0.5), (0.5, 1.5), (1.5, 0.5), (1.5, 1.5))
"""Worth of a right answer and of an hour, times what is configured: what the ranks hang on."""

CARD_COLUMNS: Final = {
    "day": "date",
    "feature_id": "varchar",
    "rank": "bigint",
    "rank_lo": "bigint",
    "rank_hi": "bigint",
    "advice": "varchar",
    "reason": "varchar",
    "regret_usd_per_month": "double",
    "regret_answers_per_month": "double",
    "deadline": "date",
    "age_days": "bigint",
    "age_is_exact": "boolean",
    "age_percentile": "double",
    "changes_per_month": "double",
    "champion": "varchar",
    "challenger": "varchar",
    "n_cases": "bigint",
    "gap_pp": "double",
    "gap_lo_pp": "double",
    "gap_hi_pp": "double",
    "p_better": "double",
    "calls_per_month": "double",
    "spend_usd_per_month": "double",
    "upkeep_usd_per_month": "double",
    "saving_usd_per_month": "double",
    "gain_usd_per_month": "double",
    "blockers": "varchar",
}
"""Columns of `health__feature_cards`."""

_POLARS: Final[dict[str, type[pl.DataType]]] = {
    "date": pl.Date,
    "varchar": pl.String,
    "double": pl.Float64,
    "bigint": pl.Int64,
    "boolean": pl.Boolean,
}
CARD_SCHEMA: Final = {name: _POLARS[kind] for name, kind in CARD_COLUMNS.items()}


@dataclass(frozen=True, slots=True)
class _Weighed:
    known: Evidence
    advice: Advice
    regret: Regret
    scenarios: tuple[Regret, ...]


def card_params(params: Mapping[str, CheckParams]) -> CardParams:
    """Return the parameters of the mode's checks, by check name, as a card takes them."""
    return CardParams(
        stale=params["stale_model"],  # type: ignore[arg-type]
        beaten=params["beaten_by_challenger"],  # type: ignore[arg-type]
        costly=params["costly_upkeep"],  # type: ignore[arg-type]
    )


def feature_cards(
    day: date,
    features: Iterable[Feature],
    findings: pl.DataFrame,
    tables: Mapping[str, pl.DataFrame],
    params: CardParams,
) -> pl.DataFrame:
    """Make the cards of a day.

    Parameters
    ----------
    findings
        Rows of `health__findings` of the day; other modes' are left out.
    tables
        What `stale_model` reads, of all features: daily ones with its history up to the day.
    params
        Of the mode's checks.

    Returns
    -------
    DataFrame of `CARD_SCHEMA`, one row per feature by rank. A near deadline ranks first, then
    regret in USD, then in answers. `rank_lo` and `rank_hi` are the ranks with the worth of an
    answer and of an hour half as large and half as large again.
    """
    judged = findings.filter(pl.col("mode") == MODE)
    weighed = []
    for feature in features:
        own = {name: _of_feature(rows, feature.id) for name, rows in tables.items()}
        said = judged.filter(pl.col("feature_id") == feature.id)
        known = evidence(feature, day, said, own, params)
        advice = advised(known, params)
        weighed.append(
            _Weighed(
                known,
                advice,
                regret(known, advice, params),
                tuple(
                    regret(known, advice, params, of_value=value, of_hours=hours)
                    for value, hours in _SCENARIOS
                ),
            )
        )
    ranks = [_ranks(weighed, [one.regret for one in weighed], params)]
    ranks += [
        _ranks(weighed, [one.scenarios[at] for one in weighed], params)
        for at in range(len(_SCENARIOS))
    ]
    rows = [_row(one, [of[place] for of in ranks], params) for place, one in enumerate(weighed)]
    return pl.DataFrame(rows, schema=CARD_SCHEMA, orient="row").sort("rank")


def write_json(cards: pl.DataFrame, path: Path) -> None:
    """Write the cards of one day as JSON, atomically: day, and a list of features by rank."""
    day = cards["day"][0] if len(cards) else None
    listed = cards.drop("day", strict=False).to_dicts()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    fresh.write_bytes(orjson.dumps({"day": day, "features": listed}, option=options))
    fresh.replace(path)


def _of_feature(rows: pl.DataFrame, feature_id: str) -> pl.DataFrame:
    if "feature_id" not in rows.columns:
        return rows
    return rows.filter(pl.col("feature_id") == feature_id)


def _ranks(weighed: Sequence[_Weighed], regrets: Sequence[Regret], params: CardParams) -> list[int]:
    def urgency(place: int) -> tuple[bool, float, float, str]:
        one, lost = weighed[place], regrets[place]
        ending = one.known.withdrawn
        is_near = ending is not None and (ending.on - one.known.day).days < params.stale.fail_days
        return (not is_near, -(lost.usd or 0.0), -(lost.answers or 0.0), one.known.feature.id)

    order = sorted(range(len(weighed)), key=urgency)
    return [order.index(place) + 1 for place in range(len(weighed))]


def _row(one: _Weighed, ranks: Sequence[int], params: CardParams) -> dict[str, object]:
    known = one.known
    duel = one.advice.duel or next(iter(known.tried), None)
    used, age, rare = known.used, known.age, known.rarity
    brought = challenger_gain(known, duel, params.beaten.value_per_correct_usd)
    hours = known.feature.maintenance_hours_per_month
    spend = used.spend_per_month if used else None
    upkeep = None if hours is None else hours * params.costly.hourly_rate_usd + (spend or 0.0)
    return {
        "day": known.day,
        "feature_id": known.feature.id,
        "rank": ranks[0],
        "rank_lo": min(ranks),
        "rank_hi": max(ranks),
        "advice": one.advice.advice,
        "reason": one.advice.reason,
        "regret_usd_per_month": one.regret.usd,
        "regret_answers_per_month": one.regret.answers,
        "deadline": known.withdrawn.on if known.withdrawn else None,
        "age_days": age.days if age else None,
        "age_is_exact": age.is_exact if age else None,
        "age_percentile": rare.percentile.estimate if rare else None,
        "changes_per_month": rare.per_month.estimate if rare else None,
        "champion": duel.champion if duel else None,
        "challenger": duel.challenger if duel else None,
        "n_cases": duel.change.n if duel else None,
        "gap_pp": 100 * duel.change.mean if duel else None,
        "gap_lo_pp": 100 * duel.change.lo if duel else None,
        "gap_hi_pp": 100 * duel.change.hi if duel else None,
        "p_better": duel.chance(params.beaten.margin_pp / 100) if duel else None,
        "calls_per_month": used.calls_per_month if used else None,
        "spend_usd_per_month": spend,
        "upkeep_usd_per_month": upkeep,
        "saving_usd_per_month": brought.saving.estimate if brought and brought.saving else None,
        "gain_usd_per_month": brought.usd.estimate if brought and brought.usd else None,
        "blockers": ", ".join(_blockers(known, params)) or None,
    }


def _blockers(known: Evidence, params: CardParams) -> list[str]:
    """Return what stands in the way of a change, whatever is advised."""
    found = []
    if not known.feature.owner:
        found.append("no owner")
    if known.score is None:
        found.append("no eval run of the version in use")
    elif not known.tried:
        found.append("no challenger has run its cases")
    elif known.tried[0].room <= params.beaten.margin_pp / 100:
        found.append("the eval suite is saturated")
    if not known.feature.runbook_url:
        found.append("no runbook")
    return found
