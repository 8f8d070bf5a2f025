"""Lists of parts in the demo world: what each feature is made of, as its team wrote it down.

Rows of `components` and `component_edges`. Applications are in the Backstage catalogue beside the
configuration. Nothing here is random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from llmops_health.demo import faults, tunes
from llmops_health.demo.faults import Calendar
from llmops_health.demo.features import FEATURES, Feature
from llmops_health.demo.lineage import Lineage, sha256
from llmops_health.demo.texts import load_phrases

Row = dict[str, Any]

LISTED_BEFORE_DAYS = 9
WITHDRAWN_MODEL = "corvid-large"
MCP_SERVER = "mcp:repo-tools"
OWNERLESS = faults.SALES_DRAFTS
TOOLS_VERSION = "2.1"
UNLICENSED = "dataset:supplier-invoices"

_US = "Example Ltd"
_PROVIDER = "Corvid AI"
_TERMS = "LicenseRef-Corvid-Terms-2026"
OWNERS = {
    faults.MODERATION: "team-community@example.com",
    faults.SUPPORT_INTENTS: "team-support@example.com",
    faults.HELP_RAG: "team-docs@example.com",
    faults.CODE_AGENT: "team-platform@example.com",
    faults.INVOICE_FIELDS: "team-finance@example.com",
}
_CLASSES = {
    faults.MODERATION: "public",
    faults.SUPPORT_INTENTS: "personal",
    faults.SALES_DRAFTS: "personal",
    faults.HELP_RAG: "internal",
    faults.CODE_AGENT: "confidential",
    faults.INVOICE_FIELDS: "confidential",
}
# What else a feature is made of: id, kind, version, and what is known beside.
_MORE: Mapping[str, tuple[tuple[str, str, str, Row], ...]] = {
    faults.MODERATION: (
        ("dataset:forum-posts", "dataset", "2025-09", {
            "license": "LicenseRef-Example-Internal", "data_classification": "public",
            "source_uri": "https://data.example.com/forum-posts/2025-09"}),
    ),
    faults.SUPPORT_INTENTS: (),
    faults.SALES_DRAFTS: (
        ("guardrail:discount-limit", "guardrail", "3", {}),
    ),
    faults.HELP_RAG: (
        ("embedding:corvid-embed", "embedding_model", "2026-02", {
            "supplier": _PROVIDER, "license": _TERMS, "endpoint": "https://api.corvid.example/v1",
            "crosses_trust_boundary": True}),
        ("index:help-articles", "vector_index", "2026-08", {"data_classification": "public"}),
        ("dataset:help-articles", "dataset", "2026-08", {
            "license": "CC-BY-4.0", "data_classification": "public",
            "source_uri": "https://help.example.com/export/2026-08"}),
        ("guardrail:personal-data", "guardrail", "1.3", {}),
    ),
    faults.CODE_AGENT: (
        (MCP_SERVER, "mcp_server", "1.4.0", {
            "supplier": "Toolsmith GmbH", "license": "Apache-2.0",
            "endpoint": "https://mcp.toolsmith.example/repo", "crosses_trust_boundary": True,
            "data_classification": "confidential", "purl": "pkg:npm/repo-tools-mcp@1.4.0",
            "authenticated": True}),
    ),
    faults.INVOICE_FIELDS: (
        (UNLICENSED, "dataset", "2025-05", {
            "license": "unknown", "data_classification": "confidential",
            "source_uri": "https://data.example.com/supplier-invoices/2025-05"}),
    ),
}  # fmt: skip
_EDGES = (
    ("index:help-articles", "trained_on", "dataset:help-articles"),
    ("index:help-articles", "depends_on", "embedding:corvid-embed"),
)


def make_components(calendar: Calendar, lineages: Mapping[str, Lineage]) -> list[Row]:
    """List the parts of all features; a part that changed has a row for each list it stood on."""
    return [row for feature in FEATURES for row in _of_feature(feature, calendar, lineages)]


def make_edges(lineages: Mapping[str, Lineage]) -> list[Row]:
    """Say how the parts hang together."""
    found: list[tuple[str, str, str]] = list(_EDGES)
    for feature in FEATURES:
        app = f"component:default/{feature.feature_id}"
        found += [
            (app, "depends_on", f"model:{feature.model}"),
            (app, "uses_prompt", f"prompt:{feature.feature_id}"),
            *((app, "evaluated_by", f"suite:{suite}") for suite in _suites(feature.feature_id)),
        ]
        for part, kind, _, _ in _more(feature.feature_id):
            tools = kind in {"tool", "mcp_server"}
            found.append((app, "calls_tool" if tools else "depends_on", part))
    for number, _, _, _ in _checkpoints(lineages):
        made = f"checkpoint:corvid-mini-ft-{number}"
        found += [
            (made, "derived_from", "model:corvid-mini"),
            (made, "trained_on", f"dataset:intents-feedback-{number}"),
            (made, "evaluated_by", "suite:intents-broad"),
        ]
    return [{"src": src, "dst": dst, "relation": relation} for src, relation, dst in found]


def _of_feature(
    feature: Feature, calendar: Calendar, lineages: Mapping[str, Lineage]
) -> Iterator[Row]:
    name = feature.feature_id
    listed = calendar.first_day - timedelta(days=LISTED_BEFORE_DAYS)

    def part(component_id: str, kind: str, version: str, **known: Any) -> Row:  # noqa: ANN401
        row = {
            "component_id": component_id,
            "kind": kind,
            "name": component_id.partition(":")[2],
            "version": version,
            "feature_id": name,
            "supplier": _US if name in OWNERS else None,
            "owner": OWNERS.get(name),
            "listed_on": _at(listed),
        }
        return {key: value for key, value in (row | known).items() if value is not None}

    hosted = part(
        f"model:{feature.model}", "hosted_model", "2026-05", supplier=_PROVIDER, license=_TERMS,
        endpoint="https://api.corvid.example/v1", crosses_trust_boundary=True,
        data_classification=_CLASSES[name], released_on="2026-05-04T00:00:00Z",
        region="eu-central", retention_days=0, trains_on_inputs=False, authenticated=True,
    )  # fmt: skip
    if name == faults.CODE_AGENT:
        ends = calendar.last_day + timedelta(days=faults.WITHDRAWN_AFTER_DAYS)
        hosted["deprecated_on"] = _at(ends, hour=0)
    yield hosted
    prompt = sha256(load_phrases(name).system)
    yield part(f"prompt:{name}", "prompt", feature.prompt_version, sha256=prompt)
    for suite in _suites(name):
        yield part(f"suite:{suite}", "eval_suite", "1", sha256=sha256(f"cases of {suite}"))
    for component_id, kind, version, known in _more(name):
        whole = {"sha256": sha256(f"{component_id} {version}")} | known
        yield part(component_id, kind, version, **whole)
        if component_id == MCP_SERVER:
            changed = calendar.date_of(calendar.index(faults.MANIFEST_DAY))
            again = {
                "sha256": sha256(f"{component_id} {version}, changed"),
                "listed_on": _at(changed),
            }
            yield part(component_id, kind, version, **(whole | again))
    if name == faults.SUPPORT_INTENTS:
        for number, made, data, when in _checkpoints(lineages):
            yield part(
                f"checkpoint:corvid-mini-ft-{number}", "checkpoint", str(number), sha256=made,
                license=_TERMS, released_on=when, listed_on=when,
            )  # fmt: skip
            yield part(
                f"dataset:intents-feedback-{number}", "dataset", str(number), sha256=data,
                license="LicenseRef-Example-Internal", data_classification="personal",
                source_uri=f"https://data.example.com/intents-feedback/{number}", listed_on=when,
            )  # fmt: skip


def _more(feature_id: str) -> tuple[tuple[str, str, str, Row], ...]:
    names = sorted({tool for used in load_phrases(feature_id).tools for tool in used})
    return (*_MORE[feature_id], *((f"tool:{name}", "tool", TOOLS_VERSION, {}) for name in names))


def _checkpoints(lineages: Mapping[str, Lineage]) -> Iterator[tuple[int, str, str, str]]:
    """Yield number, hash, hash of the training set and time of each fine-tune."""
    steps = lineages[faults.SUPPORT_INTENTS].steps
    trained = [step for step in steps if step["op"] == "train"]
    for number, step in enumerate(trained, start=1):
        yield number, step["output_artifact"], step["input_artifacts"][0], step["started_at"]


def _suites(feature_id: str) -> tuple[str, ...]:
    own = (feature.suite_id for feature in FEATURES if feature.feature_id == feature_id)
    return (*own, *(suite.suite_id for suite in tunes.suites() if suite.feature_id == feature_id))


def _at(day: date, *, hour: int = 10) -> str:
    return f"{datetime.combine(day, time(hour)):%Y-%m-%dT%H:%M:%SZ}"
