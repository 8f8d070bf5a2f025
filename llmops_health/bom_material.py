"""What bills of materials are made of, read from the working or the published file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import polars as pl

from llmops_health.bom.facts import EVALS, PIPELINES, SETTINGS, Retention
from llmops_health.bom.traffic import SEEN_DAYS
from llmops_health.config import Config, Feature
from llmops_health.storage.warehouse import frame

_TABLES = {
    "core__components": ("component_id", "kind"),
    "core__component_edges": ("src", "dst", "relation"),
    "summary__observed_components": (),
}
"""Tables that are read whole, with columns that are there in any case."""
_EVALS = """
with newest as (
    select * from core__eval_runs as runs
    where runs.day <= $day and coalesce(runs.role, 'champion') = 'champion'
        and exists (select 1 from summary__eval_items as items
            where items.eval_run_id = runs.eval_run_id)
    qualify row_number() over (
        partition by feature_id, suite_id order by started_at desc, eval_run_id
    ) = 1
)
select newest.feature_id, newest.suite_id, newest.suite_version, newest.eval_run_id,
    newest.started_at, newest.model, newest.component_id, newest.prompt_name,
    newest.prompt_version,
    count(*)::bigint as n_cases,
    (count(*) filter (where items.score in (0, 1) and items.n_trials = 1))::bigint as n_binary,
    avg(items.score) as mean,
    var_samp(items.score) as variance
from newest
inner join summary__eval_items as items using (eval_run_id)
group by all
order by newest.feature_id, newest.suite_id
"""
_SETTINGS = """
with settings as (
    select * from summary__parameters
    where day > $day::date - $n_days and day <= $day and params_known
        and run_kind in ('prod', 'unknown')
),
told as (
    select feature_id, request_model as model, 'temperature' as name, temperature as value, n
    from settings
    union all
    select feature_id, request_model, 'top_p', top_p, n from settings
    union all
    select feature_id, request_model, 'top_k', top_k, n from settings
    union all
    select feature_id, request_model, 'max_tokens', max_tokens_bin::double, n from settings
    union all
    select feature_id, request_model, 'frequency_penalty', frequency_penalty, n from settings
    union all
    select feature_id, request_model, 'presence_penalty', presence_penalty, n from settings
)
select feature_id, model, name, value, sum(n)::bigint as n,
    (sum(sum(n)) over (partition by feature_id, model, name))::bigint as of
from told
group by feature_id, model, name, value
-- A parameter that no call ever set says nothing.
qualify count(value) over (partition by feature_id, model, name) > 0
order by feature_id, model, name, n desc, value
"""
_PIPELINES = """
with fed as (
    select pipeline_id, feature_id from summary__pipelines where first_at < $day::date + 1
    union
    select steps.pipeline_id, features.feature_id
    from (select distinct pipeline_id from core__ledger_steps) as steps
    inner join (select unnest($features) as feature_id) as features
        on steps.pipeline_id = features.feature_id
        or starts_with(steps.pipeline_id, features.feature_id || '/')
),
of_rows as (
    select pipeline_id, sum(n_named)::bigint as n from summary__ledger_fates
    where started_at < $day::date + 1
    group by pipeline_id
),
of_files as (
    select steps.pipeline_id, count(distinct artifacts.artifact_sha256)::bigint as n
    from core__ledger_steps as steps
    inner join core__artifacts as artifacts
        on contains(steps.input_artifacts, artifacts.artifact_sha256)
    where artifacts.kind = 'raw_feedback' and steps.started_at < $day::date + 1
    group by steps.pipeline_id
)
select fed.feature_id, steps.pipeline_id, count(*)::bigint as n_steps,
    max(steps.started_at) as last_at,
    arg_max(steps.row_hash, steps.seq) as head,
    list(distinct steps.output_artifact order by steps.output_artifact)
        filter (where steps.output_artifact is not null) as outputs,
    any_value(of_rows.n) as n_feedback_rows,
    any_value(of_files.n) as n_feedback_files
from fed
inner join core__ledger_steps as steps using (pipeline_id)
left join of_rows using (pipeline_id)
left join of_files using (pipeline_id)
where steps.started_at < $day::date + 1
group by fed.feature_id, steps.pipeline_id
order by fed.feature_id, steps.pipeline_id
"""


@dataclass(frozen=True, slots=True)
class Material:
    """Frames of all features, as of one day."""

    day: date
    parts: pl.DataFrame
    edges: pl.DataFrame
    observed: pl.DataFrame
    evals: pl.DataFrame
    settings: pl.DataFrame
    pipelines: pl.DataFrame
    retention: Retention


def read(
    connection: duckdb.DuckDBPyConnection, config: Config, features: Iterable[Feature], day: date
) -> Material:
    """Read what the bills of materials of a day need, from the working or the published file."""
    query = "select table_name from duckdb_tables()"
    there = {name for (name,) in connection.execute(query).fetchall()}

    def rows(
        query: str, reads: Sequence[str], schema: Mapping[str, Any], **given: object
    ) -> pl.DataFrame:
        # A file that an older version published lacks tables: nothing is known of them.
        if not there.issuperset(reads):
            return pl.DataFrame(schema={"feature_id": pl.String, **schema})
        return frame(connection, query, given or None)

    ids = [feature.id for feature in features]
    kept = config.retention_days
    parts, edges, observed = (
        rows(f"select * from {name}", [name], dict.fromkeys(columns, pl.String))  # noqa: S608
        for name, columns in _TABLES.items()
    )
    return Material(
        day=day,
        parts=parts,
        edges=edges,
        observed=observed,
        evals=rows(_EVALS, ["core__eval_runs", "summary__eval_items"], EVALS, day=day),
        settings=rows(_SETTINGS, ["summary__parameters"], SETTINGS, day=day, n_days=SEEN_DAYS),
        pipelines=rows(
            _PIPELINES,
            ["summary__pipelines", "summary__ledger_fates", "core__ledger_steps"],
            PIPELINES,
            day=day,
            features=ids,
        ),
        retention=Retention(
            content=config.privacy.content, contents_days=kept.contents, calls_days=kept.calls
        ),
    )
