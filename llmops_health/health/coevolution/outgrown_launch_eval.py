"""Outgrown launch eval: today's inputs have left behind what the feature was launched on.

Why it matters
    "It passed at launch" speaks of the inputs of then. A feature that works is used for more than
    it was made for; the launch scores, and every comparison with them, stop to mean anything, and
    nothing breaks that would show it.
How it is found
    Two baselines. The launch eval set: cases that were there 30 days after `launched_on` (without
    it, after the oldest case was added). The launch month: the first four weeks of traffic after
    launch, or the oldest known, after the topics were fitted. Coverage by the launch set is the
    share of inputs on a topic that holds one of its cases, and not at the topic's edge (beyond all
    but `far_share` of the launch month's inputs). WARN when it fell from the launch month to the
    last 7 days by more than `max_fall_pp`, with the whole interval (a jackknife over buckets of
    users) above half of that, as much without any one day, and cases added since do not make up
    for it. WARN too when the share of inputs on topics beyond the share these had in the launch
    month exceeds `max_churn_pp` with its whole interval; which topics grew is decided on one half
    of the users and measured on the other.
How to mend it
    Set a new baseline: draw an eval set from this month (`health__refresh_candidates`), score the
    version in production on it, and judge later versions against that score.
What it cannot see
    What was asked before the history or before the topics were fitted: the oldest weeks then stand
    for the launch. A new use on an old topic, in the same words. Who asks otherwise, the same users
    or others, is for `user_adaptation` and `user_mix_shift`; whether today's suite covers today's
    traffic is for eval_rot's `uncovered_traffic`.
Source
    Naeem et al. (2020), arXiv:2002.09797, for coverage; Chernozhukov et al. (2018), Econometrics
    Journal 21(1), for the cross-fitting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field
from scipy.special import stdtr

from llmops_health.config import Feature
from llmops_health.figures import Curve, CurvePoint, Curves, Estimate
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_enough_data,
)
from llmops_health.health.coevolution._launch import (
    Baseline,
    baseline,
    is_covered,
    known_cells,
    launched_on,
    live_cases,
)
from llmops_health.health.coevolution._panel import Flags, Floats
from llmops_health.kernels.churn import cross_fitted_churn
from llmops_health.kernels.coverage import cell_mass_coverage
from llmops_health.kernels.intervals import t_interval
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters

HISTORY_DAYS = 400

_WEEK = range(7)
_BLIND = 2.0
_ACTION = (
    "Set a new baseline: draw an eval set from this month (health__refresh_candidates), score the "
    "version in production on it, and compare with that score instead of the one of the launch."
)


class Params(CheckParams):
    """Settings of this check."""

    max_fall_pp: float = Field(
        default=10.0,
        gt=0,
        le=100,
        description="Tolerated fall of the launch set's coverage (pp): half of a new topic still "
        "counts as covered, so this is a fifth of the traffic.",
    )
    max_churn_pp: float = Field(
        default=25.0,
        gt=0,
        le=100,
        description="Tolerated share (pp) of inputs on topics beyond their share at launch: months "
        "change the mix, a quarter is more than a season.",
    )
    far_share: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="Share of the launch month's inputs, the farthest from their topic, that no "
        "case covers.",
    )
    level: float = Field(
        default=0.99, gt=0, lt=1, description="Coverage of the intervals: judged every day."
    )
    min_inputs: int = Field(
        default=200, ge=2, description="Inputs with a topic that both windows need."
    )
    min_clusters: float = Field(
        default=8,
        ge=2,
        description="Users, as if all asked equally often, that each half of a window needs.",
    )


@dataclass(frozen=True, slots=True)
class _Moved:
    """A change in pp, its interval, and the chance of it at the limit that decides."""

    estimate: float
    lo: float
    hi: float
    p_value: float

    def __str__(self) -> str:
        """Return the interval in words."""
        return f"[{self.lo:.1f}, {self.hi:.1f}]"


@dataclass(frozen=True, slots=True)
class _Fall:
    """Coverage by the launch set then and now, the fall in pp, and the live suite's coverage."""

    then: float
    now: float
    lost: _Moved
    without_worst: float
    live: float
    n_cases: int

    def is_alarm(self, params: Params) -> bool:
        """Whether the fall is large, no chance, not of one day, and not made up for."""
        least = min(self.lost.estimate, self.without_worst)
        return (
            least > params.max_fall_pp
            and self.lost.lo > params.max_fall_pp / 2
            and not self.is_made_up(params)
        )

    def is_made_up(self, params: Params) -> bool:
        """Whether the suite of today covers nearly what the launch set covered then."""
        return 100 * (self.then - self.live) <= params.max_fall_pp / 2


