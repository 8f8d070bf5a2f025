"""One day judged with 365 days of history behind it, against ten.

Two projects of the same features and traffic, 366 and 11 days long. The last day goes through the
job `health_of_days`; fresh processes by turns, steps core to verdicts, ratio of medians. A third
project of 100 days has nearly all the history that checks read: what 365 cost above it is the cost
of mere length. Above ten days most of the ratio is judging: of ten days a check that compares weeks
says at once that it cannot tell.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.measuring import Measure, Row, Size, fresh, median
from benchmarks.worlds import Plan, days_of

LENGTHS = {Size.FULL: (366, 11, 101), Size.QUICK: (16, 11, 14)}
FEATURES = {Size.FULL: 6, Size.QUICK: 1}
CALLS_PER_DAY = {Size.FULL: 1_200, Size.QUICK: 20}
RUNS = {Size.FULL: 5, Size.QUICK: 1}
MAX_RATIO = 1.1


def measure(size: Size) -> list[Row]:
    """Return the goal of long histories."""
    with tempfile.TemporaryDirectory(prefix="benchmark-history-") as folder:
        paths: dict[int, str] = {}
        for days in LENGTHS[size]:
            plan = Plan(FEATURES[size], days, CALLS_PER_DAY[size])
            first, last = (day.isoformat() for day in days_of(plan))
            home = Path(folder) / str(days)
            fresh("benchmarks.worlds:write", folder=str(home), **asdict(plan))
            paths[days] = str(home / "llmops-health.yaml")
            given = {"config_path": paths[days], "first": first, "last": last}
            fresh("benchmarks.one_run:history", **given)
        runs: dict[int, list[Measure]] = {days: [] for days in paths}
        for _ in range(RUNS[size]):
            for days, path in paths.items():
                given = {"config_path": path, "first": last, "last": last}
                runs[days].append(fresh("benchmarks.one_run:job", name="health_of_days", **given))
    long, short, enough = (_to_verdicts(runs[days]) for days in LENGTHS[size])
    n_long, n_short, n_enough = (days - 1 for days in LENGTHS[size])
    rows = [
        Row(
            f"a day with {n_long} days of history against {n_short}",
            "x",
            long / short,
            MAX_RATIO,
            note=f"{FEATURES[size]} features, {CALLS_PER_DAY[size]:,} calls a day",
        ),
        Row(f"a day with {n_long} days of history against {n_enough}", "x", long / enough),
    ]
    for days in LENGTHS[size]:
        middle = median(runs[days])
        rows.append(
            Row(
                f"core to verdicts of a day with {days - 1} before it",
                "s",
                _to_verdicts(runs[days]),
                cpu_s=middle.whole_cpu_s,
                wall_s=_to_verdicts(runs[days]),
                peak_mb=middle.peak_mb,
            )
        )
    rows += _grown(median(runs[LENGTHS[size][0]]).found, median(runs[LENGTHS[size][1]]).found)
    return rows


def _to_verdicts(runs: list[Measure]) -> float:
    return statistics.median(float(one.found["to_verdicts_s"]) for one in runs)


def _grown(
    long: Mapping[str, Mapping[str, list[float]]], short: Mapping[str, Mapping[str, list[float]]]
) -> list[Row]:
    """Return the parts that grew most with the history."""
    more = {
        name: wall - short["parts"].get(name, [0.0])[0] for name, (wall, _) in long["parts"].items()
    }
    most = sorted(more, key=lambda name: -more[name])[:5]
    return [Row(f"longer with the long history: {name}", "s", more[name]) for name in most]
