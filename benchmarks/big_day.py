"""A day of a million calls of 20 features: core to verdicts of all modes, and of the first three.

The calls are read first, which is not timed. 28 days of 10,000 calls lie before; their summaries
are as wide as those of a million calls would be, their core rows are fewer. Timed are the steps
core to verdicts of the job `health_of_days` as Dagster's event log has them, in a fresh process;
processor time and peak are of the whole process and those it starts. What the job adds after the
verdicts (candidates, publishing) is a line of its own, and so is each part that takes most.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.measuring import Row, Size, fresh, median
from benchmarks.worlds import Plan, days_of
from llmops_health import health

PLANS = {
    Size.FULL: Plan(n_features=20, days=29, calls_per_day=10_000, burst=1_000_000),
    Size.QUICK: Plan(n_features=2, days=14, calls_per_day=40, burst=600),
}
RUNS = {Size.FULL: 3, Size.QUICK: 1}
MAX_SECONDS = 60.0
FIRST_MODES = ("drift", "calibration", "eval_rot")
MAX_SECONDS_FIRST = 30.0
MAX_PEAK_MB = 2_000.0
SHOWN_PARTS = 12


def measure(size: Size) -> list[Row]:
    """Return the goals of one large day, and what takes most of it."""
    plan = PLANS[size]
    first, last = (day.isoformat() for day in days_of(plan))
    with tempfile.TemporaryDirectory(prefix="benchmark-day-") as folder:
        made = fresh("benchmarks.worlds:write", folder=folder, **asdict(plan)).found
        path = str(Path(folder) / "llmops-health.yaml")
        fresh("benchmarks.one_run:history", config_path=path, first=first, last=last)
        runs = [
            fresh(
                "benchmarks.one_run:job",
                config_path=path,
                name="health_of_days",
                first=last,
                last=last,
            )
            for _ in range(RUNS[size])
        ]
        first_modes = [
            fresh(
                "benchmarks.one_run:job",
                config_path=path,
                name="health_of_days",
                first=last,
                last=last,
                modes=",".join(FIRST_MODES),
            )
            for _ in range(RUNS[size])
        ]
    middle = median(runs)
    of_first = median(first_modes)
    found = middle.found
    n = f"{plan.burst:,} calls of {plan.n_features} features"
    rows = [
        Row(
            f"all modes of a day of {n}: core to verdicts",
            "s",
            found["to_verdicts_s"],
            MAX_SECONDS,
            note=f"median of {len(runs)}; {len(health.MODES)} modes",
            wall_s=found["to_verdicts_s"],
            cpu_s=middle.whole_cpu_s,
            peak_mb=middle.peak_mb,
        ),
        Row(
            f"the same, {', '.join(FIRST_MODES)} only",
            "s",
            of_first.found["to_verdicts_s"],
            MAX_SECONDS_FIRST,
            wall_s=of_first.found["to_verdicts_s"],
            cpu_s=of_first.whole_cpu_s,
            peak_mb=of_first.peak_mb,
        ),
        Row("the same: peak memory", "MB", max(one.peak_mb for one in runs), MAX_PEAK_MB),
        middle.as_row("the same with candidates, page and publishing"),
    ]
    rows += [Row(f"of these, step {name}", "s", took) for name, took in found["steps"].items()]
    parts = sorted(found["parts"].items(), key=lambda part: -part[1][0])[:SHOWN_PARTS]
    rows += [
        Row(f"of these, {name}", "s", wall, wall_s=wall, cpu_s=cpu) for name, (wall, cpu) in parts
    ]
    rows.append(Row("calls in the project", "calls", made["n_calls"]))
    return rows
