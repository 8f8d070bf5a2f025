"""Eval inputs beside the production calls that were asked the same. Nothing is judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import log
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MATCH_DAYS: Final = 7
"""Days, up to that of an eval call, from which its production calls come."""

WINDOWS: Final = (7, 14, 28)
HISTORY_DAYS: Final = WINDOWS[-1] + MATCH_DAYS - 1

BEHAVIOURS: Final = (
    "refusal",
    "ln_output_chars",
    "hedging",
    "formatted",
    "json",
    "json_broken",
    "other_language",
    "tool_use",
    "truncated",
)
"""Columns of `summary__compared_calls` that say how a call was answered."""

# At most half as long again, as those that were matched when their texts were read.
_MAX_LOG_LENGTH: Final = log(1.5) + 1e-9
_UNIT: Final = ["input_sha256", "harness_key"]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Eval inputs and their controls, row by row: means of `BEHAVIOURS`, shape (n, 9).

    `control` is the nearest control and `user` who made it: pairs that share one are not
    independent. `shared` is the variance that each user brings to the mean of all controls by being
    in several pairs with calls unlike other users', shape (n_users, 9); below 0 where they cancel.
    `weight` is the share of controls that are the user's. `n_exact` pairs have the very same input;
    `is_same_harness` tells whether all controls ran with the models and prompt version of the
    evals. `n_asked` are all inputs that evals asked, matched or not.
    """

    evals: Floats
    controls: Floats
    control: npt.NDArray[np.str_]
    user: Ints
    shared: Floats
    weight: Floats
    n_exact: int
    is_same_harness: bool
    n_asked: int
    n_days: int

    def __len__(self) -> int:
        """Return the number of eval inputs with a match."""
        return len(self.user)


def n_days_of_evals(compared: pl.DataFrame, day: date, min_inputs: int) -> int | None:
    """Return the shortest window with enough eval inputs, else the longest; None without any."""
    evals = compared.filter("is_eval").select("day", *_UNIT)
    for n_days in WINDOWS:
        recent = evals.filter(pl.col("day") > day - timedelta(days=n_days))
        n_inputs = len(recent.select(_UNIT).unique())
        if n_inputs >= min_inputs or (n_inputs and n_days == WINDOWS[-1]):
            return n_days
    return None


def paired(
    compared: pl.DataFrame, matches: pl.DataFrame, day: date, n_days: int, min_inputs: int
) -> Pairs:
    """Pair each eval input of a window with its exact twins in production, else its nearest calls.

    An input is one row, however often evals asked it. Each of its controls is a call of the same
    window and compared with what evals answered on the day nearest to it: a model that changed for
    all on some day is no gap. Where `min_inputs` have controls of the same harness, only these
    count.
    """
    since = pl.col("day") > day - timedelta(days=n_days)
    known = compared.filter("is_eval")
    evals, live = known.filter(since), compared.filter(~pl.col("is_eval") & since)
    asked = evals.select(_UNIT).unique()
    controls = pl.concat([_twins(asked, live), _near(known, live, matches, since)])
    best = (
        controls.join(asked, on=_UNIT, how="semi")
        .filter(pl.col("goes_first") == pl.col("goes_first").max().over(_UNIT))
        .unique([*_UNIT, "call_id"], keep="first", maintain_order=True)
    )
    same = best.filter("same_harness")
    best = same if len(same.select(_UNIT).unique()) >= min_inputs else best
    answers = (
        evals.group_by("day", *_UNIT)
        .agg(pl.col(BEHAVIOURS).mean().name.suffix("_eval"))
        .sort("day", *_UNIT)
    )
    at_the_time = best.sort("day", "call_id").join_asof(
        answers, on="day", by=_UNIT, strategy="nearest", check_sortedness=False
    )
    both = [(name, f"{name}_eval") for name in BEHAVIOURS]
    told = at_the_time.with_columns(
        pl.when(pl.col(other).is_not_null()).then(pl.col(name)).alias(name)
        for one, two in both
        for name, other in ((one, two), (two, one))
    )
    # A vote per user: one who calls most would be the production that evals are compared with.
    votes = (
        told.sort(*_UNIT, "similarity", "call_id", descending=[False, False, True, False])
        .group_by(*_UNIT, "user_key", maintain_order=True)
        .agg(
            pl.col(name for pair in both for name in pair).mean(),
            pl.col("call_id", "is_exact").first(),
        )
    )
    rows = votes.group_by(_UNIT, maintain_order=True).agg(
        pl.col(name for pair in both for name in pair).mean(),
        pl.col("call_id", "user_key", "is_exact").first(),
    )
    value = pl.col(BEHAVIOURS)
    users = (
        votes.with_columns(
            (value - value.mean().over(_UNIT)) / value.count().over(_UNIT),
            w=1 / pl.len().over(_UNIT),
        )
        .group_by("user_key", maintain_order=True)
        .agg((value.sum() ** 2 - (value**2).sum()), pl.col("w").sum())
    )
    return Pairs(
        evals=rows.select(two for _, two in both).fill_null(np.nan).to_numpy(),
        controls=rows.select(BEHAVIOURS).fill_null(np.nan).to_numpy(),
        control=rows["call_id"].to_numpy().astype(np.str_),
        user=rows["user_key"].to_numpy(),
        shared=users.select(value.fill_nan(0.0).fill_null(0.0)).to_numpy() / max(len(rows), 1) ** 2,
        weight=users["w"].to_numpy() / max(len(rows), 1),
        n_exact=int(rows["is_exact"].sum()),
        is_same_harness=bool(best["same_harness"].all()),
        n_asked=len(asked),
        n_days=n_days,
    )


