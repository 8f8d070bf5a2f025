"""The standard change per summary table: a share of each day's rows becomes otherwise.

A change belongs to a table, not to a check, so every check that reads a table faces the same one,
and the checks of a new mode get theirs without a line here unless they read a new table. What
comes out could have been logged: no row is made or lost (but in `summary__hours`, whose fault it
is), sums stay consistent with their counts, and what is not known stays unknown. The same `rng`
moves the same rows, and more of them with a larger share.

When a change starts, and what is judged, is in `llmops_health.power.replay`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.kernels.histograms import GAMMA, ZERO_BIN
from llmops_health.power.shock import CHANCE, NEXT, Moves, Shock, count, is_moved, moving
from llmops_health.power.shocks_bom import SHOCKS as BOM
from llmops_health.power.shocks_coevolution import SHOCKS as COEVOLUTION
from llmops_health.power.shocks_eval_prod_gap import SHOCKS as EVAL_PROD_GAP
from llmops_health.power.shocks_frozen_feature import SHOCKS as FROZEN_FEATURE
from llmops_health.power.shocks_ownership import SHOCKS as OWNERSHIP
from llmops_health.power.shocks_provenance import SHOCKS as PROVENANCE
from llmops_health.power.shocks_review_queue import SHOCKS as REVIEW_QUEUE
from llmops_health.power.shocks_sampling import SHOCKS as SAMPLING
from llmops_health.power.shocks_stage_latency import SHOCKS as STAGE_LATENCY
from llmops_health.power.sums import Vectors, daily_vectors, next_in_order

NEW_TOPIC: Final = -1
_LN_2: Final = log(2)
_DOUBLE_BINS: Final = round(_LN_2 / log(GAMMA))
# Four coarse bins of eight: 1.9 times as long.
_COARSE_BINS: Final = 4
_LOWEST_COARSE: Final = -12_000
# Distance of a topic unlike all others from the mean of all texts, and the same in the space of
# random Fourier features: what `input_embedding_drift` was tuned on.
_TOPIC_DISTANCE: Final = 0.47
_TOPIC_MMD: Final = 0.35
_NULL_VALUE: Final = "(null)"

_HALVED: Final = ("confidence", "context_score")
_SHARES: Final = ("error", "truncated", "refusal")
_COSTS: Final = ("cost_usd", "cost_usd_capped")
_LOGARITHMS: Final = ("ln_cost_usd", "ln_latency_ms", "ln_ttft_ms")


def shocked(table: str, rows: pl.DataFrame, share: float, rng: np.random.Generator) -> pl.DataFrame:
    """Return rows of a table of which a share has changed, in the columns and types they had.

    Parameters
    ----------
    table
        A key of `SHOCKS`.
    rows
        All days that are to change, in an order that does not depend on how they were loaded.
    share
        Share of the rows that changes, 0-1.
    rng
        Chooses which; the same state chooses the same, and more of them for a larger share.

    Raises
    ------
    ValueError
        If the share is out of range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in 0-1, got {share}.")
    if rows.is_empty():
        return rows
    moved = SHOCKS[table].apply(rows.with_columns(pl.Series(CHANCE, rng.random(len(rows)))), share)
    return moved.select(pl.col(name).cast(kind) for name, kind in rows.schema.items())


def in_words(tables: Sequence[str], share: float) -> str:
    """Say what was changed in these tables, in one phrase."""
    told = dict.fromkeys(SHOCKS[name].words for name in tables if name in SHOCKS)
    return f"{100 * share:g} % of rows shifted ({'; '.join(told)})"


