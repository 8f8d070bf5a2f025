-- One model call: canonical rows, each once.
--
-- one row per: call_id
-- reads:       landed__calls
-- params:      $first_day, $last_day
-- read by:     sql/summary
--
-- day                      date       UTC day of started_at
-- call_id                  varchar
-- feature_id               varchar
-- started_at               timestamp
-- run_kind                 varchar
-- environment              varchar
-- trace_id                 varchar
-- span_id                  varchar
-- parent_span_id           varchar
-- session_id               varchar
-- user_id                  varchar    HMAC-SHA256
-- provider                 varchar
-- request_model            varchar
-- response_model           varchar
-- operation                varchar
-- prompt_name              varchar
-- prompt_version           varchar
-- system_sha256            varchar    key of the text in core__contents
-- input_sha256             varchar    key of the text in core__contents
-- output_sha256            varchar    key of the text in core__contents
-- temperature              double
-- top_p                    double
-- top_k                    double
-- max_tokens               bigint
-- seed                     bigint
-- frequency_penalty        double
-- presence_penalty         double
-- params_known             boolean
-- input_tokens             bigint
-- output_tokens            bigint
-- cache_read_input_tokens  bigint
-- finish_reason            varchar
-- latency_ms               double
-- ttft_ms                  double
-- cost_usd                 double
-- error_type               varchar
-- predicted_label          varchar
-- confidence               double     0-1
-- context_score            double     0-1
-- n_context_chunks         bigint
-- eval_case_id             varchar
-- service_version          varchar
-- tools                    varchar    JSON list of names
-- updated_at               timestamp
-- attributes               varchar    JSON of the columns that the contract does not know
-- n_input_chars            bigint
-- n_output_chars           bigint
-- input_language           varchar
-- output_language          varchar
-- output_format            varchar
-- is_refusal               boolean
-- n_hedges                 bigint
-- prompt_key               bigint
--
-- Why no row_number: landing keeps one row of an id, the one with the newest updated_at, and a
-- window over a million rows of all columns would take as long as all else here.
select
    cast(started_at as date) as day,
    call_id,
    feature_id,
    started_at,
    run_kind,
    environment,
    trace_id,
    span_id,
    parent_span_id,
    session_id,
    user_id,
    provider,
    request_model,
    response_model,
    operation,
    prompt_name,
    prompt_version,
    system_sha256,
    input_sha256,
    output_sha256,
    temperature,
    top_p,
    top_k,
    max_tokens,
    seed,
    frequency_penalty,
    presence_penalty,
    params_known,
    input_tokens,
    output_tokens,
    cache_read_input_tokens,
    finish_reason,
    latency_ms,
    ttft_ms,
    cost_usd,
    error_type,
    predicted_label,
    confidence,
    context_score,
    n_context_chunks,
    eval_case_id,
    service_version,
    tools,
    updated_at,
    attributes,
    n_input_chars,
    n_output_chars,
    input_language,
    output_language,
    output_format,
    is_refusal,
    n_hedges,
    prompt_key
from landed__calls
where
    started_at >= $first_day::timestamp
    and started_at < $last_day::timestamp + interval 1 day
