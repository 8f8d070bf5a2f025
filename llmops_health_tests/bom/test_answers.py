"""Procurement's answers: what is known, and that what nobody said is never a no."""

from __future__ import annotations

from typing import Any

import polars as pl

from llmops_health.bom.answers import Answers, answers
from llmops_health.bom.facts import Facts, Retention
from llmops_health.bom.phrases import Line
from llmops_health.boms import make
from llmops_health.config import Feature
from llmops_health_tests.bom import world
from llmops_health_tests.bom.world import BARE, COMPONENTS, DAY, FULL, part


def told(rows: list[dict[str, Any]], feature: Feature = FULL, **given: Any) -> Answers:
    frames = {"pipelines": world.pipelines().clear(), "observed": world.observed().clear(),
              "parts": pl.DataFrame(rows, schema=COMPONENTS)}  # fmt: skip
    return make(feature, world.material(**frames | given)).answers


def lines(found: Answers, question: str) -> list[tuple[str, str]]:
    [answer] = [one for one in found.data if question in one.question]
    return [(line.topic, line.text) for line in answer.lines]


def test_the_full_feature_in_words() -> None:
    found = world.full().answers
    assert found.warning == "In traffic and on no list: surprise-mini."
    assert found.lead.startswith("2 hosted models, 1 checkpoint, 1 embedding model, 1 prompt, ")
    assert lines(found, "training") == [
        ("Yes, by us",
         "pipeline help-rag/rerank trains on users' feedback (last step 30 Sep 2026, ledger)"),
        ("Yes, by us", "feedback-2026-09 3 (customer feedback, redacted), as declared"),
        ("Not known for",
         "Anthropic (claude-answer), surprise-mini and Example Corp (tickets-mcp)"),
    ]  # fmt: skip
    receives = "claude-answer at https://api.anthropic.example/v1/messages, customer-content"
    assert ("Anthropic", receives) in lines(found, "boundary")
    model, sources = lines(found, "trained on")[0]
    assert model == "rerank-ckpt"
    assert sources.startswith("feedback-2026-09 3 (CC-BY-4.0), https://data.example.com/")
    assert sources.endswith("; from Qwen2.5-0.5B 7ae5576 (apache-2.0)")
    assert found.unscored == ("help-safety",)
    assert ("Parts with an owner", "6 of 11") in [(x.topic, x.text) for x in found.ownership]


def test_nothing_declared_is_nothing_known() -> None:
    found = make(BARE, world.material()).answers
    assert found.rows == ()
    assert found.lead == "No list names a part of this feature, and its traffic shows none."
    assert lines(found, "training") == [("By us", "not known")]
    assert lines(found, "boundary") == [("", "not known")]
    assert lines(found, "trained on") == [("", "not known")]
    assert Line("Feature", "not known") in found.ownership


def test_unknown_is_never_a_no() -> None:
    rows = [part("hosted:m", "hosted_model", "m"), part("model:own", "model", "own")]
    found = told(rows, evals=world.evals().clear())
    assert lines(found, "training") == [("Not known for", "m"), ("By us", "not known")]
    assert ("Not known for", "m") in lines(found, "boundary")
    assert ("Not known for", "m") in lines(found, "kept")
    assert ("Not known for", "m and own") in lines(found, "trained on")
    [hosted, own] = found.rows
    assert (hosted.host, hosted.version, hosted.licence) == ("not known",) * 3
    assert (hosted.boundary, own.boundary) == ("not known", "not known")
    said = " ".join(text for one in found.data for line in one.lines for text in (line.text,))
    assert not {"no", "none", "never"} & set(said.split())


def test_what_a_list_says_is_told_as_said_by_it() -> None:
    rows = [
        part(f"hosted:{at}", "hosted_model", f"m{at}", supplier="P", crosses_trust_boundary=False,
             attributes=f'{{"trains_on_inputs": {value}, "retention_days": {days}}}')
        for at, (value, days) in enumerate((("true", "0"), ("false", "30"), ('"yes"', '"x"')))
    ]  # fmt: skip
    found = told(rows)
    assert lines(found, "training") == [
        ("Yes, by the provider", "P (m0), as declared"),
        ("Not by the provider", "P (m1), as declared"),
        ("Not known for", "P (m2)"),
    ]
    assert lines(found, "kept")[1:] == [
        ("P (m0)", "nothing is kept, as declared"),
        ("P (m1)", "30 days, as declared"),
        ("P (m2)", "x, as declared"),
    ]
    assert lines(found, "boundary") == [("", "no part is declared to cross it")]


def test_logs_of_a_high_risk_feature_are_kept_six_months() -> None:
    def kept(days: int, tier: str, content: str = "redacted") -> str:
        retention = Retention(content=content, contents_days=30, calls_days=days)
        feature = FULL.model_copy(update={"risk_tier": tier})
        found = answers(feature, DAY, world.full().inventory, Facts(retention=retention))
        return lines(found, "kept")[0][1]

    assert kept(182, "high").endswith("keeps logs 183 days or more (EU AI Act, Art. 19)")
    assert kept(183, "high") == "texts 30 days (redacted), call records 183 days"
    assert kept(182, "low") == "texts 30 days (redacted), call records 182 days"
    assert kept(400, "low", "none") == "no texts, call records 400 days"


def test_no_traffic_is_said() -> None:
    found = told([part("model:m", "model", "m")])
    assert found.warning == "No traffic was seen in 28 days: all of it is declared only."


def test_a_server_is_seen_through_its_tools() -> None:
    rows = {row.name: row for row in world.full().answers.rows}
    assert rows["tickets-mcp"].evidence == "its tools were seen"
    assert rows["surprise-mini"].evidence == "seen, on no list"
    assert rows["help-index"].evidence == "declared"
