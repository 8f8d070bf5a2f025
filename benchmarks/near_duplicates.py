"""How long near-duplicates take to find among a million texts, and what a ledger adds to a filter.

Texts of 40 words, of which a tenth are another one with a word changed. The filter reads a million
rows from Parquet, keeps a part and writes it; recorded are its counts, classes and parameters.
Fresh processes, the best of three. Nothing is compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.measuring import Row, Size, Work, fresh
from llmops_health import ledger
from llmops_health.text.near_duplicates import groups

SEED = 17
N_ROWS = {Size.FULL: 1_000_000, Size.QUICK: 1_000}
RUNS = {Size.FULL: 3, Size.QUICK: 1}
N_WORDS = 40
LIMIT_SECONDS = 90.0
LIMIT_PERCENT = 5.0


def measure(size: Size) -> list[Row]:
    """Return seconds for the texts, and the share that a ledger adds to a filter."""
    n = N_ROWS[size]
    found = min(
        (fresh("benchmarks.near_duplicates:find", n=n) for _ in range(RUNS[size])),
        key=lambda one: one.wall_s,
    )
    plain, recorded = (
        min(
            fresh("benchmarks.near_duplicates:keep", n=n, is_recorded=flag).wall_s
            for _ in range(RUNS[size])
        )
        for flag in (False, True)
    )
    return [
        Row(
            f"near-duplicates among {n:,} texts of {N_WORDS} words",
            "s",
            found.wall_s,
            LIMIT_SECONDS,
            wall_s=found.wall_s,
            cpu_s=found.cpu_s,
            peak_mb=found.peak_mb,
        ),
        Row(
            f"a ledger's share of a filter of {n:,} rows",
            "%",
            100 * (recorded / plain - 1),
            LIMIT_PERCENT,
            wall_s=recorded,
        ),
    ]


def find(n: int) -> Work:
    """Prepare texts and the search among them."""
    texts = _texts(n)
    groups(texts[:100])

    def work() -> Mapping[str, Any]:
        return {"n_repeated": int((groups(texts) != np.arange(n)).sum())}

    return work


def keep(n: int, *, is_recorded: bool) -> Work:
    """Prepare a file and its filter, with or without a ledger."""
    folder = Path(tempfile.mkdtemp())
    rng = np.random.default_rng(SEED)
    frame = pl.DataFrame(
        {
            "text": _texts(n),
            "label": rng.choice(["billing", "cancel", "login", "refund"], n),
            "score": rng.random(n),
        }
    )
    frame.write_parquet(folder / "raw.parquet")

    def filtered() -> tuple[pl.DataFrame, pl.DataFrame]:
        raw = pl.read_parquet(folder / "raw.parquet")
        kept = raw.filter((pl.col("score") > 0.2) & pl.col("text").str.contains("w1"))
        kept.write_parquet(folder / "kept.parquet")
        return raw, kept

    def work() -> Mapping[str, Any]:
        if not is_recorded:
            return {"n_kept": len(filtered()[1])}
        book = ledger.open(folder / "ledger.jsonl", pipeline="benchmark")
        with book.step("filter", params={"min_score": 0.2}) as step:
            raw, kept = filtered()
            step.input(raw, label="label")
            step.dropped(len(raw) - len(kept), "score below 0.2")
            step.output(kept, label="label")
        return {"n_kept": len(kept)}

    filtered()
    return work


def _texts(n: int) -> list[str]:
    rng = np.random.default_rng(SEED)
    words = np.array([f"w{at}" for at in range(5_000)])
    texts = [" ".join(row) for row in words[rng.integers(0, len(words), (n, N_WORDS))]]
    for at in range(n // 10):
        changed = texts[at].split()
        changed[3] = "changed"
        texts[n - 1 - at] = " ".join(changed)
    return texts
