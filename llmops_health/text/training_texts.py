"""What the texts of training sets tell: near-duplicates among them, and eval cases near to them.

Frames in, frames out; who stores them and where the text comes from is known elsewhere. Texts that
are gone cannot be compared again, so that what was found while they were there is kept.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from llmops_health.text.near_duplicates import groups, matches

TABLES: Final[dict[str, dict[str, str]]] = {
    "summary__near_duplicates": {
        "pipeline_id": "varchar",
        "step_id": "varchar",
        "feature_id": "varchar",
        "started_at": "timestamp",
        "n_read": "bigint",
        "n_texts": "bigint",
        "n_repeated": "bigint",
        "n_largest": "bigint",
        "example_sha256": "varchar",
    },
    "summary__near_cases": {
        "pipeline_id": "varchar",
        "step_id": "varchar",
        "feature_id": "varchar",
        "suite_id": "varchar",
        "case_id": "varchar",
        "similarity": "double",
        "started_at": "timestamp",
        "added_at": "timestamp",
        "retired_at": "timestamp",
        "n": "bigint",
        "input_sha256": "varchar",
    },
}
_TYPES: Final = {
    "varchar": pl.String(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "timestamp": pl.Datetime("us"),
}
SCHEMAS: Final = {
    table: {name: _TYPES[kind] for name, kind in columns.items()}
    for table, columns in TABLES.items()
}
_STEP: Final = ["pipeline_id", "step_id", "feature_id"]


def compare(
    inputs: pl.DataFrame, cases: pl.DataFrame, known: dict[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """Return the tables of `TABLES`.

    Parameters
    ----------
    inputs
        Rows of `summary__training_inputs` with `text`, null where it is gone.
    cases
        Rows of `core__eval_cases` with `text`.
    known
        The same tables as they were made before.

    Notes
    -----
    A step whose texts are partly gone keeps what was found when more of them were there; of its
    near cases those are kept that are not found again.
    """
    duplicates, near = [], []
    readable = inputs.filter(pl.col("text").is_not_null())
    texts_of = {str(key[0]): part for key, part in cases.drop_nulls("text").group_by("feature_id")}
    for _, part in readable.sort(*_STEP, "input_sha256").group_by(_STEP, maintain_order=True):
        duplicates.append(_duplicates(part))
        of_feature = texts_of.get(part["feature_id"][0])
        if of_feature is not None:
            near.append(_near(part, of_feature))
    return {
        "summary__near_duplicates": _kept(
            "summary__near_duplicates", duplicates, known, _STEP, "n_read"
        ),
        "summary__near_cases": _kept(
            "summary__near_cases", near, known, [*_STEP, "suite_id", "case_id"], "similarity"
        ),
    }


def _duplicates(part: pl.DataFrame) -> pl.DataFrame:
    group = groups(part["text"])
    n = part["n"].to_numpy()
    sizes = np.bincount(group, weights=n, minlength=len(part)).astype(np.int64)
    largest = int(sizes.argmax())
    row = {
        **{name: part[name][0] for name in (*_STEP, "started_at")},
        "n_read": int(n.sum()),
        "n_texts": len(part),
        "n_repeated": int(n.sum()) - len(np.unique(group)),
        "n_largest": int(sizes[largest]),
        "example_sha256": part["input_sha256"][largest],
    }
    return pl.DataFrame([row], schema=SCHEMAS["summary__near_duplicates"])


def _near(part: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    ordered = cases.sort("suite_id", "case_id")
    found = matches(ordered["text"], part["text"])
    pairs = pl.DataFrame({"case": found.left, "input": found.right, "similarity": found.similarity})
    listed = ordered.select("suite_id", "case_id", "added_at", "retired_at")
    read = part.select(*_STEP, "started_at", "n", "input_sha256")
    joined = pairs.join(listed.with_row_index("case"), on="case", how="inner").join(
        read.with_row_index("input"), on="input", how="inner"
    )
    best = joined.sort("similarity", "input_sha256", descending=[True, False])
    grouped = best.group_by(*_STEP, "suite_id", "case_id", maintain_order=True).agg(
        pl.col("similarity", "started_at", "added_at", "retired_at", "input_sha256").first(),
        pl.col("n").sum(),
    )
    return grouped.select(
        pl.col(name).cast(kind) for name, kind in SCHEMAS["summary__near_cases"].items()
    )


def _kept(
    table: str,
    made: list[pl.DataFrame],
    known: dict[str, pl.DataFrame],
    grain: list[str],
    better: str,
) -> pl.DataFrame:
    """Return old and new rows, of each place the one that knew more; ties go to the new."""
    old = known.get(table, pl.DataFrame(schema=SCHEMAS[table]))
    new = pl.concat([pl.DataFrame(schema=SCHEMAS[table]), *made])
    both = pl.concat(
        [
            new.with_columns(is_old=pl.lit(value=False)),
            old.select(list(SCHEMAS[table])).with_columns(is_old=pl.lit(value=True)),
        ]
    )
    ordered = both.sort(*grain, better, "is_old", descending=[*([False] * len(grain)), True, False])
    return ordered.unique(grain, keep="first", maintain_order=True).drop("is_old")
