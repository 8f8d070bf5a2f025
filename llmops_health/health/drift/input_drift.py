"""Input drift: what users send is not what they sent before.

Why it matters
    Prompt, model, thresholds and eval set were chosen for the inputs of their time. New topics,
    languages or lengths are answered all the same, and nobody has looked at how well.
How it is found
    Length, tokens, language, topic (the cell of the codebook), context score and number of context
    chunks of the last 2 and 7 days, against the 28 days that ended 7 days ago, with weekends held
    against weekends. Names by Jensen-Shannon distance, numbers by W1 in standard deviations, both
    less what sampling alone adds. WARN when a field moved by more than `max_js` or `max_sd`, p is
    at most `alpha` over all fields and windows, and half of the move stays whichever day is left
    out. p comes from the share of each value (sixths, for a number), with the design effect that
    past days and weeks have shown. FAIL only beyond `fail_js` or `fail_sd`: such inputs come from
    another place. Of a feature without any prod row in the window, unknown rows are production.
How to mend it
    Read the newest inputs of the values that grew. Add them to the eval set, or route them out.
    A change you made or wanted needs nothing: in five weeks it is the reference.
What it cannot see
    Drift too slow to show within five weeks; new topics that the codebook's cells swallow (see
    `input_embedding_drift`); whether the answers got worse (see calibration and eval_rot).
Source
    Lin (1991), IEEE Trans. Inf. Theory 37:145-151 (the distance); Rabanser et al. (2019), "Failing
    Loudly", arXiv:1810.11953 (tests per dimension, corrected for their number).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl
from pydantic import Field as Setting

from llmops_health.config import Feature
from llmops_health.figures import ControlChart
from llmops_health.findings import Finding, Status
from llmops_health.health.drift import _charts, _fields
from llmops_health.health.drift._fields import Axis, Field, Scale
from llmops_health.health.drift._moves import Move, MoveParams
from llmops_health.health.drift._reports import Judged, judge, report, too_little
from llmops_health.kernels.intervals import Interval

HISTORY_DAYS = 63


class Params(MoveParams):
    """Settings of this check."""

    fail_js: float = Setting(
        default=0.6,
        gt=0,
        le=1,
        description="JS distance that fails: two calls in three have a value never seen before.",
    )
    fail_sd: float = Setting(
        default=3.0, gt=0, description="Move of a number that fails, in standard deviations."
    )


def check(
    feature: Feature,
    day: date,
    summary__categories: pl.DataFrame,
    summary__histograms: pl.DataFrame,
    summary__cells: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield the finding of the whole, then one per input field that moved too far."""
    axis = Axis.ending(day, HISTORY_DAYS)
    fields = _fields.of_inputs(summary__categories, summary__histograms, summary__cells, axis)
    if not fields:
        yield Finding(status=Status.NOT_APPLICABLE, n=0, message="No input was ever logged.")
        return
    refusal = too_little(fields, axis, params)
    if refusal is not None:
        yield refusal
        return
    yield from report(
        feature.id,
        fields,
        axis,
        params,
        _judged(fields, axis, params),
        action="Read the newest inputs of the values that grew; add cases for them to the eval "
        "set, or route them elsewhere.",
    )


def figure(
    feature: Feature,
    day: date,
    summary__categories: pl.DataFrame,
    summary__histograms: pl.DataFrame,
    summary__cells: pl.DataFrame,
    params: Params,
) -> ControlChart | None:
    """Show the field of the first finding, day by day."""
    del feature
    axis = Axis.ending(day, HISTORY_DAYS)
    fields = _fields.of_inputs(summary__categories, summary__histograms, summary__cells, axis)
    if too_little(fields, axis, params) is not None:
        return None
    return _charts.of_fields(axis, _judged(fields, axis, params))


def _judged(fields: list[Field], axis: Axis, params: Params) -> list[Judged]:
    def severity(move: Move, effect: Interval) -> Status:
        limit = params.fail_js if move.field.scale is Scale.KIND else params.fail_sd
        return Status.FAIL if effect.lo >= limit else Status.WARN

    return judge(fields, axis, params, severity)
