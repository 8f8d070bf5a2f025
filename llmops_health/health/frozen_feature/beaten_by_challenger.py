"""Beaten by a challenger: a version that was tried does better than the one in use.

Why it matters
    A fine-tune or a prompt that was ahead at launch is passed by newer models, often cheaper ones.
    From then on every month costs the answers that the better one would have got right.
How it is found
    Eval runs of role challenger or candidate are paired with runs of the version in use (role
    champion), case by case: the gap with a t-interval, shared among all challengers, and the
    signed-rank test. WARN where the whole interval of the best one's gap is above `margin_pp`; the
    message says how likely the gap exceeds it, how many more answers would be right in 1,000, and
    the money a month: gap x calls x value of a right answer (where `value_per_correct_usd` is set)
    plus what its calls cost less. FAIL where the lower end of that money is above
    `fail_usd_per_month` (where set). Not beaten is a pass only where the cases could have shown a
    gap of `max_blind_pp`: a suite that the champion passes has no room for one.
How to mend it
    Switch to the challenger in shadow, then for a tenth of the traffic; keep the old version ready
    to go back to. Where nothing was tried, run the suites on a newer model, also without your
    prompt and fine-tune.
What it cannot see
    Versions that nobody tried. A challenger that is better on a saturated or stale suite only: see
    eval_rot.saturated_suite and eval_rot.stale_suite. Cases that share a passage or a user count
    as independent.
Source
    Miller (2024), "Adding Error Bars to Evals", arXiv:2411.00640, for pairing; Raiffa and
    Schlaifer (1961), "Applied Statistical Decision Theory", section 5.4, for the regret.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Estimate, Forest, ForestRow
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_enough_data,
)
from llmops_health.health.frozen_feature._challenger import CHALLENGERS, Duel, duels, what_lacks
from llmops_health.health.frozen_feature._gain import Gain, gain
from llmops_health.health.frozen_feature._use import unused, use

HISTORY_DAYS = 120


class Params(CheckParams):
    """Settings of this check."""

    margin_pp: float = Field(
        default=2.0, ge=0, le=100, description="Gap too small to change for (pp of the eval score)."
    )
    level: float = Field(
        default=0.995,
        gt=0,
        lt=1,
        description="Coverage of the interval of a gap: judged every day on the same runs.",
    )
    min_cases: int = Field(default=30, ge=2, description="Cases that both versions ran.")
    max_run_age_days: int = Field(
        default=90, ge=1, le=HISTORY_DAYS, description="Eval runs that still count."
    )
    max_blind_pp: float = Field(
        default=15.0, gt=0, description="A gap of so much must be seen before silence is a pass."
    )
    value_per_correct_usd: float | None = Field(
        default=None, gt=0, description="USD that one more right answer is worth; null: not known."
    )
    fail_usd_per_month: float | None = Field(
        default=None, gt=0, description="Loss a month above which it FAILs (USD); null: never."
    )


def check(
    feature: Feature,
    day: date,
    summary__eval_items: pl.DataFrame,
    summary__versions: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the best challenger, and one per other that is better too."""
    used = use(summary__versions, day, with_cost=False)
    if used is None:
        yield unused(summary__versions, day)
        return
    tried = _tried(summary__eval_items, day, params)
    if not tried:
        lacks = what_lacks(
            summary__eval_items,
            day,
            max_age_days=params.max_run_age_days,
            min_cases=params.min_cases,
        )
        yield not_enough_data(0, f"{lacks}; whether something better exists is not known.")
        return
    gains = [gain(one, summary__versions, day, used, params.value_per_correct_usd) for one in tried]
    yield _judge(feature, day, tried[0], gains[0], len(tried), "", params)
    for one, its_gain in zip(tried[1:], gains[1:], strict=True):
        if _is_better(one, params):
            segment = f"challenger {one.challenger}"
            yield _judge(feature, day, one, its_gain, len(tried), segment, params)


