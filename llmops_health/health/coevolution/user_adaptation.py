"""User adaptation: the same users ask otherwise than they did.

Why it matters
    People learn what a feature rewards: they drop the courtesies, type keywords, paste templates
    and examples, try again until it answers. The prompt and the eval set were made for the inputs
    of before; retraining the model on the drift would answer the wrong question.
How it is found
    Inputs of the last 7 days against four weeks that end up to four weeks earlier, for each
    measure of style: length, mere keywords, courtesies, prompt formulas, pasted examples, inputs
    that rephrase the one before, inputs on new topics; without texts, length and exact repeats.
    The change of the mean is split, with every user as a stratum of their own, into the part
    within users who asked in both windows and the rest (`user_mix_shift`). The error is the larger
    of a jackknife over 64 buckets of users and of how days differ. WARN when the part within users
    exceeds the least change that matters, its chance (Benjamini-Hochberg over the measures) is
    below `p_alarm`, it is as large without any one day and without any one user, and the inputs
    as a whole moved with it: where every newcomer learns the same, users change and inputs do not.
    The message says what the change is at equal tenure, where the history tells tenures apart.
How to mend it
    Renew the eval set and the prompt's examples from this month's inputs, and leave the model as
    it is. Where inputs are rephrased more often, read what the first attempt got for an answer.
What it cannot see
    Why: a user's tenure grows with the calendar, so effects of tenure, of the date and of when a
    user came cannot all be told. The split at equal tenure holds under the constraint that users
    of one tenure ask alike whenever they came. Who left cannot change: users who stayed may be
    those whom it suits (survivorship), so what leavers were like is said by `user_mix_shift`, and
    the figure shows how few of a cohort remain. Users seen in the first two weeks of the history
    may be older than it and are a cohort of their own. Two people behind one user_id are one user.
Source
    Kitagawa (1955), JASA 50:1168-1194; Melitz and Polanec (2015), RAND Journal of Economics 46;
    Fosse and Winship (2019), Annual Review of Sociology 45, on age, period and cohort.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import polars as pl

from llmops_health.config import Feature
from llmops_health.figures import Curve, CurvePoint, Curves, Estimate
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
from llmops_health.health.coevolution._changes import Change, changes, without_one
from llmops_health.health.coevolution._panel import HISTORY_DAYS as _HISTORY_DAYS
from llmops_health.health.coevolution._panel import Measure, Panel, cohorts
from llmops_health.kernels.decomposition import kitagawa
from llmops_health.kernels.jackknife import bucket_jackknife, ratio

HISTORY_DAYS = _HISTORY_DAYS

_NEW_DAYS = 28
_WEEK = 7
_MOST_CURVES = 6
_LEAST_INPUTS = 20
_ACTION = (
    "Renew the eval set and the prompt's examples from this month's inputs; the model is not what "
    "changed."
)


class Params(PanelParams):
    """Settings of this check."""


def check(
    feature: Feature, day: date, summary__user_days: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding: on the measure that changed most for its size, or on all of them."""
    panel = Panel(summary__user_days, day)
    refusal = cannot_answer(summary__user_days, panel, params)
    if refusal:
        yield refusal
        return
    limits = params.limits()
    found = changes(panel, ["within"], limits)
    if not found:
        yield too_alike(panel, params)
        return
    alarms = [one for one in found if one.is_alarm(limits)]
    alarms = [one for one in alarms if without_one(panel, one) >= one.floor]
    leading = max(alarms or found, key=lambda one: one.multiple)
    lacking = None if alarms else blind(found, leading.n)
    yield lacking or _finding(feature, panel, leading, alarms)


def figure(
    feature: Feature,
    day: date,
    summary__user_days: pl.DataFrame,
    params: Params,
) -> Curves | None:
    """Show the leading measure of each cohort by the weeks that its users are there."""
    del feature
    panel = Panel(summary__user_days, day)
    if cannot_answer(summary__user_days, panel, params) is not None:
        return None
    found = changes(panel, ["within"], params.limits())
    if not found:
        return None
    leading = max(found, key=lambda one: one.multiple).measure
    curves = _curves(panel, leading)
    unit = "ln characters" if leading.is_log else "share"
    told = "; ".join(
        f"{curve.label}: {curve.points[0].y.value:.2f} at first, {curve.points[-1].y.value:.2f} "
        f"in week {curve.points[-1].x:g} ({curve.points[-1].n} inputs)"
        for curve in curves
    )
    return Curves(
        title=f"{leading.words[0].upper()}{leading.words[1:]}, by cohort and tenure",
        description=f"Of each cohort those who still ask: {told}."
        if curves
        else "No cohort has enough inputs for a point.",
        x_label="weeks since the first call (of the first cohort: since the history begins)",
        measure=leading.words,
        unit=unit,
        curves=curves,
    )


def _finding(feature: Feature, panel: Panel, leading: Change, alarms: list[Change]) -> Finding:
    of, measure = leading.measure.reported, leading.measure
    floor = float(np.copysign(leading.floor, leading.part.estimate))
    message = (
        f"The {leading.n_stayed} users who asked in both windows changed {measure.words} by "
        f"{sized(leading, leading.part.estimate)} {interval(leading)} {compared(panel)}; all "
        f"inputs changed by {sized(leading, leading.total)}"
    )
    if alarms:
        message += f"{_at_equal_tenure(panel, leading)}{others(alarms, leading)}"
    elif leading.multiple >= 1 and leading.is_offset:
        message += ", because newcomers and leavers make up for it"
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


def _at_equal_tenure(panel: Panel, change: Change) -> str:
    """Say how far inputs changed between users of the same tenure, where tenures are known."""
    means = []
    for ages in (panel.base, panel.window):
        # Whoever was there at the start of the history has at least the history as tenure.
        if panel.n_days - ages.stop < _NEW_DAYS:
            return ""
        sums = panel.sums(change.measure, ages)
        is_new = panel.first_age - ages.start < _NEW_DAYS
        of_band = np.stack([sums[is_new].sum(axis=0), sums[~is_new].sum(axis=0)])
        if (of_band[:, 0] < _LEAST_INPUTS).any():
            return ""
        means.append((of_band[:, 0], of_band[:, 1] / of_band[:, 0]))
    (n0, y0), (n1, y1) = means
    return f", {sized(change, float(kitagawa(n0, y0, n1, y1).within.sum()))} at equal tenure"


def _curves(panel: Panel, measure: Measure) -> tuple[Curve, ...]:
    number, names = cohorts(panel)
    age, user, *pair = panel.daily(measure)
    first = np.where(panel.is_censored, panel.n_days - 1, panel.first_age)
    week = (first[user] - age) // _WEEK
    found = []
    for cohort, name in list(enumerate(names))[:_MOST_CURVES]:
        of_cohort = number[user] == cohort
        points = []
        for at in range(int(week[of_cohort].max(initial=-1)) + 1):
            chosen = of_cohort & (week == at)
            sums = np.stack(
                [np.bincount(panel.bucket[user[chosen]], of[chosen], 64) for of in pair],
                axis=1,
            )
            n = int(sums[:, 0].sum())
            if n >= _LEAST_INPUTS and np.count_nonzero(sums[:, 0]) > 1:
                mean = bucket_jackknife(sums, ratio(1, 0))
                y = Estimate(value=mean.estimate, lo=mean.lo, hi=mean.hi)
                points.append(CurvePoint(x=float(at), y=y, n=n))
        if points:
            found.append(Curve(label=name, points=tuple(points)))
    return tuple(found)
