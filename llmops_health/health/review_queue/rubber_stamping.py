"""Rubber stamping: a reviewer approves what the model suggests, unread.

Why it matters
    A review that nobody reads is a delay with a signature: the errors go through, and the
    approvals come back as labels that prove the model right.
How it is found
    Per reviewer, on items seeded with a wrong suggestion (gold_decision differs from
    suggested_decision): the share caught, over `window_days`. Evidence that a reviewer catches
    fewer than `min_catch_pp` is an e-value, held to the number of reviewers (e-BH): WARN; FAIL
    where also the upper limit of the share lies below `fail_catch_pp`. Or by time: WARN where the
    lower limit of the share of reviews finished within `floor_s` lies above `max_unread_pp`, days
    as clusters. The approval rate alone is never evidence: the suggestions may be right.
How to mend it
    Talk to the reviewer first: the tool may show too little, or the targets be too high. Seed
    more wrong suggestions, hide the suggestion until a decision is made, set smaller shares.
What it cannot see
    Seeds that can be told from real items. Reviewers with no seeds and no started_at. How long
    a text is: the floor is one for all items of the queue.
Source
    Wang and Ramdas (2022), J. R. Statist. Soc. B 84(3), on e-BH; Ramdas et al. (2023) on
    e-values; Clopper and Pearson (1934), Biometrika 26.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Estimate, Mark, Scatter
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_applicable,
    not_enough_data,
)
from llmops_health.health.drift._seasons import coded
from llmops_health.health.review_queue import _flow
from llmops_health.kernels.eprocess import beta_mixture_log_e
from llmops_health.kernels.histograms import NEGATIVE_BIN, bin_value, quantile
from llmops_health.kernels.intervals import Interval, clopper_pearson_interval
from llmops_health.kernels.jackknife import bucket_jackknife, ratio
from llmops_health.kernels.multiplicity import e_benjamini_hochberg

HISTORY_DAYS = 91

_MAX_SHARE_EQUAL = 0.9
_MIN_TO_REFUSE = 50
_COUNTS = ("n", "n_seeded", "n_caught", "n_suggested", "n_as_suggested")

Ints = npt.NDArray[np.int64]


class Params(CheckParams):
    """Settings of this check."""

    window_days: int = Field(default=28, ge=7, le=91, description="Days of reviews to look at.")
    min_catch_pp: float = Field(
        default=70.0, gt=0, lt=100, description="Seeded errors a reviewer should catch (%)."
    )
    fail_catch_pp: float = Field(
        default=50.0, gt=0, le=100, description="Below: no better than a coin (%)."
    )
    alpha: float = Field(
        default=0.005, gt=0, lt=1, description="False discovery rate over the reviewers of a day."
    )
    min_seeds: int = Field(default=8, ge=2, description="Seeds a reviewer needs: 8 missed suffice.")
    floor_s: float = Field(
        default=2.0, gt=0, description="Seconds in which 16 words can be read at 8 a second."
    )
    max_unread_pp: float = Field(
        default=20.0, ge=0, le=100, description="Tolerated reviews under the floor (pp)."
    )
    min_reviews: int = Field(default=50, ge=10, description="Reviews a reviewer's times need.")
    level: float = Field(default=0.999, gt=0, lt=1, description="Coverage of intervals.")


@dataclass(frozen=True, slots=True)
class _Reviewer:
    """What is known of one reviewer; `catch` in %, `unread` in % of the timed reviews."""

    name: str
    n: int
    n_seeded: int
    n_caught: int
    approved: float
    catch: Interval | None
    log_e: float
    n_timed: int
    unread: Interval | None
    median_s: float | None


def check(
    feature: Feature, day: date, summary__review_work: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding per reviewer who can be judged, or one that says what lacks."""
    rows = _rows(feature, day, summary__review_work, params)
    if rows.is_empty():
        yield not_applicable(f"No known reviewer completed a review in {params.window_days} days.")
        return
    reviewers = _reviewers(rows, params)
    known = [one for one in reviewers if one.catch is not None or one.unread is not None]
    if not known:
        yield not_enough_data(
            int(rows["n"].sum()),
            f"No reviewer has {params.min_seeds} seeded errors (gold_decision other than "
            f"suggested_decision) or {params.min_reviews} usable times: whether reviews are read "
            "cannot be told, the approval rate alone does not tell it.",
        )
        return
    log_e = np.array([one.log_e for one in known])
    has_missed = e_benjamini_hochberg(log_e, params.alpha)
    for one, missed in zip(known, has_missed, strict=True):
        yield _finding(feature, day, one, params, missed=bool(missed))


