"""Replayed requests: by hand, when the next path takes over, and laws that hold for any trace."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from llmops_health.kernels.capacity import amdahl_speedup
from llmops_health.kernels.span_replay import replayed
from llmops_health.kernels.span_tree import SpanTrees, critical_times, span_trees
from llmops_health_tests.kernels.test_span_tree import random_trees, toy


def faster(trees: SpanTrees, spans: list[int], pace: float = 0.5) -> float:
    factor = np.ones((len(trees.parent), 1))
    factor[spans] = pace
    return float(replayed(trees, factor)[0, 0])


def test_the_toy_trace_with_each_step_twice_as_fast() -> None:
    names, trees = toy()
    left = {name: faster(trees, [at]) for at, name in enumerate(names)}
    # Shard A takes over from shard B at 80 ms: 180 become 90, and so does the wait. The log, 95 ms
    # long, does not: the model still ends last.
    assert left == {
        "request": 970, "embed": 950, "search": 990, "rerank": 955, "llm": 725, "shardA": 1000,
        "shardB": 910, "async_log": 1000,
    }  # fmt: skip


def test_the_next_path_takes_over() -> None:
    names, trees = toy()
    assert faster(trees, [names.index("shardB")], 0.1) == 1000 - (180 - 80)
    # Amdahl's law of the share on the path promises more.
    assert 1000 / amdahl_speedup(0.18, 10) == pytest.approx(838)
    assert faster(trees, [names.index("llm")], 0.0) == 1000 - (550 - 100)


@pytest.mark.parametrize("seed", range(20))
def test_laws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trees = random_trees(rng, 20, inside=seed % 2 == 0)
    n = len(trees.parent)
    lasted = (trees.end - trees.start)[trees.roots]
    one = rng.uniform(0, 1, n)
    found = replayed(trees, np.column_stack([np.ones(n), np.full(n, 0.5), one, one / 2]))
    assert found[:, 0] == pytest.approx(lasted)
    # Overlaps of 1 ms are not stretched.
    slack = 1.0 * n / 10
    assert found[:, 1] == pytest.approx(lasted / 2, abs=slack)
    assert (found[:, 2] <= lasted + slack).all()
    assert (found[:, 3] <= found[:, 2] + slack).all()
    # Nothing off the path can save more than the path holds of it.
    saved = lasted - replayed(trees, np.where(critical_times(trees) > 0, 1.0, 0.0)[:, None])[:, 0]
    assert (np.abs(saved) <= slack).all()


def test_below_a_span_that_nobody_waited_for() -> None:
    trees = span_trees([-1, 0, 1], [0, 500, 600], [1000, 900, 300])
    assert faster(trees, [1, 2], 0.0) == 1000


def test_requests_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(3)
    trees = random_trees(rng, 9, inside=True)
    pace = rng.uniform(0, 1, (len(trees.parent), 3))
    together = replayed(trees, pace)
    ends = [*trees.roots.tolist(), len(trees.parent)]
    for at, (first, stop) in enumerate(pairwise(ends)):
        part = slice(first, stop)
        parent = np.where(trees.parent[part] < 0, -1, trees.parent[part] - first)
        alone = span_trees(parent, trees.start[part], (trees.end - trees.start)[part])
        assert replayed(alone, pace[part])[0] == pytest.approx(together[at])


@pytest.mark.parametrize(
    ("pace", "says"),
    [
        ([1.0], "pace must have shape (1, n_cases), got (1,)"),
        ([[1.0], [1.0]], "pace must have shape (1, n_cases), got (2, 1)"),
        ([[-0.1]], "finite and not negative"),
        ([[np.nan]], "finite and not negative"),
    ],
)
def test_misuse(pace: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        replayed(span_trees([-1], [0], [1]), pace)
