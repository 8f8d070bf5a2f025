-- One person's review of one item: canonical rows, each once.
--
-- one row per: review_id
-- reads:       landed__reviews
-- params:      $first_day, $last_day
-- read by:     sql/summary
--
-- day                 date       UTC day of created_at
-- review_id           varchar
-- task_id             varchar
-- feature_id          varchar
-- queue_id            varchar
-- created_at          timestamp
-- call_id             varchar
-- assigned_at         timestamp
-- started_at          timestamp
-- completed_at        timestamp
-- due_at              timestamp
-- reviewer_id         varchar    HMAC-SHA256
-- decision            varchar
-- suggested_decision  varchar
-- gold_decision       varchar
-- priority            varchar
-- attributes          varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    cast(created_at as date) as day,
    review_id,
    task_id,
    feature_id,
    queue_id,
    created_at,
    call_id,
    assigned_at,
    started_at,
    completed_at,
    due_at,
    reviewer_id,
    decision,
    suggested_decision,
    gold_decision,
    priority,
    attributes
from landed__reviews
where
    created_at >= $first_day::timestamp
    and created_at < $last_day::timestamp + interval 1 day
qualify
    row_number() over (
        partition by review_id
        order by file_id
    ) = 1
