"""Uncovered traffic: by hand, at the edge, as of a day, and its error rates on known worlds."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.figures import CoverageByTopic
from llmops_health.findings import Finding, Status
from llmops_health.health.eval_rot.uncovered_traffic import HISTORY_DAYS, Params, check, figure
from llmops_health_tests.health.eval_rot.simulate import (
    CASES,
    FEATURE,
    ITEMS,
    LAST,
    Traffic,
    ago,
    by_day,
    cases,
    known_on,
    placed,
    ramp,
    runs,
    traffic,
)

NO_ITEMS = pl.DataFrame(schema=ITEMS)


def judge(
    inputs: Traffic,
    of_suite: pl.DataFrame,
    cells: list[int],
    *,
    day: date = LAST,
    items: pl.DataFrame = NO_ITEMS,
    fitted_on: date | None = None,
    params: Params | None = None,
) -> Finding:
    text_cells, samples = (known_on(table, day, HISTORY_DAYS) for table in inputs)
    [finding] = check(
        FEATURE,
        day,
        text_cells,
        samples,
        placed(of_suite, cells, fitted_on),
        items,
        of_suite,
        params or Params(),
    )
    return finding


def shift(now: list[int], then: list[int]) -> Traffic:
    """Four weeks and the last week, a hundred inputs a day."""
    return by_day({age: (now if age < 7 else then) for age in range(35)})


KNOWN = [0, 1, 2, 3]
USUAL = KNOWN * 25
NEW_20 = [0, 1, 2, 3] * 20 + [-1] * 20


def test_the_fall_is_the_share_of_newly_uncovered_inputs() -> None:
    found = judge(shift(NEW_20, USUAL), cases(8), [0, 1, 2, 3])
    assert found.value == pytest.approx(20)
    assert found.n == 700
    assert found.status is Status.FAIL
    assert found.message.startswith("Eval cases cover 80.0%")
    assert "from 100.0% before" in found.message


@pytest.mark.parametrize(
    ("n_new", "status"), [(4, Status.PASS), (6, Status.WARN), (9, Status.WARN), (11, Status.FAIL)]
)
def test_the_size_of_the_fall_decides_where_it_is_certain(n_new: int, status: Status) -> None:
    now = USUAL[: 100 - n_new] + [-1] * n_new
    # The interval is some 3 pp wide on either side.
    assert judge(shift(now, USUAL), cases(8), [0, 1, 2, 3]).status is status


def test_a_fall_of_three_days_is_seen_before_that_of_a_week() -> None:
    now = USUAL[:90] + [-1] * 10
    found = judge(by_day({age: (now if age < 3 else USUAL) for age in range(35)}), cases(8), KNOWN)
    assert found.value == pytest.approx(10, abs=1e-3)
    assert found.status is Status.WARN
    assert found.message.endswith("in the last 3 days.")


def test_a_fall_that_could_be_chance_is_no_alarm() -> None:
    few = USUAL[:40] + [-1] * 3
    usual = by_day({age: (few if age < 7 else USUAL[:40]) for age in range(35)})
    found = judge(usual, cases(8), KNOWN, params=Params(level=0.999999))
    assert found.value == pytest.approx(300 / 43)
    assert found.status is Status.PASS


@pytest.mark.parametrize("weekday", range(7))
def test_weekends_that_were_always_uncovered_are_no_fall(weekday: int) -> None:
    mixed = {
        age: (USUAL[:30] + [5] * 30 if ago(age).weekday() >= 5 else USUAL) for age in range(45)
    }
    found = judge(by_day(mixed), cases(8), KNOWN, day=ago(weekday))
    assert found.value == pytest.approx(0, abs=1)
    assert found.status is Status.PASS


def test_inputs_at_the_edge_of_a_topic_are_not_covered() -> None:
    cells, samples = shift(USUAL, USUAL)
    is_new = pl.col("day").gt(ago(7)) & pl.col("call_id").str.ends_with("7")
    edge = cells.with_columns(similarity=pl.when(is_new).then(0.4).otherwise(0.7))
    found = judge((edge, samples), cases(8), KNOWN)
    assert found.value == pytest.approx(10, abs=0.1)


def test_what_the_cells_were_fitted_on_is_no_base() -> None:
    short = judge(shift(NEW_20, USUAL), cases(8), KNOWN, fitted_on=ago(20))
    assert short.status is Status.NOT_ENOUGH_DATA
    enough = judge(shift(NEW_20, USUAL), cases(8), KNOWN, fitted_on=ago(21))
    assert enough.status is Status.FAIL


def test_a_case_far_from_every_topic_covers_no_new_topic() -> None:
    found = judge(shift(NEW_20, USUAL), cases(10), [0, 1, 2, 3, -1])
    assert found.value == pytest.approx(20)


def test_an_uncovered_topic_that_always_was_is_no_fall() -> None:
    found = judge(shift(NEW_20, NEW_20), cases(8), [0, 1, 2, 3])
    assert found.value == pytest.approx(0)
    assert found.status is Status.PASS


def test_a_suite_that_never_covered_much_is_a_warning() -> None:
    found = judge(shift(USUAL, USUAL), cases(8), [3])
    assert found.status is Status.WARN
    assert found.p_value is None


def test_coverage_that_fell_below_the_floor_fails() -> None:
    found = judge(shift([0] * 60 + [5] * 40, USUAL), cases(8), [1, 2, 3])
    assert found.status is Status.FAIL


def test_retired_cases_cover_nothing_from_their_day_on() -> None:
    kept, gone = cases(4), cases(4, retired=ago(2), first=4)
    suite = pl.concat([kept, gone])
    cells = [0, 1, 2, 2, 3, 3, 3, 3]
    assert judge(shift(USUAL, USUAL), suite, cells, day=ago(2)).value == pytest.approx(25)
    assert judge(shift(USUAL, USUAL), suite, cells, day=ago(3)).value == pytest.approx(0)


def test_cases_added_later_are_not_known() -> None:
    suite = pl.concat([cases(4), cases(4, added=ago(-1), first=4)])
    cells = [0, 1, 2, 2, 3, 3, 3, 3]
    assert judge(shift(USUAL, USUAL), suite, cells).message.startswith("Eval cases cover 75.0%")
    later = by_day(dict.fromkeys(range(-1, 34), USUAL))
    assert judge(later, suite, cells, day=ago(-1)).message.startswith("Eval cases cover 100.0%")


def test_new_cases_cover_the_traffic_of_the_past_too() -> None:
    suite = pl.concat([cases(6), cases(2, added=ago(3), first=6)])
    found = judge(shift(USUAL, USUAL), suite, [0, 1, 2, 0, 1, 2, 3, 3])
    assert found.value == pytest.approx(0)


def test_depth_can_be_asked_for() -> None:
    found = judge(shift(USUAL, USUAL), cases(5), [0, 0, 1, 1, 2], params=Params(min_cases=2))
    assert found.message.startswith("Eval cases cover 50.0%")


def test_the_bounds_hold_whatever_the_uncovered_part_scores() -> None:
    items = runs(
        {
            "old": (ago(9), "champion", "v1", np.zeros(4)),
            "new": (ago(2), "champion", "v1", np.array([1.0, 0.5, 1.0, 0.5])),
            "other": (ago(1), "candidate", "v2", np.zeros(4)),
        }
    )
    found = judge(shift(NEW_20, NEW_20), cases(4), [0, 1, 2, 3], items=items)
    # 0.8 of the inputs at 0.75: at least 0.6, and 0.8 with the other fifth all right.
    assert "score of 0.75 says that production lies between 0.60 and 0.80" in found.message


def test_one_day_of_something_else_is_no_alarm() -> None:
    days = dict.fromkeys(range(35), USUAL) | {2: USUAL + [-1] * 200}
    found = judge(by_day(days), cases(8), [0, 1, 2, 3])
    assert found.value is not None
    assert found.value > 20
    assert found.status is Status.PASS


def test_without_cases_it_is_for_ownership() -> None:
    found = judge(shift(USUAL, USUAL), pl.DataFrame(schema=CASES), [0])
    assert found.status is Status.NOT_APPLICABLE
    assert "ownership" in found.message


def test_cells_fitted_later_are_not_known() -> None:
    found = judge(shift(USUAL, USUAL), cases(8), [0], fitted_on=ago(-1))
    assert found.status is Status.NOT_ENOUGH_DATA


@pytest.mark.parametrize(
    "inputs",
    [by_day({}), by_day({0: [0] * 99}), by_day(dict.fromkeys(range(20), USUAL))],
)
def test_thin_data_is_never_a_pass(inputs: Traffic) -> None:
    found = judge(inputs, cases(8), [0, 1, 2, 3])
    assert found.status is Status.NOT_ENOUGH_DATA


def test_one_user_is_no_sample() -> None:
    cells, samples = shift(NEW_20, USUAL)
    alone = cells, samples.with_columns(bucket=pl.lit(7, dtype=pl.Int32))
    assert judge(alone, cases(8), [0, 1, 2, 3]).status is Status.NOT_ENOUGH_DATA


@pytest.mark.slow
def test_false_alarms_keep_to_the_target() -> None:
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n_users = int(rng.choice([30, 100, 300]))
        inputs = traffic(rng, 66, 150, n_users=n_users)
        # Two cells without a case: a tenth of the traffic, and more of it at weekends.
        cells = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]
        found += [judge(inputs, cases(40), cells, day=ago(age)).status for age in (0, 3, 6, 9)]
    # 160 verdicts of 40 independent worlds with seasons, growth, a burst, and a user's 5 %.
    assert found.count(Status.FAIL) == 0
    assert found.count(Status.WARN) <= 1
    assert found.count(Status.PASS) >= 100


@pytest.mark.slow
def test_a_new_topic_is_found_within_a_week() -> None:
    found = []
    for seed in range(20):
        rng = np.random.default_rng(500 + seed)
        # 35 % of the traffic after 8 days; a quarter of it is far from all known topics.
        new, edge = ramp(43, 35, 0.0875), ramp(43, 35, 0.2625)
        inputs = traffic(rng, 43, 150, new_share=new, edge_share=edge)
        found.append(judge(inputs, cases(40), list(range(12))).status)
    assert found.count(Status.PASS) + found.count(Status.NOT_ENOUGH_DATA) <= 1


def drawn(inputs: Traffic, of_suite: pl.DataFrame, cells: list[int]) -> CoverageByTopic | None:
    text_cells, samples = (known_on(table, LAST, HISTORY_DAYS) for table in inputs)
    suite = placed(of_suite, cells)
    return figure(FEATURE, LAST, text_cells, samples, suite, NO_ITEMS, of_suite, Params())


def test_the_figure_shows_the_topics_and_their_cases() -> None:
    # Of a hundred inputs a day 50, 30 and 20 are in three topics, before in two.
    inputs = shift([0] * 50 + [1] * 30 + [2] * 20, [0] * 60 + [1] * 40)
    chart = drawn(inputs, cases(6), [0, 1])
    assert chart is not None
    assert [(one.name, one.n_cases, one.is_covered) for one in chart.topics] == [
        ("topic 0", 3, True),
        ("topic 1", 3, True),
        ("topic 2", 0, False),
    ]
    assert [one.share for one in chart.topics] == pytest.approx([0.5, 0.3, 0.2])
    before = [one.share_before for one in chart.topics]
    assert before == pytest.approx([0.6, 0.4, 0.0], abs=1e-9)
    assert all(one.lo < one.share < one.hi for one in chart.topics)
    assert chart.covered.value == pytest.approx(0.8)
    assert chart.rest is None


def test_topics_without_cases_come_first_and_the_rest_is_one() -> None:
    now = [cell for cell in range(20) for _ in range(5)]
    chart = drawn(shift(now, now), cases(19), list(range(19)))
    assert chart is not None
    assert len(chart.topics) == 12
    assert "topic 19" in {one.name for one in chart.topics}
    assert chart.rest is not None
    assert (chart.rest.name, chart.rest.n_cases) == ("8 more topics", 8)
    assert chart.rest.is_covered
    assert sum(one.share for one in (*chart.topics, chart.rest)) == pytest.approx(1)


def test_there_is_no_figure_of_few_inputs_or_no_cases() -> None:
    few = by_day({age: [0, 1] for age in range(35)})
    assert drawn(few, cases(6), [0, 1]) is None
    assert drawn(shift([0] * 100, [0] * 100), cases(0), [0]) is None
