"""Unstable answers: agreement by hand, what ought to agree, falls, noise, and error rates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.sampling.unstable_answers import Params, check
from llmops_health_tests.health.sampling.simulate import (
    ANSWERS,
    CLASSIFIER,
    LAST,
    NO_RESULTS,
    NO_RUNS,
    RESULTS,
    RUNS,
    WRITER,
    ago,
    answers,
    eval_run,
    table,
)

Ints = npt.NDArray[np.int64]


def judge(
    *known: pl.DataFrame,
    feature: Feature = CLASSIFIER,
    runs: pl.DataFrame = NO_RUNS,
    results: pl.DataFrame = NO_RESULTS,
) -> list[Finding]:
    rows = pl.concat([pl.DataFrame(schema=ANSWERS), *known])
    return list(check(feature, LAST, rows, runs, results, Params()))


def drawn(stay: float, n: int = 100, repeats: int = 4, seed: int = 0) -> Ints:
    """Labels of prompts, each the prompt's own with a chance, else one of five at random."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 5, (n, 1))
    luck = rng.integers(0, 5, (n, repeats))
    return np.where(rng.random((n, repeats)) < stay, own, luck)


def test_agreement_by_hand() -> None:
    # One prompt in two is answered 0 0 0 1: three pairs of six are equal.
    labels = np.array([[0, 0, 0, 0], [0, 0, 0, 1]] * 20)
    whole, found = judge(answers(labels))
    assert found.segment == "label"
    assert found.status is Status.WARN
    assert found.value == pytest.approx(0.75)
    assert found.n == 40
    assert "75 %" in found.message
    assert "all of them in 50 %" in found.message
    # A pair within a prompt differs in 25 %, any two labels in 2 x 140 x 20 / (160 x 159) = 22 %.
    assert "lies 100 % of the disagreement" in whole.message


def test_equal_labels_pass_whatever_the_text() -> None:
    labels = np.zeros((30, 3), dtype=np.int64)
    [found] = judge(answers(labels, texts=np.arange(90).reshape(30, 3)))
    assert found.status is Status.PASS
    assert (found.value, found.n) == (1.0, 30)


def test_a_feature_that_writes_may_vary_unless_it_is_greedy() -> None:
    warm = answers(drawn(0.3), is_greedy=False, temperature=0.8)
    [found] = judge(warm, feature=WRITER)
    assert found.status is Status.PASS
    assert "as they are drawn or served" in found.message
    assert judge(warm)[0].status is Status.WARN
    assert judge(answers(drawn(0.3)), feature=WRITER)[0].status is Status.WARN


@pytest.mark.parametrize("n", [19, 20])
def test_few_prompts_cannot_tell(n: int) -> None:
    expected = Status.WARN if n == 20 else Status.NOT_ENOUGH_DATA
    assert judge(answers(drawn(0.0, n)))[0].status is expected


def test_prompts_that_came_once_and_none_at_all() -> None:
    assert judge(answers(np.zeros((40, 1))))[0].status is Status.NOT_APPLICABLE
    assert judge()[0].status is Status.NOT_APPLICABLE


def test_a_wide_interval_cannot_tell() -> None:
    [found] = judge(answers(drawn(0.85, 20, 2, seed=3)))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Cannot tell")


def test_only_the_newest_count_of_a_prompt_is_taken() -> None:
    stale, new = answers(drawn(0.0, 30), 3), answers(np.zeros((30, 4)))
    assert judge(stale, new)[0].value == 1.0


def test_a_fall_under_the_same_settings_is_told() -> None:
    before, now = np.zeros((60, 3), dtype=np.int64), drawn(0.9, 60, 3, seed=2)
    both = answers(now), answers(before, 22)
    segments = {one.segment for one in judge(*both)}
    assert segments == {"", "label_fell", "raw_fell"}
    other_model = answers(now, settings_key=2), answers(before, 22)
    assert {one.segment for one in judge(*other_model)} == {""}
    too_late = answers(now), answers(before, 20)
    assert {one.segment for one in judge(*too_late)} == {""}


def test_texts_that_vary_at_temperature_0_are_told_only_when_they_did_not_before() -> None:
    texts = drawn(0.0, 60, 3, seed=4)
    now = answers(np.zeros((60, 3)), texts=texts)
    assert judge(now)[0].status is Status.PASS
    before = answers(np.zeros((60, 3)), 22)
    assert [one.segment for one in judge(now, before)][1:] == ["raw_fell"]
    varied = answers(np.zeros((60, 3)), 22, texts=drawn(0.0, 60, 3, seed=5))
    assert judge(now, varied)[0].status is Status.PASS


def trials(noise: float, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.normal(size=(60, 1)) + noise * rng.normal(size=(60, 3))
    return table(
        [
            {
                "eval_run_id": "r3",
                "case_id": f"c{case}",
                "trial": trial,
                "score": score[case, trial],
            }
            for case in range(60)
            for trial in range(3)
        ],
        RESULTS,
    )


def test_trials_of_evals_bound_what_temperature_can_buy() -> None:
    runs = table([eval_run(3, 0.0)], RUNS)
    [found] = judge(answers(np.zeros((30, 3))), runs=runs, results=trials(0.5))
    assert "Of the variance of eval scores 2" in found.message
    assert "60 cases" in found.message
    [alone] = judge(runs=runs, results=trials(0.5))
    assert alone.status is Status.NOT_ENOUGH_DATA
    assert "no change of temperature can buy more" in alone.message
    # A run of a later day is not among those that may be known.
    assert judge(runs=NO_RUNS, results=trials(0.5))[0].status is Status.NOT_APPLICABLE


def test_nothing_later_is_known() -> None:
    later = answers(drawn(0.0)).with_columns(day=pl.lit(ago(-1)))
    assert judge(answers(np.zeros((30, 3))), later)[0].status is Status.PASS


def test_stable_answers_are_quiet_and_unstable_ones_are_found() -> None:
    rng = np.random.default_rng(7)
    clean = hot = 0
    for seed in range(100):
        n = int(rng.integers(25, 150))
        now, before = (drawn(0.97, n, 3, seed=2 * seed + one) for one in (0, 1))
        clean += len(judge(answers(now), answers(before, 22))) > 1
        hot += judge(answers(drawn(0.75, 60, 3, seed=9000 + seed)))[0].status is Status.WARN
    assert clean == 0
    assert hot >= 95
