"""The interval of a quantile of a Kaplan-Meier curve: against R, and where an end is open."""

from __future__ import annotations

import pytest

from llmops_health.kernels.survival import kaplan_meier

ENDED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
OPEN = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def test_the_median_of_6_mp() -> None:
    curve = kaplan_meier([*ENDED, *OPEN], [True] * len(ENDED) + [False] * len(OPEN))
    assert curve.quantile() == 23
    # survfit(conf.type = "log-log") of R's survival 3.5: median 23, 0.95LCL 13, 0.95UCL NA.
    assert curve.quantile_interval() == (13, None)


def test_an_interval_holds_its_quantile_and_may_be_open_on_both_sides() -> None:
    curve = kaplan_meier(range(1, 21), [True] * 20)
    lo, hi = curve.quantile_interval(0.25)
    assert lo is not None
    assert hi is not None
    assert lo < (curve.quantile(0.25) or 0) < hi
    one = kaplan_meier([3, 5], [False, False])
    assert one.quantile_interval() == (None, None)


@pytest.mark.parametrize("p", [0, 1, -1])
def test_p_out_of_range_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="0 < p < 1"):
        kaplan_meier([1], [True]).quantile_interval(p)
