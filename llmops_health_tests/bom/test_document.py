"""Documents of a full, a bare and a hostile feature: valid, the same every time, and telling."""

from __future__ import annotations

import json
import random
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from llmops_health.bom.document import SPECS, Spec, as_bytes
from llmops_health.bom.facts import Facts, Setting
from llmops_health.bom.parts import KIND_ORDER
from llmops_health.bom.validate import errors, refs
from llmops_health.boms import make
from llmops_health_tests.bom import world
from llmops_health_tests.bom.world import BARE, COMPONENTS, DAY, EVIL, FULL, HASHES, HOSTILE, part


@pytest.fixture(scope="module")
def full() -> dict[str, Any]:
    return world.full().document


def named(bom: dict[str, Any], name: str) -> dict[str, Any]:
    services = [*bom["services"], *(n for one in bom["services"] for n in one.get("services", ()))]
    [found] = [one for one in [*bom["components"], *services] if one["name"] == name]
    return dict(found)


def told(entry: dict[str, Any], name: str) -> list[str]:
    return [one["value"] for one in entry["properties"] if one["name"] == f"llmops-health:{name}"]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("which", ["full", "bare", "evil"])
def test_documents_are_strictly_valid(which: str, spec: Spec) -> None:
    feature, material = {
        "full": (FULL, world.material()),
        "bare": (BARE, world.material()),
        "evil": (EVIL, world.hostile()),
    }[which]
    made = make(feature, material, spec)
    assert made.errors == ()
    assert made.document["specVersion"] == spec
    assert len(set(refs(made.document))) == len(refs(made.document))


def test_the_same_input_gives_the_same_bytes_in_any_order() -> None:
    one = as_bytes(world.full().document)
    turned = world.material()
    rows = make(FULL, world.material(parts=turned.parts.reverse(), edges=turned.edges.reverse(),
                                     observed=turned.observed.reverse()))  # fmt: skip
    assert as_bytes(rows.document) == one
    other = make(FULL, world.material(day=date(2026, 10, 30)))
    assert other.document["serialNumber"] != rows.document["serialNumber"]


def test_a_bare_feature_claims_nothing() -> None:
    bom = world.bare().document
    assert bom["components"] == bom["services"] == []
    assert bom["compositions"] == [{"aggregate": "unknown", "dependencies": ["feature:bare"]}]
    assert "authors" not in bom["metadata"]
    assert told(bom["metadata"]["component"], "owner") == []


def test_who_when_and_with_what(full: dict[str, Any]) -> None:
    told_of = full["metadata"]
    assert told_of["timestamp"] == "2026-10-31T23:59:59Z"
    assert told_of["lifecycles"] == [{"phase": "operations"}]
    assert told_of["authors"] == [{"name": "team-docs@example.com"}]
    assert told_of["supplier"] == {"name": "Example Corp"}
    assert told_of["tools"]["components"][0]["name"] == "llmops-health"
    assert told_of["component"]["version"] == "2026.10.2"
    for name, value in (("lifecycle", "production"), ("riskTier", "high"), ("owner", FULL.owner)):
        assert told(told_of["component"], name) == [value]


def test_a_checkpoint_tells_its_base_its_data_and_its_scores(full: dict[str, Any]) -> None:
    entry = named(full, "rerank-ckpt")
    assert entry["type"] == "machine-learning-model"
    assert entry["modified"] is True
    [base] = entry["pedigree"]["ancestors"]
    assert (base["name"], base["hashes"][0]["content"]) == ("Qwen2.5-0.5B", HASHES["base"])
    assert entry["hashes"] == [{"alg": "SHA-256", "content": HASHES["tune"]}]  # the newer list's
    card = entry["modelCard"]
    assert card["modelParameters"]["task"] == "question-answering"
    assert card["modelParameters"]["datasets"] == [{"ref": "data:feedback"}]
    [metric] = card["quantitativeAnalysis"]["performanceMetrics"]
    assert metric["value"] == "0.7000"
    # mean 0.7, variance 0.08, n 212: 0.7 -/+ 1.9713 sqrt(0.08 / 212)
    assert metric["confidenceInterval"] == {"lowerBound": "0.6617", "upperBound": "0.7383"}
    assert told(card, "generation:temperature") == ["0.2 (90 %); not set (10 %)"]
    assert told(card, "eval:rerank-v1:date") == ["2026-10-29"]


