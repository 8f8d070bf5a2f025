"""Prompts that came again under the same settings, and how far their answers agree.

Nothing is judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.kernels.agreement import krippendorff_alpha
from llmops_health.kernels.intervals import Interval
from llmops_health.kernels.variance_components import (
    RepeatConsistency,
    noise_share_interval,
    repeat_consistency,
)

Floats = npt.NDArray[np.float64]

SEEN_DAYS = 7
COUNTED_DAYS = 14
"""Days that each row of `summary__answers` counts."""

_COLUMNS = (
    *("day", "run_kind", "prompt_key", "settings_key", "is_greedy"),
    *("answer", "predicted_label", "n"),
)
_MIN_GROUPS = 8
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """Agreement per prompt and settings, by raw text and by predicted label (nan: none).

    `key` is of run_kind, prompt and settings together, ascending; `is_greedy` says which groups
    drew nothing at random, as far as it is known.
    """

    key: npt.NDArray[np.uint64]
    is_greedy: npt.NDArray[np.bool_]
    raw: RepeatConsistency
    label: RepeatConsistency
    label_counts: Floats

    def __len__(self) -> int:
        """Return the number of prompts."""
        return len(self.key)

    def noise_share(self) -> float | None:
        """Return what part of the disagreement of labels lies within prompts; None if unknown.

        ``1 - alpha``: disagreement within prompts against that of any two answers.
        """
        counts = self.label_counts[self.label_counts.sum(axis=1) > 1]
        if len(counts) < _MIN_GROUPS or (counts.sum(axis=0) > 0).sum() < 2:
            return None
        return float(np.clip(1 - krippendorff_alpha(counts), 0.0, 1.0))


def repeats(answers: pl.DataFrame, day: date) -> Repeats | None:
    """Return the prompts of the 7 days that end with `day` that came more than once by then.

    Only the newest row of each counts: it holds the days before.
    """
    is_seen = (answers["day"] > day - timedelta(days=SEEN_DAYS)) & (answers["day"] <= day)
    if not is_seen.any():
        return None
    seen = pl.DataFrame([answers[name].filter(is_seen) for name in _COLUMNS]).with_columns(
        pl.col("run_kind").hash(seed=0),
        pl.col("is_greedy").fill_null(value=False),
        pl.col("predicted_label").rank("dense").fill_null(0),
    )
    key, group = np.unique(_keys(seen), return_inverse=True)
    days, n = seen["day"].to_physical().to_numpy(), seen["n"].to_numpy().astype(np.float64)
    newest = np.full(len(key), days.min())
    np.maximum.at(newest, group, days)
    is_newest = days == newest[group]
    again = np.bincount(group, n * is_newest, len(key)) > 1
    if not again.any():
        return None
    kept = is_newest & again[group]
    place, n = (np.cumsum(again) - 1)[group[kept]], n[kept]
    n_groups = int(again.sum())
    greedy = seen["is_greedy"].to_numpy()[kept]
    raw = _counts(place, np.unique(seen["answer"].to_numpy()[kept], return_inverse=True)[1], n)
    label = seen["predicted_label"].to_numpy().astype(np.int64)[kept] - 1
    table = np.zeros((n_groups, int(label.max()) + 1))
    np.add.at(table, (place[label >= 0], label[label >= 0]), n[label >= 0])
    return Repeats(
        key=key[again],
        is_greedy=np.bincount(place, greedy, n_groups) > 0,
        raw=_padded(repeat_consistency(*raw), n_groups),
        label=_consistency(table),
        label_counts=table,
    )


def _keys(rows: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """Return one number per hash of run_kind, prompt and settings, as good as never two alike."""
    prompt, settings = (
        rows[name].to_numpy().astype(np.uint64) for name in ("prompt_key", "settings_key")
    )
    kind = rows["run_kind"].to_numpy()
    return np.asarray(((prompt * _MULTIPLIER) ^ settings) * _MULTIPLIER ^ kind)


def _counts(
    group: npt.NDArray[np.int64], answer: npt.NDArray[np.int64], n: Floats
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Add up rows of one group and answer; return the group and count of each."""
    size = int(answer.max(initial=0)) + 1
    pair, place = np.unique(group * size + answer, return_inverse=True)
    return pair // size, np.asarray(np.bincount(place, n), dtype=np.float64)


def score_noise(
    runs: pl.DataFrame, results: pl.DataFrame, *, level: float
) -> tuple[Interval, int] | None:
    """Return the share of eval scores' variance within trials of one case, and the cases.

    `runs` are those that may be known; None where no case was tried twice in one of them.
    """
    if runs.is_empty() or not (results["trial"] > 0).any():
        return None
    of_runs = results.join(runs.select("eval_run_id").unique(), on="eval_run_id", how="semi")
    score = pl.col("score")
    per = of_runs.group_by("eval_run_id", "case_id", maintain_order=True).agg(
        n=score.count(), y=score.sum(), yy=(score**2).sum()
    )
    again = per.filter(pl.col("n") > 1)
    if len(again) < _MIN_GROUPS:
        return None
    sums = (again[name].to_numpy() for name in ("n", "y", "yy"))
    share = noise_share_interval(*sums, level=level)
    return None if np.isnan(share.estimate) else (share, len(again))


def _consistency(counts: Floats) -> RepeatConsistency:
    group, label = np.nonzero(counts)
    return _padded(repeat_consistency(group, counts[group, label]), len(counts))


def _padded(found: RepeatConsistency, size: int) -> RepeatConsistency:
    """Add the groups without any answer after the last that has one."""
    more = size - len(found.n)
    nothing = np.full(more, np.nan)
    return RepeatConsistency(
        np.concatenate([found.n, np.zeros(more)]),
        np.concatenate([found.is_total, np.zeros(more, dtype=np.bool_)]),
        np.concatenate([found.agreement, nothing]),
        np.concatenate([found.entropy, nothing]),
    )
