"""Standard changes of stage_latency: what stages take longer, the requests take longer."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from llmops_health.power.shocks import shocked
from llmops_health_tests.health.stage_latency.simulate import (
    REQUEST,
    USUAL,
    hours,
    samples,
    times,
)


def path_and_whole(rows: pl.DataFrame) -> tuple[float, float]:
    whole = (pl.col("stage") == REQUEST) & (pl.col("kind") == "total")
    path = rows.filter(pl.col("kind") == "critical")["sum_ms"].sum()
    return float(path), float(rows.filter(whole)["sum_ms"].sum())


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_path_still_adds_up_to_the_requests(share: float) -> None:
    rows = times(np.random.default_rng(1), 10, 150)
    changed = shocked("summary__stage_times", rows, share, np.random.default_rng(2))
    path, whole = path_and_whole(changed)
    assert path == pytest.approx(whole, rel=1e-6)
    before, _ = path_and_whole(rows)
    slow = rows.filter((pl.col("kind") == "critical") & (pl.col("stage") != "llm"))["sum_ms"].sum()
    assert path - before == pytest.approx(share * 2.6 * float(slow), rel=0.1)
    assert changed["n"].sum() == rows["n"].sum()


def test_the_model_takes_what_it_took() -> None:
    rows = times(np.random.default_rng(1), 10, 150)
    changed = shocked("summary__stage_times", rows, 1.0, np.random.default_rng(2))
    both = [
        table.filter(pl.col("stage") == "llm").sort(pl.exclude("sum_ms"))
        for table in (rows, changed)
    ]
    assert both[0].equals(both[1])


def test_sampled_requests_stretch_as_a_whole() -> None:
    rows = samples(100, USUAL)
    changed = shocked("summary__span_samples", rows, 0.5, np.random.default_rng(2))
    pace = (changed["duration_ms"] / rows["duration_ms"]).round(6).alias("pace")
    per_request = (
        rows.with_columns(pace)
        .group_by("request_id")
        .agg(pl.col("pace").n_unique(), first=pl.col("pace").first())
    )
    assert set(per_request["pace"]) == {1}
    assert 30 < (per_request["first"] > 3).sum() < 70


def test_a_quarter_more_requests() -> None:
    rows = hours(40, 1_000)
    changed = shocked("summary__stage_hours", rows, 0.25, np.random.default_rng(2))
    assert changed["n"].sum() == pytest.approx(1.25 * float(rows["n"].sum()), rel=0.01)
