"""Preprocessing bottleneck: the request is slow before the model is asked.

Why it matters
    A slow answer is put down to the model, and a smaller one is bought with quality, while the
    time goes into queues, loading, embedding, search and reranking that nobody looks at.
How it is found
    Of each traced request, the critical path: what it waited for, stage by stage, so that steps
    side by side count once and all stages add up to the request. Over 7 days, the share of the
    stages before the LLM (`before_llm`) in the time of all requests, with an interval from
    buckets of users. WARN when the whole interval lies above `max_share` and they take at least
    `min_ms` per request; FAIL when besides the 95th percentile of the requests surely breaks
    `slo.p95_latency_ms`. Then every such stage that takes `min_stage_share` or more follows, with
    what the 95th percentile would save if it took half as long: replayed on sampled requests,
    because another path may take over.
How to mend it
    Begin with the stage that saves most: cache or batch it, run it beside the others, ask it for
    less, or keep it warm.
What it cannot see
    Stages that log no span (see `uninstrumented_time`), requests in whose trace no span is of
    stage llm, and time inside of the model's span, such as the provider's queue. A single request
    that is slow now and then: shares are of the sum. Requests of more than 200 spans are in the
    shares but in no replay.
Source
    Zhang et al. (2022), "CRISP: Critical Path Analysis of Large-Scale Microservice
    Architectures", USENIX ATC; Amdahl (1967), AFIPS 30:483-485.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Estimate, Stage, Stages
from llmops_health.findings import CheckParams, Finding, Status, not_applicable, not_enough_data
from llmops_health.health.stage_latency._quantiles import Paths, last_days, surely_above
from llmops_health.health.stage_latency._savings import Savings, savings
from llmops_health.health.stage_latency._stages import (
    REQUEST,
    StageSums,
    production,
    stage_table_sql,
    too_little,
    within,
)
from llmops_health.kernels.capacity import amdahl_speedup
from llmops_health.kernels.jackknife import JackknifeEstimate

HISTORY_DAYS = 14

_DAYS = 7
_FASTER = 2.0
_LLM = "llm"


class Params(CheckParams):
    """Settings of this check."""

    before_llm: tuple[str, ...] = Field(
        default=("queue", "load", "chunk", "embed", "retrieve", "rerank", "prompt"),
        description="Stages that come before the model.",
    )
    max_share: float = Field(
        default=0.5, gt=0, lt=1, description="Tolerated share of the time: the model's at least."
    )
    min_ms: float = Field(
        default=100.0, ge=0, description="Time per request (ms) below which nobody notices."
    )
    min_stage_share: float = Field(
        default=0.1, gt=0, lt=1, description="Share of the time from which a stage is named."
    )
    level: float = Field(
        default=0.99, gt=0, lt=1, description="Coverage of the interval: judged every day."
    )
    max_width: float = Field(
        default=0.3,
        gt=0,
        lt=1,
        description="Width of the interval (share) from which a window cannot tell.",
    )
    min_requests: int = Field(
        default=100, ge=20, description="Traced requests of a week: 5 are beyond its p95."
    )
    min_clusters: float = Field(
        default=8, ge=3, description="Users, as if all asked equally often, in a week."
    )
    max_replayed: int = Field(
        default=500, ge=50, le=2_000, description="Requests to replay: 25 are beyond their p95."
    )


def check(
    feature: Feature,
    day: date,
    summary__stage_times: pl.DataFrame,
    summary__span_samples: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the time before the LLM, and one per stage that takes much of it."""
    seen = production(summary__stage_times)
    rows = within(seen, day, _DAYS)
    sums = StageSums.of(rows)
    refusal = too_little(sums, seen, _DAYS, params.min_requests, params.min_clusters)
    if refusal is not None:
        yield refusal
        return
    if _LLM not in sums.stages:
        yield not_applicable(
            f"No span of {sums.n_requests} traced requests is of stage llm: nothing is before it."
        )
        return
    before = [stage for stage in sums.stages if stage in params.before_llm]
    ms = np.sum([sums.time(stage, "critical") for stage in before], axis=0) * np.ones(64)
    share = sums.share(ms, params.level)
    if share is None:
        yield not_enough_data(sums.n_requests, "Traced requests of 7 days are of too few users.")
        return
    per_request = float(ms.sum()) / sums.n_requests
    is_high = share.lo > params.max_share and per_request >= params.min_ms
    if not is_high:
        yield _calm(sums, share, per_request, params)
        return
    saved = savings(summary__span_samples, day, _DAYS, params.max_replayed, _FASTER)
    paths = Paths.of(rows, day, _DAYS)
    yield _alarm(feature, day, paths, sums, share, before, saved, params)
    yield from _stages(feature, day, paths, sums, before, saved, params)


def figure(
    feature: Feature,  # noqa: ARG001 - the tables are its own
    day: date,
    summary__stage_times: pl.DataFrame,
    summary__span_samples: pl.DataFrame,
    params: Params,
) -> Stages | None:
    """Show where the time of a request goes, on the path and hidden beside it."""
    seen = production(summary__stage_times)
    sums = StageSums.of(within(seen, day, _DAYS))
    if too_little(sums, seen, _DAYS, params.min_requests, params.min_clusters) is not None:
        return None
    saved = savings(summary__span_samples, day, _DAYS, params.max_replayed, _FASTER)
    begins = saved.begins_ms if saved else {}
    names = [*sorted(sums.stages, key=lambda name: (begins.get(name, np.inf), name)), REQUEST]
    shown = tuple(_shown(name, sums, params) for name in names)
    total = float(sums.request_ms.sum()) / sums.n_requests
    most = max(shown, key=lambda one: one.critical_ms.value or 0.0)
    before = sum(one.critical_ms.value or 0.0 for one in shown if one.is_chosen)
    return Stages(
        title="Where the time of a request goes",
        description=f"Requests took {total:,.0f} ms on average in the {_DAYS} days up to {day}, "
        f"{before:,.0f} ms of it before the LLM; {most.label} took most with "
        f"{most.critical_ms.value or 0:,.0f} ms.",
        stages=shown,
        total_ms=total,
    )


