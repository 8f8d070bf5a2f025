"""Standard changes of the tables that the mode `eval_prod_gap` reads."""

from __future__ import annotations

from typing import Final

import polars as pl

from llmops_health.power.shock import Shock, count, is_moved, moving

_OTHER_TEXT: Final = "another"


def _compared_calls(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Make evals, and only those, meet refusals."""
    moved = is_moved(share) & pl.col("is_eval") & pl.col("refusal").is_not_null()
    return rows.with_columns(refusal=pl.when(moved).then(1.0).otherwise(pl.col("refusal")))


def _matches(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Put inputs of either side out of the other's reach."""
    far = pl.min_horizontal("similarity", pl.col("caliper") - 0.1)
    return rows.with_columns(
        similarity=pl.when(is_moved(share)).then(far).otherwise(pl.col("similarity"))
    )


def _marker_words(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Give eval inputs the word that their neighbours do not have more often."""
    n, n_with = pl.col("n"), pl.col("n_with")
    more = count(n - n_with, share)
    # Of an input without the word the difference is -near, with it 1 - near.
    risen = pl.col("sum_sq") + more * (1 - 2 * pl.col("sum_near") / n)
    return rows.with_columns(
        n_with=n_with + more,
        sum_sq=pl.when(more > 0).then(risen.clip(lower_bound=0)).otherwise(pl.col("sum_sq")),
    )


SHOCKS: Final[dict[str, Shock]] = {
    "summary__compared_calls": Shock("evals are refused and users are not", _compared_calls),
    "summary__matches": Shock("inputs of either side have no like on the other", _matches),
    "summary__marker_words": Shock("eval inputs hold a word that tells them apart", _marker_words),
    "summary__system_texts": Shock(
        "production runs with another system text",
        moving(
            {"system_sha256": pl.lit(_OTHER_TEXT)},
            where=(pl.col("run_kind") != "eval") & (pl.col("system_sha256") != _OTHER_TEXT),
        ),
    ),
}
