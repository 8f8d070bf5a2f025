"""Output drift: what the model answers is not what it answered before.

Why it matters
    Providers change models under the same name, and prompts are edited in passing. Users notice
    longer answers, refusals and broken JSON before anyone who only watches errors and latency.
How it is found
    Length, tokens, language, format, label, finish reason, tools, and the shares of refusals,
    hedged answers, tool use and unusable format (broken JSON or nothing), of the last 2 and 7 days,
    against the 28 days that ended 7 days ago; weekends are held against weekends, so that a label
    mix may follow its week. Effects, p-values and persistence are those of `input_drift`; rates
    move by Cohen's h. WARN beyond `max_js`, `max_sd` or `max_h`. FAIL when refusals or unusable
    formats rise by `fail_rise`, or answers become `fail_ratio` times as long or as short, and the
    interval stays beyond half of that; never for a classifier's length or a label mix alone. The
    message says what was declared: a change of model or prompt version in the window, or none.
How to mend it
    With a declared change: take it back, or accept it and note the date. Without one: ask the
    provider, pin the dated model version, run the eval suite against it.
What it cannot see
    Answers that are worse in the same form (see eval_rot); a change that the inputs brought about:
    the message says whether inputs moved too.
Source
    Chen, Zaharia and Zou (2023), "How is ChatGPT's behavior changing over time?", arXiv:2307.09009.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from math import log

import polars as pl
from pydantic import Field as Setting

from llmops_health.config import Feature
from llmops_health.figures import ControlChart
from llmops_health.findings import Finding, Status
from llmops_health.health.drift import _charts, _fields
from llmops_health.health.drift._fields import Axis, Field, Scale
from llmops_health.health.drift._moves import Move, MoveParams, measure
from llmops_health.health.drift._reports import Judged, judge, report, too_little
from llmops_health.kernels.intervals import Interval

HISTORY_DAYS = 63

_KINDS = (
    ("output_language", "output language"),
    ("output_format", "output format"),
    ("finish_reason", "finish reason"),
    ("predicted_label", "label mix"),
    ("tool", "tools"),
)
_NUMBERS = (
    ("n_output_chars", "output length", Scale.LOG),
    ("output_tokens", "output tokens", Scale.LOG),
)
_RATES = (
    ("is_refusal", ("true",), "is_refusal", "refusals"),
    ("output_format", ("json_broken", "empty"), "unusable_format", "unusable outputs"),
    ("has_tools", ("true",), "has_tools", "calls with tools"),
)
_DECLARED = (
    ("request_model", "request_model"),
    ("response_model", "response_model"),
    ("prompt_version", "prompt_version"),
)
_HEDGES = "n_hedges"
_NAMES = [name for name, *_ in (*_KINDS, *_RATES, *_DECLARED)]
_MIN_DECLARED_CHANGE = 0.2


class Params(MoveParams):
    """Settings of this check."""

    fail_rise: float = Setting(
        default=0.05,
        gt=0,
        le=1,
        description="Rise of refusals or unusable outputs that fails (share of calls): one user "
        "in twenty gets no answer who got one before.",
    )
    fail_ratio: float = Setting(
        default=1.4,
        gt=1,
        description="Typical length over the one before, or its inverse, that fails.",
    )


def check(
    feature: Feature,
    day: date,
    summary__categories: pl.DataFrame,
    summary__histograms: pl.DataFrame,
    summary__cells: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield the finding of the whole, then one per output field that moved too far."""
    axis = Axis.ending(day, HISTORY_DAYS)
    names = _fields.of_names(summary__categories, _NAMES, axis)
    fields = _outputs(names, summary__histograms, axis)
    if not fields:
        yield Finding(status=Status.NOT_APPLICABLE, n=0, message="No output was ever logged.")
        return
    refusal = too_little(fields, axis, params)
    if refusal is not None:
        yield refusal
        return
    judged = _judged(feature, fields, axis, params)
    moved = [one for one in judged if one.status is not Status.PASS]
    why, action = "", ""
    if moved:
        declared = _declared_changes(names, axis, moved[0].move.days)
        inputs = (
            []
            if declared
            else _fields.of_inputs(summary__categories, summary__histograms, summary__cells, axis)
        )
        why, action = _explain(declared, inputs_moved=_moved(inputs, axis, params))
    yield from report(feature.id, fields, axis, params, judged, why=why, action=action)


