-- How many spans of each stage began each hour, and how many ran at once.
--
-- one row per: day x feature_id x run_kind x stage x hour
-- reads:       core__spans, core__calls
-- params:      $first_day, $last_day
-- read by:     health/stage_latency/throughput_ceiling.py
--
-- day           date     UTC day on which the spans began
-- feature_id    varchar  of the span, as is run_kind
-- run_kind      varchar
-- stage         varchar  as in summary__stage_times; (request): the requests themselves
-- hour          bigint   0 .. 23, UTC
-- n             bigint   spans that began in the hour and whose parent is of another stage
-- max_parallel  bigint   most of them that ran at once, when one of the hour began
--
-- Requests, stages and the calls that stand in for spans are those of summary__stage_times.
-- Why a millisecond less: rounded times make steps overlap that follow each other.
-- Why no row for an hour without spans: a feature that was never traced has no first hour.
-- History read: one day, only to tell what is left of a request.
with calls as materialized (
    select
        day,
        trace_id,
        call_id,
        latency_ms,
        span_key(day, trace_id, coalesce(span_id, call_id)) as id,
        case
            when parent_span_id is not null
                then span_key(day, trace_id, parent_span_id)
        end as parent_id,
        case when operation = 'embeddings' then 'embed' else 'llm' end as stage,
        ms_of_day(started_at) as start_ms
    from core__calls
    where day between $first_day and $last_day and trace_id is not null
),

staged_calls as (
    select
        id,
        min(stage) as stage
    from calls
    group by id
),

keyed as (
    select
        day,
        trace_id,
        feature_id,
        run_kind,
        name,
        stage,
        span_key(day, trace_id, span_id) as id,
        case
            when parent_span_id is not null
                then span_key(day, trace_id, parent_span_id)
        end as parent_id,
        ms_of_day(started_at) as start_ms,
        case when duration_ms between 0 and 1e12 then duration_ms else 0 end as duration_ms
    from core__spans
    where day between $first_day and $last_day
),

logged as materialized (
    select
        spans.day,
        spans.trace_id,
        spans.feature_id,
        spans.run_kind,
        spans.name,
        spans.id,
        spans.start_ms,
        coalesce(spans.stage, calls.stage) as stage,
        case when spans.parent_id = spans.id then -1 else spans.parent_id end as parent_id,
        spans.start_ms + spans.duration_ms as end_ms
    from keyed as spans
    left join staged_calls as calls on spans.id = calls.id
    qualify row_number() over (partition by spans.id order by spans.start_ms, spans.duration_ms) = 1
),

traces as (
    select
        day,
        trace_id,
        min(feature_id) as feature_id,
        max(
            case
                when stage = 'llm' then 1
                when stage is null and parent_id is not null and span_stage(name) = 'llm' then 1
                else 0
            end
        ) as has_llm
    from logged
    group by day, trace_id
),

spans as materialized (
    select
        day,
        trace_id,
        feature_id,
        run_kind,
        name,
        stage,
        id,
        parent_id,
        start_ms,
        end_ms,
        false as is_call
    from logged
    union all
    select
        calls.day,
        calls.trace_id,
        traces.feature_id,
        'unknown' as run_kind,
        'call' as name,
        calls.stage,
        calls.id,
        coalesce(calls.parent_id, -1) as parent_id,
        calls.start_ms,
        calls.start_ms + calls.latency_ms as end_ms,
        true as is_call
    from calls
    inner join traces
        on calls.day = traces.day and calls.trace_id = traces.trace_id and traces.has_llm = 0
    where
        calls.latency_ms between 0 and 1e12
        and not exists (
            select 1 from logged
            where logged.id = calls.id
        )
),

tops as materialized (
    select
        span.day,
        span.trace_id,
        span.feature_id,
        span.run_kind,
        span.id,
        span.parent_id,
        span.start_ms,
        span.end_ms,
        span.is_call,
        max(case when span.parent_id is null then 1 else 0 end)
            over (partition by span.day, span.trace_id) as has_root
    from spans as span
    left join spans as parent on span.parent_id = parent.id
    where parent.id is null
),

roots as materialized (
    select
        day,
        trace_id,
        feature_id,
        run_kind,
        id,
        start_ms,
        end_ms
    from tops
    where
        parent_id is null
        or (
            has_root = 0
            and not is_call
            and not exists (
                select 1
                from core__spans as earlier
                where earlier.trace_id = tops.trace_id and earlier.day = tops.day - interval 1 day
            )
        )
),

families as (
    select distinct parent_id from spans
),

staged as materialized (
    select
        spans.day,
        spans.feature_id,
        spans.run_kind,
        spans.id,
        spans.parent_id,
        spans.start_ms,
        spans.end_ms,
        case
            when roots.id is null then coalesce(spans.stage, span_stage(spans.name))
            when spans.stage <> 'other' then spans.stage
            when families.parent_id is null and span_stage(spans.name) <> 'other'
                then span_stage(spans.name)
            else '(request)'
        end as stage
    from spans
    left join roots on spans.id = roots.id
    left join families on spans.id = families.parent_id
),

busy as (
    select
        span.day,
        span.feature_id,
        span.run_kind,
        span.stage,
        span.start_ms,
        span.end_ms - least(1, (span.end_ms - span.start_ms) / 2) as freed_ms
    from staged as span
    left join staged as above on span.parent_id = above.id
    where span.stage <> '(request)' and coalesce(above.stage, '') <> span.stage
    union all
    select
        roots.day,
        roots.feature_id,
        roots.run_kind,
        '(request)' as stage,
        roots.start_ms,
        roots.end_ms - least(1, (roots.end_ms - roots.start_ms) / 2) as freed_ms
    from roots
),

events as (
    select
        day,
        feature_id,
        run_kind,
        stage,
        start_ms as at_ms,
        1 as step
    from busy
    union all
    select
        day,
        feature_id,
        run_kind,
        stage,
        freed_ms as at_ms,
        -1 as step
    from busy
),

running as (
    select
        day,
        feature_id,
        run_kind,
        stage,
        at_ms,
        step,
        sum(step) over (
            partition by day, feature_id, run_kind, stage
            order by at_ms, step
            rows between unbounded preceding and current row
        ) as n_parallel
    from events
)

select
    day,
    feature_id,
    run_kind,
    stage,
    floor(at_ms / 3600000)::bigint as hour,
    count(*)::bigint as n,
    max(n_parallel)::bigint as max_parallel
from running
where step = 1
group by day, feature_id, run_kind, stage, floor(at_ms / 3600000)::bigint
