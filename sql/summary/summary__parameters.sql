-- The settings that calls were made with, and what shows that a setting is not the one in force.
--
-- one row per: day x feature_id x run_kind x config_key
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/sampling
--
-- day                date     UTC day of the calls
-- feature_id         varchar
-- run_kind           varchar
-- config_key         bigint   of everything from request_model to has_seed
-- request_model      varchar
-- prompt_name        varchar
-- prompt_version     varchar
-- service_version    varchar
-- params_known       boolean  false: the source cannot say; true: what is null was not set
-- temperature        double   to 2 decimals
-- top_p              double   to 2 decimals
-- top_k              double
-- max_tokens_bin     bigint   max_tokens cut to its first two digits
-- frequency_penalty  double   to 1 decimal
-- presence_penalty   double   to 1 decimal
-- has_seed           boolean
-- max_tokens         bigint   the largest of the row
-- n                  bigint   calls
-- n_json             bigint   calls that were answered with JSON, valid or broken
-- n_finished         bigint   calls that say why they ended
-- n_truncated        bigint   calls cut off at a limit
-- n_limited          bigint   calls with a max_tokens above 0 and a count of output tokens
-- n_over_limit       bigint   of those: more output tokens than max_tokens
-- n_cut_early        bigint   of those: cut off with less than 0.9 max_tokens
-- n_echoed           bigint   calls with a parameter as the provider reports to have used it
-- n_echo_differs     bigint   of those: other than the one logged
--
-- Why values are rounded: settings that a service computes per call would make a row per call.
-- Why attributes: the contract has no columns for what a provider echoes. Columns of the log named
-- response_temperature and response_top_p are kept there.
-- Bounds: of a day and feature the 500 most frequent settings are kept.
with calls as (
    select
        day,
        feature_id,
        run_kind,
        request_model,
        prompt_name,
        prompt_version,
        service_version,
        params_known,
        top_k,
        output_format,
        max_tokens,
        output_tokens,
        seed is not null as has_seed,
        round(temperature, 2) as temperature,
        round(top_p, 2) as top_p,
        round(frequency_penalty, 1) as frequency_penalty,
        round(presence_penalty, 1) as presence_penalty,
        (
            floor(max_tokens / power(10, greatest(length(max_tokens::varchar) - 2, 0)))
            * power(10, greatest(length(max_tokens::varchar) - 2, 0))
        )::bigint as max_tokens_bin,
        case
            when lower(finish_reason) in ('length', 'max_tokens') then 1
            when finish_reason is not null then 0
        end as is_truncated,
        case when max_tokens > 0 and output_tokens is not null then 1 else 0 end as is_limited,
        case
            when attributes like '%"response_temperature"%'
                then abs(json_number(attributes, 'response_temperature') - temperature)
        end as temperature_gap,
        case
            when attributes like '%"response_top_p"%'
                then abs(json_number(attributes, 'response_top_p') - top_p)
        end as top_p_gap
    from core__calls
    where
        day between $first_day and $last_day
        and coalesce(operation, '') <> 'embeddings'
),

keyed as (
    select
        *,
        text_key(
            coalesce(request_model, '') || '|' || coalesce(prompt_name, '') || '|'
            || coalesce(prompt_version, '') || '|' || coalesce(service_version, '') || '|'
            || coalesce(params_known::varchar, '')
            || '|' || coalesce(round(temperature * 100)::bigint::varchar, '')
            || '|' || coalesce(round(top_p * 100)::bigint::varchar, '')
            || '|' || coalesce(round(top_k)::bigint::varchar, '')
            || '|' || coalesce(max_tokens_bin::varchar, '')
            || '|' || coalesce(round(frequency_penalty * 10)::bigint::varchar, '')
            || '|' || coalesce(round(presence_penalty * 10)::bigint::varchar, '')
            || '|' || case when has_seed then 's' else '' end
        ) as config_key,
        case when temperature_gap is not null or top_p_gap is not null then 1 else 0 end
            as is_echoed,
        case when temperature_gap > 0.005 or top_p_gap > 0.005 then 1 else 0 end as echo_differs
    from calls
)

select
    day,
    feature_id,
    run_kind,
    config_key,
    max(request_model) as request_model,
    max(prompt_name) as prompt_name,
    max(prompt_version) as prompt_version,
    max(service_version) as service_version,
    max(params_known) as params_known,
    max(temperature) as temperature,
    max(top_p) as top_p,
    max(top_k) as top_k,
    max(max_tokens_bin) as max_tokens_bin,
    max(frequency_penalty) as frequency_penalty,
    max(presence_penalty) as presence_penalty,
    max(has_seed) as has_seed,
    max(max_tokens) as max_tokens,
    count(*)::bigint as n,
    sum(case when output_format in ('json', 'json_broken') then 1 else 0 end)::bigint as n_json,
    count(is_truncated)::bigint as n_finished,
    coalesce(sum(is_truncated), 0)::bigint as n_truncated,
    sum(is_limited)::bigint as n_limited,
    sum(case when is_limited = 1 and output_tokens > max_tokens then 1 else 0 end)::bigint
        as n_over_limit,
    sum(
        case
            when is_limited = 1 and is_truncated = 1 and output_tokens < 0.9 * max_tokens then 1
            else 0
        end
    )::bigint as n_cut_early,
    sum(is_echoed)::bigint as n_echoed,
    sum(echo_differs)::bigint as n_echo_differs
from keyed
group by day, feature_id, run_kind, config_key
qualify
    row_number() over (
        partition by day, feature_id
        order by n desc, config_key asc, run_kind asc
    ) <= 500
