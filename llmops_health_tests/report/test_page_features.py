"""Features of the page: order, anchors, and links that are safe to follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmops_health.config import Feature
from llmops_health.report.page_checks import check_views
from llmops_health.report.page_features import (
    FeatureView,
    anchors,
    evidently_report,
    feature_views,
    followed,
)
from llmops_health.report.page_reading import read
from llmops_health_tests.report.page_world import finding, published

HOSTILE = ("a b", "a-b", "A B", '"><script>', "../../x", "été", "!!!", "???", "a" * 200)


def views(*features: Feature, rows: tuple[dict[str, object], ...] = ()) -> list[FeatureView]:
    reading = read(published(rows))
    return feature_views(reading, features, check_views(reading, {}), Path("report"))


def test_anchors_are_readable_safe_and_unique() -> None:
    assert anchors(["support-intents"]) == ["feature-support-intents"]
    made = anchors(HOSTILE)
    assert len(set(made)) == len(HOSTILE)
    assert all(set(one) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for one in made)
    assert anchors(reversed(HOSTILE)) == made[::-1]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example", "http://", "ftp://x.example/",
     "https://[", "https://x.example/ y", "wiki.example.com", "", None, "https://x.example/\ny"],
)  # fmt: skip
def test_only_web_addresses_can_be_followed(url: str | None) -> None:
    assert followed(url) == ""


def test_a_web_address_is_followed_as_it_is() -> None:
    url = "https://wiki.example.com/a?b=c&d#e"
    assert followed(url) == url


def test_an_evidently_report_is_linked_only_where_it_lies(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    (folder / "evidently").mkdir(parents=True)
    (folder / "index.html").write_text("page")
    (folder / "evidently" / "a b.html").write_text("report")
    assert evidently_report(folder, "a b") == "evidently/a%20b.html"
    assert evidently_report(folder, "other") == ""
    assert evidently_report(folder, "../index") == ""
    assert evidently_report(folder, "x\0y") == ""
    assert evidently_report(folder, "x" * 300) == ""


def test_those_that_need_action_come_first() -> None:
    rows = (
        finding("calm", "PASS"),
        finding("warned", "WARN"),
        finding("worst"),
        finding("worst", mode="eval_rot"),
        finding("bad"),
        finding("silent", "NOT_ENOUGH_DATA"),
    )
    assert [view.id for view in views(rows=rows)] == [
        "worst",
        "bad",
        "warned",
        "calm",
        "silent",
    ]


def test_a_feature_is_as_bad_as_its_worst_mode() -> None:
    rows = (
        finding("mixed", "NOT_ENOUGH_DATA"),
        finding("mixed", "PASS", mode="calibration"),
        finding("mixed", "WARN", mode="eval_rot"),
    )
    [view] = views(rows=rows)
    assert view.state.word == "warning"
    assert [cell.state.word for cell in view.cells] == ["healthy", "no evidence", "warning"]


def test_a_configured_feature_without_verdict_is_not_judged_and_not_healthy() -> None:
    seen, configured = views(Feature(id="new", kind="rag"), rows=(finding("old", "PASS"),))
    assert (seen.id, configured.id) == ("old", "new")
    assert [cell.state.word for cell in configured.cells] == ["not judged"]
    assert configured.summary == "No check has judged it yet."


def test_a_feature_that_only_the_data_know_says_so() -> None:
    [view] = views(rows=(finding("stray"),))
    assert [fact.value for fact in view.facts] == ["none: it was seen in the data only"]


def test_a_card_names_no_owner_as_a_gap_and_follows_no_script() -> None:
    feature = Feature(id="x", kind="rag", runbook_url="javascript:alert(1)")
    [view] = views(feature)
    facts = {fact.name: fact for fact in view.facts}
    assert facts["Owner"].value == "nobody is named"
    assert facts["Runbook"].url == ""
