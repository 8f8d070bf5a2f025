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
        call_id,
        input_sha256,
        run_kind,
        confidence,
        bucket(coalesce(user_id, session_id, call_id)) as bucket,
        (
            error_type is not null
            or coalesce(is_refusal, false)
            or coalesce(lower(finish_reason) in ('length', 'max_tokens'), false)
        ) as is_failing,
        max(case when run_kind = 'prod' then 1 else 0 end) over (
            partition by day, feature_id
        ) as has_prod
    from core__calls
    where day between $first_day and $last_day
)

select
    day,
    feature_id,
    call_id,
    input_sha256,
    bucket,
    is_failing,
    confidence
from told
where
    input_sha256 is not null
    and (run_kind = 'prod' or (run_kind = 'unknown' and has_prod = 0))
qualify
    row_number() over (
        partition by day, feature_id
        order by sha256(call_id), call_id
    ) <= 1000
