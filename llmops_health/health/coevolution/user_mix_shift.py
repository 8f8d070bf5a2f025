"""User mix shift: inputs changed because other users came, or users left.

Why it matters
    A new team or a campaign brings people who ask otherwise. Nobody has changed; a prompt tuned on
    the mean of all serves the new ones badly, and an eval set drawn from the old ones does not
    notice.
How it is found
    The windows and measures of `user_adaptation`. The part of the change that is not within users
    is that of entrants (against those who stayed, now), of leavers (against those who stayed,
    then), and of those who stayed but ask more or less often. The error is the larger of a
    jackknife over 64 buckets of users and of how days differ. WARN when this part exceeds the least
    change that matters, its chance (Benjamini-Hochberg over the measures) is below `p_alarm`, it
    is as large without any one day and without any one user, and the inputs as a whole moved with
    it. Coming and going alone is no finding: there is always some.
How to mend it
    Look at who came. Where they stay, give them a segment of their own in prompt, onboarding and
    eval set; the users who were there ask as before.
What it cannot see
    Why they came. A new user differs from old ones by being new as well as by who they are:
    newcomers who will learn look like other people until they have (`user_adaptation` shows their
    cohort's curve). Users who ask once in five weeks count as come or gone. A user_id that is
    given anew (a new device, a changed key) is another user.
Source
    Melitz and Polanec (2015), RAND Journal of Economics 46:362-375; Kitagawa (1955), JASA
    50:1168-1194; Shorrocks (2013), Journal of Economic Inequality 11, for the distance of topics.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Estimate, Waterfall, WaterfallStep
from llmops_health.findings import Finding, Status
from llmops_health.health.coevolution._answers import (
    PanelParams,
    blind,
    cannot_answer,
    compared,
    evidence,
    interval,
    others,
    sized,
    too_alike,
)
from llmops_health.health.coevolution._changes import Change, Side, changes, without_one
from llmops_health.health.coevolution._panel import HISTORY_DAYS as _HISTORY_DAYS
from llmops_health.health.coevolution._panel import Floats, Panel
from llmops_health.kernels.decomposition import shapley_distance
from llmops_health.kernels.divergence import js_distance
from llmops_health.kernels.jackknife import JackknifeEstimate
from llmops_health.kernels.user_change import UserChange, user_change

HISTORY_DAYS = _HISTORY_DAYS

_SIDES: Final[tuple[Side, ...]] = ("between", "entry", "exit")
_LEAST_TOPICS = 200
_ACTION = (
    "Look at who came and who left (evidence_sql): where newcomers stay, give them a segment of "
    "their own in prompt, onboarding and eval set."
)


class Params(PanelParams):
    """Settings of this check."""

    p_alarm: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="False alarms per day, all measures and parts together (Benjamini-Hochberg), "
        "before the change must also be large and last: fewer people come than stay, so that 0.001 "
        "would find 8 of 10 groups that make a third of the calls.",
    )


def check(
    feature: Feature,
    day: date,
    summary__user_days: pl.DataFrame,
    summary__user_cells: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding: on the measure that changed most for its size, or on all of them."""
    panel = Panel(summary__user_days, day)
    refusal = cannot_answer(summary__user_days, panel, params)
    if refusal:
        yield refusal
        return
    limits = params.limits()
    found = changes(panel, _SIDES, limits)
    if not found:
        yield too_alike(panel, params)
        return
    alarms = [one for one in found if one.is_alarm(limits)]
    alarms = [one for one in alarms if without_one(panel, one) >= one.floor]
    leading = max(alarms or found, key=lambda one: one.multiple)
    lacking = None if alarms else blind(found, leading.n)
    yield lacking or _finding(feature, panel, leading, alarms, summary__user_cells)


