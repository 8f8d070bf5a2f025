"""The health checks: a folder is a mode, a module in it a check.

A module here *is* a check: its name is the check's name, its docstring the documentation, its
`Params` the settings, and the argument names of its `check` the tables it reads. Where it also has
a `figure` of the same parameters, that is the picture of what `check` says. Nothing is registered
anywhere else.

`listed` reads sources and is quick; `discover` imports the modules, with numpy and polars behind
them.
"""

from __future__ import annotations

import ast
import inspect
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from llmops_health.findings import CheckParams, Finding, Status

if TYPE_CHECKING:
    import polars as pl

    from llmops_health.config import Feature
    from llmops_health.figures import Figure

MODES = tuple(sorted(info.name for info in iter_modules(__path__) if info.ispkg))


@dataclass(frozen=True, slots=True)
class Listed:
    """A health module, as the graph sees it."""

    mode: str
    name: str
    doc: str
    reads: tuple[str, ...]

    @property
    def key(self) -> str:
        """Name of the check's asset and table of its own."""
        return f"health__{self.mode}__{self.name}"

    @property
    def title(self) -> str:
        """First line of the documentation: the fault in one sentence."""
        return self.doc.splitlines()[0]


@dataclass(frozen=True, slots=True)
class Check(Listed):
    """A health module, as the runner sees it."""

    history_days: int
    params: type[CheckParams]
    run: Callable[..., Iterable[Finding]]
    figure: Callable[..., Figure | None] | None = None

    def judge(
        self, feature: Feature, day: date, tables: Mapping[str, pl.DataFrame], params: CheckParams
    ) -> list[Finding]:
        """Judge one feature on one day from tables that know nothing later than that day."""
        if not params.enabled:
            return [
                Finding(
                    status=Status.NOT_APPLICABLE, n=0, message="Switched off in the configuration."
                )
            ]
        given = {name: tables[name] for name in self.reads}
        return list(self.run(feature=feature, day=day, params=params, **given))

    def draw(
        self, feature: Feature, day: date, tables: Mapping[str, pl.DataFrame], params: CheckParams
    ) -> Figure | None:
        """Return what a picture of `judge`'s answer shows, from the same tables; None: nothing."""
        if self.figure is None or not params.enabled:
            return None
        given = {name: tables[name] for name in self.reads}
        return self.figure(feature=feature, day=day, params=params, **given)


class History:
    """One table's rows of one feature, cut to the days that a judgement may know."""

    def __init__(self, rows: pl.DataFrame) -> None:
        """Keep rows; those with a `day` column are sorted by it once."""
        self._daily = "day" in rows.columns
        self._rows = rows.sort("day") if self._daily else rows
        self._days: list[date] = self._rows["day"].to_list() if self._daily else []

    def until(self, day: date, n_days: int) -> pl.DataFrame:
        """Return the rows of the `n_days` days that end with `day`, or all of a table without."""
        if not self._daily:
            return self._rows
        start = bisect_left(self._days, day - timedelta(days=n_days - 1))
        stop = bisect_right(self._days, day)
        return self._rows.slice(start, stop - start)


@cache
def listed() -> tuple[Listed, ...]:
    """Return what the sources say of every check, by mode and name; no check is imported."""
    here = Path(__file__).parent
    found = [
        _as_listed(mode, info.name, here / mode / f"{info.name}.py")
        for mode in MODES
        for info in iter_modules([str(here / mode)])
        if not info.name.startswith("_")
    ]
    return tuple(sorted(found, key=lambda one: (one.mode, one.name)))


@cache
def discover() -> tuple[Check, ...]:
    """Return every check of this package, by mode and name, ready to judge."""
    return tuple(_as_check(one) for one in listed())


def mode_doc(mode: str) -> str:
    """Return what a mode is, from the docstring of its folder."""
    return inspect.cleandoc(import_module(f"{__name__}.{mode}").__doc__ or "")


def _as_listed(mode: str, name: str, path: Path) -> Listed:
    source = ast.parse(path.read_text("utf-8"))
    check = next(
        node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == "check"
    )
    arguments = (argument.arg for argument in (*check.args.args, *check.args.kwonlyargs))
    return Listed(
        mode=mode,
        name=name,
        doc=ast.get_docstring(source) or "",
        reads=tuple(one for one in arguments if one not in {"feature", "day", "params"}),
    )


def _as_check(one: Listed) -> Check:
    module = import_module(f"{__name__}.{one.mode}.{one.name}")
    return Check(
        mode=one.mode,
        name=one.name,
        doc=one.doc,
        reads=one.reads,
        history_days=module.HISTORY_DAYS,
        params=module.Params,
        run=module.check,
        figure=getattr(module, "figure", None),
    )
