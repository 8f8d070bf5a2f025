"""What production traffic of some days shows of parts, from `summary__observed_components`.

Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from llmops_health.findings import literal

_KEY: Final = ("kind", "name", "version")
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class Used:
    """A part as traffic names it: its calls, or steps, among `n_of` that could have shown it.

    `n_days` are the days with a call that did not fail. `asked` is the model that was asked for,
    where another one answered.
    """

    kind: str
    name: str | None
    version: str | None
    asked: str | None
    n_calls: int
    n_errors: int
    n_days: int
    n_of: int
    last_on: date

    @property
    def words(self) -> str:
        """What messages call it."""
        version = f" {self.version}" if self.version else ""
        return shown(f"{self.kind.replace('_', ' ')} {self.name or '(unnamed)'}{version}")


@dataclass(frozen=True, slots=True)
class Window:
    """What traffic of some days used, most first, and how many calls there were.

    `n_named` are, by kind, the calls or steps that name such a part at all.
    """

    used: tuple[Used, ...]
    n_calls: int
    n_named: Mapping[str, int]
    first_on: date | None


def window(observed: pl.DataFrame, day: date, n_days: int) -> Window:
    """Return what production used in the days that end with `day`."""
    since = pl.col("day") > day - timedelta(days=n_days)
    recent = observed.filter(since & (pl.col("day") <= day))
    is_prod = recent["run_kind"] == "prod"
    rows = recent.filter(is_prod if is_prod.any() else recent["run_kind"] == "unknown")
    if rows.is_empty():
        return Window((), 0, {}, None)
    works = pl.col("n_calls") > pl.col("n_errors")
    sums = rows.group_by(*_KEY, "seen_in").agg(
        pl.col("asked").drop_nulls().min(),
        pl.col("n_calls", "n_errors").sum(),
        n_days=pl.col("day").filter(works).n_unique(),
        last_on=pl.col("day").max(),
    )
    # Every row of a day, kind and place has the same n_of.
    daily = rows.group_by("day", "kind", "seen_in").agg(pl.col("n_of").max())
    n_of: dict[tuple[str, str], int] = {}
    for _, kind, place, n in daily.iter_rows():
        n_of[kind, place] = n_of.get((kind, place), 0) + n
    n_named = dict(n_of)
    found: dict[tuple[str | None, ...], Used] = {}
    for kind, name, version, place, asked, n, n_errors, days, last_on in sums.iter_rows():
        if name is None and version is None:
            n_named[kind, place] -= n
            continue
        one = Used(kind, name, version, asked, n, n_errors, days, n_of[kind, place], last_on)
        # A tool that calls name and spans show is one: the place that shows more of it counts.
        before = found.get((kind, name, version))
        if before is None or (n, n_of[kind, place]) > (before.n_calls, before.n_of):
            found[kind, name, version] = one
    return Window(
        tuple(sorted(found.values(), key=_most_first)),
        n_of.get(("model", "calls"), 0) + n_of.get(("embedding_model", "calls"), 0),
        {kind: max(n for (of, _), n in n_named.items() if of == kind) for kind, _ in n_named},
        min(one for one, *_ in daily.iter_rows()),
    )


def _most_first(used: Used) -> tuple[int, str, str, str]:
    return -used.n_calls, used.kind, used.name or "", used.version or ""


def shown(text: str) -> str:
    """Return a text on one line, cut where it is long: names are what anybody logged."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def evidence(feature_id: str, day: date, n_days: int, *, kind: str = "", name: str = "") -> str:
    """Return a query that shows by day what traffic used: one part of it, or all."""
    first = day - timedelta(days=n_days - 1)
    only = f"and kind = {literal(kind)} and name = {literal(name)} " if name else ""
    return (
        "select day, kind, name, version, asked, seen_in, sum(n_calls)::bigint as n_calls, "  # noqa: S608 - literals only
        "sum(n_errors)::bigint as n_errors from summary__observed_components "
        f"where feature_id = {literal(feature_id)} and run_kind in ('prod', 'unknown') "
        f"and day between {literal(first)}::date and {literal(day)}::date "
        f"{only}group by all order by day desc, n_calls desc, kind, name, version, asked, seen_in "
        "limit 200"
    )
