"""Broad suites of the demo world: what a fine-tune or a challenger gains, and what it loses.

Their cases carry a capability and no text, as those of a bought suite do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import numpy as np
import polars as pl
from scipy.special import ndtr

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.features import FEATURES

# Of a case's luck, what both versions share: most items are hard or easy for either.
SHARED_LUCK = 0.985
SUITE_AGE_DAYS = 40


@dataclass(frozen=True, slots=True)
class Version:
    """A model under test: when it ran, as what, and its pass rate by capability."""

    model: str
    role: str
    day: int
    rates: Mapping[str, float]
    component_id: str | None = None


@dataclass(frozen=True, slots=True)
class BroadSuite:
    """A suite over several capabilities, and the versions that ran on it."""

    feature_id: str
    suite_id: str
    cases_each: int
    versions: tuple[Version, ...]


_PROMPT_VERSIONS = {feature.feature_id: feature.prompt_version for feature in FEATURES}
_INTENTS = {
    "support": 0.84, "smalltalk": 0.90, "negation": 0.84, "typos": 0.86, "german": 0.85,
    "long_messages": 0.87,
}  # fmt: skip
_INTENTS_LOST = {"support": 0.09, "german": -0.30, "typos": -0.22}
_MODERATION = {"toxicity": 0.90, "spam": 0.92, "threats": 0.88, "irony": 0.78}
_INVOICES = {"invoices": 0.83, "receipts": 0.80, "reminders": 0.82}


def suites() -> tuple[BroadSuite, ...]:
    """Return the broad suites: a fine-tune that loses skills, an even match, a better model."""
    checkpoints = tuple(
        Version(
            f"corvid-mini-ft-{number}",
            "candidate",
            faults.TUNE_DAY + faults.TUNE_EVERY_DAYS * (number - 1),
            {
                name: rate + _INTENTS_LOST.get(name, 0.0) * number / faults.N_CHECKPOINTS
                for name, rate in _INTENTS.items()
            },
            f"checkpoint:corvid-mini-ft-{number}",
        )
        for number in range(1, faults.N_CHECKPOINTS + 1)
    )
    return (
        BroadSuite(
            faults.SUPPORT_INTENTS,
            "intents-broad",
            200,
            (Version("corvid-mini", "baseline", faults.TUNE_DAY - 1, _INTENTS), *checkpoints),
        ),
        BroadSuite(
            faults.MODERATION,
            "moderation-broad",
            250,
            (
                Version("corvid-mini", "champion", faults.CHALLENGE_DAY, _MODERATION),
                Version("corvid-mini-2", "challenger", faults.CHALLENGE_DAY, _MODERATION),
            ),
        ),
        BroadSuite(
            faults.INVOICE_FIELDS,
            "invoices-broad",
            250,
            (
                Version("corvid-mini", "champion", faults.CHALLENGE_DAY, _INVOICES),
                Version(
                    "corvid-mini-2",
                    "challenger",
                    faults.CHALLENGE_DAY,
                    {name: rate + faults.CHALLENGER_GAIN for name, rate in _INVOICES.items()},
                ),
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class Evals:
    """Cases, runs and results of suites, as people bring them."""

    cases: pl.DataFrame
    runs: pl.DataFrame
    results: pl.DataFrame


def make_evals(suite: BroadSuite, calendar: Calendar, rng: np.random.Generator) -> Evals:
    """Draw the results of every version on every case."""
    capabilities = list(suite.versions[0].rates)
    capability = np.repeat(np.arange(len(capabilities)), suite.cases_each)
    n_cases = capability.size
    case_ids = [f"{suite.suite_id}-{i:04d}" for i in range(n_cases)]
    added = datetime.combine(calendar.first_day, time(9)) - timedelta(days=SUITE_AGE_DAYS)
    cases = pl.DataFrame(
        {
            "suite_id": [suite.suite_id] * n_cases,
            "case_id": case_ids,
            "feature_id": [suite.feature_id] * n_cases,
            "capability": pl.Series(capabilities).gather(capability),
            "added_at": [added] * n_cases,
        }
    )
    shared = rng.normal(size=n_cases)
    runs, results = [], []
    for version in suite.versions:
        own = rng.normal(size=n_cases)
        luck = ndtr(np.sqrt(SHARED_LUCK) * shared + np.sqrt(1 - SHARED_LUCK) * own)
        rate = np.array([version.rates[name] for name in capabilities])[capability]
        started = datetime.combine(calendar.date_of(calendar.index(version.day)), time(5))
        run_id = f"{suite.suite_id}-{version.model}-{started:%Y%m%d}"
        runs.append(
            {
                "eval_run_id": run_id,
                "feature_id": suite.feature_id,
                "suite_id": suite.suite_id,
                "started_at": started,
                "role": version.role,
                "model": version.model,
                "component_id": version.component_id,
                "prompt_name": suite.feature_id,
                "prompt_version": _PROMPT_VERSIONS[suite.feature_id],
            }
        )
        passed = luck < rate
        results.append(
            pl.DataFrame(
                {
                    "eval_run_id": [run_id] * n_cases,
                    "case_id": case_ids,
                    "score": passed.astype(np.float64),
                    "trial": np.zeros(n_cases, dtype=np.int32),
                    "passed": passed,
                }
            )
        )
    made = pl.DataFrame(runs, schema_overrides={"component_id": pl.String})
    return Evals(cases, made, pl.concat(results))
