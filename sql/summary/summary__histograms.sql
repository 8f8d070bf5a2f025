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
-- field       varchar  the column of core__calls
-- k           integer  log_bin: values of a bin are within 1 % of each other; -100000 zero,
--                      -100001 negative, -100002 unknown
-- n           bigint   calls
--
-- Why no buckets of users: fine bins times 64 buckets would be as many rows as calls. How much
-- users matter shows in how far apart the days lie.
-- Why a count per field, not one of all fields turned into rows: it takes a third less time.
-- Why whole numbers are counted before they are binned: their values repeat.
-- History read: only the days asked for.
with calls as not materialized (
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

whole_numbers as (
    select
        day,
        feature_id,
        run_kind,
        'n_input_chars' as field,
        n_input_chars as x,
        count(*)::bigint as n
    from calls
    group by day, feature_id, run_kind, n_input_chars
    union all
    select
        day,
        feature_id,
        run_kind,
        'n_output_chars' as field,
        n_output_chars as x,
        count(*)::bigint as n
    from calls
    group by day, feature_id, run_kind, n_output_chars
    union all
    select
        day,
        feature_id,
        run_kind,
        'input_tokens' as field,
        input_tokens as x,
        count(*)::bigint as n
    from calls
    group by day, feature_id, run_kind, input_tokens
    union all
    select
        day,
        feature_id,
        run_kind,
        'output_tokens' as field,
        output_tokens as x,
        count(*)::bigint as n
    from calls
    group by day, feature_id, run_kind, output_tokens
    union all
    select
        day,
        feature_id,
        run_kind,
        'n_context_chunks' as field,
        n_context_chunks as x,
        count(*)::bigint as n
    from calls
    group by day, feature_id, run_kind, n_context_chunks
    union all
    select
        day,
        feature_id,
        run_kind,
        'n_hedges' as field,
        n_hedges as x,
        count(*)::bigint as n
    from calls
    group by day, feature_id, run_kind, n_hedges
)

select
    day,
    feature_id,
    run_kind,
    field,
    log_bin(x::double) as k,
    sum(n)::bigint as n
from whole_numbers
group by day, feature_id, run_kind, field, k
union all
select
    day,
    feature_id,
    run_kind,
    'latency_ms' as field,
    log_bin(latency_ms) as k,
    count(*)::bigint as n
from calls
group by day, feature_id, run_kind, k
union all
select
    day,
    feature_id,
    run_kind,
    'ttft_ms' as field,
    log_bin(ttft_ms) as k,
    count(*)::bigint as n
from calls
group by day, feature_id, run_kind, k
union all
select
    day,
    feature_id,
    run_kind,
    'cost_usd' as field,
    log_bin(cost_usd) as k,
    count(*)::bigint as n
from calls
group by day, feature_id, run_kind, k
union all
select
    day,
    feature_id,
    run_kind,
    'context_score' as field,
    log_bin(context_score) as k,
    count(*)::bigint as n
from calls
group by day, feature_id, run_kind, k
union all
select
    day,
    feature_id,
    run_kind,
    'confidence' as field,
    log_bin(confidence) as k,
    count(*)::bigint as n
from calls
group by day, feature_id, run_kind, k
