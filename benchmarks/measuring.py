"""Rows of results, and measures taken in processes of their own.

Imports the standard library only: the peers' Python runs this file too. What is measured is a
function that prepares and returns the work; only the work is timed. Nothing here knows a goal.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
Work = Callable[[], Mapping[str, Any]]


class Size(StrEnum):
    """How large a benchmark is: as the goals have it, or as small as it can be."""

    FULL = "full"
    QUICK = "quick"


@dataclass(frozen=True, slots=True)
class Row:
    """One number: `goal` names it, and where a limit is set, it is held to that."""

    goal: str
    unit: str
    measured: float | None = None
    limit: float | None = None
    at_least: bool = False
    note: str = ""
    wall_s: float | None = None
    cpu_s: float | None = None
    peak_mb: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the limit holds; None where there is no limit or no measure."""
        if self.limit is None or self.measured is None:
            return None
        if self.at_least:
            return self.measured >= self.limit
        return self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class Measure:
    """Seconds and peak memory of one piece of work in a process of its own.

    `whole_s` is from the start of the process to its end. `cpu_s` is user and system time of all
    threads; `whole_cpu_s` that of all the process did, and of those it started. `peak_mb` is theirs
    too, what they imported and prepared included.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    whole_s: float = 0.0
    whole_cpu_s: float = 0.0
    found: Mapping[str, Any] = field(default_factory=dict)

    def as_row(self, goal: str, note: str = "") -> Row:
        """Return the wall time as a number without a limit."""
        return Row(
            goal,
            "s",
            self.wall_s,
            note=note,
            wall_s=self.wall_s,
            cpu_s=self.cpu_s,
            peak_mb=self.peak_mb,
        )

    def held(self, goal: str, limit: float, note: str = "") -> Row:
        """Return the wall time as a number that may be at most `limit` seconds."""
        return Row(
            goal,
            "s",
            self.wall_s,
            limit,
            note=note,
            wall_s=self.wall_s,
            cpu_s=self.cpu_s,
            peak_mb=self.peak_mb,
        )


def fresh(function: str, *, python: str = sys.executable, **given: Any) -> Measure:  # noqa: ANN401
    """Measure the work that `module:function` returns, in a new process.

    Raises
    ------
    RuntimeError
        If the process fails; the message is the end of what it said.
    """
    start, before = time.perf_counter(), _cpu_of_children()
    said = subprocess.run(
        [python, "-m", "benchmarks.measuring", function, json.dumps(given)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=_environment(),
    )
    whole, cpu = time.perf_counter() - start, _cpu_of_children() - before
    if said.returncode:
        raise RuntimeError(f"{function} failed: {said.stderr[-3000:] or said.stdout[-3000:]}")
    told = json.loads(said.stdout.splitlines()[-1])
    return Measure(**{**told, "whole_s": whole, "whole_cpu_s": cpu})


def command(words: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Measure:
    """Measure a command from its start to its end; any exit code but that of a crash is right."""
    start, before = time.perf_counter(), _cpu_of_children()
    said = subprocess.run(
        [*words],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=_environment() | dict(environment or {}),
    )
    wall = time.perf_counter() - start
    if said.returncode not in {0, 1} or b"Traceback" in said.stderr:
        raise RuntimeError(f"{' '.join(words)} failed: {said.stderr.decode()[-3000:]}")
    cpu = _cpu_of_children() - before
    return Measure(wall, cpu, 0.0, wall, cpu)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def median(measures: Sequence[Measure]) -> Measure:
    """Return the measure of the median wall time, the lower of two in the middle."""
    return sorted(measures, key=lambda one: one.wall_s)[(len(measures) - 1) // 2]


def median_ratio(over: Sequence[Measure], under: Sequence[Measure]) -> float:
    """Return the ratio of the median wall times."""
    return statistics.median(one.wall_s for one in over) / statistics.median(
        one.wall_s for one in under
    )


def _environment() -> dict[str, str]:
    quiet = {"DAGSTER_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}
    given = {**os.environ, **quiet}
    # Every process would compile every module that it imports, which no user's does.
    given.pop("PYTHONDONTWRITEBYTECODE", None)
    return given


def peak_mb() -> float:
    """Return the most memory this process ever held, in MB, and each of those it has started.

    Not `ru_maxrss` where it can be helped: that of a child begins with its parent's.
    """
    statuses = [Path("/proc/self/status")]
    for listed in Path("/proc/self/task").glob("*/children"):
        statuses += [Path(f"/proc/{pid}/status") for pid in listed.read_text("utf-8").split()]
    peaks = [re.search(r"VmHWM:\s+(\d+) kB", one.read_text("utf-8")) for one in statuses]
    if any(peaks):
        return sum(int(found.group(1)) for found in peaks if found) / 1024
    per_mb = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mb


def timed(work: Work) -> Measure:
    """Do the work once, in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return Measure(
        wall_s=time.perf_counter() - wall,
        cpu_s=time.process_time() - cpu,
        peak_mb=peak_mb(),
        found=found,
    )


def _main(function: str, given: str) -> None:
    module, _, name = function.partition(":")
    prepare: Callable[..., Work] = getattr(importlib.import_module(module), name)
    measure = timed(prepare(**json.loads(given)))
    print(json.dumps(asdict(measure)), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
