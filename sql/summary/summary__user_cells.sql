-- Sampled inputs per topic and user, and how near they are to their topic.
--
-- one row per: day x feature_id x cell x user_key x is_user x similarity_bin
-- reads:       core__calls, summary__text_cells
-- params:      $first_day, $last_day
-- read by:     health/coevolution
--
-- day             date     UTC day of started_at
-- feature_id      varchar
-- cell            integer  topic; -1 where no topic is near
-- user_key        bigint   60-bit hash of the user (else session, else call)
-- is_user         boolean  the call names its user, so that the key holds over days
-- bucket          integer  0-63, jackknife group of the same
-- similarity_bin  integer  cosine with the topic's middle, in fiftieths, rounded down
-- n               bigint   inputs of the day's text sample
--
-- Why similarity: most of a new topic shares cells with old ones and lies at their edge.
-- Why no run_kind: the text sample holds production only.
-- History read: only the days asked for.
select
    cells.day,
    cells.feature_id,
    cells.cell,
    text_key(coalesce(calls.user_id, calls.session_id, calls.call_id)) as user_key,
    (calls.user_id is not null) as is_user,
    bucket(coalesce(calls.user_id, calls.session_id, calls.call_id)) as bucket,
    floor(cells.similarity * 50)::int as similarity_bin,
    count(*)::bigint as n
from summary__text_cells as cells
inner join core__calls as calls
    on cells.call_id = calls.call_id and cells.day = calls.day
where
    cells.day between $first_day and $last_day
    and calls.day between $first_day and $last_day
group by
    cells.day,
    cells.feature_id,
    cells.cell,
    text_key(coalesce(calls.user_id, calls.session_id, calls.call_id)),
    (calls.user_id is not null),
    bucket(coalesce(calls.user_id, calls.session_id, calls.call_id)),
    floor(cells.similarity * 50)::int
