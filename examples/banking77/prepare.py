"""Train a linear classifier on the vectors of 10,003 questions and let it answer the other 3,080.

Usage: LLMOPS_HEALTH_REAL_DATA=... python prepare.py [FOLDER]
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

from llmops_health.text.embed import embed

FIRST_DAY = datetime(2020, 3, 2)  # noqa: DTZ001 - the contract's times are naive UTC
DAYS = 28


def tables(source: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the calls and labels of the classifier on the test questions.

    The files hold no times. Question i is laid on day i modulo 28, so that each day has its share
    of every intent, which lie one after the other in the file.
    """
    train, test = pl.read_csv(source / "train.csv"), pl.read_csv(source / "test.csv")
    model = LogisticRegression(C=20.0, tol=1e-3, max_iter=200)
    model.fit(embed(train["text"].to_list()), train["category"].to_numpy())
    p_intent = model.predict_proba(embed(test["text"].to_list()))
    index = np.arange(test.height)
    per_day = -(-test.height // DAYS)
    seconds = (index % DAYS) * 86_400 + (index // DAYS) * (86_400 / per_day)
    calls = pl.DataFrame(
        {
            "call_id": [f"banking-{i:04}" for i in index],
            "started_at": [FIRST_DAY + timedelta(seconds=float(s)) for s in seconds],
            "input_text": test["text"],
            "predicted_label": model.classes_[p_intent.argmax(axis=1)],
            "confidence": p_intent.max(axis=1),
        }
    ).with_columns(
        feature_id=pl.lit("banking-intents"),
        run_kind=pl.lit("prod"),
        operation=pl.lit("classify"),
        request_model=pl.lit("logistic-regression"),
    )
    labels = calls.select(
        "call_id",
        label=test["category"],
        labelled_at="started_at",
        labeller_kind=pl.lit("human"),
    )
    return calls, labels


def main() -> None:
    """Write both tables into a folder, by default this one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    calls, labels = tables(Path(os.environ["LLMOPS_HEALTH_REAL_DATA"]) / "banking77")
    calls.write_parquet(folder / "calls.parquet")
    labels.write_parquet(folder / "labels.parquet")
    print(f"{calls.height} calls and {labels.height} labels in {folder}")


if __name__ == "__main__":
    main()