def test_a_hosted_model_is_a_service_without_the_secrets_of_its_address(
    full: dict[str, Any],
) -> None:
    entry = named(full, "claude-answer")
    assert entry["provider"] == {"name": "Anthropic"}
    assert entry["endpoints"] == ["https://api.anthropic.example/v1/messages"]
    assert entry["x-trust-boundary"] is True
    assert entry["authenticated"] is True
    assert entry["data"] == [{"flow": "bi-directional", "classification": "customer-content"}]
    assert told(entry, "eval:help-v3:score") == ["0.9100"]
    assert told(entry, "evidence") == ["both"]
    assert "secret" not in json.dumps(full)


def test_what_nobody_said_is_left_out_and_named_as_unknown(full: dict[str, Any]) -> None:
    entry = named(full, "surprise-mini")
    assert not {"provider", "endpoints", "authenticated", "x-trust-boundary", "data"} & set(entry)
    assert told(entry, "evidence") == ["observed"]
    assert told(entry, "undeclared") == ["true"]
    unknown = {"version", "supplier", "endpoint", "crosses_trust_boundary", "data_classification"}
    assert set(told(entry, "unknown")) == unknown
    aggregates = {one["aggregate"]: one for one in full["compositions"]}
    assert aggregates["incomplete"]["dependencies"] == ["feature:help-rag"]
    assert aggregates["unknown"]["assemblies"] == ["observed:hosted_model:surprise-mini"]
    assert "hosted:answer" in aggregates["incomplete_third_party_only"]["assemblies"]


def test_tools_lie_within_their_server(full: dict[str, Any]) -> None:
    [tool] = named(full, "tickets-mcp")["services"]
    assert tool["name"] == "find_ticket"
    assert "find_ticket" not in [one["name"] for one in full["components"]]
    assert {"ref": "mcp:tickets", "dependsOn": ["tool:find"]} in full["dependencies"]


def test_prompts_and_datasets_are_data(full: dict[str, Any]) -> None:
    prompt, dataset = named(full, "answer"), named(full, "feedback-2026-09")
    assert (prompt["version"], prompt["data"][0]["type"]) == ("v17", "configuration")
    assert dataset["data"][0] == {
        "type": "dataset",
        "name": "feedback-2026-09",
        "contents": {"url": "https://data.example.com/feedback.parquet"},
        "classification": "customer feedback, redacted",
        "governance": {"owners": [{"organization": {"name": "team-ml@example.com"}}]},
    }