def figure(
    feature: Feature,
    day: date,
    summary__user_days: pl.DataFrame,
    summary__user_cells: pl.DataFrame,
    params: Params,
) -> Waterfall | None:
    """Show how the leading measure got from then to now."""
    del feature, summary__user_cells
    panel = Panel(summary__user_days, day)
    if cannot_answer(summary__user_days, panel, params) is not None:
        return None
    found = changes(panel, _SIDES, params.limits())
    if not found:
        return None
    leading = max(found, key=lambda one: one.multiple)
    parts, measure = _parts(panel, leading), leading.measure
    scale, unit = (1.0, "ln") if measure.is_log else (100.0, "%")

    def step(label: str, of: JackknifeEstimate) -> WaterfallStep:
        lo, hi = scale * of.lo, scale * of.hi
        return WaterfallStep(label=label, change=Estimate(value=scale * of.estimate, lo=lo, hi=hi))

    steps = (
        step("same users, otherwise", parts.within),
        step("same users, more or less often", parts.reweighted),
        step("newcomers", parts.entry),
        step("leavers", parts.exit),
    )
    told = ", ".join(f"{one.label} {one.change.value:+.2f}" for one in steps)
    return Waterfall(
        title=f"What changed {measure.words}",
        description=f"From {scale * parts.before:.2f} to {scale * parts.after:.2f} {unit}: {told}.",
        measure=f"mean ln of {measure.words}" if measure.is_log else f"share of {measure.words}",
        unit=unit,
        start_label="then",
        start=scale * parts.before,
        steps=steps,
        end_label="last 7 days",
        end=scale * parts.after,
    )


def _parts(panel: Panel, change: Change) -> UserChange:
    before, after = (panel.sums(change.measure, ages) for ages in (panel.base, panel.window))
    return user_change(before, after, panel.bucket)


def _finding(
    feature: Feature,
    panel: Panel,
    leading: Change,
    alarms: list[Change],
    user_cells: pl.DataFrame,
) -> Finding:
    measure = leading.measure
    of = measure.reported
    floor = float(np.copysign(leading.floor, leading.part.estimate))
    parts = _parts(panel, leading)
    message = (
        f"Coming, leaving and asking more or less often changed {measure.words} by "
        f"{sized(leading, leading.part.estimate)} {interval(leading)} {compared(panel)}: "
        f"{leading.n_came} who came {sized(leading, parts.entry.estimate)}, {leading.n_left} who "
        f"left {sized(leading, parts.exit.estimate)}, {leading.n_stayed} who stayed "
        f"{sized(leading, parts.reweighted.estimate)}; all inputs changed by "
        f"{sized(leading, leading.total)}"
    )
    if alarms:
        message += f"{others(alarms, leading)}{_topics(panel, user_cells)}"
    elif leading.multiple >= 1 and leading.is_offset:
        message += ", because the users who stayed make up for it"
    return Finding(
        status=Status.WARN if alarms else Status.PASS,
        message=f"{message}; {abs(of(floor)):.1f} {measure.unit} is tolerated.",
        n=leading.n,
        value=of(leading.part.estimate),
        lo=of(leading.part.lo),
        hi=of(leading.part.hi),
        threshold=of(floor),
        unit=measure.unit,
        p_value=leading.p_value,
        action=_ACTION if alarms else "",
        evidence_sql=evidence(feature, panel, measure) if alarms else "",
    )


def _topics(panel: Panel, user_cells: pl.DataFrame) -> str:
    """Say how far topics moved, and by whom; for show, because the noise moves them too."""
    age = (pl.lit(panel.day) - pl.col("day")).dt.total_days()
    rows = user_cells.filter("is_user").select("user_key", "cell", "n", age=age)
    base = panel.base
    then = rows.filter(pl.col("age").is_between(base.start, base.stop - 1))
    now = rows.filter(pl.col("age") < len(panel.window))
    if min(then["n"].sum(), now["n"].sum()) < _LEAST_TOPICS:
        return ""
    n_cells = int(rows["cell"].max()) + 2  # type: ignore[arg-type]
    in_both = set(then["user_key"]) & set(now["user_key"])

    def counts(part: pl.DataFrame, *, stayed: bool) -> Floats:
        chosen = part.filter(pl.col("user_key").is_in(list(in_both)) == stayed)
        sums = np.bincount(chosen["cell"].to_numpy() + 1, chosen["n"].to_numpy(), n_cells)
        return sums.astype(np.float64)

    same = [counts(part, stayed=True) for part in (then, now)]
    rest = [counts(part, stayed=False) for part in (then, now)]
    if min(part.sum() for part in same) == 0:
        return ""

    def mixture(others_of: int, same_of: int) -> Floats:
        weight = same[others_of].sum()
        mixed = rest[others_of] + weight * same[same_of] / same[same_of].sum()
        return np.asarray(mixed / mixed.sum())

    moved = shapley_distance(mixture, js_distance)
    return (
        f"; topics moved by {moved.total:.2f} (Jensen-Shannon distance, for show), "
        f"{moved.mix:.2f} of it by other users"
    )
