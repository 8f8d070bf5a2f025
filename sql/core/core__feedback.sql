-- What people said or did: canonical rows, each once.
--
-- one row per: feedback_id
-- reads:       landed__feedback
-- params:      $first_day, $last_day
-- read by:     sql/summary
--
-- day             date       UTC day of created_at
-- feedback_id     varchar
-- feature_id      varchar
-- created_at      timestamp
-- score           double     0-1
-- name            varchar
-- call_id         varchar
-- session_id      varchar
-- rater_id        varchar    HMAC-SHA256
-- source_kind     varchar
-- comment_sha256  varchar    key of the text in core__contents
-- attributes      varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    cast(created_at as date) as day,
    feedback_id,
    feature_id,
    created_at,
    score,
    name,
    call_id,
    session_id,
    rater_id,
    source_kind,
    comment_sha256,
    attributes
from landed__feedback
where
    created_at >= $first_day::timestamp
    and created_at < $last_day::timestamp + interval 1 day
qualify
    row_number() over (
        partition by feedback_id
        order by file_id
    ) = 1
