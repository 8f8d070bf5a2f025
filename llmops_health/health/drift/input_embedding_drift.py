"""Input embedding drift: what people ask about is not what it was.

Why it matters
    Prompts, retrieval, few-shot examples and eval sets were made for the questions of their time.
    A new product, market or customer brings questions that none of them was made for, while
    lengths and languages stay as they were.
How it is found
    Two distances between the last 7 days and the 28 days before: of the mean embedding, and of
    the mean of random Fourier features (RFF-MMD, which also sees a change of spread). The 28 days
    are given the 7 days' mix of weekdays and weekends. What chance does is taken from the up to
    8 weeks before, each against its neighbours, and from how days differ; an F test on both, at
    twice the smaller p-value. WARN where the distance, less what chance adds, reaches
    `min_distance` (or `min_mmd`), p is below `alpha`, and the shift is still there without any one
    of the 7 days. FAIL only from `fail_distance`: drift alone wakes nobody. With 9 weeks of
    history, the first 28 days are a second reference (segment `since launch`), which finds what
    moves too slowly for the first and only warns.
How to mend it
    Read the examples of the evidence query, by the topics that moved most. Where they are
    legitimate, add such cases to the eval suite and material to prompts and retrieval; where they
    are not, find the sender.
What it cannot see
    Topics that the embedder cannot tell apart, what stands after the first 2,000 characters, and a
    change below about a tenth of the texts. A few heavy users who leave look like drift of the
    inputs, because it is. A drift that has lasted 4 weeks is the new normal to all but
    `since launch`.
Source
    Rahimi and Recht (2007), NIPS 20; Gretton et al. (2012), JMLR 13:723-773; Box (1954), Ann.
    Math. Statist. 25:290-302. By simulation with 150 calls a day: a topic that grows to 35 % of
    the texts within 8 days is found on the 7th by 19 of 20 features of 30 to 300 users.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.kernels.mean_shift import MeanShift, Window, mean_shift

HISTORY_DAYS = 400
_DAYS = 7
_LAUNCH_DAYS = 28
_RECENT_WEEKS = 9
_BLOCK = 4
_NEW_TOPIC = -1
_SPACES = 2
_MIN_WEEKS = 3
# What must be left without the day that adds most. A mailing that triples one day with one topic
# passes this in 1 week of 100; asking for more costs a growing topic a day.
_P_WITHOUT_A_DAY = 0.01
_SHARE_WITHOUT_A_DAY = 0.75


class Params(CheckParams):
    """Settings of this check."""

    min_distance: float = Field(
        default=0.04,
        ge=0,
        le=2,
        description="Tolerated distance of mean embeddings (0-2). A topic unlike all others moves"
        " it by about 0.47 times its share: 0.04 is 9 % of the texts.",
    )
    min_mmd: float = Field(
        default=0.03,
        ge=0,
        le=2,
        description="Tolerated RFF-MMD (0-1.4), about three quarters of the distance above.",
    )
    fail_distance: float = Field(
        default=0.25,
        ge=0,
        le=2,
        description="Distance that fails: about half of the texts are about something else.",
    )
    launch_distance: float = Field(
        default=0.12,
        ge=0,
        le=2,
        description="Tolerated distance from the first 28 days: about a quarter of the texts.",
    )
    alpha: float = Field(default=0.001, gt=0, lt=1, description="Level of the test (probability).")
    min_texts: int = Field(
        default=100, ge=10, description="Texts a week below which it is not compared (count)."
    )
    max_detectable: float = Field(
        default=0.08,
        gt=0,
        description="Where only a larger distance would be found (every second time), silence is"
        " no pass: about a sixth of the texts.",
    )


class _History(NamedTuple):
    """One row per day with texts; week 0 is judged, 1 to 8 are before it, -1 to -4 the first."""

    z: npt.NDArray[np.float64]
    phi: npt.NDArray[np.float64]
    n: npt.NDArray[np.int64]
    week: npt.NDArray[np.int64]
    is_weekend: npt.NDArray[np.bool_]

    def is_of(self, weeks: list[int]) -> npt.NDArray[np.bool_]:
        return np.asarray((self.week[:, None] == weeks).any(axis=1))

    def n_texts(self, weeks: list[int]) -> int:
        return int(self.n[self.is_of(weeks)].sum())

    def window(self, weeks: list[int], reference: list[int]) -> Window:
        return self.is_of(weeks), self.is_of(reference)


@dataclass(frozen=True, slots=True)
class _Shift:
    """The two distances from one reference, and the p-value of the smaller one, doubled."""

    mean: MeanShift
    mmd: MeanShift
    p_value: float

    def is_moved(self, min_distance: float, min_mmd: float, alpha: float) -> bool:
        """Whether one space shows a shift that is large, not chance, and not one day's."""
        return any(
            shift.distance >= floor
            and _SPACES * shift.p_value < alpha
            and shift.p_value_without_a_day < _P_WITHOUT_A_DAY
            and shift.distance_without_a_day >= _SHARE_WITHOUT_A_DAY * floor
            for shift, floor in ((self.mean, min_distance), (self.mmd, min_mmd))
        )


