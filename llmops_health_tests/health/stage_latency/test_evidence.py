"""The evidence of every alarm runs on the tables as they are stored, and shows rows."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import numpy as np
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.stage_latency import (
    preprocessing_bottleneck,
    stage_regression,
    throughput_ceiling,
    uninstrumented_time,
)
from llmops_health_tests.health.stage_latency.simulate import (
    FEATURE,
    LAST,
    REQUEST,
    even,
    hours,
    samples,
    times,
)

STAGES = {"retrieve": 700.0, "llm": 300.0, REQUEST: 800.0}
EVEN = even(35, 20, STAGES).sort("day")
PEAKS = hours(35, 7_200, {"retrieve": 1})
SLOWER = times(
    np.random.default_rng(1),
    42,
    150,
    factor={"retrieve": np.where(np.arange(42) < 35, 1.0, 4.0)},
)


def alarms() -> dict[str, Iterable[Finding]]:
    return {
        "preprocessing_bottleneck": preprocessing_bottleneck.check(
            *(FEATURE, LAST, EVEN, samples(20, STAGES)),
            preprocessing_bottleneck.Params(max_share=0.3),
        ),
        "stage_regression": stage_regression.check(
            FEATURE, LAST, SLOWER, stage_regression.Params()
        ),
        "throughput_ceiling": throughput_ceiling.check(
            *(FEATURE, LAST, EVEN, PEAKS), throughput_ceiling.Params(concurrency={"retrieve": 1})
        ),
        "uninstrumented_time": uninstrumented_time.check(
            FEATURE, LAST, EVEN, uninstrumented_time.Params()
        ),
    }


@pytest.mark.parametrize("name", sorted(alarms()))
def test_evidence_runs_and_shows_rows(name: str) -> None:
    found = list(alarms()[name])
    assert found
    with duckdb.connect() as db:
        rows = SLOWER if name == "stage_regression" else EVEN
        for table, given in (("summary__stage_times", rows), ("summary__stage_hours", PEAKS)):
            db.register("given", given.to_arrow())
            db.execute(f"create table {table} as select * from given")
        for one in found:
            assert one.status in (Status.WARN, Status.FAIL)
            assert one.action.endswith(".")
            assert one.message.endswith(".")
            assert db.execute(one.evidence_sql).fetchall()
