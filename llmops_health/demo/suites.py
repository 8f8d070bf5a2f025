"""Eval suites of the demo world: their cases, the weekly runs over them, and the scores.

A score is graded for features that write text and 0 or 1 for those that choose a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

import numpy as np
import polars as pl
from scipy.special import expit, ndtr, ndtri

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.features import Feature
from llmops_health.demo.texts import IntArray, Phrases, compose_inputs, draw_slots

N_CASES = 80
N_CANARIES = 40
BATCH_SIZE = 5
BATCH_EVERY_DAYS = 14
N_BATCHES = 6
STALE_AGE_DAYS = 210
PASSING_SCORE = 0.6
CHAMPION_ABILITY = 1.3
OLDER_ABILITIES = (-0.9, -0.5, -0.1, 0.3, 0.7, 1.0)
ABILITY_GAIN_PER_WEEK = 0.05
SATURATED_DIFFICULTY = -5.0


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one suite as the calls need them, and the three tables as people bring them.

    Attributes
    ----------
    topics
        Topic index of each case; shape (n_cases,).
    slots
        The words behind the text of each case.
    """

    topics: IntArray
    slots: pl.DataFrame
    cases: pl.DataFrame
    runs: pl.DataFrame
    results: pl.DataFrame


def make_suite(
    feature: Feature, phrases: Phrases, calendar: Calendar, rng: np.random.Generator
) -> Suite:
    """Make the suite of a feature: cases over all topics that were known when it was written."""
    known = np.array([i for i, t in enumerate(phrases.topics) if t.weekday > 0])
    n_unique = N_CASES
    if feature.feature_id == faults.SALES_DRAFTS:
        n_unique = round(N_CASES * (1 - faults.DUPLICATE_CASE_SHARE))
    order = rng.permutation(known.size * 8)[np.arange(n_unique) % (known.size * 8)]
    topics, asks = known[order // 8], order % 8
    slots = draw_slots(n_unique, rng)
    wordiness = rng.normal(0.6, 1, n_unique)
    texts = compose_inputs(phrases, topics, asks, wordiness, slots, rng)
    place = rng.permutation(N_CASES)
    copied = place % n_unique
    ending = pl.Series(["", " Thank you."]).gather((place >= n_unique).astype(np.int64))
    texts = texts.gather(copied) + ending
    topics = topics[copied]
    topic_names = pl.Series([t.name for t in phrases.topics])
    labels = pl.Series([t.label or None for t in phrases.topics], dtype=pl.String)
    added_at = _added_at(feature, calendar, rng)
    cases = pl.DataFrame(
        {
            "suite_id": [feature.suite_id] * N_CASES,
            "case_id": [f"{feature.prefix}-case-{i:03d}" for i in range(N_CASES)],
            "feature_id": [feature.feature_id] * N_CASES,
            "input_text": texts,
            "expected": labels.gather(topics),
            "capability": topic_names.gather(topics),
            "added_at": added_at,
        }
    )
    runs = _make_runs(feature, calendar)
    return Suite(
        topics=topics,
        slots=slots[copied.tolist()],
        cases=cases,
        runs=runs.drop("ability"),
        results=_make_results(feature, cases, runs, rng),
    )


def _added_at(feature: Feature, calendar: Calendar, rng: np.random.Generator) -> list[datetime]:
    """Say when each case came in: most at the start, then small batches, except where stale."""
    midnight = datetime.combine(calendar.first_day, time(9))
    start = midnight - timedelta(days=STALE_AGE_DAYS)
    added = [start + timedelta(minutes=int(m)) for m in rng.integers(0, 5 * 1440, N_CASES)]
    if feature.feature_id == faults.HELP_RAG:
        return added
    newest = datetime.combine(calendar.last_day, time(9)) - timedelta(days=3)
    for batch in range(N_BATCHES):
        for i in range(BATCH_SIZE):
            added[N_CASES - 1 - batch * BATCH_SIZE - i] = newest - timedelta(
                days=batch * BATCH_EVERY_DAYS, minutes=7 * i
            )
    return added


def _make_runs(feature: Feature, calendar: Calendar) -> pl.DataFrame:
    """List the weekly runs of the version in use, and one run of each version before it."""
    nights = [datetime.combine(calendar.date_of(i), time(4)) for i in range(calendar.days)]
    mondays = [night for night in nights if night.weekday() == 0]
    number = int(feature.prompt_version.removeprefix("v"))
    gains = feature.feature_id == faults.HELP_RAG
    weekly = [
        {
            "started_at": night,
            "role": "champion",
            "prompt_version": feature.prompt_version,
            "ability": CHAMPION_ABILITY + (ABILITY_GAIN_PER_WEEK * week if gains else 0.0),
        }
        for week, night in enumerate(mondays)
    ]
    older = [
        {
            "started_at": nights[0] + timedelta(minutes=20 * i),
            "role": "baseline",
            "prompt_version": f"v{number}-rc{i}",
            "ability": ability,
        }
        for i, ability in enumerate(OLDER_ABILITIES)
    ]
    runs = pl.DataFrame([*older, *weekly])
    return runs.select(
        pl.format(
            "{}-{}-{}",
            pl.lit(feature.suite_id),
            pl.col("prompt_version"),
            pl.col("started_at").dt.strftime("%Y%m%d"),
        ).alias("eval_run_id"),
        pl.lit(feature.feature_id).alias("feature_id"),
        pl.lit(feature.suite_id).alias("suite_id"),
        "started_at",
        "role",
        pl.lit(feature.model).alias("model"),
        pl.lit(feature.feature_id).alias("prompt_name"),
        "prompt_version",
        pl.lit(feature.temperature).alias("temperature"),
        pl.lit(1.0).alias("top_p"),
        "ability",
    )


def _make_results(
    feature: Feature, cases: pl.DataFrame, runs: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    n_cases, n_runs = cases.height, runs.height
    # Each batch of five takes one case from every fifth of the range, so that adding cases does
    # not by itself move the mean score.
    fifth = np.argsort(rng.random((n_cases // BATCH_SIZE, BATCH_SIZE)), axis=1).ravel()
    difficulty = ndtri((fifth + rng.random(n_cases)) / BATCH_SIZE) - 0.2
    sharpness = rng.lognormal(0.1, 0.25, n_cases)
    if feature.feature_id == faults.SALES_DRAFTS:
        difficulty[:] = SATURATED_DIFFICULTY
    ability = runs["ability"].to_numpy()[:, None]
    expected = expit(sharpness * (ability - difficulty))
    # A run at low temperature mostly repeats the run before: luck belongs to the case.
    luck = 0.95 * rng.normal(size=n_cases) + 0.31 * rng.normal(size=(n_runs, n_cases))
    if feature.kind in {"classifier", "extraction"}:
        score = (ndtr(luck) < expected).astype(np.float64)
    else:
        score = np.round(np.clip(expected + 0.06 * luck, 0, 1), 2)
    run_at, case_at = np.divmod(np.arange(n_runs * n_cases), n_cases)
    results = pl.DataFrame(
        {
            "eval_run_id": runs["eval_run_id"].gather(run_at),
            "case_id": cases["case_id"].gather(case_at),
            "score": score.ravel(),
            "trial": np.zeros(n_runs * n_cases, dtype=np.int32),
            "passed": score.ravel() >= PASSING_SCORE,
            "latency_ms": np.round(feature.latency_ms * rng.lognormal(0, 0.3, score.size), 1),
            "exists": (cases["added_at"].gather(case_at) <= runs["started_at"].gather(run_at)),
        }
    )
    return results.filter("exists").drop("exists")
