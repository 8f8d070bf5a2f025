-- Somebody's word that an alarm is theirs, and until when: canonical rows, each once.
--
-- one row per: feature_id x mode x check_name x segment x acknowledged_at x acknowledged_by
-- reads:       landed__acknowledgements
-- read by:     health/ownership, latest_findings
--
-- acknowledged_at  timestamp  when it was said, UTC
-- feature_id       varchar
-- mode             varchar
-- check_name       varchar
-- segment          varchar    null or '': the check's alarms of all segments
-- alarmed_on       timestamp  a day of the alarm that is meant; null: the one that stood then
-- acknowledged_by  varchar    as given: people have to be able to ask them
-- until            timestamp  the last day on which it holds; null: for as long as the alarm
-- note             varchar    what is being done
-- attributes       varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same word again changes nothing; what was landed first stays.
-- Why no day: it is told when an alarm was answered, not which day to judge. A judgement leaves out
-- what was said after its day.
select
    acknowledged_at,
    feature_id,
    mode,
    check_name,
    segment,
    alarmed_on,
    acknowledged_by,
    until,
    note,
    attributes
from landed__acknowledgements
qualify
    row_number() over (
        partition by feature_id, mode, check_name, segment, acknowledged_at, acknowledged_by
        order by file_id
    ) = 1
