"""What a feature has promised (`slo`), held against its last 7 days, and the calls behind it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status, literal
from llmops_health.health.drift import _service
from llmops_health.health.drift._service import Axis, Sums, Timings
from llmops_health.kernels.shift import mean_shift

_DAYS = 7
_T = 3.29  # two-sided 99.9 %: a promise is checked every day


def slow_promise(feature: Feature, one: Timings, axis: Axis, min_calls: int) -> Iterator[Finding]:
    """Yield a FAIL where the whole interval of the p95 latency is above the promise."""
    limit = feature.slo.p95_latency_ms if feature.slo else None
    days = axis.window(_DAYS)
    n = int(one.calls[days].sum())
    if not limit or n < min_calls:
        return
    deff = _service.quantile_deff(one, axis, _DAYS, limit)
    value, lo, hi = _service.woodruff(one, days, 0.95, deff, t=_T)
    if lo > limit:
        yield Finding(
            status=Status.FAIL,
            segment="slo p95_latency_ms",
            value=value,
            lo=lo,
            hi=hi,
            threshold=limit,
            unit="ms",
            n=n,
            message=f"The 95th percentile of latency was {value:,.0f} ms [{lo:,.0f}, {hi:,.0f}] "
            f"over 7 days; {limit:,.0f} ms is promised.",
            action="Make the service faster, or change the promise in slo.p95_latency_ms.",
            evidence_sql=calls_behind(feature, axis.day, "latency_ms p95"),
        )


def costly_promise(feature: Feature, costs: Sums, axis: Axis, min_calls: int) -> Iterator[Finding]:
    """Yield a FAIL where the whole interval of the cost per 1,000 calls is above the promise."""
    limit = feature.slo.cost_usd_per_1k_calls if feature.slo else None
    now = costs.by_bucket(axis.window(_DAYS))
    n = int(now[:, 1].sum())
    if limit is None or n < min_calls or now[:, 0].sum() <= 0:
        return
    move = mean_shift(now, now)
    # The interval has 95 %; a promise is checked every day and gets 99.9 %.
    lo = 1000 * move.current * (move.lo / move.current) ** (_T / 2)
    hi = 1000 * move.current * (move.hi / move.current) ** (_T / 2)
    if lo > limit:
        yield Finding(
            status=Status.FAIL,
            segment="slo cost_usd_per_1k_calls",
            value=1000 * move.current,
            lo=lo,
            hi=hi,
            threshold=limit,
            unit="USD",
            n=n,
            message=f"1,000 calls cost {1000 * move.current:.2f} USD [{lo:.2f}, {hi:.2f}] over "
            f"7 days; {limit:.2f} USD is promised.",
            action="Shorten prompts, cache or change the model, or change the promise in slo.",
            evidence_sql=calls_behind(feature, axis.day, "cost_usd"),
        )


def calls_behind(feature: Feature, day: date, name: str) -> str:
    """Return the query that shows the calls behind one measure."""
    since = day - timedelta(days=35)
    rows = (
        f"from core__calls where feature_id = {literal(feature.id)} "
        f"and day between date {literal(since)} and date {literal(day)} "
        "and run_kind in ('prod', 'unknown')"
    )
    if name == "error":
        return (
            f"select day, error_type, request_model, count(*) as n_calls {rows} "
            "and error_type is not null group by all order by day desc, n_calls desc limit 100"
        )
    if name == "truncated":
        return (
            f"select day, finish_reason, max_tokens, count(*) as n_calls {rows} "
            "group by all order by day desc, n_calls desc limit 100"
        )
    if name == "cost_usd":
        return (
            "select day, count(*) as n_calls, avg(cost_usd) as mean_cost_usd, max(cost_usd) as "
            "max_cost_usd, avg(input_tokens) as mean_input_tokens, avg(output_tokens) as "
            f"mean_output_tokens {rows} group by day order by day desc limit 36"
        )
    if name == "calls":
        return f"select day, count(*) as n_calls {rows} group by day order by day desc limit 36"
    field = name.split(maxsplit=1)[0]
    return (
        f"select day, count({field}) as n_calls, quantile_cont({field}, 0.5) as p50_ms, "
        f"quantile_cont({field}, 0.95) as p95_ms {rows} group by day order by day desc limit 36"
    )
