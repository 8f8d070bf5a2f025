-- Cost and calls per feature, day and model.
--
-- one row per: day x feature_id x run_kind x request_model
-- reads:       core__calls
--
-- day              date
-- feature_id       varchar
-- run_kind         varchar
-- request_model    varchar
-- n_calls          bigint
-- n_with_cost      bigint  calls whose cost is known
-- cost_usd         double  sum over the calls whose cost is known
-- input_tokens     bigint
-- output_tokens    bigint
select
    day,
    feature_id,
    run_kind,
    request_model,
    count(*) as n_calls,
    count(cost_usd) as n_with_cost,
    sum(cost_usd) as cost_usd,
    sum(input_tokens)::bigint as input_tokens,
    sum(output_tokens)::bigint as output_tokens
from core__calls
group by day, feature_id, run_kind, request_model
