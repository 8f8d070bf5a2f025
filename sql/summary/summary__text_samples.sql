-- The production inputs of a day that are read as text: the 1,000 with the lowest sha256(call_id).
--
-- one row per: call_id
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     text/vectors.py, health/eval_rot
--
-- day           date     UTC day of started_at
-- feature_id    varchar
-- call_id       varchar
-- input_sha256  varchar  key of the text in core__contents
-- bucket        integer  0-63, jackknife group of the user (else session, else call)
-- is_failing    boolean  an error, a refusal or a truncated answer; known when the call ended
-- confidence    double   0-1, stated by the call
--
-- Why the lowest hashes: a random sample that is the same whenever it is drawn, on every engine,
-- and a larger one would contain it.
-- Why not feedback in is_failing: it comes later, and a day's rows must not change afterwards.
-- Why run_kind unknown on days without prod: a source that never says is production; one that
-- says prod somewhere on the day means it.
-- History read: only the days asked for.
with told as (
    select
        day,
        feature_id,
        max(case when run_kind = 'prod' then 1 else 0 end) as has_prod
    from core__calls
    where day between $first_day and $last_day
    group by day, feature_id
)

select
    calls.day,
    calls.feature_id,
    calls.call_id,
    calls.input_sha256,
    bucket(coalesce(calls.user_id, calls.session_id, calls.call_id)) as bucket,
    (
        calls.error_type is not null
        or coalesce(calls.is_refusal, false)
        or coalesce(lower(calls.finish_reason) in ('length', 'max_tokens'), false)
    ) as is_failing,
    calls.confidence
from core__calls as calls
inner join told
    on calls.day = told.day and calls.feature_id = told.feature_id
where
    calls.day between $first_day and $last_day
    and calls.input_sha256 is not null
    and (calls.run_kind = 'prod' or (calls.run_kind = 'unknown' and told.has_prod = 0))
qualify
    row_number() over (
        partition by calls.day, calls.feature_id
        order by sha256(calls.call_id), calls.call_id
    ) <= 1000
