-- What each reviewer completed, how long it took, and how it compares with seeded truth.
--
-- one row per: day x feature_id x queue_id x reviewer_id x shift_hour x dwell_bin
-- reads:       core__reviews
-- params:      $first_day, $last_day
-- read by:     health/review_queue
--
-- day             date     UTC day of completed_at
-- feature_id      varchar
-- queue_id        varchar
-- reviewer_id     varchar  HMAC-SHA256; null unknown
-- shift_hour      integer  0-12, full hours since the reviewer's first review of the last 12 hours
-- dwell_bin       integer  log_bin of the seconds from started_at to completed_at
-- n               bigint   reviews completed
-- n_suggested     bigint   of these with a suggestion and a decision
-- n_as_suggested  bigint   of these decided as suggested
-- n_gold          bigint   reviews with seeded truth and a decision
-- n_right         bigint   of these decided as the truth
-- n_seeded        bigint   reviews whose suggestion is wrong by seeded truth, with a decision
-- n_caught        bigint   of these decided otherwise than suggested
-- sum_dwell_s     double   sum of the seconds of dwell that are not negative
-- sum_dwell_sq    double   sum of their squares
--
-- Why the last 12 hours: a shift may cross midnight UTC, and no later row changes it.
-- History read: reviews of 91 days before each completion, completions of 12 hours before.
with completed as (
    select
        *,
        completed_at::date as completed_on,
        (epoch_us(completed_at) - epoch_us(started_at)) / 1000000.0 as dwell_s,
        min(completed_at) over (
            partition by feature_id, queue_id, reviewer_id
            order by completed_at
            range between interval 12 hour preceding and current row
        ) as shift_began_at
    from core__reviews
    where
        completed_at >= $first_day::timestamp - interval 12 hour
        and completed_at < $last_day::timestamp + interval 1 day
        and day >= completed_at::date - interval 91 day
)

select
    completed_on as day,
    feature_id,
    queue_id,
    reviewer_id,
    floor((epoch_us(completed_at) - epoch_us(shift_began_at)) / 3600000000.0)::integer
        as shift_hour,
    log_bin(dwell_s) as dwell_bin,
    count(*)::bigint as n,
    count(case when suggested_decision is not null then decision end)::bigint as n_suggested,
    count(case when decision = suggested_decision then 1 end)::bigint as n_as_suggested,
    count(case when gold_decision is not null then decision end)::bigint as n_gold,
    count(case when decision = gold_decision then 1 end)::bigint as n_right,
    count(case when gold_decision <> suggested_decision then decision end)::bigint as n_seeded,
    count(
        case when gold_decision <> suggested_decision and decision <> suggested_decision then 1 end
    )::bigint as n_caught,
    sum(case when dwell_s >= 0 then dwell_s else 0 end)::double as sum_dwell_s,
    sum(case when dwell_s >= 0 then dwell_s * dwell_s else 0 end)::double as sum_dwell_sq
from completed
where completed_on >= $first_day
group by
    completed_on,
    feature_id,
    queue_id,
    reviewer_id,
    shift_hour,
    dwell_bin
