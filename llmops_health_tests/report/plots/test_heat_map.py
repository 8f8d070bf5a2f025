"""Heat map: words in each cell, a mark per level, gaps where nothing is known, tables that fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmops_health.figures import HeatCell, HeatMap
from llmops_health_tests.report.plots.plot_dom import drawn, letters, parsed, points, words
from llmops_health_tests.report.plots.plot_samples import heat_map

FIGURE = HeatMap(
    title="t",
    description="d",
    rows=("intents", "letters"),
    columns=("model", "seed"),
    cells=(
        HeatCell(row="intents", column="model", level="good", text="pinned"),
        HeatCell(row="intents", column="seed", level="bad", text="missing"),
        HeatCell(row="letters", column="model", level="partly", text="alias"),
        HeatCell(row="letters", column="seed", level=None, text=""),
    ),
)


def test_each_cell_has_its_words_in_its_row_and_column() -> None:
    at = dict(letters(parsed(FIGURE)))
    assert at["pinned"].top == at["missing"].top == at["intents"].top
    assert at["alias"].top == at["letters"].top
    assert at["pinned"].left == at["alias"].left
    assert at["pinned"].left < at["seed"].left < at["missing"].left


def test_levels_differ_in_mark_and_weight_not_only_in_colour() -> None:
    root = parsed(FIGURE)
    # One of each in the key, one in the table.
    assert len(points(root, "p-mark")) == 2 * 2
    assert len(points(root, "p-warn")) == 2 * 4  # its middle and its corners
    assert len(points(root, "p-fail")) == 2 * 5
    assert ["".join(one.itertext()) for one in drawn(root, "p-strong")] == ["missing"]
    assert {"good", "partly", "bad", "unknown"} <= set(words(FIGURE))


def test_a_tint_fills_its_cell() -> None:
    root = parsed(FIGURE)
    at = dict(letters(root))
    for look, text in (("p-cell-good", "pinned"), ("p-cell-bad", "missing"),
                       ("p-cell-partly", "alias")):  # fmt: skip
        (left, top), _, (right, bottom), _ = points(root, look)
        assert left < at[text].left < at[text].right < right
        assert top < at[text].top < at[text].bottom < bottom


def test_an_unknown_cell_says_so_and_one_that_is_not_there_is_a_gap() -> None:
    assert words(FIGURE).count("unknown") == 2
    gap = replace(FIGURE, cells=FIGURE.cells[:3])
    assert "unknown" not in words(gap)
    assert not drawn(parsed(gap), "p-cell-none")


def test_a_plain_cell_is_words_alone() -> None:
    fact = HeatCell(row="letters", column="seed", level="plain", text="3, gate")
    shown = replace(FIGURE, cells=(*FIGURE.cells[:3], fact))
    assert "3, gate" in words(shown)
    assert not {"plain", "unknown"} & set(words(shown))
    assert not drawn(parsed(shown), "p-cell-none")


def test_a_column_of_long_words_takes_the_room_of_short_ones() -> None:
    name = "calls.response_model_of_it"
    rows = tuple(f"row {at}" for at in range(3))
    cells = tuple(
        HeatCell(row=row, column=column, level="good", text=text)
        for row in rows
        for column, text in (("ready", "1 of 2"), ("logged", "0 of 3"), ("first", name))
    )
    shown = words(replace(FIGURE, rows=rows, columns=("ready", "logged", "first"), cells=cells))
    assert shown.count(name) == 3


def test_cells_of_no_row_or_column_are_left_out() -> None:
    odd = HeatCell(row="other", column="seed", level="good", text="elsewhere")
    assert "elsewhere" not in words(replace(FIGURE, cells=(*FIGURE.cells, odd)))


@pytest.mark.parametrize("n_columns", [4, 6])
def test_short_words_stand_in_one_table(n_columns: int) -> None:
    columns = tuple(f"c{at}" for at in range(n_columns))
    cells = tuple(HeatCell(row="intents", column=one, level="good", text="0.9") for one in columns)
    shown = words(replace(FIGURE, columns=columns, cells=cells))
    assert shown.count("intents") == 1


def test_columns_that_do_not_fit_follow_below() -> None:
    root = parsed(heat_map(3, 12))
    at = letters(root)
    heads = [box for text, box in at if text == "column 0" or text.startswith("column")]
    assert len({box.top for box in heads}) > 1
    assert sum(text == "feature 0" for text, _ in at) > 1


def test_of_many_rows_those_with_bad_cells_are_shown_and_the_others_counted() -> None:
    rows = tuple(f"row {at}" for at in range(60))
    cells = tuple(
        HeatCell(row=row, column="model", level="bad" if at == 59 else "good", text=f"v{at}")
        for at, row in enumerate(rows)
    )
    shown = words(replace(FIGURE, rows=rows, columns=("model",), cells=cells))
    assert {"row 59", "row 22", "36 more rows not shown"} <= set(shown)
    assert "row 23" not in shown
