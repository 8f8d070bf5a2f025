"""What calibration checks show: reliability in groups, errors by day, and errors by gate.

A window holds the labels that became known in it. Nothing is judged, and nothing is drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt

import numpy as np

from llmops_health.figures import (
    ConfidenceGroup,
    ControlChart,
    ControlDay,
    GatePoint,
    ReliabilityDiagram,
    RiskCoverage,
)
from llmops_health.findings import Status
from llmops_health.health.calibration._bins import Floats
from llmops_health.kernels.calibration import ConfidenceBins, consistency_band, equal_mass_edges
from llmops_health.kernels.intervals import (
    Interval,
    clopper_pearson_interval,
)
from llmops_health.kernels.power import mde_proportion

BAND_LEVEL = 0.9
DAY_LEVEL = 0.95
_N_GROUPS = 15


@dataclass(frozen=True, slots=True, eq=False)
class ErrorsByDay:
    """Errors at or above a gate per day, oldest first, and what was made of them.

    `errors` and `n` have shape (days,); `since` is the place of the first day that `rate` is about,
    among whose labelled calls `n_wrong` were wrong.
    """

    gate: float
    promised: float
    deff: float
    errors: Floats
    n: Floats
    since: int
    p_value: float
    status: Status
    n_wrong: float
    rate: Interval

    @property
    def n_since(self) -> float:
        """Labelled calls that `rate` is about."""
        return float(self.n[self.since :].sum())


def reliability(
    bins: ConfidenceBins, deff: float, n_days: int, day: date, gate: float | None, answer: str = ""
) -> ReliabilityDiagram:
    """Lay out accuracy against confidence with the band in which a calibrated model would lie.

    The band is that of the null of `miscalibration_null`: binomial, its deviations stretched by
    the root of the design effect.

    Parameters
    ----------
    bins, deff
        Labelled calls of `n_days` days and their design effect.
    answer
        The one predicted label that they are of, '' for all.
    """
    cells = bins.occupied()
    groups = cells.coarsen(equal_mass_edges(cells.n, _N_GROUPS))
    rng = np.random.default_rng(day.toordinal())
    band = consistency_band(groups, rng, level=BAND_LEVEL)
    conf, stretch = groups.mean_conf, sqrt(deff)
    lo = np.clip(conf + stretch * (band.lo - conf), 0, 1)
    hi = np.clip(conf + stretch * (band.hi - conf), 0, 1)
    shown = tuple(
        ConfidenceGroup(confidence=c, accuracy=a, n=round(n), band_lo=low, band_hi=high)
        for c, a, n, low, high in zip(
            *(x.tolist() for x in (conf, groups.accuracy, groups.n, lo, hi)), strict=True
        )
    )
    beyond = sum(not g.band_lo <= g.accuracy <= g.band_hi for g in shown)
    worst = max(shown, key=lambda g: g.n * (g.confidence - g.accuracy) ** 2)
    return ReliabilityDiagram(
        title=f"Accuracy by stated confidence{f' where the answer is {answer}' if answer else ''}",
        description=f"{bins.total:.0f} labels of {n_days} days in {_groups(len(shown))} of "
        f"confidence, {beyond} of them outside of the {100 * BAND_LEVEL:.0f} % band of a "
        f"calibrated model. The gap matters most at {worst.confidence:.2f}, where "
        f"{worst.accuracy:.2f} of {worst.n} are right.",
        groups=shown,
        band_level=BAND_LEVEL,
        gate=gate,
    )


def _groups(n: int) -> str:
    return "one group" if n == 1 else f"{n} groups"


def errors_by_day(day: date, found: ErrorsByDay) -> ControlChart:
    """Lay out the error share above the gate by day, with what the promise allows each day.

    The limits hold 95 % of days on which the promise is kept, given that day's labelled calls;
    they are those of the null of the check, binomial with its design effect.
    """
    n = np.maximum(np.round(found.n), 0)
    promise, nothing = n * found.promised, np.zeros_like(n)
    bins = ConfidenceBins(n, nothing, promise, nothing, nothing)
    rng = np.random.default_rng(day.toordinal())
    band = consistency_band(bins, rng, level=DAY_LEVEL)
    stretch = sqrt(found.deff)
    share = np.divide(found.errors, n, out=np.full(n.shape, np.nan), where=n > 0)
    lo, hi = (found.promised + stretch * (end - found.promised) for end in (band.lo, band.hi))
    columns = [_evidence(np.clip(values, 0, 1)) for values in (share, lo, hi)]
    first = day - timedelta(days=n.size - 1)
    least = mde_proportion(found.promised, found.n_since, found.deff)
    days = tuple(
        ControlDay(
            day=first + timedelta(days=at),
            value=value,
            usual=found.promised,
            usual_lo=low,
            usual_hi=high,
            visible_hi=min(1.0, found.promised + least) if at >= found.since else None,
        )
        for at, (value, low, high) in enumerate(zip(*columns, strict=True))
    )
    rate, since = found.rate, first + timedelta(days=found.since)
    return ControlChart(
        title="Errors at or above the gate, per day of the label",
        description=f"{found.n_wrong:.0f} of {found.n_since:.0f} labelled calls at or above "
        f"{found.gate:.2f} were wrong since {since}: {100 * rate.estimate:.1f} % "
        f"[{100 * rate.lo:.1f}, {100 * rate.hi:.1f}], {100 * found.promised:.1f} % was promised.",
        measure=f"wrong, of labelled calls at or above {found.gate:.2f}",
        unit="share",
        days=days,
        judged_from=since,
        limit=found.promised,
        limit_label="promised",
    )


def _evidence(values: Floats) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


@dataclass(frozen=True, slots=True, eq=False)
class Gates:
    """What each gate accepts, as the check counts it.

    `gates`, `n` and `errors` have shape (gates,), gates rising: labelled calls at or above each
    and the wrong ones among them, of `n_days` days. `tested` are the places of gates that accept
    enough; `in_force` and `to_set` are places too, None where there is no such gate.
    """

    gates: Floats
    n: Floats
    errors: Floats
    n_labelled: int
    n_days: int
    deff: float
    max_error: float
    tested: tuple[int, ...]
    in_force: int | None
    to_set: int | None


def risk_by_gate(found: Gates, level: float) -> RiskCoverage | None:
    """Lay out errors among accepted calls against the share accepted, strict gates first.

    Gates that accept the same calls as a stricter one are left out, unless they are in force or
    to be set.
    """
    marked = {at for at in (found.in_force, found.to_set) if at is not None and found.n[at] > 0}
    strictest = {
        at for at in found.tested if at + 1 == found.n.size or found.n[at] > found.n[at + 1]
    }
    points = {at: _point(found, at, level) for at in sorted(marked | strictest, reverse=True)}
    if not points:
        return None
    in_force, to_set = (
        None if at is None else points.get(at) for at in (found.in_force, found.to_set)
    )
    told = [
        f"{words} {one.gate:.2f}: it accepts {one.share:.0%} of the labelled calls, of which "
        f"{100 * one.error:.1f} % [{100 * one.lo:.1f}, {100 * one.hi:.1f}] are wrong."
        for words, one in (("The gate in force is", in_force), ("The gate to set is", to_set))
        if one and not (one is to_set and to_set is in_force)
    ]
    none = [] if to_set else ["No gate is certified to keep the promise."]
    kept = ["It is certified."] if to_set and to_set is in_force else []
    return RiskCoverage(
        title="Errors among accepted calls, by share accepted",
        description=" ".join(
            [
                *(told[:1] if kept else told),
                *kept,
                *none,
                f"{100 * found.max_error:.0f} % is promised; labels of {found.n_days} days.",
            ]
        ),
        points=tuple(points.values()),
        max_error=found.max_error,
        in_force=in_force,
        to_set=to_set,
    )


def _point(found: Gates, at: int, level: float) -> GatePoint:
    n, errors = float(found.n[at]), float(found.errors[at])
    rate = clopper_pearson_interval(errors / found.deff, n / found.deff, level=level)
    return GatePoint(
        gate=float(found.gates[at]),
        share=n / found.n_labelled,
        error=errors / n,
        lo=rate.lo,
        hi=rate.hi,
        n=round(n),
    )
