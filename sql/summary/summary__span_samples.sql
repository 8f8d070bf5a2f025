-- The spans of some requests of each day: what a faster stage would save is computed on them.
--
-- one row per: day x feature_id x run_kind x request_id x span_id
-- reads:       core__spans, core__calls
-- params:      $first_day, $last_day
-- read by:     health/stage_latency/preprocessing_bottleneck.py
--
-- day          date     UTC day on which the request began
-- feature_id   varchar  of the request's first span, as is run_kind
-- run_kind     varchar
-- request_id   bigint   span_key of the request's first span
-- span_id      bigint   span_key of the span
-- parent_id    bigint   span_key of its parent; of an orphan, the request; null of the first span
-- stage        varchar  as in summary__stage_times
-- start_ms     double   since the request began, as logged
-- duration_ms  double   as logged
--
-- Requests, stages and the calls that stand in for spans are those of summary__stage_times.
-- Why the smallest keys: they are a hash, so that whom they choose hangs on nothing else.
-- Why 128: seven days of them are 900 requests, of which 45 are beyond the 95th percentile.
-- Why at most 200 spans: a request of thousands would be most of the table. It is left out.
-- History read: one day, only to tell what is left of a request.
with recursive calls as materialized (
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

-- An orphan is put below the request of its trace that began last before it, else below the first.
adopted as (
    select
        tops.id,
        roots.id as parent_id,
        row_number() over (
            partition by tops.id
            order by
                case when roots.start_ms <= tops.start_ms then 0 else 1 end,
                abs(tops.start_ms - roots.start_ms),
                roots.id
        ) as place
    from tops
    inner join roots on tops.day = roots.day and tops.trace_id = roots.trace_id
    where tops.parent_id is not null and tops.has_root = 1
),

children as materialized (
    select
        spans.id,
        spans.start_ms,
        spans.end_ms,
        case when adopted.id is not null then adopted.parent_id else spans.parent_id end
            as parent_id
    from spans
    left join adopted on spans.id = adopted.id and adopted.place = 1
    where spans.parent_id is not null
),

ranked as (
    select
        *,
        row_number() over (partition by day, feature_id, run_kind order by id) as place
    from roots
    where end_ms <= 86400000
),

sampled as (
    select *
    from ranked
    where place <= 128
),

tree as (
    select
        id as request_id,
        id,
        cast(null as bigint) as parent_id
    from sampled
    union all
    select
        parent.request_id,
        child.id,
        parent.id as parent_id
    from tree as parent
    inner join children as child on parent.id = child.parent_id
),

nodes as materialized (
    select
        *,
        count(*) over (partition by request_id) as n_spans
    from tree
),

families as (
    select distinct parent_id from nodes
)

select
    sampled.day,
    sampled.feature_id,
    sampled.run_kind,
    nodes.request_id,
    nodes.id as span_id,
    nodes.parent_id,
    case
        when nodes.parent_id is not null then coalesce(spans.stage, span_stage(spans.name))
        when spans.stage <> 'other' then spans.stage
        when families.parent_id is null and span_stage(spans.name) <> 'other'
            then span_stage(spans.name)
        else '(request)'
    end as stage,
    round(spans.start_ms - sampled.start_ms, 3) as start_ms,
    round(spans.end_ms - spans.start_ms, 3) as duration_ms
from nodes
inner join sampled on nodes.request_id = sampled.id
inner join spans on nodes.id = spans.id
left join families on nodes.id = families.parent_id
where nodes.n_spans <= 200
