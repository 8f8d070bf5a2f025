"""The demo world in memory: every table of every feature, made from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from llmops_health.demo import (
    fallback,
    habits,
    knobs,
    lineage,
    parts,
    queues,
    triage,
    tunes,
    watched,
)
from llmops_health.demo.calls import make_calls
from llmops_health.demo.faults import DESIGN_DAYS, LAST_DAY, Calendar
from llmops_health.demo.features import FEATURES
from llmops_health.demo.lineage import Lineage
from llmops_health.demo.plants import truth
from llmops_health.demo.responses import make_feedback, make_labels
from llmops_health.demo.spans import make_spans
from llmops_health.demo.suites import Suite, make_suite
from llmops_health.demo.texts import load_phrases
from llmops_health.demo.traffic import make_traffic, make_users

MIN_CALLS_PER_DAY = 20
# What was added later draws from streams of its own, so that what was there stays as it was.
_FALLBACK, _QUEUES, _LEDGERS = 9, 101, 102


@dataclass(frozen=True, slots=True)
class World:
    """All tables. Columns of `calls` that start with `_` are the truth and are never written."""

    calendar: Calendar
    calls: dict[str, pl.DataFrame]
    labels: pl.DataFrame
    feedback: pl.DataFrame
    eval_cases: pl.DataFrame
    eval_runs: pl.DataFrame
    eval_results: pl.DataFrame
    spans: pl.DataFrame
    reviews: pl.DataFrame
    ledgers: dict[str, Lineage]
    components: list[dict[str, Any]]
    component_edges: list[dict[str, Any]]
    acknowledgements: pl.DataFrame


def make_world(
    *,
    seed: int = 7,
    days: int = DESIGN_DAYS,
    last_day: date = LAST_DAY,
    calls_per_day: int = 220,
) -> World:
    """Make the world of a seed.

    Parameters
    ----------
    seed
        Decides everything that is random; each feature has draws of its own.
    days
        Length of the world, at least 14; what is planted keeps its place in proportion.
    last_day
        Last day (UTC) of the world.
    calls_per_day
        Production calls of a feature of volume 1 on an average day, at least 20.

    Raises
    ------
    ValueError
        If `days` or `calls_per_day` is too small.
    """
    if calls_per_day < MIN_CALLS_PER_DAY:
        raise ValueError(
            f"calls_per_day must be at least {MIN_CALLS_PER_DAY}, got {calls_per_day}."
        )
    calendar = Calendar.ending(last_day, days)
    calls: dict[str, pl.DataFrame] = {}
    labels: list[pl.DataFrame] = []
    feedback: list[pl.DataFrame] = []
    suites: list[Suite] = []
    spans: list[pl.DataFrame] = []
    for number, feature in enumerate(FEATURES):
        rngs = (np.random.default_rng([seed, number, stage]) for stage in range(9))
        phrases = load_phrases(feature.feature_id)
        users = make_users(feature, len(phrases.topics), next(rngs))
        suite = make_suite(feature, phrases, calendar, next(rngs))
        traffic = make_traffic(feature, phrases, users, calendar, calls_per_day, next(rngs))
        made = make_calls(feature, phrases, users, traffic, suite, calendar, next(rngs))
        labels.append(make_labels(feature, phrases, made, calendar, next(rngs)))
        feedback.append(make_feedback(feature, users, made, calendar, next(rngs)))
        suites.append(suite)
        # What is done to the calls here moves nothing that people say about them.
        made = habits.change(feature.feature_id, made, calendar, next(rngs))
        made = watched.part(feature.feature_id, made, next(rngs))
        own = np.random.default_rng([seed, number, _FALLBACK])
        made = fallback.divert(feature.feature_id, made, calendar, own)
        calls[feature.feature_id] = knobs.turn(feature.feature_id, made, calendar)
        traced = make_spans(feature.feature_id, made, calendar, next(rngs))
        if traced is not None:
            spans.append(traced)
    evals = [tunes.Evals(suite.cases, suite.runs, suite.results) for suite in suites]
    evals += [
        tunes.make_evals(suite, calendar, np.random.default_rng([seed, len(FEATURES), number]))
        for number, suite in enumerate(tunes.suites())
    ]
    all_feedback = pl.concat(feedback).sort("created_at", "feedback_id")
    reviews = [
        queues.make_reviews(
            queue, calls[queue.feature_id], calendar, np.random.default_rng([seed, _QUEUES, number])
        )
        for number, queue in enumerate(queues.QUEUES)
    ]
    cases = pl.concat([part.cases for part in evals], how="diagonal")
    ledgers = {
        pipeline.feature_id: lineage.make_lineage(
            pipeline,
            all_feedback,
            calls[pipeline.feature_id],
            cases,
            calendar,
            np.random.default_rng([seed, _LEDGERS, number]),
        )
        for number, pipeline in enumerate(lineage.PIPELINES)
    }
    return World(
        calendar=calendar,
        calls=calls,
        labels=pl.concat(labels).sort("labelled_at", "call_id", maintain_order=True),
        feedback=all_feedback,
        eval_cases=cases,
        eval_runs=pl.concat([part.runs for part in evals], how="diagonal"),
        eval_results=pl.concat([part.results for part in evals], how="diagonal"),
        spans=pl.concat(spans),
        reviews=pl.concat(reviews),
        ledgers=ledgers,
        components=parts.make_components(calendar, ledgers),
        component_edges=parts.make_edges(ledgers),
        acknowledgements=triage.make_acknowledgements(
            calendar, truth(days=days, last_day=last_day)
        ),
    )
