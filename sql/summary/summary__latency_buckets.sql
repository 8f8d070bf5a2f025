-- How long calls took, in coarse logarithmic bins, per bucket of users.
--
-- one row per: day x feature_id x run_kind x field x bucket x k_coarse
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/drift/service_drift.py
--
-- day         date     UTC day of the calls
-- feature_id  varchar
-- run_kind    varchar
-- field       varchar  latency_ms | ttft_ms
-- bucket      integer  0 .. 63, by user, else session, else call
-- k_coarse    bigint   floor(log_bin / 8): a bin is 17 % wide; below -12000 zero or negative
-- n           bigint   calls whose value is known
--
-- Why coarse: the error of a share needs buckets, and 64 buckets of fine bins would be as many
-- rows as calls. Inside a bin the check interpolates.
with timings as (
    select
        day,
        feature_id,
        run_kind,
        'latency_ms' as field,
        bucket(coalesce(user_id, session_id, call_id)) as bucket,
        floor(log_bin(latency_ms) / 8)::bigint as k_coarse
    from core__calls
    where day between $first_day and $last_day and latency_ms is not null
    union all
    select
        day,
        feature_id,
        run_kind,
        'ttft_ms' as field,
        bucket(coalesce(user_id, session_id, call_id)) as bucket,
        floor(log_bin(ttft_ms) / 8)::bigint as k_coarse
    from core__calls
    where day between $first_day and $last_day and ttft_ms is not null
)

select
    day,
    feature_id,
    run_kind,
    field,
    bucket,
    k_coarse,
    count(*)::bigint as n
from timings
group by day, feature_id, run_kind, field, bucket, k_coarse
