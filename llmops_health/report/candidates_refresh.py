"""Which production inputs deserve to become eval cases; see `candidates`.

Nothing is read or written: `REFRESH_SQL` holds the queries that make the frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature
from llmops_health.kernels.selection import cosine_similarity, facility_location
from llmops_health.report.candidates_retirement import CASES_SQL
from llmops_health.text.embed import embed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

MAX_INPUTS: Final = 3_000
"""Most inputs of interest that are embedded; of more, those with the lowest sha256(call_id)."""
ALREADY_COVERED: Final = 0.90
"""Cosine from which an eval case asks the same: different questions on a topic reach 0.85."""
NEAR_DUPLICATE: Final = 0.95
"""Cosine from which two candidates are one."""
LOW_CONFIDENCE: Final = 0.5
"""Stated confidence below which a call is doubtful, where the feature sets no gate."""

_REASONS: Final = ("failing", "disagreement", "low_confidence", "new_topic", "uncovered")
_NEW_TOPIC: Final = -1

REFRESH_SCHEMA: Final = {
    "day": pl.Date,
    "feature_id": pl.String,
    "rank": pl.Int64,
    "call_id": pl.String,
    "reason": pl.String,
    "stratum": pl.String,
    "coverage_gain": pl.Float64,
    "score": pl.Float64,
    "input_text": pl.String,
}
"""Columns of `health__refresh_candidates`."""
REFRESH_SQL: Final[dict[str, str]] = {
    "samples": """
select
    samples.call_id,
    samples.input_sha256,
    samples.is_failing,
    samples.confidence,
    calls.predicted_label,
    cells.cell,
    contents.text as input_text
from summary__text_samples as samples
inner join core__contents as contents on samples.input_sha256 = contents.sha256
left join core__calls as calls
    on
        samples.call_id = calls.call_id
        and samples.day = calls.day
        and calls.day between $day::date - interval 13 day and $day::date
left join summary__text_cells as cells
    on
        samples.call_id = cells.call_id
        and samples.day = cells.day
        and samples.feature_id = cells.feature_id
where
    samples.feature_id = $feature_id
    and samples.day between $day::date - interval 13 day and $day::date
    and contents.text is not null
order by sha256(samples.call_id), samples.call_id
""",
    "cases": CASES_SQL,
    "feedback": """
select
    feedback.call_id,
    avg(feedback.score)::double as score
from core__feedback as feedback
where
    feedback.feature_id = $feature_id
    and feedback.call_id is not null
    and feedback.day between $day::date - interval 13 day and $day::date
    and (feedback.source_kind is null or feedback.source_kind in ('HUMAN', 'USER_IMPLICIT'))
group by feedback.call_id
order by feedback.call_id
""",
    "labels": """
select
    labels.call_id,
    labels.label,
    case when labels.labeller_kind = 'judge' then 'judge' else 'truth' end as labeller
from core__labels as labels
inner join core__calls as calls on labels.call_id = calls.call_id
where
    calls.feature_id = $feature_id
    and calls.day between $day::date - interval 13 day and $day::date
    and labels.day between $day::date - interval 13 day and $day::date
qualify
    row_number() over (
        partition by
            labels.call_id, case when labels.labeller_kind = 'judge' then 'judge' else 'truth' end
        order by labels.labelled_at desc, labels.label
    ) = 1
