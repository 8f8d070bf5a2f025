"""Distorted signal: weighting, upsampling or filtering changed what the training set is a set of.

Why it matters
    A model learns the mix that it is shown. Weights that leave a tenth of the rows in effect, or a
    rare class repeated twenty times, give a model that is sure of what hardly ever happens.
How it is found
    WARN when weights leave fewer effective rows (Kish) than `min_effective_share` of them; when a
    class is repeated more than `max_factor` times and its share at least doubles; when the share
    of a class falls by more than `max_factor`, with an interval that excludes less; or when
    deduplication drops one class or one kind of source more often than the others by more than
    `max_drop_gap_pp`, with an interval. The same is asked of whole runs, from their first class
    counts to their last. The KL divergence of the mix is shown beside it. A `reason` in the step's
    params says that it was meant, and passes.
How to mend it
    Record the reason where the change is meant; else drop the weights' tail (cut them at their
    99th percentile), lower the factor, or take the rows that a class lacks from production.
What it cannot see
    A change within classes; steps without class counts; a mix that was wrong from the beginning
    (`feedback_bias`).
Source
    Kish (1965), Survey Sampling, section 11.7; Newcombe (1998), Statist. Med. 17:873-890.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Estimate, Forest, ForestRow
from llmops_health.findings import CheckParams, Finding, Status, not_enough_data
from llmops_health.health.provenance import _ledger
from llmops_health.health.provenance._fates import Fates, Key, fates_of, is_whole, of_step
from llmops_health.health.provenance._ledger import MAKES_A_MODEL, Counts, Step
from llmops_health.kernels.class_mix import effective_rows, mix_change
from llmops_health.kernels.divergence import binomial_excess
from llmops_health.kernels.intervals import clopper_pearson_interval

HISTORY_DAYS = _ledger.RECENT_DAYS

_KEEPS_LABELS = frozenset({"filter", "dedup", "weight", "upsample", "split", "merge", "other"})
_LEAST_GROWTH = 2.0
_WHOLE_SHARE = 0.9


class Params(CheckParams):
    """Settings of this check."""

    min_effective_share: float = Field(
        default=0.5, ge=0, le=1, description="Effective rows per weighted row: half is lost below."
    )
    max_factor: float = Field(
        default=5.0, ge=1, description="Times that a class may be repeated, or its share shrink."
    )
    max_drop_gap_pp: float = Field(
        default=30.0,
        ge=0,
        le=100,
        description="Between the drop rates of a class or source and the others, in dedup (pp).",
    )
    min_rows: int = Field(default=20, ge=1, description="Rows that a class needs to be judged.")
    level: float = Field(
        default=0.999, gt=0, lt=1, description="Coverage of intervals: many classes, every day."
    )
    window_days: int = Field(
        default=90,
        ge=1,
        le=120,
        description="Days that a step counts: pipelines run at least quarterly.",
    )


@dataclass(frozen=True, slots=True)
class Distortion:
    """A change of the mix, in words, with its size and the reason recorded for it."""

    steps: tuple[Step, ...]
    words: str
    value: float
    threshold: float
    unit: str
    reason: str | None

    @property
    def excess(self) -> float:
        """Size over what is tolerated."""
        low, high = sorted((max(self.value, 1e-9), max(self.threshold, 1e-9)))
        return high / low


def check(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    summary__ledger_fates: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all pipelines of the feature together."""
    steps = _ledger.steps_of(feature, day, core__ledger_steps, summary__pipelines)
    if not steps:
        yield _ledger.silence(feature)
        return
    judged = _ledger.in_force(steps, day, params.window_days)
    if not judged:
        yield _ledger.nothing_new(len(steps), params.window_days)
        return
    rows = _ledger.before(summary__ledger_fates, day)
    fates = fates_of(rows, _ledger.names_of(steps))
    measured = [one for one in judged if _is_measured(one, fates)]
    if not measured:
        yield not_enough_data(
            len(judged), f"None of {len(judged)} ledger steps has class counts or weights of rows."
        )
        return
    found = [
        *(d for step in measured for d in distortions_of(step, fates, rows, params)),
        *_of_runs(measured, params),
    ]
    yield _finding(measured, found)


