"""The truth of the demo world about evals, users, settings and traces; `plants` has the rest."""

from __future__ import annotations

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.plant import Plant


def planted(calendar: Calendar) -> list[Plant]:
    """List what is planted in the modes that look at logs, evals and traces."""
    return [
        *_settings(calendar),
        *_tunes(calendar),
        *_watched(calendar),
        *_habits(calendar),
        *_stages(calendar),
    ]


def _settings(calendar: Calendar) -> list[Plant]:
    hot = calendar.date_of(calendar.index(faults.HOT_DAY))
    second = calendar.date_of(calendar.index(faults.SECOND_KNOB_DAY))
    return [
        Plant(
            feature_id=faults.SUPPORT_INTENTS,
            mode="sampling",
            checks=("hot_sampling", "unversioned_change", "eval_parameters_differ"),
            starts_on=hot,
            segment="temperature",
            kind="fault",
            sentence="Somebody answers the falling accuracy with temperature 0.7, under the same "
            "versions, while the nightly evals stay at 0.",
            may=(
                "sampling.conflicting_parameters",
                "sampling.knob_illusion",
                "eval_prod_gap.harness_differs",
            ),
        ),
        Plant(
            feature_id=faults.CODE_AGENT,
            mode="sampling",
            checks=("conflicting_parameters", "unversioned_change"),
            starts_on=second,
            segment="top_p",
            kind="fault",
            sentence="top_p is set to 0.85 beside temperature 0.2: two knobs for one thing.",
        ),
        Plant(
            feature_id=faults.SALES_DRAFTS,
            mode="sampling",
            checks=(
                "hot_sampling",
                "conflicting_parameters",
                "unversioned_change",
                "eval_parameters_differ",
            ),
            starts_on=calendar.first_day,
            segment="",
            kind="look_alike",
            sentence="Drafts are written at temperature 0.7, always and in the evals too.",
        ),
    ]


def _tunes(calendar: Calendar) -> list[Plant]:
    last_checkpoint = faults.TUNE_DAY + faults.TUNE_EVERY_DAYS * (faults.N_CHECKPOINTS - 1)
    challenge = calendar.date_of(calendar.index(faults.CHALLENGE_DAY))
    return [
        Plant(
            feature_id=faults.SUPPORT_INTENTS,
            mode="generalization",
            checks=("capability_regression", "narrow_gain", "forgetting_trend"),
            starts_on=calendar.date_of(
                calendar.index(last_checkpoint - 3 * faults.TUNE_EVERY_DAYS)
            ),
            segment="german, typos",
            kind="fault",
            sentence="Checkpoint by checkpoint a fine-tune gains 9 points on support messages and "
            "loses 30 on German ones and 22 on those with typos.",
        ),
        Plant(
            feature_id=faults.MODERATION,
            mode="generalization",
            checks=("capability_regression", "narrow_gain", "forgetting_trend", "broken_scorer"),
            starts_on=challenge,
            segment="",
            kind="look_alike",
            sentence="A challenger with the same pass rates: what differs is luck.",
        ),
        Plant(
            feature_id=faults.INVOICE_FIELDS,
            mode="frozen_feature",
            checks=("beaten_by_challenger",),
            starts_on=challenge,
            segment="",
            kind="fault",
            sentence="The model was trained 17 months ago, and a newer one reads 9 points more "
            "documents right.",
            may=("frozen_feature.stale_model",),
        ),
        Plant(
            feature_id=faults.MODERATION,
            mode="frozen_feature",
            checks=("beaten_by_challenger", "stale_model", "abandoned", "costly_upkeep"),
            starts_on=calendar.first_day,
            segment="",
            kind="look_alike",
            sentence="The model is old and no challenger beats it: old is not stale.",
        ),
    ]


def _watched(calendar: Calendar) -> list[Plant]:
    return [
        Plant(
            feature_id=faults.CODE_AGENT,
            mode="eval_prod_gap",
            checks=("behaviour_switch",),
            starts_on=calendar.first_day,
            segment="refusal",
            kind="fault",
            sentence="In production the agent refuses a quarter of the tasks, in the nightly evals "
            "one in a hundred.",
        ),
        Plant(
            feature_id=faults.HELP_RAG,
            mode="eval_prod_gap",
            checks=("harness_differs",),
            starts_on=calendar.date_of(7),
            segment="system_text",
            kind="fault",
            sentence="The eval harness adds a sentence to the system text.",
        ),
        Plant(
            feature_id=faults.INVOICE_FIELDS,
            mode="eval_prod_gap",
            checks=("eval_marker",),
            starts_on=calendar.date_of(calendar.index(faults.HABIT_DAY)),
            segment="test, golden",
            kind="fault",
            sentence="Every eval document begins with the words TEST DOCUMENT, golden set.",
        ),
        Plant(
            feature_id=faults.MODERATION,
            mode="eval_prod_gap",
            checks=("behaviour_switch", "harness_differs", "eval_marker"),
            starts_on=calendar.first_day,
            segment="",
            kind="look_alike",
            sentence="The evals have the topics of weekdays only; on the same topic the model "
            "does the same.",
        ),
    ]


def _habits(calendar: Calendar) -> list[Plant]:
    return [
        Plant(
            feature_id=faults.CODE_AGENT,
            mode="coevolution",
            checks=("user_adaptation",),
            starts_on=calendar.date_of(calendar.index(faults.HABIT_DAY) + 7),
            segment="",
            kind="fault",
            sentence="The same developers learn to give a few keywords instead of sentences, in "
            "two thirds of their tasks after two weeks.",
            may=(
                "drift.input_drift",
                "drift.input_embedding_drift",
                "drift.output_drift",
                "eval_rot.uncovered_traffic",
                "eval_rot.stale_suite",
                "coevolution.outgrown_launch_eval",
                "eval_prod_gap.unmatched_traffic",
                "eval_prod_gap.eval_marker",
            ),
        ),
        Plant(
            feature_id=faults.MODERATION,
            mode="coevolution",
            checks=("user_adaptation", "user_mix_shift", "outgrown_launch_eval"),
            starts_on=calendar.date_of(calendar.index(faults.NEWCOMER_DAY)),
            segment="",
            kind="look_alike",
            sentence="150 new users make up to 30 % of the calls and write as all others do.",
        ),
    ]


def _stages(calendar: Calendar) -> list[Plant]:
    silent = calendar.date_of(calendar.index(faults.SILENT_TIME_DAY))
    return [
        Plant(
            feature_id=faults.HELP_RAG,
            mode="stage_latency",
            checks=("preprocessing_bottleneck", "stage_regression"),
            starts_on=calendar.date_of(calendar.index(faults.SLOW_STAGE_DAY)),
            segment="rerank",
            kind="fault",
            sentence="Reranking takes 36 times as long and with it more than half of the request.",
        ),
        Plant(
            feature_id=faults.CODE_AGENT,
            mode="stage_latency",
            checks=("uninstrumented_time",),
            starts_on=silent,
            segment="",
            kind="fault",
            sentence="A new step has no span: nearly half of the request is time that nothing "
            "explains.",
            may=("stage_latency.preprocessing_bottleneck", "stage_latency.stage_regression"),
        ),
        Plant(
            feature_id=faults.HELP_RAG,
            mode="stage_latency",
            checks=("uninstrumented_time",),
            starts_on=silent,
            segment="",
            kind="look_alike",
            sentence="Writing the log takes 1.8 times as long, beside the model: no request waits "
            "for it.",
        ),
    ]
