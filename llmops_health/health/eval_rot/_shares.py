"""The share of a suite's cases that have a flaw: its interval, and the test against what is borne.

A suite is taken as a sample of the cases its authors would write, so a flaw in three of four
cases proves little. Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmops_health.kernels.intervals import Interval, wilson_interval
from llmops_health.kernels.trend import planned_contrast


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval, and the one-sided p of being above the tolerated share."""

    interval: Interval
    p_value: float


def share_above(flawed: int, n: int, tolerated: float, level: float) -> Share:
    """Test a share of cases against the tolerated one by the score test, Wilson's counterpart.

    Examples
    --------
    >>> found = share_above(32, 80, 0.2, 0.95)
    >>> round(found.interval.lo, 3), f"{found.p_value:.1e}"
    (0.3, '3.9e-06')
    """
    interval = wilson_interval(flawed, n, level=level)
    se = max((tolerated * (1 - tolerated) / n) ** 0.5, 1e-9)
    return Share(interval, planned_contrast(tolerated, 0.0, flawed / n, se).p_rise)
