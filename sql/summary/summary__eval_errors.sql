-- Eval cases that ended in an error in some trial: what their score says is no one's ability.
--
-- one row per: eval_run_id x case_id
-- reads:       core__eval_results, core__eval_runs
-- params:      $first_day, $last_day
-- read by:     health/generalization
--
-- day          date     UTC day on which the run started
-- feature_id   varchar
-- suite_id     varchar
-- eval_run_id  varchar
-- case_id      varchar
-- error_type   varchar  of the trials' errors the first by name
-- n_errors     bigint   trials with an error
--
-- Why cases without errors are left out: they are nearly all, and summary__eval_items has them.
-- History read: only runs of the days asked for; results have no time of their own but their run's.
select
    runs.day,
    runs.feature_id,
    runs.suite_id,
    runs.eval_run_id,
    results.case_id,
    min(results.error_type) as error_type,
    count(*)::bigint as n_errors
from core__eval_runs as runs
inner join core__eval_results as results on runs.eval_run_id = results.eval_run_id
where
    runs.day between $first_day and $last_day
    and results.error_type is not null
    and results.error_type <> ''
group by
    runs.day,
    runs.feature_id,
    runs.suite_id,
    runs.eval_run_id,
    results.case_id
