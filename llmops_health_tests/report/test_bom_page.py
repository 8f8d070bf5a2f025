"""The page of a bill of materials: what it says, that text stays text, and that it fits a sheet."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from llmops_health.boms import Bom
from llmops_health.health.bom._score import Cluster, Missing, Score
from llmops_health.report.bom_page import Signed, text
from llmops_health_tests.bom import world
from llmops_health_tests.report.page_dom import Node, parse

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
SHA = "ab" * 32


def scored(made: Bom) -> Score:
    """Return the score that is asked of a feature, with one of each thing that a page says."""
    return replace(
        made.score,
        value=58.6,
        grade="D",
        capped_by=("1 part in traffic that no list names",),
        clusters=(
            Cluster("Metadata", 10, 0.9, 9, 10),
            Cluster("Infrastructure", 5, None, 0, 0),
            *(Cluster(name, 10, 0.5, 3, 6)
              for name in ("System", "Models", "Datasets", "Security", "KPI")),
        ),
        missing=(Missing("hash", "mini-embed", None),) * 6,
        verified_share=0.41,
    )  # fmt: skip


def page(made: Bom, *, key: str | None = None, score: Score | None = None) -> str:
    signed = Signed(name="f & g.cdx.json", sha256=SHA, key=key)
    told = score or made.score
    return text(made.feature, made.answers, made.document, signed, told, back="../index.html")


def section(tree: Node, heading: str) -> str:
    [found] = [one for one in tree.all("section")
               if any(heading in h.text for h in one.all("h2"))]  # fmt: skip
    return found.text


def test_the_questions_of_procurement_are_answered() -> None:
    tree = parse(page(world.full(), key="0f3a9c1d", score=scored(world.full())))
    path = section(tree, "in the data path?")
    assert "claude-answer hosted model 2026-02-01 declared and seen Anthropic," in path
    assert "surprise-mini hosted model not known seen, on no list not known" in path
    assert "0.910 [0.864, 0.942], 29 Oct 2026, 212 cases" in section(tree, "How well")
    assert "hash changed: rerank-ckpt 3" in section(tree, "What changed")
    assert "of key 0f3a9c1d" in section(tree, "who signed?")
    assert "59 of 100, grade D" in section(tree, "Completeness")
    assert "does not apply" in section(tree, "Completeness")
    complete = section(tree, "How complete")
    assert "1 part in traffic that no list names" in complete
    assert "41 % of what is told" in complete
    assert "and 2 more missing." in complete
    [link] = [one for one in tree.all("a") if "cdx.json" in one.text]
    assert link["href"] == "f%20%26%20g.cdx.json"
    assert SHA in tree.text


def test_nothing_known_is_said_so() -> None:
    tree = parse(page(world.bare()))
    assert "Not known: no list names a part" in section(tree, "in the data path?")
    assert "Not known: no eval run" in section(tree, "How well")
    assert "All of it: no part is on record." in section(tree, "not known?")
    assert "not signed" in section(tree, "who signed?")
    assert "of 100, grade D" in section(tree, "Completeness")


def test_the_policy_lets_nothing_run_and_nothing_be_loaded() -> None:
    shown = page(world.full())
    assert "default-src 'none'; style-src 'sha256-" in shown.replace("&#39;", "'")
    tree = parse(shown)
    assert not list(tree.all("script", "link", "img", "iframe", "form"))
    assert not [one for one in tree.all() if one["style"] or one["onclick"]]
    assert re.findall(r"url\(|@import", shown) == []


def test_hostile_names_are_text() -> None:
    shown = page(world.evil(), key=world.HOSTILE)
    tree = parse(shown)
    assert not list(tree.all("script"))
    assert "<script>alert(1)</script>" in tree.text
    assert "\u202e" not in shown
    assert "49" not in section(tree, "in the data path?")
    assert all(one["href"].startswith(("f%20", "../")) for one in tree.all("a"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize("which", ["full", "evil"])
def test_it_fits_a_phone_and_a_sheet(browser: Browser, tmp_path: Path, which: str) -> None:
    made = world.full() if which == "full" else world.evil()
    path = tmp_path / "page.html"
    path.write_text(page(made, key="0f3a9c1d", score=scored(made)), "utf-8")
    said: list[str] = []
    asked: list[str] = []
    for width in (400, 1440):
        opened = browser.new_page(viewport={"width": width, "height": 900})
        opened.on("console", lambda message: said.append(message.text))
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(path.as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        if width == 1440 and which == "full":
            # Of four A4 sheets' margins and sizes only the page's own rule says which it is.
            sheets = re.findall(rb"/Type\s*/Page[^s]", opened.pdf(prefer_css_page_size=True))
            assert len(sheets) == 1
        opened.close()
    assert said == []
    assert asked == [path.as_uri()] * 2
