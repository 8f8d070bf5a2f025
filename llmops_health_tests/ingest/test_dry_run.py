"""A dry run says what an ingest would do, and leaves no trace."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from llmops_health.config import ConfigError
from llmops_health.ingest.dry_run import dry_run, lines
from llmops_health_tests.ingest.project import Project, call


def entries(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.rglob("*")}


def test_a_file_is_described_and_nothing_written(project: Project) -> None:
    rows: list[dict[str, object]] = [
        call("1", latency_ms=5, run_kind="prod", team="blue", user_id="ann"),
        call("2", started_at="2026-10-03T00:30:00Z", feature_id="g", latency_ms=None),
        call("3", confidence=2),
        call("4", confidence=3),
        {"call_id": "5"},
    ]
    path = project.write("x.jsonl", rows)
    path.write_bytes(path.read_bytes() + b"oops\n")
    project.source("x.jsonl")
    config = project.config
    before = entries(project.root)
    [one] = dry_run(config)
    assert entries(project.root) == before
    assert (one.table, one.path, one.state) == ("calls", path, "new")
    assert (one.n_rows, one.n_rejected) == (6, 4)
    assert one.reasons == {
        "confidence must lie in 0 to 1": 2,
        "feature_id missing": 1,
        "not a JSON object, or one without any column of ours": 1,
    }
    assert one.run_kinds == {"prod": 1, "unknown": 1}
    assert one.features == {"f": 1, "g": 1}
    assert one.unknown == ("team",)
    assert (one.filled["call_id"], one.filled["latency_ms"], one.filled["ttft_ms"]) == (1, 0.5, 0)
    assert (one.first, one.last) == (
        datetime(2026, 10, 1, 10, 0),  # noqa: DTZ001 - stored times are naive UTC
        datetime(2026, 10, 3, 0, 30),  # noqa: DTZ001
    )
    text = "\n".join(lines([one]))
    assert "6 rows, 4 would be refused" in text
    assert "2 x confidence must lie in 0 to 1" in text
    assert "2026-10-01 10:00 to 2026-10-03 00:30 UTC" in text
    assert "latency_ms 50%" in text


def test_it_agrees_with_the_ingest(project: Project) -> None:
    project.write("a.jsonl", [call(str(i), confidence=i / 3) for i in range(5)])
    project.write("b.jsonl", [])
    project.write("c.csv", b"call_id,feature_id,started_at\n1,f,2026-10-01\n2,f\n3,f,soon\n")
    project.write("d.jsonl", b"\xef\xbb\xbf" + b'{"call_id": "6"}\n')
    project.source(["a.jsonl", "b.jsonl", "d.jsonl"])
    project.source("c.csv")
    seen = {one.path: (one.n_rows, one.n_rejected) for one in dry_run(project.config)}
    assert seen == {one.path: (one.n_rows, one.n_rejected) for one in project.land()}
    assert {one.state for one in dry_run(project.config, project.warehouse)} == {"same"}


def test_the_most_frequent_reasons_and_features_are_named(project: Project) -> None:
    good = [call(f"{i}-{j}", feature_id=f"f{i:02}") for i in range(12) for j in range(12 - i)]
    columns = ("latency_ms", "ttft_ms", "cost_usd", "seed", "top_p", "top_k", "temperature")
    bad = [
        call(f"{name}{i}", **{name: "x"}) for n, name in enumerate(columns) for i in range(n + 1)
    ]
    project.write("x.jsonl", good + bad)
    project.source("x.jsonl")
    [one] = dry_run(project.config)
    assert list(one.features) == [f"f{i:02}" for i in range(10)]
    assert [reason.split()[0] for reason in one.reasons] == list(reversed(columns))[:5]


def test_a_file_that_cannot_be_read_is_named(project: Project) -> None:
    project.write("a.parquet", b"not parquet")
    project.source("a.parquet")
    [one] = dry_run(project.config)
    assert one.n_rejected == 1
    assert next(iter(one.reasons)).startswith("cannot be read as parquet: ")


def test_a_bad_expression_stops(project: Project) -> None:
    project.write("x.jsonl", [call()])
    project.source("x.jsonl", columns={"latency_ms": "nix"})
    with pytest.raises(ConfigError, match="latency_ms `nix` does not work"):
        dry_run(project.config)