def figure(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    summary__ledger_fates: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    params: Params,
) -> Forest | None:
    """Return what became of each class's share in the run whose mix changed most."""
    del summary__ledger_fates
    steps = _ledger.steps_of(feature, day, core__ledger_steps, summary__pipelines)
    runs = _runs(_ledger.in_force(steps, day, params.window_days))
    changes = [(_kl(before, after), first, before, after) for first, _, before, after in runs]
    if not changes:
        return None
    kl, first, before, after = max(changes, key=lambda one: one[0])
    n_before, n_after = sum(before.values()), sum(after.values())
    if not n_before or not n_after:
        return None
    rows = []
    for name in sorted(before, key=lambda one: -before[one])[:12]:
        moved = binomial_excess(
            before[name], n_before, after.get(name, 0), n_after, level=params.level
        )
        beyond = _grown(name, before, after, params) or _shrunk(name, before, after, params)
        rows.append(
            ForestRow(
                label=name,
                effect=Estimate(value=100 * moved.estimate, lo=100 * moved.lo, hi=100 * moved.hi),
                n=after.get(name, 0),
                answer="moved" if beyond else "fine",
            )
        )
    return Forest(
        title=f"Class mix of {first.pipeline}, first step to last",
        description=f"{n_before:,} rows became {n_after:,}; the mix moved by {kl:.3f} nat (KL).",
        measure="change of the share",
        unit="pp",
        rows=tuple(rows),
    )


def _is_measured(step: Step, fates: Mapping[Key, Fates]) -> bool:
    has_classes = step.classes_in is not None and step.classes_out is not None
    return has_classes or of_step(fates, step.pipeline, step.step_id).n_weighted > 0


def distortions_of(
    step: Step, fates: Mapping[Key, Fates], rows: pl.DataFrame, params: Params
) -> Iterator[Distortion]:
    """Yield what one step did to the mix, meant or not."""
    fate = of_step(fates, step.pipeline, step.step_id)
    if is_whole(fate.n_weighted, fate.n_out, _WHOLE_SHARE) and fate.n_weighted >= params.min_rows:
        share = effective_rows(fate.sum_weight, fate.sum_weight_sq) / fate.n_weighted
        if share < params.min_effective_share:
            yield Distortion(
                (step,),
                f"the weights of {step.name} leave {share * fate.n_weighted:,.0f} effective rows of"
                f" {fate.n_weighted:,} ({100 * share:.0f} %)",
                share,
                params.min_effective_share,
                "effective share",
                step.reason,
            )
    if step.op in _KEEPS_LABELS and step.classes_in and step.classes_out:
        yield from _of_mix((step,), step.name, step.classes_in, step.classes_out, params)
    if step.op == "dedup":
        yield from _of_drops(step, rows, params)


def _of_runs(measured: Sequence[Step], params: Params) -> Iterator[Distortion]:
    """Compare first and last class counts of each pipeline's newest run."""
    for first, last, before, after in _runs(measured):
        if first is not last:
            name = f"{first.pipeline} from {first.op} (seq {first.seq}) to {last.op}"
            name += f" (seq {last.seq})"
            between = [
                one
                for one in measured
                if one.pipeline == first.pipeline and first.seq <= one.seq <= last.seq
            ]
            # What a relabelling moves is judged as flips.
            if all(one.op in _KEEPS_LABELS | {"ingest", "map"} for one in between):
                yield from _of_mix(tuple(between), name, before, after, params)


def _runs(steps: Sequence[Step]) -> list[tuple[Step, Step, Counts, Counts]]:
    """Return first and last step with class counts of each pipeline, and these counts."""
    found = []
    work = [one for one in steps if one.op not in MAKES_A_MODEL]
    for _, of_pipeline in groupby(work, key=lambda one: one.pipeline):
        counted = [one for one in of_pipeline if one.classes_in and one.classes_out]
        starts = [one.seq for one in counted if one.op == "ingest"]
        counted = [one for one in counted if not starts or one.seq >= starts[-1]]
        if counted and counted[0].classes_in and counted[-1].classes_out:
            first, last = counted[0], counted[-1]
            found.append((first, last, first.classes_in or {}, last.classes_out or {}))
    return found


def _of_mix(
    steps: tuple[Step, ...], name: str, before: Counts, after: Counts, params: Params
) -> Iterator[Distortion]:
    if not sum(before.values()) or not sum(after.values()):
        return
    reason = next((one.reason for one in steps if one.reason), None)
    for label in sorted(before):
        times = _grown(label, before, after, params)
        if times:
            yield Distortion(
                steps,
                f"{name} repeats class {label!r} {times:.1f} times ({before[label]:,} rows become"
                f" {after[label]:,}; the mix moves by {_kl(before, after):.3f} nat)",
                times,
                params.max_factor,
                "times",
                reason,
            )
        fall = _shrunk(label, before, after, params)
        if fall:
            yield Distortion(
                steps,
                f"{name} cuts the share of class {label!r} to a {fall:.0f}th or less"
                f" ({before[label]:,} rows become {after.get(label, 0):,}; the mix moves by"
                f" {_kl(before, after):.3f} nat)",
                fall,
                params.max_factor,
                "times",
                reason,
            )


