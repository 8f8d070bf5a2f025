"""A power card: what one check can see on one feature, as a row of `health__power_cards`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from typing import Final

import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health import Check
from llmops_health.kernels.intervals import wilson_interval
from llmops_health.kernels.rates import n_episodes, poisson_rate
from llmops_health.power.quiet import MIN_DAYS, quiet_history, replayed_days
from llmops_health.power.replay import FOUND_WITHIN_DAYS, Replay, judged_as_it_is
from llmops_health.power.shocks import SHOCKS, in_words

STANDARD_SHARE: Final = 0.25
LADDER: Final = (0.02, 0.05, 0.10, 0.15, 0.25, 0.35, 0.50)
"""Shares of the rows, of which the smallest that is found is looked for."""

MONTH_DAYS: Final = 30
_FOUND_SHARE: Final = 0.8
# An alarm that is back within a week is the same one to the person who looked at it.
_QUIET_DAYS: Final = 7
# Where every second day rings with nothing changed, it is the state that rings.
_STANDING_SHARE: Final = 0.5
_SEED: Final = 20_260_101
_NOT_REPLAYED: Final = {
    "stale_suite": "its fault is a suite that nobody changed for months, which no change of rows "
    "brings about",
    "abandoned": "its fault is that nothing happens for months, which no change of rows brings "
    "about",
    "beaten_by_challenger": "its fault lies in eval scores, in which no change is put",
    "unowned_feature": "its fault lies in who is named, which no change of rows brings about",
    "ungoverned_feature": "its fault lies in what is on record, which no change of rows brings "
    "about",
    "data_not_ready": "its fault is a log that is not kept, which is the same every day",
    "unanswered_alarm": "its fault is that nobody answers, which no change of rows brings about",
    "ownerless_component": "its fault lies in who is named, which no change of rows brings about",
}

CARD_COLUMNS: Final = {
    "day": "date",
    "feature_id": "varchar",
    "mode": "varchar",
    "check_name": "varchar",
    "n_quiet": "bigint",
    "n_false": "bigint",
    "false_alarms_per_month": "double",
    "false_lo": "double",
    "false_hi": "double",
    "shift": "varchar",
    "n_planted": "bigint",
    "n_found": "bigint",
    "p_found": "double",
    "found_lo": "double",
    "found_hi": "double",
    "smallest_effect": "double",
    "effect_unit": "varchar",
    "message": "varchar",
}
_POLARS: Final[dict[str, type[pl.DataType]]] = {
    "date": pl.Date,
    "varchar": pl.String,
    "double": pl.Float64,
    "bigint": pl.Int64,
}
CARD_SCHEMA: Final = {name: _POLARS[kind] for name, kind in CARD_COLUMNS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCard:
    """What a check can see; numbers that were not measured are None, and the message says why.

    `n_quiet` days, every second one, were judged with nothing changed, in which `n_false` alarms
    rang: episodes, of which a new one begins after 7 days of silence; one that rings on a single
    day is met every second time. `n_found` of `n_planted` changes, each of a
    quarter of the rows, were found within 7 days. `smallest_effect` is the smallest share of the
    rows found in 4 of 5 replays; None with `n_planted`: none up to half of the rows. The replays
    lie in different weeks but share their history, so the interval of `p_found` is a little narrow.
    """

    day: date
    feature_id: str
    mode: str
    check_name: str
    message: str
    n_quiet: int = 0
    n_false: int | None = None
    false_alarms_per_month: float | None = None
    false_lo: float | None = None
    false_hi: float | None = None
    shift: str | None = None
    n_planted: int = 0
    n_found: int | None = None
    p_found: float | None = None
    found_lo: float | None = None
    found_hi: float | None = None
    smallest_effect: float | None = None
    effect_unit: str | None = None


def rows(cards: Iterable[PowerCard]) -> pl.DataFrame:
    """Return cards as rows of `health__power_cards`."""
    return pl.DataFrame([asdict(card) for card in cards], schema=CARD_SCHEMA, orient="row")


def power_card(
    check: Check,
    tables: Mapping[str, pl.DataFrame],
    feature: Feature,
    params: CheckParams,
    day: date,
    *,
    alarmed: Collection[date] = (),
    seed: int = _SEED,
) -> PowerCard:
    """Measure what a check can see on a feature, on its days up to `day`.

    Parameters
    ----------
    tables
        The tables that the check reads, with `REPLAY_DAYS` days up to `day` or as many as there
        are; rows of other features and of later days are left out.
    alarmed
        Days on which the check rang in these days; a time with a standing alarm is left out,
        because two states taken turn about are not quiet.
    seed
        Of the arrangement of days and of the rows that change; the same data and seed give the
        same card, in whatever order the rows come.
    """
    card = PowerCard(
        day=day, feature_id=feature.id, mode=check.mode, check_name=check.name, message=""
    )
    own = {name: _of_feature(tables[name], feature.id) for name in check.reads}
    why_not = _not_replayed(check, own, feature, params, day)
    pool = replayed_days(own, day, alarmed)
    if not why_not and len(pool) < MIN_DAYS:
        stretch = " without a standing alarm" if alarmed else ""
        why_not = (
            f"Cannot be replayed: {len(pool) // 7} whole weeks of history{stretch}, "
            f"{MIN_DAYS // 7} are needed."
        )
    if why_not:
        return _with(card, message=why_not)
    of_card = int.from_bytes(sha256(f"{seed}\n{feature.id}\n{day}".encode()).digest()[:8], "big")
    quiet = quiet_history(own, pool, day, of_card)
    return _measured(card, Replay(check, feature, params, quiet, of_card), quiet.n_days)


def _of_feature(rows: pl.DataFrame, feature_id: str) -> pl.DataFrame:
    if "feature_id" not in rows.columns:
        return rows
    return rows.filter(pl.col("feature_id") == feature_id)


def _with(card: PowerCard, **changed: object) -> PowerCard:
    return PowerCard(**(asdict(card) | changed))


def _not_replayed(
    check: Check,
    tables: dict[str, pl.DataFrame],
    feature: Feature,
    params: CheckParams,
    day: date,
) -> str:
    """Say why there is nothing to replay; empty where there is."""
    if check.name in _NOT_REPLAYED:
        return f"Not replayed: {_NOT_REPLAYED[check.name]}."
    if not any(name in SHOCKS for name in check.reads):
        read = ", ".join(check.reads) or "the configuration"
        return f"Not replayed: it reads {read}, in which no change is put."
    now = judged_as_it_is(check, tables, feature, params, day)
    if _has_no_evidence(now):
        return f"Cannot be replayed: {now.message[:1].lower()}{now.message[1:]}"
    if not any(name in SHOCKS and len(rows) for name, rows in tables.items()):
        return "Cannot be replayed: no row is logged that could change."
    return ""


def _has_no_evidence(finding: Finding) -> bool:
    """Whether no change could be seen; what is only too weak to reassure may still ring."""
    return finding.status is Status.NOT_APPLICABLE or (
        finding.status is Status.NOT_ENOUGH_DATA and not finding.message.startswith("Cannot tell")
    )


def _measured(card: PowerCard, replay: Replay, n_days: int) -> PowerCard:
    places = replay.quiet_places
    ringing = [place for place in places if replay.rings_quietly(place)]
    if len(ringing) >= _STANDING_SHARE * len(places):
        return _with(
            card,
            n_quiet=len(places),
            message=f"Cannot be replayed: it rings on {len(ringing)} of {len(places)} days of "
            f"which none differs from the others; what it rings for has stood for {n_days} days.",
        )
    n_false = n_episodes(ringing, quiet_days=_QUIET_DAYS)
    a_month = poisson_rate(n_false, n_days / MONTH_DAYS)
    starts = replay.starts
    n_found = sum(replay.finds(STANDARD_SHARE, start) for start in starts)
    found = wilson_interval(n_found, len(starts))
    smallest = _smallest(replay, starts, n_found)
    shift = in_words(replay.changing, STANDARD_SHARE)
    return _with(
        card,
        n_quiet=len(places),
        n_false=n_false,
        false_alarms_per_month=a_month.estimate,
        false_lo=a_month.lo,
        false_hi=a_month.hi,
        shift=shift,
        n_planted=len(starts),
        n_found=n_found,
        p_found=found.estimate,
        found_lo=found.lo,
        found_hi=found.hi,
        smallest_effect=smallest,
        effect_unit="share of rows",
        message=f"With nothing changed it rings {a_month.estimate:.1f} times a month "
        f"[{a_month.lo:.1f}, {a_month.hi:.1f}] ({n_false} alarms in {n_days} days); with {shift} "
        f"it rings within {FOUND_WITHIN_DAYS} days in {n_found} of {len(starts)} replays "
        f"({100 * found.estimate:.0f} % [{100 * found.lo:.0f}, {100 * found.hi:.0f}]), and "
        f"{_told(smallest)}.",
    )


def _told(smallest: float | None) -> str:
    if smallest is None:
        return f"no shift of up to {100 * LADDER[-1]:.0f} % is found 4 times in 5"
    return f"{100 * smallest:.0f} % is the smallest shift found 4 times in 5"


def _smallest(replay: Replay, starts: list[int], n_standard: int) -> float | None:
    """Bisect the ladder for its lowest rung that is found; larger shares are found more often."""
    needed = _FOUND_SHARE * len(starts)
    at = LADDER.index(STANDARD_SHARE)
    low, high = (-1, at) if n_standard >= needed else (at, len(LADDER))
    while high - low > 1:
        middle = (low + high) // 2
        if _is_found(replay, LADDER[middle], starts, needed):
            high = middle
        else:
            low = middle
    return LADDER[high] if high < len(LADDER) else None


def _is_found(replay: Replay, share: float, starts: list[int], needed: float) -> bool:
    n_found = 0
    for n_left, start in zip(reversed(range(len(starts))), starts, strict=True):
        n_found += replay.finds(share, start)
        if n_found >= needed or n_found + n_left < needed:
            break
    return n_found >= needed
