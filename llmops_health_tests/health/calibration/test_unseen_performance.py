"""Unseen performance: by hand, at the edge, thin data, and how often it errs on simulated users."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.calibration.unseen_performance import HISTORY_DAYS, Params, check
from llmops_health_tests.health.calibration.simulate import EMPTY, SCHEMA
from llmops_health_tests.health.calibration.simulate_calls import (
    LAST_DAY,
    World,
    draw,
    run_evidence,
    window,
)

DAY = date(2026, 3, 29)
FEATURE = Feature(id="triage", kind="classifier")
CONFIDENCE = {
    "day": pl.Date,
    "feature_id": pl.String,
    "run_kind": pl.String,
    "predicted_label": pl.String,
    "bucket": pl.Int32,
    "k": pl.Int32,
    "n": pl.Int64,
    "sum_conf": pl.Float64,
}


def stated(n_sure: int, n_unsure: int, ages: range) -> pl.DataFrame:
    """Calls per day and bucket in bins 90 and 60."""
    return pl.DataFrame(
        [
            (DAY - timedelta(days=age), "triage", "prod", "a", u, k, n, 0.0)
            for age in ages
            for u in range(64)
            for k, n in ((90, n_sure), (60, n_unsure))
        ],
        schema=CONFIDENCE,
        orient="row",
    )


def labelled(
    age: int, n_buckets: int = 64, n_sure_right: int = 9, n_unsure_right: int = 5
) -> pl.DataFrame:
    """Ten labels per bucket at 0.9 and at 0.6, of which so many say the call was right."""
    return pl.DataFrame(
        [
            (DAY - timedelta(days=age), "triage", "truth", "prod", label, "a", u, k, n, 0.0, 0.0)
            for u in range(n_buckets)
            for k, right in ((90, n_sure_right), (60, n_unsure_right))
            for label, n in (("a", right), ("b", 10 - right))
        ],
        schema=SCHEMA,
        orient="row",
    )


BEFORE = stated(4, 1, range(7, 28))
REFERENCE = labelled(10)


def judge(
    traffic: pl.DataFrame, labels: pl.DataFrame, feature: Feature = FEATURE, **params: float
) -> Finding:
    [finding] = check(feature, DAY, traffic, labels, Params.model_validate(params))
    return finding


def test_the_change_by_hand() -> None:
    # Before: 0.8 x 0.9 + 0.2 x 0.5 = 0.82. Now half and half: 0.7.
    finding = judge(pl.concat([BEFORE, stated(1, 1, range(7))]), REFERENCE)
    assert finding.status is Status.FAIL
    assert finding.value == pytest.approx(-0.12)
    assert finding.n == 7 * 64 * 2
    # Buckets are alike, so only the map is in doubt: shift 0.3 from one bin to the other,
    # Var = 0.09 (0.9 x 0.1 + 0.5 x 0.5) / 640 with half a call each way, t(63, 0.99) = 2.387
    half_width = 2.387 * (0.09 * (0.09056 + 0.25) / 640) ** 0.5
    assert finding.hi == pytest.approx(-0.12 + half_width, abs=1e-4)
    assert finding.message.startswith(
        "Accuracy to expect of 896 calls in 7 days is 0.700 against 0.820 before, -0.120 ["
    )
    assert "no labels came in these 7 days" in finding.message


@pytest.mark.parametrize(("max_fall", "status"), [(0.10, Status.FAIL), (0.105, Status.PASS)])
def test_the_upper_end_of_the_interval_decides(max_fall: float, status: Status) -> None:
    traffic = pl.concat([BEFORE, stated(1, 1, range(7))])
    assert judge(traffic, REFERENCE, max_fall=max_fall).status is status


def test_an_extrapolating_map_only_warns() -> None:
    # Almost all labels are at 0.9, almost all calls now at 0.6.
    reference = pl.concat([REFERENCE.filter(pl.col("k") == 90)] * 30 + [REFERENCE])
    traffic = pl.concat([BEFORE, stated(0, 5, range(7))])
    finding = judge(traffic, reference)
    assert finding.status is Status.WARN
    assert "extrapolating, effective sample 0.0" in finding.message


def test_labels_that_rule_out_the_fall_make_it_a_warning() -> None:
    traffic = pl.concat([BEFORE, stated(1, 1, range(7))])
    audit = labelled(2, n_sure_right=9, n_unsure_right=9)
    finding = judge(traffic, pl.concat([REFERENCE, audit]))
    assert finding.status is Status.WARN
    assert "the 1280 labels of these 7 days say 0.900 [0.900, 0.900]" in finding.message
    below = labelled(2, n_sure_right=9, n_unsure_right=5)
    assert judge(traffic, pl.concat([REFERENCE, below])).status is Status.FAIL


def test_the_window_does_not_calibrate_itself() -> None:
    audit = labelled(6, n_sure_right=0, n_unsure_right=0)
    traffic = pl.concat([BEFORE, stated(4, 1, range(7))])
    finding = judge(traffic, pl.concat([REFERENCE, audit]))
    assert finding.status is Status.PASS
    assert finding.value == pytest.approx(0)


def test_days_beyond_whole_weeks_are_left_out() -> None:
    odd = stated(0, 50, range(28, 30))
    traffic = pl.concat([odd, BEFORE, stated(4, 1, range(7))])
    assert judge(traffic, REFERENCE).value == pytest.approx(0)


@pytest.mark.parametrize(
    ("traffic", "labels", "message"),
    [
        (stated(4, 1, range(20)), REFERENCE, "Warming up: 7 days with calls before the last 7"),
        (pl.concat([BEFORE, stated(4, 1, range(7))]), labelled(10, 9), "180 labelled calls in the"),
        (pl.concat([BEFORE, stated(1, 0, range(1))]), REFERENCE, "64 calls in 7 days, 100 needed"),
        (
            pl.concat([BEFORE, stated(20, 1, range(7)).filter(pl.col("bucket") < 3)]),
            REFERENCE,
            "441 calls in 7 days come from too few users",
        ),
    ],
)
def test_thin_data_is_never_a_pass(
    traffic: pl.DataFrame, labels: pl.DataFrame, message: str
) -> None:
    finding = judge(traffic, labels)
    assert finding.status is Status.NOT_ENOUGH_DATA
    assert finding.message.startswith(message)


def test_a_fall_that_chance_could_hide_is_not_a_pass() -> None:
    uneven = stated(8, 0, range(7)).with_columns(
        k=pl.when(pl.col("bucket") < 12).then(60).otherwise("k").cast(pl.Int32)
    )
    finding = judge(pl.concat([BEFORE, uneven]), REFERENCE)
    assert finding.status is Status.NOT_ENOUGH_DATA
    assert finding.message.startswith("Cannot tell: Accuracy to expect")


def test_it_does_not_apply_without_confidence() -> None:
    silent = BEFORE.with_columns(k=pl.lit(-1, dtype=pl.Int32))
    assert judge(silent, EMPTY).status is Status.NOT_APPLICABLE
    assert judge(BEFORE.clear(), EMPTY).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("kind", "status"),
    [("classifier", Status.NOT_ENOUGH_DATA), ("extraction", Status.NOT_APPLICABLE)],
)
def test_without_labels_confidence_means_nothing(kind: str, status: Status) -> None:
    feature = Feature.model_validate({"id": "triage", "kind": kind})
    assert judge(BEFORE, EMPTY, feature).status is status


def test_evidence_runs() -> None:
    finding = judge(pl.concat([BEFORE, stated(4, 1, range(7))]), REFERENCE)
    assert run_evidence(finding.evidence_sql)[0] == "call_id"


def status_on(world: World, seed: int, back: int = 0) -> Status:
    day = LAST_DAY - timedelta(days=back)
    tables = window(draw(world, seed), day, HISTORY_DAYS)
    traffic, labels = tables["summary__confidence"], tables["summary__calibration"]
    return next(check(FEATURE, day, traffic, labels, Params())).status


@pytest.mark.slow
@pytest.mark.parametrize(("n_users", "calls_per_day"), [(300, 170), (30, 150), (30, 60)])
def test_seasons_growth_bursts_and_loud_users_stay_quiet(n_users: int, calls_per_day: int) -> None:
    world = World(n_users=n_users, calls_per_day=calls_per_day)
    judged = [status_on(world, seed, back) for seed in range(10) for back in (0, 13, 26)]
    assert not {Status.WARN, Status.FAIL} & set(judged)


@pytest.mark.slow
@pytest.mark.parametrize("n_users", [30, 300])
def test_harder_calls_are_found_within_a_week(n_users: int) -> None:
    # Accuracy falls from 0.90 to 0.80 with honest confidence.
    world = World(n_users=n_users, calls_per_day=150, harder=1.0, fault_day=70)
    found = sum(status_on(world, seed) is Status.FAIL for seed in range(20))
    assert found >= 19


@pytest.mark.slow
def test_confidence_that_stays_while_the_truth_moves_is_for_other_checks() -> None:
    world = World(calls_per_day=150, relabelled=0.2, fault_day=40)
    judged = [status_on(world, seed) for seed in range(10)]
    assert not {Status.WARN, Status.FAIL} & set(judged)
