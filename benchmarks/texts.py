"""Throughput of what is done to texts: hashes, redaction, sentence vectors.

Texts are prompts of the demo's world, made longer to what prompts are: 1,000 characters on average.
Fresh processes, the best of three. Nothing is compared; the reading of files with all of it is
measured as ingest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.measuring import Row, Size, Work, fresh
from llmops_health.demo.world import make_world
from llmops_health.storage import hashes
from llmops_health.storage.engines import memory
from llmops_health.text.embed import embed
from llmops_health.text.redact import redact_expression

SEED = 13
N_TEXTS = {
    "vectors": {Size.FULL: 20_000, Size.QUICK: 50},
    "redaction": {Size.FULL: 200_000, Size.QUICK: 200},
    "hashes": {Size.FULL: 200_000, Size.QUICK: 200},
}
RUNS = {Size.FULL: 3, Size.QUICK: 1}
N_CHARACTERS = 1_000


def measure(size: Size) -> list[Row]:
    """Return texts per second."""
    rows: list[Row] = []
    for what, sizes in N_TEXTS.items():
        runs = [
            fresh("benchmarks.texts:treat", what=what, n=sizes[size]) for _ in range(RUNS[size])
        ]
        best = min(runs, key=lambda one: one.wall_s)
        rows.append(
            Row(
                f"{what} of texts of {N_CHARACTERS:,} characters",
                "texts/s",
                sizes[size] / best.wall_s,
                wall_s=best.wall_s,
                cpu_s=best.cpu_s,
                peak_mb=best.peak_mb,
            )
        )
    return rows


def treat(what: str, n: int) -> Work:
    """Prepare texts and one treatment of them."""
    texts = _texts(n)
    column = pa.array(texts)
    treatments: dict[str, Callable[[], object]] = {
        "vectors": lambda: embed(texts),
        "redaction": lambda: _redacted(column),
        "hashes": lambda: hashes.of(column).hexadecimal(),
    }
    # What is loaded once per run is no part of what a text costs.
    embed(texts[:1])

    def work() -> Mapping[str, Any]:
        treatments[what]()
        return {}

    return work


def _redacted(column: pa.Array) -> int:
    table = pa.table({"text": column})
    connection = memory()
    query = f"select sum(length({redact_expression('text')})) from texts"
    row = connection.register("texts", table).execute(query).fetchone()
    return int(row[0]) if row else 0


def _texts(n: int) -> list[str]:
    world = make_world(seed=SEED, days=14, calls_per_day=40)
    pool = [text for calls in world.calls.values() for text in calls["input_text"] if text]
    rng = np.random.default_rng(SEED)
    n_parts = max(1, round(N_CHARACTERS / (sum(map(len, pool)) / len(pool))))
    picks = rng.integers(0, len(pool), (n, n_parts))
    return [" ".join(pool[at] for at in of_text) for of_text in picks.tolist()]
