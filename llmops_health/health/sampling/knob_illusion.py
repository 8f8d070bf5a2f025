"""Knob illusion: sampling settings are tuned, though they explain next to nothing of the quality.

Why it matters
    Temperature and top-p are the easiest knobs to turn, and mostly the last that matter. While they
    are turned, the model, the prompt or the context that decides how good answers are is left.
How it is found
    The variance of the outcome (labels, else what people said or did, else a judge's scores; the
    finding says which) over 63 days is divided among sampling, model, prompt, context and task:
    each one's mean gain of R2 over all orders (LMG, Shapley), freed of what chance explains, with
    intervals from a jackknife over groups of users. WARN where sampling varied and explains less
    than `max_share` even at the upper end, while another lever explains more than it by `min_lead`
    for sure. Where sampling did not vary, its part cannot be identified, and the answers to
    repeated prompts bound what it could explain. It warns and never fails.
How to mend it
    Work on the lever that is named first. The E-value says how strong a hidden cause would have to
    be, with both lever and outcome, to explain its effect away.
What it cannot see
    What never varied; effects of one lever that hide behind another that always moved with it;
    quality that nobody scored. It is an association: a randomised comparison would settle it.
Source
    Groemping (2007), Am. Statist. 61:139-147; VanderWeele and Ding (2017), Ann. Intern. Med.
    167:268-274.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Estimate, Part, Parts
from llmops_health.findings import CheckParams, Finding, Status, not_enough_data
from llmops_health.health.sampling._levers import (
    LEVERS,
    SAMPLING,
    TASK,
    Explained,
    explained,
    varied,
)
from llmops_health.health.sampling._outcomes import Outcomes, evidence, n_outcomes, outcomes
from llmops_health.health.sampling._repeats import repeats
from llmops_health.kernels.attribution import e_value

HISTORY_DAYS = 63


class Params(CheckParams):
    """Settings of this check."""

    min_outcomes: int = Field(
        default=100, ge=30, description="Outcomes with known settings that are needed."
    )
    min_level: int = Field(
        default=10, ge=2, description="Outcomes that a value of a lever needs to count as one."
    )
    min_level_share: float = Field(
        default=0.05, gt=0, le=0.5, description="And its share of the outcomes."
    )
    max_share: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="Share of the variance that is worth turning a knob for, at the upper end.",
    )
    min_lead: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="Share of the variance by which another lever must explain more.",
    )
    max_p: float = Field(
        default=0.005, gt=0, lt=1, description="Of the lead, one-sided: judged every day."
    )
    level: float = Field(default=0.99, gt=0, lt=1, description="Coverage of the intervals.")


def check(
    feature: Feature,
    day: date,
    summary__outcomes: pl.DataFrame,
    summary__answers: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding: the part of sampling, and the largest lever."""
    told = outcomes(summary__outcomes, day, HISTORY_DAYS, params.min_outcomes)
    if told is None:
        n = n_outcomes(summary__outcomes, day, HISTORY_DAYS)
        yield not_enough_data(
            n,
            f"{n} outcomes of production calls (labels, feedback, a judge's scores) in "
            f"{HISTORY_DAYS} days, {params.min_outcomes} of one kind needed.",
        )
        return
    known = told.rows.drop_nulls("temperature")
    n = int(known["n"].sum())
    if n < params.min_outcomes:
        yield not_enough_data(
            told.n,
            f"Not identifiable: of {told.n} {told.words} only {n} belong to calls that say their "
            "temperature.",
        )
        return
    if not varied(known, params.min_level, params.min_level_share, [SAMPLING]):
        yield not_enough_data(n, _not_varied(told, n, summary__answers, day))
        return
    levels = varied(known, params.min_level, params.min_level_share)
    found = explained(known, levels, level=params.level)
    if found is None:
        yield not_enough_data(
            n, f"Cannot tell: {n} {told.words} come from too few users for an interval."
        )
        return
    yield _judged(feature, day, told, found, params)


