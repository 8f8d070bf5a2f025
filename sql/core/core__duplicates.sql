-- Ids that came again, from another file or twice in one; each counted once in the tables.
--
-- one row per: day x feature_id x table_name
-- reads:       landed__duplicates
-- params:      $first_day, $last_day
-- read by:     health/drift/feed_gap.py
--
-- day           date     UTC day of the repeated rows
-- feature_id    varchar
-- table_name    varchar  contract table
-- n_duplicates  bigint   rows left out because their id was there already
select
    day,
    feature_id,
    table_name,
    sum(n_duplicates)::bigint as n_duplicates
from landed__duplicates
where day between $first_day and $last_day
group by day, feature_id, table_name
