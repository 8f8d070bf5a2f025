"""Write calls.parquet and labels.parquet from the published probabilities and labels of IMDb.

Usage: LLMOPS_HEALTH_REAL_DATA=... python prepare.py [FOLDER]
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

FIRST_DAY = datetime(2021, 3, 1)  # noqa: DTZ001 - the contract's times are naive UTC
DAYS = 28


def tables(source: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the calls and labels of the classifier.

    The files hold no times. Review i is laid on day i modulo 28, so that each day has its share of
    both classes, which lie one after the other in the files.
    """
    p_class = np.load(source / "imdb_test_set_pyx.npy")
    given = np.load(source / "imdb_test_set_original_labels.npy")
    names = np.array(["negative", "positive"])
    index = np.arange(len(given))
    per_day = -(-len(given) // DAYS)
    seconds = (index % DAYS) * 86_400 + (index // DAYS) * (86_400 / per_day)
    calls = pl.DataFrame(
        {
            "call_id": [f"imdb-{i:05}" for i in index],
            "started_at": [FIRST_DAY + timedelta(seconds=float(s)) for s in seconds],
            "predicted_label": names[p_class.argmax(axis=1)],
            # Rows of the file sum to 1.00001.
            "confidence": p_class.max(axis=1).clip(max=1),
        }
    ).with_columns(
        feature_id=pl.lit("imdb-sentiment"),
        run_kind=pl.lit("prod"),
        operation=pl.lit("classify"),
    )
    labels = calls.select(
        "call_id",
        label=pl.Series(names[given.astype(np.intp)]),
        labelled_at="started_at",
        labeller_kind=pl.lit("human"),
    )
    return calls, labels


def main() -> None:
    """Write both tables into a folder, by default this one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    source = Path(os.environ["LLMOPS_HEALTH_REAL_DATA"]) / "cleanlab_label_errors"
    calls, labels = tables(source)
    calls.write_parquet(folder / "calls.parquet")
    labels.write_parquet(folder / "labels.parquet")
    print(f"{calls.height} calls and {labels.height} labels in {folder}")


if __name__ == "__main__":
    main()
