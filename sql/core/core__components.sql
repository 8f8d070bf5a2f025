-- A part of the AI bill of materials: canonical rows, each once.
--
-- one row per: component_id x version x feature_id
-- reads:       landed__components
-- read by:     sql/summary
--
-- component_id            varchar
-- kind                    varchar
-- name                    varchar
-- version                 varchar
-- feature_id              varchar
-- supplier                varchar
-- owner                   varchar
-- license                 varchar
-- sha256                  varchar
-- purl                    varchar
-- source_uri              varchar
-- endpoint                varchar
-- crosses_trust_boundary  boolean
-- data_classification     varchar
-- released_on             timestamp
-- deprecated_on           timestamp
-- attributes              varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    component_id,
    kind,
    name,
    version,
    feature_id,
    supplier,
    owner,
    license,
    sha256,
    purl,
    source_uri,
    endpoint,
    crosses_trust_boundary,
    data_classification,
    released_on,
    deprecated_on,
    attributes
from landed__components
qualify
    row_number() over (
        partition by component_id, version, feature_id
        order by file_id
    ) = 1