def check(
    feature: Feature,
    day: date,
    summary__user_cells: pl.DataFrame,
    summary__eval_cells: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the last 7 days."""
    launch = launched_on(feature.launched_on, live_cases(core__eval_cases, day))
    found = baseline(
        day, launch, summary__user_cells, summary__eval_cells, params.min_inputs, params.far_share
    )
    if isinstance(found, Finding):
        yield found
        return
    then, now = found.counts(found.ages), found.counts(_WEEK)
    churn, fall = _churn(then, now, params), _fall(found, then, now, params)
    if churn is None and fall is None:
        yield not_enough_data(
            int(now.sum()),
            f"The {int(now.sum())} inputs of 7 days or the {int(then.sum())} of {found.month} come "
            f"from too few people, or no eval case has a topic: an interval needs "
            f"{params.min_clusters:g} people that ask equally often.",
        )
        return
    yield _finding(feature, found, fall, churn, int(now.sum()), params)


def figure(
    feature: Feature,
    day: date,
    summary__user_cells: pl.DataFrame,
    summary__eval_cells: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    params: Params,
) -> Curves | None:
    """Show the coverage by the launch set, and by the suite of each week, since the launch."""
    launch = launched_on(feature.launched_on, live_cases(core__eval_cases, day))
    found = baseline(
        day, launch, summary__user_cells, summary__eval_cells, params.min_inputs, params.far_share
    )
    if isinstance(found, Finding) or found.cases.is_empty():
        return None
    last_week = (found.ages.stop - len(_WEEK)) // len(_WEEK)
    weeks = [range(7 * week, 7 * week + 7) for week in range(last_week, -1, -1)]
    known = known_cells(summary__eval_cells, day)
    suites = [live_cases(known, day - timedelta(days=week.start)) for week in weeks]
    curves = tuple(
        Curve(label=label, points=_points(found, weeks, sets))
        for label, sets in (
            ("cases of the launch", [found.cases] * len(weeks)),
            ("cases of the week", suites),
        )
    )
    if not curves[0].points:
        return None
    told = "; ".join(
        f"{curve.label} {curve.points[0].y.value:.0%} at first, {curve.points[-1].y.value:.0%} in "
        "the last week"
        for curve in curves
        if curve.points
    )
    return Curves(
        title="Share of inputs that the launch's eval cases cover",
        description=f"Weeks since {day - timedelta(days=weeks[0].stop - 1)}: {told}.",
        x_label="weeks since the launch month began",
        measure="covered share of inputs",
        unit="share",
        curves=curves,
    )


def _churn(then: Floats, now: Floats, params: Params) -> _Moved | None:
    """Return the share of inputs on grown topics in pp; None from too few people."""
    try:
        found = cross_fitted_churn(then, now)
    except ValueError:
        return None
    if found.clusters < params.min_clusters:
        return None
    se = max(found.se, 1 / float(now.sum()))
    return _moved(100 * found.estimate, 100 * se, found.clusters, params.max_churn_pp, params)


def _fall(base: Baseline, then: Floats, now: Floats, params: Params) -> _Fall | None:
    """Return what the launch set lost of its coverage; None without it or from too few people."""
    users = min(effective_clusters(side.sum(axis=1)) for side in (then, now))
    if base.cases.is_empty() or users < params.min_clusters:
        return None
    covers = is_covered(base.cases, base.n_cells)

    def lost(totals: Floats) -> Floats:
        covered_then, n_then, covered_now, n_now = np.moveaxis(totals, -1, 0)
        return np.asarray(100 * (covered_then / n_then - covered_now / n_now))

    found = bucket_jackknife(np.stack([*_pair(then, covers), *_pair(now, covers)], axis=1), lost)
    before = float(then[:, covers].sum() / then.sum())
    left = [now - base.counts(range(age, age + 1)) for age in _WEEK]
    share = [float(part[:, covers].sum() / part.sum()) for part in left if part.sum() > 0]
    # Inputs that are all alike have no visible error; one of them may always be otherwise.
    se = max(found.se, 100 / float(now.sum()))
    return _Fall(
        then=before,
        now=float(now[:, covers].sum() / now.sum()),
        lost=_moved(found.estimate, se, users, params.max_fall_pp / 2, params),
        without_worst=100 * (before - max(share, default=1.0)),
        live=float(now[:, is_covered(base.live, base.n_cells)].sum() / now.sum()),
        n_cases=len(base.cases),
    )


def _moved(estimate: float, se: float, users: float, limit: float, params: Params) -> _Moved:
    dof = max(int(users) - 1, 1)
    found = t_interval(estimate, se, dof, level=params.level)
    return _Moved(estimate, found.lo, found.hi, float(stdtr(dof, (limit - estimate) / se)))


def _pair(counts: Floats, covers: Flags) -> tuple[Floats, Floats]:
    return counts[:, covers].sum(axis=1), counts.sum(axis=1)


def _finding(
    feature: Feature,
    base: Baseline,
    fall: _Fall | None,
    churn: _Moved | None,
    n: int,
    params: Params,
) -> Finding:
    has_churned = churn is not None and churn.lo > params.max_churn_pp
    has_fallen = fall is not None and fall.is_alarm(params)
    is_alarm = has_churned or has_fallen
    value, threshold = churn, params.max_churn_pp
    if fall is not None and (has_fallen or not has_churned):
        value, threshold = fall.lost, params.max_fall_pp
    if value is None:
        raise ValueError("A finding needs a fall or a churn.")
    parts = []
    if churn is not None:
        parts.append(
            f"{churn.estimate:.1f} % {churn} of them are on topics beyond the share that these had"
        )
    if fall is not None:
        parts.append(
            f"the {fall.n_cases} eval cases of the launch cover {fall.now:.1%}, after "
            f"{fall.then:.1%} then (a fall of {fall.lost.estimate:.1f} pp {fall.lost}), and "
            f"today's cases cover {fall.live:.1%}"
        )
    message = f"Of the {n} inputs of 7 days, against {base.month}: {'; '.join(parts)}"
    if not is_alarm and value.hi - value.estimate > _BLIND * threshold:
        return not_enough_data(
            n, f"Cannot tell. {message}; the interval is wider than what matters."
        )
    return Finding(
        status=Status.WARN if is_alarm else Status.PASS,
        message=f"{message}; {params.max_churn_pp:g} % and a fall of "
        f"{params.max_fall_pp:g} pp are tolerated.",
        n=n,
        value=value.estimate,
        lo=value.lo,
        hi=value.hi,
        threshold=threshold,
        unit="pp",
        p_value=value.p_value,
        action=_ACTION if is_alarm else "",
        evidence_sql=_evidence(feature, base) if is_alarm else "",
    )


def _points(base: Baseline, weeks: list[range], sets: list[pl.DataFrame]) -> tuple[CurvePoint, ...]:
    points = []
    for at, (week, cases) in enumerate(zip(weeks, sets, strict=True)):
        counts = base.counts(week)
        if counts.any() and len(cases):
            held = is_covered(cases, base.n_cells).astype(np.float64)
            held[-1] = 0.0
            found = cell_mass_coverage(counts, held)
            y = Estimate(value=found.estimate, lo=found.lo, hi=found.hi)
            points.append(CurvePoint(x=float(at), y=y, n=found.n))
    return tuple(points)


def _evidence(feature: Feature, base: Baseline) -> str:
    then = (base.inputs.day - timedelta(days=age) for age in (base.ages.stop - 1, base.ages.start))
    first, last = (f"{literal(day)}::date" for day in then)
    today = f"{literal(base.inputs.day)}::date"
    launched = base.cases["case_id"].to_list()[:500]
    listed = ", ".join(literal(case) for case in launched) or "''"
    return (
        "with inputs as (select cell, "  # noqa: S608 - literals only
        f"sum(case when day > {today} - 7 then n else 0 end)::bigint as n_now, "
        f"sum(case when day between {first} and {last} then n else 0 end)::bigint as n_then "
        f"from summary__user_cells where feature_id = {literal(feature.id)} "
        f"and day between {first} and {today} group by cell) "
        "select cell, n_now, n_then, (select count(*) from summary__eval_cells as cases "
        f"where cases.feature_id = {literal(feature.id)} and cases.cell = inputs.cell "
        f"and cases.case_id in ({listed})) as n_launch_cases "
        "from inputs order by n_now desc, cell limit 100"
    )
