-- Stated confidence beside what turned out to be true, on the day it became known.
--
-- one row per: day x feature_id x labeller x run_kind x label x predicted_label x bucket x k
-- reads:       core__calls, core__labels
-- params:      $first_day, $last_day
-- read by:     health/calibration
--
-- day              date     UTC day on which the label was known: of the label, or of a later call
-- feature_id       varchar
-- labeller         varchar  truth (a person or an outcome said so) or judge (a model said so)
-- run_kind         varchar
-- label            varchar  what the labeller says
-- predicted_label  varchar  what the call said; the two are equal where it was right
-- bucket           integer  0-63, jackknife group of the user (else session, else call)
-- k                integer  confidence bin 0-99, -1 where the call stated no confidence
-- n                bigint   calls labelled this day, less those whose label was taken back
-- sum_conf         double   sum of confidence over n
-- sum_conf_sq      double   sum of confidence squared over n
--
-- Why the day it became known: a day judged once must not change when labels come late.
-- Why judge apart from truth: a judge is a model with errors of its own, and a call may have both.
-- Why n can be negative: when a call's newest label changes on a later day, the row it was counted
-- in is taken back on that day, so that sums over days count every call once.
-- Why 90 days: it bounds what has to be read. A label further than that from its call is left out.
-- History read: calls of 90 and labels of 180 days before $first_day.
with told as (
    select
        labels.call_id,
        labels.label,
        calls.feature_id,
        calls.run_kind,
        calls.predicted_label,
        greatest(labels.day, calls.day) as day,
        bucket(coalesce(calls.user_id, calls.session_id, calls.call_id)) as bucket,
        coalesce(conf_bin(calls.confidence), -1) as k,
        coalesce(calls.confidence, 0.0::double) as confidence,
        case when labels.labeller_kind = 'judge' then 'judge' else 'truth' end as labeller,
        row_number() over (
            partition by
                labels.call_id,
                case when labels.labeller_kind = 'judge' then 'judge' else 'truth' end,
                greatest(labels.day, calls.day)
            order by labels.labelled_at desc, labels.labeller_id desc nulls last, labels.label asc
        ) as newness
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

newest as (
    select
        *,
        lag(label) over (
            partition by call_id, labeller
            order by day
        ) as label_before
    from told
    where newness = 1
),

changes as (
    select
        day,
        feature_id,
        labeller,
        run_kind,
        label,
        predicted_label,
        bucket,
        k,
        confidence,
        1 as n
    from newest
    where label_before is null or label_before <> label
    union all
    select
        day,
        feature_id,
        labeller,
        run_kind,
        label_before as label,
        predicted_label,
        bucket,
        k,
        confidence,
        -1 as n
    from newest
    where label_before <> label
)

select
    day,
    feature_id,
    labeller,
    run_kind,
    label,
    predicted_label,
    bucket,
    k,
    sum(n)::bigint as n,
    sum(n * confidence)::double as sum_conf,
    sum(n * confidence * confidence)::double as sum_conf_sq
from changes
where day between $first_day and $last_day
group by
    day,
    feature_id,
    labeller,
    run_kind,
    label,
    predicted_label,
    bucket,
    k
