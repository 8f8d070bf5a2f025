"""Verdicts: what a mode's findings come to, which alarms count, and how often they are false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Status
from llmops_health.judge import FINDING_SCHEMA
from llmops_health.report.verdicts import VERDICT_COLUMNS, verdicts

MONDAY = date(2026, 3, 2)
DEFAULTS = {
    "day": MONDAY,
    "feature_id": "help",
    "mode": "drift",
    "segment": "",
    "unit": "",
    "n": 100,
    "action": "",
    "evidence_sql": "",
    "run_id": "r",
}


def findings(*listed: Mapping[str, object]) -> pl.DataFrame:
    """Return a table of findings; each is named c0, c1, ... and says so, unless it says else."""
    rows = [
        DEFAULTS | {"check_name": f"c{i}", "message": f"m{i}"} | dict(one)
        for i, one in enumerate(listed)
    ]
    return pl.DataFrame(rows, schema=FINDING_SCHEMA, orient="row")


def of(statuses: Sequence[Status], p: Sequence[float | None] | None = None) -> pl.DataFrame:
    p_values = p or [None] * len(statuses)
    pairs = zip(statuses, p_values, strict=True)
    return findings(*({"status": status.value, "p_value": value} for status, value in pairs))


def verdict(table: pl.DataFrame) -> dict[str, object]:
    [row] = verdicts(table).iter_rows(named=True)
    return row


PASS, WARN, FAIL = Status.PASS, Status.WARN, Status.FAIL
THIN, OUTSIDE = Status.NOT_ENOUGH_DATA, Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("statuses", "said", "n_checks", "n_failed"),
    [
        ([PASS], "healthy", 1, 0),
        ([PASS, WARN], "warning", 2, 0),
        ([WARN, FAIL, PASS], "failing", 3, 1),
        ([FAIL, FAIL], "failing", 2, 2),
        ([PASS, THIN, OUTSIDE], "healthy", 1, 0),
        ([FAIL, THIN], "failing", 1, 1),
        ([THIN], "no_evidence", 0, 0),
        ([THIN, OUTSIDE], "no_evidence", 0, 0),
        ([OUTSIDE, OUTSIDE], "not_applicable", 0, 0),
    ],
)
def test_the_worst_that_is_known_decides(
    statuses: list[Status], said: str, n_checks: int, n_failed: int
) -> None:
    row = verdict(of(statuses))
    assert (row["status"], row["n_checks"], row["n_failed"]) == (said, n_checks, n_failed)


def test_the_headline_is_the_worst_finding() -> None:
    assert verdict(of([PASS, THIN, FAIL, WARN]))["headline"] == "c2: m2"
    assert verdict(of([OUTSIDE, THIN]))["headline"] == "c1: m1"


def test_among_equals_the_least_probable_is_the_headline() -> None:
    row = verdict(of([FAIL, FAIL, FAIL], [None, 0.004, 0.001]))
    assert row["headline"] == "c2: m2"


def test_segments_of_one_check_count_once() -> None:
    row = verdict(
        findings(
            {"check_name": "c", "status": "FAIL", "segment": "a"},
            {"check_name": "c", "status": "FAIL", "segment": "b"},
            {"check_name": "c", "status": "PASS", "segment": "d"},
        )
    )
    assert (row["n_checks"], row["n_failed"]) == (1, 1)


def test_many_tests_raise_the_bar() -> None:
    # Benjamini-Hochberg: alone 0.04 counts; among four, 0.04 x 4 = 0.16 does not.
    assert verdict(of([FAIL], [0.04]))["status"] == "failing"
    row = verdict(of([FAIL, PASS, PASS, PASS], [0.04, 0.5, 0.6, 0.7]))
    assert (row["status"], row["n_failed"], row["n_checks"]) == ("healthy", 0, 4)


def test_an_alarm_at_the_rate_counts() -> None:
    # 0.025 x 2 / 1 = 0.05, the rate itself.
    assert verdict(of([FAIL, PASS], [0.025, 0.9]))["status"] == "failing"
    assert verdict(of([FAIL, PASS], [0.0251, 0.9]))["status"] == "healthy"


def test_a_rule_without_a_p_value_counts_as_it_stands() -> None:
    row = verdict(of([FAIL, FAIL, PASS, PASS], [None, 0.04, 0.5, 0.6]))
    assert (row["status"], row["n_failed"], row["headline"]) == ("failing", 1, "c0: m0")
    assert verdict(of([WARN, PASS], [None, 0.5]))["status"] == "warning"


def test_a_small_p_value_makes_no_alarm_of_a_pass() -> None:
    # Significant and too small to matter: the check has the word.
    assert verdict(of([PASS], [1e-9]))["status"] == "healthy"


def test_the_family_is_a_features_day() -> None:
    tests = [{"status": "FAIL", "p_value": 0.02, "mode": "drift"}]
    tests += [{"status": "PASS", "p_value": 0.9, "mode": f"other{i}"} for i in range(3)]
    table = findings(*tests)
    assert verdicts(table).filter(pl.col("mode") == "drift")["status"].item() == "healthy"
    for name, value in (("feature_id", "triage"), ("day", MONDAY + timedelta(days=1))):
        others = [tests[0], *(test | {name: value} for test in tests[1:])]
        rows = verdicts(findings(*others)).filter(pl.col("mode") == "drift")
        assert rows["status"].item() == "failing"


def test_rows_come_out_by_day_feature_and_mode_whatever_the_order() -> None:
    listed = [
        {"status": "PASS", "day": MONDAY + timedelta(days=i), "feature_id": feature, "mode": mode}
        for i in range(2)
        for feature in ("a", "b")
        for mode in ("drift", "sampling")
    ]
    table = findings(*listed)
    shuffled = verdicts(table.sample(fraction=1.0, shuffle=True, seed=1))
    keys = shuffled.select("day", "feature_id", "mode").rows()
    assert keys == sorted(keys)
    assert len(keys) == 8


def test_no_findings_are_no_verdicts() -> None:
    table = verdicts(findings())
    assert table.is_empty()
    assert table.columns == list(VERDICT_COLUMNS)


def simulated(p: np.ndarray) -> pl.DataFrame:
    """Return verdicts of days (rows of `p`) on which every test fails below 0.05."""
    n_days, n_tests = p.shape
    at = np.indices(p.shape)
    table = pl.DataFrame(
        {
            "day": pl.Series(at[0].ravel()).cast(pl.Int32).cast(pl.Date),
            "feature_id": "help",
            "mode": "drift",
            "segment": "",
            "check_name": pl.Series(at[1].ravel()).cast(pl.String),
            "status": np.where(p.ravel() < 0.05, "FAIL", "PASS"),
            "p_value": p.ravel(),
            "message": "",
        }
    )
    assert len(table) == n_days * n_tests
    return verdicts(table)


def test_days_without_a_fault_rarely_alarm() -> None:
    p = np.random.default_rng(20260302).random((1500, 19))
    alarms = (simulated(p)["status"] == "failing").mean()
    # Theory: exactly 0.05 when all are null; 1 - 0.95^19 = 0.62 were every alarm to count.
    # Three standard errors are 0.017.
    assert alarms == pytest.approx(0.05, abs=0.017)


def test_of_the_alarms_few_are_false() -> None:
    rng = np.random.default_rng(4)
    p = rng.random((600, 20))
    p[:, :10] *= 1e-4
    n_failed = simulated(p)["n_failed"].to_numpy()
    # All ten faults are found; 0.05 x 10 / 20 of the alarms are expected to be false.
    assert n_failed.min() >= 10
    assert ((n_failed - 10) / n_failed).mean() == pytest.approx(0.025, abs=0.006)