def figure(
    feature: Feature, day: date, summary__review_work: pl.DataFrame, params: Params
) -> Scatter | None:
    """Return dwell against catch rate, a mark per reviewer who has both."""
    rows = _rows(feature, day, summary__review_work, params)
    both = [one for one in _reviewers(rows, params) if one.catch and one.median_s is not None]
    if not both:
        return None
    return Scatter(
        title="Time per review and seeded errors caught",
        description=f"{len(both)} reviewers; they catch between "
        f"{min(one.catch.estimate for one in both if one.catch):.0f} and "
        f"{max(one.catch.estimate for one in both if one.catch):.0f} % of the seeded errors.",
        x_label="median time per review",
        x_unit="s",
        y_label="seeded errors caught",
        y_unit="%",
        marks=tuple(
            Mark(
                label=one.name,
                x=Estimate(value=one.median_s),
                y=Estimate(value=one.catch.estimate, lo=one.catch.lo, hi=one.catch.hi),
                n=one.n,
                is_chosen=one.catch.hi < params.min_catch_pp,
            )
            for one in both
            if one.catch
        ),
        x_limit=params.floor_s,
        y_limit=params.min_catch_pp,
    )


def _rows(feature: Feature, day: date, work: pl.DataFrame, params: Params) -> pl.DataFrame:
    first = day - timedelta(days=params.window_days - 1)
    recent = _flow.since(_flow.of_queue(feature, work), first)
    is_known = recent["reviewer_id"].is_not_null()
    return recent if is_known.all() else recent.filter(is_known)


def _reviewers(rows: pl.DataFrame, params: Params) -> list[_Reviewer]:
    if rows.is_empty():
        return []
    names, of = coded(rows["reviewer_id"])
    counts = np.array([np.bincount(of, rows[column].to_numpy()) for column in _COUNTS])
    days, bins, n = (rows[column].to_numpy() for column in ("day", "dwell_bin", "n"))
    timed = bins > NEGATIVE_BIN
    if not _has_times(bins, n, timed):
        timed[:] = False
    found = []
    for at, name in enumerate(names):
        own = timed & (of == at)
        found.append(_reviewer(name, counts[:, at], days[own], bins[own], n[own], params))
    return found


def _has_times(bins: Ints, n: Ints, timed: npt.NDArray[np.bool_]) -> bool:
    """Return whether times per review vary, and hardly any is negative."""
    n_timed, n_negative = float(n[timed].sum()), float(n[bins == NEGATIVE_BIN].sum())
    if n_timed < _MIN_TO_REFUSE or n_negative > 0.05 * n_timed:
        return False
    _, place = np.unique(bins[timed], return_inverse=True)
    return float(np.bincount(place, n[timed]).max()) <= _MAX_SHARE_EQUAL * n_timed


