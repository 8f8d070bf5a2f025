-- How good answers turned out to be, beside what may explain it: settings, model, prompt, context.
--
-- one row per: day x feature_id x outcome x name x run_kind x levers_key x bucket
-- reads:       core__calls, core__feedback, core__labels
-- params:      $first_day, $last_day
-- read by:     health/sampling
--
-- day             date     UTC day on which the outcome was known
-- feature_id      varchar
-- outcome         varchar  label (of a person or an outcome), feedback, or judge (a model's score)
-- name            varchar  name of the feedback; '' for labels and where the source has none
-- run_kind        varchar
-- levers_key      bigint   of everything from request_model to task
-- bucket          integer  0-63, jackknife group of the user (else session, eval case, call)
-- request_model   varchar
-- prompt_name     varchar
-- prompt_version  varchar
-- temperature     double   to 1 decimal; -1: known not to be set; null: unknown
-- top_p           double   to 1 decimal; likewise
-- context_bin     integer  0-4, fifths of context_score; null unknown
-- task            varchar  the true label; of feedback: language and length class of the input
-- n               bigint   outcomes
-- n_unanswered    bigint   labelled calls that predicted nothing: wrong, like other wrong answers
-- sum_score       double   sum of what is right (0 or 1), or of the score (0-1)
-- sum_score_sq    double   sum of squares
--
-- Why the first label of a call: a day judged once must not change when labels are corrected.
-- Why labels of 90 days and feedback of 7: it bounds what has to be read, as in the other tables.
-- Why feedback without a call is left out: nothing is known of what it was given for.
-- Why a case: least() skips nulls, and an unknown context would be the best one.
-- History read: calls of 90 and labels of 180 days before $first_day.
with told as (
    select
        labels.call_id,
        labels.label,
        calls.feature_id,
        greatest(labels.day, calls.day) as day,
        row_number() over (
            partition by labels.call_id
            order by
                greatest(labels.day, calls.day) asc, labels.labelled_at asc,
                labels.labeller_id asc nulls last, labels.label asc
        ) as place
    from core__labels as labels
    inner join core__calls as calls on labels.call_id = calls.call_id
    where
        labels.day >= $first_day::date - interval 180 day
        and labels.day <= $last_day::date
        and calls.day >= $first_day::date - interval 90 day
        and calls.day <= $last_day::date
        and labels.day <= calls.day + interval 90 day
        and labels.day >= calls.day - interval 90 day
        and labels.labeller_kind in ('human', 'outcome')
),

outcomes as (
    select
        day,
        feature_id,
        call_id,
        'label' as outcome,
        '' as name,
        label,
        null::double as score
    from told
    where place = 1 and day between $first_day and $last_day
    union all
    select
        day,
        feature_id,
        call_id,
        case when source_kind = 'LLM' then 'judge' else 'feedback' end as outcome,
        coalesce(name, '') as name,
        null::varchar as label,
        score
    from core__feedback
    where
        day between $first_day and $last_day
        and call_id is not null
        and score is not null
),

joined as (
    select
        o.day,
        o.feature_id,
        o.outcome,
        o.name,
        c.run_kind,
        c.request_model,
        c.prompt_name,
        c.prompt_version,
        bucket(coalesce(c.user_id, c.session_id, c.eval_case_id, c.call_id)) as bucket,
        case
            when not coalesce(c.params_known, true) then null::double
            when c.temperature is not null then round(c.temperature, 1)
            when c.params_known then -1.0::double
        end as temperature,
        case
            when not coalesce(c.params_known, true) then null::double
            when c.top_p is not null then round(c.top_p, 1)
            when c.params_known then -1.0::double
        end as top_p,
        case when c.context_score is not null then least(floor(c.context_score * 5), 4)::int end
            as context_bin,
        coalesce(
            o.label,
            coalesce(c.input_language, '?') || ' ' || coalesce(
                floor(ln(1.0::double + c.n_input_chars) / ln(4.0::double))::int::varchar, '?'
            )
        ) as task,
        case when o.outcome = 'label' and c.predicted_label is null then 1 else 0 end
            as is_unanswered,
        case
            when o.outcome <> 'label' then o.score
            when c.predicted_label = o.label then 1.0::double
            else 0.0::double
        end as y
    from outcomes as o
    inner join core__calls as c
        on
            o.call_id = c.call_id
            and o.feature_id = c.feature_id
            and c.day >= $first_day::date - interval 90 day
            and c.day <= $last_day::date
            and o.day >= c.day
            and (o.outcome = 'label' or o.day <= c.day + interval 7 day)
),

keyed as (
    select
        *,
        text_key(
            coalesce(request_model, '') || '|' || coalesce(prompt_name, '') || '|'
            || coalesce(prompt_version, '')
            || '|' || coalesce(round(temperature * 10)::bigint::varchar, '')
            || '|' || coalesce(round(top_p * 10)::bigint::varchar, '')
            || '|' || coalesce(context_bin::varchar, '') || '|' || task
        ) as levers_key
    from joined
)

select
    day,
    feature_id,
    outcome,
    name,
    run_kind,
    levers_key,
    bucket,
    max(request_model) as request_model,
    max(prompt_name) as prompt_name,
    max(prompt_version) as prompt_version,
    max(temperature) as temperature,
    max(top_p) as top_p,
    max(context_bin) as context_bin,
    max(task) as task,
    count(*)::bigint as n,
    sum(is_unanswered)::bigint as n_unanswered,
    sum(y)::double as sum_score,
    sum(y * y)::double as sum_score_sq
from keyed
group by day, feature_id, outcome, name, run_kind, levers_key, bucket
