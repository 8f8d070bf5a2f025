"""From rows of `summary__calibration` to the sums that the kernels take.

A window holds the labels that became known in it, whenever their calls were made. A label that
was revised is subtracted on the day of the revision, so a window may take away what it never
added: sums per bin are held to what can occur. No statistics are computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.kernels.calibration import N_BINS, ConfidenceBins

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

N_BUCKETS = 64
"""Buckets of users: the groups of the jackknife."""

SUMS = ("n", "n_correct", "sum_conf", "sum_conf_sq", "sum_conf_correct")
"""Order of the sums in `bucket_sums` and `bins_per_bucket`: that of `ConfidenceBins`."""

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCalls:
    """Summary rows as arrays of shape (rows,); `names` translates the codes of both labels.

    `age` is days before the judged day at which the label became known (0: that day). `k` is the
    confidence bin, -1 where no confidence was stated. `n` and the sums are negative in rows that
    take a revised label back.
    """

    names: tuple[str, ...]
    age: Ints
    bucket: Ints
    k: Ints
    label: Ints
    predicted: Ints
    n: Floats
    sum_conf: Floats
    sum_conf_sq: Floats

    @property
    def is_correct(self) -> Flags:
        """Whether the prediction is the label, per row."""
        return np.asarray(self.label == self.predicted)

    @property
    def total(self) -> int:
        """Number of labelled calls; not below 0."""
        return max(0, int(self.n.sum()))

    @property
    def n_correct(self) -> int:
        """Number of labelled calls with the right prediction, in 0 to `total`."""
        return min(self.total, max(0, int(self.n[self.is_correct].sum())))

    def where(self, keep: Flags) -> LabelledCalls:
        """Keep the rows of a mask of shape (rows,)."""
        return LabelledCalls(
            self.names,
            self.age[keep],
            self.bucket[keep],
            self.k[keep],
            self.label[keep],
            self.predicted[keep],
            self.n[keep],
            self.sum_conf[keep],
            self.sum_conf_sq[keep],
        )

    def stated(self) -> LabelledCalls:
        """Keep calls that stated a confidence."""
        return self.where(self.k >= 0)

    def within(self, n_days: int) -> LabelledCalls:
        """Keep labels that became known in the `n_days` days that end with the judged one."""
        return self.where(self.age < n_days)

    def by_predicted(self) -> list[tuple[str, LabelledCalls]]:
        """Split by predicted label, in the order of the names; labels never predicted left out."""
        return [(self.names[c], self.where(self.predicted == c)) for c in np.unique(self.predicted)]

    def bins(self) -> ConfidenceBins:
        """Sum into the 100 stored confidence bins; calls without a confidence are left out."""
        return _possible(self._summed(self.k, N_BINS))

    def bucket_sums(self) -> Floats:
        """Sum per bucket of users, shape (64, 5), columns as in `SUMS`; needs `stated` rows.

        Sums of one bucket may be negative where a revision takes back an older label.
        """
        return self._summed(self.bucket, N_BUCKETS).T

    def bins_per_bucket(self) -> Floats:
        """Sum per bucket and confidence bin, shape (64, 100, 5), columns as in `SUMS`."""
        flat = np.where(self.k >= 0, self.bucket * N_BINS + self.k, -1)
        sums = self._summed(flat, N_BUCKETS * N_BINS)
        return np.moveaxis(sums.reshape(len(SUMS), N_BUCKETS, N_BINS), 0, -1)

    def _summed(self, index: Ints, size: int) -> Floats:
        kept = index >= 0
        right = self.is_correct[kept]
        n, conf = self.n[kept], self.sum_conf[kept]
        weights = (n, n * right, conf, self.sum_conf_sq[kept], conf * right)
        return np.stack([np.bincount(index[kept], w, size)[:size] for w in weights])


def labelled_calls(
    table: pl.DataFrame, day: date, labeller: Literal["truth", "judge"] = "truth"
) -> LabelledCalls:
    """Read production rows of `summary__calibration` by one kind of labeller.

    Production is `run_kind` prod; rows of kind unknown count where the table holds no prod row.
    Calls without a predicted label are left out: there is nothing to be right or wrong.
    """
    kind = table["run_kind"]
    wanted = "prod" if (kind == "prod").any() else "unknown"
    rows = table.filter(
        (pl.col("run_kind") == wanted)
        & (pl.col("labeller") == labeller)
        & pl.col("predicted_label").is_not_null()
        & pl.col("label").is_not_null()
    )
    both = pl.concat([rows["label"], rows["predicted_label"].rename("label")])
    names = pl.Enum(both.cast(pl.String).unique().sort())
    today = day.toordinal() - _EPOCH
    return LabelledCalls(
        names=tuple(names.categories),
        age=today - _ints(rows["day"].cast(pl.Date).to_physical()),
        bucket=_ints(rows["bucket"]),
        k=_ints(rows["k"]),
        label=_ints(rows["label"].cast(pl.String).cast(names).to_physical()),
        predicted=_ints(rows["predicted_label"].cast(pl.String).cast(names).to_physical()),
        n=_floats(rows["n"]),
        sum_conf=_floats(rows["sum_conf"].fill_null(0.0)),
        sum_conf_sq=_floats(rows["sum_conf_sq"].fill_null(0.0)),
    )


def _ints(values: pl.Series) -> Ints:
    return values.to_numpy().astype(np.int64)


def _floats(values: pl.Series) -> Floats:
    return values.to_numpy().astype(np.float64)


def _possible(sums: Floats) -> ConfidenceBins:
    """Hold sums per bin, shape (5, bins), to counts that can occur after revisions."""
    n = np.maximum(np.round(sums[0]), 0)
    right = np.clip(sums[1], 0, n)
    conf, conf_sq = np.clip(sums[2], 0, n), np.clip(sums[3], 0, n)
    conf_correct = np.clip(sums[4], 0, conf)
    return ConfidenceBins(n, right, conf, conf_sq, conf_correct)
