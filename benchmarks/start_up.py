"""How long a person waits for the command line, and Dagster for the code location.

Every measure is the median of five fresh processes, from start to end, by turns. The code location
is what importing `llmops_health.definitions` takes above `import dagster` alone.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.measuring import Measure, Row, Size, command, fresh, median
from benchmarks.worlds import Plan, days_of

PLANS = {
    Size.FULL: Plan(n_features=6, days=28, calls_per_day=1_200),
    Size.QUICK: Plan(n_features=1, days=14, calls_per_day=20),
}
RUNS = {Size.FULL: 5, Size.QUICK: 1}
MAX_STATUS_S, MAX_HELP_S, MAX_LOCATION_S = 0.5, 0.3, 0.5


def measure(size: Size) -> list[Row]:
    """Return the goals of starting up."""
    plan = PLANS[size]
    first, last = (day.isoformat() for day in days_of(plan))
    with tempfile.TemporaryDirectory(prefix="benchmark-start-") as folder:
        fresh("benchmarks.worlds:write", folder=folder, **asdict(plan))
        path = str(Path(folder) / "llmops-health.yaml")
        fresh("benchmarks.one_run:history", config_path=path, first=first, last=last)
        fresh(
            "benchmarks.one_run:job", config_path=path, name="health_of_days", first=last, last=last
        )
        program = Path(sys.executable).with_name("llmops-health")
        ours = [str(program)] if program.exists() else [sys.executable, "-m", "llmops_health"]
        commands = {
            "status": [*ours, "status", "--config", path],
            "help": [*ours, "--help"],
            "dagster": [sys.executable, "-c", "import dagster"],
            "location": [sys.executable, "-c", "import llmops_health.definitions"],
            "python": [sys.executable, "-c", "pass"],
        }
        given = {"LLMOPS_HEALTH_CONFIG": path}
        found: dict[str, list[Measure]] = {name: [] for name in commands}
        for _ in range(RUNS[size]):
            for name, words in commands.items():
                found[name].append(command(words, environment=given))
    over = statistics.median(one.wall_s for one in found["location"]) - statistics.median(
        one.wall_s for one in found["dagster"]
    )
    return [
        _timed(found["status"], "llmops-health status", MAX_STATUS_S),
        _timed(found["help"], "llmops-health --help", MAX_HELP_S),
        Row(
            "code location, above import dagster",
            "s",
            over,
            MAX_LOCATION_S,
            cpu_s=median(found["location"]).cpu_s - median(found["dagster"]).cpu_s,
        ),
        _timed(found["dagster"], "import dagster"),
        _timed(found["python"], "Python itself"),
    ]


def _timed(measures: list[Measure], goal: str, limit: float | None = None) -> Row:
    middle = median(measures)
    return Row(goal, "s", middle.wall_s, limit, wall_s=middle.wall_s, cpu_s=middle.cpu_s)
