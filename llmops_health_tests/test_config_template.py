"""The example, the starter file and the schema agree with what loads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmops_health.config import (
    TEMPLATE,
    Config,
    ConfigError,
    Feature,
    Source,
    json_schema,
    load,
    write_template,
)

EXAMPLE = """\
storage:
  path: health.duckdb
engine: duckdb
privacy:
  content: redacted
  user_id_key: ${LLMOPS_HEALTH_PEPPER:-}
retention_days: {contents: 30, calls: 400}
schedule: "15 2 * * *"
features:
  - id: support-intents
    kind: classifier
    name: Support intent router
    owner: team-support@example.com
    launched_on: 2026-03-01
    lifecycle: production
    risk_tier: high
    repository: https://git.example.com/support/intents
    runbook_url: https://wiki.example.com/intents
    last_reviewed_on: 2026-08-01
    trained_on: 2026-02-10
    maintenance_hours_per_month: 12
    eval_suites: [intents-v1]
    target_capability: support
    out_of_scope_label: oos
    confidence_gate: 0.8
    error_costs: {default: 1, "billing->cancel": 20}
    review: {queue: intents, sla_hours: 24, reviewers: 4}
    slo: {p95_latency_ms: 2500, cost_usd_per_1k_calls: 4.0}
sources:
  - table: calls
    format: jsonl
    path: logs/calls/*.jsonl.gz
    columns:
      call_id: id
      started_at: to_timestamp(ts)
      feature_id: "'support-intents'"
  - table: eval_results
    format: parquet
    path: evals/*.parquet
checks:
  drift:
    input_drift: {reference_days: 28}
  calibration:
    overconfidence: {max_gap: 0.05}
    out_of_scope: {enabled: false}
"""
FEATURE = "features:\n  - id: a\n    kind: rag\n"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a configuration file of this text."""

    def to_file(text: str) -> Path:
        file = tmp_path / "health.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return to_file


def test_the_example_loads(write: Write, tmp_path: Path) -> None:
    config = load(write(EXAMPLE), {})
    feature = config.feature("support-intents")
    assert config.storage.path == tmp_path / "health.duckdb"
    assert (config.root, config.file) == (tmp_path, tmp_path / "health.yaml")
    assert feature.launched_on == date(2026, 3, 1)
    assert feature.review is not None
    assert feature.review.sla_hours == 24
    assert config.sources[0].path == (str(tmp_path / "logs/calls/*.jsonl.gz"),)
    assert config.sources[0].columns["started_at"] == "to_timestamp(ts)"
    assert config.checks["calibration"]["out_of_scope"] == {"enabled": False}
    assert config.warnings == [
        f"No file matches {tmp_path}/logs/calls/*.jsonl.gz yet.",
        f"No file matches {tmp_path}/evals/*.parquet yet.",
    ]


def uncommented(template: str) -> str:
    """Return the template with every key in it live."""
    lines = re.sub(r"^checks: \{\}.*\n", "", template, flags=re.MULTILINE)
    return re.sub(r"^( *)# ((?:  )*[a-z_]+:( |$))", r"\1\2", lines, flags=re.MULTILINE)


def test_the_template_loads_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "llmops-health.yaml"
    write_template(file)
    config = load(file, {})
    assert [feature.id for feature in config.features] == ["my-feature"]
    assert len(config.warnings) == 2


def test_the_template_shows_every_key_with_a_comment(write: Write) -> None:
    text = uncommented(TEMPLATE)
    config = load(write(text), {})
    assert set(config.features[0].model_dump(exclude_unset=True)) == set(Feature.model_fields)
    assert set(Source.model_fields) == config.sources[0].model_fields_set
    assert config.model_fields_set == set(Config.model_fields)
    for section in ("storage", "privacy", "retention_days"):
        inner = getattr(config, section)
        assert inner.model_fields_set == set(type(inner).model_fields)
    headings = {"storage:", "privacy:", "features:", "sources:"}
    for line in text.splitlines():
        assert "#" in line or not line.strip() or line in headings, line


def test_the_template_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "health.yaml"
    file.write_text("mine")
    with pytest.raises(ConfigError, match=r"health\.yaml: The file exists already and was left"):
        write_template(file)
    assert file.read_text() == "mine"
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
        write_template(tmp_path / "no" / "health.yaml")


def complaints(value: object, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """Return what is wrong with a value, by the part of JSON schema that ours uses."""
    if "$ref" in schema:
        return complaints(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    for word in ("anyOf", "oneOf"):
        tried = [complaints(value, option, root) for option in schema.get(word, [])]
        if tried and all(tried):
            return min(tried, key=len)
    types = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}
    kind = types.get(schema.get("type", ""), int | float if "type" in schema else object)
    if not isinstance(value, kind):
        return [f"{value!r} is no {schema['type']}"]
    found = []
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        found.append(f"{value!r} is not among the words allowed")
    if not re.search(schema.get("pattern", ""), str(value)):
        found.append(f"{value!r} does not match {schema['pattern']}")
    if isinstance(value, int | float) and value < schema.get("minimum", value):
        found.append(f"{value} is less than {schema['minimum']}")
    if isinstance(value, list):
        found += [c for item in value for c in complaints(item, schema.get("items", {}), root)]
    return found + (complaints_of_keys(value, schema, root) if isinstance(value, dict) else [])


def complaints_of_keys(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any]
) -> list[str]:
    rest = schema.get("additionalProperties", True)
    found = [f"{key} is missing" for key in schema.get("required", []) if key not in value]
    found += [c for key in value for c in complaints(key, schema.get("propertyNames", {}), root)]
    for key, item in value.items():
        inner = schema.get("properties", {}).get(key, rest)
        found += [f"{key} is unknown"] if inner is False else []
        found += complaints(item, inner, root) if isinstance(inner, dict) else []
    return found


def as_json(text: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


@pytest.mark.parametrize("text", [EXAMPLE, TEMPLATE, uncommented(TEMPLATE)])
def test_what_loads_is_valid_by_the_schema(text: str) -> None:
    schema: dict[str, Any] = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert complaints(as_json(text), schema, schema) == []


@pytest.mark.parametrize(
    ("text", "n_complaints"),
    [
        ("retention_days: {calls: '${DAYS}'}\nengine: '${ENGINE}'", 0),
        (f"{FEATURE}    launched_on: '${{DAY}}'\n    risk_tier: '${{TIER}}'", 0),
        ("sources: [{table: calls, format: csv, path: [a, b]}]", 0),
        ("engine: {spark: 'sc://host'}", 0),
        ("engine: sdk", 1),
        ("storge: {}", 1),
        ("retention_days: {calls: 0}", 1),
        ("checks: {driff: {}}", 1),
        ("features: [{id: a}]", 1),
        (f"{FEATURE}    confidence_gate: -1", 1),
    ],
)
def test_the_schema_knows_references_and_rules(text: str, n_complaints: int) -> None:
    schema: dict[str, Any] = json_schema()
    assert len(complaints(as_json(text), schema, schema)) == n_complaints


def test_no_bound_is_lost_in_the_schema() -> None:
    # Pydantic writes bounds it cannot place as keys no editor knows.
    assert not re.findall(r'"(?:ge|gt|le|lt)":', json.dumps(json_schema()))
