"""How fast files of calls are read, against DuckDB's own unchecked reading of the same files.

Measured by `benchmarks/ingest.py`, which says how; the best of two fresh processes each. Where the
time goes, in seconds of processor time by leaving parts out: of 10.3 for the file without texts,
reading its columns as text takes 1.4, casts and rules 1.2, pseudonyms of persons 1.1, keys of rows
0.6, handing over and staging 1.6, the table with DuckDB's compression 3.5, the digest of the file
and the rest 0.9. Of texts that are not kept, hashes take 2.9 more and what is measured of them
(language, refusals, hedges, format) 6.2. So the goals of 1.0 and, with texts, of 0.6 cannot be met:
these duties alone take longer. That of 0.6 without texts would leave nothing for landing a file
whole or not at all.
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
