-- How many calls fall into each logarithmic bin of each field that is a number.
--
-- one row per: day x feature_id x run_kind x field x k
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/drift/input_drift.py, health/drift/output_drift.py
--
-- day         date     UTC day of the calls
-- feature_id  varchar
-- run_kind    varchar
-- field       varchar  see `fields` below
-- k           integer  log_bin: values of a bin are within 1 % of each other; -100000 zero,
--                      -100001 negative, -100002 unknown
-- n           bigint   calls
--
-- Why no buckets of users: fine bins times 64 buckets would be as many rows as calls. How much
-- users matter shows in how far apart the days lie.
-- History read: only the days asked for.
with fields as (
    select 'n_input_chars' as field
    union all
    select 'n_output_chars'
    union all
    select 'input_tokens'
    union all
    select 'output_tokens'
    union all
    select 'latency_ms'
    union all
    select 'ttft_ms'
    union all
    select 'cost_usd'
    union all
    select 'context_score'
    union all
    select 'n_context_chunks'
    union all
    select 'n_hedges'
    union all
    select 'confidence'
),

calls as (
    select
        day,
        feature_id,
        run_kind,
        n_input_chars,
        n_output_chars,
        input_tokens,
        output_tokens,
        latency_ms,
        ttft_ms,
        cost_usd,
        context_score,
        n_context_chunks,
        n_hedges,
        confidence
    from core__calls
    where day between $first_day and $last_day
),

binned as (
    select
        c.day,
        c.feature_id,
        c.run_kind,
        f.field,
        log_bin(
            case f.field
                when 'n_input_chars' then c.n_input_chars::double
                when 'n_output_chars' then c.n_output_chars::double
                when 'input_tokens' then c.input_tokens::double
                when 'output_tokens' then c.output_tokens::double
                when 'latency_ms' then c.latency_ms
                when 'ttft_ms' then c.ttft_ms
                when 'cost_usd' then c.cost_usd
                when 'context_score' then c.context_score
                when 'n_context_chunks' then c.n_context_chunks::double
                when 'n_hedges' then c.n_hedges::double
                when 'confidence' then c.confidence
            end
        ) as k
    from calls as c
    cross join fields as f
)

select
    day,
    feature_id,
    run_kind,
    field,
    k,
    count(*)::bigint as n
from binned
group by day, feature_id, run_kind, field, k
