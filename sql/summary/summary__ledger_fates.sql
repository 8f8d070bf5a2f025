-- What became of the single rows of each ledger step, as counts and sums that must add up.
--
-- one row per: pipeline_id x step_id x action x reason x of_feature x source_kind x bucket
-- reads:       core__feedback, core__ledger_rows, core__ledger_steps
-- read by:     health/provenance
--
-- pipeline_id    varchar
-- step_id        varchar
-- action         varchar    kept, dropped, modified or created
-- reason         varchar
-- of_feature     varchar    feature of the feedback behind the row; null where it is not known
-- source_kind    varchar    of that feedback
-- bucket         integer    0-63, group of the person who gave the feedback; null not known
-- started_at     timestamp  when the step began
-- n              bigint     rows
-- n_in           bigint     rows with an id before the step
-- n_out          bigint     rows with an id after it
-- n_named        bigint     rows that name a feedback
-- n_traced       bigint     rows whose feedback is known
-- n_weighted     bigint     rows with a weight
-- sum_weight     double     sum of the weights
-- sum_weight_sq  double     sum of their squares
-- hash_in        varchar    multiset hash of the ids before, a whole number below 2^64
-- hash_out       varchar    of the ids after
--
-- Why a hash: two steps that agree in numbers may still not have handed on the same rows.
-- Why not feature_id: of a table with that column a judgement is given its own rows only.
-- Why varchar: 64 bits and no sign fit no type that every engine has.
with fates as (
    select
        steps.pipeline_id,
        done.step_id,
        done.action,
        done.reason,
        feedback.feature_id as of_feature,
        feedback.source_kind,
        steps.started_at,
        done.in_row_id,
        done.out_row_id,
        done.feedback_id,
        feedback.feedback_id as traced_id,
        done.weight,
        case when feedback.rater_id is not null then bucket(feedback.rater_id) end as bucket
    from core__ledger_rows as done
    inner join core__ledger_steps as steps on done.step_id = steps.step_id
    left join core__feedback as feedback on done.feedback_id = feedback.feedback_id
)

select
    pipeline_id,
    step_id,
    action,
    reason,
    of_feature,
    source_kind,
    bucket,
    min(started_at) as started_at,
    count(*)::bigint as n,
    count(in_row_id)::bigint as n_in,
    count(out_row_id)::bigint as n_out,
    count(feedback_id)::bigint as n_named,
    count(traced_id)::bigint as n_traced,
    count(weight)::bigint as n_weighted,
    coalesce(sum(weight), 0)::double as sum_weight,
    coalesce(sum(weight * weight), 0)::double as sum_weight_sq,
    multiset_text(sum(multiset_key(in_row_id))) as hash_in,
    multiset_text(sum(multiset_key(out_row_id))) as hash_out
from fates
group by
    pipeline_id,
    step_id,
    action,
    reason,
    of_feature,
    source_kind,
    bucket