order by labels.call_id, labeller
""",
}
"""Queries of the frames that `refresh_candidates` takes."""


def refresh_candidates(
    day: date,
    feature: Feature,
    samples: pl.DataFrame,
    cases: pl.DataFrame,
    feedback: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    k: int = 50,
) -> pl.DataFrame:
    """Choose production inputs that would make the suite speak for what goes wrong today.

    Parameters
    ----------
    day, feature
        What is judged.
    samples, cases, feedback, labels
        Frames of `REFRESH_SQL`. Samples whose order is random; those without text are left out.
    k
        Most rows to return.

    Returns
    -------
    DataFrame of `REFRESH_SCHEMA`, best first: fewer than k rows where less is worth adding.

    Notes
    -----
    An input is of interest where it failed (an error, a refusal, bad feedback, a wrong label),
    where judge and people disagree, where the stated confidence is below the gate, or where no
    case lies in its cell of meaning. Each is in the first of these strata that it fits. Places go
    to strata by their sum of signals (failing and disagreement 1, 1 - confidence, else 0.5: as
    likely bad as not). Within a stratum greedy facility location takes the inputs that represent
    most of it beyond what eval cases represent. Left out are inputs with a case at a cosine of
    `ALREADY_COVERED`, and near-duplicates of one chosen before. `coverage_gain` is the mean gain
    in similarity over all inputs looked at; `score` is that times the input's signal.
    """
    signalled = _signalled(feature, samples, cases, feedback, labels)
    n_inputs = len(signalled)
    rows = signalled.filter(pl.col("reason").is_not_null()).head(MAX_INPUTS)
    if rows.is_empty() or k < 1:
        return pl.DataFrame(schema=REFRESH_SCHEMA)
    vectors = embed(rows["input_text"].to_list()).astype(np.float64)
    known = embed(cases["input_text"].drop_nulls().to_list()).astype(np.float64)
    to_cases = cosine_similarity(vectors, known) if len(known) else np.zeros((len(rows), 1))
    is_open = vectors.any(axis=1) & (to_cases.max(axis=1) < ALREADY_COVERED)
    rows, vectors, to_cases = rows.filter(pl.Series(is_open)), vectors[is_open], to_cases[is_open]
    chosen: list[int] = []
    gains: list[float] = []
    for stratum, places in _places(rows, k):
        found = _choose(vectors, to_cases, stratum, places, chosen)
        chosen += [index for index, _ in found]
        gains += [gain / n_inputs for _, gain in found]
    return (
        rows[chosen]
        .with_columns(
            day=pl.lit(day),
            feature_id=pl.lit(feature.id),
            coverage_gain=pl.Series(gains, dtype=pl.Float64),
        )
        .with_columns(score=pl.col("coverage_gain") * pl.col("signal"))
        .sort("score", "call_id", descending=[True, False])
        .with_columns(rank=pl.int_range(1, pl.len() + 1))
        .select(pl.col(name).cast(dtype) for name, dtype in REFRESH_SCHEMA.items())
    )


def _signalled(
    feature: Feature,
    samples: pl.DataFrame,
    cases: pl.DataFrame,
    feedback: pl.DataFrame,
    labels: pl.DataFrame,
) -> pl.DataFrame:
    """Give each sampled input its reason (null for none), stratum and signal."""
    said = {
        labeller: labels.filter(pl.col("labeller") == labeller).select(
            "call_id", **{labeller: "label"}
        )
        for labeller in ("truth", "judge")
    }
    liked = feedback.select("call_id", liked="score")
    covered = cases["cell"].drop_nulls().unique().to_list()
    gate = LOW_CONFIDENCE if feature.confidence_gate is None else feature.confidence_gate
    is_wrong = pl.col("truth") != pl.col("predicted_label")
    tests = {
        "failing": pl.col("is_failing") | (pl.col("liked") < 0.5) | is_wrong,
        "disagreement": pl.col("truth") != pl.col("judge"),
        "low_confidence": pl.col("confidence") < gate,
        "new_topic": pl.col("cell") == _NEW_TOPIC,
        "uncovered": (~pl.col("cell").is_in(covered)) | pl.lit(cases.is_empty()),
    }
    signals = {
        "failing": pl.max_horizontal(
            pl.col("is_failing").cast(pl.Float64), 1 - pl.col("liked"), is_wrong.cast(pl.Float64)
        ),
        "disagreement": pl.lit(1.0),
        "low_confidence": 1 - pl.col("confidence"),
    }
    reason: pl.Expr = pl.lit(None, dtype=pl.String)
    signal: pl.Expr = pl.lit(None, dtype=pl.Float64)
    for name in reversed(_REASONS):
        holds = tests[name].fill_null(value=False)
        reason = pl.when(holds).then(pl.lit(name)).otherwise(reason)
        signal = pl.when(holds).then(signals.get(name, pl.lit(0.5))).otherwise(signal)
    is_known = pl.col("cell").is_not_null() & (pl.col("cell") != _NEW_TOPIC)
    place = pl.when(is_known).then(pl.format(" / cell {}", "cell")).otherwise(pl.lit(""))
    return (
        samples.filter(pl.col("input_text").is_not_null())
        .join(liked, on="call_id", how="left", maintain_order="left")
        .join(said["truth"], on="call_id", how="left", maintain_order="left")
        .join(said["judge"], on="call_id", how="left", maintain_order="left")
        .with_columns(reason=reason, signal=signal)
        .with_columns(stratum=pl.col("reason") + place)
    )


def _places(rows: pl.DataFrame, k: int) -> Iterator[tuple[npt.NDArray[np.intp], int]]:
    """Share k places among the reasons by their sum of signals; each gets one while they last."""
    reasons = rows["reason"].to_numpy()
    strata = [np.flatnonzero(reasons == name) for name in _REASONS]
    strata = [stratum for stratum in strata if len(stratum)][:k]
    signal = rows["signal"].to_numpy()
    left, mass = k, float(sum(signal[stratum].sum() for stratum in strata))
    # The smallest first: what a stratum cannot fill goes to the larger ones after it.
    for at, stratum in enumerate(sorted(strata, key=lambda each: float(signal[each].sum()))):
        own = float(signal[stratum].sum())
        fair = round(left * own / mass) if mass > 0 else left
        places = min(len(stratum), max(1, min(fair, left - (len(strata) - at - 1))))
        yield stratum, places
        left, mass = left - places, mass - own


def _choose(
    vectors: Floats,
    to_cases: Floats,
    stratum: npt.NDArray[np.intp],
    places: int,
    chosen: list[int],
) -> list[tuple[int, float]]:
    """Take inputs of a stratum by facility location, without copies of those chosen before."""
    own = vectors[stratum]
    best = to_cases[stratum].max(axis=1, keepdims=True)
    if chosen:
        best = np.maximum(best, cosine_similarity(own, vectors[chosen]).max(axis=1, keepdims=True))
    ranked = facility_location(
        cosine_similarity(own, own), min(len(stratum), 3 * places), already=best
    )
    found: list[tuple[int, float]] = []
    for index, gain in zip(stratum[ranked.indices].tolist(), ranked.gains.tolist(), strict=True):
        others = vectors[[*chosen, *(each for each, _ in found)]]
        is_copy = len(others) > 0 and float((others @ vectors[index]).max()) >= NEAR_DUPLICATE
        if not is_copy and gain > 0 and len(found) < places:
            found.append((index, gain))
    return found
