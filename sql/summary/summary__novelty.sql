-- Stated confidence of sampled calls, on topics known from before and on new ones.
--
-- one row per: day x feature_id x cell_is_new x bucket x k
-- reads:       core__calls, summary__text_cells
-- params:      $first_day, $last_day
-- read by:     health/calibration/out_of_scope.py
--
-- day          date     UTC day of started_at
-- feature_id   varchar
-- cell_is_new  boolean  the input is near no topic of the codebook
-- bucket       integer  0-63, jackknife group of the user (else session, else call)
-- k            integer  confidence bin 0-99, -1 where the call stated no confidence
-- n            bigint   calls of the day's text sample
--
-- Why the sample: topics are only known of it. It is random, so shares are those of all calls.
-- Why no run_kind: the text sample holds production only.
-- History read: only the days asked for.
select
    cells.day,
    cells.feature_id,
    (cells.cell = -1) as cell_is_new,
    bucket(coalesce(calls.user_id, calls.session_id, calls.call_id)) as bucket,
    coalesce(conf_bin(calls.confidence), -1) as k,
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
    (cells.cell = -1),
    bucket(coalesce(calls.user_id, calls.session_id, calls.call_id)),
    coalesce(conf_bin(calls.confidence), -1)
