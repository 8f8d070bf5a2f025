-- Who is asked and who answers: calls of a week ago, and the feedback they had since, by stratum.
--
-- one row per: day x feature_id x name x dimension x stratum x bucket
-- reads:       core__calls, core__feedback
-- params:      $first_day, $last_day
-- read by:     health/provenance/feedback_bias.py
--
-- day         date     7 days after the calls
-- feature_id  varchar
-- name        varchar  '': the calls; else the name of the feedback on them, (none) without one
-- dimension   varchar  activity, language, length or outcome
-- stratum     varchar
-- bucket      integer  0-63, jackknife group of the user (else session, call)
-- n           bigint   calls, or calls with feedback of this name
-- sum_score   double   sum of the scores of the first feedback of this name on each call
--
-- Why 7 days later: feedback comes late, and a day's rows must not change once they are judged.
-- Why people only: a judge answers whenever it is asked.
-- Why run_kind unknown on days without prod: a source that never says is production.
-- History read: calls and feedback of 7 days before $first_day.
with told as (
    select
        feature_id,
        call_id,
        run_kind,
        day + 7 as day,
        bucket(coalesce(user_id, session_id, call_id)) as bucket,
        coalesce(input_language, '(unknown)') as language,
        case
            when n_input_chars is null then '(unknown)'
            when n_input_chars < 40 then 'under 40 characters'
            when n_input_chars < 200 then '40 to 199 characters'
            when n_input_chars < 1000 then '200 to 999 characters'
            else '1,000 characters or more'
        end as length,
        case
            when error_type is not null then 'error'
            when coalesce(is_refusal, false) then 'refusal'
            when coalesce(lower(finish_reason) in ('length', 'max_tokens'), false) then 'cut off'
            else 'answered'
        end as outcome,
        case
            when user_id is null then 0
            else count(*) over (partition by day, feature_id, user_id)
        end as n_of_user,
        max(case when run_kind = 'prod' then 1 else 0 end) over (
            partition by day, feature_id
        ) as has_prod
    from core__calls
    where day between $first_day::date - 7 and $last_day::date - 7
),

asked as (
    select
        day,
        feature_id,
        call_id,
        bucket,
        language,
        length,
        outcome,
        case
            when n_of_user = 0 then '(unknown)'
            when n_of_user = 1 then '1 call a day'
            when n_of_user < 5 then '2 to 4 calls a day'
            when n_of_user < 20 then '5 to 19 calls a day'
            else '20 calls a day or more'
        end as activity
    from told
    where run_kind = 'prod' or (run_kind = 'unknown' and has_prod = 0)
),

given as (
    select
        asked.day,
        asked.feature_id,
        asked.bucket,
        asked.language,
        asked.length,
        asked.outcome,
        asked.activity,
        feedback.score,
        coalesce(feedback.name, '(none)') as name,
        row_number() over (
            partition by feedback.feature_id, feedback.call_id, coalesce(feedback.name, '(none)')
            order by feedback.created_at, feedback.feedback_id
        ) as place
    from core__feedback as feedback
    inner join asked
        on
            feedback.call_id = asked.call_id
            and feedback.feature_id = asked.feature_id
            and feedback.day <= asked.day
            and feedback.day >= asked.day - 7
    where
        feedback.day between $first_day::date - 7 and $last_day::date
        and feedback.score is not null
        and coalesce(feedback.source_kind, 'HUMAN') in ('HUMAN', 'USER_IMPLICIT')
),

told_and_given as (
    select
        day,
        feature_id,
        '' as name,
        bucket,
        language,
        length,
        outcome,
        activity,
        0.0::double as score
    from asked
    union all
    select
        day,
        feature_id,
        name,
        bucket,
        language,
        length,
        outcome,
        activity,
        score
    from given
    where place = 1
),

counted as (
    select
        day,
        feature_id,
        name,
        bucket,
        language,
        length,
        outcome,
        activity,
        count(*)::bigint as n,
        sum(score)::double as sum_score
    from told_and_given
    group by day, feature_id, name, bucket, language, length, outcome, activity
),

strata as (
    select
        day,
        feature_id,
        name,
        'activity' as dimension,
        activity as stratum,
        bucket,
        n,
        sum_score
    from counted
    union all
    select
        day,
        feature_id,
        name,
        'language' as dimension,
        language as stratum,
        bucket,
        n,
        sum_score
    from counted
    union all
    select
        day,
        feature_id,
        name,
        'length' as dimension,
        length as stratum,
        bucket,
        n,
        sum_score
    from counted
    union all
    select
        day,
        feature_id,
        name,
        'outcome' as dimension,
        outcome as stratum,
        bucket,
        n,
        sum_score
    from counted
)

select
    day,
    feature_id,
    name,
    dimension,
    stratum,
    bucket,
    sum(n)::bigint as n,
    sum(sum_score)::double as sum_score
from strata
group by day, feature_id, name, dimension, stratum, bucket
