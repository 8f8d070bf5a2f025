"""Knob illusion: parts by hand, what is not identifiable, look-alikes, and error rates."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.sampling.knob_illusion import Params, check, figure
from llmops_health_tests.health.sampling.simulate import (
    ANSWERS,
    CLASSIFIER,
    LAST,
    OUTCOMES,
    ago,
    answers,
    outcomes,
    users,
)

NO_ANSWERS = pl.DataFrame(schema=ANSWERS)


def judge(known: pl.DataFrame, repeated: pl.DataFrame = NO_ANSWERS) -> Finding:
    [found] = check(CLASSIFIER, LAST, known, repeated, Params())
    return found


def world(
    n: int = 1200,
    *,
    by_context: float = 0.0,
    by_temperature: float = 0.0,
    by_task: float = 0.0,
    seed: int = 0,
    n_users: int = 80,
    temperatures: tuple[float, ...] = (0.2, 0.5, 0.8),
    **columns: object,
) -> pl.DataFrame:
    """Scores of four weeks: what each lever is worth from its worst to its best value."""
    rng = np.random.default_rng(seed)
    temperature = rng.choice(temperatures, n)
    context, task = rng.integers(0, 5, n), rng.integers(0, 3, n)
    user = users(rng, n, n_users)
    skill = 0.08 * rng.normal(size=n_users)
    chance = (
        0.6
        + by_context * (context / 4 - 0.5)
        - by_temperature * (temperature == max(temperatures))
        + by_task * (task / 2 - 0.5)
        + skill[user]
    )
    given: dict[str, object] = {
        "temperature": temperature,
        "context_bin": context,
        "task": np.array(["billing", "refund", "other"])[task],
        **columns,
    }
    right = rng.random(n) < np.clip(chance, 0, 1)
    return outcomes(right, rng.integers(0, 28, n), user, **given)


def test_context_decides_and_temperature_was_turned() -> None:
    found = judge(world(by_context=0.8))
    assert found.status is Status.WARN
    assert found.hi is not None
    assert found.hi < 0.05
    assert "the largest lever is the context with" in found.message
    assert "E-value" in found.message
    assert "right answers by label" in found.message
    assert found.action.startswith("Work on the context first")


def test_shares_by_hand() -> None:
    # Context decides all: 0 to 3 of 4 fifths are wrong, 4 is right, whatever the temperature.
    at = np.arange(1600)
    context, temperature = at % 5, (at // 5) % 2 * 0.5
    known = outcomes(context == 4, at % 28, at // 10, temperature=temperature, context_bin=context)
    found = judge(known)
    assert found.value == pytest.approx(0, abs=1e-9)
    assert "context with 100.0 %" in found.message


def test_where_nothing_varied_nothing_is_identifiable() -> None:
    found = judge(world(temperatures=(0.2,), by_context=0.8))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Not identifiable: temperature and top_p did not vary")
    repeated = answers(np.array([[0, 0, 0, 0], [1, 1, 1, 0]] * 20))
    bounded = judge(world(temperatures=(0.2,)), repeated)
    assert "sampling can explain no more" in bounded.message


def test_rare_values_do_not_count_as_varied() -> None:
    known = world(temperatures=(0.2,))
    few = world(20, temperatures=(0.9,), seed=1)
    assert judge(pl.concat([known, few])).status is Status.NOT_ENOUGH_DATA


def test_a_temperature_that_matters_is_no_illusion() -> None:
    found = judge(world(by_temperature=0.5, by_context=0.2))
    assert found.status is Status.PASS
    assert found.value is not None
    assert found.value > 0.1


def test_a_hard_task_is_no_lever() -> None:
    assert judge(world(by_task=0.8)).status is Status.PASS


def test_unknown_temperatures_are_no_value() -> None:
    found = judge(world(temperature=None, by_context=0.8))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "say their temperature" in found.message


def test_few_outcomes_are_not_judged() -> None:
    assert "100 of one kind needed" in judge(world(99)).message
    assert "100 of one kind needed" not in judge(world(100)).message


def test_labels_that_nothing_predicted_are_no_outcome() -> None:
    found = judge(world(n_unanswered=1, by_context=0.8))
    assert "100 of one kind needed" in found.message


def test_users_in_one_bucket_cannot_tell() -> None:
    found = judge(world(bucket=3))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "too few users" in found.message


def test_few_outcomes_that_vary_much_cannot_tell() -> None:
    found = judge(world(110, seed=4))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Cannot tell: sampling explains")


def test_the_figure_divides_the_whole() -> None:
    shown = figure(CLASSIFIER, LAST, world(by_context=0.8), NO_ANSWERS, Params())
    assert shown is not None
    assert [one.label for one in shown.parts if one.is_chosen] == ["sampling"]
    assert shown.parts[0].label == "context"
    assert sum(one.share.value or 0 for one in shown.parts) == pytest.approx(1, abs=0.02)
    assert "Did not vary: model, prompt" in shown.description
    empty = pl.DataFrame(schema=OUTCOMES)
    assert figure(CLASSIFIER, LAST, empty, NO_ANSWERS, Params()) is None


def test_nothing_later_is_known() -> None:
    later = world(by_context=0.8).with_columns(day=pl.lit(ago(-1)))
    known = pl.concat([world(temperatures=(0.2,)), later]).filter(pl.col("day") <= LAST)
    assert judge(known).status is Status.NOT_ENOUGH_DATA


def test_illusions_are_found_and_worlds_without_a_lever_are_quiet() -> None:
    quiet = [judge(world(800, seed=seed, n_users=30)).status for seed in range(100)]
    fair = [
        judge(world(800, seed=seed, by_context=0.3, by_temperature=0.3)).status
        for seed in range(40)
    ]
    found = [judge(world(600, by_context=0.8, seed=500 + seed)).status for seed in range(60)]
    assert quiet.count(Status.WARN) == 0
    assert fair.count(Status.WARN) <= 1
    assert found.count(Status.WARN) >= 57
