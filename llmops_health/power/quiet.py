"""A feature's recent days with everything taken out that may have changed in them.

Whole days are exchanged among the same weekdays, alike in every table, so that no week can differ
from another but by chance, while the weekly season, the mix of users and what belongs to one day
stay. The arrangement comes twice in a row, so that each day of the second time has a full history
of days that all differ. Where a table tells what was right, it is drawn anew as the stated
confidence promises; where it compares now with before, the two change places at random: a fault
that has stood all the time is no false alarm.

Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from llmops_health.power.outcomes import as_promised

REPLAY_DAYS: Final = 56
MIN_DAYS: Final = 28
_WEEK: Final = 7
# A weekday with so many rows is not empty by chance: the log of that day is missing.
_MANY_ROWS: Final = 10
# An alarm by chance seldom stands longer.
_STOOD_DAYS: Final = 5
_ARRANGED: Final = {"day": pl.Date, "new": pl.Date}
_DRAWN_ANEW: Final = frozenset({"summary__calibration"})
_SWAPPED: Final = (
    ("ln_chars_now", "ln_chars_before"),
    ("refusal_now", "refusal_before"),
    ("formatted_now", "formatted_before"),
    ("json_now", "json_before"),
    ("hedged_now", "hedged_before"),
    ("label_agreement", "label_agreement_before"),
)

Tables = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class QuietHistory:
    """Tables of `2 * n_days` days up to `last`, the second half a repetition of the first."""

    tables: dict[str, pl.DataFrame]
    last: date
    n_days: int

    def day(self, place: int) -> date:
        """Return the day at a place from 0, the oldest, to `2 * n_days - 1`, the last."""
        return self.last - timedelta(days=2 * self.n_days - 1 - place)


def quiet_history(tables: Tables, pool: Sequence[date], last: date, seed: int) -> QuietHistory:
    """Rearrange days of one feature's tables so that they end with `last`.

    Parameters
    ----------
    tables
        Rows of one feature, by table; those without a `day` are taken as they stand on `last`.
    pool
        The days to arrange, whole weeks: see `replayed_days`.
    last
        The last day that may be looked at.
    seed
        Arranges the days, alike in every table, and draws outcomes.
    """
    known = {name: _sorted(_until(rows, last)) for name, rows in tables.items()}
    daily = [rows for rows in known.values() if "day" in rows.columns]
    n_days = len(pool)
    new = [last - timedelta(days=2 * n_days - 1 - place) for place in range(2 * n_days)]
    rng = np.random.default_rng(seed)
    order = _arranged(pool, new[n_days:], _rows_per_day(daily, pool), rng)
    days = pl.DataFrame({"day": [*order, *order], "new": new}, schema=_ARRANGED)
    quiet = {}
    for name, rows in known.items():
        if "day" not in rows.columns:
            quiet[name] = _fitted_before(_always_there(rows), new[0])
            continue
        of_pool = rows.filter(pl.col("day").is_in(pool))
        arranged = _on_days(of_pool, days)
        if name == "summary__calibration":
            arranged = as_promised(arranged, of_pool, rng)
        elif name == "summary__repeats":
            arranged = _exchangeable(arranged, rng)
        quiet[name] = _fitted_before(arranged, new[0])
    return QuietHistory(quiet, last, n_days)


def replayed_days(tables: Tables, last: date, alarmed: Collection[date] = ()) -> list[date]:
    """Return the days that are arranged: whole weeks, at most 8, in which nothing has changed.

    Parameters
    ----------
    tables
        Rows of one feature, by table.
    last
        The newest day.
    alarmed
        Days on which the check rang. An alarm that stood for 5 days or more is taken for a change
        in the week before it began: the longest time without one is taken. Where all that is
        read is drawn anew there is no need to.

    Returns
    -------
    list of date
        Oldest first, as many of each weekday; empty where there is no whole week.
    """
    firsts = [rows["day"].cast(pl.Date).min() for rows in tables.values() if "day" in rows.columns]
    oldest = min((first for first in firsts if isinstance(first, date)), default=last)
    start = max(oldest, last - timedelta(days=REPLAY_DAYS - 1))
    changes = [] if set(tables) <= _DRAWN_ANEW else _changes(alarmed, start, last)
    ends = [*(change - timedelta(days=_WEEK + 1) for change in changes), last]
    stretches = zip([start, *changes], ends, strict=True)
    start, end = max(stretches, key=lambda one: (one[1] - one[0], one[1]))
    n_days = max(0, (end - start).days + 1) // _WEEK * _WEEK
    return [end - timedelta(days=n_days - 1 - place) for place in range(n_days)]


def _changes(alarmed: Collection[date], start: date, last: date) -> list[date]:
    """Return the first days of the alarms that stood."""
    changes: list[date] = []
    episode: list[date] = []
    for day in [*sorted(set(alarmed)), date.max]:
        if episode and (day - episode[-1]).days > _WEEK:
            if len(episode) >= _STOOD_DAYS:
                changes.append(episode[0])
            episode = []
        episode.append(day)
    return [change for change in changes if start < change <= last]


def _until(rows: pl.DataFrame, last: date) -> pl.DataFrame:
    return rows.filter(pl.col("day") <= last) if "day" in rows.columns else rows


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    """Put rows in an order of their own: a warehouse gives them in any."""
    plain = [name for name, kind in rows.schema.items() if not kind.is_nested()]
    first = ["day"] if "day" in plain else []
    return rows.sort(*first, *(name for name in plain if name != "day"), maintain_order=True)


def _rows_per_day(daily: Iterable[pl.DataFrame], pool: Sequence[date]) -> dict[date, int]:
    counts = dict.fromkeys(pool, 0)
    for rows in daily:
        for day, n in rows.group_by("day").len().iter_rows():
            if day in counts:
                counts[day] += n
    return counts


def _arranged(
    pool: Sequence[date], new: Sequence[date], n_rows: Mapping[date, int], rng: np.random.Generator
) -> list[date]:
    """Return which day of the pool stands on each new day, of the same weekday.

    A day that is missing from the log is replaced by another one.
    """
    order = list(new)
    for weekday in range(_WEEK):
        days = [day for day in pool if day.weekday() == weekday]
        logged = [day for day in days if n_rows[day]]
        is_busy = float(np.median([n_rows[day] for day in days])) >= _MANY_ROWS
        chosen = logged if is_busy else days
        again = rng.choice(len(chosen), len(days) - len(chosen)).tolist()
        chosen = [*chosen, *(chosen[at] for at in again)]
        places = [place for place, day in enumerate(new) if day.weekday() == weekday]
        for place, at in zip(places, rng.permutation(len(chosen)).tolist(), strict=True):
            order[place] = chosen[at]
    return order


def _on_days(rows: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of each new day, in its order, with every time on the new day."""
    moved = days.join(rows, on="day", how="inner", maintain_order="left_right")
    later = pl.col("new") - pl.col("day")
    times = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    return moved.with_columns(pl.col(*times) + later if times else [], day="new").select(
        rows.columns
    )


