"""Production days with a known answer, as rows of the tables that the checks of `bom` read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl

from llmops_health.config import Feature

FEATURE = Feature(id="help", kind="rag")
FIRST = date(2026, 1, 5)
HOSTILE = 'it\'s "so"\n; drop table x -- {{1}} %s \u202e'

OBSERVED: dict[str, Any] = {
    "day": pl.Date,
    **dict.fromkeys(("feature_id", "run_kind", "kind", "name"), pl.String),
    **dict.fromkeys(("version", "asked", "seen_in"), pl.String),
    **dict.fromkeys(("n_calls", "n_errors", "n_of"), pl.Int64),
}
LISTED: dict[str, Any] = {
    **dict.fromkeys(("component_id", "kind", "name", "version", "of_feature"), pl.String),
    **dict.fromkeys(("owner", "supplier", "license", "sha256", "purl"), pl.String),
    **dict.fromkeys(("source_uri", "endpoint"), pl.String),
    "crosses_trust_boundary": pl.Boolean,
    "deprecated_on": pl.Datetime("us"),
    "listed_on": pl.Datetime("us"),
    "attributes": pl.String,
}  # fmt: skip
EDGES = dict.fromkeys(("src", "dst", "relation"), pl.String)
# What each weekday has of a usual day's calls, Monday first.
WEEK = np.array([1.15, 1.2, 1.2, 1.15, 1.1, 0.6, 0.6])


def on(offset: int) -> date:
    """Return a day by its number, the first is 0."""
    return FIRST + timedelta(days=offset)


def at(offset: int, hour: int = 12) -> datetime:
    return datetime.combine(on(offset), time(hour))


def row(
    offset: int,
    kind: str,
    name: str | None,
    n_calls: int,
    *,
    n_of: int = 150,
    version: str | None = None,
    asked: str | None = None,
    n_errors: int = 0,
    run_kind: str = "prod",
    seen_in: str = "calls",
) -> dict[str, Any]:
    """Return a row of `summary__observed_components`."""
    return {
        "day": on(offset), "feature_id": FEATURE.id, "run_kind": run_kind, "kind": kind,
        "name": name, "version": version, "asked": asked, "seen_in": seen_in,
        "n_calls": n_calls, "n_errors": n_errors, "n_of": n_of,
    }  # fmt: skip


def observed(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=OBSERVED, orient="row")


def part(kind: str, name: str, version: str | None = None, **given: Any) -> dict[str, Any]:
    """Return a row of `summary__listed_parts`: of the feature, always known, unless given."""
    return (
        dict.fromkeys(LISTED)
        | {"component_id": f"{kind}:{name}", "kind": kind, "name": name, "version": version}
        | {"of_feature": FEATURE.id, "supplier": "Corvid"}
        | given
    )


def listed(*parts: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(parts), schema=LISTED, orient="row")


def edges(*pairs: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(pairs), schema=EDGES, orient="row")


def until(rows: pl.DataFrame, offset: int, n_days: int) -> pl.DataFrame:
    """Return what a judgement of a day is given."""
    return rows.filter((pl.col("day") <= on(offset)) & (pl.col("day") > on(offset - n_days)))


def counts(n_days: int, rng: np.random.Generator, per_day: float = 150) -> list[int]:
    """Return calls per day, with a week's season and more noise than Poisson's."""
    mean = per_day * WEEK[np.arange(n_days) % 7] * rng.gamma(20, 1 / 20, n_days)
    return [int(n) for n in rng.poisson(mean)]


def shares(n: int, parts: Sequence[tuple[Any, float]], rng: np.random.Generator) -> dict[Any, int]:
    """Divide calls among parts by chance; shares add up to one."""
    drawn = rng.multinomial(n, [share for _, share in parts])
    return {one: int(count) for (one, _), count in zip(parts, drawn, strict=True) if count}


def life(
    n_days: int, rng: np.random.Generator, per_day: float = 150
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a normal life: versions bumped, a canary, a typo that fails, a trial by hand.

    Lists follow on the same day or the day after; each bump keeps what the list said before.
    """
    rows: list[dict[str, Any]] = []
    parts = [part("hosted_model", "corvid-large", "2026-01"), part("tool", "search"),
             part("embedding_model", "mini-embed"), part("prompt", "answer", "v0")]  # fmt: skip
    bump, turn = int(rng.integers(12, 25)), int(rng.integers(30, 45))
    late = rng.integers(0, 2, n_days).tolist()
    version = 0
    for day, n in enumerate(counts(n_days, rng, per_day)):
        model = f"corvid-large-2026-{'01' if day < bump else '04'}"
        if day == bump:
            listed_on = at(day + late[day], 8)
            parts.append(part("hosted_model", "corvid-large", "2026-04", listed_on=listed_on))
        used = {model: n}
        if turn <= day < turn + 10:
            # The canary's list is made on its first day.
            used = shares(n, [(model, 0.95), ("corvid-next", 0.05)], rng)
        if day == turn:
            parts.append(part("hosted_model", "corvid-next", listed_on=at(day, 23)))
        rows += [row(day, "model", name, k, n_of=n) for name, k in used.items()]
        typos = int(rng.poisson(0.3))
        if typos:
            rows.append(row(day, "model", "corvid-lrage", typos, n_errors=typos, n_of=n))
        if rng.random() < 0.02:
            rows.append(row(day, "model", "tried-by-hand", int(rng.integers(1, 5)), n_of=n))
        if rng.random() < 0.15:
            version += 1
            listed_on = at(day + late[day], 9)
            parts.append(part("prompt", "answer", f"v{version}", listed_on=listed_on))
        rows.append(row(day, "prompt", "answer", n, version=f"v{version}", n_of=n))
        with_tool = int(rng.binomial(n, 0.6))
        rows.append(row(day, "tool", "search", with_tool, n_of=n))
        rows.append(row(day, "tool", None, n - with_tool, n_of=n))
        rows.append(row(day, "embedding_model", "mini-embed", n // 3, n_of=n // 3))
    return observed(*rows), listed(*parts)
