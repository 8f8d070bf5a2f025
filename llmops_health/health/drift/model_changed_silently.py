"""Model changed silently: the same prompts are answered differently, and nothing was declared.

Why it matters
    A provider may replace a model behind its name. Evals, gates and prompts were tuned to the
    old one, and nobody was told to look.
How it is found
    Prompts (or eval cases) that came again under the same model name, prompt version and settings
    are compared with themselves: the last 7 days against 7 to 28 days before each call. Per prompt
    the change of ln output length, and of the shares of refusals, formatted text, valid JSON and
    hedging; for labels, how much less often a label agrees with the earlier ones than those agree
    with one another. FAIL where the mean change over prompts is beyond its floor on two days (or
    on the only one), a t-test is clear after allowing for all behaviours, and Wilcoxon's
    signed-rank test agrees. The finding says whether `response_model` changed.
How to mend it
    Pin the dated model version; run the evals against the model as it is now, and set gates and
    prompts again before accepting it.
What it cannot see
    Features where no prompt ever comes again (log eval runs: their cases do); changes of meaning
    at equal length and format; a change that is older than 28 days. What was retrieved for the
    prompt is not part of its key: a new index looks like a new model.
Source
    Wilcoxon (1945), Biometrics Bulletin 1:80-83; Chen, Zaharia and Zou (2023), "How Is ChatGPT's
    Behavior Changing over Time?", arXiv:2307.09009.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import expm1, sqrt

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.kernels.paired import PairedChange, paired_change

HISTORY_DAYS = 35
_WINDOW = 7
_GRAIN = ("run_kind", "prompt_key", "request_model", "prompt_version", "settings")
_MAX_SIGNED_RANK_P = 0.01

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Params(CheckParams):
    """Settings of this check."""

    min_prompts: int = Field(
        default=8, ge=6, description="Prompts that came again; 8 of one sign have p 0.008."
    )
    max_p: float = Field(
        default=1e-3, gt=0, lt=1, description="After allowing for the behaviours tested."
    )
    min_length_change: float = Field(
        default=0.15, gt=0, description="Of ln characters: 16 % longer or 14 % shorter."
    )
    min_refusal_change: float = Field(
        default=0.03, gt=0, le=1, description="Share of answers; users notice one in thirty."
    )
    min_format_change: float = Field(
        default=0.1, gt=0, le=1, description="Share of answers in Markdown or code, or hedging."
    )
    min_json_change: float = Field(
        default=0.05, gt=0, le=1, description="Share of answers that a parser accepts."
    )
    min_label_change: float = Field(
        default=0.05, gt=0, le=1, description="Share of labels that are other than before."
    )


@dataclass(frozen=True, slots=True)
class _Behaviour:
    """One thing that may change: where it is in the table, and how to say it."""

    segment: str
    columns: tuple[str, str]
    floor: str
    words: str


_BEHAVIOURS = (
    _Behaviour("length", ("ln_chars_now", "ln_chars_before"), "min_length_change", "length"),
    _Behaviour("refusal", ("refusal_now", "refusal_before"), "min_refusal_change", "refusals"),
    _Behaviour(
        "format", ("formatted_now", "formatted_before"), "min_format_change", "Markdown or code"
    ),
    _Behaviour("json", ("json_now", "json_before"), "min_json_change", "valid JSON"),
    _Behaviour("hedging", ("hedged_now", "hedged_before"), "min_format_change", "hedging"),
    _Behaviour(
        "label",
        ("label_agreement", "label_agreement_before"),
        "min_label_change",
        "agreement with the earlier labels",
    ),
)


def check(
    feature: Feature, day: date, summary__repeats: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding about all behaviours, then one for each that changed."""
    if not len(summary__repeats):
        yield Finding(
            status=Status.NOT_APPLICABLE,
            n=0,
            message=f"No prompt came again under the same settings in the {HISTORY_DAYS} days up "
            f"to {day}.",
        )
        return
    is_recent = summary__repeats["day"] > day - timedelta(days=_WINDOW)
    pairs = summary__repeats.tail(int(is_recent.sum()))
    prompts = _prompts(pairs)
    n_prompts = len(np.unique(prompts))
    if n_prompts < params.min_prompts:
        yield Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n_prompts,
            message=f"{n_prompts} prompts came again in {_WINDOW} days, {params.min_prompts} are "
            "needed.",
        )
        return
    judged = [_judge(feature, day, pairs, prompts, one, params) for one in _BEHAVIOURS]
    tested = [found for found in judged if found is not None]
    adjusted = [
        replace(found, p_value=min(1.0, found.p_value * len(tested)))
        for found in tested
        if found.p_value is not None
    ]
    changed = [replace(one, status=Status.FAIL) for one in adjusted if _is_sure(one, params)]
    yield _whole(adjusted, changed, pairs, n_prompts, params)
    yield from changed