def _exchangeable(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Let now and before change places for every second prompt, on all its days."""
    prompts = rows.select("prompt_key").unique().sort("prompt_key")
    swapped = prompts.with_columns(pl.Series("_swapped", rng.random(len(prompts)) < 0.5))
    marked = rows.join(swapped, on="prompt_key", how="left", maintain_order="left")
    is_swapped = pl.col("_swapped")
    return marked.with_columns(
        pl.when(is_swapped).then(pl.col(there)).otherwise(pl.col(here)).alias(here)
        for pair in _SWAPPED
        for here, there in (pair, pair[::-1])
    ).drop("_swapped")


def _always_there(rows: pl.DataFrame) -> pl.DataFrame:
    """Take cases as they stand: none was added or retired in the time that is replayed."""
    if not {"added_at", "retired_at"} <= set(rows.columns):
        return rows
    still = rows.filter(pl.col("retired_at").is_null())
    return still.with_columns(added_at=pl.lit(None, rows["added_at"].dtype))


def _fitted_before(rows: pl.DataFrame, first: date) -> pl.DataFrame:
    """Keep the newest codebook, as if it had been there before the first day."""
    if "fitted_on" not in rows.columns:
        return rows
    newest = rows.filter(pl.col("fitted_on") == pl.col("fitted_on").max())
    return newest.with_columns(fitted_on=pl.lit(first - timedelta(days=1), pl.Date))
