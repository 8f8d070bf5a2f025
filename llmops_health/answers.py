"""What the checks of a mode answer: in this process, or where that pays, in several.

Features are judged apart, so they are dealt out; nothing here says how one is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from llmops_health import judge, processes, progress
from llmops_health.config import Feature
from llmops_health.figures import Figure
from llmops_health.findings import CheckParams
from llmops_health.health import Check, discover
from llmops_health.report.plots import data_uri, svg
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Answer:
    """What one check said about a range of days, and what it has to show of the last."""

    key: str
    findings: pl.DataFrame
    figures: pl.DataFrame
    pictures: Mapping[str, tuple[str, str]]
    """Title and data URI by feature."""


def answers(
    checks: Sequence[Check],
    warehouse: Warehouse,
    watched: Sequence[Feature],
    params: Sequence[CheckParams],
    day: Day,
    run_id: str,
    n_processes: int | None = None,
) -> list[Answer]:
    """Return what checks of one mode answer, each judged with the parameters at its place.

    Parameters
    ----------
    n_processes
        None: as `processes.count` has it, and no more than features.
    """
    if n_processes is None:
        n_processes = min(len(watched), processes.count(len(watched), len(day.days())))
    if n_processes <= 1:
        return _answers(checks, warehouse, watched, params, day, run_id)
    elsewhere = partial(
        _answers_elsewhere,
        path=warehouse.path,
        memory_limit=warehouse.memory_limit,
        keys=[check.key for check in checks],
        params=params,
        day=day,
        run_id=run_id,
    )
    shares = [watched[at::n_processes] for at in range(n_processes)]
    found = list(processes.each(elsewhere, shares, n_processes))
    return [_together(parts) for parts in zip(*found, strict=True)]


def _answers_elsewhere(
    watched: Sequence[Feature],
    *,
    path: Path,
    memory_limit: str | None,
    keys: Sequence[str],
    params: Sequence[CheckParams],
    day: Day,
    run_id: str,
) -> list[Answer]:
    warehouse = Warehouse(path, memory_limit=memory_limit)
    by_key = {check.key: check for check in discover()}
    checks = [by_key[key] for key in keys]
    return _answers(checks, warehouse, watched, params, day, run_id)


def _answers(
    checks: Sequence[Check],
    warehouse: Warehouse,
    watched: Sequence[Feature],
    params: Sequence[CheckParams],
    day: Day,
    run_id: str,
) -> list[Answer]:
    feature_ids = [feature.id for feature in watched]
    histories = judge.Histories(judge.load_all(checks, warehouse, day, feature_ids))
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - looks for libraries

    # Products of small matrices: a second thread only waits for the first, and takes a core for it.
    with threadpool_limits(1, user_api="blas"):
        return [
            _answer(check, histories, watched, own, day, run_id)
            for check, own in zip(checks, params, strict=True)
        ]


def _answer(
    check: Check,
    histories: judge.Histories,
    watched: Sequence[Feature],
    params: CheckParams,
    day: Day,
    run_id: str,
) -> Answer:
    progress.report(0.7, f"judging {check.mode}.{check.name}")
    findings = judge.judge(check, histories, watched, params, day, run_id)
    uris: list[str] = []

    def draw(figure: Figure) -> str:
        uris.append(data_uri(figure))
        return svg(figure)

    figures = judge.figures(check, histories, watched, params, day.last, draw)
    titled = zip(figures["title"], uris, strict=True)
    pictures = dict(zip(figures["feature_id"], titled, strict=True))
    return Answer(check.key, findings, figures, pictures)


def _together(parts: Sequence[Answer]) -> Answer:
    return Answer(
        key=parts[0].key,
        findings=pl.concat([part.findings for part in parts]),
        figures=pl.concat([part.figures for part in parts]),
        pictures={name: shown for part in parts for name, shown in part.pictures.items()},
    )
