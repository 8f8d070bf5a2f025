-- One line per feature and day: how many modes are failing, warning, healthy or without evidence.
--
-- one row per: day x feature_id
-- reads:       health__verdicts
--
-- day            date
-- feature_id     varchar
-- n_failing      bigint
-- n_warning      bigint
-- n_healthy      bigint
-- n_no_evidence  bigint
select
    day,
    feature_id,
    sum(case when status = 'failing' then 1 else 0 end)::bigint as n_failing,
    sum(case when status = 'warning' then 1 else 0 end)::bigint as n_warning,
    sum(case when status = 'healthy' then 1 else 0 end)::bigint as n_healthy,
    sum(case when status = 'no_evidence' then 1 else 0 end)::bigint as n_no_evidence
from health__verdicts
group by day, feature_id
