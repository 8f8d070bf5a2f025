-- The truth about a call, often late: canonical rows, each once.
--
-- one row per: call_id x labelled_at x labeller_kind x labeller_id
-- reads:       landed__labels
-- params:      $first_day, $last_day
-- read by:     sql/summary
--
-- day            date       UTC day of labelled_at
-- call_id        varchar
-- label          varchar
-- labelled_at    timestamp
-- labeller_kind  varchar
-- labeller_id    varchar    HMAC-SHA256
-- attributes     varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    cast(labelled_at as date) as day,
    call_id,
    label,
    labelled_at,
    labeller_kind,
    labeller_id,
    attributes
from landed__labels
where
    labelled_at >= $first_day::timestamp
    and labelled_at < $last_day::timestamp + interval 1 day
qualify
    row_number() over (
        partition by call_id, labelled_at, labeller_kind, labeller_id
        order by file_id
    ) = 1
