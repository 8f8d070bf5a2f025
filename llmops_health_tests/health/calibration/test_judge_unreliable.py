"""Judge unreliable: by hand, at the edge, thin data, and how often it errs on simulated users."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.calibration.judge_unreliable import HISTORY_DAYS, Params, check
from llmops_health_tests.health.calibration.simulate_calls import (
    LAST_DAY,
    World,
    draw,
    run_evidence,
    window,
)

DAY = date(2026, 3, 29)
FEATURE = Feature(id="triage", kind="classifier")
SCHEMA = {
    "day": pl.Date,
    "feature_id": pl.String,
    "run_kind": pl.String,
    "judge": pl.String,
    "pair": pl.String,
    "label": pl.String,
    "other_label": pl.String,
    "length_k": pl.Int32,
    "bucket": pl.Int32,
    "n": pl.Int64,
}


def pairs(
    *cells: tuple[str, str, int],
    judge: str = "j1",
    pair: str = "truth",
    length_k: int = -1,
    n_buckets: int = 20,
) -> pl.DataFrame:
    """Rows (judge's label, other label, calls), the same in each bucket."""
    return pl.DataFrame(
        [
            (DAY, "triage", "prod", judge, pair, said, other, length_k, u, n)
            for u in range(n_buckets)
            for said, other, n in cells
        ],
        schema=SCHEMA,
        orient="row",
    )


def judge(table: pl.DataFrame, **params: float) -> list[Finding]:
    return list(check(FEATURE, DAY, table, Params.model_validate(params)))


GOOD = pairs(("good", "good", 9), ("bad", "bad", 9), ("good", "bad", 2))


def test_agreement_by_hand() -> None:
    [finding] = judge(GOOD)
    # 18 of 20 agree; good is 20 of 40 ratings: AC1 = (0.9 - 0.5) / 0.5; buckets are alike
    assert finding.status is Status.PASS
    assert (finding.value, finding.lo, finding.hi) == pytest.approx((0.8, 0.8, 0.8))
    # alpha = 1 - 799 x 80 / (800^2 - 2 x 400^2) = 0.80025
    assert finding.message == (
        "Judge and people agree on 90% of 400 calls, AC1 0.80 [0.80, 0.80], alpha 0.80, where "
        "people say 'bad' of 55%; an AC1 of 0.6 is good, 0.4 the least."
    )


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"min_ac1": 0.81, "good_ac1": 0.9}, Status.FAIL),
        ({"min_ac1": 0.79, "good_ac1": 0.81}, Status.WARN),
        ({"min_ac1": 0.79, "good_ac1": 0.8 - 1e-9}, Status.PASS),
    ],
)
def test_the_upper_end_of_the_interval_decides(params: dict[str, float], status: Status) -> None:
    [finding] = judge(GOOD, **params)
    assert finding.status is status
    assert finding.p_value == pytest.approx(1.0 if status is Status.PASS else 0.0)


def test_an_interval_across_the_limit_is_not_a_pass() -> None:
    # Half of the buckets agree throughout, half are at odds as often as not.
    mixed = pl.concat(
        [
            pairs(("good", "good", 2), ("bad", "bad", 2)),
            pairs(("good", "bad", 2), ("bad", "good", 2), n_buckets=5),
        ]
    )
    [finding] = judge(mixed)
    assert finding.value == pytest.approx(0.6)
    assert finding.status is Status.NOT_ENOUGH_DATA
    assert finding.message.startswith("Cannot tell: Judge and people agree on 80% of 100 calls")


def test_every_judge_answers_for_itself() -> None:
    poor = pairs(("good", "bad", 9), ("bad", "good", 9), judge="j2")
    whole, second = judge(pl.concat([GOOD, poor]))
    assert (whole.segment, whole.n) == ("", 760)
    assert (second.segment, second.status) == ("judge = j2", Status.FAIL)
    assert second.value == pytest.approx(-1)
    assert second.lo == pytest.approx(-1)


def test_a_judge_that_says_one_label_fails_though_agreement_is_high() -> None:
    constant = pairs(("good", "good", 9), ("good", "bad", 1))
    whole, finding = judge(constant)
    # 90 % agree and good is 95 % of the ratings: AC1 = (0.9 - 0.095) / 0.905
    assert whole.status is Status.PASS
    assert whole.value == pytest.approx(0.8895, abs=1e-4)
    assert (finding.segment, finding.status) == ("one label", Status.FAIL)
    assert finding.p_value == pytest.approx((2 / 3) ** 20)
    assert finding.message == (
        "The judge said 'good' of all 200 calls, people said something else of 20."
    )


