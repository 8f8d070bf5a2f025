"""Costly upkeep: by hand, against its return and a challenger's cost, idle, thin, error rates."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.frozen_feature.costly_upkeep import (
    HISTORY_DAYS,
    LOST,
    SAVED,
    Params,
    check,
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

KEPT = FEATURE.model_copy(update={"maintenance_hours_per_month": 10.0})
EQUAL = duel(5, 5, 250, 40)
# 6,000 calls a month at 0.5 USD: 3,000 USD, and 750 USD for ten hours.
DEAR = versions(per_day=200, usd=0.5)


def shadow(usd: float, n: int = 300) -> pl.DataFrame:
    return versions(2, per_day=n, usd=usd, model="n", answered="n-1", run_kind="shadow")


def judge(
    items: pl.DataFrame | None = None,
    *,
    used: pl.DataFrame = DEAR,
    params: Params | None = None,
    feature: Feature = KEPT,
    day: date = LAST,
) -> Finding:
    tables = (used, empty(ITEMS) if items is None else items)
    first, second = (known_on(rows, day, HISTORY_DAYS) for rows in tables)
    [found] = check(feature, day, first, second, params or Params())
    return found


def test_what_it_takes_is_told_even_where_nothing_can_be_said() -> None:
    found = judge()
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith(
        "A month takes 10 hours at 75 USD and 6,000 calls for 3,000.00 USD: 3,750 USD, "
        "625.00 per 1,000 calls"
    )
    assert "value_per_correct_usd, a challenger that passes" in found.message


@pytest.mark.parametrize(("value", "status"), [(0.6, Status.WARN), (1.0, Status.PASS)])
def test_upkeep_against_its_return(value: float, status: Status) -> None:
    # 255 of 300 right: 6,000 x 0.85 x 0.6 = 3,060 USD, or 5,100.
    found = judge(EQUAL, params=Params(value_per_correct_usd=value))
    assert found.status is status
    assert found.unit == LOST
    assert found.value == pytest.approx(3750 - 5100 * value)


def test_a_cheaper_challenger_that_passes() -> None:
    found = judge(EQUAL, used=pl.concat([DEAR, shadow(0.2)]))
    assert found.status is Status.WARN
    assert found.unit == SAVED
    assert found.value == pytest.approx(1800)
    assert found.threshold == pytest.approx(750)
    assert found.action.startswith("Run n v1 in shadow")


@pytest.mark.parametrize("items", [duel(0, 40, 220, 40), duel(3, 3, 14, 14)])
def test_a_challenger_that_does_not_pass_saves_nothing(items: pl.DataFrame) -> None:
    assert judge(items, used=pl.concat([DEAR, shadow(0.2)])).status is Status.NOT_ENOUGH_DATA


@pytest.mark.parametrize(("usd", "status"), [(0.37, Status.WARN), (0.38, Status.PASS)])
def test_the_saving_must_be_worth_the_change(usd: float, status: Status) -> None:
    # A fifth of 3,750 USD are 750: at 0.375 USD a call.
    assert judge(EQUAL, used=pl.concat([DEAR, shadow(usd)])).status is status


def test_hours_that_a_challenger_needs_count() -> None:
    used = pl.concat([DEAR, shadow(0.5)])
    assert judge(EQUAL, used=used).status is Status.PASS
    found = judge(
        EQUAL, used=used, params=Params(challenger_hours_per_month=0, hourly_rate_usd=150)
    )
    assert found.status is Status.WARN
    assert found.value == pytest.approx(1500)


def test_evals_are_carried_over_by_the_cost_on_the_same_inputs() -> None:
    evals = [
        versions(2, per_day=300, usd=usd, model=model, answered=None, run_kind="eval")
        for model, usd in (("m", 1.0), ("n", 0.5))
    ]
    found = judge(EQUAL, used=pl.concat([DEAR, *evals]))
    # Half the cost on the eval's longer inputs, so half of 0.5 USD in production.
    assert found.value == pytest.approx(1500)


def test_another_prompt_of_the_same_model_needs_its_own_calls() -> None:
    scores = [1.0] * 250 + [0.0] * 50
    items = pl.concat([run(scores, "champion", "m"), run(scores, "challenger", "m", version="v2")])
    assert judge(items).status is Status.NOT_ENOUGH_DATA
    tried = versions(2, per_day=300, usd=0.1, prompt="triage v2", run_kind="shadow")
    assert judge(items, used=pl.concat([DEAR, tried])).value == pytest.approx(2400)


def test_hours_on_what_nobody_calls() -> None:
    found = judge(used=versions(30, last=28))
    assert found.status is Status.WARN
    assert found.value == 750
    assert "Nobody uses it" in found.message
    for quiet in (
        FEATURE,
        KEPT.model_copy(update={"lifecycle": "retired"}),
        KEPT.model_copy(update={"lifecycle": "experimental"}),
    ):
        assert judge(used=versions(30, last=28), feature=quiet).status is Status.NOT_APPLICABLE
    assert judge(used=empty(VERSIONS)).status is Status.NOT_APPLICABLE


def test_unknown_cost_and_hours_are_not_zero() -> None:
    params = Params(value_per_correct_usd=0.01)
    found = judge(EQUAL, used=versions(per_day=200, priced=False), feature=FEATURE, params=params)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Neither hours nor the cost of 6,000 calls a month are known")
    assert "maintenance_hours_per_month, cost_usd of calls" in found.message


def test_nothing_later_than_the_day_is_used() -> None:
    day = ago(20)
    used = pl.concat([DEAR, shadow(0.2)])
    assert judge(EQUAL, used=used, day=day) == judge(used=DEAR, day=day)


def noisy(rng: np.random.Generator, usd: float, **given: object) -> pl.DataFrame:
    """Costs that differ from call to call as log-normal ones do, and from day to day."""
    rows = versions(**given)  # type: ignore[arg-type]
    parts = []
    for row in rows.iter_rows(named=True):
        each = usd * rng.lognormal(-0.5, 1.0, row["n"]) * rng.lognormal(0, 0.15)
        parts.append(
            row | {"sum_cost_usd": float(each.sum()), "sum_cost_sq": float((each**2).sum())}
        )
    return pl.DataFrame(parts, schema=VERSIONS)


def test_equal_cost_is_no_saving() -> None:
    n_alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        used = pl.concat(
            [
                noisy(rng, 0.5, per_day=150, n_days=28),
                noisy(rng, 0.5, per_day=150, n_days=2, model="n", answered=None, run_kind="shadow"),
            ]
        )
        n_alarms += judge(EQUAL, used=used).status is Status.WARN
    assert n_alarms == 0


def test_half_the_cost_is_found() -> None:
    n_found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        used = pl.concat(
            [
                noisy(rng, 0.5, per_day=150, n_days=28),
                noisy(rng, 0.2, per_day=150, n_days=2, model="n", answered=None, run_kind="shadow"),
            ]
        )
        n_found += judge(EQUAL, used=used).status is Status.WARN
    assert n_found >= 19
