"""Span trees: a trace by hand, clocks that differ, what nobody waited for, and the law of sums."""

from __future__ import annotations

import re

import numpy as np
import pytest

from llmops_health.kernels.span_tree import (
    SpanTrees,
    critical_times,
    exclusive_times,
    span_trees,
)

# Name, parent, start, end: a search over two shards, and a log written beside the model.
TOY = [
    ("request", None, 0, 1000),
    ("embed", "request", 10, 110),
    ("search", "request", 110, 310),
    ("rerank", "request", 310, 400),
    ("llm", "request", 400, 950),
    ("shardA", "search", 120, 200),
    ("shardB", "search", 120, 300),
    ("async_log", "request", 405, 500),
]


def toy() -> tuple[list[str], SpanTrees]:
    names = [name for name, *_ in TOY]
    parent = [-1 if above is None else names.index(above) for _, above, *_ in TOY]
    return names, span_trees(parent, [s for *_, s, _ in TOY], [e - s for *_, s, e in TOY])


def random_trees(rng: np.random.Generator, n_requests: int, *, inside: bool) -> SpanTrees:
    """Trees of up to 15 spans; where not `inside`, children may leave their parents."""
    parent: list[int] = []
    start: list[float] = []
    lasted: list[float] = []
    for _ in range(n_requests):
        root = len(parent)
        for i in range(int(rng.integers(1, 15))):
            above = root + int(rng.integers(0, i)) if i else -1
            if i == 0:
                begin, long = float(rng.uniform(0, 1e5)), 1_000.0
            else:
                begin = start[above] + float(rng.uniform(0, 1)) * lasted[above]
                long = float(rng.uniform(0, 0.7)) * lasted[above]
                if inside:
                    long = min(long, start[above] + lasted[above] - begin)
                else:
                    begin -= 0.2 * lasted[above]
            parent.append(above)
            start.append(begin)
            lasted.append(long)
    return span_trees(parent, start, lasted)


def test_the_toy_trace() -> None:
    names, trees = toy()
    critical = dict(zip(names, critical_times(trees).tolist(), strict=True))
    assert critical == {
        "request": 60, "embed": 100, "search": 20, "rerank": 90, "llm": 550, "shardA": 0,
        "shardB": 180, "async_log": 0,
    }  # fmt: skip
    exclusive = dict(zip(names, exclusive_times(trees).tolist(), strict=True))
    assert exclusive == critical | {"shardA": 80, "async_log": 95}
    # What adding durations up would make of it: 1.295 times the request.
    assert sum(end - begin for *_, begin, end in TOY[1:]) / 1000 == 1.295


@pytest.mark.parametrize("seed", range(20))
def test_the_path_adds_up_to_the_request(seed: int) -> None:
    trees = random_trees(np.random.default_rng(seed), 20, inside=seed % 2 == 0)
    critical, exclusive = critical_times(trees), exclusive_times(trees)
    total = float((trees.end - trees.start)[trees.roots].sum())
    # 1 ms for each overlap that might be rounding.
    assert critical.sum() == pytest.approx(total, abs=1.0 * len(critical) / 10)
    assert (critical >= 0).all()
    assert (exclusive >= -1e-9).all()
    assert (critical <= trees.end - trees.start + 1e-9).all()


def test_what_a_clock_put_before_or_after_the_parent_is_cut_off() -> None:
    trees = span_trees([-1, 0, 0], [0, -50, 900], [1000, 150, 109])
    assert trees.start.tolist() == [0, 0, 900]
    assert trees.end.tolist() == [1000, 100, 1000]
    assert critical_times(trees).tolist() == [800, 100, 100]


@pytest.mark.parametrize(("end", "waited"), [(1010, 1), (1011, 0)])
def test_more_than_ten_ms_after_the_parent_nobody_waited(end: float, waited: int) -> None:
    trees = span_trees([-1, 0], [0, 500], [1000, end - 500])
    assert trees.is_waited_for.tolist() == [True, bool(waited)]
    assert critical_times(trees).tolist() == ([500, 500] if waited else [1000, 0])
    assert exclusive_times(trees)[1] == (500 if waited else 511)


