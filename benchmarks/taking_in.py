"""How fast files of calls are read, against DuckDB's own unchecked reading of the same files.

Measured by `benchmarks/ingest.py`, which says how; the best of two fresh processes each.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import ROOT, Row, Size

SCRIPT = Path(__file__).parent / "ingest.py"
ROWS = {Size.FULL: 1_000_000, Size.QUICK: 2_000}


def measure(size: Size) -> list[Row]:
    """Return the goals of ingest."""
    said = subprocess.run(
        [sys.executable, str(SCRIPT), "--rows", str(ROWS[size])],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if said.returncode:
        raise RuntimeError(f"{SCRIPT.name} failed: {said.stderr[-3000:]}")
    listed = json.loads(said.stdout[said.stdout.rindex("\n[") + 1 :])
    return [
        Row(
            one["goal"],
            one["unit"],
            one["measured"],
            one.get("limit"),
            at_least="limit" in one and one["holds"] == (one["measured"] >= one["limit"]),
            cpu_s=one.get("cpu_s"),
            peak_mb=one.get("peak_mb"),
        )
        for one in listed
    ]
