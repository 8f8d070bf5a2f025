"""What each mode needs logged: table, column, how much of it, what it switches on, how to log it.

The table is held to what checks say by a test over a judged world. It counts nothing; that is
`_matrix`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from llmops_health.config import Feature

CONFIGURATION: Final = "configuration"
Place = tuple[str, str]
"""Table and column; of `eval_calls` the calls of evals, of `configuration` the feature's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One field that checks of a mode need.

    `share` of the table's rows must say it, and `n` of them; `instead` are fields of which any
    does as well. `asked` tells whether it is asked of a feature at all: what is logged though
    nobody asks for it is as good.
    """

    mode: str
    place: Place
    checks: tuple[str, ...]
    log: str
    asked: Callable[[Feature], bool]
    share: float = 0.5
    n: int = 1
    instead: tuple[Place, ...] = ()


def _always(feature: Feature) -> bool:  # noqa: ARG001 - one shape for all
    return True


def _never(feature: Feature) -> bool:  # noqa: ARG001 - one shape for all
    return False


def _classifies(feature: Feature) -> bool:
    return feature.kind == "classifier"


def _gates(feature: Feature) -> bool:
    return feature.confidence_gate is not None


def _refuses(feature: Feature) -> bool:
    return feature.out_of_scope_label is not None


def _is_trained(feature: Feature) -> bool:
    return feature.trained_on is not None


def _is_tuned(feature: Feature) -> bool:
    return feature.target_capability is not None


def _is_reviewed(feature: Feature) -> bool:
    return feature.review is not None


def _has_steps(feature: Feature) -> bool:
    return feature.kind in {"rag", "agent"}


_LABELS: Final = ("labels", "label")
_RATINGS: Final = ("feedback", "score")
_INPUTS: Final = ("calls", "input_sha256")
_CASES: Final = ("eval_cases", "case_id")
_RESULTS: Final = ("eval_results", "score")
_LOG_INPUTS: Final = "input_text of calls, with privacy.content redacted or full"
_LOG_LABELS: Final = "labels by people or outcomes, of a random sample of calls"
_LOG_CASES: Final = "the cases of its eval suite, as eval_cases"
_LOG_RESULTS: Final = "runs and scores of its eval suite, as eval_runs and eval_results"
_LEDGER: Final = (
    *("distorted_signal", "duplicate_inflation", "label_flips", "leaked_eval_cases"),
    *("mixed_label_schemas", "unaccounted_rows", "unpinned_step", "untraceable_checkpoint"),
    "broken_chain",
)
_CALIBRATION: Final = (
    *("miscalibration", "overconfidence", "confident_errors", "costly_routing", "out_of_scope"),
    "unseen_performance",
)
_STAGES: Final = (
    *("preprocessing_bottleneck", "stage_regression", "throughput_ceiling"),
    "uninstrumented_time",
)
_QUEUE: Final = ("bad_timestamps", "growing_backlog", "rubber_stamping", "sla_breach")


def _need(
    mode: str,
    place: Place,
    checks: tuple[str, ...],
    log: str,
    *,
    asked: Callable[[Feature], bool] = _always,
    share: float = 0.5,
    instead: tuple[Place, ...] = (),
) -> Need:
    return Need(mode=mode, place=place, checks=checks, log=log, asked=asked, share=share,
                instead=instead)  # fmt: skip


NEEDS: Final = (
    _need("drift", _INPUTS, ("input_drift", "input_embedding_drift"), _LOG_INPUTS),
    _need("drift", ("calls", "output_sha256"), ("output_drift", "model_changed_silently"),
          "output_text of calls, with privacy.content redacted or full"),
    _need("drift", ("calls", "latency_ms"), ("service_drift",), "latency_ms of calls"),
    _need("calibration", ("calls", "predicted_label"), ("circuit_breaker", *_CALIBRATION),
          "predicted_label of calls: the class that the answer chose", asked=_classifies),
    _need("calibration", ("calls", "confidence"), _CALIBRATION,
          "confidence of calls: the stated probability of the label", asked=_classifies),
    _need("calibration", _LABELS, ("circuit_breaker", *_CALIBRATION), _LOG_LABELS,
          asked=_classifies, share=0.0),
    _need("calibration", ("labels", "labeller_kind"), ("judge_unreliable",),
          "labels of calls by a judge (labeller_kind judge) beside those by people",
          asked=_never, share=0.0),
    _need("calibration", (CONFIGURATION, "confidence_gate"), ("confident_errors", "costly_routing"),
          "confidence_gate: at or above, nobody looks", asked=_gates),
    _need("calibration", (CONFIGURATION, "out_of_scope_label"), ("out_of_scope",),
          "out_of_scope_label: what it says where no class fits", asked=_refuses),
    _need("provenance", ("ledger_steps", "step_id"), _LEDGER,
          "the steps from feedback to model, with llmops_health.ledger", asked=_is_trained),
    _need("provenance", ("ledger_steps", "row_hash"), ("broken_chain",),
          "row_hash of ledger steps, as llmops_health.ledger writes it", asked=_is_trained,
          share=0.0),
    _need("provenance", ("ledger_steps", "class_counts_out"), ("distorted_signal",),
          "class counts of ledger steps", asked=_is_trained, share=0.0),
    _need("provenance", ("feedback", "call_id"), ("feedback_bias",),
          "call_id of feedback: which answer it is about", asked=_is_trained, share=0.0),
    _need("sampling", ("calls", "temperature"),
          ("hot_sampling", "knob_illusion", "unversioned_change", "conflicting_parameters"),
          "temperature and top_p of calls, or params_known where they are not set", share=0.2),
    _need("sampling", _LABELS, ("knob_illusion",), _LOG_LABELS, share=0.0, instead=(_RATINGS,)),
    _need("sampling", _INPUTS, ("unstable_answers",), _LOG_INPUTS),
    _need("sampling", _RESULTS, ("eval_parameters_differ",), _LOG_RESULTS,
          instead=(("eval_calls", "input_sha256"),)),
    _need("eval_rot", _CASES, ("stale_suite", "redundant_cases", "uncovered_traffic"), _LOG_CASES),
    _need("eval_rot", _RESULTS, ("divergence", "saturated_suite"), _LOG_RESULTS),
    _need("eval_rot", _INPUTS, ("uncovered_traffic", "stale_suite"), _LOG_INPUTS),
    _need("eval_rot", _RATINGS, ("divergence",), "feedback: thumbs, ratings, undo", share=0.0),
    _need("eval_prod_gap", ("eval_calls", "input_sha256"),
          ("behaviour_switch", "eval_marker", "harness_differs", "unmatched_traffic"),
          "the calls of eval runs too, with run_kind eval, input and output"),
    _need("eval_prod_gap", _INPUTS, ("behaviour_switch", "eval_marker", "unmatched_traffic"),
          _LOG_INPUTS),
    _need("coevolution", ("calls", "user_id"), ("user_adaptation", "user_mix_shift"),
          "user_id of calls; it is stored as HMAC", share=0.2),
    _need("coevolution", _INPUTS, ("user_adaptation", "user_mix_shift", "outgrown_launch_eval"),
          _LOG_INPUTS),
    _need("coevolution", _CASES, ("outgrown_launch_eval",), _LOG_CASES),
    _need("generalization", _RESULTS,
          ("broken_scorer", "capability_regression", "forgetting_trend", "narrow_gain"),
          _LOG_RESULTS),
    _need("generalization", ("eval_runs", "role"), ("capability_regression", "narrow_gain"),
          "role of eval runs: candidate or challenger for a model that is to replace another",
          asked=_is_tuned, share=0.0),
    _need("generalization", ("eval_cases", "capability"),
          ("capability_regression", "narrow_gain", "untested_capability"),
          "capability of eval cases: what each one tests", asked=_is_tuned),
    _need("generalization", (CONFIGURATION, "target_capability"),
          ("narrow_gain", "untested_capability"),
          "target_capability: what a tune is for", asked=_is_tuned),
    _need("review_queue", ("reviews", "review_id"), _QUEUE, "the items of its queue, as reviews",
          asked=_is_reviewed),
    _need("review_queue", ("reviews", "completed_at"), _QUEUE, "completed_at of reviews",
          asked=_is_reviewed, share=0.2),
    _need("review_queue", ("reviews", "reviewer_id"),
          ("rubber_stamping", "reviewer_fatigue", "low_agreement"),
          "reviewer_id of reviews; it is stored as HMAC", asked=_is_reviewed, share=0.2),
    _need("review_queue", ("reviews", "gold_decision"), ("reviewer_fatigue",),
          "gold_decision of items whose truth is known, seeded among the others",
          asked=_is_reviewed, share=0.0),
    _need("frozen_feature", ("calls", "response_model"), ("stale_model", "abandoned"),
          "response_model or prompt_version of calls",
          instead=(("calls", "prompt_version"), (CONFIGURATION, "trained_on"))),
    _need("frozen_feature", _LABELS, ("stale_model",), _LOG_LABELS, share=0.0,
          instead=(_RATINGS,)),
    _need("frozen_feature", ("calls", "cost_usd"), ("costly_upkeep",), "cost_usd of calls"),
    _need("frozen_feature", (CONFIGURATION, "maintenance_hours_per_month"), ("costly_upkeep",),
          "maintenance_hours_per_month"),
    _need("frozen_feature", ("eval_runs", "role"), ("beaten_by_challenger",),
          "a challenger's run of its eval suite, with role challenger", share=0.0),
    _need("frozen_feature", (CONFIGURATION, "last_reviewed_on"), ("abandoned",),
          "last_reviewed_on"),
    _need("ownership", (CONFIGURATION, "owner"), ("unowned_feature",), "owner",
          instead=(("components", "owner"),)),
    _need("ownership", (CONFIGURATION, "risk_tier"), ("ungoverned_feature",), "risk_tier"),
    _need("ownership", (CONFIGURATION, "runbook_url"), ("ungoverned_feature",), "runbook_url"),
    _need("ownership", (CONFIGURATION, "eval_suites"), ("ungoverned_feature",), "eval_suites"),
    _need("ownership", ("components", "component_id"), ("ownerless_component",),
          "its parts, as components: an SBOM, a lock file, the catalogue"),
    _need("bom", ("components", "component_id"),
          ("undeclared_component", "unobserved_component", "incomplete_bom", "changed_component",
           "expiring_component"),
          "its parts, as components: an SBOM, a lock file, a model card"),
    _need("bom", ("components", "sha256"), ("changed_component",), "sha256 of components",
          share=0.2),
    _need("bom", ("components", "license"), ("expiring_component",), "license of components",
          share=0.2),
    _need("stage_latency", ("spans", "span_id"), _STAGES,
          "the steps of a request as spans, with their parents", asked=_has_steps),
    _need("stage_latency", ("spans", "stage"), ("preprocessing_bottleneck",),
          "stage of spans: llm for the model's own", asked=_has_steps),
)  # fmt: skip
