"""Eval marker: by hand, at the edge, what stays untold, thin data, and how often it errs."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_prod_gap.eval_marker import HISTORY_DAYS, Params, check
from llmops_health.text.likeness import Inputs
from llmops_health.text.markers import Worded, marker_words
from llmops_health_tests.health.eval_prod_gap.simulate import (
    FEATURE,
    LAST,
    MARKERS,
    ago,
    known_on,
)

Row = tuple[int, int, str, int, int, float, float]


def judge(rows: list[Row], day: date = LAST) -> Finding:
    """Judge rows of age, half, word, n, n_with, sum_near and sum_sq."""
    table = pl.DataFrame(
        [(ago(age), "help", *rest) for age, *rest in rows], schema=MARKERS, orient="row"
    )
    [found] = check(FEATURE, day, known_on(table, day, HISTORY_DAYS), Params())
    return found


def both(n_with: int, near: float = 0.0, n: int = 20, age: int = 0) -> list[Row]:
    """Rows of both halves, in which the neighbours of those without the word have none either."""
    return [
        (age, half, word, n, n_with, near, n_with - 2 * near + near)
        for half in (0, 1)
        for word in ("", "case-#")
    ]


def test_a_mark_by_hand() -> None:
    found = judge(both(12))
    # 24 of 40: 60 pp; sd 0.496, se 0.0784, t(39, 0.9995) 3.558.
    assert (found.status, found.n, found.unit) == (Status.WARN, 40, "share")
    assert found.value == pytest.approx(0.6)
    assert (found.lo, found.hi) == pytest.approx((0.321, 0.879), abs=1e-3)
    assert found.message.startswith(
        'Eval inputs give themselves away: 24 of 40 have one of the words "case-#", but only 0 % '
    )


@pytest.mark.parametrize(("n_with", "status"), [(32, Status.PASS), (34, Status.WARN)])
def test_the_lower_end_decides(n_with: int, status: Status) -> None:
    # 64 of 400: the interval begins at 0.0992; 68 of 400: at 0.1077.
    assert judge(both(n_with, n=200)).status is status


def test_what_neighbours_have_too_is_no_mark() -> None:
    found = judge(both(12, near=12.0))
    assert found.status is Status.PASS
    assert found.value == pytest.approx(0.0)
    assert "no mark of a test" in found.message


def test_twenty_of_twenty_do_not_say_that_all_have_it() -> None:
    found = judge(both(10, n=10))
    assert found.status is Status.WARN
    assert found.lo is not None
    assert found.lo < 0.8


def test_words_are_named_by_what_they_tell_and_no_more_than_five() -> None:
    words: list[Row] = [
        (0, half, f"word {i}", 20, 15 - i, 0.0, 15.0 - i) for half in (0, 1) for i in range(8)
    ]
    found = judge([row for row in both(15) if row[2] == ""] + words)
    assert [f'"word {i}"' in found.message for i in range(8)] == [True] * 5 + [False] * 3


def test_what_so_few_inputs_cannot_rule_out_is_not_a_pass() -> None:
    found = judge(both(3, n=11))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "could be in" in found.message
    assert judge(both(2, n=9)).status is Status.NOT_ENOUGH_DATA
    assert judge([]).status is Status.NOT_ENOUGH_DATA


def test_the_newest_day_counts_and_nothing_later() -> None:
    rows = both(0, age=9) + both(12, age=2)
    assert judge(rows).status is Status.WARN
    assert judge(rows, ago(3)) == judge(both(0, age=9), ago(3))
    assert judge(both(12, age=HISTORY_DAYS)).status is Status.NOT_ENOUGH_DATA


def world(rng: np.random.Generator, p_mark: float) -> list[Row]:
    """Inputs about topics of their own, in words that everybody has; some evals have a mark."""
    vectors = rng.normal(size=(5, 32))

    def said(n: int, topics: int, *, is_eval: bool) -> Worded:
        topic = rng.integers(0, topics, n)
        z = vectors[topic] + 0.8 * rng.normal(size=(n, 32))
        words = [f"t{t} " + " ".join(f"w{k}" for k in rng.integers(0, 40, 6)) for t in topic]
        marked = rng.random(n) < (p_mark if is_eval else 0)
        texts = [f"[run 7] {w}" if m else w for w, m in zip(words, marked, strict=True)]
        unit = (z / np.linalg.norm(z, axis=1, keepdims=True)).astype(np.float32)
        return Worded(texts, Inputs(unit, np.full(n, 4.0), np.zeros(n, dtype=np.int64)))

    rows = marker_words(
        said(40, 2, is_eval=True), said(400, 5, is_eval=False), rng.integers(0, 2, 400)
    )
    return [
        (0, *(row[name] for name in ("half", "word", "n", "n_with", "sum_near", "sum_sq")))  # type: ignore[misc]
        for row in rows
    ]


def test_noise_and_topics_raise_no_alarm() -> None:
    found = [judge(world(np.random.default_rng([1, i]), 0.0)) for i in range(60)]
    assert not any(one.status is Status.WARN for one in found)
    assert np.mean([one.value for one in found if one.value is not None]) < 0.03


def test_a_mark_in_most_inputs_is_found() -> None:
    found = [judge(world(np.random.default_rng([2, i]), 0.6)) for i in range(40)]
    assert np.mean([one.status is Status.WARN for one in found]) >= 0.95