def _categories(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    following = next_in_order(
        rows.filter(pl.col("value") != _NULL_VALUE), "value", within=["field"]
    )
    known = rows.join(following, on=["field", "value"], how="left", maintain_order="left")
    moves = moving({"value": pl.col(NEXT)}, where=pl.col(NEXT).is_not_null())
    return moves(known, share)


def _embeddings(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Put a share of each day's texts on one topic, at a distance from the mean of all."""
    signs = np.where(rows[CHANCE].to_numpy() < 0.5, -1.0, 1.0)
    n = rows["n"].to_numpy().astype(np.float64)
    spaces = {"sum_z": _TOPIC_DISTANCE, "sum_phi": _TOPIC_MMD}
    return rows.with_columns(
        daily_vectors(_onto_topic(Vectors.of(rows[name]), n, signs, share, distance)).alias(name)
        for name, distance in spaces.items()
    )


def _onto_topic(
    vectors: Vectors,
    n: npt.NDArray[np.float64],
    signs: npt.NDArray[np.float64],
    share: float,
    distance: float,
) -> list[npt.NDArray[np.float64]]:
    """Mix a topic into sums of vectors; those of another length are left as they are."""
    mixed = list(vectors.rows)
    for at in vectors.alike:
        sums = np.stack([vectors.rows[i] for i in at])
        mean = sums.sum(axis=0) / n[at].sum()
        # The topic lies where texts differ from each other, as the days' own noise tells.
        direction = signs[at] @ (sums - n[at, None] * mean)
        length = float(np.linalg.norm(direction))
        if length > 0:
            topic = mean + distance * direction / length
            moved = (1 - share) * sums + share * n[at, None] * topic
            for i, row in zip(at, moved, strict=True):
                mixed[i] = row
    return mixed


def _text_cells(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    moved = is_moved(share) & (pl.col("cell") != NEW_TOPIC)
    return rows.with_columns(
        cell=pl.when(moved).then(NEW_TOPIC).otherwise(pl.col("cell")),
        similarity=pl.when(moved).then(pl.col("similarity").min()).otherwise(pl.col("similarity")),
    )


def _rates(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Turn successes into errors, double costs, and add ln 2 to logarithms."""
    is_share, is_cost, is_log = (
        pl.col("metric").is_in(names) for names in (_SHARES, _COSTS, _LOGARITHMS)
    )
    x, xx, n = pl.col("sum_x"), pl.col("sum_xx"), pl.col("n")
    hits, doubled = count(n - x, share), count("n", share)
    part = pl.when(n > 0).then(doubled / n).otherwise(0.0)
    return rows.with_columns(
        sum_x=pl.when(is_share)
        .then(x + hits)
        .when(is_cost)
        .then(x * (1 + part))
        .when(is_log)
        .then(x + doubled * _LN_2)
        .otherwise(x),
        sum_xx=pl.when(is_share)
        .then(xx + hits)
        .when(is_cost)
        .then(xx * (1 + 3 * part))
        .when(is_log)
        .then(xx + part * 2 * _LN_2 * x + doubled * _LN_2**2)
        .otherwise(xx),
    )


def _labels(names: str, other: str, sums: Sequence[str]) -> Moves:
    """Make a share of the pairs that agree disagree: `names` becomes the next most frequent."""

    def apply(rows: pl.DataFrame, share: float) -> pl.DataFrame:
        known = rows.filter(pl.col(names).is_not_null())
        following = next_in_order(known, names, lonely="(other)")
        joined = rows.join(following, on=names, how="left", maintain_order="left")
        moves = moving(
            {names: pl.col(NEXT)},
            where=(pl.col(names) == pl.col(other)) & pl.col(NEXT).is_not_null(),
            sums=sums,
        )
        return moves(joined, share)

    return apply


def _hours(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Lose the last share of each day's calls, as a log does that stopped."""
    day = ["day", "run_kind"]
    so_far = pl.col("n").cum_sum().over(day, order_by="hour")
    kept = ((1 - share) * pl.col("n").sum().over(day) - so_far + pl.col("n")).ceil()
    left = rows.with_columns(kept.clip(0, pl.col("n")).cast(pl.Int64).alias(CHANCE))
    part = pl.col(CHANCE) / pl.col("n")
    hour = pl.col("last_started_at").dt.truncate("1h")
    into = (pl.col("last_started_at") - hour).dt.total_microseconds()
    return left.filter(pl.col(CHANCE) > 0).with_columns(
        n=pl.col(CHANCE),
        last_started_at=hour + pl.duration(microseconds=(into * part).cast(pl.Int64)),
        n_late=(pl.col("n_late") * part).floor(),
        n_dated=(pl.col("n_dated") * part).ceil(),
    )


def _nulls(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    lost = count(pl.col("n") - pl.col("n_null"), share)
    return rows.with_columns(n_null=pl.col("n_null") + lost)


def _repeats(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    def where_moved(name: str, to: pl.Expr) -> pl.Expr:
        return pl.when(is_moved(share)).then(to).otherwise(pl.col(name)).alias(name)

    # An expression of null stays null: what is not known of a prompt does not change.
    return rows.with_columns(
        where_moved("ln_chars_now", pl.col("ln_chars_now") + _LN_2),
        where_moved("formatted_now", 1 - pl.col("formatted_now")),
        where_moved("json_now", pl.col("json_now") * 0),
        where_moved("label_agreement", pl.col("label_agreement") * 0),
    )


def _satisfaction(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    part = pl.when(pl.col("n") > 0).then(count("n", share) / pl.col("n")).otherwise(0.0)
    return rows.with_columns(pl.col("sum_score", "sum_score_sq") * (1 - part))


def _histograms() -> Moves:
    steps = pl.when(pl.col("field").is_in(_HALVED)).then(-_DOUBLE_BINS).otherwise(_DOUBLE_BINS)
    return moving({"k": pl.col("k") + steps}, where=pl.col("k") > ZERO_BIN)


SHOCKS: Final[dict[str, Shock]] = {
    "summary__categories": Shock("each value becomes the next most frequent", _categories),
    "summary__histograms": Shock(
        "lengths, tokens and cost double, confidence and context score halve", _histograms()
    ),
    "summary__cells": Shock(
        "inputs on a topic far from all known ones",
        moving({"cell": pl.lit(NEW_TOPIC)}, where=pl.col("cell") != NEW_TOPIC),
    ),
    "summary__embeddings": Shock("inputs on a topic far from all known ones", _embeddings),
    "summary__text_cells": Shock("inputs on a topic far from all known ones", _text_cells),
    "summary__novelty": Shock(
        "inputs on a topic far from all known ones",
        moving({"cell_is_new": pl.lit(value=True)}, where=~pl.col("cell_is_new")),
    ),
    "summary__rates": Shock("calls fail or are cut off, and cost twice as much", _rates),
    "summary__latency_buckets": Shock(
        "calls take 1.9 times as long",
        moving(
            {"k_coarse": pl.col("k_coarse") + _COARSE_BINS},
            where=pl.col("k_coarse") >= _LOWEST_COARSE,
        ),
    ),
    "summary__calibration": Shock(
        "from when labels tell, right answers are wrong at the same confidence",
        _labels("label", "predicted_label", ["sum_conf", "sum_conf_sq"]),
    ),
    "summary__confidence": Shock(
        "calls state half the confidence",
        moving(
            {"k": pl.col("k") // 2, "sum_conf": pl.col("sum_conf") / 2},
            where=pl.col("k") >= 0,
            sums=["sum_conf"],
        ),
    ),
    "summary__judgements": Shock(
        "the judge's label becomes another where people agreed", _labels("label", "other_label", [])
    ),
    "summary__hours": Shock("the day's last calls are not logged", _hours),
    "summary__nulls": Shock("values are missing", _nulls),
    "summary__repeats": Shock(
        "repeated prompts get answers twice as long, in another format, with another label",
        _repeats,
    ),
    "summary__satisfaction": Shock("ratings fall to 0", _satisfaction),
    **COEVOLUTION,
    **EVAL_PROD_GAP,
    **SAMPLING,
    **PROVENANCE,
    **FROZEN_FEATURE,
    **STAGE_LATENCY,
    **REVIEW_QUEUE,
    **OWNERSHIP,
    **BOM,
}
"""By table. What is not listed is not changed: eval scores and eval cases among them."""
