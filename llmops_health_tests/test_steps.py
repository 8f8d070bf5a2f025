"""Steps: they load as much as what they call reads, and no more."""

from __future__ import annotations

from llmops_health.report.candidates import REFRESH_SQL, RETIREMENT_SQL
from llmops_health.steps import TEXT_DAYS


def test_candidates_have_the_texts_of_all_days_they_are_picked_from() -> None:
    assert (
        f"samples.day between $day::date - interval {TEXT_DAYS - 1} day" in REFRESH_SQL["samples"]
    )


def test_both_lists_of_candidates_look_at_the_same_cases() -> None:
    both = {name for name in REFRESH_SQL if name in RETIREMENT_SQL}
    assert both == {"cases"}
    assert all(REFRESH_SQL[name] == RETIREMENT_SQL[name] for name in both)
