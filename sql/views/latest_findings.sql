-- The findings of the newest day, alarms first.
--
-- one row per: feature_id x mode x check_name x segment
-- reads:       health__findings
--
-- day           date
-- feature_id    varchar
-- mode          varchar
-- check_name    varchar
-- segment       varchar  '' for the whole
-- status        varchar  PASS, WARN, FAIL, NOT_ENOUGH_DATA or NOT_APPLICABLE
-- value         double
-- lo            double
-- hi            double
-- threshold     double
-- unit          varchar
-- n             bigint
-- p_value       double
-- message       varchar
-- action        varchar
-- evidence_sql  varchar  shows the rows behind the finding; runs as it stands
select
    judged.day,
    judged.feature_id,
    judged.mode,
    judged.check_name,
    judged.segment,
    judged.status,
    judged.value,
    judged.lo,
    judged.hi,
    judged.threshold,
    judged.unit,
    judged.n,
    judged.p_value,
    judged.message,
    judged.action,
    judged.evidence_sql
from health__findings as judged
where judged.day = (select max(newest.day) from health__findings as newest)
order by
    case judged.status when 'FAIL' then 0 when 'WARN' then 1 when 'PASS' then 2 else 3 end asc,
    judged.feature_id asc,
    judged.mode asc,
    judged.check_name asc
