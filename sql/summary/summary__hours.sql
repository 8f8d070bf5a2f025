-- Calls per hour of the day, when the last one of each hour began, and how many came late.
--
-- one row per: day x feature_id x run_kind x hour
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/drift/feed_gap.py
--
-- day              date       UTC day of the calls
-- feature_id       varchar
-- run_kind         varchar
-- hour             bigint     0 .. 23, UTC
-- n                bigint     calls that began in the hour
-- last_started_at  timestamp  the latest of them
-- n_late           bigint     calls written (updated_at) more than 24 h after they began
-- n_dated          bigint     calls that say when they were written (updated_at)
--
-- Why 24 h: a job that ships the log each night is not late.
-- Why no rows for empty hours: a feature that was never logged has no first day to count from.
select
    day,
    feature_id,
    run_kind,
    hour(started_at)::bigint as hour,
    count(*)::bigint as n,
    max(started_at) as last_started_at,
    sum(case when updated_at > started_at + interval 24 hour then 1 else 0 end)::bigint as n_late,
    count(updated_at)::bigint as n_dated
from core__calls
where day between $first_day and $last_day
group by day, feature_id, run_kind, hour(started_at)
