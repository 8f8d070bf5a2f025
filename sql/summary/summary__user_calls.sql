-- Calls of a panel of users: those whose key is lowest, the same ones every day.
--
-- one row per: call_id
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     text/style.py, sql/summary/summary__user_days.sql
--
-- day            date       UTC day of started_at
-- feature_id     varchar
-- call_id        varchar
-- user_key       bigint     60-bit hash of user_id
-- bucket         integer    0-63, jackknife group of the user
-- started_at     timestamp
-- input_sha256   varchar    key of the text in core__contents
-- n_input_chars  bigint
-- input_tokens   bigint
-- is_repeat      boolean    the user sent the same prompt in the 10 minutes before; null unknown
--
-- Bounds: 1,000 calls of a day and feature, by user_key; 50 of a user, by sha256(call_id).
-- Where a day has 1,000, its greatest user_key may be cut: users below it are complete.
-- Why users and not calls are drawn: who asks otherwise than before must be seen before and after,
-- and a thousand random calls of a million hardly hold anybody twice.
-- Why run_kind unknown on days without prod: a source that never says is production; one that
-- says prod somewhere on the day means it.
-- History read: only the days asked for.
with kinds as (
    select
        day,
        feature_id,
        max(case when run_kind = 'prod' then 1 else 0 end) as has_prod
    from core__calls
    where day between $first_day and $last_day
    group by day, feature_id
),

active as (
    select
        c.day,
        c.feature_id,
        c.user_id,
        text_key(c.user_id) as user_key,
        bucket(c.user_id) as bucket,
        case when count(*) > 50 then 50 else count(*) end as n
    from core__calls as c
    inner join kinds as k on c.day = k.day and c.feature_id = k.feature_id
    where
        c.day between $first_day and $last_day
        and c.user_id is not null
        and (c.run_kind = 'prod' or (c.run_kind = 'unknown' and k.has_prod = 0))
    group by c.day, c.feature_id, c.user_id
    qualify
        row_number() over (
            partition by c.day, c.feature_id
            order by text_key(c.user_id)
        ) <= 1000
),

panel as (
    select
        day,
        feature_id,
        user_id,
        user_key,
        bucket
    from active
    qualify
        sum(n) over (
            partition by day, feature_id
            order by user_key
            rows between unbounded preceding and current row
        ) - n < 1000
),

timed as (
    select
        c.day,
        c.feature_id,
        c.call_id,
        p.user_key,
        p.bucket,
        c.started_at,
        c.input_sha256,
        c.n_input_chars,
        c.input_tokens,
        c.prompt_key,
        lag(c.started_at) over (
            partition by c.day, c.feature_id, c.user_id, c.prompt_key
            order by c.started_at, c.call_id
        ) as sent_before
    from core__calls as c
    inner join panel as p
        on c.day = p.day and c.feature_id = p.feature_id and c.user_id = p.user_id
    inner join kinds as k on c.day = k.day and c.feature_id = k.feature_id
    where
        c.day between $first_day and $last_day
        and (c.run_kind = 'prod' or (c.run_kind = 'unknown' and k.has_prod = 0))
),

capped as (
    select
        day,
        feature_id,
        call_id,
        user_key,
        bucket,
        started_at,
        input_sha256,
        n_input_chars,
        input_tokens,
        case
            when prompt_key is not null
                then coalesce(started_at <= sent_before + interval 10 minute, false)
        end as is_repeat
    from timed
    qualify
        row_number() over (
            partition by day, feature_id, user_key
            order by sha256(call_id), call_id
        ) <= 50
)

select
    day,
    feature_id,
    call_id,
    user_key,
    bucket,
    started_at,
    input_sha256,
    n_input_chars,
    input_tokens,
    is_repeat
from capped
qualify
    row_number() over (
        partition by day, feature_id
        order by user_key, sha256(call_id), call_id
    ) <= 1000
