"""Every benchmark runs at a tiny size and says what it measured. How fast is nobody's test."""

from __future__ import annotations

import math
from dataclasses import asdict
from importlib import import_module

import pytest

from benchmarks.__main__ import NAMES, page
from benchmarks.measuring import Row, Size

# Those that make a whole project as big_day does, a minute each: `make bench` runs them.
LIKE_BIG_DAY = {"long_history", "nightly", "readers", "start_up"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in LIKE_BIG_DAY])
def test_a_benchmark_gives_well_formed_rows(name: str) -> None:
    rows: list[Row] = import_module(f"benchmarks.{name}").measure(Size.QUICK)
    assert len({row.goal for row in rows}) == len(rows) > 0
    for row in rows:
        assert row.measured is not None, row.goal
        assert math.isfinite(row.measured), row.goal
    # Throughput of texts has no goal of its own.
    assert name == "texts" or any(row.limit is not None for row in rows)
    written = page({name: {"rows": [asdict(row) for row in rows], "at": "today", "on": "here"}})
    assert all(f"| {row.goal} |" in written for row in rows)


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row("speed", "x", 2.0, 1.5, at_least=True), True),
        (Row("speed", "x", 1.0, 1.5, at_least=True), False),
        (Row("time", "s", 1.5, 1.5), True),
        (Row("time", "s", 1.6, 1.5), False),
        (Row("time", "s", None, 1.5), None),
        (Row("time", "s", 1.6), None),
    ],
)
def test_a_limit_is_held_or_not(row: Row, *, holds: bool | None) -> None:
    assert row.holds is holds
