"""How each measure of style changed between the two windows, and which part of it users made.

What is said of a change, and which change is one too many, is for the checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from llmops_health.health.coevolution._panel import Flags, Floats, Ints, Measure, Panel
from llmops_health.kernels.intervals import Interval, t_interval
from llmops_health.kernels.jackknife import effective_clusters
from llmops_health.kernels.multiplicity import benjamini_hochberg
from llmops_health.kernels.user_change import change_part, newcomer_gap, part_size

Side = Literal["within", "between", "entry", "exit"]

_SATURDAY: Final = 5
# Of a part, how much the whole must have moved too. Where every newcomer learns the same, users
# change and inputs do not: with a half, 1 day in 40 of such a feature was an alarm.
_LEAST_KEPT: Final = 0.67


@dataclass(frozen=True, slots=True)
class Limits:
    """What a change needs to be judged, and to be one; changes in the unit of the mean."""

    min_log: float
    min_share: float
    min_inputs: int
    min_clusters: float
    level: float
    p_alarm: float

    def floor(self, measure: Measure) -> float:
        """Return the least change of a measure that matters."""
        return self.min_log if measure.is_log else self.min_share


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One measure's change, and the judged part of it with its interval and p-value."""

    measure: Measure
    floor: float
    total: float
    side: Side
    part: Interval
    p_value: float
    visible: float
    n: int
    n_stayed: int
    n_came: int
    n_left: int

    @property
    def multiple(self) -> float:
        """Size of the judged part in multiples of what matters."""
        return abs(self.part.estimate) / self.floor

    @property
    def is_offset(self) -> bool:
        """Whether the other part makes up for it, so that inputs as a whole did not move."""
        total = self.total * float(np.sign(self.part.estimate))
        return total < _LEAST_KEPT * abs(self.part.estimate)

    def is_alarm(self, limits: Limits) -> bool:
        """Whether the part is large, no chance, and has moved the whole."""
        return self.multiple >= 1 and self.p_value <= limits.p_alarm and not self.is_offset


def changes(panel: Panel, sides: Sequence[Side], limits: Limits) -> list[Change]:
    """Return each part of each measure that can be judged, p-values adjusted for all of them."""
    found = [
        change for measure in panel.measures() for change in _changes(panel, measure, sides, limits)
    ]
    adjusted = benjamini_hochberg([one.p_value for one in found]).adjusted
    return [replace(one, p_value=float(p)) for one, p in zip(found, adjusted, strict=True)]


def _changes(
    panel: Panel, measure: Measure, sides: Sequence[Side], limits: Limits
) -> Iterator[Change]:
    before, after = panel.sums(measure, panel.base), panel.sums(measure, panel.window)
    n0, n1 = before[:, 0].sum(), after[:, 0].sum()
    asked_then, asked_now = before[:, 0] > 0, after[:, 0] > 0
    stayed = asked_then & asked_now
    if min(n0, n1) < limits.min_inputs or not stayed.any():
        return
    for side in sides:
        try:
            found = _estimate(panel, before, after, side, limits)
        except ValueError:
            # All who stayed, came or left are in one bucket.
            continue
        if found is None:
            continue
        estimate, se, dof = found
        if side in ("within", "between"):
            se = max(se, _day_error(panel, measure, before))
        # Inputs that are all alike have no visible error; half an input may always be otherwise.
        se = max(se, 0.5 / float(n1))
        yield Change(
            measure=measure,
            floor=limits.floor(measure),
            total=float(after[:, 1].sum() / n1 - before[:, 1].sum() / n0),
            side=side,
            part=t_interval(estimate, se, dof, level=limits.level),
            p_value=2 * float(stdtr(dof, -abs(estimate) / se)),
            visible=float(stdtrit(dof, 1 - limits.p_alarm / 2)) * se,
            n=int(n1),
            n_stayed=int(stayed.sum()),
            n_came=int((asked_now & ~asked_then).sum()),
            n_left=int((asked_then & ~asked_now).sum()),
        )


def _estimate(
    panel: Panel, before: Floats, after: Floats, side: Side, limits: Limits
) -> tuple[float, float, int] | None:
    """Return a part, its error over users and the degrees of freedom; None with too few users."""
    stayed = ((before[:, 0] > 0) & (after[:, 0] > 0))[:, None]
    if side in ("entry", "exit"):
        # Given how much they ask: the share of who came is no evidence that they ask otherwise.
        period, sign = (after, 1.0) if side == "entry" else (before, -1.0)
        others = np.where(stayed, 0.0, period)
        share = sign * float(others[:, 0].sum() / period[:, 0].sum())
        users = effective_clusters(others[:, 0])
        if users < limits.min_clusters:
            return None
        gap = newcomer_gap(np.where(stayed, period, 0.0), others, panel.bucket)
        dof = int(min(users, gap.n_buckets)) - 1
        return share * gap.estimate, abs(share) * gap.se, max(dof, 1)
    weight = (before[:, 0] / before[:, 0].sum() + after[:, 0] / after[:, 0].sum()) / 2
    users = effective_clusters(np.where(stayed[:, 0], weight, 0.0) if side == "within" else weight)
    if users < limits.min_clusters:
        return None
    found = change_part(before, after, panel.bucket, side)
    return found.estimate, found.se, max(int(min(users, found.n_buckets)) - 1, 1)


def _day_error(panel: Panel, measure: Measure, before: Floats) -> float:
    """Return the error of the difference as days differ, each user against their own mean.

    Users are one reason why inputs of a window are alike; a mailing or a holiday is another, and
    it shows in days of the base only, because the window is what is judged.
    """
    rows = panel.inside(panel.base)
    age, user, count, total = (values[rows] for values in panel.daily(measure))
    mean = before[:, 1] / np.maximum(before[:, 0], 1)
    at = age - panel.base.start
    n = np.bincount(at, count, len(panel.base))
    daily = np.bincount(at, total - count * mean[user], len(panel.base)) / np.maximum(n, 1)
    weekend = _is_weekend(panel, np.arange(panel.base.start, panel.base.stop))
    variance, spare = 0.0, 0
    for of_type in (weekend, ~weekend):
        days = of_type & (n > 0)
        weight, value = n[days], daily[days]
        if len(value) > 1:
            centre = (weight * value).sum() / weight.sum()
            variance += float((weight * (value - centre) ** 2).sum())
            spare += len(value) - 1
    if spare < 5:
        return 0.0
    n_days = len(panel.window)
    per_day = variance / spare / float(n[n > 0].mean())
    return float(np.sqrt(per_day * (1 / n_days + 1 / len(panel.base))))


def _is_weekend(panel: Panel, ages: Ints) -> Flags:
    return np.asarray((panel.day.weekday() - ages) % 7 >= _SATURDAY)


def without_one(panel: Panel, change: Change) -> float:
    """Return the least of the judged part, in its direction, without any one day or one user.

    A part of which one day or one person makes the most is no change of the users.
    """
    measure, sign = change.measure, float(np.sign(change.part.estimate))
    before = panel.sums(measure, panel.base)
    recent = panel.inside(panel.window)
    left: list[float] = []
    for day in panel.window:
        chosen = recent[panel.age[recent] != day]
        if not len(chosen):
            continue
        left.append(sign * part_size(before, panel.per_user(measure, chosen), change.side))
    after = panel.sums(measure, panel.window)
    weight = before[:, 0] / before[:, 0].sum() + after[:, 0] / after[:, 0].sum()
    others = np.arange(panel.n_users) != int(weight.argmax())
    left.append(sign * part_size(before[others], after[others], change.side))
    return min(left)
