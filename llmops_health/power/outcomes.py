"""Outcomes drawn anew, so that confidence promises what comes true: calibrated by construction.

Users stay as unlike each other as they were: some are right more often than their confidence
says, others less often, and together they are right as often as it says.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import expit, logit

from llmops_health.kernels.confidence_gap import gap_design_effect
from llmops_health.power.sums import next_in_order

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_N_BUCKETS = 64
# Below so many buckets of users nothing is told about how they differ.
_FEW_BUCKETS = 10
_SUMS = ["n", "sum_conf", "sum_conf_sq"]


def as_promised(
    rows: pl.DataFrame, observed: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Draw which labelled calls were right, each as often as its confidence says.

    Parameters
    ----------
    rows
        Rows of `summary__calibration`, of one feature. Rows without a confidence or a predicted
        label promise nothing and stay. Labels taken back are left out on the day they were.
    observed
        Rows that tell how unlike users are and which mistakes are made; each call once.
    rng
        Draws the outcomes.

    Returns
    -------
    DataFrame
        Rows of the same columns and types. A wrong answer gets one of the labels that its
        predicted label was wrong for, as often as it was; the next most frequent one if none.
    """
    states = (pl.col("k") >= 0) & pl.col("predicted_label").is_not_null()
    silent, stated = rows.filter(~states), rows.filter(states)
    grain = [name for name in rows.columns if name not in {"label", *_SUMS}]
    called = stated.group_by(grain, maintain_order=True).agg(pl.col(_SUMS).sum())
    called = called.filter(pl.col("n") > 0)
    if called.is_empty():
        return silent
    n = called["n"].to_numpy().astype(np.int64)
    promised = np.clip(called["sum_conf"].to_numpy() / n, 0.0, 1.0)
    seen = observed.filter(states)
    effects = _of_users(seen, promised, n, rng)[called["bucket"].to_numpy()]
    n_right = rng.binomial(n, _shifted(promised, effects, n))
    right = _part(called, n_right).with_columns(label="predicted_label")
    wrong_calls = _part(called, n - n_right)
    drawn = _wrong_labels(seen, wrong_calls["predicted_label"], rng)
    both = pl.concat(
        [part.select(rows.columns) for part in (right, wrong_calls.with_columns(drawn))]
    )
    return pl.concat([silent, both.filter(pl.col("n") > 0)]).sort("day", maintain_order=True)


def _of_users(seen: pl.DataFrame, promised: Floats, n: Ints, rng: np.random.Generator) -> Floats:
    """Draw how far each bucket of users is from what it is promised, on the logit scale."""
    right = pl.col("label") == pl.col("predicted_label")
    parts = (
        pl.col("n"),
        pl.col("n") * right,
        pl.col("sum_conf"),
        pl.col("sum_conf_sq"),
        pl.col("sum_conf") * right,
    )
    per_row = seen.select(
        part.cast(pl.Float64).alias(f"sum_{at}") for at, part in enumerate(parts)
    ).to_numpy()
    buckets = seen["bucket"].to_numpy()
    sums = np.stack([np.bincount(buckets, row, _N_BUCKETS) for row in per_row.T], axis=1)
    sums[sums[:, 0] <= 0] = 0
    drawn = rng.normal(size=_N_BUCKETS)
    size = float((sums[:, 0] ** 2).sum() / max(1.0, sums[:, 0].sum()))
    unsure = float(np.average(promised * (1 - promised), weights=n))
    if np.count_nonzero(sums[:, 0]) < _FEW_BUCKETS or size <= 1 or unsure <= 0:
        return np.zeros(_N_BUCKETS)
    alike = max(0.0, gap_design_effect(sums) - 1) / (size - 1)
    return np.asarray(drawn * np.sqrt(alike / unsure))


def _shifted(promised: Floats, effects: Floats, n: Ints) -> Floats:
    """Return chances shifted by an effect per row, that together come to what is promised."""
    between = np.clip(promised, 1e-9, 1 - 1e-9)
    total = float(n @ promised)

    def chances(level: float) -> Floats:
        return np.asarray(expit(logit(between) + effects + level))

    if not effects.any() or not 0 < total < n.sum():
        return promised
    from scipy.optimize import brentq  # noqa: PLC0415 - half a second of import

    return chances(float(brentq(lambda level: n @ chances(level) - total, -40, 40)))


def _part(called: pl.DataFrame, n: Ints) -> pl.DataFrame:
    share = pl.Series(n / called["n"].to_numpy())
    return called.with_columns(
        pl.Series("n", n, dtype=called["n"].dtype), pl.col(_SUMS[1:]) * share
    )


def _wrong_labels(seen: pl.DataFrame, predicted: pl.Series, rng: np.random.Generator) -> pl.Series:
    """Draw a wrong label for each predicted one."""
    mistaken = seen.filter((pl.col("label") != pl.col("predicted_label")) & (pl.col("n") > 0))
    pairs = mistaken.group_by("predicted_label", "label").agg(pl.col("n").sum())
    mistakes = {
        str(name): (part["label"].to_list(), part["n"].to_numpy())
        for (name,), part in pairs.sort("predicted_label", "label")
        .partition_by("predicted_label", as_dict=True)
        .items()
    }
    following = next_in_order(
        seen.select("n", predicted_label="label"), "predicted_label", lonely="(other)"
    )
    after = dict(following.iter_rows())
    chance = rng.random(len(predicted))
    names = predicted.to_numpy()
    drawn = np.empty(len(names), dtype=object)
    for name in np.unique(names.astype(str)):
        at = names == name
        labels, n = mistakes.get(name, ([after.get(name, "(other)")], np.ones(1)))
        place = np.searchsorted(np.cumsum(n) / n.sum(), chance[at], side="right")
        drawn[at] = np.array(labels, dtype=object)[np.minimum(place, len(labels) - 1)]
    return pl.Series("label", drawn.tolist(), dtype=pl.String)
