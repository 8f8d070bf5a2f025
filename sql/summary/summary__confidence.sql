-- Stated confidence of all calls that chose a label or stated one, whether labelled later or not.
--
-- one row per: day x feature_id x run_kind x predicted_label x bucket x k
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/calibration/unseen_performance.py
--
-- day              date     UTC day of started_at
-- feature_id       varchar
-- run_kind         varchar
-- predicted_label  varchar  what the call said, null where it stated a confidence only
-- bucket           integer  0-63, jackknife group of the user (else session, else call)
-- k                integer  confidence bin 0-99, -1 where the call stated no confidence
-- n                bigint   calls
-- sum_conf         double   sum of confidence over n
--
-- Why a where: a call with neither is no classification, and would only fill bin -1.
-- History read: only the days asked for.
select
    day,
    feature_id,
    run_kind,
    predicted_label,
    bucket(coalesce(user_id, session_id, call_id)) as bucket,
    coalesce(conf_bin(confidence), -1) as k,
    count(*)::bigint as n,
    sum(coalesce(confidence, 0.0::double))::double as sum_conf
from core__calls
where
    day between $first_day and $last_day
    and (predicted_label is not null or confidence is not null)
group by
    day,
    feature_id,
    run_kind,
    predicted_label,
    bucket(coalesce(user_id, session_id, call_id)),
    coalesce(conf_bin(confidence), -1)
