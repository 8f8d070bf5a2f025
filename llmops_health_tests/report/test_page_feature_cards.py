"""Cards on the page: advice first, what is not known folded away, hostile names, the picture."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from llmops_health.report.cards import CARD_COLUMNS, CARD_SCHEMA
from llmops_health.report.page_document import document
from llmops_health.report.page_feature_cards import MOST_CARDS, card_section
from llmops_health.report.page_reading import read
from llmops_health_tests.report.page_world import DAY, add, finding, published, text


def row(feature_id: str = "triage", advice: str | None = "replace", **given: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(CARD_SCHEMA),
        "day": DAY,
        "feature_id": feature_id,
        "rank": 1,
        "rank_lo": 1,
        "rank_hi": 3,
        "advice": advice,
        "reason": "n v1 scores 90 % where m v1 scores 80 %.",
        "regret_usd_per_month": 33.6,
        "regret_answers_per_month": 672.0,
        "deadline": date(2026, 11, 20),
        "age_days": 1210,
        "age_is_exact": False,
        "age_percentile": 0.8,
        "champion": "m v1",
        "challenger": "n v1",
        "n_cases": 500,
        "gap_pp": 5.6,
        "gap_lo_pp": 1.8,
        "gap_hi_pp": 9.4,
        "calls_per_month": 12_000.0,
        "upkeep_usd_per_month": 900.0,
        "blockers": "no runbook",
    } | given


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=CARD_SCHEMA, orient="row")


def test_a_card_tells_its_numbers() -> None:
    [card] = card_section(frame(row()), {"triage": "feature-triage"}).cards
    assert (card.advice, card.anchor) == ("Replace", "feature-triage")
    assert [(fact.name, fact.value) for fact in card.facts] == [
        ("Waiting costs", "33.60 USD a month; 672 right answers a month"),
        ("Withdrawn on", "20 Nov 2026"),
        ("Challenger", "n v1 +5.6 pp [1.8, 9.4] against m v1, 500 cases"),
        ("Unchanged for", "1,210 days or more, longer than 80 % of past gaps"),
        ("Upkeep", "900 USD a month"),
        ("Calls", "12,000 a month"),
        ("In the way", "no runbook"),
        ("Rank if worths are 50 % off", "1 to 3"),
    ]


def test_what_is_not_known_is_not_shown_as_zero() -> None:
    bare: dict[str, Any] = dict.fromkeys(
        ("regret_usd_per_month", "regret_answers_per_month", "deadline", "age_days", "gap_pp",
         "calls_per_month", "upkeep_usd_per_month", "blockers")
    )  # fmt: skip
    [card] = card_section(frame(row() | bare | {"rank_hi": 1}), {}).cards
    assert card.facts == ()


def test_cards_without_advice_are_listed_apart() -> None:
    section = card_section(frame(row(), row("other", advice=None)), {})
    assert [card.feature_id for card in section.cards] == ["triage"]
    assert [card.feature_id for card in section.open_cards] == ["other"]


def test_many_cards_are_cut_and_counted() -> None:
    rows = [row(f"f{at}", rank=at + 1) for at in range(MOST_CARDS + 5)]
    section = card_section(frame(*rows), {})
    assert (len(section.cards), section.n_more) == (MOST_CARDS, 5)
    assert section.picture is not None


def test_the_picture_needs_two_features_with_both_measures() -> None:
    one = row("other", gap_pp=None)
    assert card_section(frame(row(), one), {}).picture is None
    picture = card_section(frame(row(), row("other", advice="keep")), {}).picture
    assert picture is not None
    assert "2 features; to be replaced or retrained: triage." in picture.svg


def test_the_page_escapes_what_cards_hold() -> None:
    hostile = '"><script>alert(1)</script>'
    connection = published([finding(hostile)])
    for advice in ("retire", None):
        add(
            connection,
            "health__feature_cards",
            CARD_COLUMNS,
            **row(hostile, advice=advice, reason=hostile, challenger=hostile, blockers=hostile),
        )
    page = document(read(connection), (), Path("report"))
    assert "<script>alert" not in page
    assert 'href="cards.json"' in page
    assert "Not known yet of 1 feature<" in page
    assert 'href="#cards"' in page


@pytest.mark.parametrize(
    ("day", "is_shown"),
    [(date(2026, 10, 30), True), (DAY, True), (date(2026, 11, 1), False)],
)
def test_the_newest_cards_up_to_the_day_are_shown(day: date, is_shown: bool) -> None:  # noqa: FBT001
    connection = published([finding()])
    add(connection, "health__feature_cards", CARD_COLUMNS, **row(day=day))
    assert ('id="cards"' in document(read(connection), (), Path("report"))) is is_shown


def test_a_file_without_cards_has_no_section() -> None:
    assert 'id="cards"' not in text([finding()])
