"""What the sampled inputs mean, as numbers: sums of vectors per day, and cells of meaning.

Frames in, frames out; who stores them and where the text comes from is known elsewhere. A cell is
the nearest centroid of a codebook that is fitted once per feature, on its first texts, and kept;
a text far from every centroid is in the cell `NEW_TOPIC`. Texts of which nothing is kept, and texts
without a single known token, are left out of every table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.kernels.codebook import assign_cells, fit_codebook, suggest_cells
from llmops_health.kernels.embedding import rff_features
from llmops_health.text import matching, style
from llmops_health.text.embed import EMBEDDER_VERSION, Embedded, embed

FloatMatrix = npt.NDArray[np.float64]

NEW_TOPIC: Final = -1
"""Cell of the texts that no centroid is near to."""

RFF_FEATURES: Final = 512
# Frozen with EMBEDDER_VERSION. The median squared distance of two inputs of one feature is 1.5 to
# 1.8 over the seven demo features and the banking77 questions, so gamma = 1 / 1.67.
RFF_GAMMA: Final = 0.6
RFF_SEED: Final = 20_260_101

# Fewer texts make cells of chance. A week, because weekend topics must not be new each Saturday.
FIT_TEXTS: Final = 300
FIT_DAYS: Final = 7
# A thin feature would outlive the retention of its texts before it had FIT_TEXTS of them.
THIN_FIT_TEXTS: Final = 100
THIN_FIT_DAYS: Final = 28
MAX_FIT_TEXTS: Final = 3_000
CODEBOOK_SEED: Final = 1
# Texts that the codebook was fitted on are nearer to it than later ones of the same kind. With
# this margin 0.5 to 1.5 % of later texts on known topics are called new, without it up to 2.6 %.
NOVELTY_QUANTILE: Final = 0.01
NOVELTY_MARGIN: Final = 0.02

_CODEBOOK_PREFIX: Final = f"{EMBEDDER_VERSION}/1/"
_ROWS_AT_ONCE: Final = 2_048  # of whole days; random features take 4 kB each
_CASES_PER_BLOCK: Final = 1_024
_EVER, _NEVER = -(2**62), 2**62  # before and after every time, in microseconds
_SUM_DECIMALS: Final = 6  # sums that differ by rounding only are stored as the same numbers

TABLES: Final[dict[str, dict[str, str]]] = {
    "summary__embeddings": {
        "day": "date",
        "feature_id": "varchar",
        "embedder_version": "varchar",
        "n": "bigint",
        "sum_z": "double[]",
        "sum_phi": "double[]",
        "sumsq_phi": "double",
    },
    "summary__codebooks": {
        "feature_id": "varchar",
        "codebook_version": "varchar",
        "fitted_on": "date",
        "cell": "integer",
        "centroid": "double[]",
        "n_fit": "bigint",
        "min_similarity": "double",
    },
    "summary__text_cells": {
        "day": "date",
        "feature_id": "varchar",
        "call_id": "varchar",
        "input_sha256": "varchar",
        "cell": "integer",
        "similarity": "double",
    },
    "summary__cells": {
        "day": "date",
        "feature_id": "varchar",
        "codebook_version": "varchar",
        "fitted_on": "date",
        "cell": "integer",
        "n": "bigint",
    },
    "summary__eval_cells": {
        "feature_id": "varchar",
        "suite_id": "varchar",
        "case_id": "varchar",
        "cell": "integer",
        "similarity": "double",
        "added_at": "timestamp",
        "retired_at": "timestamp",
        "codebook_version": "varchar",
        "fitted_on": "date",
        "nearest_case_id": "varchar",
        "nearest_similarity": "double",
    },
    **style.TABLES,
    **matching.TABLES,
}
"""Columns and SQL types of the tables that `build` returns, and of those of `style`, `matching`."""

_DTYPES: Final[dict[str, pl.DataType]] = {
    "date": pl.Date(),
    "varchar": pl.String(),
    "boolean": pl.Boolean(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "double[]": pl.List(pl.Float64()),
    "timestamp": pl.Datetime("us"),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Codebook:
    """A frozen codebook: unit centroids, shape (n_cells, d), and how near a known topic is."""

    version: str
    fitted_on: date
    centroids: FloatMatrix
    n_fit: tuple[int, ...]
    min_similarity: float

    def place(self, vectors: FloatMatrix) -> tuple[npt.NDArray[np.int32], FloatMatrix]:
        """Return the cell of each vector and its cosine to the nearest centroid."""
        cells = assign_cells(vectors, self.centroids)
        similarity = np.einsum("ij,ij->i", vectors, self.centroids[cells])
        return np.where(similarity < self.min_similarity, NEW_TOPIC, cells), similarity.round(6)


def build(
    samples: pl.DataFrame,
    cases: pl.DataFrame,
    codebooks: pl.DataFrame,
    compared: pl.DataFrame,
    *,
    first: date,
    last: date,
) -> dict[str, pl.DataFrame]:
    """Return the tables of `TABLES`, but for those of `style`, for the days `first` to `last`.

    Parameters
    ----------
    samples
        Rows of `summary__text_samples` with their `text` (null where none is kept): at least the
        days asked for and, of features without a codebook, all earlier days that have text.
    cases
        Rows of `core__eval_cases` with their `text`.
    codebooks
        The rows of `summary__codebooks` so far.
    compared
        Rows of `summary__compared_calls` with their `text`, as `matching.match` takes them. They
        are matched here because their texts are mostly samples, and each is embedded once.
    first, last
        Days, both included. Samples after `last` are not looked at.

    Returns
    -------
    dict of DataFrame
        Whole tables for `summary__codebooks` and `summary__eval_cells`. Of the others the days
        asked for and, where the codebook of any feature is new, the cells of all features on all
        days given, so that days can be replaced whole. A day without any text has no rows: what
        was stored of it while the text was there still holds.

    Notes
    -----
    A codebook is fitted on all texts up to the first day (`fitted_on`) by which a feature has 300
    texts of at least 7 days, or 100 of at least 28; of more than 3,000 every k-th is taken. The
    same days one at a time and in one call give the same codebook. Its `min_similarity` is the
    1st percentile, over these texts, of the cosine to the nearest centroid, less 0.02.
    """
    books = _current(codebooks)
    known = _with_text(samples.filter(pl.col("day") <= last)).sort("feature_id", "day", "call_id")
    samples_of = _by_feature(known)
    cases_of = _by_feature(_with_text(cases).sort("feature_id", "suite_id", "case_id"))
    compared_of = _by_feature(matching.rows_read(compared, last))
    fitted = {
        feature_id: book
        for feature_id, rows in samples_of.items()
        if feature_id not in books and (book := _fit(rows)) is not None
    }
    books |= fitted
    made: dict[str, list[pl.DataFrame]] = {name: [] for name in TABLES if name not in style.TABLES}
    made["summary__codebooks"] += [codebooks, *_rows(fitted)]
    for feature_id in sorted({*samples_of, *cases_of, *compared_of}):
        rows = samples_of.get(feature_id, known.clear())
        own_cases = cases_of.get(feature_id, cases.clear())
        own_compared = compared_of.get(feature_id, compared.clear())
        if not fitted:
            rows = rows.filter(pl.col("day") >= first)
        read = Embedded.of(rows["text"], own_cases["text"], own_compared["text"])
        book = books.get(feature_id)
        for of_days, z in _blocks(rows, read):
            made["summary__embeddings"].append(_sums(of_days, z, first))
            if book is not None:
                made["summary__text_cells"].append(_placed(of_days, z, book))
        if book is not None:
            made["summary__eval_cells"].append(_placed_cases(own_cases, read, book))
        for name, found in matching.match(own_compared, first=first, last=last, read=read).items():
            made[name].append(found)
    made["summary__cells"].append(_counted(_stack(made["summary__text_cells"])))
    return {name: _typed(name, _stack(parts)) for name, parts in made.items()}


def _by_feature(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    parts = rows.partition_by("feature_id", as_dict=True, maintain_order=True)
    return {str(key[0]): part for key, part in parts.items()}


def _with_text(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("text").is_not_null())


def _current(codebooks: pl.DataFrame) -> dict[str, _Codebook]:
    """Codebooks of this embedder by feature; one of another embedder is another series."""
    if codebooks.is_empty():
        return {}
    rows = codebooks.filter(pl.col("codebook_version").str.starts_with(_CODEBOOK_PREFIX))
    return {
        cells["feature_id"][0]: _Codebook(
            version=cells["codebook_version"][0],
            fitted_on=cells["fitted_on"][0],
            centroids=np.array(cells["centroid"].to_list(), dtype=np.float64),
            n_fit=tuple(cells["n_fit"]),
            min_similarity=cells["min_similarity"][0],
        )
        for cells in rows.sort("cell").partition_by("feature_id")
    }


def _fit(rows: pl.DataFrame) -> _Codebook | None:
    """Fit on the rows up to the first day that completes them, or return None without one."""
    n_days = (pl.col("day") - pl.col("day").min()).dt.total_days() + 1
    enough = ((pl.col("n") >= FIT_TEXTS) & (n_days >= FIT_DAYS)) | (
        (pl.col("n") >= THIN_FIT_TEXTS) & (n_days >= THIN_FIT_DAYS)
    )
    seen = rows.group_by("day").len("n").sort("day").with_columns(pl.col("n").cum_sum())
    complete = seen.filter(enough)
    if complete.is_empty():
        return None
    fitted_on: date = complete["day"][0]
    golden = rows.filter(pl.col("day") <= fitted_on)
    every = np.linspace(0, len(golden), min(len(golden), MAX_FIT_TEXTS), endpoint=False)
    z = embed(golden["text"].gather(every.astype(np.int64)).to_list()).astype(np.float64)
    z = z[z.any(axis=1)]
    if len(z) < THIN_FIT_TEXTS:
        return None
    book = fit_codebook(z, suggest_cells(len(z)), CODEBOOK_SEED)
    nearest = (z @ book.centroids.T).max(axis=1)
    return _Codebook(
        version=f"{_CODEBOOK_PREFIX}{fitted_on}",
        fitted_on=fitted_on,
        centroids=book.centroids,
        n_fit=tuple(book.n_rows.tolist()),
        min_similarity=round(float(np.quantile(nearest, NOVELTY_QUANTILE)) - NOVELTY_MARGIN, 6),
    )


def _blocks(rows: pl.DataFrame, read: Embedded) -> Iterator[tuple[pl.DataFrame, FloatMatrix]]:
    """Yield a few whole days of rows at a time, those whose text has a vector, and the vectors."""
    places = read.places(rows["text"])
    has_content = np.asarray(read.vectors.any(axis=1))[places]
    kept, places = rows.filter(pl.Series(has_content)), places[has_content]
    starts = _first_of_days(kept)
    first_of_blocks = np.unique(starts // _ROWS_AT_ONCE, return_index=True)[1]
    for start, end in pairwise([*starts[first_of_blocks].tolist(), len(kept)]):
        yield kept[start:end], read.vectors[places[start:end]].astype(np.float64)


def _first_of_days(rows: pl.DataFrame) -> npt.NDArray[np.int64]:
    return np.unique(rows["day"].to_numpy(), return_index=True)[1].astype(np.int64)


def _sums(rows: pl.DataFrame, z: FloatMatrix, first: date) -> pl.DataFrame:
    start = rows["day"].search_sorted(first)
    rows, z = rows[start:], z[start:]
    starts = _first_of_days(rows)
    if not len(starts):
        return pl.DataFrame()

    spans = [slice(*ends) for ends in pairwise([*starts.tolist(), len(z)])]

    def summed(values: FloatMatrix) -> FloatMatrix:
        return np.stack([values[span].sum(axis=0) for span in spans]).round(_SUM_DECIMALS)

    phi = rff_features(z, seed=RFF_SEED, n_features=RFF_FEATURES, gamma=RFF_GAMMA)
    return rows.select("day", "feature_id")[starts].with_columns(
        embedder_version=pl.lit(EMBEDDER_VERSION),
        n=pl.Series(np.diff(starts, append=len(z))),
        sum_z=_lists(summed(z)),
        sum_phi=_lists(summed(phi)),
        sumsq_phi=pl.Series(summed(np.einsum("ij,ij->i", phi, phi))),
    )


def _placed(rows: pl.DataFrame, z: FloatMatrix, book: _Codebook) -> pl.DataFrame:
    cells, similarity = book.place(z)
    return rows.with_columns(
        cell=pl.Series(cells),
        similarity=pl.Series(similarity),
        codebook_version=pl.lit(book.version),
        fitted_on=pl.lit(book.fitted_on),
    ).drop("text")


def _counted(text_cells: pl.DataFrame) -> pl.DataFrame:
    if text_cells.is_empty():
        return text_cells
    grain = ["day", "feature_id", "codebook_version", "fitted_on", "cell"]
    return text_cells.group_by(grain).len("n").sort(grain)


def _placed_cases(cases: pl.DataFrame, read: Embedded, book: _Codebook) -> pl.DataFrame:
    z = read.vectors[read.places(cases["text"])].astype(np.float64)
    has_content = z.any(axis=1)
    kept, z = cases.filter(pl.Series(has_content)), z[has_content]
    if kept.is_empty():
        return pl.DataFrame()
    suites = kept["suite_id"].to_numpy()
    nearest = [_nearest_earlier(kept, z, suites == suite) for suite in np.unique(suites)]
    # Rows are in order of the suite, so the suites' results stand in order of the rows.
    return _placed(kept, z, book).hstack(pl.concat(nearest))


def _nearest_earlier(
    cases: pl.DataFrame, z: FloatMatrix, of_suite: npt.NDArray[np.bool_]
) -> pl.DataFrame:
    """Return the most similar case of the suite that was in it when each case was added.

    Cases added at the same moment are in the order of their ids, so that of two copies one is
    the first. A later case never changes what is said of an earlier one.
    """
    times = ("added_at", "retired_at")
    rows = cases.filter(pl.Series(of_suite)).with_columns(pl.col(times).dt.epoch("us"))
    rows = rows.with_columns(at=pl.int_range(pl.len()), added=pl.col("added_at").fill_null(_EVER))
    oldest_first = rows.sort("added", "case_id")["at"].to_numpy()
    vectors = z[of_suite][oldest_first]
    added = rows["added"].to_numpy()[oldest_first]
    retired = rows["retired_at"].fill_null(_NEVER).to_numpy()[oldest_first]
    nearest, similarity = np.full(len(rows), -1), np.full(len(rows), np.nan)
    for start in range(0, len(rows), _CASES_PER_BLOCK):
        block = slice(start, start + _CASES_PER_BLOCK)
        cosine = vectors[block] @ vectors[: start + _CASES_PER_BLOCK].T
        is_earlier = np.tri(len(cosine), cosine.shape[1], start - 1, dtype=np.bool_)
        is_there = is_earlier & (retired[: cosine.shape[1]] > added[block, None])
        best = np.where(is_there, cosine, -np.inf).argmax(axis=1)
        has_one = is_there.any(axis=1)
        found = oldest_first[block][has_one]
        nearest[found] = oldest_first[best[has_one]]
        similarity[found] = cosine[has_one, best[has_one]].round(_SUM_DECIMALS)
    ids = rows["case_id"]
    return pl.DataFrame(
        {
            "nearest_case_id": [ids[at] if at >= 0 else None for at in nearest.tolist()],
            "nearest_similarity": pl.Series(similarity).fill_nan(None),
        },
        schema_overrides={"nearest_case_id": pl.String},
    )


def _rows(books: dict[str, _Codebook]) -> Iterator[pl.DataFrame]:
    for feature_id, book in books.items():
        yield pl.DataFrame(
            {
                "cell": np.arange(len(book.centroids), dtype=np.int32),
                "centroid": _lists(book.centroids),
                "n_fit": book.n_fit,
            }
        ).with_columns(
            feature_id=pl.lit(feature_id),
            codebook_version=pl.lit(book.version),
            fitted_on=pl.lit(book.fitted_on),
            min_similarity=pl.lit(book.min_similarity),
        )


def _lists(matrix: FloatMatrix) -> pl.Series:
    return pl.Series(matrix).cast(pl.List(pl.Float64))


def _stack(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    filled = [frame for frame in frames if not frame.is_empty()]
    return pl.concat(filled, how="diagonal_relaxed") if filled else pl.DataFrame()


def _typed(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    schema = {name: _DTYPES[sql_type] for name, sql_type in TABLES[table].items()}
    if rows.is_empty():
        return pl.DataFrame(schema=schema)
    return rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
