-- Prompts that came again under the same settings: how often each answer was given.
--
-- one row per: day x feature_id x run_kind x prompt_key x settings_key x answer x predicted_label
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/sampling/unstable_answers.py, health/sampling/knob_illusion.py
--
-- day              date     UTC day on which the prompt came (once more)
-- feature_id       varchar
-- run_kind         varchar
-- prompt_key       bigint   of input, system text and prompt name; else of the eval case
-- settings_key     bigint   of models, prompt version and settings
-- answer           bigint   key of the raw output
-- predicted_label  varchar  null where none was predicted
-- request_model    varchar
-- response_model   varchar
-- prompt_version   varchar
-- temperature      double   to 2 decimals; null where not set or unknown
-- is_greedy        boolean  temperature 0, top_k 1 or top_p 0: nothing is drawn; null unknown
-- has_seed         boolean
-- n                bigint   calls with this answer in the 14 days that end with `day`
--
-- Why 14 days: an eval suite that runs every week repeats itself within them.
-- Why the answering model is among the settings: another model is a change, and no instability.
-- Bounds: 14 days back; of a day and feature the 10,000 lowest keys are looked for, and the 200
-- lowest that came more than once are kept. Keys are hashes: a random sample, the same every day.
-- Why a union: a bare prompt_key lets the engine skip rows of other keys while it scans.
with keyed as (
    select
        day,
        feature_id,
        run_kind,
        prompt_key,
        request_model,
        response_model,
        prompt_version,
        params_known,
        temperature,
        top_p,
        top_k,
        max_tokens,
        seed,
        output_sha256,
        predicted_label
    from core__calls
    where
        day between $first_day - 13 and $last_day
        and output_sha256 is not null
        and prompt_key is not null
    union all
    select
        day,
        feature_id,
        run_kind,
        text_key('eval case ' || eval_case_id) as prompt_key,
        request_model,
        response_model,
        prompt_version,
        params_known,
        temperature,
        top_p,
        top_k,
        max_tokens,
        seed,
        output_sha256,
        predicted_label
    from core__calls
    where
        day between $first_day - 13 and $last_day
        and output_sha256 is not null
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
        k.predicted_label,
        k.request_model,
        k.response_model,
        k.prompt_version,
        round(k.temperature, 2) as temperature,
        k.seed is not null as has_seed,
        text_key(k.output_sha256) as answer,
        case
            when not coalesce(k.params_known, true) then null::boolean
            when k.temperature = 0 or k.top_k = 1 or k.top_p = 0 then true
            when k.temperature > 0 or k.params_known then false
        end as is_greedy,
        text_key(
            coalesce(k.request_model, '') || '|' || coalesce(k.response_model, '') || '|'
            || coalesce(k.prompt_version, '')
            || '|' || coalesce(round(k.temperature * 100)::bigint::varchar, '')
            || '|' || coalesce(round(k.top_p * 100)::bigint::varchar, '')
            || '|' || coalesce(round(k.top_k)::bigint::varchar, '')
            || '|' || coalesce(k.max_tokens::varchar, '')
            || '|' || coalesce(k.seed::varchar, '')
            || '|' || coalesce(k.params_known::varchar, '')
        ) as settings_key
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
        settings_key,
        answer,
        predicted_label,
        max(request_model) as request_model,
        max(response_model) as response_model,
        max(prompt_version) as prompt_version,
        max(temperature) as temperature,
        max(is_greedy) as is_greedy,
        max(has_seed) as has_seed,
        count(*) as n
    from answered
    group by day, feature_id, run_kind, prompt_key, settings_key, answer, predicted_label
),

came as (
    select
        day,
        feature_id,
        run_kind,
        prompt_key,
        settings_key
    from daily
    where day >= $first_day
    group by day, feature_id, run_kind, prompt_key, settings_key
),

counted as (
    select
        c.day,
        c.feature_id,
        c.run_kind,
        c.prompt_key,
        c.settings_key,
        d.answer,
        d.predicted_label,
        max(d.request_model) as request_model,
        max(d.response_model) as response_model,
        max(d.prompt_version) as prompt_version,
        max(d.temperature) as temperature,
        max(d.is_greedy) as is_greedy,
        max(d.has_seed) as has_seed,
        sum(d.n)::bigint as n
    from came as c
    inner join daily as d
        on
            c.feature_id = d.feature_id
            and c.run_kind = d.run_kind
            and c.prompt_key = d.prompt_key
            and c.settings_key = d.settings_key
            and d.day between c.day - 13 and c.day
    group by
        c.day, c.feature_id, c.run_kind, c.prompt_key, c.settings_key, d.answer, d.predicted_label
),

again as (
    select
        day,
        feature_id,
        run_kind,
        prompt_key,
        settings_key
    from counted
    group by day, feature_id, run_kind, prompt_key, settings_key
    having sum(n) > 1
    qualify dense_rank() over (partition by day, feature_id order by prompt_key) <= 200
)

select
    c.day,
    c.feature_id,
    c.run_kind,
    c.prompt_key,
    c.settings_key,
    c.answer,
    c.predicted_label,
    c.request_model,
    c.response_model,
    c.prompt_version,
    c.temperature,
    c.is_greedy,
    c.has_seed,
    c.n
from counted as c
inner join again as a
    on
        c.day = a.day
        and c.feature_id = a.feature_id
        and c.run_kind = a.run_kind
        and c.prompt_key = a.prompt_key
        and c.settings_key = a.settings_key
