"""Worlds with a known answer for frozen_feature: versions in use, changes, evals, outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature

Floats = npt.NDArray[np.float64]
Schema = dict[str, type[pl.DataType] | pl.DataType]

LAST = date(2026, 10, 31)
FEATURE = Feature(id="triage", kind="classifier", owner="team@example.com")

VERSIONS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "run_kind": pl.String,
    "request_model": pl.String,
    "response_model": pl.String,
    "prompt": pl.String,
    "service": pl.String,
    "n": pl.Int64,
    "n_cost": pl.Int64,
    "sum_cost_usd": pl.Float64,
    "sum_cost_sq": pl.Float64,
}
CHANGES: Schema = {
    "of_feature": pl.String,
    "what": pl.String,
    "value": pl.String,
    "changed_on": pl.Date,
    "is_first": pl.Boolean,
}
WITHDRAWALS: Schema = {
    "component_id": pl.String,
    "of_feature": pl.String,
    "name": pl.String,
    "version": pl.String,
    "listed_on": pl.Datetime("us"),
    "withdrawn_on": pl.Date,
}
ITEMS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "suite_id": pl.String,
    "eval_run_id": pl.String,
    "role": pl.String,
    "model": pl.String,
    "prompt_version": pl.String,
    "case_id": pl.String,
    "score": pl.Float64,
    "p_passed": pl.Float64,
    "n_trials": pl.Int64,
}
CALIBRATION: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "labeller": pl.String,
    "run_kind": pl.String,
    "label": pl.String,
    "predicted_label": pl.String,
    "bucket": pl.Int32,
    "k": pl.Int32,
    "n": pl.Int64,
    "sum_conf": pl.Float64,
    "sum_conf_sq": pl.Float64,
}
SATISFACTION: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "name": pl.String,
    "source_kind": pl.String,
    "bucket": pl.Int32,
    "n": pl.Int64,
    "sum_score": pl.Float64,
    "sum_score_sq": pl.Float64,
}


def ago(days: int) -> date:
    return LAST - timedelta(days=days)


def empty(schema: Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


def known_on(rows: pl.DataFrame, day: date, n_days: int) -> pl.DataFrame:
    """Cut a daily table as the runner does."""
    return rows.filter(pl.col("day").is_between(day - timedelta(days=n_days - 1), day))


def versions(
    n_days: int = 60,
    per_day: int = 150,
    *,
    usd: float = 0.002,
    model: str | None = "m",
    answered: str | None = "m-1",
    run_kind: str = "prod",
    prompt: str | None = "triage v1",
    last: int = 0,
    priced: bool = True,
) -> pl.DataFrame:
    """Calls of one version on each of `n_days` days that end `last` days ago, all of one cost."""
    n_cost = per_day if priced else 0
    rows = [
        (
            *(ago(last + age), "triage", run_kind, model, answered, prompt, "s1"),
            *(per_day, n_cost, n_cost * usd, n_cost * usd**2),
        )
        for age in reversed(range(n_days))
    ]
    return pl.DataFrame(rows, schema=VERSIONS, orient="row")


def changes(
    of: Mapping[str, Sequence[int]],
    *,
    start: int = 700,
    what: str = "response_model",
) -> pl.DataFrame:
    """A record per feature that begins `start` days ago, with changes so many days ago."""
    rows = []
    for feature_id, ages in of.items():
        rows.append((feature_id, what, "v0", ago(start), True))
        rows += [
            (feature_id, what, f"v{at}", ago(age), False) for at, age in enumerate(ages, start=1)
        ]
    return pl.DataFrame(rows, schema=CHANGES, orient="row")


def monthly(own: int, *, others: int = 3) -> pl.DataFrame:
    """Other features that change every 30 days, and the own one that last did `own` days ago."""
    of = {f"other-{at}": list(range(20, 700, 30)) for at in range(others)}
    return changes({"triage": list(range(own, 700, 30)), **of})


def withdrawals(
    *rows: tuple[str | None, str, str | None, date | None], listed_on: datetime | None = None
) -> pl.DataFrame:
    listed = [("k", *row[:-1], listed_on, row[-1]) for row in rows]
    return pl.DataFrame(listed, schema=WITHDRAWALS, orient="row")


def run(
    scores: Iterable[float],
    role: str | None,
    model: str | None,
    *,
    version: str | None = "v1",
    age: int = 3,
    first: int = 0,
    suite: str = "s",
) -> pl.DataFrame:
    """One eval run, a score per case."""
    given = np.asarray(scores if isinstance(scores, np.ndarray) else list(scores), dtype=float)
    return pl.DataFrame(
        {
            "day": ago(age),
            "feature_id": "triage",
            "suite_id": suite,
            "eval_run_id": f"{role}-{model}-{version}-{age}",
            "role": role,
            "model": model,
            "prompt_version": version,
            "case_id": [f"c{case:04}" for case in range(first, first + len(given))],
            "score": given,
            "p_passed": None,
            "n_trials": 1,
        },
        schema=ITEMS,
    )


def duel(only_new: int, only_old: int, both: int, neither: int) -> pl.DataFrame:
    """A champion and a challenger on cases that only one, both or neither has right."""
    counts = ((1, 0, only_new), (0, 1, only_old), (1, 1, both), (0, 0, neither))
    new = [side for side, _, n in counts for _ in range(n)]
    old = [side for _, side, n in counts for _ in range(n)]
    return pl.concat([run(old, "champion", "m"), run(new, "challenger", "n")])


def labelled(
    rng: np.random.Generator,
    p_right: Floats,
    per_day: float = 15,
    n_users: int = 30,
    big_user: float = 0.25,
    restless: float = 0.0,
) -> pl.DataFrame:
    """Labelled calls of so many days up to `LAST`, of few users of whom one asks a quarter.

    Each has a skill of its own, which changes every month by `restless`.
    """
    n_days = len(p_right)
    weekend = np.array([ago(n_days - 1 - at).weekday() >= 5 for at in range(n_days)])
    expected = per_day * np.where(weekend, 0.5, 1.1) * np.linspace(1, 1.3, n_days)
    day = np.repeat(np.arange(n_days), rng.poisson(expected))
    share = rng.pareto(1.5, n_users) + 0.3
    share = np.append(share / share.sum() * (1 - big_user), big_user)
    user = rng.choice(n_users + 1, len(day), p=share)
    skill = rng.normal(0, 0.06, n_users + 1)
    moods = rng.normal(0, restless, (n_users + 1, n_days // 28 + 1))
    p = p_right[day] + skill[user] + moods[user, day // 28]
    right = rng.random(len(day)) < np.clip(p, 0, 1)
    frame = pl.DataFrame(
        {"age": n_days - 1 - day, "bucket": rng.permutation(n_users + 1)[user] % 64, "right": right}
    )
    table = frame.group_by("age", "bucket", "right").agg(n=pl.len()).with_columns(
        day=pl.lit(LAST) - pl.duration(days="age"),
        feature_id=pl.lit("triage"),
        labeller=pl.lit("truth"),
        run_kind=pl.lit("prod"),
        label=pl.lit("a"),
        predicted_label=pl.when("right").then(pl.lit("a")).otherwise(pl.lit("b")),
        k=pl.lit(90),
        sum_conf=pl.col("n") * 0.9,
        sum_conf_sq=pl.col("n") * 0.81,
    )  # fmt: skip
    return table.select(pl.col(name).cast(kind) for name, kind in CALIBRATION.items()).sort(
        "day", "bucket", "predicted_label"
    )


def accuracy(then: float, now: float, n_days: int = 182, per_day: int = 20) -> pl.DataFrame:
    """Labels whose accuracy is exactly `then`, and `now` in the last 28 days; users take turns."""
    rows = []
    for age in range(n_days):
        n_right = round(per_day * (now if age < 28 else then))
        rows += [
            (ago(age), "triage", "truth", "prod", "a", "a" if at < n_right else "b",
             (at + 3 * age) % 64, 90, 1, 0.9, 0.81)
            for at in range(per_day)
        ]  # fmt: skip
    return pl.DataFrame(rows, schema=CALIBRATION, orient="row").sort("day")


def ratings(then: float, now: float, n_days: int = 182, per_day: int = 20) -> pl.DataFrame:
    """Thumbs whose share of good ones is `then`, and `now` in the last 28 days."""
    rows = []
    for age in range(n_days):
        n_good = round(per_day * (now if age < 28 else then))
        rows += [
            (ago(age), "triage", "thumb", "HUMAN", (at + 3 * age) % 64, 1, float(at < n_good),
             float(at < n_good))
            for at in range(per_day)
        ]  # fmt: skip
    return pl.DataFrame(rows, schema=SATISFACTION, orient="row").sort("day")
