"""Which eval cases have served; see `candidates`. No case is ever deleted here.

Nothing is read or written: `RETIREMENT_SQL` holds the queries that make the frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature
from llmops_health.kernels.items import item_statistics
from llmops_health.kernels.selection import cosine_similarity, marginal_gains
from llmops_health.text.embed import embed

Floats = npt.NDArray[np.float64]

SAME_CASE: Final = 0.97
"""Cosine from which an eval case repeats an earlier one; as in `eval_rot.redundant_cases`."""
MIN_TAKERS: Final = 3
"""Versions that must have run a case before its results say something about it."""
SPARE_GAIN: Final = 0.5
"""A passed case is spare where it represents less than this share of a mean case."""
MIN_TRAFFIC: Final = 500
"""Inputs of 28 days from which an empty cell means that nobody asks this any more."""

_PASSING_SCORE: Final = 0.9  # where results do not say whether they passed
_REVERSED: Final = -3.0  # standard errors: one case in a thousand by chance
_EASY_SUITE: Final = 0.9  # below, a case that nobody passes is more likely hard than wrong

RETIREMENT_SCHEMA: Final = {
    "day": pl.Date,
    "feature_id": pl.String,
    "suite_id": pl.String,
    "case_id": pl.String,
    "reason": pl.String,
    "evidence": pl.String,
    "score": pl.Float64,
}
"""Columns of `health__retirement_candidates`."""

CASES_SQL: Final = """
select
    cases.suite_id,
    cases.case_id,
    cases.added_at,
    contents.text as input_text,
    cells.cell
from core__eval_cases as cases
left join core__contents as contents on cases.input_sha256 = contents.sha256
left join summary__eval_cells as cells
    on
        cases.feature_id = cells.feature_id
        and cases.suite_id = cells.suite_id
        and cases.case_id = cells.case_id
        and cells.fitted_on <= $day::date
where
    cases.feature_id = $feature_id
    and (cases.added_at is null or cases.added_at::date <= $day::date)
    and (cases.retired_at is null or cases.retired_at::date > $day::date)
order by cases.added_at nulls first, cases.suite_id, cases.case_id
"""

RETIREMENT_SQL: Final[dict[str, str]] = {
    "cases": CASES_SQL,
    "items": """
select suite_id, case_id, eval_run_id, role, model, prompt_version, score, p_passed
from summary__eval_items
where
    feature_id = $feature_id
    and day between $day::date - interval 179 day and $day::date
order by day, eval_run_id, suite_id, case_id
""",
    "cells": """
select cell, sum(n)::bigint as n
from summary__cells
where
    feature_id = $feature_id
    and day between $day::date - interval 27 day and $day::date
    and fitted_on <= $day::date