def figure(
    feature: Feature,
    day: date,
    summary__categories: pl.DataFrame,
    summary__histograms: pl.DataFrame,
    summary__cells: pl.DataFrame,
    params: Params,
) -> ControlChart | None:
    """Show the field of the first finding, day by day."""
    del summary__cells
    axis = Axis.ending(day, HISTORY_DAYS)
    names = _fields.of_names(summary__categories, _NAMES, axis)
    fields = _outputs(names, summary__histograms, axis)
    if too_little(fields, axis, params) is not None:
        return None
    return _charts.of_fields(axis, _judged(feature, fields, axis, params))


def _outputs(names: _fields.Parts, histograms: pl.DataFrame, axis: Axis) -> list[Field]:
    """Lay out what can be compared about outputs; nothing where no output was ever logged."""
    counts = _fields.of_numbers(histograms, [*(name for name, _, _ in _NUMBERS), _HEDGES], axis)
    fields = [*_fields.kinds(names, _KINDS, axis), *_fields.numbers(counts, _NUMBERS, axis)]
    if not fields:
        return []
    for field, values, name, words in _RATES:
        fields += _fields.rate(names, field, values, axis, name, words)
    fields += _fields.rate_above_zero(counts, _HEDGES, axis, _HEDGES, "hedged answers")
    return fields


def _judged(feature: Feature, fields: list[Field], axis: Axis, params: Params) -> list[Judged]:
    def severity(move: Move, effect: Interval) -> Status:
        return _severity(feature, move, effect, params)

    return judge(fields, axis, params, severity)


def _severity(feature: Feature, move: Move, effect: Interval, params: Params) -> Status:
    name = move.field.name
    if name in {"is_refusal", "unusable_format"}:
        fails = effect.estimate >= params.fail_rise and effect.lo >= params.fail_rise / 2
    elif name == "n_output_chars" and feature.kind != "classifier":
        limit, ratio = log(params.fail_ratio), move.ratio()
        typical, low, high = log(ratio.estimate), log(ratio.lo), log(ratio.hi)
        fails = abs(typical) >= limit and (low >= limit / 2 or high <= -limit / 2)
    else:
        fails = False
    return Status.FAIL if fails else Status.WARN


def _moved(fields: list[Field], axis: Axis, params: Params) -> bool:
    return any(
        move.is_sure(params) and abs(move.effect().estimate) >= move.floor(params)
        for move in measure(fields, axis, params)
    )


def _declared_changes(names: _fields.Parts, axis: Axis, days: int) -> list[str]:
    """Name the models and prompt versions that a fifth of calls or more changed to."""
    changes = []
    for field in _fields.kinds(names, _DECLARED, axis):
        now = field.counts[axis.window(days)].sum(axis=0)
        then = field.counts[axis.reference()].sum(axis=0)
        if now.sum() > 0 and then.sum() > 0:
            change = now / now.sum() - then / then.sum()
            if change.max() >= _MIN_DECLARED_CHANGE:
                before, after = field.labels[change.argmin()], field.labels[change.argmax()]
                changes.append(f"{field.words} {before} to {after}")
    return changes


def _explain(declared: list[str], *, inputs_moved: bool) -> tuple[str, str]:
    if declared:
        return (
            f"; declared: {', '.join(declared)}",
            "Compare eval results of the two versions; take the change back or accept it.",
        )
    if inputs_moved:
        return (
            "; no declared change of model or prompt, but inputs moved too",
            "Look at input_drift first: the answers may only follow the inputs.",
        )
    return (
        "; no declared change of model or prompt, inputs as before: looks like a silent update",
        "Ask the provider, pin the dated model version, and run the eval suite against it.",
    )
