"""Work in parts comes back whole and in order, wherever it was done."""

from __future__ import annotations

import os

import polars as pl
import pytest

from llmops_health import processes


def square(number: int) -> tuple[int, int, int]:
    return number * number, os.getpid(), pl.thread_pool_size()


def test_parts_are_done_in_their_order_here_or_elsewhere() -> None:
    here = list(processes.each(square, range(5), 1))
    elsewhere = list(processes.each(square, range(5), 2))
    assert [one[0] for one in here] == [one[0] for one in elsewhere] == [0, 1, 4, 9, 16]
    assert {one[1] for one in here} == {os.getpid()}
    assert os.getpid() not in {one[1] for one in elsewhere}


def test_processes_that_are_started_have_one_thread_of_polars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    # Others than those that an earlier test has started, which wait for work.
    assert {one[2] for one in processes.each(square, range(3), 3)} == {1}
    assert "POLARS_MAX_THREADS" not in os.environ


def test_an_error_elsewhere_is_raised_here() -> None:
    with pytest.raises(TypeError, match="can't multiply"):
        list(processes.each(square, ["x", "y"], 2))  # type: ignore[arg-type]


def test_little_work_stays_here() -> None:
    assert processes.count(6, 1) == 1
    assert processes.count(0, 56) == 1
    assert 1 <= processes.count(6, 60) <= processes.MAX_PROCESSES
