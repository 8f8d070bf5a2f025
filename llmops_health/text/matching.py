"""Which production calls were asked what evals are asked: nearest neighbours, and what parts them.

Frames in, frames out. Vectors of single texts are not kept, so the neighbours of a day are looked
for when its texts are read. What was answered is no concern of this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.kernels.matching import nearest_controls
from llmops_health.kernels.odds_weights import odds_weights
from llmops_health.text.embed import Embedded
from llmops_health.text.likeness import Inputs, likeness
from llmops_health.text.markers import Worded, marker_words

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

WINDOW_DAYS: Final = 7
"""Days, up to that of an eval call, whose production calls it is matched with."""

N_CONTROLS: Final = 3
"""Production calls per eval input: three have half the noise of one and are nearly as near."""

CALIPER_QUANTILE: Final = 0.1
"""Of ten production inputs, nine are nearer to another user's than a match has to be."""

_MIN_POOL = 50
# Texts on nothing in common reach 0.3; below, nine of ten inputs have no like at all.
_LEAST_CALIPER = 0.4
_MAX_PROBES = 300
_N_DIRECTIONS = 6
_MIN_FOR_WEIGHTS = 10
_DECIMALS = 6

TABLES: Final[dict[str, dict[str, str]]] = {
    "summary__matches": {
        "day": "date",
        "feature_id": "varchar",
        "call_id": "varchar",
        "is_eval": "boolean",
        "rank": "integer",
        "match_call_id": "varchar",
        "similarity": "double",
        "caliper": "double",
        "odds_weight": "double",
    },
    "summary__marker_words": {
        "day": "date",
        "feature_id": "varchar",
        "half": "integer",
        "word": "varchar",
        "n": "bigint",
        "n_with": "bigint",
        "sum_near": "double",
        "sum_sq": "double",
    },
}
"""Columns and SQL types of the tables that `match` returns."""

