-- Eval cases that reached the training signal word for word, by ledger step.
--
-- one row per: pipeline_id x step_id x feature_id x suite_id x case_id x match
-- reads:       core__calls, core__eval_cases, core__feedback, core__ledger_rows, core__ledger_steps
-- read by:     health/provenance/leaked_eval_cases.py
--
-- pipeline_id  varchar
-- step_id      varchar
-- feature_id   varchar    feature of the eval case
-- suite_id     varchar
-- case_id      varchar
-- match        varchar    input: the same text; run: the row came from a run of the case;
--                         row: the row's id is the hash of the case's text
-- started_at   timestamp  when the step began
-- added_at     timestamp  when the case joined the suite; null not known
-- retired_at   timestamp
-- n            bigint     rows that the step kept, changed or created
--
-- Why any feature: a case of one feature in another's training is a leak as well.
with used as (
    select
        steps.pipeline_id,
        done.step_id,
        steps.started_at,
        done.out_row_id,
        done.in_row_id,
        calls.feature_id as called_feature,
        calls.input_sha256,
        calls.eval_case_id
    from core__ledger_rows as done
    inner join core__ledger_steps as steps on done.step_id = steps.step_id
    left join core__feedback as feedback on done.feedback_id = feedback.feedback_id
    left join core__calls as calls
        on
            feedback.call_id = calls.call_id
            and feedback.feature_id = calls.feature_id
    where done.action <> 'dropped'
),

matched as (
    select
        used.pipeline_id,
        used.step_id,
        used.started_at,
        cases.feature_id,
        cases.suite_id,
        cases.case_id,
        cases.added_at,
        cases.retired_at,
        'input' as match
    from used
    inner join core__eval_cases as cases on used.input_sha256 = cases.input_sha256
    union all
    select
        used.pipeline_id,
        used.step_id,
        used.started_at,
        cases.feature_id,
        cases.suite_id,
        cases.case_id,
        cases.added_at,
        cases.retired_at,
        'run' as match
    from used
    inner join core__eval_cases as cases
        on
            used.eval_case_id = cases.case_id
            and used.called_feature = cases.feature_id
    union all
    select
        used.pipeline_id,
        used.step_id,
        used.started_at,
        cases.feature_id,
        cases.suite_id,
        cases.case_id,
        cases.added_at,
        cases.retired_at,
        'row' as match
    from used
    inner join core__eval_cases as cases
        on coalesce(used.out_row_id, used.in_row_id) = cases.input_sha256
)

select
    pipeline_id,
    step_id,
    feature_id,
    suite_id,
    case_id,
    match,
    min(started_at) as started_at,
    min(added_at) as added_at,
    max(retired_at) as retired_at,
    count(*)::bigint as n
from matched
group by
    pipeline_id,
    step_id,
    feature_id,
    suite_id,
    case_id,
    match
