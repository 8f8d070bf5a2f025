-- Models with the day on which they are or were withdrawn.
--
-- one row per: component_id x version x of_feature
-- reads:       core__components
-- read by:     health/frozen_feature/stale_model.py
--
-- component_id  varchar
-- of_feature    varchar  the feature that uses it; null: any that calls a model of this name
-- name          varchar
-- version       varchar
-- withdrawn_on  date     UTC day of deprecated_on
--
-- Why not feature_id: a provider's list of withdrawn models names no feature, and of a table with
-- that column a judgement is given its own rows only.
select
    component_id,
    feature_id as of_feature,
    name,
    version,
    deprecated_on::date as withdrawn_on
from core__components
where
    deprecated_on is not null
    and kind in ('model', 'hosted_model', 'checkpoint', 'adapter')
