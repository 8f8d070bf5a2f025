-- The findings of the newest day, alarms first, and who has taken which of them on.
--
-- one row per: feature_id x mode x check_name x segment
-- reads:       health__findings, core__acknowledgements
--
-- day                 date
-- feature_id          varchar
-- mode                varchar
-- check_name          varchar
-- segment             varchar  '' for the whole
-- status              varchar  PASS, WARN, FAIL, NOT_ENOUGH_DATA or NOT_APPLICABLE
-- value               double
-- lo                  double
-- hi                  double
-- threshold           double
-- unit                varchar
-- n                   bigint
-- p_value             double
-- message             varchar
-- action              varchar
-- evidence_sql        varchar  shows the rows behind the finding; runs as it stands
-- alarmed_since       date     first day of the alarm; null where there is none
-- acknowledged_by     varchar  who took the alarm on; null where nobody did, or its time is over
-- acknowledged_until  date     the last day on which that holds; null: as long as the alarm
--
-- Alarmed: FAIL, or WARN or worse where it says WARN now; days without alarm between two, up to
-- two, are part of it. Acknowledged: since it began.
with newest as (
    select max(listed.day) as day
    from health__findings as listed
),

judged as (
    select findings.*
    from health__findings as findings
    inner join newest on findings.day = newest.day
),

alarmed as (
    select
        past.feature_id,
        past.mode,
        past.check_name,
        past.segment,
        past.day,
        past.day - lag(past.day) over (
            partition by past.feature_id, past.mode, past.check_name, past.segment
            order by past.day
        ) as n_days_later
    from health__findings as past
    inner join judged
        on
            past.feature_id = judged.feature_id
            and past.mode = judged.mode
            and past.check_name = judged.check_name
            and past.segment = judged.segment
            and (past.status = 'FAIL' or (past.status = 'WARN' and judged.status = 'WARN'))
    where judged.status in ('FAIL', 'WARN')
),

alarms as (
    select
        feature_id,
        mode,
        check_name,
        segment,
        max(day) as alarmed_since
    from alarmed
    where coalesce(n_days_later, 9) > 3
    group by feature_id, mode, check_name, segment
),

answers as (
    select
        alarms.feature_id,
        alarms.mode,
        alarms.check_name,
        alarms.segment,
        said.acknowledged_by,
        said.until::date as acknowledged_until,
        row_number() over (
            partition by alarms.feature_id, alarms.mode, alarms.check_name, alarms.segment
            order by said.acknowledged_at desc, said.acknowledged_by asc
        ) as turn
    from alarms
    cross join newest
    inner join core__acknowledgements as said
        on
            alarms.feature_id = said.feature_id
            and alarms.mode = said.mode
            and alarms.check_name = said.check_name
            and coalesce(said.segment, '') in ('', alarms.segment)
            and greatest(said.alarmed_on, said.acknowledged_at)::date >= alarms.alarmed_since
    where said.until is null or said.until::date >= newest.day
)

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
    judged.evidence_sql,
    alarms.alarmed_since,
    answers.acknowledged_by,
    answers.acknowledged_until
from judged
left join alarms
    on
        judged.feature_id = alarms.feature_id
        and judged.mode = alarms.mode
        and judged.check_name = alarms.check_name
        and judged.segment = alarms.segment
left join answers
    on
        alarms.feature_id = answers.feature_id
        and alarms.mode = answers.mode
        and alarms.check_name = answers.check_name
        and alarms.segment = answers.segment
        and answers.turn = 1
order by
    case judged.status when 'FAIL' then 0 when 'WARN' then 1 when 'PASS' then 2 else 3 end asc,
    judged.feature_id asc,
    judged.mode asc,
    judged.check_name asc
