-- How many calls have each value of each field that is a word, a name or a flag.
--
-- one row per: day x feature_id x run_kind x field x value
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/drift/input_drift.py, health/drift/output_drift.py
--
-- day         date     UTC day of the calls
-- feature_id  varchar
-- run_kind    varchar
-- field       varchar  see `fields` below
-- value       varchar  (null) where unknown; true or false for is_refusal and has_tools
-- n           bigint   calls with the value; for the field tool, calls that name it
--
-- Why combinations first: a day is scanned once, and only the combinations of values that occur
-- are turned into rows.
-- Why the field tool has no (null): a call may name no tool or several, so its counts do not add
-- up to calls; has_tools says how many name any.
-- Why has_tools is false where tools is null: many loggers write no empty list. Only of a call
-- that ended in an error it is unknown.
-- History read: only the days asked for.
with combinations as (
    select
        day,
        feature_id,
        run_kind,
        input_language,
        output_language,
        output_format,
        finish_reason,
        error_type,
        predicted_label,
        request_model,
        response_model,
        prompt_version,
        operation,
        case when is_refusal then 'true' when not is_refusal then 'false' end as is_refusal,
        case
            when tools is not null and tools <> '[]' then 'true'
            when coalesce(error_type, '') = '' then 'false'
        end as has_tools,
        count(*) as n
    from core__calls
    where day between $first_day and $last_day
    group by
        day, feature_id, run_kind, input_language, output_language, output_format, finish_reason,
        error_type, predicted_label, request_model, response_model, prompt_version, operation,
        case when is_refusal then 'true' when not is_refusal then 'false' end,
        case
            when tools is not null and tools <> '[]' then 'true'
            when coalesce(error_type, '') = '' then 'false'
        end
),

fields as (
    select 'input_language' as field
    union all
    select 'output_language'
    union all
    select 'output_format'
    union all
    select 'finish_reason'
    union all
    select 'error_type'
    union all
    select 'predicted_label'
    union all
    select 'request_model'
    union all
    select 'response_model'
    union all
    select 'prompt_version'
    union all
    select 'operation'
    union all
    select 'is_refusal'
    union all
    select 'has_tools'
),

of_calls as (
    select
        c.day,
        c.feature_id,
        c.run_kind,
        f.field,
        c.n,
        coalesce(
            case f.field
                when 'input_language' then c.input_language
                when 'output_language' then c.output_language
                when 'output_format' then c.output_format
                when 'finish_reason' then c.finish_reason
                when 'error_type' then c.error_type
                when 'predicted_label' then c.predicted_label
                when 'request_model' then c.request_model
                when 'response_model' then c.response_model
                when 'prompt_version' then c.prompt_version
                when 'operation' then c.operation
                when 'is_refusal' then c.is_refusal
                when 'has_tools' then c.has_tools
            end,
            '(null)'
        ) as value
    from combinations as c
    cross join fields as f
),

named as (
    select
        day,
        feature_id,
        run_kind,
        call_id,
        unnest(from_json(tools, '["VARCHAR"]')) as tool
    from core__calls
    where day between $first_day and $last_day and tools is not null
),

of_tools as (
    select
        day,
        feature_id,
        run_kind,
        'tool' as field,
        tool as value,
        1 as n
    from named
    where tool is not null
    group by day, feature_id, run_kind, call_id, tool
),

counts as (
    select
        day,
        feature_id,
        run_kind,
        field,
        value,
        n
    from of_calls
    union all
    select
        day,
        feature_id,
        run_kind,
        field,
        value,
        n
    from of_tools
)

select
    day,
    feature_id,
    run_kind,
    field,
    value,
    sum(n)::bigint as n
from counts
group by day, feature_id, run_kind, field, value
