"""Whether a feature does worse than when it was new: labels and what people say, then and now.

Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.kernels.intervals import Interval
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters

WINDOW_DAYS: Final = 28
_N_BUCKETS: Final = 64
_PEOPLE: Final = ("HUMAN", "USER_IMPLICIT")
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decay:
    """By how many points a score (0-100) fell; `se` is its error, `n` counts the newer rows."""

    what: str
    fall: Interval
    se: float
    n: int


def decays(
    calibration: pl.DataFrame,
    satisfaction: pl.DataFrame,
    since: date,
    day: date,
    *,
    min_rows: int,
    min_clusters: float,
    level: float,
) -> tuple[Decay, ...]:
    """Return the fall of accuracy and of satisfaction, each where it can be known.

    Compared are the last 28 days with the first 28 after `since`, or after the first that the
    tables still hold.
    """
    found = (
        _fall(name, rows, since, day, min_rows, min_clusters, level)
        for name, rows in (("accuracy", _right(calibration)), ("satisfaction", _said(satisfaction)))
    )
    return tuple(one for one in found if one is not None)


def _right(calibration: pl.DataFrame) -> pl.DataFrame:
    kind = calibration["run_kind"]
    rows = calibration.filter(
        (kind == ("prod" if (kind == "prod").any() else "unknown"))
        & (pl.col("labeller") == "truth")
        & pl.col("predicted_label").is_not_null()
    )
    right = pl.when(pl.col("label") == pl.col("predicted_label")).then("n").otherwise(0)
    return rows.select("day", "bucket", "n", good=right.cast(pl.Float64))


def _said(satisfaction: pl.DataFrame) -> pl.DataFrame:
    """Return the scores of the commonest kind of feedback: another kind is another scale."""
    rows = satisfaction.filter(pl.col("source_kind").is_in(_PEOPLE))
    kinds = rows.group_by("name", "source_kind").agg(pl.col("n").sum())
    top = kinds.sort("n", "name", "source_kind", descending=[True, False, False]).head(1)
    return rows.join(top, on=["name", "source_kind"], how="semi", nulls_equal=True).select(
        "day", "bucket", "n", good="sum_score"
    )


def _fall(
    what: str,
    rows: pl.DataFrame,
    since: date,
    day: date,
    min_rows: int,
    min_clusters: float,
    level: float,
) -> Decay | None:
    first: date | None = rows["day"].min()  # type: ignore[assignment]
    if first is None:
        return None
    start = max(first, since)
    if (day - start).days + 1 < 2 * WINDOW_DAYS:
        return None
    then = _sums(rows, start, start + timedelta(days=WINDOW_DAYS - 1))
    now = _sums(rows, day - timedelta(days=WINDOW_DAYS - 1), day)
    for side in (then, now):
        if side[:, 1].sum() < min_rows or effective_clusters(side[:, 1]) < min_clusters:
            return None

    def points(sums: _Floats) -> _Floats:
        return np.asarray(100 * (sums[..., 0] / sums[..., 1] - sums[..., 2] / sums[..., 3]))

    found = bucket_jackknife(np.hstack([then, now]), points, level=level)
    return Decay(what, Interval(found.estimate, found.lo, found.hi), found.se, int(now[:, 1].sum()))


def _sums(rows: pl.DataFrame, first: date, last: date) -> _Floats:
    """Return good ones and all per bucket, shape (64, 2); what revisions take away is left out."""
    window = rows.filter(pl.col("day").is_between(first, last))
    at = window["bucket"].to_numpy()
    columns = [window[name].to_numpy().astype(np.float64) for name in ("good", "n")]
    sums = np.stack([np.bincount(at, column, minlength=_N_BUCKETS) for column in columns], axis=1)
    n = np.maximum(sums[:, 1], 0.0)
    return np.stack([np.clip(sums[:, 0], 0.0, n), n], axis=1)
