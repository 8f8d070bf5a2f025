"""Where long work says how far it is; who shows it sets the listener. Silent without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[float, str], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def report(share: float, what: str) -> None:
    """Say that `what` has come to `share` (0-1) of its work."""
    listener = _listener.get()
    if listener is not None:
        listener(share, what)


@contextmanager
def shown_by(listener: Listener) -> Iterator[None]:
    """Send progress to a listener for the length of a block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
