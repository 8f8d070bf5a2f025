-- Reviews that came and reviews that were completed, each counted on its own day.
--
-- one row per: day x feature_id x queue_id x event x created_hour x wait_bin
-- reads:       core__reviews
-- params:      $first_day, $last_day
-- read by:     health/review_queue
--
-- day           date       UTC day of the event
-- feature_id    varchar
-- queue_id      varchar
-- event         varchar    created, completed, undated (no completed_at) or negative
-- created_hour  timestamp  full hour in which the item came
-- wait_bin      integer    log_bin of the seconds from created_at to completed_at; else null
-- n             bigint     reviews
-- sum_wait_s    double     sum of these seconds; 0 where there are none
--
-- Why events: what was open at the end of a day is what came less what was completed by then, so
-- that a day says the same whenever it is asked about.
-- Why created_hour on completions: it tells which items are still open, and how old they are.
-- History read: reviews of 91 days before each event. What was completed later stays open.
with events as (
    select
        day,
        feature_id,
        queue_id,
        'created' as event,
        created_at,
        null::double as wait_s
    from core__reviews
    where day between $first_day and $last_day
    union all
    select
        day,
        feature_id,
        queue_id,
        'undated' as event,
        created_at,
        null::double as wait_s
    from core__reviews
    where
        day between $first_day and $last_day
        and decision is not null
        and completed_at is null
    union all
    select
        completed_at::date as day,
        feature_id,
        queue_id,
        case when completed_at < created_at then 'negative' else 'completed' end as event,
        created_at,
        (epoch_us(completed_at) - epoch_us(created_at)) / 1000000.0 as wait_s
    from core__reviews
    where
        completed_at >= $first_day::timestamp
        and completed_at < $last_day::timestamp + interval 1 day
        and day >= completed_at::date - interval 91 day
)

select
    day,
    feature_id,
    queue_id,
    event,
    date_trunc('hour', created_at)::timestamp as created_hour,
    case when event = 'completed' then log_bin(wait_s) end as wait_bin,
    count(*)::bigint as n,
    sum(coalesce(wait_s, 0))::double as sum_wait_s
from events
group by
    day,
    feature_id,
    queue_id,
    event,
    created_hour,
    wait_bin
