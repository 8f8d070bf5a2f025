"""Matching of traffic with lists: providers' ways of writing a name, in both directions."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from llmops_health.health.bom._matching import covered, graded, undeclared

LISTED, UNLISTED, OTHER = "listed", "not listed", "other version"

# What a call says; kind, name and version of the only part that is listed; what comes of it.
MODELS = [
    ("gpt-4o", "hosted_model", "gpt-4o", None, LISTED),
    ("GPT-4o ", "hosted_model", "gpt-4o", None, LISTED),
    ("openai/gpt-4o", "hosted_model", "gpt-4o", None, LISTED),
    ("azure/gpt-4o", "hosted_model", "openai/gpt-4o", None, LISTED),
    ("openrouter/openai/gpt-4o", "model", "openai/gpt-4o", None, LISTED),
    ("models/gemini-1.5-pro", "model", "gemini-1.5-pro", None, LISTED),
    ("models/gemini-1.5-pro-002", "model", "gemini-1.5-pro", "001", OTHER),
    ("gemini-2.5-flash-preview-04-17", "model", "gemini-2.5-flash", None, LISTED),
    ("gpt-4o-2024-08-06", "hosted_model", "gpt-4o", None, LISTED),
    ("gpt-4o-2024-08-06", "hosted_model", "gpt-4o", "2024-08-06", LISTED),
    ("gpt-4o-2024-08-06", "hosted_model", "gpt-4o", "20240806", LISTED),
    ("gpt-4o-2024-08-06", "hosted_model", "gpt-4o", "gpt-4o-2024-08-06", LISTED),
    ("gpt-4o-2024-08-06", "hosted_model", "gpt-4o-2024-08-06", None, LISTED),
    ("gpt-4o", "hosted_model", "gpt-4o-2024-08-06", None, LISTED),
    ("gpt-4o", "hosted_model", "gpt-4o", "2024-08-06", LISTED),
    ("gpt-4o-2024-08-06", "hosted_model", "gpt-4o", "2024-05-13", OTHER),
    ("gpt-4o-2024-08-06", "hosted_model", "gpt-4o-2024-05-13", None, OTHER),
    ("gpt-4o-2024-08-06", "hosted_model", "gpt-4o", "gpt-4o-2024-05-13", OTHER),
    ("gpt-4o-2024-08-06", "hosted_model", "gpt-4o", "latest", LISTED),
    ("gpt-4o-2024-08-06", "hosted_model", "gpt-4o-mini", None, UNLISTED),
    ("gpt-4o-mini-2024-07-18", "hosted_model", "gpt-4o", None, UNLISTED),
    ("gpt-4o-mini", "hosted_model", "gpt-4o", None, UNLISTED),
    ("gpt-4.1", "hosted_model", "gpt-4", None, UNLISTED),
    ("gpt-4-0613", "hosted_model", "gpt-4", None, LISTED),
    ("gpt-4-0613", "hosted_model", "gpt-4", "2023-06-13", LISTED),
    ("gpt-4-1106-preview", "hosted_model", "gpt-4-0613", None, OTHER),
    ("gpt-4-32k-0613", "hosted_model", "gpt-4", None, UNLISTED),
    ("o1-2024-12-17", "hosted_model", "o1", "2024-12-17", LISTED),
    ("claude-3-5-sonnet-20241022", "hosted_model", "claude-3-5-sonnet-latest", None, LISTED),
    ("claude-3.5-sonnet", "hosted_model", "Claude 3.5 Sonnet", None, LISTED),
    ("claude-3-5-sonnet@20240620", "hosted_model", "claude-3-5-sonnet", "20240620", LISTED),
    ("us.anthropic.claude-3-5-sonnet-20240620-v1:0", "hosted_model", "claude-3-5-sonnet",
     "2024-06-20", LISTED),
    ("anthropic.claude-3-5-sonnet-20241022-v2:0", "hosted_model", "claude-3-5-sonnet",
     "2024-06-20", OTHER),
    ("arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
     "hosted_model", "anthropic/claude-3-haiku", None, LISTED),
    ("projects/p/locations/eu/publishers/google/models/gemini-1.5-pro", "model",
     "google/gemini-1.5-pro", None, LISTED),
    ("amazon.titan-embed-text-v2:0", "embedding_model", "titan-embed-text-v2", None, LISTED),
    ("amazon.titan-embed-text-v2:0", "embedding_model", "titan-embed-text-v1", None, OTHER),
    ("meta-llama/Llama-3.1-8B", "model", "Llama-3.1-8B", None, LISTED),
    ("somebody/Llama-3.1-8B", "model", "meta-llama/Llama-3.1-8B", None, UNLISTED),
    ("llama3:8b", "model", "llama3:70b", None, UNLISTED),
    ("Qwen/Qwen2.5-0.5B", "model", "Qwen2.5-0.5B", "7ae5576", LISTED),
    ("Qwen2.5-0.5B@7ae5576", "model", "Qwen2.5-0.5B", "7ae557604adf67be", LISTED),
    ("Qwen2.5-0.5B@aaaaaaa", "model", "Qwen2.5-0.5B", "7ae557604adf67be", OTHER),
    ("corvid-large-2026-05", "hosted_model", "corvid-large", "2026-05", LISTED),
    ("corvid-large-2026-05", "hosted_model", "corvid-large", "2026-05-12", LISTED),
    ("corvid-large-2026-05", "hosted_model", "corvid-large", "2026-07", OTHER),
    ("corvid-large-2026-05", "hosted_model", "corvid-large", "3.1", LISTED),
    ("intents-v4", "checkpoint", "intents", "4", LISTED),
    ("intents-v4", "checkpoint", "intents", "v3", OTHER),
    ("intents", "adapter", "intents", "v3", LISTED),
    ("ft:gpt-4o-mini-2024-07-18:acme::b7", "checkpoint", "gpt-4o-mini", None, UNLISTED),
    ("ft:gpt-4o-mini-2024-07-18:acme::b7", "checkpoint", "router",
     "ft:gpt-4o-mini-2024-07-18:acme::b7", LISTED),
    ("text-embedding-3-small", "embedding_model", "text-embedding-3-small", None, LISTED),
    ("text-embedding-3-small", "embedding_model", "text-embedding-3-large", None, UNLISTED),
    ("gpt-4o", "prompt", "gpt-4o", None, UNLISTED),
    ("gpt-4o", "library", "gpt-4o", None, UNLISTED),
    ("it's \"so\"\n; drop", "model", "it's \"so\"\n; drop", None, LISTED),
    ("///", "model", "gpt-4o", None, UNLISTED),
    ("2024-08-06", "model", "gpt-4o", "2024-08-06", LISTED),
]  # fmt: skip
PROMPTS = [
    ("intents", "v7", "intents", "v7", LISTED),
    ("Intents", "7", "intents", "v7", LISTED),
    ("intents", "v7", "intents", None, LISTED),
    ("intents", None, "intents", "v7", LISTED),
    ("intents", "v8", "intents", "v7", OTHER),
    ("intents v8", None, "intents", "v8", LISTED),
    ("intents", "v8", "intents-v8", None, LISTED),
    (None, "v7", "intents", "v7", LISTED),
    (None, "v8", "intents", "v7", OTHER),
    ("answers", "v7", "intents", "v7", UNLISTED),
]
TOOLS = [
    ("read_file", "tool", "read_file", "t", LISTED),
    ("read-file", "tool", "Read File", "t", LISTED),
    ("write_file", "tool", "read_file", "t", UNLISTED),
    ("repo__read_file", "tool", "read_file", "t", LISTED),
    ("mcp__repo__read_file", "tool", "read_file", "mcp:repo/tool:read_file", LISTED),
    ("mcp__other__read_file", "tool", "read_file", "mcp:repo/tool:read_file", UNLISTED),
    ("read_file", "tool", "repo.read_file", "t", LISTED),
    ("tickets__find", "mcp_server", "tickets", "t", LISTED),
    ("tickets.find", "mcp_server", "tickets", "t", LISTED),
    ("mcp__tickets__find", "mcp_server", "tickets", "t", LISTED),
    ("mcp__tickets__find", "mcp_server", "io.github.acme/tickets-mcp", "t", LISTED),
    ("mcp__github__find", "mcp_server", "mcp-server-github", "t", LISTED),
    ("ticketsfind", "mcp_server", "tickets", "t", UNLISTED),
    ("mcp__evil__find", "mcp_server", "mcp", "t", UNLISTED),
    ("find", "mcp_server", "find", "t", UNLISTED),
    ("!!!", "tool", "???", "t", UNLISTED),
]


def seen(kind: str, name: str | None, version: str | None = None, n: int = 5) -> pl.DataFrame:
    schema = {"kind": pl.String, "name": pl.String, "version": pl.String, "n_calls": pl.Int64}
    return pl.DataFrame([(kind, name, version, n)], schema=schema, orient="row")


def part(
    kind: str, name: str, version: str | None, *, component_id: str = "p1", of: str | None = "help"
) -> pl.DataFrame:
    return pl.DataFrame(
        [(component_id, kind, name, version, of, None)],
        schema=dict.fromkeys(
            ("component_id", "kind", "name", "version", "of_feature", "purl"), pl.String
        ),
        orient="row",
    )


def outcome(observed: pl.DataFrame, parts: pl.DataFrame) -> str:
    """Ask in both directions: a part is shown just where what shows it is listed."""
    [why] = graded(observed, parts, "help")["why"].to_list()
    shown = covered(observed, parts, "help")
    assert (len(shown) == 1) == (why is None)
    assert len(undeclared(observed, parts, "help")) == (why is not None)
    return why or LISTED


@pytest.mark.parametrize(("told", "kind", "name", "version", "wanted"), MODELS)
def test_models(told: str, kind: str, name: str, version: str | None, wanted: str) -> None:
    assert outcome(seen("model", told), part(kind, name, version)) == wanted


@pytest.mark.parametrize(("told", "told_version", "name", "version", "wanted"), PROMPTS)
def test_prompts(
    told: str | None, told_version: str | None, name: str, version: str | None, wanted: str
) -> None:
    assert outcome(seen("prompt", told, told_version), part("prompt", name, version)) == wanted


@pytest.mark.parametrize(("told", "kind", "name", "component_id", "wanted"), TOOLS)
def test_tools(told: str, kind: str, name: str, component_id: str, wanted: str) -> None:
    assert outcome(seen("tool", told), part(kind, name, None, component_id=component_id)) == wanted


def test_ids_and_package_urls_are_names_too() -> None:
    by_id = part("model", "the big one", None, component_id="model:gpt-4o")
    assert outcome(seen("model", "gpt-4o"), by_id) == LISTED
    by_purl = part("model", "base", None).with_columns(
        purl=pl.lit("pkg:huggingface/Qwen/Qwen2.5-0.5B@7ae5576")
    )
    assert outcome(seen("model", "Qwen2.5-0.5B"), by_purl) == LISTED


@pytest.mark.parametrize(("of", "wanted"), [("help", LISTED), (None, LISTED), ("b", UNLISTED)])
def test_parts_of_other_features_name_nothing(of: str | None, wanted: str) -> None:
    assert outcome(seen("model", "m"), part("model", "m", None, of=of)) == wanted
    core = part("model", "m", None, of=of).rename({"of_feature": "feature_id"})
    assert outcome(seen("model", "m"), core) == wanted


def test_the_best_part_counts_and_rows_are_summed() -> None:
    parts = pl.concat([part("model", "m", "2025-01-01"), part("model", "m", "2026-01-01")])
    observed = pl.concat(
        [*[seen("model", "m-2026-01-01")] * 2, seen("model", "m-2024-01-01"),
         seen("model", "x"), seen("model", None), seen("prompt", None, None)]
    ).with_columns(feature_id=pl.lit("help"), day=pl.lit(date(2026, 3, 2)))  # fmt: skip
    other = observed.with_columns(feature_id=pl.lit("b"))
    found = undeclared(pl.concat([observed, other]), parts, "help")
    assert found.rows() == [
        ("model", "m-2024-01-01", None, 5, OTHER),
        ("model", "x", None, 5, UNLISTED),
    ]
    assert covered(observed, parts, "help").rows() == [("p1", "2026-01-01", 10)]


def test_a_tool_in_calls_and_in_spans_is_one() -> None:
    observed = pl.concat([seen("tool", "t", n=7), seen("tool", "t", n=4)]).with_columns(
        seen_in=pl.Series(["calls", "spans"])
    )
    assert undeclared(observed, part("tool", "other", None), "help")["n_calls"].to_list() == [7]


def test_nothing_seen_and_nothing_listed() -> None:
    none, one = seen("model", "m").clear(), part("model", "m", None)
    assert undeclared(none, one, "help").columns == ["kind", "name", "version", "n_calls", "why"]
    assert undeclared(seen("model", "m"), one.clear(), "help")["why"].to_list() == [UNLISTED]
    assert covered(none, one.clear(), "help").is_empty()