def _grown(label: str, before: Counts, after: Counts, params: Params) -> float:
    """Return how often a class is repeated, 0 where that is tolerated."""
    n_before, n_after = before.get(label, 0), after.get(label, 0)
    if not n_before or n_after < params.min_rows:
        return 0.0
    times = n_after / n_before
    ratio = times * sum(before.values()) / sum(after.values())
    return times if times > params.max_factor and ratio >= _LEAST_GROWTH else 0.0


def _shrunk(label: str, before: Counts, after: Counts, params: Params) -> float:
    """Return by how much a class's share fell at least, 0 where that is tolerated."""
    n_before, total = before.get(label, 0), sum(after.values())
    if n_before < params.min_rows or not total:
        return 0.0
    share = clopper_pearson_interval(after.get(label, 0), total, level=params.level)
    fall = n_before / sum(before.values()) / share.hi
    return fall if fall > params.max_factor else 0.0


def _of_drops(step: Step, rows: pl.DataFrame, params: Params) -> Iterator[Distortion]:
    """Compare the drop rate of each class, and of each kind of source, with the others'."""
    groups: dict[str, dict[str, tuple[int, int]]] = {"class": {}, "source": {}}
    if step.classes_in and step.classes_out:
        groups["class"] = {
            name: (max(n - step.classes_out.get(name, 0), 0), n)
            for name, n in step.classes_in.items()
        }
    mine = rows.filter(
        (pl.col("pipeline_id") == step.pipeline)
        & (pl.col("step_id") == step.step_id)
        & (pl.col("action") != "created")
        & pl.col("source_kind").is_not_null()
    )
    dropped = pl.when(pl.col("action") == "dropped").then("n").otherwise(0)
    counted = mine.group_by("source_kind").agg(dropped.sum().alias("d"), pl.col("n").sum())
    groups["source"] = {name: (d, n) for name, d, n in counted.sort("source_kind").iter_rows()}
    for kind, of_group in groups.items():
        all_dropped = sum(d for d, _ in of_group.values())
        total = sum(n for _, n in of_group.values())
        for name, (n_dropped, n) in of_group.items():
            if n < params.min_rows or total - n < params.min_rows:
                continue
            gap = binomial_excess(
                all_dropped - n_dropped, total - n, n_dropped, n, level=params.level
            )
            if 100 * gap.lo > params.max_drop_gap_pp:
                yield Distortion(
                    (step,),
                    f"{step.name} drops {100 * n_dropped / n:.0f} % of {kind} {name!r} and"
                    f" {100 * (all_dropped - n_dropped) / (total - n):.0f} % of the others",
                    100 * gap.estimate,
                    params.max_drop_gap_pp,
                    "pp",
                    step.reason,
                )


def _kl(before: Counts, after: Counts) -> float:
    names = sorted(before.keys() | after.keys())
    counts = [[counted.get(name, 0) for name in names] for counted in (before, after)]
    if not sum(counts[0]) or not sum(counts[1]):
        return 0.0
    return mix_change(*counts).kl.estimate


def _finding(measured: Sequence[Step], found: Sequence[Distortion]) -> Finding:
    meant = [one for one in found if one.reason]
    unmeant = sorted((one for one in found if not one.reason), key=lambda one: -one.excess)
    if unmeant:
        worst = unmeant[0]
        more = f" ({len(unmeant) - 1} more such changes)" if len(unmeant) > 1 else ""
        steps = {step.step_id: step for one in unmeant for step in one.steps}
        return Finding(
            status=Status.WARN,
            n=len(measured),
            message=f"{worst.words[0].upper()}{worst.words[1:]}, and no reason is recorded{more}.",
            value=worst.value,
            threshold=worst.threshold,
            unit=worst.unit,
            action='Record why in the step\'s params ("reason"), or cut the weights, lower the'
            " factor, and run the pipeline again from there.",
            evidence_sql=_ledger.evidence(
                steps.values(),
                "rows_in, rows_out, class_counts_in, class_counts_out, weight_in, weight_out,"
                " params",
            ),
        )
    message = f"Of {len(measured)} ledger steps with classes or weights none distorts the mix"
    if meant:
        message += f" without a reason; {len(meant)} changes are meant"
    return Finding(
        status=Status.PASS,
        n=len(measured),
        message=f"{message}.",
        value=0.0,
        threshold=0.0,
        unit="changes",
    )
