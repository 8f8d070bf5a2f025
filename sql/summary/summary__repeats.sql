-- Prompts that came again under the same settings: how they are answered now, and how before.
--
-- one row per: day x feature_id x run_kind x prompt_key x request_model x prompt_version x settings
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/drift/model_changed_silently.py
--
-- day                     date     UTC day of the calls now
-- feature_id              varchar
-- run_kind                varchar
-- prompt_key              bigint   of input, system text and prompt name; else of the eval case
-- request_model           varchar  '' where unknown
-- prompt_version          varchar  '' where unknown
-- settings                bigint   temperature in thousandths x 10,000,000 + max_tokens
-- n_now                   bigint   calls of the day with this prompt and an output
-- n_before                bigint   the same of the days 28 to 7 days earlier
-- response_model_now      varchar  the greatest name among the calls now
-- response_model_before   varchar  the greatest name among the calls before
-- ln_chars_now            double   mean of ln(1 + n_output_chars)
-- ln_chars_before         double
-- refusal_now             double   share of refusals
-- refusal_before          double
-- formatted_now           double   share of outputs in Markdown or code
-- formatted_before        double
-- json_now                double   share of outputs that are valid JSON
-- json_before             double
-- hedged_now              double   share of outputs with a hedging expression
-- hedged_before           double
-- label_agreement         double   chance that a label now and one before are equal, or null
-- label_agreement_before  double   chance that two labels before are equal, or null
--
-- Why 7 days between now and before: a window of 7 days then never compares a change with itself.
-- Bounds: 28 days back; of a day and feature the 10,000 lowest keys are looked for, and the 2,000
-- lowest found are kept. Keys are hashes, so these are a random sample, and the same every day.
-- Why a union: a bare prompt_key lets the engine skip rows of other keys while it scans.
-- Why the settings are in the grain: another model name or temperature is a declared change.
with keyed as (
    select
        day,
        feature_id,
        run_kind,
        prompt_key,
        request_model,
        prompt_version,
        temperature,
        max_tokens,
        response_model,
        predicted_label,
        n_output_chars,
        is_refusal,
        output_format,
        n_hedges
    from core__calls
    where
        day between $first_day - 28 and $last_day
        and n_output_chars is not null
        and prompt_key is not null
    union all
    select
        day,
        feature_id,
        run_kind,
        text_key('eval case ' || eval_case_id) as prompt_key,
        request_model,
        prompt_version,
        temperature,
        max_tokens,
        response_model,
        predicted_label,
        n_output_chars,
        is_refusal,
        output_format,
        n_hedges
    from core__calls
    where
        day between $first_day - 28 and $last_day
        and n_output_chars is not null
        and prompt_key is null
        and eval_case_id is not null
),

keys as (
    select
        day,
        feature_id,
        prompt_key
    from keyed
    where day >= $first_day
    group by day, feature_id, prompt_key
    qualify row_number() over (partition by day, feature_id order by prompt_key) <= 10000
),

wanted as (
    select
        feature_id,
        prompt_key
    from keys
    group by feature_id, prompt_key
),

answered as (
    select
        k.day,
        k.feature_id,
        k.run_kind,
        k.prompt_key,
        k.response_model,
        k.predicted_label,
        coalesce(k.request_model, '') as request_model,
        coalesce(k.prompt_version, '') as prompt_version,
        round(coalesce(k.temperature, -1.0) * 1000)::bigint * 10000000
        + coalesce(k.max_tokens, -1) as settings,
        ln(1.0::double + k.n_output_chars) as ln_chars,
        case when k.is_refusal then 1.0 else 0.0 end::double as refusal,
        case when k.output_format in ('markdown', 'code') then 1.0 else 0.0 end::double
            as formatted,
        case when k.output_format = 'json' then 1.0 else 0.0 end::double as json,
        case when k.n_hedges > 0 then 1.0 else 0.0 end::double as hedged
    from keyed as k
    inner join wanted as w
        on k.feature_id = w.feature_id and k.prompt_key = w.prompt_key
),

daily as (
    select
        day,
        feature_id,
        run_kind,
        prompt_key,
        request_model,
        prompt_version,
        settings,
        predicted_label,
        max(response_model) as response_model,
        count(*)::double as n,
        sum(ln_chars) as ln_chars,
        sum(refusal) as refusal,
        sum(formatted) as formatted,
        sum(json) as json,
        sum(hedged) as hedged
    from answered
    group by
        day, feature_id, run_kind, prompt_key, request_model, prompt_version, settings,
        predicted_label
),

