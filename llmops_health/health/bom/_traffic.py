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

_COLUMNS: Final = (
    *("kind", "name", "version", "seen_in"),
    *("day", "asked", "n_calls", "n_errors", "n_of"),
)
_Seen = tuple[date, str | None, int, int]
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
    at, run_kind = observed["day"], observed["run_kind"]
    recent = (at > day - timedelta(days=n_days)) & (at <= day)
    is_prod = recent & (run_kind == "prod")
    chosen = is_prod if is_prod.any() else recent & (run_kind == "unknown")
    if not chosen.any():
        return Window((), 0, {}, None)
    columns = (observed[name].filter(chosen).to_list() for name in _COLUMNS)
    by_part: dict[tuple[str, str | None, str | None, str], list[_Seen]] = {}
    # Every row of a day, kind and place has the same n_of.
    daily: dict[tuple[str, str, date], int] = {}
    for kind, name, version, place, on, asked, n, n_errors, n_day in zip(*columns, strict=True):
        by_part.setdefault((kind, name, version, place), []).append((on, asked, n, n_errors))
        daily[kind, place, on] = max(n_day, daily.get((kind, place, on), 0))
    n_of: dict[tuple[str, str], int] = {}
    for (kind, place, _), n in daily.items():
        n_of[kind, place] = n_of.get((kind, place), 0) + n
    n_named = dict(n_of)
    found: dict[tuple[str | None, ...], Used] = {}
    for (kind, name, version, place), rows in by_part.items():
        n = sum(row[2] for row in rows)
        if name is None and version is None:
            n_named[kind, place] -= n
            continue
        one = Used(
            *(kind, name, version),
            asked=min((row[1] for row in rows if row[1] is not None), default=None),
            n_calls=n,
            n_errors=sum(row[3] for row in rows),
            n_days=len({row[0] for row in rows if row[2] > row[3]}),
            n_of=n_of[kind, place],
            last_on=max(row[0] for row in rows),
        )
        # A tool that calls name and spans show is one: the place that shows more of it counts.
        before = found.get((kind, name, version))
        if before is None or (n, n_of[kind, place]) > (before.n_calls, before.n_of):
            found[kind, name, version] = one
    return Window(
        tuple(sorted(found.values(), key=_most_first)),
        n_of.get(("model", "calls"), 0) + n_of.get(("embedding_model", "calls"), 0),
        {kind: max(n for (of, _), n in n_named.items() if of == kind) for kind, _ in n_named},
        min(on for *_, on in daily),
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
