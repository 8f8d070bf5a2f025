"""The model card of a model: task, training data, eval scores, settings seen in traffic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from llmops_health.bom.facts import EvalScore, Facts, Setting
from llmops_health.bom.inventory import Inventory
from llmops_health.bom.named_values import properties
from llmops_health.bom.parts import Part

_LEAST_SHARE = 0.01
"""Settings of fewer calls are left out: somebody tried something."""


def model_card(
    part: Part, inventory: Inventory, facts: Facts, task: str | None
) -> dict[str, Any] | None:
    """Return the card of a model; None where nothing is known that belongs on one."""
    card: dict[str, Any] = {}
    told = part.told("task") or (task if part.kind != "embedding_model" else None)
    parameters: dict[str, Any] = {}
    if isinstance(told, str):
        parameters["task"] = told
    datasets = [one for one in inventory.targets(part.ref, "trained_on") if one.kind == "dataset"]
    if datasets:
        parameters["datasets"] = [{"ref": one.ref} for one in datasets]
    if parameters:
        card["modelParameters"] = parameters
    scores = facts.of_model(part.component_id, part.name, part.version)
    if scores:
        card["quantitativeAnalysis"] = {"performanceMetrics": [_metric(one) for one in scores]}
    told_more = [*setting_properties(facts.settings, part), *eval_properties(scores)]
    if told_more:
        card["properties"] = properties(told_more)
    return card or None


def eval_properties(scores: Iterable[EvalScore]) -> list[tuple[str, object]]:
    """Return what a metric of CycloneDX has no field for: when, on how many cases, by which run."""
    return [
        (f"eval:{one.suite_id}:{name}", value)
        for one in scores
        for name, value in (
            ("score", _number(one.score)),
            ("interval", None if one.lo is None else f"{_number(one.lo)} {_number(one.hi)}"),
            ("date", one.on.isoformat()),
            ("cases", one.n_cases),
            ("run", one.eval_run_id),
            ("promptVersion", one.prompt_version),
        )
    ]


def setting_properties(settings: Sequence[Setting], part: Part) -> list[tuple[str, object]]:
    """Return the sampling parameters that traffic of a model was seen with, most used first."""
    names = {part.name, part.version, part.component_id}
    by_name: dict[str, list[Setting]] = {}
    for one in settings:
        if one.model in names and one.share >= _LEAST_SHARE:
            by_name.setdefault(one.name, []).append(one)
    return [(f"generation:{name}", settings_text(found)) for name, found in sorted(by_name.items())]


def settings_text(found: Iterable[Setting]) -> str:
    """Return the values of one parameter with the share of calls that had each.

    Examples
    --------
    >>> of = {"model": "m", "name": "temperature"}
    >>> settings_text([Setting(value=0.7, share=0.1, **of), Setting(value=None, share=0.9, **of)])
    'not set (90 %); 0.7 (10 %)'
    """
    ordered = sorted(found, key=lambda one: (-one.share, one.value is None, one.value or 0.0))
    shown = [("not set" if one.value is None else f"{one.value:g}", one.share) for one in ordered]
    if len(shown) == 1:
        return shown[0][0]
    return "; ".join(f"{value} ({round(100 * share)} %)" for value, share in shown)


def _metric(one: EvalScore) -> dict[str, Any]:
    version = f" {one.suite_version}" if one.suite_version else ""
    metric: dict[str, Any] = {
        "type": "mean score",
        "value": _number(one.score),
        "slice": f"suite {one.suite_id}{version}",
    }
    if one.lo is not None and one.hi is not None:
        metric["confidenceInterval"] = {
            "lowerBound": _number(one.lo),
            "upperBound": _number(one.hi),
        }
    return metric


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
