"""Beaten by a challenger: the published example, pairing, saturation, money, and error rates."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.frozen_feature.beaten_by_challenger import (
    HISTORY_DAYS,
    Params,
    check,
    figure,
)
from llmops_health_tests.health.frozen_feature.simulate import (
    FEATURE,
    ITEMS,
    LAST,
    VERSIONS,
    ago,
    duel,
    empty,
    known_on,
    run,
    versions,
)

# 61 cases only the challenger has right, 33 only the champion: of 500.
EXAMPLE = duel(61, 33, 300, 106)


def judge(
    items: pl.DataFrame,
    *,
    used: pl.DataFrame | None = None,
    params: Params | None = None,
    day: date = LAST,
    feature: Feature = FEATURE,
) -> list[Finding]:
    daily = versions(per_day=400) if used is None else used
    first, second = (known_on(rows, day, HISTORY_DAYS) for rows in (items, daily))
    return list(check(feature, day, first, second, params or Params()))


def test_the_example() -> None:
    params = Params(level=0.95, value_per_correct_usd=0.05, margin_pp=1.5)
    used = pl.concat(
        [
            versions(per_day=400, usd=0.0045),
            versions(1, per_day=500, usd=0.002, model="n", answered="n-1", run_kind="shadow"),
        ]
    )
    [found] = judge(EXAMPLE, params=params, used=used)
    assert found.value == pytest.approx(5.6)
    # z intervals of the population variance: .0183131998 and .0936868002.
    assert (found.lo, found.hi) == pytest.approx((1.83, 9.37), abs=0.02)
    assert found.status is Status.WARN
    assert found.p_value == pytest.approx(1 - 0.9836, abs=1e-3)
    # 12,000 calls a month: 33.6 USD [10.99, 56.21] for right answers, and 30 USD cheaper.
    assert "56 [18, 94] more right of 1,000 calls, 672 a month" in found.message
    assert "63.60 USD [40.9" in found.message
    assert "30.00 USD [30.00, 30.00] cheaper a month" in found.message


def test_without_a_value_it_says_answers() -> None:
    [found] = judge(EXAMPLE, params=Params(margin_pp=0, level=0.9))
    assert found.status is Status.WARN
    assert "USD" not in found.message
    assert found.message.endswith("672 a month.")


@pytest.mark.parametrize(("margin", "status"), [(1.8, Status.WARN), (1.9, Status.PASS)])
def test_the_lower_end_decides(margin: float, status: Status) -> None:
    params = Params(level=0.95, margin_pp=margin)
    assert judge(EXAMPLE, params=params)[0].status is status


@pytest.mark.parametrize(("limit", "status"), [(43, Status.FAIL), (45, Status.WARN)])
def test_a_loss_above_the_limit_fails(limit: float, status: Status) -> None:
    params = Params(level=0.95, margin_pp=1, value_per_correct_usd=0.2, fail_usd_per_month=limit)
    # 12,000 calls: 134 USD [44, 225] a month.
    assert judge(EXAMPLE, params=params)[0].status is status


def test_equal_versions_pass_where_a_gap_would_show() -> None:
    [found] = judge(duel(10, 10, 160, 70))
    assert found.status is Status.PASS
    assert found.message.endswith("1 tried.")


def test_few_cases_cannot_tell() -> None:
    [found] = judge(duel(5, 4, 20, 11))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Cannot tell")


def test_a_saturated_suite_is_no_proof() -> None:
    for items in (duel(1, 1, 98, 0), duel(0, 0, 100, 0)):
        [found] = judge(items)
        assert found.status is Status.NOT_ENOUGH_DATA
        assert "saturated (see eval_rot.saturated_suite)" in found.message


def test_scores_of_a_version_are_averaged_per_case() -> None:
    champion = [run([0.4, 0.6] * 30, "champion", "m", age=age) for age in (3, 10, 17)]
    champion.append(run([0.0] * 60, "champion", "m", version="v0", age=24))
    challenger = run([0.9, 0.8] * 30, "challenger", "n")
    [found] = judge(pl.concat([*champion, challenger]))
    assert found.value == pytest.approx(35)
    assert found.n == 60
    assert found.status is Status.WARN


def test_only_shared_cases_count() -> None:
    items = pl.concat(
        [run([0.5] * 80, "champion", "m"), run([0.9] * 80, "challenger", "n", first=40)]
    )
    assert judge(items)[0].n == 40
    other_suite = run([0.9] * 80, "challenger", "n", suite="t")
    [found] = judge(pl.concat([run([0.5] * 80, "champion", "m"), other_suite]))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "No challenger ran 30 cases that the champion ran too" in found.message


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (empty(ITEMS), "No eval run in the 90 days"),
        (run([1, 0] * 40, "challenger", "n"), "has the role champion"),
        (run([1, 0] * 40, "champion", "m"), "Nothing was tried against it"),
        (pl.concat([run([1, 0] * 40, "champion", "m"), run([1, 1] * 40, "baseline", "n")]),
         "Nothing was tried against it"),
        (pl.concat([run([1, 0] * 40, "champion", "m"), run([1, 1] * 40, "challenger", "m")]),
         "No challenger ran"),
        (pl.concat([run([1, 0] * 40, "champion", "m"),
                    run([1, 1] * 40, "challenger", "n", age=90)]), "Nothing was tried"),
    ],
)  # fmt: skip
def test_what_lacks_is_told(items: pl.DataFrame, said: str) -> None:
    [found] = judge(items)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert said in found.message


def test_the_best_speaks_and_the_others_have_their_own() -> None:
    base = ([1.0] * 50 + [0.0] * 50, "champion", "m")
    items = pl.concat(
        [
            run(*base),
            run([1.0] * 90 + [0.0] * 10, "challenger", "best"),
            run([1.0] * 80 + [0.0] * 20, "candidate", "good"),
            run(base[0], "challenger", "same"),
        ]
    )
    found = judge(items)
    assert [one.segment for one in found] == ["", "challenger good v1"]
    assert found[0].message.startswith("best v1 scores 90.0 % where m v1 scores 50.0 %")
    drawn = figure(FEATURE, LAST, items, versions(), Params())
    assert drawn is not None
    assert [row.answer for row in drawn.rows] == ["moved", "moved", "fine"]
    assert drawn.zone_hi == 2
    assert figure(FEATURE, LAST, items, empty(VERSIONS), Params()) is None


def test_many_challengers_widen_the_interval() -> None:
    one = judge(EXAMPLE)[0]
    others = [run([0.0] * 500, "challenger", f"n{at}") for at in range(9)]
    ten = judge(pl.concat([EXAMPLE, *others]))[0]
    assert one.lo is not None
    assert ten.lo is not None
    assert ten.value == one.value
    assert ten.lo < one.lo - 0.5


def test_nothing_later_than_the_day_is_used() -> None:
    later = pl.concat([duel(61, 3, 300, 106), EXAMPLE.with_columns(day=pl.lit(ago(30)))])
    day = ago(20)
    early = judge(EXAMPLE.with_columns(day=pl.lit(ago(30))), day=day)
    assert judge(later, day=day) == early


def test_hostile_names_are_data() -> None:
    name = "n'; drop table x; --\n<b>"
    items = EXAMPLE.with_columns(
        model=pl.when(pl.col("model") == "n").then(pl.lit(name)).otherwise("model")
    )
    [found] = judge(items, params=Params(level=0.9))
    assert found.status is Status.WARN
    assert "n''; drop table x; --\n<b>'" in found.evidence_sql


def test_what_is_not_used_is_not_judged() -> None:
    [found] = judge(EXAMPLE, used=versions(30, last=28))
    assert found.status is Status.NOT_APPLICABLE


def world(rng: np.random.Generator, n: int, gap: float) -> pl.DataFrame:
    """Cases of differing difficulty; both versions fail the hard ones more often."""
    p = rng.beta(4, 2, n)
    champion = rng.random(n) < p
    challenger = rng.random(n) < np.clip(p + gap, 0, 1)
    return pl.concat([run(champion, "champion", "m"), run(challenger, "challenger", "n")])


def test_equal_versions_are_rarely_beaten() -> None:
    used, n_alarms = versions(28), 0
    for seed in range(500):
        rng = np.random.default_rng(seed)
        items = world(rng, int(rng.choice([30, 40, 80, 200])), 0.0)
        n_alarms += any(one.status is Status.WARN for one in judge(items, used=used))
    # One side of 99.5 % beyond a margin: 1 in 1,000 of new runs, which are judged for weeks.
    assert n_alarms <= 2


def test_a_better_version_is_found() -> None:
    n_found = 0
    for seed in range(40):
        items = world(np.random.default_rng(5_000 + seed), 200, 0.3)
        n_found += judge(items)[0].status is Status.WARN
    assert n_found >= 39
