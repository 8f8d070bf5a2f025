"""Streams: what goes in goes out, lanes keep clear of steps, and what is not equal is said."""

from __future__ import annotations

import pytest

from llmops_health.figures import Flow, Flows
from llmops_health.report.plots.streams import Band, Level, trace


def traced(
    *flows: Flow, steps: tuple[str, ...] = ("a", "b", "c")
) -> tuple[list[Level], list[Band]]:
    return trace(Flows(title="t", description="d", steps=steps, flows=flows), 100.0)


def wide(ends: tuple[float, float]) -> float:
    return ends[1] - ends[0]


def test_widths_are_to_scale_and_kept_along_a_band() -> None:
    levels, bands = traced(Flow(source="a", to="b", n=80), Flow(source="b", to="c", n=80),
                           Flow(source="a", to=None, n=20, why="filtered"))  # fmt: skip
    assert [level.right for level in levels] == pytest.approx([100, 80, 80])
    assert [level.n for level in levels] == [100, 80, 80]
    assert all(wide(band.upper) == pytest.approx(wide(band.lower)) for band in bands)
    [end] = levels[0].ends
    assert end.source == pytest.approx((80, 100))
    assert (end.n, end.words, end.is_unexplained) == (20, "filtered", False)


def test_a_flow_that_skips_a_step_has_a_lane_beside_it() -> None:
    levels, bands = traced(Flow(source="a", to="b", n=60), Flow(source="b", to="c", n=60),
                           Flow(source="a", to="c", n=40))  # fmt: skip
    skipping = [band for band in bands if wide(band.upper) < 0.5 * levels[0].right
                and band.lower[0] >= 0]  # fmt: skip
    first, second = skipping
    assert first.lower[0] > levels[1].right
    assert first.lower == pytest.approx(second.upper)
    assert (first.is_passing, second.is_passing) == (False, True)
    assert max(first.lower) <= 100 + 1e-9
    assert second.lower == pytest.approx((levels[2].right * 0.6, levels[2].right))
    assert all(not level.ends for level in levels)


@pytest.mark.parametrize(
    ("n_out", "words", "n"),
    [(70, "go in and not out", 10), (95, "go out and not in", 15), (80, "", 0)],
)
def test_a_step_that_keeps_or_makes_rows_says_so(n_out: int, words: str, n: int) -> None:
    levels, _ = traced(Flow(source="a", to="b", n=80), Flow(source="b", to="c", n=n_out))
    told = [(end.words, end.n, end.is_unexplained) for end in levels[1].ends]
    assert told == ([(words, n, True)] if n else [])


def test_a_step_that_rows_enter_and_never_leave_says_so_unless_it_is_the_last() -> None:
    levels, _ = traced(Flow(source="a", to="b", n=80), Flow(source="a", to="c", n=20))
    assert [end.words for end in levels[1].ends] == ["go in and not out"]
    assert not levels[2].ends


def test_flows_back_and_from_elsewhere_are_told() -> None:
    levels, _ = traced(
        Flow(source="a", to="b", n=80),
        Flow(source="b", to="c", n=70),
        Flow(source="b", to="a", n=10, why="tried again"),
        Flow(source="a", to="archive", n=5),
        Flow(source="import", to="c", n=7),
    )
    told = [[end.words for end in level.ends] for level in levels]
    assert "to archive" in told[0]
    assert told[1] == ["to a: tried again"]
    assert told[2] == ["from import"]


def test_what_is_not_explained_comes_first_whatever_its_size() -> None:
    levels, _ = traced(Flow(source="a", to=None, n=90, why="x"), Flow(source="a", to="b", n=10),
                       Flow(source="a", to=None, n=1, is_unexplained=True))  # fmt: skip
    assert [end.words for end in levels[0].ends] == ["not explained", "x"]


@pytest.mark.parametrize("n", [0, -5])
def test_no_rows_make_no_band(n: int) -> None:
    levels, bands = traced(Flow(source="a", to="b", n=n))
    assert not bands
    assert [level.n for level in levels] == [0, 0, 0]
