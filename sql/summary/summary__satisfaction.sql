-- What people said or did about the answers, as sums per bucket of users.
--
-- one row per: day x feature_id x name x source_kind x bucket
-- reads:       core__calls, core__feedback
-- params:      $first_day, $last_day
-- read by:     health/eval_rot/divergence.py
--
-- day           date     UTC day on which the feedback was given
-- feature_id    varchar
-- name          varchar  thumb, rating, csat, undo, edit, ...; null where the source has no name
-- source_kind   varchar  HUMAN, LLM, CODE or USER_IMPLICIT; null unknown
-- bucket        integer  0-63, jackknife group of the rater (else the call's user, session, ...)
-- n             bigint   feedback events
-- sum_score     double   sum of the scores, each 0-1
-- sum_score_sq  double   sum of their squares
--
-- Why source_kind is kept: a judge's score is no satisfaction, but it is feedback.
-- Why the call's user: feedback often names only its call, and one user's thumbs are alike.
-- Why a left join: feedback on a whole session has no call and still counts.
-- History read: calls of 7 days before $first_day. Feedback on an older call is grouped by session.
with raters as (
    select
        feedback.day,
        feedback.feature_id,
        feedback.name,
        feedback.source_kind,
        feedback.score,
        bucket(
            coalesce(
                feedback.rater_id,
                calls.user_id,
                feedback.session_id,
                calls.session_id,
                feedback.call_id,
                feedback.feedback_id
            )
        ) as bucket
    from core__feedback as feedback
    left join core__calls as calls
        on
            feedback.call_id = calls.call_id
            and feedback.feature_id = calls.feature_id
            and feedback.day >= calls.day
            and feedback.day <= calls.day + interval 7 day
            and calls.day >= $first_day::date - interval 7 day
            and calls.day <= $last_day::date
    where
        feedback.day between $first_day and $last_day
        and feedback.score is not null
)

select
    day,
    feature_id,
    name,
    source_kind,
    bucket,
    count(*)::bigint as n,
    sum(score)::double as sum_score,
    sum(score * score)::double as sum_score_sq
from raters
group by
    day,
    feature_id,
    name,
    source_kind,
    bucket
