"""Lists of parts, edges and features from few words, for the checks that read lists."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from llmops_health.config import Feature
from llmops_health_tests.health.ownership.simulate import ago, at, table

FEATURE = Feature(
    id="help", kind="rag", owner="team-docs@example.com", lifecycle="production", risk_tier="medium"
)
HASHES = [f"{number:064x}" for number in range(1, 9)]


def part(kind: str, name: str, version: str | None = "1", **given: object) -> dict[str, object]:
    """Return a row of `summary__listed_parts`, of the feature and always known."""
    said = {"kind": kind, "name": name, "version": version, "of_feature": FEATURE.id}
    return {"component_id": f"{kind}:{name}", **said, **given}


def listed(*rows: dict[str, object]) -> pl.DataFrame:
    return table("summary__listed_parts", rows)


def edges(*given: tuple[str, str, str]) -> pl.DataFrame:
    """Return edges: from, to, relation."""
    rows = [{"src": src, "dst": dst, "relation": relation} for src, dst, relation in given]
    return table("core__component_edges", rows)


def observed(*seen: tuple[float, str, str, str | None, int]) -> pl.DataFrame:
    """Return what traffic showed: days ago, kind, name, version, calls of 150."""
    rows = [{"day": ago(age), "feature_id": FEATURE.id, "run_kind": "prod", "kind": kind,
             "name": name, "version": version, "seen_in": "calls", "n_calls": n, "n_errors": 0,
             "n_of": 150} for age, kind, name, version, n in seen]  # fmt: skip
    return table("summary__observed_components", rows)


def whole_list(when: datetime | None = None, model: str = "2026-05", **more: object) -> list[Any]:
    """Return a list that tells nearly all that the contract has columns for."""
    given: dict[str, object] = {"listed_on": when, "owner": "team-docs@example.com"} | more
    return [
        part("application", "help", "7", listed_on=when, owner="team-docs@example.com"),
        part("hosted_model", "corvid", model, supplier="Corvid", license="Terms",
             endpoint="https://api.example", crosses_trust_boundary=True,
             data_classification="personal", released_on=at(200), **given),
        part("prompt", "answer", "v1", sha256=HASHES[0], **given),
        part("dataset", "articles", "2026-05", sha256=HASHES[1], license="CC-BY-4.0",
             data_classification="public", source_uri="https://data.example", **given),
        part("eval_suite", "help-v1", "1", sha256=HASHES[2], **given),
        part("guardrail", "personal-data", "1.3", **given),
        part("mcp_server", "tickets", "1.4.0", sha256=HASHES[3], supplier="Toolsmith",
             endpoint="https://mcp.example", crosses_trust_boundary=True,
             data_classification="personal", **given),
        part("library", "litellm", "1.80.1", sha256=HASHES[4], listed_on=when),
    ]  # fmt: skip


WHOLE_EDGES = edges(
    ("application:help", "hosted_model:corvid", "depends_on"),
    ("application:help", "prompt:answer", "uses_prompt"),
    ("application:help", "dataset:articles", "depends_on"),
    ("application:help", "eval_suite:help-v1", "evaluated_by"),
    ("application:help", "guardrail:personal-data", "depends_on"),
    ("application:help", "mcp_server:tickets", "calls_tool"),
)
NO_EDGES = edges()
NO_TRAFFIC = observed()