group by cell
order by cell
""",
}
"""Queries of the frames that `retirement_candidates` takes."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """What the versions that ran a case did with it."""

    n: int
    lowest: float
    highest: float
    item_rest: float


def retirement_candidates(
    day: date,
    feature: Feature,
    cases: pl.DataFrame,
    items: pl.DataFrame,
    cells: pl.DataFrame,
) -> pl.DataFrame:
    """List eval cases that a person should look at and perhaps retire; one reason each.

    Parameters
    ----------
    day, feature
        What is judged.
    cases, items, cells
        Frames of `RETIREMENT_SQL`; cases oldest first.

    Returns
    -------
    DataFrame of `RETIREMENT_SCHEMA`, by suite and falling score (0-1, how sure the reason is).

    Notes
    -----
    mislabelled: at least `MIN_TAKERS` versions ran it and none passed, while the suite's mean is
    0.9 or more; or the better versions fail it (item-rest correlation 3 standard errors below 0).
    redundant: its cosine to an earlier case of the suite is at least `SAME_CASE`.
    saturated: all of `MIN_TAKERS` versions or more pass it, it does not rank them as the rest of
    the suite does (item-rest correlation below 0.1), and its facility-location gain is below
    `SPARE_GAIN` of the mean: others stand for it. unrepresentative: none of `MIN_TRAFFIC` or more
    inputs of 28 days lie in its cell. The first that holds is given. Cases of a suite that was
    ever run in the role regression are never listed: they are meant to pass.
    """
    guards = items.filter(pl.col("role") == "regression")["suite_id"].unique().to_list()
    found = [
        row
        for (suite_id,), rows in cases.partition_by(
            "suite_id", as_dict=True, maintain_order=True
        ).items()
        if suite_id not in guards
        for row in _spare(rows, items.filter(pl.col("suite_id") == suite_id), cells)
    ]
    table = pl.DataFrame(
        found, schema=["suite_id", "case_id", "reason", "evidence", "score"], orient="row"
    )
    return (
        table.with_columns(day=pl.lit(day), feature_id=pl.lit(feature.id))
        .select(pl.col(name).cast(dtype) for name, dtype in RETIREMENT_SCHEMA.items())
        .sort("suite_id", "score", "case_id", descending=[False, True, False])
    )


def _spare(
    cases: pl.DataFrame, items: pl.DataFrame, cells: pl.DataFrame
) -> Iterator[tuple[str, str, str, str, float]]:
    """Yield suite, case, reason, evidence and score of the cases of one suite."""
    ids: list[str] = cases["case_id"].to_list()
    vectors = embed(cases["input_text"].to_list()).astype(np.float64)
    similarity = cosine_similarity(vectors, vectors)
    earlier = np.tril(similarity, -1)
    nearest = earlier.argmax(axis=1)
    # Of two copies neither represents anything alone: once the later one is gone, the other does.
    stays = vectors.any(axis=1) & (earlier.max(axis=1) < SAME_CASE)
    gain = np.zeros(len(cases))
    gain[stays] = marginal_gains(similarity[np.ix_(stays, stays)])
    mean_gain = float(gain[stays].mean()) if stays.any() else 0.0
    taken = _taken(items)
    mean = float(items["score"].to_numpy().mean()) if len(items) else 0.0
    traffic = dict(cells.iter_rows())
    n_inputs = sum(traffic.values())
    for at, (suite_id, case_id, cell) in enumerate(
        cases.select("suite_id", "case_id", "cell").iter_rows()
    ):
        found = taken.get(case_id, _Taken(0, 0.0, 0.0, 1.0))
        is_known = found.n >= MIN_TAKERS
        cosine, share = float(earlier[at, nearest[at]]), float(gain[at]) / max(mean_gain, 1e-12)
        if is_known and found.highest == 0 and mean >= _EASY_SUITE:
            evidence = f"none of {found.n} versions passes it, the suite's mean score is {mean:.2f}"
            yield suite_id, case_id, "mislabelled", evidence, 0.5
        elif found.item_rest * found.n**0.5 <= _REVERSED:
            evidence = f"of {found.n} versions the better ones fail it: item-rest correlation "
            evidence += f"{found.item_rest:.2f}"
            yield suite_id, case_id, "mislabelled", evidence, -found.item_rest
        elif cosine >= SAME_CASE:
            evidence = f"cosine {cosine:.3f} with the earlier case {ids[nearest[at]]}"
            yield suite_id, case_id, "redundant", evidence, cosine
        elif stays[at] and _is_flat(found) and share < SPARE_GAIN:
            evidence = f"all of {found.n} versions pass it, and others stand for it: it represents "
            evidence += f"{share:.0%} of what a mean case does"
            yield suite_id, case_id, "saturated", evidence, 1 - share
        elif cell is not None and n_inputs >= MIN_TRAFFIC and not traffic.get(cell):
            evidence = f"none of {n_inputs} inputs of 28 days lies in its cell of meaning, {cell}"
            yield suite_id, case_id, "unrepresentative", evidence, 0.5


def _is_flat(found: _Taken) -> bool:
    return found.n >= MIN_TAKERS and found.lowest == 1 and found.item_rest < 0.1


def _taken(items: pl.DataFrame) -> dict[str, _Taken]:
    taker = ["model", "prompt_version", "role"]
    by_score = (pl.col("score") >= _PASSING_SCORE).cast(pl.Float64)
    means = (
        items.with_columns(passed=pl.coalesce("p_passed", by_score))
        .group_by([*taker, "case_id"])
        .agg(pl.col("score", "passed").mean())
    )
    takers = means.select(taker).unique(maintain_order=True).with_row_index("taker")
    cases = means.select("case_id").unique().sort("case_id").with_row_index("case")
    placed = means.join(takers, on=taker, nulls_equal=True).join(cases, on="case_id")
    if placed.is_empty():
        return {}
    grid = np.full((2, len(takers), len(cases)), np.nan)
    at = placed["taker"].to_numpy(), placed["case"].to_numpy()
    grid[0][at], grid[1][at] = placed["score"].to_numpy(), placed["passed"].to_numpy()
    found = item_statistics(grid[0])
    columns = zip(
        cases["case_id"],
        found.n_takers.tolist(),
        np.nanmin(grid[1], axis=0).tolist(),
        np.nanmax(grid[1], axis=0).tolist(),
        np.nan_to_num(found.item_rest).tolist(),
        strict=True,
    )
    return {case_id: _Taken(*numbers) for case_id, *numbers in columns}