def figure(
    feature: Feature,
    day: date,
    summary__eval_items: pl.DataFrame,
    summary__versions: pl.DataFrame,
    params: Params,
) -> Forest | None:
    """Return every challenger's gap against the zone of those too small to change for."""
    tried = _tried(summary__eval_items, day, params)
    if not tried or use(summary__versions, day, with_cost=False) is None:
        return None
    best = tried[0]
    return Forest(
        title=f"Challengers against {best.champion} of {feature.id}",
        description=f"{best.challenger}: {_gap(best)} on {best.change.n} shared cases; "
        f"{len(tried)} tried up to {day}.",
        measure="score, challenger minus champion",
        unit="pp",
        rows=tuple(
            ForestRow(
                label=one.challenger,
                effect=Estimate(
                    value=100 * one.change.mean, lo=100 * one.change.lo, hi=100 * one.change.hi
                ),
                n=one.change.n,
                answer="moved"
                if _is_better(one, params)
                else "cannot tell"
                if _is_blind(one, params)
                else "fine",
            )
            for one in tried
        ),
        zone_hi=params.margin_pp,
    )


def _tried(items: pl.DataFrame, day: date, params: Params) -> tuple[Duel, ...]:
    return duels(
        items,
        day,
        max_age_days=params.max_run_age_days,
        min_cases=params.min_cases,
        level=params.level,
    )


def _is_better(one: Duel, params: Params) -> bool:
    gap = one.change
    return gap.lo > params.margin_pp / 100 and gap.p_signed_rank <= 1 - params.level


def _is_blind(one: Duel, params: Params) -> bool:
    return max(one.smallest_seen, params.margin_pp / 100) > min(params.max_blind_pp / 100, one.room)


def _judge(
    feature: Feature,
    day: date,
    one: Duel,
    its_gain: Gain,
    n_tried: int,
    segment: str,
    params: Params,
) -> Finding:
    gap, margin = one.change, params.margin_pp / 100
    told = (
        f"{one.challenger} scores {100 * one.challenger_score:.1f} % where {one.champion} scores "
        f"{100 * one.champion_score:.1f} %, on {gap.n} cases of both: {_gap(one)}, and with a "
        f"chance of {_chance(one, margin)} more than {params.margin_pp:g} pp"
    )
    is_better = _is_better(one, params)
    if not is_better and _is_blind(one, params):
        if one.room <= params.max_blind_pp / 100 and one.room <= max(one.smallest_seen, margin):
            why = f"there is room for {100 * one.room:.1f} pp above the champion only: the suite is"
            why += " saturated (see eval_rot.saturated_suite)"
        else:
            why = f"so few cases show a gap of {100 * one.smallest_seen:.1f} pp at least"
        return not_enough_data(gap.n, f"Cannot tell: {told}; {why}.", segment=segment)
    dear = (
        params.fail_usd_per_month is not None
        and its_gain.usd is not None
        and its_gain.usd.lo > params.fail_usd_per_month
    )
    status = Status.PASS if not is_better else Status.FAIL if dear else Status.WARN
    return Finding(
        status=status,
        segment=segment,
        message=f"{told}; {its_gain.words}." if is_better else f"{told}; {n_tried} tried.",
        n=gap.n,
        value=100 * gap.mean,
        lo=100 * gap.lo,
        hi=100 * gap.hi,
        threshold=params.margin_pp,
        unit="pp",
        p_value=1 - one.chance(margin),
        action=f"Run {one.challenger} in shadow on production calls, then switch to it; keep "
        f"{one.champion} to go back to."
        if is_better
        else "",
        evidence_sql=_evidence(feature, day, one, params) if is_better else "",
    )


def _chance(one: Duel, margin: float) -> str:
    chance = one.chance(margin)
    return "over 99%" if chance > 0.99 else "under 1%" if chance < 0.01 else f"{chance:.0%}"


def _gap(one: Duel) -> str:
    gap = one.change
    return f"{100 * gap.mean:+.1f} pp [{100 * gap.lo:+.1f}, {100 * gap.hi:+.1f}]"


def _evidence(feature: Feature, day: date, one: Duel, params: Params) -> str:
    first = day - timedelta(days=params.max_run_age_days - 1)
    roles = ", ".join(literal(role) for role in CHALLENGERS)

    def same(name: str, value: str | None) -> str:
        return f"{name} is null" if value is None else f"{name} = {literal(value)}"

    its = f"{same('model', one.model)} and {same('prompt_version', one.prompt_version)}"
    return (
        "select suite_id, case_id, avg(case when role = 'champion' then score end) as champion, "  # noqa: S608 - literals only
        f"avg(case when role in ({roles}) and {its} then score end) as challenger "
        f"from summary__eval_items where feature_id = {literal(feature.id)} "
        f"and day between {literal(first)}::date and {literal(day)}::date "
        "group by suite_id, case_id having champion is not null and challenger is not null "
        "order by challenger - champion desc, suite_id, case_id limit 200"
    )
