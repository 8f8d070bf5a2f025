"""Evidently's report: which calls it draws, that it stands alone, what it says when it cannot."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from llmops_health.report import evidently_report as report

DAY = date(2026, 3, 31)
HOSTILE = "</script><script>alert('x')</script>"


def calls(n_per_day: int = 8, n_days: int = 40, run_kind: str = "prod") -> pl.DataFrame:
    """Return calls of one feature, as many each day, the last of them on `DAY`."""
    n = n_per_day * n_days
    at = list(range(n))
    return pl.DataFrame(
        {
            "call_id": [f"{run_kind}-{one}" for one in at],
            "feature_id": ["triage"] * n,
            "day": [DAY - timedelta(days=one // n_per_day) for one in at],
            "started_at": [datetime(2026, 3, 1, 12, tzinfo=UTC)] * n,
            "run_kind": [run_kind] * n,
            "input_tokens": [50 + one % 9 for one in at],
            "latency_ms": [200.0 + one % 13 for one in at],
            "predicted_label": ["billing" if one % 3 else "refund" for one in at],
            "request_model": ["m-1"] * n,
            "input_sha256": [f"text-{one % 20}" for one in at],
            "output_sha256": [None] * n,
        },
        schema_overrides={"output_sha256": pl.String},
    )


def sample(table: pl.DataFrame, n_rows: int = 5000, feature_id: str = "triage") -> pl.DataFrame:
    texts = pl.DataFrame(
        {
            "sha256": [f"text-{one}" for one in range(20)],
            "text": [f"Where is order {one}? {HOSTILE}" for one in range(20)],
        }
    )
    with duckdb.connect() as connection:
        connection.register("core__calls", table.to_arrow())
        connection.register("core__contents", texts.to_arrow())
        rows: pl.DataFrame = connection.sql(
            report.SAMPLE_SQL,
            params={
                **report.SAMPLE_SIZES,
                "n_rows": n_rows,
                "day": DAY,
                "feature_id": feature_id,
            },
        ).pl()
    return rows


def test_a_week_is_compared_with_the_four_before() -> None:
    rows = sample(calls())
    now, before = (rows.filter(pl.col("is_current") == side)["day"] for side in (True, False))
    assert (now.min(), now.max(), len(now)) == (date(2026, 3, 25), DAY, 7 * 8)
    assert (before.min(), before.max(), len(before)) == (date(2026, 2, 25), date(2026, 3, 24), 224)
    assert sample(calls(), feature_id="other").is_empty()


def test_a_sample_is_the_same_whatever_the_order_of_rows() -> None:
    table = calls()
    first = sample(table, n_rows=20)
    assert first["is_current"].sum() == 20
    assert len(first) == 40
    again = sample(table.sample(fraction=1, shuffle=True, seed=7), n_rows=20)
    assert again["call_id"].to_list() == first["call_id"].to_list()
    assert set(first["call_id"]) <= set(sample(table, n_rows=30)["call_id"])


def test_unknown_calls_count_only_where_none_is_known_to_be_production() -> None:
    both = pl.concat([calls(), calls(run_kind="unknown"), calls(run_kind="eval")])
    assert set(sample(both)["run_kind"]) == {"prod"}
    assert set(sample(calls(run_kind="unknown"))["run_kind"]) == {"unknown"}
    assert sample(calls(run_kind="eval")).is_empty()


def test_only_columns_that_both_sides_know_and_that_vary_are_drawn() -> None:
    rows = sample(calls()).with_columns(
        ttft_ms=pl.when(pl.col("is_current")).then(5.0), cost_usd=pl.lit(0.1)
    )
    assert report.usable(rows) == (
        ["input_tokens", "latency_ms"],
        ["predicted_label"],
        ["input_text"],
    )


def test_too_few_calls_are_said_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "evidently" / "triage.html"
    why_not = report.write(sample(calls(n_per_day=7)), path)
    assert why_not == "49 calls in 7 days and 196 in the 28 before; 50 of each are needed."
    assert not path.exists()


@pytest.mark.slow
def test_the_report_needs_no_network_and_shows_texts_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    path = tmp_path / "evidently" / "triage.html"
    assert report.write(sample(calls()), path) == ""
    html = path.read_text("utf-8")
    assert "latency_ms" in html
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']?https?:", html)
    assert HOSTILE not in html
    assert [one.name for one in path.parent.iterdir()] == ["triage.html"]