@pytest.mark.parametrize(("end", "waited"), [(10_100, 1), (10_101, 0)])
def test_or_one_percent_of_it(end: float, waited: int) -> None:
    trees = span_trees([-1, 0], [0, 500], [10_000, end - 500])
    assert trees.is_waited_for[1] == waited


def test_below_what_nobody_waited_for_is_no_path() -> None:
    trees = span_trees([-1, 0, 1], [0, 500, 600], [1000, 900, 300])
    assert critical_times(trees).tolist() == [1000, 0, 0]
    assert exclusive_times(trees).tolist() == [1000, 600, 300]


@pytest.mark.parametrize(("overlap", "first"), [(0.0, 40.0), (0.4, 40.0), (1.0, 40.0), (1.1, 0.0)])
def test_rounded_times_do_not_hide_a_step(overlap: float, first: float) -> None:
    trees = span_trees([-1, 0, 0], [0, 0, 40], [100, 40 + overlap, 60])
    assert critical_times(trees).tolist() == [40 - first, first, 60]


def test_half_of_a_short_step_may_overlap() -> None:
    trees = span_trees([-1, 0, 0], [0, 9.5, 10], [20, 1, 10])
    assert critical_times(trees).tolist() == [9.5, 0.5, 10]
    trees = span_trees([-1, 0, 0], [0, 9.6, 10], [20, 1, 10])
    assert critical_times(trees).tolist() == [10, 0, 10]


def test_spans_of_no_length_change_nothing() -> None:
    trees = span_trees([-1, 0, 0, 2], [0, 30, 50, 50], [100, 40, 0, 0])
    assert critical_times(trees).tolist() == [60, 40, 0, 0]
    assert exclusive_times(trees).tolist() == [60, 40, 0, 0]


def test_the_same_span_twice_counts_once_on_the_path() -> None:
    trees = span_trees([-1, 0, 0], [0, 20, 20], [100, 50, 50])
    assert sorted(critical_times(trees).tolist()) == [0, 50, 50]
    assert exclusive_times(trees).tolist() == [50, 50, 50]


def test_of_two_that_ended_together_the_longer_has_the_path() -> None:
    trees = span_trees([-1, 0, 0], [0, 40, 20], [100, 40, 60])
    assert critical_times(trees).tolist() == [40, 0, 60]


def test_cycles_and_what_lies_below_them_belong_to_no_request() -> None:
    trees = span_trees([-1, 2, 1, 1, 0], [0, 0, 0, 0, 0], [100, 50, 50, 50, 10])
    assert trees.depth.tolist() == [0, -1, -1, -1, 1]
    assert np.isnan(critical_times(trees)).tolist() == [False, True, True, True, False]
    assert np.isnan(exclusive_times(trees)).tolist() == [False, True, True, True, False]


def test_deep_trees() -> None:
    n = 2_000
    trees = span_trees(np.arange(n) - 1, np.arange(n), 2 * n - 2 * np.arange(n))
    assert trees.depth.max() == n - 1
    assert critical_times(trees).tolist() == [2] * n
    assert exclusive_times(trees).tolist() == [2] * n


def test_wide_trees() -> None:
    n = 2_000
    parent = np.where(np.arange(n + 1) == 0, -1, 0)
    start = np.concatenate([[0], 4.0 * np.arange(n)])
    trees = span_trees(parent, start, np.concatenate([[8_041], np.full(n, 41.0)]))
    critical = critical_times(trees)
    assert critical.sum() == pytest.approx(8_041)
    # A path takes one, then the next that had ended but for 1 ms: every tenth.
    assert (critical[1:] > 0).sum() == n // 10


@pytest.mark.parametrize(
    ("parent", "start", "duration", "says"),
    [
        ([-1, 0], [0], [1], "vectors of one length, got (2,), (1,), (1,)"),
        ([-1], [np.nan], [1], "must be finite"),
        ([-1, 2], [0, 0], [1, 1], "a place in 0-1"),
        ([-2], [0], [1], "a place in 0-0"),
    ],
)
def test_misuse(parent: list[int], start: list[float], duration: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        span_trees(parent, start, duration)


def test_no_spans() -> None:
    trees = span_trees([], [], [])
    assert critical_times(trees).tolist() == exclusive_times(trees).tolist() == []
