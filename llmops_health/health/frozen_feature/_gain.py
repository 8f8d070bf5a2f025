"""What a challenger would bring a month: more right answers, money, and the regret of waiting.

Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from typing import Final

import polars as pl
from scipy.special import ndtri

from llmops_health.health.frozen_feature._challenger import Duel
from llmops_health.health.frozen_feature._use import Use, cost_of
from llmops_health.kernels.intervals import Interval
from llmops_health.kernels.regret import expected_regret

COST_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Gain:
    """Gain of a challenger, all but `per_1k` a month; intervals of 95 %.

    `usd` is None where neither the value of a right answer nor what its calls cost is known.
    """

    per_1k: Interval
    right: Interval
    saving: Interval | None
    saving_se: float
    usd: Interval | None
    regret_right: float
    regret_usd: float | None
    value_is_known: bool

    @property
    def words(self) -> str:
        """What it would bring, in words."""
        one = self.per_1k
        told = f"{one.estimate:.0f} [{one.lo:.0f}, {one.hi:.0f}] more right of 1,000 calls, "
        told += f"{self.right.estimate:,.0f} a month"
        if self.usd is not None and self.value_is_known:
            told += f"; {self._money(self.usd)} a month in all"
        if self.saving is not None:
            cheaper = self.saving.estimate >= 0
            told += (
                f", calls {self._money(self.saving, cheaper)} {'cheaper' if cheaper else 'dearer'}"
            )
            told += " a month"
        return told

    @staticmethod
    def _money(usd: Interval, is_gain: bool = True) -> str:  # noqa: FBT001, FBT002
        ends = (usd.estimate, usd.lo, usd.hi) if is_gain else (-usd.estimate, -usd.hi, -usd.lo)
        return f"{ends[0]:,.2f} USD [{ends[1]:,.2f}, {ends[2]:,.2f}]"


def gain(
    one: Duel, versions: pl.DataFrame, day: date, used: Use, value_per_correct: float | None
) -> Gain:
    """Return what a challenger would bring, at the calls of the last weeks.

    The score of a case counts as its chance to be right. Cost is that of the last `COST_DAYS`.
    """
    volume = used.calls_per_month
    gap, se = one.change.mean, one.se
    recent = versions.filter(versions["day"] > day - timedelta(days=COST_DAYS))
    costs = cost_of(recent, one.model, one.prompt_version, same_model=one.same_model)
    saving = None
    saving_se = 0.0
    if costs is not None:
        now, other = costs
        saving_se = volume * sqrt(now.se**2 + other.se**2)
        saving = normal(volume * (now.usd - other.usd), saving_se)
    usd = None
    usd_se = 0.0
    if value_per_correct is not None or saving is not None:
        worth = volume * (value_per_correct or 0.0)
        usd_se = sqrt((worth * se) ** 2 + saving_se**2)
        usd = normal(worth * gap + (saving.estimate if saving else 0.0), usd_se)
    return Gain(
        per_1k=normal(1000 * gap, 1000 * se),
        right=normal(volume * gap, volume * se),
        saving=saving,
        saving_se=saving_se,
        usd=usd,
        regret_right=expected_regret(volume * gap, volume * se),
        regret_usd=None if usd is None else expected_regret(usd.estimate, usd_se),
        value_is_known=value_per_correct is not None,
    )


def normal(estimate: float, se: float, level: float = 0.95) -> Interval:
    """Return the interval of an estimate with its error."""
    reach = float(ndtri((1 + level) / 2)) * se
    return Interval(estimate, estimate - reach, estimate + reach)