now_all as (
    select
        day,
        feature_id,
        run_kind,
        prompt_key,
        request_model,
        prompt_version,
        settings,
        max(response_model) as response_model,
        sum(n) as n,
        sum(case when predicted_label is not null then n else 0.0 end) as n_labelled,
        sum(ln_chars) / sum(n) as ln_chars,
        sum(refusal) / sum(n) as refusal,
        sum(formatted) / sum(n) as formatted,
        sum(json) / sum(n) as json,
        sum(hedged) / sum(n) as hedged
    from daily
    where day >= $first_day
    group by
        day, feature_id, run_kind, prompt_key, request_model, prompt_version, settings
),

before_labels as (
    select
        d.day,
        d.feature_id,
        d.run_kind,
        d.prompt_key,
        d.request_model,
        d.prompt_version,
        d.settings,
        b.predicted_label,
        max(b.response_model) as response_model,
        sum(b.n) as n,
        sum(b.ln_chars) as ln_chars,
        sum(b.refusal) as refusal,
        sum(b.formatted) as formatted,
        sum(b.json) as json,
        sum(b.hedged) as hedged
    from now_all as d
    inner join daily as b
        on
            d.feature_id = b.feature_id
            and d.prompt_key = b.prompt_key
            and d.run_kind = b.run_kind
            and d.request_model = b.request_model
            and d.prompt_version = b.prompt_version
            and d.settings = b.settings
            and b.day between d.day - 28 and d.day - 7
    group by
        d.day, d.feature_id, d.run_kind, d.prompt_key, d.request_model, d.prompt_version,
        d.settings, b.predicted_label
),

before_all as (
    select
        b.day,
        b.feature_id,
        b.run_kind,
        b.prompt_key,
        b.request_model,
        b.prompt_version,
        b.settings,
        max(b.response_model) as response_model,
        sum(b.n) as n,
        sum(case when b.predicted_label is not null then b.n else 0.0 end) as n_labelled,
        sum(case when b.predicted_label is not null then b.n * (b.n - 1) else 0.0 end)
            as n_equal_pairs,
        sum(b.n * coalesce(l.n, 0.0)) as n_equal_now,
        sum(b.ln_chars) / sum(b.n) as ln_chars,
        sum(b.refusal) / sum(b.n) as refusal,
        sum(b.formatted) / sum(b.n) as formatted,
        sum(b.json) / sum(b.n) as json,
        sum(b.hedged) / sum(b.n) as hedged
    from before_labels as b
    left join daily as l
        on
            b.day = l.day
            and b.feature_id = l.feature_id
            and b.run_kind = l.run_kind
            and b.prompt_key = l.prompt_key
            and b.request_model = l.request_model
            and b.prompt_version = l.prompt_version
            and b.settings = l.settings
            and b.predicted_label = l.predicted_label
    group by
        b.day, b.feature_id, b.run_kind, b.prompt_key, b.request_model, b.prompt_version,
        b.settings
)

select
    a.day,
    a.feature_id,
    a.run_kind,
    a.prompt_key,
    a.request_model,
    a.prompt_version,
    a.settings,
    a.n::bigint as n_now,
    b.n::bigint as n_before,
    a.response_model as response_model_now,
    b.response_model as response_model_before,
    a.ln_chars as ln_chars_now,
    b.ln_chars as ln_chars_before,
    a.refusal as refusal_now,
    b.refusal as refusal_before,
    a.formatted as formatted_now,
    b.formatted as formatted_before,
    a.json as json_now,
    b.json as json_before,
    a.hedged as hedged_now,
    b.hedged as hedged_before,
    case
        when a.n_labelled > 0 and b.n_labelled > 0
            then b.n_equal_now / (a.n_labelled * b.n_labelled)
    end as label_agreement,
    case when b.n_labelled > 1 then b.n_equal_pairs / (b.n_labelled * (b.n_labelled - 1)) end
        as label_agreement_before
from now_all as a
inner join before_all as b
    on
        a.day = b.day
        and a.feature_id = b.feature_id
        and a.run_kind = b.run_kind
        and a.prompt_key = b.prompt_key
        and a.request_model = b.request_model
        and a.prompt_version = b.prompt_version
        and a.settings = b.settings
qualify row_number() over (partition by a.day, a.feature_id order by a.prompt_key) <= 2000
