"""Locks between processes: exclusive or shared, with a timeout that names the file.

The kernel frees a lock when its process ends, however it ends. Nothing here knows what is locked.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

SHARED = fcntl.LOCK_SH
EXCLUSIVE = fcntl.LOCK_EX
_POLL_SECONDS = 0.01


@contextmanager
def locked(path: Path, kind: int, timeout: float, *, awaited: Path | None = None) -> Iterator[None]:
    """Hold a lock, `SHARED` or `EXCLUSIVE`, on a file for the length of a block.

    `awaited` is the file to name where this one only leads to it.

    Raises
    ------
    TimeoutError
        If another process keeps it for more than `timeout` seconds.
    """
    with path.open("a") as handle:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    shown = awaited or path
                    raise TimeoutError(
                        f"{shown} has been locked by another process for {timeout:g} s."
                        f" See who holds it: fuser {shown}"
                    ) from None
                time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


@contextmanager
def locked_in_turn(path: Path, kind: int, timeout: float) -> Iterator[None]:
    """Hold a lock for which nobody waits behind those who came later.

    Readers that overlap would keep a writer out for as long as they come. So everybody passes a
    turnstile first, a second file, and a writer that waits keeps it closed. Who holds the lock
    must not ask for it again, not even shared.
    """
    with ExitStack() as held:
        with locked(path.with_suffix(".turn"), kind, timeout, awaited=path):
            held.enter_context(locked(path, kind, timeout))
        yield
