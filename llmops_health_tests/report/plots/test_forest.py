"""Forest: effects and intervals where the axis says, each answer its own mark, and the zone."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from llmops_health.figures import Estimate, Forest, ForestRow
from llmops_health_tests.report.plots.plot_dom import across, drawn, near, parsed, points, words
from llmops_health_tests.report.plots.plot_samples import forest

MINUS = "\N{MINUS SIGN}"
FIGURE = Forest(
    title="t",
    description="d",
    measure="change of the score",
    unit="pp",
    rows=(
        ForestRow(label="refusals", effect=Estimate(value=-6, lo=-8, hi=-4), n=150, answer="moved"),
        ForestRow(label="json", effect=Estimate(value=0.5, lo=-0.5, hi=1.5), n=1200, answer="fine"),
        ForestRow(label="code", effect=Estimate(value=-3, lo=-7, hi=1), n=80, answer="cannot tell"),
    ),
    zone_lo=-2,
    zone_hi=2,
)


def places(figure: Forest, look: str) -> list[tuple[float, float]]:
    """Return points without the sample of the key, which is first."""
    return points(parsed(figure), look)


def test_each_answer_has_its_own_mark_where_the_axis_says() -> None:
    root = parsed(FIGURE)
    x = across(root, (f"{MINUS}6", -6), ("2", 2))
    assert [one.get("class") for one in drawn(root, "p-fill-other")] == ["p-fill-other"] * 2
    middles = [float(one.get("y", 0)) - 4 for one in root.iter() if one.text in {
        "refusals", "json", "code"}]  # fmt: skip
    # A diamond has its middle and four corners; the first is the key's.
    assert points(root, "p-fill-other")[5] == pytest.approx((x(-6), middles[0]), abs=0.3)
    dots = points(root, "p-mark")
    assert (x(0.5), middles[1]) in near(dots)
    assert (x(-3), middles[2]) in near(dots)
    assert (x(-3), middles[2]) in near(points(root, "p-hole"))
    assert (x(0.5), middles[1]) not in near(points(root, "p-hole"))


def test_intervals_are_lines_from_end_to_end() -> None:
    root = parsed(FIGURE)
    x = across(root, (f"{MINUS}6", -6), ("2", 2))
    assert [place for place, _ in points(root, "p-whisker-other")] == pytest.approx(
        [x(-8), x(-4)], abs=0.3
    )
    assert [place for place, _ in points(root, "p-whisker")] == pytest.approx(
        [x(-0.5), x(1.5), x(-7), x(1)], abs=0.3
    )


@pytest.mark.parametrize(
    ("zone", "ends"), [((-2, 2), (-2, 2)), ((-2, None), (-2, None)), ((None, 2), (None, 2))]
)
def test_the_zone_is_shaded_to_its_ends_or_to_the_frame(
    zone: tuple[float | None, float | None], ends: tuple[float | None, float | None]
) -> None:
    root = parsed(replace(FIGURE, zone_lo=zone[0], zone_hi=zone[1]))
    x = across(root, (f"{MINUS}6", -6), ("0", 0))
    _, shade = drawn(root, "p-season")
    left = float(shade.get("x", 0))
    right = left + float(shade.get("width", 0))
    grid = [place for place, _ in points(root, "p-grid")]
    assert left == pytest.approx(x(ends[0]), abs=0.3) if ends[0] else left < min(grid)
    assert right == pytest.approx(x(ends[1]), abs=0.3) if ends[1] else right > max(grid)


def test_without_a_zone_nothing_is_shaded() -> None:
    plain = replace(FIGURE, zone_lo=None, zone_hi=None)
    assert not drawn(parsed(plain), "p-season")
    assert "within the margin" in words(FIGURE)
    assert "within the margin" not in words(plain)


def test_effects_are_written_with_sign_and_n() -> None:
    shown = words(FIGURE)
    assert {f"{MINUS}6.00", "+0.50", "150", "1,200", "n"} <= set(shown)
    assert "change of the score, percentage points" in shown


def test_an_unknown_effect_is_a_gap() -> None:
    row = ForestRow(label="none", effect=Estimate(value=nan), n=0, answer="cannot tell")
    root = parsed(replace(FIGURE, rows=(*FIGURE.rows[:2], row)))
    assert "no value" in words(replace(FIGURE, rows=(row,)))
    assert len(points(root, "p-mark")) == 2 * 3  # two samples of the key, and json


def test_an_interval_beyond_the_axis_ends_in_an_arrow() -> None:
    wide = replace(FIGURE.rows[1], effect=Estimate(value=0.5, lo=-900, hi=900))
    root = parsed(replace(FIGURE, rows=(FIGURE.rows[0], wide)))
    heads = [one for one in drawn(root, "p-whisker") if "l4" in (one.get("d") or "")
             or "l-4" in (one.get("d") or "")]  # fmt: skip
    assert len(heads) == 2


def test_of_many_rows_those_that_moved_are_shown_and_the_others_counted() -> None:
    figure = forest(40)
    shown = words(figure)
    moved = [row.label for row in figure.rows if row.answer == "moved"]
    assert set(moved) <= set(shown)
    assert "16 more: 13 fine, 3 cannot tell" in shown
    order = [text for text in shown if text.startswith("capability")]
    assert order == sorted(order, key=lambda text: int(text.split()[1]))