def test_only_what_the_feature_needs_is_in_it(full: dict[str, Any]) -> None:
    known = set(refs(full))
    assert {"model:base", "data:feedback", "lib:litellm", "tool:find"} <= known
    assert not {"lib:elsewhere", "app:other", "application:help-rag", "nowhere"} & known
    [litellm] = [one for one in full["components"] if one["bom-ref"] == "lib:litellm"]
    assert litellm["licenses"] == [{"license": {"id": "MIT"}}]
    assert named(full, "mini-embed")["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert named(full, "rerank-ckpt")["licenses"] == [{"license": {"name": "Proprietary"}}]


def test_lineage_is_the_ledgers(full: dict[str, Any]) -> None:
    [workflow] = full["formulation"][0]["workflows"]
    assert workflow["uid"] == "help-rag/rerank"
    assert workflow["outputs"][0]["resource"] == {"ref": "checkpoint:rerank"}
    assert told(workflow, "ledger:feedbackRows") == ["1201"]


def test_what_cannot_be_read_is_kept_as_text() -> None:
    rows = [part("lib:odd", "library", "odd", purl="odd 1.2", sha256="abc", license="MIT AND",
                 source_uri="not an address")]  # fmt: skip
    made = make(FULL, world.material(parts=pl.DataFrame(rows, schema=COMPONENTS)))
    entry = named(made.document, "odd")
    assert made.errors == ()
    assert not {"purl", "hashes", "externalReferences"} & set(entry)
    assert told(entry, "purl") == ["odd 1.2"]
    assert told(entry, "sha256") == ["abc"]
    assert entry["licenses"] == [{"license": {"name": "MIT AND"}}]


def test_a_list_made_after_the_day_is_not_known_yet() -> None:
    made = make(FULL, world.material(day=date(2026, 10, 11)))
    assert named(made.document, "answer")["version"] == "v16"
    assert named(made.document, "rerank-ckpt")["hashes"][0]["content"] == HASHES["old"]
    assert "surprise-mini" not in json.dumps(made.document)


def test_traffic_after_the_day_is_not_known_yet() -> None:
    late = pl.DataFrame([(date(2026, 11, 1), FULL.id, "tool", "late", None, 9)],
                        schema=world.OBSERVED, orient="row")  # fmt: skip
    made = make(FULL, world.material(observed=pl.concat([world.observed(), late])))
    assert as_bytes(made.document) == as_bytes(world.full().document)


def test_two_parts_of_one_id_have_two_refs() -> None:
    rows = [part("prompt:p", "prompt", "p", version=v) for v in ("1", "2")]
    rows.append(part("urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#x", "tool", "t"))
    made = make(FULL, world.material(parts=pl.DataFrame(rows, schema=COMPONENTS)))
    assert made.errors == ()
    known = refs(made.document)
    assert {"prompt:p@1", "prompt:p@2"} <= set(known)
    assert not any(one.startswith("urn:cdx:") for one in known)


def test_hostile_text_stays_text() -> None:
    bom = world.evil().document
    assert bom["metadata"]["component"]["name"] == HOSTILE
    assert "externalReferences" not in bom["metadata"]["component"]
    assert json.loads(as_bytes(bom)) == bom


def test_a_parameter_that_few_calls_have_is_left_out() -> None:
    from llmops_health.bom.model_card import setting_properties

    [model] = [one for one in world.full().inventory.parts if one.name == "rerank-ckpt"]
    settings = [
        Setting(model="rerank-ckpt", name="top_p", value=value, share=share)
        for value, share in ((0.9, 0.995), (0.1, 0.005))
    ]
    assert setting_properties(settings, model) == [("generation:top_p", "0.9")]


def test_hundreds_of_libraries_are_valid() -> None:
    rows = [part(f"lib:{at}", "library", f"lib{at}", version="1") for at in range(300)]
    made = make(FULL, world.material(parts=pl.DataFrame(rows, schema=COMPONENTS)))
    assert made.errors == ()
    assert len(made.document["components"]) > 300


def test_errors_of_a_broken_shape_name_their_place() -> None:
    bom = world.full().document
    bom["metadata"]["timestamp"] = datetime(2026, 1, 1).isoformat() + "nonsense"  # noqa: DTZ001
    assert any(one.startswith("$.metadata.timestamp: ") for one in errors(bom))
    assert DAY.isoformat() in world.full().document["metadata"]["timestamp"]
    assert Facts().of_model("x") == []


def test_whatever_lists_hold_the_document_is_valid() -> None:
    pieces = ("http://a.b/c", "https://x:y@h:99999/p", "//", "[::1]", "%zz", "%41", "\x00", "<b>",
              "pkg:pypi/a@1", "pkg:", "MIT", "GPL-2.0+", "(", "AND", " ", "LicenseRef-x", "a" * 64,
              "urn:cdx:x/1#y", "git@h:o/r.git", "data:text/html,x", "\u65e5\u672c", "\n", "x:y",
              "?q=1", "feature:help-rag", "observed:tool:x", "https://h:abc/", "")  # fmt: skip
    rng = random.Random(7)  # noqa: S311 - no secret

    def word() -> str:
        return "".join(rng.choices(pieces, k=rng.choice((1, 2, 3))))

    words = [name for name, kind in COMPONENTS.items() if kind == pl.String]
    for _ in range(4):
        rows: list[dict[str, Any]] = [
            dict[str, Any]({name: word() for name in words})
            | {"component_id": word() or "x", "kind": kind, "name": word() or "x",
               "feature_id": rng.choice((FULL.id, None)), "attributes": rng.choice(("[]", None))}
            for kind in KIND_ORDER
        ]  # fmt: skip
        ids = [str(row["component_id"]) for row in rows]
        relations = ("depends_on", "derived_from", "trained_on", "served_by", "calls_tool")
        links = [(rng.choice(ids), rng.choice(ids), rng.choice(relations), None) for _ in range(12)]
        seen = [(DAY, FULL.id, rng.choice(KIND_ORDER), word() or "x", word(), 3) for _ in range(4)]
        made = make(FULL, world.material(
            parts=pl.DataFrame(rows, schema=COMPONENTS),
            edges=pl.DataFrame(links, schema=world.EDGES, orient="row"),
            observed=pl.DataFrame(seen, schema=world.OBSERVED, orient="row"),
        ))  # fmt: skip
        assert made.errors == ()
