"""A nightly run of 20 features: new files read, three days judged again, everything published.

28 days lie before, read and summed up; of the larger traffic 14 days, and one run. The job
`nightly` runs over the last three days, as its schedule asks, in a fresh process; its time is from
the start of the process to its end, so imports and Dagster's start count. Dagster's share is what
is not spent in our functions. Each run starts from a fresh copy of the project; the median counts.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from benchmarks.measuring import Measure, Row, Size, fresh
from benchmarks.worlds import Plan, days_of, deliver

PLANS = {
    Size.FULL: (
        Plan(n_features=20, days=29, calls_per_day=10_000, waiting=1),
        Plan(n_features=20, days=15, calls_per_day=200_000, waiting=1),
    ),
    Size.QUICK: (Plan(n_features=2, days=14, calls_per_day=40, waiting=1),),
}
RUNS = {Size.FULL: 3, Size.QUICK: 1}
MAX_SECONDS = 45.0
MAX_SHARE = 0.5
LOOKBACK_DAYS = 3


def measure(size: Size) -> list[Row]:
    """Return the goals of a night."""
    rows: list[Row] = []
    for at, plan in enumerate(PLANS[size]):
        runs = sorted(_nights(plan, 1 if at else RUNS[size]), key=lambda one: one.whole_s)
        middle = runs[(len(runs) - 1) // 2]
        share = 1 - middle.found["own_s"] / middle.whole_s
        n = f"{plan.n_features} features, {plan.calls_per_day:,} calls a day in all"
        is_goal = at == 0
        rows += [
            Row(
                f"nightly run, {n}, from start to end of the process",
                "s",
                middle.whole_s,
                MAX_SECONDS if is_goal else None,
                note=f"median of {len(runs)}",
                wall_s=middle.whole_s,
                cpu_s=middle.whole_cpu_s,
                peak_mb=middle.peak_mb,
            ),
            Row(
                f"{n}: share of Dagster and of starting",
                "of 1",
                share,
                MAX_SHARE if is_goal else None,
            ),
            Row(f"{n}: starting Python", "s", middle.whole_s - middle.wall_s),
        ]
        steps = middle.found["steps"].items()
        rows += [Row(f"{n}: step {name}", "s", took) for name, took in steps]
    return rows


def _nights(plan: Plan, n: int) -> Iterator[Measure]:
    """Yield runs of the last night, each over a copy of the project."""
    first, last = days_of(plan)
    before = last - timedelta(days=plan.waiting)
    with tempfile.TemporaryDirectory(prefix="benchmark-night-") as folder:
        home = Path(folder) / "before"
        fresh("benchmarks.worlds:write", folder=str(home), **asdict(plan))
        fresh(
            "benchmarks.one_run:history",
            config_path=str(home / "llmops-health.yaml"),
            first=first.isoformat(),
            last=before.isoformat(),
        )
        for _ in range(n):
            night = Path(folder) / "night"
            shutil.copytree(home, night)
            deliver(night)
            yield fresh(
                "benchmarks.one_run:job",
                config_path=str(night / "llmops-health.yaml"),
                name="nightly",
                first=(last - timedelta(days=LOOKBACK_DAYS - 1)).isoformat(),
                last=last.isoformat(),
            )
            shutil.rmtree(night)
