-- What was logged, and how many of the rows say what checks need of them.
--
-- one row per: day x feature_id x table_name x field
-- reads:       core__feedback, core__reviews, summary__calibration, summary__eval_items
-- reads:       summary__nulls, summary__outcomes, summary__parameters, summary__stage_hours
-- params:      $first_day, $last_day
-- read by:     health/ownership/data_not_ready.py
--
-- day         date     UTC day of the rows; of eval results that of their run
-- feature_id  varchar
-- table_name  varchar  table that people bring, or eval_calls for the calls of evals
-- field       varchar  column of it, of which a row may say nothing
-- n           bigint   rows
-- n_known     bigint   of these, rows that say it
--
-- Known of a role: candidate or challenger; of a stage: llm, against the requests; of a
-- labeller_kind: judge; of a temperature: that it is known not to be set, too. Labels are those of
-- people and of outcomes.
-- Why no row where nothing is logged: a feature of which nothing is known has no day either.
-- Why calls of unknown kind count as production: some logs do not say what a call was for.
with counted as (
    select
        day,
        feature_id,
        case when run_kind = 'eval' then 'eval_calls' else 'calls' end as table_name,
        field,
        sum(n) as n,
        sum(n - n_null) as n_known
    from summary__nulls
    where
        day between $first_day and $last_day
        and run_kind in ('prod', 'unknown', 'eval')
    group by day, feature_id, case when run_kind = 'eval' then 'eval_calls' else 'calls' end, field
    union all
    select
        day,
        feature_id,
        'calls' as table_name,
        'temperature' as field,
        sum(n) as n,
        sum(case when temperature is not null or coalesce(params_known, false) then n else 0 end)
            as n_known
    from summary__parameters
    where
        day between $first_day and $last_day
        and run_kind in ('prod', 'unknown')
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'labels' as table_name,
        'label' as field,
        sum(n) as n,
        sum(n) as n_known
    from summary__outcomes
    where
        day between $first_day and $last_day
        and outcome = 'label'
        and run_kind in ('prod', 'unknown')
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'labels' as table_name,
        'labeller_kind' as field,
        sum(case when n > 0 then n else 0 end) as n,
        sum(case when labeller = 'judge' and n > 0 then n else 0 end) as n_known
    from summary__calibration
    where
        day between $first_day and $last_day
        and run_kind in ('prod', 'unknown')
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'feedback' as table_name,
        'score' as field,
        count(*) as n,
        count(score) as n_known
    from core__feedback
    where day between $first_day and $last_day
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'feedback' as table_name,
        'call_id' as field,
        count(*) as n,
        count(call_id) as n_known
    from core__feedback
    where day between $first_day and $last_day
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'reviews' as table_name,
        'review_id' as field,
        count(*) as n,
        count(review_id) as n_known
    from core__reviews
    where day between $first_day and $last_day
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'reviews' as table_name,
        'completed_at' as field,
        count(*) as n,
        count(completed_at) as n_known
    from core__reviews
    where day between $first_day and $last_day
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'reviews' as table_name,
        'reviewer_id' as field,
        count(*) as n,
        count(reviewer_id) as n_known
    from core__reviews
    where day between $first_day and $last_day
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'reviews' as table_name,
        'gold_decision' as field,
        count(*) as n,
        count(gold_decision) as n_known
    from core__reviews
    where day between $first_day and $last_day
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'eval_results' as table_name,
        'score' as field,
        count(*) as n,
        count(score) as n_known
    from summary__eval_items
    where day between $first_day and $last_day
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'eval_runs' as table_name,
        'role' as field,
        count(*) as n,
        sum(case when role in ('candidate', 'challenger') then 1 else 0 end) as n_known
    from summary__eval_items
    where day between $first_day and $last_day
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'spans' as table_name,
        'span_id' as field,
        sum(n) as n,
        sum(n) as n_known
    from summary__stage_hours
    where
        day between $first_day and $last_day
        and stage = '(request)'
        and run_kind in ('prod', 'unknown')
    group by day, feature_id
    union all
    select
        day,
        feature_id,
        'spans' as table_name,
        'stage' as field,
        sum(case when stage = '(request)' then n else 0 end) as n,
        sum(case when stage = 'llm' then n else 0 end) as n_known
    from summary__stage_hours
    where
        day between $first_day and $last_day
        and run_kind in ('prod', 'unknown')
    group by day, feature_id
)

select
    day,
    feature_id,
    table_name,
    field,
    n::bigint as n,
    n_known::bigint as n_known
from counted
