-- A judge's label beside what people said of the same call, and beside its own in another order.
--
-- one row per: day x feature_id x run_kind x judge x pair x label x other_label x length_k x bucket
-- reads:       core__calls, core__labels
-- params:      $first_day, $last_day
-- read by:     health/calibration/judge_unreliable.py
--
-- day          date     UTC day on which the second of the two labels was known
-- feature_id   varchar
-- run_kind     varchar
-- judge        varchar  labeller_id of the judge, '' where unknown
-- pair         varchar  truth (the other label is of a person or an outcome) or order (see below)
-- label        varchar  what the judge says
-- other_label  varchar  what people say, or the judge in another order
-- length_k     integer  log_bin of n_output_chars in steps of 8 (17 % wide), -1 where unknown or 0
-- bucket       integer  0-63, jackknife group of the user (else session, else call)
-- n            bigint   pairs of labels
--
-- pair = order: one judge labelled one call twice, with different values of `order` (else
-- `position`) among the further columns of its labels. Each order counts with its first label.
-- Why the first day both are known: a day judged once must not change. Of each side the newest
-- label of that day counts; what is revised later is not looked at again.
-- Why a regular expression reads the JSON: it is the same on every engine.
-- Why 90 days: it bounds what has to be read. A label further than that from its call is left out.
-- History read: calls of 90 and labels of 180 days before $first_day.
with told as (
    select
        labels.call_id,
        labels.label,
        labels.labelled_at,
        calls.feature_id,
        calls.run_kind,
        greatest(labels.day, calls.day) as day,
        bucket(coalesce(calls.user_id, calls.session_id, calls.call_id)) as bucket,
        case
            when calls.n_output_chars > 0 then floor(log_bin(calls.n_output_chars) / 8)::int
            else -1
        end as length_k,
        case when labels.labeller_kind = 'judge' then 1 else 0 end as is_judge,
        case
            when labels.labeller_kind = 'judge' then coalesce(labels.labeller_id, '')
            else ''
        end as judge,
        regexp_extract(
            coalesce(labels.attributes, ''), '"(?:order|position)" *: *"?([^",}]+)', 1
        ) as shown_order
    from core__labels as labels
    inner join core__calls as calls on labels.call_id = calls.call_id
    where
        labels.day >= $first_day::date - interval 180 day
        and labels.day <= $last_day::date
        and calls.day >= $first_day::date - interval 90 day
        and calls.day <= $last_day::date
        and labels.day <= calls.day + interval 90 day
        and labels.day >= calls.day - interval 90 day
        and labels.labeller_kind in ('human', 'outcome', 'judge')
),

known as (
    select
        call_id,
        is_judge,
        judge,
        min(day) as day
    from told
    group by call_id, is_judge, judge
),

both_known as (
    select
        judged.call_id,
        judged.judge,
        greatest(judged.day, people.day) as day
    from known as judged
    inner join known as people
        on judged.call_id = people.call_id and judged.is_judge = 1 and people.is_judge = 0
    where greatest(judged.day, people.day) between $first_day and $last_day
),

truth_pairs as (
    select
        pairs.day,
        judged.feature_id,
        judged.run_kind,
        pairs.judge,
        judged.label,
        people.label as other_label,
        judged.length_k,
        judged.bucket
    from both_known as pairs
    inner join told as judged
        on
            pairs.call_id = judged.call_id
            and pairs.judge = judged.judge
            and judged.is_judge = 1
            and pairs.day >= judged.day
    inner join told as people
        on
            pairs.call_id = people.call_id
            and people.is_judge = 0
            and pairs.day >= people.day
    qualify
        row_number() over (
            partition by pairs.call_id, pairs.judge
            order by
                judged.labelled_at desc, judged.label asc, people.labelled_at desc,
                people.label asc
        ) = 1
),

first_per_order as (
    select *
    from told
    where is_judge = 1 and shown_order <> ''
    qualify
        row_number() over (
            partition by call_id, judge, shown_order
            order by labelled_at asc, label asc
        ) = 1
),

order_pairs as (
    select
        greatest(a.day, b.day) as day,
        a.feature_id,
        a.run_kind,
        a.judge,
        a.label,
        b.label as other_label,
        a.length_k,
        a.bucket
    from first_per_order as a
    inner join first_per_order as b
        on a.call_id = b.call_id and a.judge = b.judge and a.shown_order < b.shown_order
    where greatest(a.day, b.day) between $first_day and $last_day
),

final as (
    select
        *,
        'truth' as pair
    from truth_pairs
    union all
    select
        *,
        'order' as pair
    from order_pairs
)

select
    day,
    feature_id,
    run_kind,
    judge,
    pair,
    label,
    other_label,
    length_k,
    bucket,
    count(*)::bigint as n
from final
group by
    day,
    feature_id,
    run_kind,
    judge,
    pair,
    label,
    other_label,
    length_k,
    bucket