def check(
    feature: Feature,
    day: date,
    summary__embeddings: pl.DataFrame,
    summary__cells: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield a finding on the last 7 days, and one on the time since launch where that moved."""
    history = _read(summary__embeddings, day)
    if history is None:
        yield Finding(
            status=Status.NOT_APPLICABLE, n=0, message="No input was logged of which text is kept."
        )
        return
    n_judged = history.n_texts([0])
    recent = _full_weeks(history, range(1, _RECENT_WEEKS), params)
    if n_judged < params.min_texts or len(recent) < _MIN_WEEKS:
        yield Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n_judged,
            message=f"{n_judged:,} texts in the last 7 days and {len(recent)} weeks before them "
            f"with {params.min_texts} or more; {params.min_texts} texts and {_MIN_WEEKS} weeks are "
            "needed.",
        )
        return
    blocks = [recent[:_BLOCK], recent[_BLOCK:]]
    shift = _measure(history, recent[:_BLOCK], blocks, params)
    yield _judge(feature, day, shift, history, recent[:_BLOCK], summary__cells, params)
    launch = _full_weeks(history, range(-_BLOCK, 0), params)
    if len(launch) >= 2:
        since = _measure(history, launch, [*blocks, launch], params)
        if since.is_moved(params.launch_distance, params.launch_distance, params.alpha):
            yield _moved_since_launch(feature, day, since, history, launch, summary__cells, params)


def _read(embeddings: pl.DataFrame, day: date) -> _History | None:
    if embeddings.is_empty():
        return None
    versions = embeddings["embedder_version"]
    is_newest = (versions == versions[-1]).to_numpy()
    days = embeddings["day"].cast(pl.Date).to_numpy().astype(np.int64)
    age = (day - date(1970, 1, 1)).days - days
    since_first = days - days[is_newest][0]
    is_recent = age < 7 * _RECENT_WEEKS
    is_launch = ~is_recent & (since_first < _LAUNCH_DAYS)
    week = np.where(is_recent, age // 7, since_first // 7 - _BLOCK)
    # 1970-01-01 was a Thursday, day 3 of the week.
    used = is_newest & (is_recent | is_launch)
    kept = pl.Series(used)
    return _History(
        z=_matrix(embeddings["sum_z"].filter(kept)),
        phi=_matrix(embeddings["sum_phi"].filter(kept)),
        n=embeddings["n"].to_numpy()[used],
        week=week[used],
        is_weekend=((days + 3) % 7 >= 5)[used],
    )


def _matrix(lists: pl.Series) -> npt.NDArray[np.float64]:
    flat: npt.NDArray[np.float64] = lists.explode().to_numpy()
    return flat.reshape(len(lists), -1)


def _full_weeks(history: _History, weeks: range, params: Params) -> list[int]:
    return [week for week in weeks if history.n_texts([week]) >= params.min_texts]


def _measure(
    history: _History, reference: list[int], blocks: list[list[int]], params: Params
) -> _Shift:
    """Compare week 0 with the reference, as each week of a block is with the rest of its block."""
    past = [
        history.window([week], [other for other in block if other != week])
        for block in blocks
        if len(block) > 1
        for week in block
    ]
    judged = history.window([0], reference)
    mean, mmd = (
        mean_shift(sums, history.n, history.is_weekend, judged, past, alpha=params.alpha / _SPACES)
        for sums in (history.z, history.phi)
    )
    return _Shift(mean, mmd, min(1.0, _SPACES * min(mean.p_value, mmd.p_value)))


def _judge(
    feature: Feature,
    day: date,
    shift: _Shift,
    history: _History,
    reference: list[int],
    cells: pl.DataFrame,
    params: Params,
) -> Finding:
    moved = _moved_cells(cells, day, range(1, _BLOCK + 1))
    compared = (
        f"{history.n_texts([0]):,} texts of the last 7 days lie {shift.mean.distance:.3f} "
        f"(RFF-MMD {shift.mmd.distance:.3f}) from {history.n_texts(reference):,} of the "
        f"{_LAUNCH_DAYS} days before"
    )
    is_moved = shift.is_moved(params.min_distance, params.min_mmd, params.alpha)
    action = ""
    if is_moved:
        is_large = shift.mean.distance >= params.fail_distance
        status = Status.FAIL if is_large else Status.WARN
        message = f"{compared}, {params.min_distance:g} is tolerated{_told(moved)}."
        action = (
            "Read the example inputs of the evidence query, topic by topic; cover what is new in "
            "the eval suite, the prompt and the retrieval."
        )
    elif shift.mean.detectable > params.max_detectable:
        status = Status.NOT_ENOUGH_DATA
        message = (
            f"Cannot tell: {compared}, and below {shift.mean.detectable:.3f} it could be chance."
        )
    else:
        status = Status.PASS
        message = f"{compared}, {params.min_distance:g} is tolerated."
    return Finding(
        status=status,
        value=shift.mean.distance,
        lo=shift.mean.lo,
        hi=shift.mean.hi,
        threshold=params.min_distance,
        unit="distance of means",
        n=history.n_texts([0]),
        p_value=shift.p_value,
        message=message,
        action=action,
        evidence_sql=_examples(feature, day, moved),
    )


def _moved_since_launch(
    feature: Feature,
    day: date,
    shift: _Shift,
    history: _History,
    launch: list[int],
    cells: pl.DataFrame,
    params: Params,
) -> Finding:
    moved = _moved_cells(cells, day, range(-_BLOCK, 0))
    return Finding(
        status=Status.WARN,
        segment="since launch",
        value=shift.mean.distance,
        lo=shift.mean.lo,
        hi=shift.mean.hi,
        threshold=params.launch_distance,
        unit="distance of means",
        n=history.n_texts([0]),
        p_value=shift.p_value,
        message=f"{history.n_texts([0]):,} texts of the last 7 days lie {shift.mean.distance:.3f} "
        f"(RFF-MMD {shift.mmd.distance:.3f}) from {history.n_texts(launch):,} of the first "
        f"{_LAUNCH_DAYS} days, {params.launch_distance:g} is tolerated{_told(moved)}.",
        action="Look whether eval suite, prompt and retrieval still stand for what is asked today.",
        evidence_sql=_examples(feature, day, moved),
    )


def _moved_cells(cells: pl.DataFrame, day: date, weeks: range) -> list[tuple[int, float]]:
    """Return the three cells whose share of the texts changed most, and by how much (0-1)."""
    fitted = cells["fitted_on"]
    newest = fitted.filter(fitted <= day).max()
    if newest is None:
        return []
    versions = cells["codebook_version"]
    is_newest = (versions == versions.filter(fitted == newest)[-1]) & (fitted <= day)
    days, cell, n = (cells[name].filter(is_newest).to_numpy() for name in ("day", "cell", "n"))
    age = (np.datetime64(day, "D") - days).astype(np.int64)
    is_reference = (
        age.max() - age < _LAUNCH_DAYS
        if weeks.start < 0
        else (age >= _DAYS) & (age < _DAYS + _LAUNCH_DAYS)
    )
    known, place = np.unique(cell, return_inverse=True)
    now, before = (
        np.bincount(place, np.where(chosen, n, 0)) for chosen in (age < _DAYS, is_reference)
    )
    if not now.any() or not before.any():
        return []
    moves = np.round(now / now.sum() - before / before.sum(), 6)
    largest = np.lexsort((known, -np.abs(moves)))[:3]
    return list(zip(known[largest].tolist(), moves[largest].tolist(), strict=True))


def _told(moved: list[tuple[int, float]]) -> str:
    parts = [
        f"{'new topics' if cell == _NEW_TOPIC else f'cell {cell}'} {100 * move:+.1f} pp"
        for cell, move in moved
    ]
    return f"; {', '.join(parts)}" if parts else ""


def _examples(feature: Feature, day: date, moved: list[tuple[int, float]]) -> str:
    """Three inputs of each cell that moved, nearest its centre; without cells the daily counts."""
    first = day - timedelta(days=6 + _LAUNCH_DAYS)
    rows = (
        f"where feature_id = {literal(feature.id)} "
        f"and day between date {literal(first)} and date {literal(day)}"
    )
    if not moved:
        return f"select day, n from summary__embeddings {rows} order by day"  # noqa: S608
    listed = ", ".join(str(cell) for cell, _ in moved)
    is_recent = f"last_day > date {literal(day - timedelta(days=7))}"
    return f"""
with texts as (
    select
        cell,
        input_sha256,
        count(*) as n_calls,
        max(day) as last_day,
        max(similarity) as similarity
    from summary__text_cells
    {rows} and cell in ({listed})
    group by cell, input_sha256
),

examples as (
    select texts.*, contents.text
    from texts
    inner join core__contents as contents
        on texts.input_sha256 = contents.sha256
    qualify
        row_number() over (
            partition by texts.cell
            order by {is_recent} desc, texts.similarity desc, texts.input_sha256
        ) <= 3
)

select cell, last_day, n_calls, similarity, text
from examples
order by cell, similarity desc, text
limit 9
""".strip()  # noqa: S608 - literals are escaped
