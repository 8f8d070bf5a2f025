"""Reviewer fatigue: a slope over the shift is found, a weak reviewer is none."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import numpy as np
import polars as pl
from scipy.special import expit

from llmops_health.findings import Finding, Status
from llmops_health.health.review_queue import reviewer_fatigue
from llmops_health_tests.health.review_queue.simulate import FEATURE, LAST, NO_WORK, WORK


def gold(
    seed: int, *, per_hour: float = 0.0, per_week: float = 0.0, name: str = "r"
) -> pl.DataFrame:
    """Four reviewers of unlike care, 6 hours a day for 40 days, two seeds in three hours."""
    rng = np.random.default_rng(seed)
    age, who, hour = (part.ravel() for part in np.meshgrid(range(40), range(4), range(6)))
    n = rng.binomial(2, 1 / 3, len(age))
    p = expit(2.6 - 0.4 * who + per_hour * hour - per_week * (age - 40) / 7)
    rows = pl.DataFrame(
        {
            "day": [LAST - timedelta(days=int(a)) for a in age],
            "reviewer_id": [f"{name}{w}" for w in who],
            "shift_hour": hour,
            "n_gold": n,
            "n_right": rng.binomial(n, p),
        }
    )
    return pl.concat(
        [
            NO_WORK,
            rows.with_columns(feature_id=pl.lit(FEATURE.id), queue_id=pl.lit("intents")).cast(
                {k: v for k, v in WORK.items() if k in (*rows.columns, "feature_id")}
            ),
        ],
        how="diagonal",
    )


def judged(rows: pl.DataFrame) -> dict[str, Finding]:
    found = reviewer_fatigue.check(FEATURE, LAST, rows, reviewer_fatigue.Params())
    return {one.segment: one for one in found}


def test_a_loss_over_the_shift_is_found() -> None:
    found = [judged(gold(seed, per_hour=-0.45))["over=shift"].status for seed in range(20)]
    assert found.count(Status.WARN) >= 19


def test_steady_reviewers_stay_quiet() -> None:
    statuses = [one.status for seed in range(100) for one in judged(gold(seed)).values()]
    assert len(statuses) == 200
    assert set(statuses) == {Status.PASS}


def test_evidence_runs_and_ids_stay_out() -> None:
    rows = gold(1, per_hour=-0.5, name="0123456789abcdef")
    found = judged(rows)["over=shift"]
    assert found.status is Status.WARN
    assert "0123456789" not in found.message + found.evidence_sql
    with duckdb.connect() as db:
        db.register("summary__review_work", rows)
        assert len(db.sql(found.evidence_sql).fetchall()) == 6


def test_thin_data_are_no_pass() -> None:
    assert judged(NO_WORK)[""].status is Status.NOT_APPLICABLE
    assert judged(gold(1).head(60))[""].status is Status.NOT_ENOUGH_DATA
    right = gold(1).with_columns(n_right=pl.col("n_gold"))
    assert judged(right)[""].status is Status.NOT_ENOUGH_DATA
