-- What every eval run scored on every case, once the repeated trials are averaged.
--
-- one row per: eval_run_id x case_id
-- reads:       core__eval_results, core__eval_runs
-- params:      $first_day, $last_day
-- read by:     health/eval_rot, health/generalization
--
-- day             date     UTC day on which the run started
-- feature_id      varchar
-- suite_id        varchar
-- eval_run_id     varchar
-- role            varchar  champion, challenger, baseline, candidate or regression; null unknown
-- model           varchar
-- prompt_version  varchar
-- case_id         varchar
-- score           double   0-1, mean over the trials
-- p_passed        double   0-1, share of the trials marked as passed; null where none is marked
-- n_trials        bigint   trials behind the score
--
-- Why a mean over trials first: trials of one case are not independent cases.
-- Why p_passed beside score: a graded score passes at a mark that only the eval's owner knows.
-- History read: only runs of the days asked for; results have no time of their own but their run's.
select
    runs.day,
    runs.feature_id,
    runs.suite_id,
    runs.eval_run_id,
    runs.role,
    runs.model,
    runs.prompt_version,
    results.case_id,
    avg(results.score)::double as score,
    avg(
        case when results.passed then 1.0::double when not results.passed then 0.0::double end
    )::double as p_passed,
    count(*)::bigint as n_trials
from core__eval_runs as runs
inner join core__eval_results as results on runs.eval_run_id = results.eval_run_id
where
    runs.day between $first_day and $last_day
    and results.score is not null
group by
    runs.day,
    runs.feature_id,
    runs.suite_id,
    runs.eval_run_id,
    runs.role,
    runs.model,
    runs.prompt_version,
    results.case_id