def figure(
    feature: Feature,
    day: date,
    summary__outcomes: pl.DataFrame,
    summary__answers: pl.DataFrame,
    params: Params,
) -> Parts | None:
    """Show how the variance divides among the levers that varied, and what is left."""
    del feature, summary__answers
    told = outcomes(summary__outcomes, day, HISTORY_DAYS, params.min_outcomes)
    known = told.rows.drop_nulls("temperature") if told else None
    if told is None or known is None or known["n"].sum() < params.min_outcomes:
        return None
    levels = varied(known, params.min_level, params.min_level_share)
    found = explained(known, levels, level=params.level) if levels else None
    if found is None:
        return None
    shares = [max(0.0, float(one)) for one in found.parts.shares]
    order = sorted(range(len(shares)), key=lambda at: -shares[at])
    parts = [
        Part(
            label=found.names[at],
            share=Estimate(
                value=shares[at],
                lo=max(0.0, float(found.parts.lo[at])),
                hi=min(1.0, max(0.0, float(found.parts.hi[at]))),
            ),
            is_chosen=found.names[at] == SAMPLING,
        )
        for at in order
    ]
    rest = max(0.0, 1 - sum(shares))
    still = ", ".join(name for name in LEVERS if name not in found.names)
    listed = ", ".join(f"{part.label} {100 * (part.share.value or 0):.1f} %" for part in parts)
    return Parts(
        title="What explains the quality of answers",
        description=f"Of the variance of {found.n} {told.words} in {HISTORY_DAYS} days up to "
        f"{day}: {listed}, not explained {100 * rest:.1f} %."
        + (f" Did not vary: {still}." if still else ""),
        whole=f"variance of {told.words}",
        parts=(*parts, Part(label="not explained", share=Estimate(value=rest))),
    )


def _not_varied(told: Outcomes, n: int, answers: pl.DataFrame, day: date) -> str:
    found = repeats(answers, day)
    noise = found.noise_share() if found else None
    bound = (
        ""
        if noise is None
        else f" Within repeated prompts lies {100 * noise:.0f} % of the disagreement of labels: "
        "sampling can explain no more."
    )
    return (
        f"Not identifiable: temperature and top_p did not vary among {n} {told.words} of "
        f"{HISTORY_DAYS} days.{bound}"
    )


def _judged(
    feature: Feature, day: date, told: Outcomes, found: Explained, params: Params
) -> Finding:
    parts, at = found.parts, found.place(SAMPLING)
    share, lo, hi = (max(0.0, float(one[at])) for one in (parts.shares, parts.lo, parts.hi))
    others = [name for name in found.names if name not in {SAMPLING, TASK}]
    largest = max(others, key=lambda name: parts.shares[found.place(name)], default=None)
    lead = parts.exceeds(found.place(largest), at, params.min_lead) if largest else None
    is_illusion = lead is not None and lead < params.max_p and hi < params.max_share
    is_wide = lo <= params.max_share <= hi
    status = Status.WARN if is_illusion else Status.NOT_ENOUGH_DATA if is_wide else Status.PASS
    cannot = "Cannot tell: " if is_wide and not is_illusion else ""
    sampling = (
        f"{cannot}{'S' if not cannot else 's'}ampling explains {100 * share:.1f} % "
        f"[{100 * lo:.1f}, {100 * hi:.1f}] of the variance of {found.n} {told.words}, "
        f"{100 * hi:.1f} % at most"
    )
    return Finding(
        status=status,
        value=share,
        lo=lo,
        hi=hi,
        threshold=params.max_share,
        unit="share",
        n=found.n,
        p_value=lead,
        message=f"{sampling}; {_largest(found, largest)}.",
        action=f"Work on the {largest} first, and leave temperature and top_p as they are."
        if is_illusion
        else "",
        evidence_sql=evidence(feature, day, HISTORY_DAYS, _EVIDENCE[largest])
        if is_illusion and largest
        else "",
    )


_EVIDENCE = {
    "model": "request_model",
    "prompt": "coalesce(prompt_name, '') || ' ' || coalesce(prompt_version, '')",
    "context": "context_bin",
}


def _largest(found: Explained, largest: str | None) -> str:
    if largest is None:
        return "no model, prompt or context varied beside it"
    at = found.place(largest)
    share, lo, hi = (
        100 * max(0.0, float(one[at]))
        for one in (found.parts.shares, found.parts.lo, found.parts.hi)
    )
    told = f"the largest lever is the {largest} with {share:.1f} % [{lo:.1f}, {hi:.1f}]"
    means = found.levels[largest]["mean"]
    worst, best = float(means.min()), float(means.max())  # type: ignore[arg-type]
    if worst > 0:
        told += f" (means from {worst:.2f} to {best:.2f}, E-value {e_value(best / worst):.1f})"
    if TASK in found.names:
        task = 100 * max(0.0, float(found.parts.shares[found.place(TASK)]))
        told += f"; the task explains {task:.1f} %"
    return told