def _shown(name: str, sums: StageSums, params: Params) -> Stage:
    found = sums.per_request(sums.time(name, "critical"), params.level)
    mean = sums.mean_ms(name, "critical")
    critical = Estimate(value=mean)
    if found is not None:
        critical = Estimate(value=mean, lo=max(0.0, found.lo), hi=found.hi)
    return Stage(
        label="no span" if name == REQUEST else name,
        critical_ms=critical,
        hidden_ms=max(0.0, sums.mean_ms(name, "exclusive") - mean),
        is_chosen=name in params.before_llm,
    )


def _calm(sums: StageSums, share: JackknifeEstimate, per_request: float, params: Params) -> Finding:
    told = (
        f"{_percent(share)} of the time of {sums.n_requests} traced requests in {_DAYS} days goes "
        f"by before the LLM ({per_request:,.0f} ms each)"
    )
    unsure = (
        share.hi > params.max_share
        and share.hi - share.lo > params.max_width
        and per_request >= params.min_ms
    )
    if unsure:
        return not_enough_data(
            sums.n_requests,
            f"Cannot tell: {told}, and {100 * params.max_share:.0f} % is the limit.",
        )
    return Finding(
        status=Status.PASS,
        n=sums.n_requests,
        message=f"{told}.",
        value=share.estimate,
        lo=share.lo,
        hi=share.hi,
        threshold=params.max_share,
        unit="share",
    )


def _alarm(
    feature: Feature,
    day: date,
    paths: Paths,
    sums: StageSums,
    share: JackknifeEstimate,
    before: list[str],
    saved: Savings | None,
    params: Params,
) -> Finding:
    p95 = last_days(paths.whole, paths.axis, _DAYS, 0.95)[0]
    promised = feature.slo.p95_latency_ms if feature.slo else None
    broken = promised is not None and surely_above(paths.whole, paths.axis, _DAYS, 0.95, promised)
    gains = {} if saved is None else {k: v for k, v in saved.p95_ms.items() if k in before}
    largest = max(before, key=lambda stage: sums.mean_ms(stage, "critical"))
    first = next(iter(gains), largest)
    gain = f", which would save {gains[first]:,.0f} ms of the 95th percentile" if gains else ""
    message = (
        f"{_percent(share)} of the time of {sums.n_requests} traced requests in {_DAYS} days goes "
        f"by before the LLM, most of it in {largest} "
        f"({100 * float(sums.time(largest, 'critical').sum() / sums.request_ms.sum()):.0f} %); "
        f"their 95th percentile is {p95:,.0f} ms"
    )
    if broken:
        message += f", and {promised:,.0f} ms is promised"
    return Finding(
        status=Status.FAIL if broken else Status.WARN,
        n=sums.n_requests,
        message=f"{message}.",
        value=share.estimate,
        lo=share.lo,
        hi=share.hi,
        threshold=params.max_share,
        unit="share",
        action=f"Make {first} twice as fast{gain}: cache, batch or parallelise it.",
        evidence_sql=stage_table_sql(feature, day, _DAYS),
    )


def _stages(
    feature: Feature,
    day: date,
    paths: Paths,
    sums: StageSums,
    before: list[str],
    saved: Savings | None,
    params: Params,
) -> Iterator[Finding]:
    gains = saved.p95_ms if saved else {}
    for stage in sorted(before, key=lambda name: (-gains.get(name, 0.0), name)):
        share = sums.share(sums.time(stage, "critical"), params.level)
        if share is None or share.estimate < params.min_stage_share:
            continue
        p50, p95 = last_days(paths.stages[stage], paths.axis, _DAYS, 0.5, 0.95)
        gain = (
            f"; twice as fast it would save {gains[stage]:,.0f} ms of the requests' 95th "
            f"percentile ({saved.n} replayed)"
            if saved is not None and stage in gains
            else ""
        )
        bound = amdahl_speedup(min(1.0, max(0.0, share.estimate)), _FASTER)
        yield Finding(
            status=Status.WARN,
            segment=f"stage = {stage}",
            n=int(sums.n.get((stage, "critical"), np.zeros(1)).sum()),
            message=f"Requests wait for {stage} {_percent(share)} of their time (median "
            f"{p50:,.0f} ms, 95th percentile {p95:,.0f} ms){gain}; on average they would be at "
            f"most {bound:.2f} times as fast.",
            value=share.estimate,
            lo=share.lo,
            hi=share.hi,
            threshold=params.min_stage_share,
            unit="share",
            action=f"Cache, batch or parallelise {stage}, or ask it for less.",
            evidence_sql=stage_table_sql(feature, day, _DAYS),
        )


def _percent(share: JackknifeEstimate) -> str:
    lo, hi = max(0.0, share.lo), min(1.0, share.hi)
    return f"{100 * share.estimate:.0f} % [{100 * lo:.0f}, {100 * hi:.0f}]"
