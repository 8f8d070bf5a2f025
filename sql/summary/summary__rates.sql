-- Sums behind the rates and means of the service, per bucket of users.
--
-- one row per: day x feature_id x run_kind x metric x bucket
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/drift/service_drift.py
--
-- day         date     UTC day of the calls
-- feature_id  varchar
-- run_kind    varchar
-- metric      varchar  see `metrics` below
-- bucket      integer  0 .. 63, by user, else session, else call
-- n           bigint   calls of which the metric is known; for cost_usd_isolated the isolated ones
-- sum_x       double   sum of the metric: 0 or 1, USD, or natural logarithm; 0 for calls
-- sum_xx      double   sum of its squares
--
-- Why cost_usd_capped: one call booked at a thousand times its neighbours would be the mean of a
-- whole week. A call counts with at most 100 times the geometric mean of its day; what was booked
-- for the calls above that is in cost_usd_isolated.
-- Why wide sums first: a day is scanned once, and only its buckets are turned into rows.
-- Why rows without finish_reason or text are not in truncated or refusal: unknown is not 0.
with calls as (
    select
        day,
        feature_id,
        run_kind,
        cost_usd,
        bucket(coalesce(user_id, session_id, call_id)) as bucket,
        case when coalesce(error_type, '') <> '' then 1 else 0 end as is_error,
        case
            when finish_reason in ('length', 'max_tokens') then 1
            when finish_reason is not null then 0
        end as is_truncated,
        case when is_refusal then 1 when not is_refusal then 0 end as is_refusal,
        case when cost_usd > 0 then ln(cost_usd) end as ln_cost,
        case when latency_ms > 0 then ln(latency_ms) end as ln_latency,
        case when ttft_ms > 0 then ln(ttft_ms) end as ln_ttft
    from core__calls
    where day between $first_day and $last_day
),

caps as (
    select
        day,
        feature_id,
        run_kind,
        100.0::double * exp(avg(ln_cost)) as cap
    from calls
    group by day, feature_id, run_kind
),

priced as (
    select
        c.day,
        c.feature_id,
        c.run_kind,
        c.cost_usd,
        c.bucket,
        c.is_error,
        c.is_truncated,
        c.is_refusal,
        c.ln_cost,
        c.ln_latency,
        c.ln_ttft,
        case when c.cost_usd > caps.cap then caps.cap else c.cost_usd end as capped,
        case when c.cost_usd > caps.cap then c.cost_usd end as isolated
    from calls as c
    inner join caps
        on
            c.day = caps.day
            and c.feature_id = caps.feature_id
            and c.run_kind = caps.run_kind
),

sums as (
    select
        day,
        feature_id,
        run_kind,
        bucket,
        count(*) as n_calls,
        sum(is_error) as n_error,
        count(is_truncated) as n_finished,
        sum(is_truncated) as n_truncated,
        count(is_refusal) as n_read,
        sum(is_refusal) as n_refusal,
        count(cost_usd) as n_cost,
        sum(cost_usd) as cost,
        sum(cost_usd * cost_usd) as cost_squared,
        sum(capped) as capped,
        sum(capped * capped) as capped_squared,
        count(isolated) as n_isolated,
        sum(isolated) as isolated,
        sum(isolated * isolated) as isolated_squared,
        count(ln_cost) as n_ln_cost,
        sum(ln_cost) as ln_cost,
        sum(ln_cost * ln_cost) as ln_cost_squared,
        count(ln_latency) as n_ln_latency,
        sum(ln_latency) as ln_latency,
        sum(ln_latency * ln_latency) as ln_latency_squared,
        count(ln_ttft) as n_ln_ttft,
        sum(ln_ttft) as ln_ttft,
        sum(ln_ttft * ln_ttft) as ln_ttft_squared
    from priced
    group by day, feature_id, run_kind, bucket
),

metrics as (
    select 'calls' as metric
    union all
    select 'error'
    union all
    select 'truncated'
    union all
    select 'refusal'
    union all
    select 'cost_usd'
    union all
    select 'cost_usd_capped'
    union all
    select 'cost_usd_isolated'
    union all
    select 'ln_cost_usd'
    union all
    select 'ln_latency_ms'
    union all
    select 'ln_ttft_ms'
),

final as (
    select
        s.day,
        s.feature_id,
        s.run_kind,
        m.metric,
        s.bucket,
        case m.metric
            when 'truncated' then s.n_finished
            when 'refusal' then s.n_read
            when 'cost_usd' then s.n_cost
            when 'cost_usd_capped' then s.n_cost
            when 'cost_usd_isolated' then s.n_isolated
            when 'ln_cost_usd' then s.n_ln_cost
            when 'ln_latency_ms' then s.n_ln_latency
            when 'ln_ttft_ms' then s.n_ln_ttft
            else s.n_calls
        end::bigint as n,
        case m.metric
            when 'error' then s.n_error::double
            when 'truncated' then s.n_truncated::double
            when 'refusal' then s.n_refusal::double
            when 'cost_usd' then s.cost
            when 'cost_usd_capped' then s.capped
            when 'cost_usd_isolated' then s.isolated
            when 'ln_cost_usd' then s.ln_cost
            when 'ln_latency_ms' then s.ln_latency
            when 'ln_ttft_ms' then s.ln_ttft
            else 0.0::double
        end as sum_x,
        case m.metric
            when 'error' then s.n_error::double
            when 'truncated' then s.n_truncated::double
            when 'refusal' then s.n_refusal::double
            when 'cost_usd' then s.cost_squared
            when 'cost_usd_capped' then s.capped_squared
            when 'cost_usd_isolated' then s.isolated_squared
            when 'ln_cost_usd' then s.ln_cost_squared
            when 'ln_latency_ms' then s.ln_latency_squared
            when 'ln_ttft_ms' then s.ln_ttft_squared
            else 0.0::double
        end as sum_xx
    from sums as s
    cross join metrics as m
)

select
    day,
    feature_id,
    run_kind,
    metric,
    bucket,
    n,
    sum_x,
    sum_xx
from final
where n > 0
