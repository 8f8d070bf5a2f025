-- What traffic shows of a feature's parts: models, embedding models, prompts and tools.
--
-- one row per: day x feature_id x run_kind x kind x name x version x asked x seen_in
-- reads:       core__calls, core__spans
-- params:      $first_day, $last_day
-- read by:     health/bom, bills of materials
--
-- day         date     UTC day of the calls or steps
-- feature_id  varchar
-- run_kind    varchar
-- kind        varchar  model | embedding_model | prompt | tool
-- name        varchar  as logged, of a model the one that answered; null: calls did not say
-- version     varchar  of a prompt; null where not told, and for all else
-- asked       varchar  the model that was asked for, where another name answered
-- seen_in     varchar  calls | spans
-- n_calls     bigint   calls, or steps of spans, that show it
-- n_errors    bigint   of these, those that failed
-- n_of        bigint   calls (embeddings or others), or steps of tools, that could have shown it
--
-- Why the model that answered goes before the one asked for: a gateway that falls back asks for
-- what is on the list and gets what is not. The version that a model's name ends with stays in it:
-- every provider writes it otherwise, and a judgement reads the part's name and version with it.
-- Why a null name has a row: it says how much traffic there was that showed nothing.
-- Why not every step's name is a tool: one that has the word tool in it (tool, run tools) says what
-- the code does. Before it go the attribute that names the tool, and what follows execute_tool or
-- tools/call as OpenTelemetry writes it.
-- Why combinations first: a day is scanned once, and a list of tools is taken apart once.
-- Bounds: of a day, feature, kind and source the 200 most frequent are kept, so that a service that
-- makes up a name per call does not make a row per call.
-- History read: only the days asked for.
with calls as (
    select
        day,
        feature_id,
        run_kind,
        request_model,
        response_model,
        prompt_name,
        prompt_version,
        tools,
        case when operation = 'embeddings' then 'embedding_model' else 'model' end as kind,
        count(*) as n_calls,
        sum(case when error_type <> '' then 1 else 0 end) as n_errors
    from core__calls
    where day between $first_day and $last_day
    group by
        day,
        feature_id,
        run_kind,
        case when operation = 'embeddings' then 'embedding_model' else 'model' end,
        request_model,
        response_model,
        prompt_name,
        prompt_version,
        tools
),

steps as (
    select
        day,
        feature_id,
        run_kind,
        name,
        json_extract_string(attributes, '$."gen_ai.tool.name"') as tool,
        count(*) as n_calls,
        sum(case when lower(status) = 'error' then 1 else 0 end) as n_errors
    from core__spans
    where day between $first_day and $last_day and stage = 'tool'
    group by
        day,
        feature_id,
        run_kind,
        name,
        json_extract_string(attributes, '$."gen_ai.tool.name"')
),

combinations as (
    select distinct tools
    from calls
    where tools is not null
),

listed as (
    select
        tools,
        unnest(from_json(tools, '["VARCHAR"]')) as tool
    from combinations
),

named as (
    select distinct
        tools,
        tool
    from listed
    where tool <> ''
),

shown as (
    select
        day,
        feature_id,
        run_kind,
        kind,
        coalesce(nullif(response_model, ''), nullif(request_model, '')) as name,
        null::varchar as version,
        case
            when response_model <> '' and request_model <> '' and request_model <> response_model
                then request_model
        end as asked,
        'calls' as seen_in,
        n_calls,
        n_errors
    from calls
    union all
    select
        day,
        feature_id,
        run_kind,
        'prompt' as kind,
        nullif(prompt_name, '') as name,
        nullif(prompt_version, '') as version,
        null::varchar as asked,
        'calls' as seen_in,
        n_calls,
        n_errors
    from calls
    where kind = 'model'
    union all
    select
        c.day,
        c.feature_id,
        c.run_kind,
        'tool' as kind,
        t.tool as name,
        null::varchar as version,
        null::varchar as asked,
        'calls' as seen_in,
        c.n_calls,
        c.n_errors
    from calls as c
    left join named as t on c.tools = t.tools
    where c.kind = 'model'
    union all
    select
        day,
        feature_id,
        run_kind,
        'tool' as kind,
        coalesce(
            nullif(tool, ''),
            nullif(regexp_extract(name, '^(?:execute_tool|tools/call) +(.*[^ ]) *$', 1), ''),
            case when not regexp_matches(name, '(?i)tool') and name <> '' then name end
        ) as name,
        null::varchar as version,
        null::varchar as asked,
        'spans' as seen_in,
        n_calls,
        n_errors
    from steps
),

counted as (
    select
        day,
        feature_id,
        run_kind,
        kind,
        name,
        version,
        asked,
        seen_in,
        sum(n_calls) as n_calls,
        sum(n_errors) as n_errors
    from shown
    group by
        day,
        feature_id,
        run_kind,
        kind,
        name,
        version,
        asked,
        seen_in
),

ranked as (
    select
        *,
        row_number() over (
            partition by day, feature_id, run_kind, kind, seen_in
            order by
                name is null desc,
                n_calls desc,
                name asc,
                version asc nulls last,
                asked asc nulls last
        ) as place
    from counted
),

totals as (
    select
        day,
        feature_id,
        run_kind,
        kind,
        'calls' as seen_in,
        sum(n_calls) as n_of
    from calls
    group by day, feature_id, run_kind, kind
    union all
    select
        day,
        feature_id,
        run_kind,
        'tool' as kind,
        'spans' as seen_in,
        sum(n_calls) as n_of
    from steps
    group by day, feature_id, run_kind
)

select
    r.day,
    r.feature_id,
    r.run_kind,
    r.kind,
    r.name,
    r.version,
    r.asked,
    r.seen_in,
    r.n_calls::bigint as n_calls,
    r.n_errors::bigint as n_errors,
    totals.n_of::bigint as n_of
from ranked as r
inner join totals
    on
        r.day = totals.day
        and r.feature_id = totals.feature_id
        and r.run_kind = totals.run_kind
        and r.seen_in = totals.seen_in
        and totals.kind = case
            when r.seen_in = 'spans' then 'tool'
            when r.kind = 'embedding_model' then 'embedding_model'
            else 'model'
        end
where r.place <= 200