def test_a_judge_may_have_missed_the_few_that_one_user_wrote() -> None:
    rare = pl.concat([pairs(("good", "good", 9)), pairs(("good", "bad", 30), n_buckets=1)])
    assert [f.segment for f in judge(rare)] == [""]


def test_a_judge_that_prefers_length_is_found() -> None:
    # People say good of half at every length. The judge: 0.3, 0.5, 0.7, 0.9 of good.
    tables = [
        pairs(
            *(("good", "good", 3 if k == 0 else 5), ("bad", "good", 2 if k == 0 else 0)),
            *(("bad", "bad", 5 - k * 2 + 2), ("good", "bad", k * 2 - 2)),
            length_k=4 + 4 * k,
        )
        if k
        else pairs(("good", "good", 3), ("bad", "good", 2), ("bad", "bad", 5), length_k=4)
        for k in range(4)
    ]
    found = {f.segment: f for f in judge(pl.concat(tables))}
    finding = found["output length"]
    # Excess 0 - 0.2, 0, 0.2, 0.4: 0.2 per 4 steps of 8 x 0.0200007 / ln 2 = 0.230840 doublings
    assert finding.value == pytest.approx(0.2 / (4 * 0.230840), abs=1e-5)
    assert finding.status is Status.WARN


def test_length_that_people_reward_too_is_no_bias() -> None:
    tables = [
        pairs(("good", "good", 1 + 2 * k), ("bad", "bad", 9 - 2 * k), length_k=4 + 4 * k)
        for k in range(4)
    ]
    assert [f.segment for f in judge(pl.concat(tables))] == [""]


@pytest.mark.parametrize(("min_consistency", "n_found"), [(0.81, 1), (0.8, 0)])
def test_order_decides_at_the_edge(min_consistency: float, n_found: int) -> None:
    swapped = pairs(("left", "left", 8), ("left", "right", 2), pair="order")
    found = judge(pl.concat([GOOD, swapped]), min_consistency=min_consistency)[1:]
    assert len(found) == n_found
    for finding in found:
        assert (finding.segment, finding.status) == ("order", Status.WARN)
        assert finding.value == pytest.approx(0.8)
        assert finding.n == 200


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (GOOD.filter(pl.col("bucket") < 2), "40 calls labelled by a judge and by people"),
        (
            GOOD.filter(pl.col("bucket") < 3),
            "60 calls labelled by a judge and by people in 28 days",
        ),
        (pairs(("good", "good", 9)), "Judge and people said one and the same label of all 180"),
        (pairs(("good", "bad", 9), pair="order"), "0 calls labelled by a judge and by people"),
    ],
)
def test_thin_data_is_never_a_pass(table: pl.DataFrame, message: str) -> None:
    finding = judge(table)[0]
    assert finding.status is Status.NOT_ENOUGH_DATA
    assert finding.message.startswith(message)


def test_it_does_not_apply_without_a_judge_or_outside_production() -> None:
    [empty] = judge(GOOD.clear())
    assert empty.status is Status.NOT_APPLICABLE
    [evals] = judge(GOOD.with_columns(run_kind=pl.lit("eval")))
    assert evals.status is Status.NOT_APPLICABLE


def test_evidence_runs() -> None:
    assert run_evidence(judge(GOOD)[0].evidence_sql) == ["judge", "label", "other_label", "n"]


def findings_on(world: World, seed: int, back: int = 0) -> list[Finding]:
    day = LAST_DAY - timedelta(days=back)
    table = window(draw(world, seed), day, HISTORY_DAYS)["summary__judgements"]
    return list(check(FEATURE, day, table, Params()))


@pytest.mark.slow
@pytest.mark.parametrize("n_users", [30, 300])
def test_a_judge_that_is_right_seven_times_in_eight_stays_quiet(n_users: int) -> None:
    world = World(n_users=n_users, calls_per_day=150, judge_noise=0.15)
    found = [findings_on(world, seed, back) for seed in range(10) for back in (0, 21)]
    assert {tuple(f.status for f in day) for day in found} == {(Status.PASS,)}


@pytest.mark.slow
@pytest.mark.parametrize("n_users", [30, 300])
def test_a_judge_that_guesses_is_found(n_users: int) -> None:
    world = World(n_users=n_users, calls_per_day=150, judge_noise=0.85)
    found = [findings_on(world, seed)[0].status is Status.FAIL for seed in range(20)]
    assert np.sum(found) >= 19
