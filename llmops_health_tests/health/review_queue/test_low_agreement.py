"""Low agreement: judged by AC1, shown with alpha, kappa and prevalence."""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.review_queue import low_agreement
from llmops_health_tests.health.review_queue.simulate import FEATURE, LAST

REAL = os.environ.get("LLMOPS_HEALTH_REAL_DATA")
SCHEMA: dict[str, pl.DataType] = {
    "day": pl.Date(),
    "feature_id": pl.String(),
    "queue_id": pl.String(),
    "decision": pl.String(),
    "other_decision": pl.String(),
    "bucket": pl.Int32(),
    "n": pl.Int64(),
}


def judged(rows: pl.DataFrame) -> Finding:
    [found] = low_agreement.check(FEATURE, LAST, rows, low_agreement.Params())
    return found


def pairs(decisions: list[tuple[str, str]], *, age: int = 0) -> pl.DataFrame:
    made = [
        (LAST - timedelta(days=age + i % 20), FEATURE.id, "intents", a, b, i % 64, 1)
        for i, (a, b) in enumerate(decisions)
    ]
    return pl.DataFrame(made, schema=SCHEMA, orient="row")


def drawn(seed: int, p_agree: float, n: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    labels = ["refund", "cancel", "o'ther"]
    first = rng.integers(0, 3, n)
    second = np.where(rng.random(n) < p_agree, first, (first + rng.integers(1, 3, n)) % 3)
    return pairs([(labels[a], labels[b]) for a, b in zip(first, second, strict=True)])


def test_the_paradox_of_prevalence_is_no_alarm() -> None:
    found = judged(
        pairs([("ok", "ok")] * 88 + [("ok", "no")] * 4 + [("no", "ok")] * 7 + [("no", "no")])
    )
    assert found.status is Status.PASS
    for part in ("agreed on 89.0 % of 100 items", "AC1 0.87", "alpha 0.10", "kappa 0.10", "94 %"):
        assert part in found.message


def test_raters_who_disagree_are_found_and_good_ones_are_not() -> None:
    assert sum(judged(drawn(s, 0.45, 120)).status is Status.WARN for s in range(20)) >= 19
    assert {judged(drawn(s, 0.85, 120)).status for s in range(200)} == {Status.PASS}


def test_evidence_runs() -> None:
    rows = drawn(1, 0.4, 150)
    found = judged(rows)
    assert found.action
    with duckdb.connect() as db:
        db.register("summary__review_pairs", rows)
        shown = db.sql(found.evidence_sql).fetchall()
    assert sum(row[2] for row in shown) == 150


def test_thin_old_or_one_sided_data_are_no_pass() -> None:
    assert judged(pl.DataFrame(schema=SCHEMA)).status is Status.NOT_APPLICABLE
    assert judged(pairs([("a", "b")] * 10)).status is Status.NOT_ENOUGH_DATA
    assert judged(pairs([("a", "a")] * 90)).status is Status.NOT_ENOUGH_DATA
    assert judged(pairs([("a", "b")] * 90, age=40)).status is Status.NOT_APPLICABLE


@pytest.mark.skipif(not REAL, reason="LLMOPS_HEALTH_REAL_DATA is not set")
def test_crowd_workers_on_entailment_agree_too_little() -> None:
    path = Path(REAL or "") / "crowd_rte_temporal" / "rte.standardized.csv"
    said: dict[str, list[str]] = defaultdict(list)
    truth: dict[str, str] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            said[row["orig_id"]].append(row["response"])
            truth[row["orig_id"]] = row["gold"]
    shares = [np.mean([one == truth[item] for one in votes]) for item, votes in said.items()]
    ties_half = [0.5 if share == 0.5 else float(share > 0.5) for share in shares]
    assert np.mean(ties_half) == pytest.approx(0.9025, abs=0.01)
    right = sum(one == truth[item] for item, votes in said.items() for one in votes)
    assert right / 8000 == pytest.approx(0.7291, abs=1e-4)
    found = judged(pairs([pair for votes in said.values() for pair in pairwise(votes)]))
    assert found.status is Status.WARN
    assert len(Counter(len(votes) for votes in said.values())) == 1
