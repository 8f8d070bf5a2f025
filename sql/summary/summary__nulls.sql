-- Calls that lack a value, per field that checks read.
--
-- one row per: day x feature_id x run_kind x field
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/drift/feed_gap.py
--
-- day         date     UTC day of the calls
-- feature_id  varchar
-- run_kind    varchar
-- field       varchar  column of core__calls
-- n           bigint   calls that ended without an error
-- n_null      bigint   of these, calls where the field is null
--
-- Why calls with an error are left out: they have no output, tokens or label to log, and an outage
-- must not look like a broken logger.
with sums as (
    select
        day,
        feature_id,
        run_kind,
        count(*) as n,
        count(user_id) as user_id,
        count(session_id) as session_id,
        count(trace_id) as trace_id,
        count(request_model) as request_model,
        count(response_model) as response_model,
        count(prompt_name) as prompt_name,
        count(prompt_version) as prompt_version,
        count(input_sha256) as input_sha256,
        count(output_sha256) as output_sha256,
        count(input_tokens) as input_tokens,
        count(output_tokens) as output_tokens,
        count(finish_reason) as finish_reason,
        count(latency_ms) as latency_ms,
        count(ttft_ms) as ttft_ms,
        count(cost_usd) as cost_usd,
        count(predicted_label) as predicted_label,
        count(confidence) as confidence,
        count(context_score) as context_score
    from core__calls
    where day between $first_day and $last_day and coalesce(error_type, '') = ''
    group by day, feature_id, run_kind
),

fields as (
    select 'user_id' as field
    union all
    select 'session_id'
    union all
    select 'trace_id'
    union all
    select 'request_model'
    union all
    select 'response_model'
    union all
    select 'prompt_name'
    union all
    select 'prompt_version'
    union all
    select 'input_sha256'
    union all
    select 'output_sha256'
    union all
    select 'input_tokens'
    union all
    select 'output_tokens'
    union all
    select 'finish_reason'
    union all
    select 'latency_ms'
    union all
    select 'ttft_ms'
    union all
    select 'cost_usd'
    union all
    select 'predicted_label'
    union all
    select 'confidence'
    union all
    select 'context_score'
)

select
    s.day,
    s.feature_id,
    s.run_kind,
    f.field,
    s.n::bigint as n,
    (
        s.n - case f.field
            when 'user_id' then s.user_id
            when 'session_id' then s.session_id
            when 'trace_id' then s.trace_id
            when 'request_model' then s.request_model
            when 'response_model' then s.response_model
            when 'prompt_name' then s.prompt_name
            when 'prompt_version' then s.prompt_version
            when 'input_sha256' then s.input_sha256
            when 'output_sha256' then s.output_sha256
            when 'input_tokens' then s.input_tokens
            when 'output_tokens' then s.output_tokens
            when 'finish_reason' then s.finish_reason
            when 'latency_ms' then s.latency_ms
            when 'ttft_ms' then s.ttft_ms
            when 'cost_usd' then s.cost_usd
            when 'predicted_label' then s.predicted_label
            when 'confidence' then s.confidence
            when 'context_score' then s.context_score
        end
    )::bigint as n_null
from sums as s
cross join fields as f
