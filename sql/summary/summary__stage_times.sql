-- Where the time of a request goes: milliseconds per request and stage, in coarse logarithmic bins.
--
-- one row per: day x feature_id x run_kind x stage x kind x bucket x k_coarse
-- reads:       core__spans, core__calls
-- params:      $first_day, $last_day
-- read by:     health/stage_latency/*.py
--
-- day         date     UTC day on which the request began
-- feature_id  varchar  of the request's first span, as is run_kind
-- run_kind    varchar
-- stage       varchar  a stage of core__spans; (request): the request itself
-- kind        varchar  critical | exclusive | total | async | orphan | skewed | unfinished
-- bucket      integer  0 .. 63, by user of the trace's calls, else their session, else the trace
-- k_coarse    bigint   floor(log_bin / 8): a bin is 17 % wide; below -12000 zero
-- n           bigint   requests
-- sum_ms      double   their milliseconds
--
-- A request is a span without a parent and all below it; a trace with several is several requests.
-- Where all parents of a trace are missing, its topmost spans are the requests, unless the trace
-- has spans on the day before: then they are what is left of a request that went past midnight.
-- critical    time that the request waited for the stage. From the request's end backwards, the
--             child that ended last has the path; before it began, the one that ended last by
--             then; the rest is its parent's own. The stages add up to the request.
-- exclusive   time of the stage's spans that none of their children covers. Of (request), this
--             and critical are what no span explains.
-- total       time of its outermost spans: how long it kept something busy. Of (request): all.
-- async       time of spans that end more than 10 ms and 1 % after the end of their parent, which
--             did not wait for them: they are on no path and cover nothing.
-- orphan      time of spans whose parent is missing. They are put below the request.
-- skewed      time cut off because a clock put it before or, by no more, after its parent.
-- unfinished  requests that end after midnight, with 0 ms: their other half is not known that day.
-- Why the stage of a call: a span that is a call in core__calls and has no stage is llm (embed
-- where it embeds). Where a trace has no llm span, its calls stand in for them.
-- Why names: what is left without a stage has that which its name tells (span_stage), else other.
-- Why a millisecond: rounded times make steps overlap that follow each other. A span may end that
-- much, and at most half of itself, after the next began.
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
        coalesce(user_id, session_id) as person,
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

persons as (
    select
        day,
        trace_id,
        min(person) as person
    from calls
    group by day, trace_id
),

requests as materialized (
    select
        roots.day,
        roots.feature_id,
        roots.run_kind,
        roots.id,
        roots.start_ms,
        roots.end_ms,
        bucket(coalesce(persons.person, roots.trace_id)) as bucket,
        roots.end_ms > 86400000 as is_unfinished
    from roots
    left join persons on roots.day = persons.day and roots.trace_id = persons.trace_id
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
            as parent_id,
        adopted.id is not null and not spans.is_call as is_orphan
    from spans
    left join adopted on spans.id = adopted.id and adopted.place = 1
    where spans.parent_id is not null
),

tree as (
    select
        id,
        id as request_id,
        cast(null as bigint) as parent_id,
        false as is_orphan,
        true as is_waited_for,
        start_ms as raw_start_ms,
        end_ms as raw_end_ms,
        start_ms,
        end_ms
    from requests
    where not is_unfinished
    union all
    select
        child.id,
        parent.request_id,
        parent.id as parent_id,
        child.is_orphan,
        child.end_ms <= parent.raw_end_ms
        + greatest(10, 0.01 * (parent.raw_end_ms - parent.raw_start_ms)) as is_waited_for,
        child.start_ms as raw_start_ms,
        child.end_ms as raw_end_ms,
        case
            when
                child.end_ms > parent.raw_end_ms
                + greatest(10, 0.01 * (parent.raw_end_ms - parent.raw_start_ms))
                then child.start_ms
            else least(greatest(child.start_ms, parent.start_ms), parent.end_ms)
        end as start_ms,
        case
            when
                child.end_ms > parent.raw_end_ms
                + greatest(10, 0.01 * (parent.raw_end_ms - parent.raw_start_ms))
                then child.end_ms
            else least(greatest(child.end_ms, parent.start_ms), parent.end_ms)
        end as end_ms
    from tree as parent
    inner join children as child on parent.id = child.parent_id
),

nodes as materialized (select * from tree),

siblings as materialized (
    select
        id,
        parent_id,
        start_ms,
        end_ms,
        end_ms - least(1, (end_ms - start_ms) / 2) as freed_ms,
        max(end_ms) over (
            partition by parent_id
            order by start_ms, id
            rows between unbounded preceding and 1 preceding
        ) as covered_ms,
        max(end_ms - least(1, (end_ms - start_ms) / 2)) over (
            partition by parent_id
            order by start_ms, id
            rows between unbounded preceding and 1 preceding
        ) as busy_ms
    from nodes
    where parent_id is not null and is_waited_for and end_ms > start_ms
),

covered as (
    select
        parent_id,
        sum(greatest(0, end_ms - greatest(start_ms, coalesce(covered_ms, start_ms)))) as ms
    from siblings
    group by parent_id
),

-- Siblings that overlap are an island. The path enters each at the child that ended last.
islands as materialized (
    select
        id,
        parent_id,
        start_ms,
        end_ms,
        freed_ms,
        sum(case when start_ms >= busy_ms then 1 else 0 end) over (
            partition by parent_id
            order by start_ms, id
            rows between unbounded preceding and current row
        ) as island
    from siblings
),

ranked as materialized (
    select
        *,
        count(*) over (partition by parent_id, island) as n,
        row_number() over (
            partition by parent_id, island
            order by freed_ms asc, start_ms desc, id asc
        ) as place
    from islands
),

-- How many of the island had ended when each began: the last of those has the path before it.
events as (
    select
        parent_id,
        island,
        id,
        freed_ms as at_ms,
        1 as n_ended
    from ranked
    where n > 1
    union all
    select
        parent_id,
        island,
        id,
        start_ms as at_ms,
        0 as n_ended
    from ranked
    where n > 1
),

counted as (
    select
        id,
        n_ended,
        sum(n_ended) over (
            partition by parent_id, island
            order by at_ms asc, n_ended desc
            rows between unbounded preceding and current row
        ) as n_before
    from events
),

links as materialized (
    select
        ranked.id,
        ranked.parent_id,
        ranked.island,
        ranked.place,
        ranked.n,
        ranked.start_ms,
        ranked.end_ms,
        coalesce(counted.n_before, 0) as place_before
    from ranked
    left join counted on ranked.id = counted.id and counted.n_ended = 0
),

chain as (
    select
        id,
        parent_id,
        island,
        place_before,
        start_ms,
        end_ms
    from links
    where place = n
    union all
    select
        link.id,
        link.parent_id,
        link.island,
        link.place_before,
        link.start_ms,
        link.end_ms
    from chain
    inner join links as link
        on
            chain.parent_id = link.parent_id
            and chain.island = link.island
            and chain.place_before = link.place
            and chain.place_before > 0
),

steps as materialized (
    select
        id,
        parent_id,
        least(end_ms, coalesce(
            lead(start_ms) over (partition by parent_id order by start_ms, end_ms, id), end_ms
        )) - start_ms as ms
    from chain
),

path as (
    select
        id,
        end_ms - start_ms as ms
    from nodes
    where parent_id is null
    union all
    select
        step.id,
        step.ms
    from path
    inner join steps as step on path.id = step.parent_id
),

handed_on as (
    select
        parent_id,
        sum(ms) as ms
    from steps
    group by parent_id
),

critical as (
    select
        path.id,
        greatest(0, path.ms - coalesce(handed_on.ms, 0)) as ms
    from path
    left join handed_on on path.id = handed_on.parent_id
),

families as (
    select distinct parent_id from nodes
),

staged as (
    select
        nodes.id,
        case
            when nodes.parent_id is not null then coalesce(spans.stage, span_stage(spans.name))
            when spans.stage <> 'other' then spans.stage
            when families.parent_id is null and span_stage(spans.name) <> 'other'
                then span_stage(spans.name)
            else '(request)'
        end as stage
    from nodes
    inner join spans on nodes.id = spans.id
    left join families on nodes.id = families.parent_id
),

measured as materialized (
    select
        nodes.request_id,
        staged.stage,
        nodes.is_orphan,
        nodes.is_waited_for,
        nodes.parent_id is null as is_root,
        nodes.end_ms - nodes.start_ms as ms,
        nodes.raw_end_ms - nodes.raw_start_ms - nodes.end_ms + nodes.start_ms as cut_ms,
        nodes.end_ms - nodes.start_ms - coalesce(covered.ms, 0) as exclusive_ms,
        coalesce(critical.ms, 0) as critical_ms,
        coalesce(above.stage, '') <> staged.stage as is_outermost
    from nodes
    inner join staged on nodes.id = staged.id
    left join staged as above on nodes.parent_id = above.id
    left join covered on nodes.id = covered.parent_id
    left join critical on nodes.id = critical.id
),

by_stage as materialized (
    select
        request_id,
        stage,
        sum(critical_ms) as critical_ms,
        sum(exclusive_ms) as exclusive_ms,
        sum(case when is_outermost then ms else 0 end) as total_ms,
        sum(case when not is_waited_for then ms end) as async_ms,
        sum(case when is_orphan then ms end) as orphan_ms,
        sum(case when cut_ms > 0.001 then cut_ms end) as skewed_ms
    from measured
    group by request_id, stage
),

times as (
    select
        request_id,
        stage,
        'critical' as kind,
        critical_ms as ms
    from by_stage
    union all
    select
        request_id,
        stage,
        'exclusive' as kind,
        exclusive_ms as ms
    from by_stage
    union all
    select
        request_id,
        stage,
        'total' as kind,
        total_ms as ms
    from by_stage
    where stage <> '(request)'
    union all
    select
        id as request_id,
        '(request)' as stage,
        'total' as kind,
        end_ms - start_ms as ms
    from requests
    where not is_unfinished
    union all
    select
        id as request_id,
        '(request)' as stage,
        'unfinished' as kind,
        0 as ms
    from requests
    where is_unfinished
    union all
    select
        request_id,
        stage,
        'async' as kind,
        async_ms as ms
    from by_stage
    where async_ms is not null
    union all
    select
        request_id,
        stage,
        'orphan' as kind,
        orphan_ms as ms
    from by_stage
    where orphan_ms is not null
    union all
    select
        request_id,
        stage,
        'skewed' as kind,
        skewed_ms as ms
    from by_stage
    where skewed_ms is not null
)

select
    requests.day,
    requests.feature_id,
    requests.run_kind,
    times.stage,
    times.kind,
    requests.bucket,
    cast(floor(log_bin(round(times.ms, 3)) / 8) as bigint) as k_coarse,
    cast(count(*) as bigint) as n,
    cast(sum(round(times.ms, 3)) as double) as sum_ms
from times
inner join requests on times.request_id = requests.id
group by
    requests.day,
    requests.feature_id,
    requests.run_kind,
    times.stage,
    times.kind,
    requests.bucket,
    cast(floor(log_bin(round(times.ms, 3)) / 8) as bigint)
