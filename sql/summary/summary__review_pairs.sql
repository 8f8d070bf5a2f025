-- Decisions of two people about the same item, on the day of the later one.
--
-- one row per: day x feature_id x queue_id x bucket x decision x other_decision
-- reads:       core__reviews
-- params:      $first_day, $last_day
-- read by:     health/review_queue/low_agreement.py
--
-- day             date     UTC day on which the second of the two was completed
-- feature_id      varchar
-- queue_id        varchar
-- decision        varchar  of the first
-- other_decision  varchar  of the second
-- bucket          integer  0-63, jackknife group of the item
-- n               bigint   pairs
--
-- Why with the one before: an item that m people saw gives m - 1 pairs, not m (m - 1) / 2.
-- Why the call: it is the item where several tasks were made of it.
-- History read: reviews of 91 days before each completion.
with decided as (
    select
        feature_id,
        queue_id,
        completed_at,
        review_id,
        reviewer_id,
        decision,
        completed_at::date as completed_on,
        coalesce(call_id, task_id) as item_id
    from core__reviews
    where
        completed_at >= $first_day::timestamp - interval 91 day
        and completed_at < $last_day::timestamp + interval 1 day
        and day >= completed_at::date - interval 91 day
        and decision is not null
        and reviewer_id is not null
),

followed as (
    select
        feature_id,
        queue_id,
        completed_on,
        completed_at,
        item_id,
        reviewer_id,
        decision,
        lag(decision) over item as decision_before,
        lag(reviewer_id) over item as reviewer_before,
        lag(completed_at) over item as completed_before
    from decided
    window item as (
        partition by feature_id, queue_id, item_id
        order by completed_at, review_id
    )
)

select
    completed_on as day,
    feature_id,
    queue_id,
    decision_before as decision,
    decision as other_decision,
    bucket(item_id) as bucket,
    count(*)::bigint as n
from followed
where
    completed_on >= $first_day
    and reviewer_id <> reviewer_before
    and completed_before >= completed_on - interval 91 day
group by
    completed_on,
    feature_id,
    queue_id,
    bucket(item_id),
    decision_before,
    decision
