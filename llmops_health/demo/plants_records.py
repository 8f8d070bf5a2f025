"""The truth of the demo world about reviews, ledgers and lists of parts."""

from __future__ import annotations

from datetime import timedelta

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.plant import Plant


def planted(calendar: Calendar) -> list[Plant]:
    """List what is planted in what people wrote down: reviews, training runs, parts."""
    return [*_queues(calendar), *_ledgers(calendar), *_parts(calendar), *_owners(calendar)]


def _queues(calendar: Calendar) -> list[Plant]:
    return [
        Plant(
            feature_id=faults.SUPPORT_INTENTS,
            mode="review_queue",
            checks=("rubber_stamping",),
            starts_on=calendar.date_of(calendar.index(faults.STAMPING_DAY)),
            segment="reviewer eli",
            kind="fault",
            sentence="A new reviewer decides in 1.2 seconds as the model suggests, and catches one "
            "in ten of the suggestions that are wrong.",
            may=("review_queue.low_agreement",),
        ),
        Plant(
            feature_id=faults.SUPPORT_INTENTS,
            mode="review_queue",
            checks=("growing_backlog",),
            starts_on=calendar.date_of(calendar.index(faults.SHORT_STAFF_DAY)),
            segment="intents",
            kind="fault",
            sentence="Two of four reviewers are called away: of 40 reviews a day 22 are done, and "
            "the rest waits.",
            may=("review_queue.sla_breach",),
        ),
        Plant(
            feature_id=faults.INVOICE_FIELDS,
            mode="review_queue",
            checks=("growing_backlog", "sla_breach", "bad_timestamps"),
            starts_on=calendar.date_of(calendar.index(faults.BURST_DAY)),
            segment="documents",
            kind="look_alike",
            sentence="The mailing brings three times the reviews on one day; they are done two "
            "days later.",
        ),
        Plant(
            feature_id=faults.INVOICE_FIELDS,
            mode="review_queue",
            checks=("rubber_stamping", "low_agreement", "reviewer_fatigue"),
            starts_on=calendar.first_day,
            segment="reviewer hugo",
            kind="look_alike",
            sentence="One reviewer needs 6 seconds where the others need 3 minutes, and catches as "
            "many errors: fast is not unread.",
        ),
    ]


def _ledgers(calendar: Calendar) -> list[Plant]:
    return [
        Plant(
            feature_id=faults.SUPPORT_INTENTS,
            mode="provenance",
            checks=("unaccounted_rows",),
            starts_on=calendar.date_of(calendar.index(faults.TUNE_DAY)),
            segment="filter",
            kind="fault",
            sentence="A filter of the fine-tune loses a fifth of the rows, those that it takes for "
            "German or misspelt, and records a handful: what the checkpoints then cannot do.",
        ),
        Plant(
            feature_id=faults.SUPPORT_INTENTS,
            mode="provenance",
            checks=("label_flips",),
            starts_on=calendar.date_of(calendar.index(faults.LABEL_PROMPT_DAY)),
            segment="relabel",
            kind="fault",
            sentence="In one run a new label prompt takes four of five refunds for billing; the "
            "next run has the old prompt again.",
        ),
        Plant(
            feature_id=faults.MODERATION,
            mode="provenance",
            checks=(
                *("broken_chain", "distorted_signal", "unaccounted_rows", "label_flips"),
                *("untraceable_checkpoint", "leaked_eval_cases"),
            ),
            starts_on=calendar.first_day,
            segment="filter",
            kind="look_alike",
            sentence="A filter drops all spam, and its reason is on record: an adapter of its own "
            "learns it.",
        ),
    ]


def _parts(calendar: Calendar) -> list[Plant]:
    # With 30 days left a change of model becomes urgent.
    urgent = calendar.last_day - timedelta(days=29 - faults.WITHDRAWN_AFTER_DAYS)
    return [
        Plant(
            feature_id=faults.HELP_RAG,
            mode="bom",
            checks=("undeclared_component",),
            starts_on=calendar.date_of(calendar.index(faults.STRAY_MODEL_DAY)),
            segment=faults.STRAY_MODEL,
            kind="fault",
            sentence="One call in 25 goes to a fallback model that no list names.",
            may=("bom.incomplete_bom",),
        ),
        Plant(
            feature_id=faults.CODE_AGENT,
            mode="bom",
            checks=("changed_component",),
            starts_on=calendar.date_of(calendar.index(faults.MANIFEST_DAY)),
            segment="repo-tools 1.4.0",
            kind="fault",
            sentence="The tool server's manifest has another hash under the same version.",
        ),
        Plant(
            feature_id=faults.CODE_AGENT,
            mode="bom",
            checks=("expiring_component",),
            starts_on=urgent,
            segment="corvid-large",
            kind="fault",
            sentence="The provider withdraws the model 20 days after the last day; of three teams "
            "that use it, one has the date in its list.",
        ),
        Plant(
            feature_id=faults.CODE_AGENT,
            mode="frozen_feature",
            checks=("stale_model",),
            starts_on=urgent,
            segment="corvid-large",
            kind="fault",
            sentence="For the model that is withdrawn no other was tried.",
        ),
        Plant(
            feature_id=faults.INVOICE_FIELDS,
            mode="bom",
            checks=("expiring_component",),
            starts_on=calendar.first_day,
            segment="licence",
            kind="fault",
            sentence="Under which licence the training set came is not known.",
        ),
        Plant(
            feature_id=faults.MODERATION,
            mode="bom",
            checks=(
                *("undeclared_component", "unobserved_component", "incomplete_bom"),
                *("changed_component", "expiring_component"),
            ),
            starts_on=calendar.first_day,
            segment="",
            kind="look_alike",
            sentence="All that answers is listed, with licence, hash and owner, and listed once.",
        ),
    ]


def _owners(calendar: Calendar) -> list[Plant]:
    return [
        Plant(
            feature_id=faults.SALES_DRAFTS,
            mode="ownership",
            checks=("unowned_feature",),
            starts_on=calendar.first_day,
            segment="",
            kind="fault",
            sentence="The team was dissolved: neither the configuration nor the catalogue names an "
            "owner.",
            may=("ownership.ungoverned_feature",),
        ),
        Plant(
            feature_id=faults.SALES_DRAFTS,
            mode="ownership",
            checks=("ownerless_component",),
            starts_on=calendar.first_day,
            segment="prompt, suite, guardrail",
            kind="fault",
            sentence="Its list names neither an owner nor a supplier of its own parts.",
        ),
        Plant(
            feature_id=faults.SALES_DRAFTS,
            mode="ownership",
            checks=("unanswered_alarm",),
            starts_on=calendar.date_of(calendar.index(faults.SILENT_UPDATE_DAY)),
            segment="drift",
            kind="fault",
            sentence="Nobody answers the alarms that the silent update sets off.",
        ),
        Plant(
            feature_id=faults.SUPPORT_INTENTS,
            mode="ownership",
            checks=("unanswered_alarm", "unowned_feature"),
            starts_on=calendar.date_of(calendar.index(faults.TUNE_DAY)),
            segment="",
            kind="look_alike",
            sentence="Alarms of seven modes stand for weeks, and each was taken on by the next "
            "Monday or Thursday.",
        ),
        Plant(
            feature_id=faults.MODERATION,
            mode="ownership",
            checks=("unowned_feature", "ungoverned_feature", "unanswered_alarm"),
            starts_on=calendar.first_day,
            segment="",
            kind="look_alike",
            sentence="An owner, a reviewed runbook and two eval suites stand behind it; that its "
            "logs go back 60 days says nothing of how long they are kept.",
        ),
    ]
