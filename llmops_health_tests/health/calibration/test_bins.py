"""From summary rows to sums: windows, revisions, run kinds, judges, and what cannot be summed."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from llmops_health.health.calibration._bins import SUMS, labelled_calls
from llmops_health.kernels.calibration import ConfidenceBins
from llmops_health_tests.health.calibration.simulate import EMPTY, SCHEMA, day_of, labelled_days

TODAY = day_of(30)


def row(**changed: Any) -> dict[str, Any]:
    plain = {
        "day": TODAY,
        "feature_id": "triage",
        "labeller": "truth",
        "run_kind": "prod",
        "label": "spam",
        "predicted_label": "spam",
        "bucket": 3,
        "k": 92,
        "n": 2,
        "sum_conf": 1.85,
        "sum_conf_sq": 1.7113,
    }
    return plain | changed


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA)


def test_sums_by_hand() -> None:
    calls = labelled_calls(table(row(), row(label="ham", bucket=4, n=1, sum_conf=0.92)), TODAY)
    bins = calls.bins()
    assert (calls.total, calls.n_correct, calls.names) == (3, 2, ("ham", "spam"))
    assert (bins.n[92], bins.n_correct[92], bins.sum_conf_correct[92]) == (3, 2, 1.85)
    sums = dict(zip(SUMS, calls.bucket_sums()[4], strict=True))
    assert (sums["n"], sums["n_correct"], sums["sum_conf"]) == (1, 0, 0.92)
    assert [(name, part.total) for name, part in calls.by_predicted()] == [("spam", 3)]


def test_every_way_to_sum_agrees() -> None:
    calls = labelled_calls(labelled_days(np.random.default_rng(3), days=30), day_of(29)).stated()
    cube = calls.bins_per_bucket()
    assert cube.shape == (64, 100, 5)
    np.testing.assert_allclose(cube.sum(axis=1), calls.bucket_sums())
    bins = calls.bins()
    for place, name in enumerate(ConfidenceBins.__slots__):
        np.testing.assert_allclose(cube.sum(axis=0)[:, place], getattr(bins, name), atol=1e-9)


def test_window_ends_at_the_judged_day() -> None:
    calls = labelled_calls(table(row(), row(day=day_of(24)), row(day=day_of(23))), TODAY)
    assert [calls.within(days).total for days in (1, 6, 7, 8)] == [2, 2, 4, 6]


def test_judges_and_evaluations_are_not_truth_in_production() -> None:
    rows = table(row(), row(labeller="judge", n=5), row(run_kind="eval", n=7), row(label=None, n=9))
    assert labelled_calls(rows, TODAY).total == 2
    assert labelled_calls(rows, TODAY, "judge").total == 5


def test_unknown_counts_as_production_where_nothing_is_prod() -> None:
    unknown = row(run_kind="unknown", n=5)
    assert labelled_calls(table(unknown), TODAY).total == 5
    assert labelled_calls(table(unknown, row()), TODAY).total == 2


def test_calls_without_confidence_count_only_as_calls() -> None:
    calls = labelled_calls(table(row(), row(k=-1, n=4, sum_conf=0, sum_conf_sq=0)), TODAY)
    assert (calls.total, calls.stated().total, calls.bins().total) == (6, 2, 2.0)


def test_a_revision_of_an_older_label_leaves_sums_that_can_occur() -> None:
    back = row(n=-1, sum_conf=-0.92, sum_conf_sq=-0.8464)
    revised = row(n=1, label="ham", sum_conf=0.92, sum_conf_sq=0.8464)
    bins = labelled_calls(table(back, revised), TODAY).bins()
    assert (bins.total, bins.n_correct[92]) == (0, 0)
    with_others = labelled_calls(table(row(), back, revised), TODAY).bins()
    assert (with_others.n[92], with_others.n_correct[92]) == (2, 1)


def test_no_rows_are_no_calls() -> None:
    calls = labelled_calls(EMPTY, TODAY)
    assert (calls.total, calls.n_correct, calls.names, calls.by_predicted()) == (0, 0, (), [])
    assert (calls.bins().total, calls.bucket_sums().sum()) == (0, 0)
