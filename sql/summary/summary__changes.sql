-- When each version of a feature's model, prompt and service was first in use.
--
-- one row per: of_feature x what x value
-- reads:       core__components, core__ledger_steps, summary__versions
-- read by:     health/frozen_feature
--
-- of_feature  varchar  the feature
-- what        varchar  request_model, response_model, prompt, service or deployment
-- value       varchar  the version; of a deployment its step
-- changed_on  date     first UTC day on which a twentieth of the known calls had it
-- is_first    boolean  in the first week of the record: nothing shows that it was new
--
-- Why not feature_id: a judgement compares one feature with the gaps between the changes of all,
-- and of a table with that column it is given its own rows only.
-- Why a twentieth: a canary or a test by hand is not yet the version in use.
-- Why calls of unknown kind count until the first prod: some logs do not say what a call was for.
-- Why the first week: two models side by side are not both in use on every day.
-- A deployment is a promoted or reverted artifact that is a component of the feature.
-- Made whole each time from tables that are small; a judgement leaves out what is after its day.
with kinds as (
    select
        day,
        feature_id,
        run_kind,
        request_model,
        response_model,
        prompt,
        service,
        n,
        max(case when run_kind = 'prod' then 1 else 0 end) over (
            partition by feature_id
            order by day
        ) as has_prod
    from summary__versions
),

production as (
    select
        day,
        feature_id,
        request_model,
        response_model,
        prompt,
        service,
        n
    from kinds
    where run_kind = case when has_prod = 1 then 'prod' else 'unknown' end
),

named as (
    select
        day,
        feature_id,
        'request_model' as what,
        request_model as value,
        n
    from production
    where request_model is not null
    union all
    select
        day,
        feature_id,
        'response_model' as what,
        response_model as value,
        n
    from production
    where response_model is not null
    union all
    select
        day,
        feature_id,
        'prompt' as what,
        prompt as value,
        n
    from production
    where prompt is not null
    union all
    select
        day,
        feature_id,
        'service' as what,
        service as value,
        n
    from production
    where service is not null
),

daily as (
    select
        day,
        feature_id,
        what,
        value,
        sum(n) as n
    from named
    group by day, feature_id, what, value
),

shares as (
    select
        day,
        feature_id,
        what,
        value,
        n,
        sum(n) over (partition by day, feature_id, what) as n_known
    from daily
),

used as (
    select
        feature_id,
        what,
        value,
        min(day) as changed_on
    from shares
    where n * 20 >= n_known
    group by feature_id, what, value
),

deployed as (
    select
        components.feature_id,
        'deployment' as what,
        steps.pipeline_id || ' ' || steps.step_id as value,
        min(steps.day) as changed_on
    from core__ledger_steps as steps
    inner join core__components as components on steps.output_artifact = components.sha256
    where
        steps.op in ('promote', 'revert')
        and components.feature_id is not null
    group by components.feature_id, steps.pipeline_id || ' ' || steps.step_id
)

select
    feature_id as of_feature,
    what,
    value,
    changed_on,
    changed_on <= min(changed_on) over (partition by feature_id, what) + interval 6 day as is_first
from used
union all
select
    feature_id as of_feature,
    what,
    value,
    changed_on,
    false as is_first
from deployed
