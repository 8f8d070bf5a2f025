-- The calls on which evals and production are compared: what was asked, and how it was answered.
--
-- one row per: day x feature_id x call_id
-- reads:       core__calls, summary__text_samples
-- params:      $first_day, $last_day
-- read by:     text/matching.py, health/eval_prod_gap
--
-- day              date     UTC day of started_at
-- feature_id       varchar
-- call_id          varchar
-- is_eval          boolean  run_kind eval; else production
-- is_sample        boolean  drawn by chance; false: taken because evals ask the same
-- input_sha256     varchar  key of the text in core__contents
-- input_language   varchar
-- harness_key      bigint   of model asked and answering, prompt name and prompt version
-- user_key         bigint   of the user (else session, else call): rows of one are not independent
-- bucket           integer  0-63, jackknife group of the same
-- ln_input_chars   double   ln(1 + characters)
-- ln_output_chars  double   ln(1 + characters)
-- refusal          double   1: an assistant's refusal, 0: none
-- hedging          double   0-1, stretches of 400 characters (100 tokens) that hedge
-- formatted        double   1: markdown or code
-- json             double   1: valid JSON
-- json_broken      double   1: opens like JSON and does not parse
-- other_language   double   1: answered in another language than asked; null where one is unknown
-- tool_use         double   1: a tool was called
-- truncated        double   1: cut off at a limit; null where the end is not known
--
-- Why hedges by length: a longer answer has more of them, which is no other behaviour.
-- Why tool_use is 0 where tools is null: many loggers write no empty list.
-- Why 300: seven days of them are what each eval input looks for its like in, and a match of one
-- in two thousand is near enough.
-- Why run_kind unknown on days without prod: a source that never says is production.
-- Bounds: of a day and feature at most 500 eval calls, 300 of production and 200 more of it whose
-- input an eval of the last 7 days has; always the lowest sha256(call_id).
-- History read: eval inputs of 6 days before.
with kinds as (
    select
        day,
        feature_id,
        max(case when run_kind = 'prod' then 1 else 0 end) as has_prod
    from core__calls
    where day between $first_day and $last_day
    group by day, feature_id
),

evals as (
    select
        day,
        feature_id,
        call_id
    from core__calls
    where
        day between $first_day and $last_day
        and run_kind = 'eval'
        and input_sha256 is not null
        and n_output_chars is not null
    qualify
        row_number() over (
            partition by day, feature_id
            order by sha256(call_id), call_id
        ) <= 500
),

sampled as (
    select
        day,
        feature_id,
        call_id
    from summary__text_samples
    where day between $first_day and $last_day
    qualify
        row_number() over (
            partition by day, feature_id
            order by sha256(call_id), call_id
        ) <= 300
),

asked as (
    select
        day,
        feature_id,
        input_sha256
    from core__calls
    where
        day between $first_day - 6 and $last_day
        and run_kind = 'eval'
        and input_sha256 is not null
    group by day, feature_id, input_sha256
),

twins as (
    select
        c.day,
        c.feature_id,
        c.call_id
    from core__calls as c
    inner join kinds as k
        on c.day = k.day and c.feature_id = k.feature_id
    inner join asked as a
        on
            c.feature_id = a.feature_id
            and c.input_sha256 = a.input_sha256
            and a.day between c.day - 6 and c.day
    where
        c.day between $first_day and $last_day
        and (c.run_kind = 'prod' or (c.run_kind = 'unknown' and k.has_prod = 0))
        and c.n_output_chars is not null
    group by c.day, c.feature_id, c.call_id
    qualify
        row_number() over (
            partition by c.day, c.feature_id
            order by sha256(c.call_id), c.call_id
        ) <= 200
),

picked as (
    select
        day,
        feature_id,
        call_id,
        1 as eval_row,
        1 as sample_row
    from evals
    union all
    select
        day,
        feature_id,
        call_id,
        0 as eval_row,
        1 as sample_row
    from sampled
    union all
    select
        day,
        feature_id,
        call_id,
        0 as eval_row,
        0 as sample_row
    from twins
),

chosen as (
    select
        day,
        feature_id,
        call_id,
        max(eval_row) = 1 as is_eval,
        max(sample_row) = 1 as is_sample
    from picked
    group by day, feature_id, call_id
)

select
    c.day,
    c.feature_id,
    c.call_id,
    p.is_eval,
    p.is_sample,
    c.input_sha256,
    c.input_language,
    text_key(
        coalesce(c.request_model, '') || '|' || coalesce(c.response_model, '') || '|'
        || coalesce(c.prompt_name, '') || '|' || coalesce(c.prompt_version, '')
    ) as harness_key,
    text_key(coalesce(c.user_id, c.session_id, c.call_id)) as user_key,
    bucket(coalesce(c.user_id, c.session_id, c.call_id)) as bucket,
    ln(1.0::double + c.n_input_chars) as ln_input_chars,
    ln(1.0::double + c.n_output_chars) as ln_output_chars,
    case when c.is_refusal then 1.0 when not c.is_refusal then 0.0 end::double as refusal,
    case
        when c.n_hedges is not null
            then least(
                1.0,
                c.n_hedges / greatest(1.0, ceil(least(c.n_output_chars, 2000) / 400.0))
            )
    end::double as hedging,
    case
        when c.output_format in ('markdown', 'code') then 1.0
        when c.output_format is not null then 0.0
    end::double as formatted,
    case
        when c.output_format = 'json' then 1.0 when c.output_format is not null then 0.0
    end::double as json,
    case
        when c.output_format = 'json_broken' then 1.0 when c.output_format is not null then 0.0
    end::double as json_broken,
    case
        when 'und' in (c.input_language, c.output_language) then null
        when c.input_language = c.output_language then 0.0
        when c.input_language <> c.output_language then 1.0
    end::double as other_language,
    case when c.tools is not null and c.tools <> '[]' then 1.0 else 0.0 end::double as tool_use,
    case
        when lower(c.finish_reason) in ('length', 'max_tokens') then 1.0
        when c.finish_reason is not null then 0.0
    end::double as truncated
from core__calls as c
inner join chosen as p
    on c.day = p.day and c.feature_id = p.feature_id and c.call_id = p.call_id
where
    c.day between $first_day and $last_day
    and c.n_output_chars is not null