_DTYPES: Final[dict[str, pl.DataType]] = {
    "date": pl.Date(),
    "varchar": pl.String(),
    "boolean": pl.Boolean(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
}
_SCHEMAS: Final = {
    table: {name: _DTYPES[kind] for name, kind in columns.items()}
    for table, columns in TABLES.items()
}


def readable_days(compared: pl.DataFrame) -> set[date]:
    """Return the days whose matches can be made: at least half of all texts of their window.

    Texts that outlive the retention of their day are those that came again: no sample of the day.
    """
    drawn = compared.filter(pl.col("is_sample") & ~pl.col("is_eval"))
    by_day = drawn.group_by("day").agg(is_there=pl.col("text").is_not_null().mean() >= 0.5)
    is_there = dict(by_day.iter_rows())
    window = [timedelta(days=back) for back in range(WINDOW_DAYS)]
    return {
        day
        for day in set(compared["day"].to_list())
        if all(is_there.get(day - back, True) for back in window)
    }


def rows_read(compared: pl.DataFrame, last: date) -> pl.DataFrame:
    """Return the rows that `match` reads: with a text, of features that have evals."""
    is_read = (pl.col("day") <= last) & pl.col("text").is_not_null()
    rows = compared.filter(is_read & (pl.col("is_eval") | pl.col("is_sample")))
    return rows.filter(pl.col("is_eval").any().over("feature_id"))


def match(
    compared: pl.DataFrame, *, first: date, last: date, read: Embedded | None = None
) -> dict[str, pl.DataFrame]:
    """Return the tables of `TABLES` for the days `first` to `last`.

    Parameters
    ----------
    compared
        Rows of `summary__compared_calls` with their `text` (null where none is kept), from 6 days
        before `first` on.
    first, last
        Days, both included. Rows after `last` are not looked at.
    read
        The texts, where they were embedded already.

    Returns
    -------
    dict of DataFrame
        `summary__matches` has, of each day, every eval input (once per harness) with its up to
        three nearest production calls of the last 7 days, and every sampled production call with
        its nearest eval input of the last 7 days. An eval input without a match has one row whose
        similarity is below its `caliper`. `summary__marker_words` is described in `markers`.

    Notes
    -----
    A match must be as near as nine of ten production inputs are to the nearest input of another
    user, in the same language, and at most half as long again; of those, the nearest in meaning
    and length are taken. Calls of the same model and prompt version go before others. The caliper
    of a production call is what nine of ten reach where as many production inputs as there are
    eval inputs stand in for them. Odds weights bring production to the evals' mix of meaning and
    length.
    """
    rows = rows_read(compared, last).sort("feature_id", "day", "call_id")
    matches: list[pl.DataFrame] = []
    words: list[dict[str, object]] = []
    for of_feature in rows.partition_by("feature_id", maintain_order=True):
        calls = _Calls.of(of_feature, Embedded.of(of_feature["text"]) if read is None else read)
        days = [day for day in of_feature["day"].unique().sort() if day >= first]
        matches.append(_match_rows(calls, [one for day in days for one in _matches(calls, day)]))
        words += [row for day in days for row in _words(calls, day)]
    columns = [pl.col(name).cast(kind) for name, kind in _SCHEMAS["summary__matches"].items()]
    nothing = pl.DataFrame(schema=_SCHEMAS["summary__matches"])
    return {
        "summary__matches": pl.concat([nothing, *(rows.select(columns) for rows in matches)]),
        "summary__marker_words": pl.DataFrame(words, schema=_SCHEMAS["summary__marker_words"]),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Calls:
    """The calls of one feature as arrays, sorted by day, and a unit vector each."""

    feature_id: str
    day: npt.NDArray[np.datetime64]
    call_id: pl.Series
    is_eval: Flags
    text: Ints
    texts: list[str]
    language: Ints
    length: Floats
    harness: Ints
    question: Ints
    """Text and harness as one number."""

    user: Ints
    bucket: Ints
    vectors: npt.NDArray[np.float32]

    @classmethod
    def of(cls, rows: pl.DataFrame, read: Embedded) -> _Calls:
        """Leave out calls whose text has no known token."""
        text = read.places(rows["text"])
        has_content = np.asarray(read.vectors.any(axis=1))[text]
        kept, text = rows.filter(pl.Series(has_content)), text[has_content]
        harness = np.unique(kept["harness_key"].to_numpy(), return_inverse=True)[1]
        language = kept["input_language"].replace("und", None).cast(pl.Categorical).to_physical()
        return cls(
            feature_id=rows["feature_id"][0],
            day=kept["day"].to_numpy().astype("datetime64[D]"),
            call_id=kept["call_id"],
            is_eval=kept["is_eval"].to_numpy(),
            text=text,
            texts=read.texts,
            language=language.cast(pl.Int64).fill_null(-1).to_numpy(),
            length=kept["ln_input_chars"].fill_null(0.0).to_numpy(),
            harness=harness,
            question=text * (harness.max(initial=0) + 1) + harness,
            user=kept["user_key"].to_numpy(),
            bucket=kept["bucket"].to_numpy().astype(np.int64),
            vectors=read.vectors[text],
        )

    def inputs(self, rows: Ints) -> Inputs:
        """Return the inputs of some calls."""
        return Inputs(self.vectors[rows], self.length[rows], self.language[rows])

    def within(self, day: date, days: int, *, is_eval: bool) -> Ints:
        """Return the evals, or the sampled calls of production, of some days up to a day."""
        last = np.datetime64(day)
        start = np.searchsorted(self.day, last - np.timedelta64(days - 1, "D"), side="left")
        stop = np.searchsorted(self.day, last, side="right")
        return np.flatnonzero(self.is_eval[start:stop] == is_eval) + start


@dataclass(frozen=True, slots=True, eq=False)
class _Matches:
    """Calls of a day and what they are matched with, by their places."""

    day: date
    is_eval: bool
    of: Ints
    to: Ints
    rank: Ints
    similarity: npt.NDArray[np.floating]
    caliper: float
    weights: Floats


def _matches(calls: _Calls, day: date) -> Iterator[_Matches]:
    pool = calls.within(day, WINDOW_DAYS, is_eval=False)
    seen = calls.within(day, 1, is_eval=False)
    asked = _distinct(calls, calls.within(day, 1, is_eval=True))
    recent = _distinct(calls, calls.within(day, WINDOW_DAYS, is_eval=True))
    if len(pool) < _MIN_POOL or not (len(asked) or (len(recent) and len(seen))):
        return
    probes = seen if len(seen) else pool
    probes = probes[:: -(-len(probes) // _MAX_PROBES)]
    near = calls.vectors[probes] @ calls.vectors[pool].T
    near[calls.user[probes, None] == calls.user[pool]] = -1.0
    if len(asked):
        yield _of_evals(calls, day, asked, pool, max(_quantile(near), _LEAST_CALIPER))
    if len(recent) and len(seen):
        stand_ins = np.linspace(0, len(pool), min(len(recent), len(pool) // 2), endpoint=False)
        caliper = _quantile(near[:, stand_ins.astype(np.int64)])
        yield _of_production(calls, day, recent, pool, seen, caliper)


def _quantile(near: npt.NDArray[np.float32]) -> float:
    return float(np.quantile(near.max(axis=1), CALIPER_QUANTILE))


def _distinct(calls: _Calls, rows: Ints) -> Ints:
    """Return the first call of each text and harness."""
    first = np.unique(calls.question[rows], return_index=True)[1]
    return np.asarray(rows[np.sort(first)])


def _of_evals(calls: _Calls, day: date, asked: Ints, pool: Ints, caliper: float) -> _Matches:
    near = likeness(calls.inputs(asked), calls.inputs(pool))
    allowed = near.may_match & (near.cosine >= caliper)
    alike = allowed & (calls.harness[asked, None] == calls.harness[pool])
    allowed = np.where(alike.any(axis=1, keepdims=True), alike, allowed)
    control = nearest_controls(near.score, -np.inf, N_CONTROLS, allowed=allowed).control.copy()
    # Without a match, how near the nearest of all was says how far off the input is.
    lonely = control[:, 0] < 0
    control[lonely, 0] = near.cosine[lonely].argmax(axis=1)
    value = np.take_along_axis(near.cosine, np.maximum(control, 0), axis=1)
    value[lonely] = np.minimum(value[lonely], caliper - 10.0**-_DECIMALS)
    at, rank = np.nonzero(control >= 0)
    return _Matches(
        day=day,
        is_eval=True,
        of=asked[at],
        to=pool[control[at, rank]],
        rank=rank + 1,
        similarity=value[at, rank],
        caliper=caliper,
        weights=np.full(len(at), np.nan),
    )


def _of_production(
    calls: _Calls, day: date, recent: Ints, pool: Ints, seen: Ints, caliper: float
) -> _Matches:
    similarity = calls.vectors[seen] @ calls.vectors[recent].T
    nearest = similarity.argmax(axis=1)
    weights = np.full(len(seen), np.nan)
    if len(recent) >= _MIN_FOR_WEIGHTS:
        drawn = pool[:: -(-len(pool) // _MAX_PROBES)]
        x = _covariates(calls, np.concatenate([recent, drawn, seen]), len(recent) + len(drawn))
        target, source, rows = np.split(x, [len(recent), len(recent) + len(drawn)])
        weights = odds_weights(target, source, of=rows).round(_DECIMALS)
    return _Matches(
        day=day,
        is_eval=False,
        of=seen,
        to=recent[nearest],
        rank=np.ones(len(seen), dtype=np.int64),
        similarity=similarity[np.arange(len(seen)), nearest],
        caliper=caliper,
        weights=weights,
    )


def _covariates(calls: _Calls, rows: Ints, n_seen: int) -> Floats:
    """Return meaning, in the few directions in which it differs most, and length, on one scale.

    Directions and scale are those of the first `n_seen` rows. Power iteration is all that takes.
    """
    vectors = calls.vectors[rows]
    centred = vectors - vectors[:n_seen].mean(axis=0)
    seen = centred[:n_seen]
    axes = np.random.default_rng(0).normal(size=(vectors.shape[1], _N_DIRECTIONS))
    for _ in range(4):
        axes = np.linalg.qr(seen.T @ (seen @ axes.astype(np.float32)))[0]
    x = np.column_stack([centred @ axes, calls.length[rows]]).astype(np.float64)
    sd = x[:n_seen].std(axis=0)
    return np.asarray((x - x[:n_seen].mean(axis=0)) / np.where(sd > 0, sd, 1.0))


def _match_rows(calls: _Calls, found: Sequence[_Matches]) -> pl.DataFrame:
    """Return what was found of a feature: a frame for each day would take as long as finding."""
    if not found:
        return pl.DataFrame(schema=_SCHEMAS["summary__matches"])
    n = [len(one.of) for one in found]
    days = np.array([one.day for one in found], dtype="datetime64[D]")
    calipers = [round(one.caliper, _DECIMALS) for one in found]
    similarity = np.concatenate([one.similarity for one in found]).astype(np.float64)
    return pl.DataFrame(
        {
            "day": np.repeat(days, n),
            "call_id": calls.call_id.gather(np.concatenate([one.of for one in found])),
            "is_eval": np.repeat([one.is_eval for one in found], n),
            "rank": np.concatenate([one.rank for one in found]),
            "match_call_id": calls.call_id.gather(np.concatenate([one.to for one in found])),
            "similarity": similarity.round(_DECIMALS),
            "caliper": np.repeat(calipers, n),
            "odds_weight": pl.Series(np.concatenate([one.weights for one in found])).fill_nan(None),
        }
    ).with_columns(feature_id=pl.lit(calls.feature_id))


def _words(calls: _Calls, day: date) -> list[dict[str, object]]:
    """Compare the words of the day's eval inputs with those of their neighbours."""
    asked = calls.within(day, 1, is_eval=True)
    # In the order of the texts, so that a suite is halved alike on every day.
    asked = asked[np.unique(calls.text[asked], return_index=True)[1]]
    pool = calls.within(day, WINDOW_DAYS, is_eval=False)
    if len(pool) < _MIN_POOL or not len(asked):
        return []
    evals, production = (
        Worded([calls.texts[i] for i in calls.text[rows]], calls.inputs(rows))
        for rows in (asked, pool)
    )
    own: dict[str, object] = {"day": day, "feature_id": calls.feature_id}
    return [{**own, **row} for row in marker_words(evals, production, calls.bucket[pool] % 2)]
