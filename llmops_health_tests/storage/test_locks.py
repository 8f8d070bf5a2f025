"""Locks: shared or alone, in turn, and freed however a block ends."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from llmops_health.storage.locks import EXCLUSIVE, SHARED, locked, locked_in_turn


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "database.lock"


def refused(path: Path, kind: int) -> bool:
    try:
        with locked_in_turn(path, kind, 0):
            return False
    except TimeoutError:
        return True


def test_readers_share_and_writers_are_alone(path: Path) -> None:
    with locked_in_turn(path, SHARED, 0):
        assert not refused(path, SHARED)
        assert refused(path, EXCLUSIVE)
    with locked_in_turn(path, EXCLUSIVE, 0):
        assert refused(path, SHARED)
        assert refused(path, EXCLUSIVE)
    assert not refused(path, EXCLUSIVE)


def test_an_error_frees_the_lock(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked_in_turn(path, EXCLUSIVE, 0):
        raise ZeroDivisionError
    assert not refused(path, EXCLUSIVE)


def test_a_timeout_names_the_file_and_the_remedy(path: Path) -> None:
    message = f"{path} has been locked by another process for 0 s. See who holds it: fuser {path}"
    with (
        locked(path, EXCLUSIVE, 0),
        pytest.raises(TimeoutError, match=re.escape(message)),
        locked(path, SHARED, 0),
    ):
        pass
    # Behind the turnstile the file to look at is still the lock.
    with (
        locked(path.with_suffix(".turn"), EXCLUSIVE, 0),
        pytest.raises(TimeoutError, match=re.escape(message)),
        locked_in_turn(path, SHARED, 0),
    ):
        pass


def test_a_writer_that_waits_goes_before_later_readers(path: Path) -> None:
    order: list[str] = []

    def write() -> None:
        with locked_in_turn(path, EXCLUSIVE, 30):
            order.append("writer")

    def read() -> None:
        with locked_in_turn(path, SHARED, 30):
            order.append("reader")

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    with locked_in_turn(path, SHARED, 30):
        threads[0].start()
        while not refused(path, SHARED):  # until the writer stands at the turnstile
            pass
        threads[1].start()
        threads[1].join(0.05)
        assert order == []
    for thread in threads:
        thread.join()
    assert order[0] == "writer"
