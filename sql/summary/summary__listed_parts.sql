-- The parts that lists name, with who answers for them, whosever feature they are.
--
-- one row per: component_id x version x of_feature x listed_on x sha256
-- reads:       core__components
-- read by:     health/ownership, health/bom
--
-- component_id            varchar
-- kind                    varchar
-- name                    varchar
-- version                 varchar
-- of_feature              varchar    the feature that uses it; null: shared, or not told
-- owner                   varchar
-- supplier                varchar
-- license                 varchar
-- sha256                  varchar
-- purl                    varchar
-- source_uri              varchar
-- endpoint                varchar
-- crosses_trust_boundary  boolean
-- data_classification     varchar
-- released_on             timestamp
-- deprecated_on           timestamp
-- listed_on               timestamp  when the list was made; null: always known
-- attributes              varchar    JSON of what lists say beyond the contract
--
-- Why not feature_id: of a table with that column a judgement is given its feature's rows only, and
-- a catalogue, a rule of CODEOWNERS or a shared model belongs to none.
select
    component_id,
    kind,
    name,
    version,
    feature_id as of_feature,
    owner,
    supplier,
    license,
    sha256,
    purl,
    source_uri,
    endpoint,
    crosses_trust_boundary,
    data_classification,
    released_on,
    deprecated_on,
    listed_on,
    attributes
from core__components
