"""Run the benchmarks and write docs/benchmarks.md: `python -m benchmarks [--quick] [--only NAME]`.

What is run replaces its rows of the last results, which lie in benchmarks/results.json; the page
is made from those. A quick run prints and writes nothing.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measuring import ROOT, Row, Size

NAMES = (
    "start_up",
    "calibration",
    "drift",
    "texts",
    "near_duplicates",
    "big_day",
    "long_history",
    "nightly",
    "readers",
    "taking_in",
    "spans",
)
RESULTS = Path(__file__).parent / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
VERSIONS = ("duckdb", "polars", "dagster", "numpy", "scipy", "pyarrow")
NOT_BUILT = (
    "OTLP JSON: the format is not read yet",
    "core to summaries on another engine: `engine: spark` is refused so far",
)
_INTRODUCTION = (
    "Measured by `make bench`, which runs everything and writes this page. Ratios are taken within"
    " one run, on the same machine and data, in fresh processes. Seconds are of the clock; CPU is"
    " user and system time of all cores; the load is the machine's before a benchmark began: above"
    " 0, others were at work, and seconds are upper bounds."
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="as small as it can be; writes nothing"
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME")
    asked = parser.parse_args(arguments)
    size = Size.QUICK if asked.quick else Size.FULL
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for name in asked.only:
        start, load = time.perf_counter(), os.getloadavg()[0]
        rows = importlib.import_module(f"benchmarks.{name}").measure(size)
        print(f"== {name}: {time.perf_counter() - start:.0f} s", flush=True)
        for row in rows:
            print("  " + " | ".join(_cells(row)), flush=True)
        on = f"{_machine()}, load {load:.1f}"
        results[name] = {"rows": [asdict(row) for row in rows], "at": _today(), "on": on}
        if size is Size.FULL:
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
            PAGE.write_text(page(results), "utf-8")


def page(results: Mapping[str, Any]) -> str:
    """Return docs/benchmarks.md."""
    done = [name for name in NAMES if name in results]
    rows = {name: [Row(**row) for row in results[name]["rows"]] for name in done}
    held = [row for name in done for row in rows[name] if row.limit is not None]
    n_held = sum(row.holds is True for row in held)
    text = [
        "# Benchmarks",
        "",
        _INTRODUCTION,
        "",
        f"**{n_held} of {len(held)} goals hold**; what takes the time stands with each below.",
        "",
        "| goal | limit | measured | holds |",
        "| --- | --- | --- | --- |",
        *("| " + " | ".join(_goal(row)) + " |" for row in held),
        "",
        "Not built yet, so not measured: " + "; ".join(NOT_BUILT) + ".",
    ]
    for name in done:
        doc = inspect.cleandoc(importlib.import_module(f"benchmarks.{name}").__doc__ or "")
        title, _, how = doc.partition("\n\n")
        at, on = results[name]["at"], results[name]["on"]
        text += ["", f"## {title.rstrip('.')}", "", how, "", f"{at}, {on}.", ""]
        text += ["| what | measured | goal | holds | CPU | peak | note |", "| --- " * 7 + "|"]
        text += ["| " + " | ".join(_cells(row)) + " |" for row in rows[name]]
    return "\n".join(text) + "\n"


def _goal(row: Row) -> list[str]:
    what, measured, limit, holds, *_ = _cells(row)
    return [what, limit, measured, holds]


def _cells(row: Row) -> list[str]:
    limit = "" if row.limit is None else f"{'≥' if row.at_least else '≤'} {row.limit:g} {row.unit}"
    return [
        row.goal,
        "not measured" if row.measured is None else f"{_number(row.measured)} {row.unit}",
        limit,
        {True: "yes", False: "**no**", None: ""}[row.holds],
        "" if row.cpu_s is None else f"{row.cpu_s:.3g} s",
        "" if row.peak_mb is None else f"{row.peak_mb:,.0f} MB",
        row.note,
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _today() -> str:
    return datetime.now(tz=UTC).date().isoformat()


def _machine() -> str:
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    listed = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    return (
        f"{os.cpu_count()} cores, {pages / 2**30:.0f} GiB, {platform.system()},"
        f" Python {platform.python_version()}, {listed}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
