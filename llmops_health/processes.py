"""Work in parts: done in this process, or where that pays, dealt out to several.

Judging is many small steps of Python, which threads would do one after the other. Nothing here
knows what the work is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import polars as pl

# Each holds 200 MB of libraries.
MAX_PROCESSES = 4
# Features times days below which starting a process takes longer than it saves.
_FEWEST = 30
_THREADS = "POLARS_MAX_THREADS"

Part = TypeVar("Part")
Done = TypeVar("Done")


def count(n_features: int, n_days: int) -> int:
    """Return how many processes pay for so much judging: as many as Polars may have threads."""
    if n_features * n_days < _FEWEST:
        return 1
    return min(pl.thread_pool_size(), MAX_PROCESSES)


def each(work: Callable[[Part], Done], parts: Iterable[Part], n_processes: int) -> Iterator[Done]:
    """Yield what `work` makes of each part, in their order; it can be pickled where several do."""
    if n_processes == 1:
        yield from map(work, parts)
        return
    from joblib import Parallel, delayed  # noqa: PLC0415 - only where it pays

    with _one_thread_each():
        parallel = Parallel(n_jobs=n_processes, batch_size=1, return_as="generator")
        yield from parallel(delayed(work)(part) for part in parts)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that start meanwhile have one thread of Polars each."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
