"""What the checks share: the query of the evidence runs, and few users count for little."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Status
from llmops_health.health.calibration import miscalibration, overconfidence
from llmops_health.health.calibration._answers import Clustering, wrong_answers_sql
from llmops_health.health.calibration._bins import labelled_calls
from llmops_health_tests.health.calibration.simulate import day_of, labelled_days, until

ODD = Feature(id="o'triage", kind="classifier")


def warehouse() -> duckdb.DuckDBPyConnection:
    """Two wrong answers, a right one, and one that only a judge calls wrong."""
    con = duckdb.connect()
    con.execute(
        "create table core__calls as select *, 'o''triage' as feature_id, 'prod' as run_kind, "
        "'x' as input_sha256 from (values ('a', 'spam', 0.95), ('b', 'ham', 0.99), "
        "('c', 'spam', 0.97), ('d', 'spam', 0.96)) as t (call_id, predicted_label, confidence)"
    )
    con.execute(
        "create table core__labels as select *, day::timestamp as labelled_at from (values "
        "('a', 'other', 'human', date '2026-03-10'), ('b', 'other', 'outcome', date '2026-03-12'),"
        "('c', 'spam', 'human', date '2026-03-12'), ('d', 'other', 'judge', date '2026-03-12')"
        ") as t (call_id, label, labeller_kind, day)"
    )
    return con


@pytest.mark.parametrize(
    ("n_days", "gate", "predicted", "found"),
    [
        (28, 0.0, "", ["b", "a"]),
        (2, 0.0, "", ["b"]),
        (28, 0.98, "", ["b"]),
        (28, 0.0, "spam", ["a"]),
    ],
)
def test_evidence_lists_wrong_answers_surest_first(
    n_days: int, gate: float, predicted: str, found: list[str]
) -> None:
    query = wrong_answers_sql(ODD, day_of(10), n_days, gate=gate, predicted=predicted)
    assert [row[0] for row in warehouse().sql(query).fetchall()] == found


def test_evidence_of_miscalibration_is_a_reliability_table() -> None:
    table = labelled_days(np.random.default_rng(1), fault_day=30, days=60)
    known = until(table, 55, 28)
    feature = Feature(id="triage", kind="classifier")
    [finding] = miscalibration.check(feature, day_of(55), known, miscalibration.Params())
    assert finding.status is Status.FAIL
    con = duckdb.connect()
    con.register("summary__calibration", known.to_arrow())
    rows = con.sql(finding.evidence_sql).fetchall()
    assert sum(n for _, n, _, _ in rows) == known["n"].sum()
    assert all(0 <= accuracy <= 1 for *_, accuracy in rows)


def test_few_buckets_take_the_stated_design_effect() -> None:
    table = labelled_days(np.random.default_rng(1), users=5)
    labels = labelled_calls(table, day_of(59)).stated()
    params = overconfidence.Params()
    few = Clustering(labels, params.min_deff, params.unknown_deff)
    assert few.deff(labels) == pytest.approx(params.unknown_deff)
    assert params.min_deff <= few.deff(labels.within(5)) < params.unknown_deff