def _prompts(pairs: pl.DataFrame) -> Ints:
    """Return a number per row that tells which prompt under which settings it is of."""
    numbers: dict[tuple[object, ...], int] = {}
    keys = zip(*(pairs[name].to_list() for name in _GRAIN), strict=True)
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _judge(
    feature: Feature,
    day: date,
    pairs: pl.DataFrame,
    prompts: Ints,
    behaviour: _Behaviour,
    params: Params,
) -> Finding | None:
    """Return a finding that is WARN where only the floor and persistence are met, else PASS."""
    now, before = behaviour.columns
    per_prompt, per_day = _differences(pairs, prompts, now, before)
    if len(per_prompt) < params.min_prompts:
        return None
    change = paired_change(per_prompt)
    floor = float(getattr(params, behaviour.floor))
    lasting = int((np.sign(change.mean) * per_day >= floor).sum()) >= min(2, len(per_day))
    is_fall_only = behaviour.segment == "label"
    moved = abs(change.mean) >= floor and lasting and not (is_fall_only and change.mean > 0)
    sure = change.p_signed_rank < _MAX_SIGNED_RANK_P
    p_value = change.p_t if change.sd > 0 and sure else max(change.p_t, change.p_signed_rank)
    return Finding(
        status=Status.WARN if moved and sure else Status.PASS,
        segment=behaviour.segment,
        value=change.mean,
        lo=change.lo,
        hi=change.hi,
        threshold=floor,
        unit="ln ratio" if behaviour.segment == "length" else "share",
        n=change.n,
        p_value=p_value,
        message=_message(behaviour, change),
        action="Pin the dated model version, and run the evals against the model as it is now.",
        evidence_sql=f"select day, prompt_key, run_kind, request_model, prompt_version, n_now, "  # noqa: S608
        f"n_before, response_model_now, response_model_before, {now}, {before} "
        f"from summary__repeats where feature_id = {literal(feature.id)} "
        f"and day between date {literal(day - timedelta(days=_WINDOW - 1))} "
        f"and date {literal(day)} order by abs({now} - {before}) desc, prompt_key limit 100",
    )


def _differences(
    pairs: pl.DataFrame, prompts: Ints, now: str, before: str
) -> tuple[Floats, Floats]:
    """Return the change per prompt over the window, and the mean change per day."""
    # Rounded: means of the same values differ by 1e-16 with the order of rows, and a test of
    # signs and ranks would take that for a change.
    change = (pairs[now] - pairs[before]).cast(pl.Float64).to_numpy().round(9)
    known = ~np.isnan(change)
    change, n_now = change[known], pairs["n_now"].to_numpy()[known]
    _, first, prompt = np.unique(prompts[known], return_index=True, return_inverse=True)
    per_prompt = _sums(prompt, change * n_now) / np.bincount(prompt, n_now)
    _, day = np.unique(pairs["day"].to_numpy()[known], return_inverse=True)
    return per_prompt[np.argsort(first)], np.bincount(day, change) / np.bincount(day)


def _sums(group: Ints, values: Floats) -> Floats:
    """Add up values per group with Kahan's compensation, which the order of rows hardly changes."""
    counts = np.bincount(group)
    place = np.empty(len(group), dtype=np.int64)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    place[np.argsort(group, kind="stable")] = np.arange(len(group)) - starts
    total, lost = np.zeros(len(counts)), np.zeros(len(counts))
    for turn in range(counts.max(initial=0)):
        chosen = place == turn
        of = group[chosen]
        value = values[chosen] - lost[of]
        added = total[of] + value
        lost[of] = (added - total[of]) - value
        total[of] = added
    return total


def _message(behaviour: _Behaviour, change: PairedChange) -> str:
    if behaviour.segment == "length":
        word = "longer" if change.mean > 0 else "shorter"
        return (
            f"On {change.n} prompts that came again answers are {100 * abs(expm1(change.mean)):.0f}"
            f" % {word} [{100 * expm1(change.lo):+.0f} %, {100 * expm1(change.hi):+.0f} %]."
        )
    return (
        f"On {change.n} prompts that came again {behaviour.words} changed by "
        f"{100 * change.mean:+.1f} points [{100 * change.lo:+.1f}, {100 * change.hi:+.1f}]."
    )


def _is_sure(found: Finding, params: Params) -> bool:
    return found.status is Status.WARN and (found.p_value or 0.0) < params.max_p


def _whole(
    tested: list[Finding],
    changed: list[Finding],
    pairs: pl.DataFrame,
    n_prompts: int,
    params: Params,
) -> Finding:
    said = _response_model(pairs)
    if changed:
        worst = min(changed, key=lambda one: one.p_value or 0.0)
        names = ", ".join(one.segment for one in changed)
        return replace(
            worst, segment="", message=f"{worst.message[:-1]} (changed: {names}); {said}."
        )
    p_value = min((one.p_value for one in tested if one.p_value is not None), default=None)
    length = next((one for one in tested if one.segment == "length"), None)
    # 2.8 standard errors are found four times in five; the interval is about 2 of them wide.
    if length is None or length.hi is None or length.lo is None:
        mde = sqrt(float("inf"))
    else:
        mde = 2.8 * (length.hi - length.lo) / 4
    if mde > 2 * params.min_length_change:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n_prompts,
            p_value=p_value,
            message=f"Cannot tell: {n_prompts} prompts came again, and answers vary so much that "
            f"only a change of {100 * expm1(min(mde, 5)):.0f} % in length would show.",
        )
    return Finding(
        status=Status.PASS,
        n=n_prompts,
        p_value=p_value,
        message=f"{n_prompts} prompts that came again are answered as before; {said}.",
    )


def _response_model(pairs: pl.DataFrame) -> str:
    now, before = pairs["response_model_now"], pairs["response_model_before"]
    if not (now.is_not_null() & before.is_not_null()).any():
        return "response_model is not logged"
    is_other = now != before
    if not is_other.any():
        return "response_model did not change"
    return f"response_model went from {before.filter(is_other)[-1]} to {now.filter(is_other)[-1]}"
