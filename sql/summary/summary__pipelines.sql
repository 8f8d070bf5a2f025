-- Which features a ledger's pipeline feeds, told by what it made or by the feedback that went in.
--
-- one row per: pipeline_id x feature_id
-- reads:       core__component_edges, core__components, core__ledger_steps, summary__ledger_fates
-- read by:     health/provenance
--
-- pipeline_id  varchar
-- feature_id   varchar
-- first_at     timestamp  when the first step that tells began
--
-- Why not all pipelines: one whose id is a feature's, or begins with it and a slash, needs no more.
-- Why two hops: a model is derived from a checkpoint, which was trained on a dataset.
with made_of as (
    select
        feature_id,
        component_id,
        sha256
    from core__components
    where feature_id is not null
    union all
    select
        parts.feature_id,
        edges.dst as component_id,
        made.sha256
    from core__components as parts
    inner join core__component_edges as edges
        on
            parts.component_id = edges.src
            and edges.relation in ('trained_on', 'derived_from')
    left join core__components as made on edges.dst = made.component_id
    where parts.feature_id is not null
    union all
    select
        parts.feature_id,
        further.dst as component_id,
        made.sha256
    from core__components as parts
    inner join core__component_edges as edges
        on
            parts.component_id = edges.src
            and edges.relation in ('trained_on', 'derived_from')
    inner join core__component_edges as further
        on
            edges.dst = further.src
            and further.relation in ('trained_on', 'derived_from')
    left join core__components as made on further.dst = made.component_id
    where parts.feature_id is not null
),

artifacts as (
    select
        feature_id,
        sha256 as artifact
    from made_of
    where sha256 is not null
    union all
    select
        feature_id,
        component_id as artifact
    from made_of
),

told as (
    select
        steps.pipeline_id,
        artifacts.feature_id,
        steps.started_at
    from core__ledger_steps as steps
    inner join artifacts on steps.output_artifact = artifacts.artifact
    union all
    select
        pipeline_id,
        of_feature as feature_id,
        started_at
    from summary__ledger_fates
    where of_feature is not null
)

select
    pipeline_id,
    feature_id,
    min(started_at) as first_at
from told
group by pipeline_id, feature_id
