"""The CycloneDX examples of machine learning, 1.5 to 1.7: what they lack, as read by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.contract import BY_NAME
from llmops_health.findings import Status
from llmops_health.health.bom._score import Score, parts_of, score
from llmops_health.health.bom.changed_component import Params, check
from llmops_health.ingest.documents import cyclonedx
from llmops_health_tests.health.bom.lists import NO_TRAFFIC, listed
from llmops_health_tests.health.ownership.simulate import DAY, table

FOLDER = "LLMOPS_HEALTH_REAL_DATA"
# Without the variable the path is relative and names nothing: the tests say so and are skipped.
EXAMPLES = Path(os.environ.get(FOLDER, "")) / "aibom" / "cyclonedx"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not EXAMPLES.is_dir(), reason=f"{FOLDER} names no folder of real data"),
]

COLUMNS = {column.name for column in BY_NAME["components"].columns}
FEATURE = Feature(id="images", kind="generation")
VERSIONS = ["1.5", "1.6", "1.7"]


def read(text: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the parts, as a feature's, and the edges of a document."""
    rows = [row for _, row in cyclonedx.rows(text, "components", Path("bom.json"))]
    links = [row for _, row in cyclonedx.rows(text, "component_edges", Path("bom.json"))]
    parts = [
        {key: value for key, value in row.items() if key in COLUMNS}
        | {"of_feature": "images", "attributes": json.dumps(row, default=str)}
        for row in rows
    ]
    return listed(*parts), table("core__component_edges", links)


def scored(text: str) -> Score:
    parts, links = read(text)
    return score(FEATURE, parts_of("images", parts, links), links, (), DAY)


def example(version: str) -> str:
    return (EXAMPLES / f"valid-machine-learning-{version}.json").read_text("utf-8")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_valid_document_can_lack_nearly_all_that_is_asked(version: str) -> None:
    found = scored(example(version))
    # Valid under the schema, and yet: no licence, hash, address or release date of the model.
    assert found.capped_by == ("no package URL, hash or address of the model stable-diffusion",)
    lacks = {element for element, part, _ in found.missing if part == "stable-diffusion"}
    has_supplier = version != "1.5"
    assert lacks == {"identifier", "release date", "hash", "licence", "reference"} | (
        set() if has_supplier else {"producer"}
    )
    of_data = {element for element, part, _ in found.missing if part == "Training Data"}
    assert of_data == {"description", "identifier", "hash", "provenance", "licence"}
    assert ("time of the list", "", None) in found.missing
    # 0.8 for version, description, training, and supplier where told, of 9.
    assert found.clusters[2].value == pytest.approx(0.8 * (3 + has_supplier) / 9)
    assert found.grade == "D"
    assert found.verified_share == 0


def test_a_reference_that_leads_nowhere_is_named() -> None:
    document: dict[str, Any] = json.loads(example("1.7"))
    document["dependencies"] = [{"ref": "component-a", "dependsOn": ["component-gone"]}]
    assert "edges to component-gone, not on any list" in scored(json.dumps(document)).capped_by


def test_a_hash_that_changes_between_two_documents() -> None:
    document: dict[str, Any] = json.loads(example("1.7"))
    frames = []
    for day, digit in (("2026-09-01", "a"), ("2026-10-20", "b")):
        document["metadata"] = {"timestamp": f"{day}T00:00:00Z"}
        document["components"][0]["hashes"] = [{"alg": "SHA-256", "content": digit * 64}]
        rows = [row for _, row in cyclonedx.rows(json.dumps(document), "components", Path("b"))]
        known = [{key: row.get(key) for key in ("component_id", "kind", "name", "version",
                                                "sha256")} for row in rows]  # fmt: skip
        made = pl.lit(day).str.to_datetime("%Y-%m-%d", time_unit="us")
        frames.append(
            listed(*(row | {"of_feature": "images"} for row in known)).with_columns(listed_on=made)
        )
    links = read(example("1.7"))[1]
    whole, one = check(FEATURE, DAY, pl.concat(frames), links, NO_TRAFFIC, Params())
    assert whole.status is Status.WARN
    assert one.segment == "component-a@1.4"
    assert "aaaaaaaaaaaa became bbbbbbbbbbbb on 2026-10-20" in one.message
