"""How much of a run is spent in our functions, and how much in Dagster's around them.

The outermost of our calls counts. What only serves Dagster (events, metadata, checks' outcomes) is
Dagster's share. Nothing here starts a run.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any


class OwnTime:
    """Seconds, of the clock and of the processor, by what was at work."""

    def __init__(self) -> None:
        self.parts: dict[str, list[float]] = {}
        self._is_inside = False

    def watch(self, *owners: ModuleType | type, only: str = "") -> None:
        """Time the public functions that a module or class defines, or one of them."""
        for owner in owners:
            home = owner.__name__ if isinstance(owner, ModuleType) else owner.__module__
            for name, function in list(vars(owner).items()):
                if name.startswith("_") or only not in {"", name}:
                    continue
                if not inspect.isfunction(function):
                    continue
                whole = inspect.unwrap(function)
                # Generators and context managers have done nothing yet when the call returns.
                if whole.__module__ == home and not inspect.isgeneratorfunction(whole):
                    setattr(owner, name, self._timed(function))

    def total(self) -> tuple[float, float]:
        """Return all seconds, of the clock and of the processor."""
        walls, cpus = zip(*self.parts.values(), strict=True) if self.parts else ((0.0,), (0.0,))
        return sum(walls), sum(cpus)

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, **given: Any) -> Any:  # noqa: ANN401
            if self._is_inside:
                return function(*args, **given)
            self._is_inside = True
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                return function(*args, **given)
            finally:
                self._is_inside = False
                part = self.parts.setdefault(_label(function, args), [0.0, 0.0])
                part[0] += time.perf_counter() - wall
                part[1] += time.process_time() - cpu

        return run


def _label(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """Return the table or check at work, else the function."""
    for value in args:
        for name in ("key", "table"):
            found = getattr(value, name, None)
            if isinstance(found, str):
                return found
    named = args[1] if len(args) > 1 and isinstance(args[1], str) else ""
    return f"{function.__name__} {named}".strip()
