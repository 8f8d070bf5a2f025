-- Which models, prompts and service versions answered, how often, and what the calls cost.
--
-- one row per: day x feature_id x run_kind x request_model x response_model x prompt x service
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/frozen_feature, summary__changes
--
-- day             date     UTC day of the calls
-- feature_id      varchar
-- run_kind        varchar
-- request_model   varchar
-- response_model  varchar
-- prompt          varchar  name and version of the prompt; null where its version is not known
-- service         varchar  version of the service
-- n               bigint   calls
-- n_cost          bigint   calls whose cost is known
-- sum_cost_usd    double   their cost, each call at most 100 times the geometric mean of its day
-- sum_cost_sq     double   sum of the squares of the same
--
-- Why the cap: a call booked at a thousand times its neighbours would be the cost of a month.
-- Bounds: of a day, feature and kind the 200 most frequent combinations are kept, so that a service
-- that makes up a version per call does not make a row per call.
with calls as (
    select
        day,
        feature_id,
        run_kind,
        request_model,
        response_model,
        service_version as service,
        cost_usd,
        case
            when prompt_version is not null
                then coalesce(prompt_name || ' ', '') || prompt_version
        end as prompt
    from core__calls
    where day between $first_day and $last_day
),

caps as (
    select
        day,
        feature_id,
        run_kind,
        100.0::double * exp(avg(case when cost_usd > 0 then ln(cost_usd) end)) as cap
    from calls
    group by day, feature_id, run_kind
),

priced as (
    select
        c.day,
        c.feature_id,
        c.run_kind,
        c.request_model,
        c.response_model,
        c.prompt,
        c.service,
        case when c.cost_usd > caps.cap then caps.cap else c.cost_usd end as cost_usd
    from calls as c
    inner join caps
        on
            c.day = caps.day
            and c.feature_id = caps.feature_id
            and c.run_kind = caps.run_kind
),

counted as (
    select
        day,
        feature_id,
        run_kind,
        request_model,
        response_model,
        prompt,
        service,
        count(*)::bigint as n,
        count(cost_usd)::bigint as n_cost,
        coalesce(sum(cost_usd), 0.0)::double as sum_cost_usd,
        coalesce(sum(cost_usd * cost_usd), 0.0)::double as sum_cost_sq
    from priced
    group by
        day,
        feature_id,
        run_kind,
        request_model,
        response_model,
        prompt,
        service
),

ranked as (
    select
        *,
        row_number() over (
            partition by day, feature_id, run_kind
            order by
                n desc,
                request_model asc nulls last,
                response_model asc nulls last,
                prompt asc nulls last,
                service asc nulls last
        ) as place
    from counted
)

select
    day,
    feature_id,
    run_kind,
    request_model,
    response_model,
    prompt,
    service,
    n,
    n_cost,
    sum_cost_usd,
    sum_cost_sq
from ranked
where place <= 200
