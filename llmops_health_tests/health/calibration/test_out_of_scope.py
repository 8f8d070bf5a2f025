"""Out of scope: by hand, at the edge, thin data, and how often it errs on simulated users."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.calibration.out_of_scope import HISTORY_DAYS, Params, check
from llmops_health_tests.health.calibration.simulate import EMPTY, SCHEMA
from llmops_health_tests.health.calibration.simulate_calls import (
    LAST_DAY,
    World,
    draw,
    run_evidence,
    window,
)

DAY = date(2026, 3, 29)
FEATURE = Feature(id="triage", kind="classifier", confidence_gate=0.8, out_of_scope_label="oos")
UNLABELLED = Feature(id="triage", kind="classifier", confidence_gate=0.8)
NOVELTY = {
    "day": pl.Date,
    "feature_id": pl.String,
    "cell_is_new": pl.Boolean,
    "bucket": pl.Int32,
    "k": pl.Int32,
    "n": pl.Int64,
}
NO_TOPICS = pl.DataFrame(schema=NOVELTY)


def labels(*cells: tuple[str, str, int], n_buckets: int = 10, age: int = 0) -> pl.DataFrame:
    """One call per bucket of each (label, predicted, bin)."""
    return pl.DataFrame(
        [
            (DAY - timedelta(days=age), "triage", "truth", "prod", a, b, u, k, 1, 0.0, 0.0)
            for u in range(n_buckets)
            for a, b, k in cells
        ],
        schema=SCHEMA,
        orient="row",
    )


def topics(n_new: int, n_known: int, ages: range, k: int = 90, n_buckets: int = 64) -> pl.DataFrame:
    """Sampled calls per day and bucket on new and on known topics, at one confidence."""
    return pl.DataFrame(
        [
            (DAY - timedelta(days=age), "triage", is_new, u, k, n)
            for age in ages
            for u in range(n_buckets)
            for is_new, n in ((True, n_new), (False, n_known))
        ],
        schema=NOVELTY,
        orient="row",
    )


def judge(
    table: pl.DataFrame = EMPTY,
    novelty: pl.DataFrame = NO_TOPICS,
    feature: Feature = FEATURE,
    **params: float,
) -> Finding:
    [finding] = check(feature, DAY, table, novelty, Params.model_validate(params))
    return finding


# Held back: below the gate, at bin 79, and called out of scope with confidence. Not: at the gate.
CAUGHT_3_OF_5 = labels(
    ("oos", "spam", 40),
    ("oos", "spam", 79),
    ("oos", "oos", 99),
    ("oos", "spam", 80),
    ("oos", "ham", 95),
    ("spam", "spam", 95),
    ("ham", "spam", 85),
)


def test_recall_by_hand() -> None:
    finding = judge(CAUGHT_3_OF_5)
    # 30 of 50; Wilson at 95 %, z = 1.9600: (0.6 + 0.0384 -/+ 0.1411) / 1.0768
    assert (finding.value, finding.n) == (0.6, 50)
    assert (finding.lo, finding.hi) == pytest.approx((0.4618, 0.7239), abs=1e-4)
    assert finding.status is Status.FAIL
    # P(Binomial(50, 0.8) <= 30), scipy 1.17.1
    assert finding.p_value == pytest.approx(0.000932, abs=1e-6)
    # In scope at 95 and 85, out of scope at 40, 79, 0, 80, 95: wins 1 for each of 5 pairs at 95
    # but half for the tie, and 4 of 5 at 85: (4.5 + 4) / 10
    assert finding.message.startswith(
        "60% [46%, 72%] of 50 out-of-scope calls were held back at the gate 0.8, at least 80% must "
        "be (AUROC 0.85 ["
    )


@pytest.mark.parametrize(("min_recall", "status"), [(0.724, Status.FAIL), (0.7238, "cannot tell")])
def test_the_upper_end_of_the_interval_decides(min_recall: float, status: Status | str) -> None:
    finding = judge(CAUGHT_3_OF_5, min_recall=min_recall)
    if status == "cannot tell":
        assert finding.status is Status.NOT_ENOUGH_DATA
        assert finding.message.startswith("Cannot tell: 60%")
    else:
        assert finding.status is status


def test_enough_held_back_is_a_pass() -> None:
    finding = judge(CAUGHT_3_OF_5, min_recall=0.6)
    assert finding.status is Status.PASS
    assert finding.action == ""


def test_calls_of_one_user_count_less() -> None:
    # All wrong answers come from 4 of 10 buckets, all right ones from the other 6.
    split = pl.concat(
        [
            labels(*[("oos", "spam", 95)] * 5, n_buckets=4),
            labels(*[("oos", "oos", 95)] * 5).filter(pl.col("bucket") >= 4),
            labels(("spam", "spam", 95)),
        ]
    )
    finding = judge(split)
    assert finding.value == pytest.approx(0.6)
    assert finding.n == 50
    # Ten buckets, six right: se 0.163, deff 5.6; Wilson on 5.4 of 9
    assert finding.hi == pytest.approx(0.84, abs=0.02)
    assert finding.status is Status.NOT_ENOUGH_DATA


def test_the_shortest_window_with_enough_calls_speaks() -> None:
    old = labels(*[("oos", "oos", 95)] * 5, age=10)
    assert judge(pl.concat([CAUGHT_3_OF_5, old])).n == 50
    few = CAUGHT_3_OF_5.filter(pl.col("bucket") < 3)
    assert judge(pl.concat([few, old])).n == 65


def test_without_a_gate_only_the_label_holds_back() -> None:
    feature = FEATURE.model_copy(update={"confidence_gate": None})
    assert judge(CAUGHT_3_OF_5, feature=feature).value == pytest.approx(0.2)


def test_without_a_confidence_nothing_holds_back_but_the_label() -> None:
    silent = CAUGHT_3_OF_5.with_columns(k=pl.lit(-1, dtype=pl.Int32))
    assert judge(silent).value == pytest.approx(0.2)


HISTORY = topics(1, 99, range(7, 28))


def test_new_topics_by_hand() -> None:
    # 1 % before, 6 % now; buckets are alike, so the rise is certain.
    finding = judge(novelty=pl.concat([HISTORY, topics(6, 94, range(7))]), feature=UNLABELLED)
    assert finding.status is Status.WARN
    assert finding.value == pytest.approx(0.05)
    assert finding.lo == pytest.approx(0.05)
    assert finding.n == 7 * 64 * 100
    assert finding.message.startswith(
        "No out_of_scope_label is set; 6.0% of 44800 calls in 7 days are on a new topic and pass"
    )


@pytest.mark.parametrize(
    "now",
    [
        topics(4, 96, range(7)),  # a rise of exactly what is tolerated
        topics(20, 80, range(7), k=79),  # new, but below the gate
        topics(20, 80, range(7), k=-1),  # new, without a confidence
    ],
)
def test_new_topics_that_are_few_or_held_back_pass(now: pl.DataFrame) -> None:
    assert judge(novelty=pl.concat([HISTORY, now]), feature=UNLABELLED).status is Status.PASS


def test_a_rise_that_an_earlier_week_had_too_is_no_news() -> None:
    earlier = pl.concat([topics(1, 99, range(14, 56)), topics(7, 93, range(7, 14))])
    now = topics(6, 94, range(7))
    assert judge(novelty=pl.concat([earlier, now]), feature=UNLABELLED).status is Status.PASS


def test_too_few_labels_leave_it_to_topics() -> None:
    table = CAUGHT_3_OF_5.filter(pl.col("bucket") < 3)
    finding = judge(table, pl.concat([HISTORY, topics(6, 94, range(7))]))
    assert finding.status is Status.WARN
    assert finding.message.startswith("15 out-of-scope labels in 28 days, 20 needed; 6.0% of")


@pytest.mark.parametrize(
    ("novelty", "message"),
    [
        (
            NO_TOPICS,
            "topics are known of 0 calls in 7 days and of 0 weeks before, 100 and 2 needed",
        ),
        (
            pl.concat([topics(1, 99, range(7, 14)), topics(9, 91, range(7))]),
            "topics are known of 44800 calls in 7 days and of 1 weeks before",
        ),
        (topics(0, 100, range(28), n_buckets=3), "2100 calls in 7 days come from too few users"),
    ],
)
def test_thin_topics_are_never_a_pass(novelty: pl.DataFrame, message: str) -> None:
    finding = judge(novelty=novelty, feature=UNLABELLED)
    assert finding.status is Status.NOT_ENOUGH_DATA
    assert message in finding.message


def test_it_does_not_apply_where_nothing_is_classified() -> None:
    feature = Feature(id="drafts", kind="generation", confidence_gate=0.8)
    silent = topics(1, 9, range(28), k=-1)
    assert judge(novelty=silent, feature=feature).status is Status.NOT_APPLICABLE
    no_gate = Feature(id="triage", kind="classifier")
    assert judge(novelty=HISTORY, feature=no_gate).status is Status.NOT_APPLICABLE
    assert judge(feature=FEATURE.model_copy(update={"confidence_gate": None})).status is (
        Status.NOT_ENOUGH_DATA
    )


def test_evidence_runs() -> None:
    assert run_evidence(judge(CAUGHT_3_OF_5).evidence_sql)[0] == "call_id"
    by_topics = judge(novelty=topics(1, 99, range(28)), feature=UNLABELLED)
    assert run_evidence(by_topics.evidence_sql)[-1] == "similarity"


def status_on(tables: dict[str, pl.DataFrame], feature: Feature, back: int = 0) -> Status:
    day = LAST_DAY - timedelta(days=back)
    seen = window(tables, day, HISTORY_DAYS)
    table, novelty = seen["summary__calibration"], seen["summary__novelty"]
    return next(check(feature, day, table, novelty, Params())).status


@pytest.mark.slow
@pytest.mark.parametrize(("n_users", "calls_per_day"), [(300, 170), (30, 150), (30, 60)])
def test_honest_confidence_stays_quiet(n_users: int, calls_per_day: int) -> None:
    world = World(n_users=n_users, calls_per_day=calls_per_day)
    worlds = [draw(world, seed) for seed in range(8)]
    judged = [
        status_on(tables, feature, back)
        for tables in worlds
        for feature in (FEATURE, UNLABELLED)
        for back in (0, 13, 26)
    ]
    assert not {Status.WARN, Status.FAIL} & set(judged)


@pytest.mark.slow
@pytest.mark.parametrize("n_users", [30, 300])
def test_a_class_that_went_out_of_scope_is_found_within_a_week(n_users: int) -> None:
    world = World(n_users=n_users, calls_per_day=150, handed_over=True, fault_day=70)
    found = sum(status_on(draw(world, seed), FEATURE) is Status.FAIL for seed in range(40))
    assert found >= 38


@pytest.mark.slow
def test_a_new_topic_answered_with_confidence_is_found_within_a_week() -> None:
    world = World(calls_per_day=150, new_topic_share=0.12, fault_day=70)
    found = sum(status_on(draw(world, seed), UNLABELLED) is Status.WARN for seed in range(20))
    assert found >= 19
