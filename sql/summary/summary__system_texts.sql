-- Which system texts calls were made with, by what the calls were for.
--
-- one row per: day x feature_id x run_kind x system_sha256
-- reads:       core__calls
-- params:      $first_day, $last_day
-- read by:     health/eval_prod_gap
--
-- day            date     UTC day of the calls
-- feature_id     varchar
-- run_kind       varchar
-- system_sha256  varchar  key of the text in core__contents; (other): beyond the 20 most frequent
-- n              bigint   calls
--
-- Why calls without a system text are left out: a source that does not log it says nothing.
-- History read: only the days asked for.
with counted as (
    select
        day,
        feature_id,
        run_kind,
        system_sha256,
        count(*)::bigint as n,
        row_number() over (
            partition by day, feature_id, run_kind
            order by count(*) desc, system_sha256 asc
        ) as place
    from core__calls
    where
        day between $first_day and $last_day
        and system_sha256 is not null
        and coalesce(operation, '') <> 'embeddings'
    group by day, feature_id, run_kind, system_sha256
)

select
    day,
    feature_id,
    run_kind,
    case when place <= 20 then system_sha256 else '(other)' end as system_sha256,
    sum(n)::bigint as n
from counted
group by
    day,
    feature_id,
    run_kind,
    case when place <= 20 then system_sha256 else '(other)' end
