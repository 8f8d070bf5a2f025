"""Power cards: on worlds with a known answer the numbers come back, and silence has a reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health import Check
from llmops_health.kernels.rates import n_episodes
from llmops_health.power.cards import (
    CARD_COLUMNS,
    CARD_SCHEMA,
    LADDER,
    PowerCard,
    power_card,
    rows,
)

SUNDAY = date(2026, 5, 3)
TRIAGE = Feature(id="triage", kind="classifier")
CALLS_A_DAY = 10
P_ERROR = 0.05


class Params(CheckParams):
    """Settings of the check below."""

    most: int = 9


def too_many_errors(
    summary__rates: pl.DataFrame, feature: Feature, day: date, params: Params
) -> Iterator[Finding]:
    """Warn where the last 7 days have more errors than tolerated."""
    del feature, day
    n, errors = int(summary__rates["n"].sum()), int(summary__rates["sum_x"].sum())
    if n == 0:
        yield Finding(status=Status.NOT_APPLICABLE, n=0, message="No call was logged.")
        return
    status = Status.WARN if errors > params.most else Status.PASS
    yield Finding(status=Status.FAIL, n=n, segment="a part", message="Not the whole.")
    yield Finding(status=status, n=n, message=f"{errors} errors.")


ERRORS = Check("drift", "too_many_errors", "", ("summary__rates",), 7, Params, too_many_errors)


def world(seed: int, n_days: int = 56, p: float = P_ERROR) -> pl.DataFrame:
    """Calls without season or users, each of its own bucket."""
    n = n_days * CALLS_A_DAY
    errors = (np.random.default_rng(seed).random(n) < p).astype(float)
    return pl.DataFrame(
        {
            "day": [SUNDAY - timedelta(days=at // CALLS_A_DAY) for at in range(n)],
            "feature_id": "triage",
            "metric": "error",
            "bucket": [at % CALLS_A_DAY for at in range(n)],
            "n": 1,
            "sum_x": errors,
            "sum_xx": errors,
        }
    )


def card(table: pl.DataFrame, params: CheckParams | None = None, check: Check = ERRORS,
         **more: object) -> PowerCard:  # fmt: skip
    given = {"summary__rates": table}
    return power_card(check, given, TRIAGE, params or Params(), SUNDAY, **more)  # type: ignore[arg-type]


def alarms_a_month(most: int) -> float:
    """Episodes a month of the same check over 40,000 days of the same world."""
    n_days = 40_000
    daily = np.random.default_rng(9).binomial(CALLS_A_DAY, P_ERROR, n_days)
    ringing = np.flatnonzero(np.convolve(daily, np.ones(7), "valid") > most)
    return n_episodes(ringing, quiet_days=7) / n_days * 30


@pytest.mark.parametrize("most", [6, 7])
def test_a_known_rate_of_false_alarms_comes_back(most: int) -> None:
    truth = alarms_a_month(most)
    cards = [card(world(seed), Params(most=most)) for seed in range(80)]
    told = [one.false_alarms_per_month for one in cards if one.false_alarms_per_month is not None]
    covered = [
        one.false_lo <= truth <= one.false_hi
        for one in cards
        if one.false_lo is not None and one.false_hi is not None
    ]
    assert len(told) == 80
    assert 0.2 < truth < 2
    # Every second day is judged, so an alarm of one day is missed half of the time.
    assert float(np.mean(told)) == pytest.approx(truth, rel=0.35)
    assert float(np.mean(covered)) >= 0.9


def found_directly(most: int, share: float) -> float:
    """Chance that the check rings on the 3rd or 7th day of a change, by simulation."""
    rng = np.random.default_rng(10)
    changed = rng.random((20_000, 7, CALLS_A_DAY)) < P_ERROR + (1 - P_ERROR) * share
    before = rng.random((20_000, 4, CALLS_A_DAY)) < P_ERROR
    third = changed[:, :3].sum(axis=(1, 2)) + before.sum(axis=(1, 2))
    return float(np.mean((changed.sum(axis=(1, 2)) > most) | (third > most)))


@pytest.mark.parametrize("most", [13, 19, 24])
def test_a_planted_change_is_found_as_often_as_by_direct_simulation(most: int) -> None:
    truth = found_directly(most, 0.25)
    cards = [card(world(seed), Params(most=most)) for seed in range(40)]
    told = np.mean([one.p_found or 0.0 for one in cards])
    covered = [(one.found_lo or 0.0) <= truth <= (one.found_hi or 0.0) for one in cards]
    # 320 replays, 3 standard errors.
    assert told == pytest.approx(truth, abs=max(3 * (truth * (1 - truth) / 320) ** 0.5, 0.01))
    assert float(np.mean(covered)) >= 0.85


def test_the_smallest_effect_is_the_first_rung_that_is_found() -> None:
    smallest = [card(world(1), Params(most=most)).smallest_effect for most in (7, 13, 19, 30, 60)]
    numbers = [rung if rung is not None else 1.0 for rung in smallest]
    assert numbers == sorted(numbers)
    assert numbers[0] < 0.25
    assert smallest[-1] is None
    assert {rung for rung in smallest if rung is not None} <= set(LADDER)
    for most, rung in zip((13, 19, 30), numbers[1:4], strict=True):
        # 7 of 8 found: the rung above the direct 4 in 5, or next to it by chance.
        below = max((one for one in LADDER if one < rung), default=0.0)
        assert found_directly(most, rung) > 0.6
        assert found_directly(most, below) < 0.97


def test_more_is_found_of_a_larger_change() -> None:
    rungs = [card(world(1, p=p), Params(most=22)).p_found or 0.0 for p in (0.02, 0.08, 0.14)]
    assert rungs == sorted(rungs)


def test_a_check_of_one_day_sees_only_changed_rows() -> None:
    today = Check("drift", "today", "", ("summary__rates",), 1, Params, too_many_errors)
    one = card(world(1), Params(most=5), today)
    # 10 calls of one day: half of them changed makes more than 5 of them errors 7 times in 10,
    # and there are two days on which they may.
    assert one.n_false == 0
    assert one.smallest_effect == 0.5


def test_without_rows_that_can_change_nothing_is_replayed() -> None:
    def always(
        summary__rates: pl.DataFrame, feature: Feature, day: date, params: Params
    ) -> Iterator[Finding]:
        del summary__rates, feature, day, params
        yield Finding(status=Status.PASS, n=1, message="Fine.")

    check = Check("drift", "always", "", ("summary__rates",), 7, Params, always)
    assert "no row is logged that could change" in card(world(1).clear(), check=check).message


def test_the_same_data_give_the_same_card() -> None:
    table = world(3)
    again = card(table.sample(fraction=1, shuffle=True, seed=1))
    assert card(table) == again
    assert card(table, seed=1).n_planted == again.n_planted == 8


def test_rows_of_others_and_of_later_days_are_not_looked_at() -> None:
    table = world(3)
    later = table.with_columns(pl.col("day") + timedelta(days=200))
    others = table.with_columns(feature_id=pl.lit("other"), sum_x=pl.lit(1.0))
    assert card(pl.concat([table, later, others])) == card(table)


def test_the_numbers_and_the_sentence_agree() -> None:
    one = card(world(1), Params(most=13))
    assert (one.n_quiet, one.n_planted, one.n_found, one.p_found) == (28, 8, 8, 1.0)
    assert (one.found_lo, one.found_hi) == pytest.approx((0.676, 1.0), abs=0.001)
    assert one.shift == "25 % of rows shifted (calls fail or are cut off, and cost twice as much)"
    assert one.effect_unit == "share of rows"
    assert "it rings 0.0 times a month [0.0, 2.0] (0 alarms in 56 days)" in one.message
    assert "it rings within 7 days in 8 of 8 replays (100 % [68, 100])" in one.message
    assert f"{100 * (one.smallest_effect or 0):.0f} % is the smallest shift" in one.message


def test_a_state_that_stands_is_no_false_alarm() -> None:
    one = card(world(1, p=0.4))
    assert one.message == (
        "Cannot be replayed: it rings on 28 of 28 days of which none differs from the others; "
        "what it rings for has stood for 56 days."
    )
    assert one.n_false is None
    assert one.p_found is None


@pytest.mark.parametrize(
    ("table", "params", "why"),
    [
        (world(1).clear(), Params(), "Cannot be replayed: no call was logged."),
        (world(1), Params(enabled=False), "Cannot be replayed: switched off in the configuration."),
        (
            world(1, n_days=27),
            Params(),
            "Cannot be replayed: 3 whole weeks of history, 4 are needed.",
        ),
    ],
)
def test_where_there_is_no_card_it_says_why(table: pl.DataFrame, params: Params, why: str) -> None:
    one = card(table, params)
    assert one.message == why
    assert (one.n_quiet, one.n_planted, one.smallest_effect) == (0, 0, None)


def test_thin_data_has_fewer_replays() -> None:
    one = card(world(1, n_days=28))
    assert (one.n_quiet, one.n_planted) == (14, 4)
    assert (one.false_hi or 0) > 3


def test_the_time_around_a_standing_alarm_is_left_out() -> None:
    stood = [SUNDAY - timedelta(days=at) for at in range(6)]
    assert card(world(1), alarmed=stood).n_planted == 6
    assert "without a standing alarm" in card(world(1, n_days=40), alarmed=stood).message


def test_a_check_that_reads_nothing_that_changes_is_not_replayed() -> None:
    suites = Check("eval_rot", "copies", "", ("core__eval_cases",), 7, Params, too_many_errors)
    one = power_card(suites, {"core__eval_cases": pl.DataFrame()}, TRIAGE, Params(), SUNDAY)
    assert one.message == "Not replayed: it reads core__eval_cases, in which no change is put."
    promises = Check("ownership", "owner", "", (), 1, Params, too_many_errors)
    assert (
        "it reads the configuration" in power_card(promises, {}, TRIAGE, Params(), SUNDAY).message
    )


def test_cannot_tell_is_worth_a_card() -> None:
    def hesitant(
        summary__rates: pl.DataFrame, feature: Feature, day: date, params: Params
    ) -> Iterator[Finding]:
        for one in too_many_errors(summary__rates, feature, day, params):
            is_quiet = one.status is Status.PASS
            yield Finding(
                status=Status.NOT_ENOUGH_DATA if is_quiet else one.status,
                n=one.n,
                segment=one.segment,
                message=f"Cannot tell: {one.message}",
            )

    check = Check("drift", "hesitant", "", ("summary__rates",), 7, Params, hesitant)
    assert card(world(1), Params(most=13), check).n_found == 8


def test_a_check_is_asked_for_nothing_after_the_whole() -> None:
    def parted(
        summary__rates: pl.DataFrame, feature: Feature, day: date, params: Params
    ) -> Iterator[Finding]:
        *_, whole = too_many_errors(summary__rates, feature, day, params)
        yield whole
        raise AssertionError("The parts of the feature were judged for nothing.")

    check = Check("drift", "too_many_errors", "", ("summary__rates",), 7, Params, parted)
    assert card(world(1), check=check) == card(world(1))


def test_rows_have_the_columns_of_the_table() -> None:
    table = rows([card(world(1)), card(world(1).clear())])
    assert table.columns == list(CARD_COLUMNS)
    assert dict(table.schema) == CARD_SCHEMA
    assert rows([]).schema == table.schema
