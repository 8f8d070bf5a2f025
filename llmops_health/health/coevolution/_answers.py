"""What both checks of the panel have in common: settings, when they cannot answer, and words."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, literal, not_enough_data
from llmops_health.health.coevolution._changes import Change, Limits
from llmops_health.health.coevolution._panel import HISTORY_DAYS, WINDOW_DAYS, Measure, Panel

_BLIND: Final = 3.0


class PanelParams(CheckParams):
    """Settings of the checks that compare users."""

    min_change_pp: float = Field(
        default=5.0, gt=0, le=100, description="Least change of a share (pp) that matters: 1 in 20."
    )
    min_change_log: float = Field(
        default=0.15,
        gt=0,
        description="Least change of ln length that matters: inputs 16 % longer or 14 % shorter.",
    )
    p_alarm: float = Field(
        default=0.001,
        gt=0,
        lt=1,
        description="False alarms per day, all measures together (Benjamini-Hochberg), before the "
        "change must also be large and last.",
    )
    min_inputs: int = Field(
        default=100, ge=2, description="Inputs of known users that each window needs."
    )
    min_clusters: float = Field(
        default=6,
        ge=2,
        description="Users, as if all asked equally often: below 6 an interval says nothing.",
    )
    level: float = Field(
        default=0.99, gt=0, lt=1, description="Coverage of the interval: judged every day."
    )

    def limits(self) -> Limits:
        """Return the settings as the comparison takes them."""
        return Limits(
            min_log=self.min_change_log,
            min_share=self.min_change_pp / 100,
            min_inputs=self.min_inputs,
            min_clusters=self.min_clusters,
            level=self.level,
            p_alarm=self.p_alarm,
        )


def cannot_answer(user_days: pl.DataFrame, panel: Panel, params: PanelParams) -> Finding | None:
    """Say why users cannot be compared, or nothing."""
    if user_days.is_empty():
        return not_enough_data(
            0,
            f"No production call of the last {HISTORY_DAYS} days names its user (user_id), so who "
            "changed cannot be told.",
        )
    recent = user_days["day"] > panel.day - timedelta(days=WINDOW_DAYS)
    n_window = int(user_days["n"].filter(recent).sum())
    if not panel.base:
        return not_enough_data(
            n_window,
            f"{panel.n_days} days of calls with a user are known; 7 days and two weeks before them "
            "are needed.",
        )
    if n_window < params.min_inputs:
        return not_enough_data(
            n_window,
            f"{n_window} inputs of known users in 7 days, {params.min_inputs} are needed.",
        )
    return None


def too_alike(panel: Panel, params: PanelParams) -> Finding:
    """Say that nothing could be compared because too few people asked in both windows."""
    n_users = int(np.unique(panel.user[panel.inside(panel.window)]).size)
    return not_enough_data(
        n_users,
        f"{n_users} {'user' if n_users == 1 else 'users'} asked in 7 days, and too few of them in "
        f"{_days(panel)} too: an interval needs {params.min_clusters:g} that ask equally often.",
    )


def blind(found: list[Change], n: int) -> Finding | None:
    """Say which changes would not be seen, or nothing where all would."""
    unseen = [one for one in found if one.visible > _BLIND * one.floor]
    if not unseen:
        return None
    worst = max(unseen, key=lambda one: one.visible / one.floor)
    measure = worst.measure
    return not_enough_data(
        n,
        f"Cannot tell: with {worst.n_stayed} users who asked in both windows a change of "
        f"{measure.words} below {abs(measure.reported(worst.visible)):.0f} {measure.unit} would "
        "not be seen.",
    )


def sized(change: Change, value: float) -> str:
    """Say how much a measure changed, in its unit."""
    measure = change.measure
    return f"{measure.reported(value):+.1f} {measure.unit}"


def interval(change: Change) -> str:
    """Return the interval of the judged part in words."""
    of = change.measure.reported
    return f"[{of(change.part.lo):+.1f}, {of(change.part.hi):+.1f}]"


def compared(panel: Panel) -> str:
    """Name the two windows."""
    return f"from {_days(panel)} to the last 7 days"


def _days(panel: Panel) -> str:
    base = panel.base
    first, last = (panel.day - timedelta(days=age) for age in (base.stop - 1, base.start))
    return f"{first} to {last}"


def others(found: list[Change], leading: Change) -> str:
    """Name what else alarms beside the leading change."""
    more = [f"{one.measure.words} {sized(one, one.part.estimate)}" for one in found
            if one is not leading]  # fmt: skip
    return f"; also {', '.join(more)}" if more else ""


def evidence(feature: Feature, panel: Panel, measure: Measure) -> str:
    """Return a query of each user's mean in both windows, those with most rows first."""
    base = panel.base
    day = f"{literal(panel.day)}::date"
    is_now, is_then = "age < 7", f"age between {base.start} and {base.stop - 1}"
    rows, total = measure.rows, measure.total
    return (
        "select user_key, min(day) as first_day, "  # noqa: S608 - literals and column names only
        f"sum(case when {is_then} then {rows} end)::bigint as n_before, "
        f"sum(case when {is_then} then {total} end) / "
        f"nullif(sum(case when {is_then} then {rows} end), 0) as mean_before, "
        f"sum(case when {is_now} then {rows} end)::bigint as n_now, "
        f"sum(case when {is_now} then {total} end) / "
        f"nullif(sum(case when {is_now} then {rows} end), 0) as mean_now "
        f"from (select *, date_diff('day', day, {day}) as age from summary__user_days "
        f"where feature_id = {literal(feature.id)} and day <= {day} "
        f"and day > {day} - {HISTORY_DAYS}) as rows "
        f"group by user_key having n_before > 0 or n_now > 0 "
        "order by coalesce(n_before, 0) + coalesce(n_now, 0) desc, user_key limit 200"
    )
