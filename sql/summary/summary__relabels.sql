-- Labels before and after a relabelling step, and labels of two template versions on shared rows.
--
-- one row per: pipeline_id x step_id x other_version x label x other_label
-- reads:       core__ledger_rows, core__ledger_steps
-- read by:     health/provenance
--
-- pipeline_id    varchar
-- step_id        varchar
-- other_version  varchar    prompt_version of the newest earlier step that labelled the row
--                           under another version; null: other_label is the label before the step
-- label          varchar    label that the step gave
-- other_label    varchar    label under other_version, or before the step
-- started_at     timestamp  when the step began
-- version        varchar    prompt_version of the step; null not known
-- n              bigint     rows
--
-- Labels of rows are label_in and label_out of ledger_rows, columns that one may add: the contract
-- keeps them in attributes.
-- Why 180 days: it bounds what has to be compared.
-- Why the newest earlier step: a row that was labelled ten times is still one row.
with labelled as (
    select
        steps.pipeline_id,
        done.step_id,
        steps.started_at,
        steps.seq,
        steps.prompt_version as version,
        coalesce(done.in_row_id, done.out_row_id) as row_id,
        json_extract_string(done.attributes, '$.label_in') as label_in,
        json_extract_string(done.attributes, '$.label_out') as label_out
    from core__ledger_rows as done
    inner join core__ledger_steps as steps on done.step_id = steps.step_id
    where
        done.attributes is not null
        and done.action in ('kept', 'modified')
        and steps.op in ('relabel', 'map', 'ingest')
),

paired as (
    select
        now_given.pipeline_id,
        now_given.step_id,
        now_given.started_at,
        now_given.version,
        earlier.version as other_version,
        now_given.label_out as label,
        earlier.label_out as other_label,
        row_number() over (
            partition by now_given.pipeline_id, now_given.step_id, now_given.row_id
            order by earlier.seq desc, earlier.version asc, earlier.label_out asc
        ) as place
    from labelled as now_given
    inner join labelled as earlier
        on
            now_given.pipeline_id = earlier.pipeline_id
            and now_given.row_id = earlier.row_id
            and now_given.version <> earlier.version
            and now_given.seq > earlier.seq
            and now_given.started_at <= earlier.started_at + interval 180 day
    where
        now_given.label_out is not null
        and earlier.label_out is not null
),

pairs as (
    select
        pipeline_id,
        step_id,
        started_at,
        version,
        other_version,
        label,
        other_label
    from paired
    where place = 1
    union all
    select
        pipeline_id,
        step_id,
        started_at,
        version,
        null::varchar as other_version,
        label_out as label,
        label_in as other_label
    from labelled
    where label_in is not null and label_out is not null
)

select
    pipeline_id,
    step_id,
    other_version,
    label,
    other_label,
    min(started_at) as started_at,
    max(version) as version,
    count(*)::bigint as n
from pairs
group by
    pipeline_id,
    step_id,
    other_version,
    label,
    other_label
