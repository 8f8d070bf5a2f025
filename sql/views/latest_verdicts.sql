-- The verdicts of the newest day.
--
-- one row per: feature_id x mode
-- reads:       health__verdicts
--
-- day         date
-- feature_id  varchar
-- mode        varchar
-- status      varchar  healthy, warning, failing, no_evidence or not_applicable
-- n_checks    bigint   checks that could answer
-- n_failed    bigint   checks that say FAIL
-- headline    varchar  the worst finding in one sentence
select
    judged.day,
    judged.feature_id,
    judged.mode,
    judged.status,
    judged.n_checks,
    judged.n_failed,
    judged.headline
from health__verdicts as judged
where judged.day = (select max(newest.day) from health__verdicts as newest)
