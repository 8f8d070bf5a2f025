-- Models with the day on which they are or were withdrawn, as each list said it.
--
-- one row per: component_id x version x of_feature x name x listed_on
-- reads:       core__components
-- read by:     health/frozen_feature/stale_model.py
--
-- component_id  varchar
-- of_feature    varchar  the feature that uses it; null: any that calls a model of this name
-- name          varchar
-- version       varchar
-- listed_on     timestamp  when the list was made; null: it was always known
-- withdrawn_on  date     UTC day of deprecated_on; null: this list names none
--
-- Why not feature_id: a provider's list of withdrawn models names no feature, and of a table with
-- that column a judgement is given its own rows only.
-- Why models without a date: a newer list that names none takes an older date back.
select
    component_id,
    feature_id as of_feature,
    name,
    version,
    listed_on,
    max(deprecated_on)::date as withdrawn_on
from core__components
where kind in ('model', 'hosted_model', 'checkpoint', 'adapter')
group by component_id, of_feature, name, version, listed_on