def _twins(asked: pl.DataFrame, live: pl.DataFrame) -> pl.DataFrame:
    """Return the production calls that have the very input."""
    found = live.join(asked, on="input_sha256", suffix="_eval")
    return _controls(found, is_exact=True)


def _near(
    evals: pl.DataFrame, live: pl.DataFrame, matches: pl.DataFrame, since: pl.Expr
) -> pl.DataFrame:
    """Return the production calls within the caliper of an input.

    Found from either side: those nearest to an input, and those that no input is nearer to. The
    caliper of the first holds for both.
    """
    recent = matches.filter(since)
    of_evals = recent.filter(pl.col("is_eval") & (pl.col("similarity") >= pl.col("caliper")))
    caliper = of_evals["caliper"].max()
    of_live = recent.filter(~pl.col("is_eval") & (pl.col("similarity") >= pl.lit(caliper)))
    named = pl.concat(
        side.select(pl.col(one).alias("eval_call_id"), pl.col(other).alias("call_id"), "similarity")
        for side, one, other in (
            (of_evals, "call_id", "match_call_id"),
            (of_live, "match_call_id", "call_id"),
        )
    )
    asked = evals.select(
        pl.col("call_id").alias("eval_call_id"),
        *_UNIT,
        length=pl.col("ln_input_chars"),
        language=pl.col("input_language"),
    )
    found = live.join(named.join(asked, on="eval_call_id"), on="call_id", suffix="_eval")
    differs = (pl.col("ln_input_chars") - pl.col("length")).abs() > _MAX_LOG_LENGTH
    differs |= pl.col("input_language") != pl.col("language")
    return _controls(
        found.filter(~differs.fill_null(value=False)).drop("input_sha256"), is_exact=False
    )


def _controls(found: pl.DataFrame, *, is_exact: bool) -> pl.DataFrame:
    """Return controls in one form; those of the same harness go first, then the same inputs."""
    same = pl.col("harness_key") == pl.col("harness_key_eval")
    similarity = pl.lit(1.0) if is_exact else pl.col("similarity")
    return found.select(
        "day",
        pl.col("input_sha256" if is_exact else "input_sha256_eval").alias("input_sha256"),
        "call_id",
        "user_key",
        *BEHAVIOURS,
        harness_key=pl.col("harness_key_eval"),
        same_harness=same,
        is_exact=pl.lit(is_exact),
        goes_first=2 * same.cast(pl.Int8) + int(is_exact),
        similarity=similarity,
    )
