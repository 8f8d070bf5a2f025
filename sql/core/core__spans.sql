-- One step in a request: canonical rows, each once.
--
-- one row per: trace_id x span_id
-- reads:       landed__spans
-- params:      $first_day, $last_day
-- read by:     sql/summary
--
-- day             date       UTC day of started_at
-- trace_id        varchar
-- span_id         varchar
-- feature_id      varchar
-- name            varchar
-- started_at      timestamp
-- duration_ms     double
-- parent_span_id  varchar
-- stage           varchar
-- status          varchar
-- run_kind        varchar
-- n_items         bigint
-- attributes      varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    cast(started_at as date) as day,
    trace_id,
    span_id,
    feature_id,
    name,
    started_at,
    duration_ms,
    parent_span_id,
    stage,
    status,
    run_kind,
    n_items,
    attributes
from landed__spans
where
    started_at >= $first_day::timestamp
    and started_at < $last_day::timestamp + interval 1 day
qualify
    row_number() over (
        partition by trace_id, span_id
        order by file_id
    ) = 1