def _reviewer(
    name: str,
    counts: npt.NDArray[np.float64],
    days: npt.NDArray[np.datetime64],
    bins: Ints,
    n_by_bin: Ints,
    params: Params,
) -> _Reviewer:
    n, seeded, caught = (int(count) for count in counts[:3])
    suggested, agreed = counts[3:].tolist()
    catch, log_e = None, -np.inf
    if seeded >= params.min_seeds:
        share = clopper_pearson_interval(caught, seeded, level=params.level)
        catch = Interval(100 * share.estimate, 100 * share.lo, 100 * share.hi)
        log_e = float(beta_mixture_log_e(seeded - caught, seeded, 1 - params.min_catch_pp / 100))
    n_timed = int(n_by_bin.sum())
    unread, median_s = None, None
    if n_timed >= params.min_reviews:
        median_s = quantile(bins, n_by_bin, 0.5)
        unread = _unread(days, n_by_bin, bin_value(bins) < params.floor_s, params.level)
    return _Reviewer(
        name[:8], n, seeded, caught, 100 * agreed / suggested if suggested else float("nan"),
        catch, log_e, n_timed, unread, median_s,
    )  # fmt: skip


def _unread(
    days: npt.NDArray[np.datetime64], n: Ints, is_short: npt.NDArray[np.bool_], level: float
) -> Interval | None:
    """Return the share of reviews under the floor, in %, its error from whole days."""
    known, place = np.unique(days, return_inverse=True)
    if len(known) < 3:
        return None
    sums = np.column_stack([np.bincount(place, n * is_short), np.bincount(place, n)])
    found = bucket_jackknife(sums, ratio(0, 1), level=level)
    return Interval(100 * found.estimate, 100 * found.lo, 100 * found.hi)


def _finding(
    feature: Feature, day: date, one: _Reviewer, params: Params, *, missed: bool
) -> Finding:
    is_unread = one.unread is not None and one.unread.lo > params.max_unread_pp
    hardly = missed and one.catch is not None and one.catch.hi < params.fail_catch_pp
    parts = []
    if one.catch is not None:
        parts.append(
            f"caught {one.n_caught} of {one.n_seeded} seeded errors ({one.catch.estimate:.0f} % "
            f"[{one.catch.lo:.0f}, {one.catch.hi:.0f}], {params.min_catch_pp:.0f} % are wanted)"
        )
    if one.unread is not None:
        parts.append(
            f"finished {one.unread.estimate:.0f} % [{one.unread.lo:.0f}, {one.unread.hi:.0f}] of "
            f"{one.n_timed} reviews within {params.floor_s:g} s (median {one.median_s:.1f} s)"
        )
    shown, by_seeds = one.catch, missed or not is_unread
    if shown is None or not by_seeds:
        shown, by_seeds = one.unread, False
    bad = missed or is_unread
    return Finding(
        status=Status.FAIL if hardly else Status.WARN if bad else Status.PASS,
        segment=f"reviewer={one.name}",
        message=f"Reviewer {one.name} {' and '.join(parts)}, and decided as suggested in "
        f"{one.approved:.0f} % of {one.n} reviews.",
        n=one.n_seeded if by_seeds else one.n_timed,
        value=shown.estimate if shown else None,
        lo=shown.lo if shown else None,
        hi=shown.hi if shown else None,
        threshold=params.min_catch_pp if by_seeds else params.max_unread_pp,
        unit="%" if by_seeds else "pp",
        p_value=min(1.0, float(np.exp(-one.log_e))) if by_seeds else None,
        action="Talk to the reviewer about what the tool shows and what is expected, give them "
        "smaller shares, and have the items of these weeks sampled by another."
        if bad
        else "",
        evidence_sql=_evidence(feature, day, params) if bad else "",
    )


def _evidence(feature: Feature, day: date, params: Params) -> str:
    first = day - timedelta(days=params.window_days - 1)
    return (
        "select left(reviewer_id, 8) as reviewer, sum(n)::bigint as n, "  # noqa: S608 - literals only
        "sum(n_seeded)::bigint as n_seeded, sum(n_caught)::bigint as n_caught, "
        "sum(n_as_suggested)::bigint as n_as_suggested "
        f"from summary__review_work where feature_id = {literal(feature.id)} "
        f"and day between {literal(first)}::date and {literal(day)}::date "
        "group by reviewer order by n desc, reviewer limit 500"
    )
