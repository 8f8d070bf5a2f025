"""Lettering: how wide, how cut, how broken, and what XML cannot hold."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from llmops_health.report.plots.lettering import clean, escape, fold, shorten, text_box, width, wrap

TEXT = "Share of calls with an answer that is cut off, per day"


def test_width_adds_up_and_bold_is_wider() -> None:
    assert width("ab") == pytest.approx(width("a") + width("b"))
    assert width("no known topic", strong=True) > 1.1 * width("no known topic")
    # 12 px of DejaVu Sans: 0.550 + 0.613 + 0.634 for c, a and n.
    assert width("can") == pytest.approx(12 * 1.797)


def test_marks_that_combine_take_no_room_and_wide_letters_take_a_square() -> None:
    assert width("e\N{COMBINING ACUTE ACCENT}") == width("e")
    assert width("\N{CJK UNIFIED IDEOGRAPH-4E2D}") == 12.0


@pytest.mark.parametrize("room", [20, 60, 150, 300])
@pytest.mark.parametrize("strong", [True, False])
def test_a_cut_text_fits_its_room_and_says_that_it_was_cut(room: float, *, strong: bool) -> None:
    cut = shorten(TEXT, room, strong=strong)
    assert width(cut, strong=strong) <= room
    assert cut.endswith("…")
    assert TEXT.startswith(cut[:-1])


def test_a_text_that_fits_is_left_alone() -> None:
    assert shorten(TEXT, 1000) == TEXT


def test_lines_break_between_words_and_only_the_last_is_cut() -> None:
    lines = wrap(TEXT, 150, 5)
    assert " ".join(lines) == TEXT
    assert all(width(line) <= 150 for line in lines)
    assert wrap(TEXT, 150, 2)[1].endswith("…")
    assert wrap("", 150, 2) == []


def test_what_xml_cannot_hold_becomes_a_space() -> None:
    for bad in ("\x00", "\x1b", "\ud800", "\ufffe", "\uffff", "\u202e", "\n", "\U0001ffff"):
        assert clean(f"a{bad}b") == "a b"
        ET.fromstring(f'<a b="{escape(bad)}">{escape(f"<&>{bad}")}</a>')  # noqa: S314


def test_a_box_spans_its_text_at_each_anchor() -> None:
    wide = width("limit")
    ends = [(box.left, box.right) for box in (
        text_box(100, 50, "limit", anchor) for anchor in ("start", "middle", "end"))]  # fmt: skip
    assert ends == [
        pytest.approx((100, 100 + wide)),
        pytest.approx((100 - wide / 2, 100 + wide / 2)),
        pytest.approx((100 - wide, 100)),
    ]


@pytest.mark.parametrize("n_lines", [1, 2, 3])
@pytest.mark.parametrize(
    "text",
    ["retrieval.rerank.cross_encoder_v2_of_the_new_index", "W" * 90, "refunds made abroad " * 9,
     "語" * 60, "\u0301" * 50, "i" * 100],
)  # fmt: skip
def test_a_folded_name_fits_and_keeps_its_beginning_and_its_end(text: str, n_lines: int) -> None:
    lines = fold(text, 96, n_lines)
    assert len(lines) <= n_lines
    assert all(width(line) <= 96 for line in lines)
    whole = "".join("".join(lines).split())
    start, _, end = whole.partition("…")
    original = "".join(text.split())
    assert original.startswith(start)
    assert original.endswith(end)


def test_a_name_that_fits_is_not_folded() -> None:
    assert fold("  a\nb ", 100, 2) == ["a b"]
    assert fold("", 100, 2) == [""]


def test_an_endless_name_costs_no_more_than_its_line() -> None:
    text = "x.y_" * 100_000
    assert width(shorten(text, 100)) <= 100
    assert [width(line) <= 100 for line in fold(text, 100, 2)] == [True, True]
