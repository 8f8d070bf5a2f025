-- Inputs that reached the training signal: of each ledger step with rows, the 50,000 lowest hashes.
--
-- one row per: pipeline_id x step_id x feature_id x input_sha256
-- reads:       core__calls, core__feedback, core__ledger_rows, core__ledger_steps
-- read by:     health/provenance, text/near_duplicates.py
--
-- pipeline_id   varchar
-- step_id       varchar
-- feature_id    varchar    feature of the feedback
-- input_sha256  varchar    key of the input's text in core__contents
-- started_at    timestamp  when the step began
-- n             bigint     rows that the step kept, changed or created of this input
--
-- A row leads to its input through its feedback and that feedback's call; the rest is not seen.
-- Why the lowest hashes: a sample that is the same whenever it is drawn, and keeps all copies of
-- an input or none.
with used as (
    select
        steps.pipeline_id,
        done.step_id,
        feedback.feature_id,
        calls.input_sha256,
        min(steps.started_at) as started_at,
        count(*)::bigint as n
    from core__ledger_rows as done
    inner join core__ledger_steps as steps on done.step_id = steps.step_id
    inner join core__feedback as feedback on done.feedback_id = feedback.feedback_id
    inner join core__calls as calls
        on
            feedback.call_id = calls.call_id
            and feedback.feature_id = calls.feature_id
    where
        done.action <> 'dropped'
        and calls.input_sha256 is not null
    group by
        steps.pipeline_id,
        done.step_id,
        feedback.feature_id,
        calls.input_sha256
)

select
    pipeline_id,
    step_id,
    feature_id,
    input_sha256,
    started_at,
    n
from used
qualify
    row_number() over (
        partition by pipeline_id, step_id, feature_id
        order by input_sha256
    ) <= 50000
