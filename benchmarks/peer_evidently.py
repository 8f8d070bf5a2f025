"""Evidently's side of the drift benchmark, run by the peers' Python: nothing of ours is here."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.measuring import Work


def preset(folder: str) -> Work:
    """Prepare Evidently's default drift preset over frames that are in memory already."""
    warnings.simplefilter("ignore")
    from evidently import Report  # noqa: PLC0415 - seconds that belong to the preparation
    from evidently.presets import DataDriftPreset  # noqa: PLC0415

    sides = {
        side: pq.read_table(Path(folder) / f"{side}.parquet").to_pandas()
        for side in ("reference", "current")
    }

    def work() -> Mapping[str, Any]:
        run = Report([DataDriftPreset()]).run(sides["current"], sides["reference"])
        return {"n_metrics": len(json.loads(run.json())["metrics"])}

    return work
