"""The truth of the demo world: what is planted, from when, and which checks should notice."""

from __future__ import annotations

from datetime import date

from llmops_health.demo import faults, plants_records, plants_users
from llmops_health.demo.faults import Calendar
from llmops_health.demo.plant import Plant


def truth(*, days: int = faults.DESIGN_DAYS, last_day: date = faults.LAST_DAY) -> list[Plant]:
    """List all that is planted in a world of `days` days, in the order of its features.

    Examples
    --------
    >>> sorted({plant.feature_id for plant in truth() if plant.kind == "fault"})
    ['code-agent', 'help-rag', 'invoice-fields', 'sales-drafts', 'support-intents']
    """
    calendar = Calendar.ending(last_day, days)
    return [
        *_healthy(calendar),
        *_label_drift(calendar),
        *_silent_update(calendar),
        *_topic_shift(calendar),
        *_broken_service(calendar),
        *plants_users.planted(calendar),
        *plants_records.planted(calendar),
    ]


def _healthy(calendar: Calendar) -> list[Plant]:
    return [
        Plant(
            feature_id=faults.MODERATION,
            mode="drift",
            checks=("service_drift", "input_drift", "input_embedding_drift", "output_drift"),
            starts_on=calendar.first_day,
            segment="",
            kind="look_alike",
            sentence="Volume grows by 40 % over the range, and weekends have 45 % fewer calls on "
            "other topics: both are normal.",
        ),
        Plant(
            feature_id=faults.MODERATION,
            mode="calibration",
            checks=("overconfidence", "miscalibration", "confident_errors", "unseen_performance"),
            starts_on=calendar.first_day,
            segment="",
            kind="look_alike",
            sentence="Confidence is calibrated by construction, on every day.",
        ),
        Plant(
            feature_id=faults.MODERATION,
            mode="drift",
            checks=("service_drift",),
            starts_on=calendar.date_of(calendar.index(faults.COST_SPIKE_DAY)),
            segment="cost_usd",
            kind="look_alike",
            sentence="A single call is booked at 1,000 times the cost of its neighbours; cost per "
            "call has not drifted.",
        ),
        Plant(
            feature_id=faults.INVOICE_FIELDS,
            mode="calibration",
            checks=("overconfidence", "miscalibration", "confident_errors", "unseen_performance"),
            starts_on=calendar.first_day,
            segment="",
            kind="look_alike",
            sentence="About 60 calls a day from 30 users, with labels 5 to 15 days late: thin "
            "data is no failure.",
        ),
        Plant(
            feature_id=faults.INVOICE_FIELDS,
            mode="drift",
            checks=("service_drift", "input_drift", "output_drift", "feed_gap"),
            starts_on=calendar.date_of(calendar.index(faults.BURST_DAY)),
            segment="volume",
            kind="look_alike",
            sentence="A mailing brings three times the calls on one day and nothing else changes.",
        ),
    ]


def _label_drift(calendar: Calendar) -> list[Plant]:
    starts_on = calendar.date_of(calendar.index(faults.LABEL_DRIFT_DAY))
    return [
        Plant(
            feature_id=faults.SUPPORT_INTENTS,
            mode="calibration",
            checks=("overconfidence", "miscalibration", "confident_errors"),
            starts_on=starts_on,
            segment="predicted_label = installation, refund",
            kind="fault",
            sentence="Installations went to a partner, and half of the refund messages now belong "
            "to billing: accuracy falls from 0.91 to 0.74 while stated confidence stays.",
            may=(
                "calibration.circuit_breaker",
                "calibration.costly_routing",
                "eval_rot.divergence",
            ),
        ),
        Plant(
            feature_id=faults.SUPPORT_INTENTS,
            mode="calibration",
            checks=("out_of_scope",),
            starts_on=starts_on,
            segment="label = oos",
            kind="fault",
            sentence="Installation messages are out of scope from this day and still answered "
            "with confidence.",
        ),
        Plant(
            feature_id=faults.SUPPORT_INTENTS,
            mode="drift",
            checks=(
                "input_drift",
                "input_embedding_drift",
                "output_drift",
                "model_changed_silently",
            ),
            starts_on=starts_on,
            segment="",
            kind="look_alike",
            sentence="What customers write and what the model answers is as it was; only the "
            "truth about it changed.",
        ),
    ]


def _silent_update(calendar: Calendar) -> list[Plant]:
    return [
        Plant(
            feature_id=faults.SALES_DRAFTS,
            mode="drift",
            checks=("output_drift", "model_changed_silently"),
            starts_on=calendar.date_of(calendar.index(faults.SILENT_UPDATE_DAY)),
            segment="output length, markdown, refusal",
            kind="fault",
            sentence="Under the same model name and prompt version, answers become about 60 % "
            "longer with more Markdown, and refusals rise from 1 % to 8 %.",
            may=("drift.service_drift", "eval_rot.divergence"),
        ),
        Plant(
            feature_id=faults.SALES_DRAFTS,
            mode="eval_rot",
            checks=("redundant_cases", "saturated_suite"),
            starts_on=calendar.first_day,
            segment="drafts-v2",
            kind="fault",
            sentence="40 % of the suite are near copies of other cases, and every version passes "
            "every case.",
        ),
    ]


def _topic_shift(calendar: Calendar) -> list[Plant]:
    starts_on = calendar.date_of(calendar.index(faults.TOPIC_SHIFT_DAY))
    return [
        Plant(
            feature_id=faults.HELP_RAG,
            mode="eval_rot",
            checks=("divergence", "uncovered_traffic", "stale_suite"),
            starts_on=starts_on,
            segment="topic meeting_assistant",
            kind="fault",
            sentence="A new product brings questions that no eval case covers, up to 35 % of the "
            "traffic: satisfaction falls while the weekly eval score creeps up.",
        ),
        Plant(
            feature_id=faults.HELP_RAG,
            mode="drift",
            checks=("input_drift", "input_embedding_drift"),
            starts_on=starts_on,
            segment="topic meeting_assistant",
            kind="fault",
            sentence="The same new topic moves what users ask and how good the retrieved context "
            "is.",
            may=(
                "drift.output_drift",
                "coevolution.user_adaptation",
                "coevolution.outgrown_launch_eval",
            ),
        ),
    ]


def _broken_service(calendar: Calendar) -> list[Plant]:
    missing = calendar.index(faults.MISSING_DAY)
    return [
        Plant(
            feature_id=faults.CODE_AGENT,
            mode="drift",
            checks=("service_drift",),
            starts_on=calendar.date_of(calendar.index(faults.SLOW_SERVICE_DAY)),
            segment="latency_ms, error_type",
            kind="fault",
            sentence="The 95th percentile of latency doubles, and errors rise from 0.5 % to 4 %.",
        ),
        Plant(
            feature_id=faults.CODE_AGENT,
            mode="drift",
            checks=("feed_gap",),
            starts_on=calendar.date_of(missing),
            segment="",
            kind="fault",
            sentence="The log has no rows for one day and resumes at 13:00 on the day after.",
            may=("drift.service_drift",),
        ),
    ]
