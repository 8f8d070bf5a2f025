"""Standard changes of the tables that the mode `sampling` reads."""

from __future__ import annotations

from typing import Final

import polars as pl

from llmops_health.power.shock import CHANCE, NEXT, Shock, count, moving
from llmops_health.power.sums import next_in_order

_TEMPERATURE: Final = 1.2
_TOP_P: Final = 0.9


def _parameters(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Make a share of the calls, but none of an eval, at other settings under the same version."""
    moves = pl.col("temperature").is_not_null() & (pl.col("run_kind") != "eval")
    counts = [name for name in rows.columns if name == "n" or name.startswith("n_")]
    n_moved = pl.when(moves).then(count("n", share)).otherwise(0.0)
    part = pl.when(pl.col("n") > 0).then(n_moved / pl.col("n")).otherwise(0.0)
    # Whole calls: what is cut off of one side is not lost on the other.
    gone = rows.with_columns((pl.col(name) * part).round().cast(pl.Int64) for name in counts)
    stay = rows.with_columns(pl.col(name) - gone[name] for name in counts)
    hot = gone.with_columns(
        temperature=pl.lit(_TEMPERATURE),
        top_p=pl.lit(_TOP_P),
        config_key=pl.col("config_key") + 1,
    )
    return pl.concat([stay, hot.select(stay.columns)]).filter(pl.col("n") > 0).drop(CHANCE)


def _answers(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Give a share of the repeated prompts' calls another answer and label."""
    known = rows.filter(pl.col("predicted_label").is_not_null())
    following = next_in_order(known, "predicted_label", lonely="(other)")
    joined = rows.join(following, on="predicted_label", how="left", maintain_order="left")
    moves = moving(
        {"answer": pl.col("answer") + 1, "predicted_label": pl.col(NEXT)}, where=pl.lit(value=True)
    )
    return moves(joined, share)


SHOCKS: Final[dict[str, Shock]] = {
    "summary__parameters": Shock(
        "calls are made at temperature 1.2 and top_p 0.9, unannounced", _parameters
    ),
    "summary__outcomes": Shock(
        "calls are made at temperature 1.2 and turn out bad",
        moving(
            {
                "temperature": pl.lit(_TEMPERATURE),
                "levers_key": pl.col("levers_key") + 1,
                "sum_score": pl.lit(0.0),
                "sum_score_sq": pl.lit(0.0),
            },
            where=pl.col("temperature").is_not_null(),
            sums=["n_unanswered", "sum_score", "sum_score_sq"],
        ),
    ),
    "summary__answers": Shock("repeated prompts get other answers and labels", _answers),
}
