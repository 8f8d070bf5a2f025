"""The page: hostile text, empty states, order, a sound document, nothing loaded, small."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from llmops_health.config import Feature
from llmops_health.health import discover
from llmops_health.report import page, plots
from llmops_health.report.page_document import MANY_FEATURES, MOST_ALARMS, document
from llmops_health.report.page_reading import read
from llmops_health_tests.report.page_dom import Node, parse
from llmops_health_tests.report.page_world import (
    CARD_COLUMNS,
    DAY,
    FIGURE_COLUMNS,
    add,
    add_reject,
    days,
    finding,
    published,
    text,
)

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;{{ 7*7 }}"
TRIAGE = Feature(
    id="triage",
    kind="classifier",
    owner="team@example.com",
    runbook_url="https://wiki.example.com/triage",
    confidence_gate=0.8,
    eval_suites=("a", "b"),
)


def full() -> str:
    """Return a page with everything on it."""
    rows = [
        *days(["PASS"] * 20 + ["WARN"] * 3 + ["FAIL"] * 5),
        finding(segment="label = a"),
        finding(check_name="feed_gap", status="PASS"),
        finding(check_name="output_drift", status="NOT_ENOUGH_DATA", n=0, value=None),
        finding(mode="calibration", check_name="overconfidence", status="WARN"),
        finding(mode="eval_rot", check_name="divergence", status="NOT_APPLICABLE"),
        finding("calm", "PASS"),
        finding("silent", "NOT_ENOUGH_DATA", n=3),
    ]
    connection = published(rows)
    add_reject(connection, column_name="score", reason="missing", value=EVIL)
    add(connection, "health__figures", FIGURE_COLUMNS, day=DAY, feature_id="calm", mode="drift",
        check_name="input_drift", kind="Trend", title="Stored",
        svg='<svg role="img" aria-label="x"></svg>')  # fmt: skip
    add(connection, "health__power_cards", CARD_COLUMNS, day=DAY, feature_id="triage",
        mode="drift", check_name="input_drift", message="Cannot be replayed.")  # fmt: skip
    return document(read(connection), [TRIAGE], Path("report"))


def hostile() -> str:
    """Return a page in which every text that data can bring is hostile."""
    texts = dict.fromkeys(("segment", "unit", "message", "action", "evidence_sql"), EVIL)
    rows = [
        finding(EVIL, status, mode=f"mode{EVIL}", check_name=f"c{at}{EVIL}", **texts)
        for at, status in enumerate(("FAIL", "WARN", "PASS", "NOT_ENOUGH_DATA", "NOT_APPLICABLE"))
    ]
    rows.append(finding(EVIL, "WARN", mode=f"mode{EVIL}", check_name=f"c0{EVIL}"))
    connection = published([*rows, *[row | {"day": DAY - timedelta(1)} for row in rows]])
    add_reject(connection, path=EVIL, table_name=EVIL, column_name=EVIL, reason=EVIL)
    add(connection, "health__power_cards", CARD_COLUMNS, day=DAY, feature_id=EVIL,
        mode=f"mode{EVIL}", check_name=f"c0{EVIL}", message=EVIL, shift=EVIL,
        n_planted=3)  # fmt: skip
    card: dict[str, Any] = dict.fromkeys(("lifecycle", "risk_tier", "name", "owner"), EVIL)
    feature = Feature.model_construct(
        id=EVIL, kind="rag", runbook_url=EVIL, repository=f"https://{EVIL}", eval_suites=(EVIL,),
        **card,
    )  # fmt: skip
    return document(read(connection), [feature], Path("report"))


def states() -> dict[str, str]:
    """Return pages that differ in what there is to say."""
    many = [
        finding(f"feature-{at:02d}", "FAIL" if at % 3 == 0 else "PASS")
        for at in range(MANY_FEATURES + 1)
    ]
    return {
        "full": full(),
        "hostile": hostile(),
        "nothing": text(),
        "configured": text(features=[TRIAGE]),
        "healthy": text(days(["PASS"] * 30)),
        "silent": text([finding(status="NOT_ENOUGH_DATA", n=0)]),
        "many": text(many),
    }


PAGES = states()
TREES = {name: parse(page) for name, page in PAGES.items()}
each = pytest.mark.parametrize("tree", list(TREES.values()), ids=list(TREES))


def only(tree: Node, tag: str) -> Node:
    [found] = tree.all(tag)
    return found


def by_id(tree: Node, name: str) -> Node:
    [found] = [node for node in tree.all() if node["id"] == name]
    return found


def test_hostile_text_is_text() -> None:
    tree = TREES["hostile"]
    assert len(list(tree.all("script"))) == 1
    assert list(tree.all("img")) == []
    assert not [node for node in tree.all() for name in node.attributes if name.startswith("on")]
    assert EVIL in only(tree, "body").text
    assert "49" not in tree.text.replace(EVIL, "")


def test_hostile_addresses_are_not_links() -> None:
    for link in TREES["hostile"].all("a"):
        assert link["href"].startswith("#")


def test_values_of_refused_rows_stay_in_the_file() -> None:
    assert "score" in by_id(TREES["full"], "aside").parent.text  # type: ignore[union-attr]
    assert "alert(1)" not in PAGES["full"]


@each
def test_nothing_is_loaded(tree: Node) -> None:
    for node in tree.all():
        assert "src" not in node.attributes
        assert "srcset" not in node.attributes
        assert "style" not in node.attributes
        assert node.tag not in {"link", "iframe", "object", "embed", "base", "form", "img"}
        if node.tag == "use":
            assert node["href"].startswith("#")
    assert not re.search(r"url\(|@import|@font-face", only(tree, "style").text)


@each
def test_the_policy_allows_our_style_and_script_only(tree: Node) -> None:
    [policy] = [node["content"] for node in tree.all("meta") if "Security" in node["http-equiv"]]
    hashes = {
        tag: b64encode(sha256("".join(map(str, only(tree, tag).children)).encode()).digest())
        for tag in ("style", "script")
    }
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{hashes['style'].decode()}'",
        f"script-src 'sha256-{hashes['script'].decode()}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


@each
def test_ids_are_unique_and_links_find_them(tree: Node) -> None:
    ids = [node["id"] for node in tree.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in tree.all():
        target = node["href"]
        if target.startswith("#"):
            assert target[1:] in ids, target
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert set(node[name].split()) <= set(ids)


@each
def test_headings_go_down_one_step_at_a_time(tree: Node) -> None:
    levels = [int(node.tag[1]) for node in tree.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(node.text for node in tree.all("h1", "h2", "h3"))


@each
def test_landmarks_language_and_title(tree: Node) -> None:
    assert only(tree, "html")["lang"] == "en"
    assert only(tree, "h1").text in only(only(tree, "head"), "title").text
    assert len(list(tree.all("main"))) == 1
    assert len(list(tree.all("header"))) == 1
    for region in tree.all("section", "article", "nav"):
        assert region["aria-labelledby"] or region["aria-label"]
    first_link = next(iter(only(tree, "body").all("a")))
    assert first_link["href"] == "#action"


@each
def test_tables_tell_what_they_are(tree: Node) -> None:
    for table in tree.all("table"):
        assert only(table, "caption").text
        assert all(cell["scope"] for cell in table.all("th"))
        for row in table.all("tr"):
            assert [cell.tag for cell in row.all("th", "td")].count("th") >= 1


@each
def test_pictures_have_words_and_marks_are_silent(tree: Node) -> None:
    for svg in tree.all("svg"):
        if svg["role"] == "img" or svg.within("figure"):
            assert svg["aria-label"] or svg["aria-labelledby"]
        else:
            assert svg["aria-hidden"] == "true"


@each
def test_a_state_is_a_word_beside_its_mark(tree: Node) -> None:
    for node in tree.all():
        if "state" in node.classes:
            assert node.text


@each
def test_what_can_be_pressed_has_a_name(tree: Node) -> None:
    names = [node.text for node in tree.all("a", "summary", "button", "label")]
    assert all(names)
    summaries = [node.text for node in tree.all("summary")]
    assert all(len(name) < 300 or "alert" in name for name in summaries)
    for region in tree.all():
        if "tabindex" in region.attributes:
            assert region["tabindex"] == "0"


def test_alarms_come_in_order_with_what_a_reader_needs() -> None:
    articles = list(TREES["full"].all("article"))
    assert [next(iter(one.all("h3"))).text for one in articles] == [
        "Input drift of triage",
        "Overconfidence of triage",
    ]
    told = articles[0].text
    for part in (
        "fail",
        "Alarmed since 24 Oct, 8 days",
        "0.30 [0.20, 0.40]",
        "limit 0.12",
        "n 500",
        "Input length moved.",
        "Do now Read the newest inputs.",
        "Cannot be replayed.",
        "select 1",
        "1 more finding of this check",
        "Input drift, day by day",
    ):
        assert part in told, part
    assert articles[0]["id"] in PAGES["full"].split("<h2")[0]


def test_the_head_names_what_to_do_first() -> None:
    tree = TREES["full"]
    assert only(tree, "h1").text == "1 of 3 features needs action"
    head = only(tree, "header").text
    assert "Failing: triage. Healthy: calm. No evidence: silent." in head
    assert "Do now Read the newest inputs. Input drift since 24 Oct, 8 days; 1 more to do" in head


def test_evidence_that_is_missing_says_what_to_log() -> None:
    rows = [row for row in TREES["full"].all("tr") if row.text.startswith("Output drift")]
    assert "no evidence" in rows[0].text
    assert "To log: " in rows[0].text


def test_only_checks_that_pass_are_folded() -> None:
    rows = [finding("triage", status, check_name=name) for name, status in (
        ("input_drift", "FAIL"), ("output_drift", "PASS"), ("feed_gap", "NOT_ENOUGH_DATA"),
    )]  # fmt: skip
    tree = parse(text(rows))
    folded = {
        title: row.within("details")
        for row in tree.all("tr")
        for title in ("Input drift", "Output drift", "Feed gap")
        if row.text.startswith(title)
    }
    assert folded == {"Input drift": False, "Output drift": True, "Feed gap": False}
    assert "1 check passes" in tree.text


def test_every_check_of_the_page_is_explained() -> None:
    explained = {
        node["id"]: node.text for node in TREES["full"].all("li") if node["id"].startswith("check")
    }
    check = next(check for check in discover() if check.name == "overconfidence")
    shown = explained["check-calibration-overconfidence"]
    assert "What it cannot see" in shown
    assert " ".join(check.doc.split("What it cannot see\n")[1].split())[:40] in shown
    assert "check-eval_rot-saturated_suite" not in explained


def test_a_stored_figure_is_shown_and_takes_the_place_of_a_trend() -> None:
    alarm = finding()
    connection = published([alarm, alarm | {"day": DAY - timedelta(1)}])
    add(connection, "health__figures", FIGURE_COLUMNS, day=DAY, feature_id="triage", mode="drift",
        check_name="input_drift", kind="ControlChart", title="Stored & drawn",
        svg='<svg role="img" aria-label="drawn"></svg>')  # fmt: skip
    shown = document(read(connection), [], Path("report"))
    assert '<figcaption>Stored &amp; drawn</figcaption><svg role="img" aria-label="drawn">' in shown
    assert "day by day" not in shown
    assert plots.STYLE in shown


@pytest.mark.parametrize(
    ("name", "headline", "said"),
    [
        ("nothing", "No day has been judged yet", "llmops-health run"),
        ("configured", "No day has been judged yet", "No check has judged it yet"),
        ("healthy", "The one feature is healthy", "1 check of 1 could answer"),
        ("silent", "Nothing can be said yet: no feature has evidence", "1 had too little data"),
    ],
)
def test_empty_states_say_what_is_known(name: str, headline: str, said: str) -> None:
    assert only(TREES[name], "h1").text == headline
    assert said in only(TREES[name], "body").text


def test_health_is_told_with_how_sure_it_is() -> None:
    assert "has not been measured" in by_id(TREES["healthy"], "action").parent.text  # type: ignore[union-attr]


def test_some_without_evidence_is_not_all_healthy() -> None:
    tree = parse(text([finding("a", "PASS"), finding("b", "NOT_ENOUGH_DATA")]))
    assert only(tree, "h1").text == "No alarm, but 1 of 2 features cannot be judged"


def test_an_alarm_that_does_not_count_is_told_and_asks_for_nothing() -> None:
    tree = parse(text([finding(p_value=0.2)]))
    assert only(tree, "h1").text == "The one feature is healthy"
    assert "fail, not counted" in tree.text
    assert list(tree.all("article")) == []


def test_the_matrix_links_each_state_to_its_feature() -> None:
    [table] = [one for one in TREES["full"].all("table") if "matrix" in one.classes]
    rows = [next(iter(row.all("th"))) for row in table.all("tr")]
    assert [row.text for row in rows] == ["Feature", "triage", "calm", "silent"]
    first = rows[1].parent
    assert first is not None
    assert {link["href"] for link in first.all("a")} == {"#feature-triage"}
    strips = [svg["aria-label"] for svg in first.all("svg") if "strip" in svg.classes]
    assert strips[1] == ("Last 28 days: healthy 20 days, then warning 3 days, then failing 5 days.")


def test_many_features_can_be_filtered_without_script() -> None:
    inputs = [node["id"] for node in TREES["many"].all("input")]
    assert inputs == ["rows-all", "rows-needy"]
    assert list(TREES["full"].all("input")) == []


def crowd(n_features: int, n_modes: int, n_checks: int, share: float) -> list[dict[str, Any]]:
    """Return the last day of many features, in a share of which every check is alarmed."""
    words: dict[str, Any] = {
        "message": "m" * 160,
        "evidence_sql": "select\n" * 80,
        "action": "a" * 80,
    }
    return [
        finding(
            f"feature-with-a-long-name-{f:02d}",
            "FAIL" if f < share * n_features else "PASS",
            mode=f"mode_{m}",
            check_name=f"check_{c}",
            segment=segment,
            **words,
        )
        for f in range(n_features)
        for m in range(n_modes)
        for c in range(n_checks)
        for segment in ["", *(f"label = {s}" for s in range(15 if f < share * n_features else 0))]
    ]


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_fifty_features_and_thirteen_modes_stay_small(share: float) -> None:
    shown = text(crowd(50, 13, 6, share))
    assert len(shown.encode()) < 5_000_000
    tree = parse(shown)
    assert len(list(tree.all("article"))) == MOST_ALARMS
    assert "more alarms, which stand with their features below" in shown
    if share == 1:
        assert len([a for a in tree.all("a") if a["href"].startswith("#feature-")]) > 50 * 13


def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    connection = published([finding()])
    path = page.write(connection, folder, [TRIAGE])
    assert path == folder / "index.html"
    first = path.read_text("utf-8")
    assert first.endswith("</html>\n")
    assert page.write(connection, folder, [TRIAGE]).read_text("utf-8") == first
    assert sorted(one.name for one in folder.iterdir()) == ["cards.json", "index.html"]
