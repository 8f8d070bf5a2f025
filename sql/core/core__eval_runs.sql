-- One run of an eval suite: canonical rows, each once.
--
-- one row per: eval_run_id
-- reads:       landed__eval_runs
-- params:      $first_day, $last_day
-- read by:     sql/summary
--
-- day             date       UTC day of started_at
-- eval_run_id     varchar
-- feature_id      varchar
-- suite_id        varchar
-- started_at      timestamp
-- suite_version   varchar
-- role            varchar
-- model           varchar
-- component_id    varchar
-- prompt_name     varchar
-- prompt_version  varchar
-- temperature     double
-- top_p           double
-- judge_model     varchar
-- attributes      varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    cast(started_at as date) as day,
    eval_run_id,
    feature_id,
    suite_id,
    started_at,
    suite_version,
    role,
    model,
    component_id,
    prompt_name,
    prompt_version,
    temperature,
    top_p,
    judge_model,
    attributes
from landed__eval_runs
where
    started_at >= $first_day::timestamp
    and started_at < $last_day::timestamp + interval 1 day
qualify
    row_number() over (
        partition by eval_run_id
        order by file_id
    ) = 1
