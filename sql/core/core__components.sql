-- A part of the AI bill of materials: canonical rows, each once.
--
-- one row per: component_id x version x feature_id x sha256
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
-- listed_on               timestamp  when a list first named it; null: always known
-- attributes              varchar    JSON of the columns that the contract does not know
--
-- Why the hash is of the grain: the same version under another hash is what a check looks for, and
-- the rows of an id are its history.
-- Why row_number: of rows on several lists the newest list tells, and what was landed first stays
-- where they are as old. The part has been known since the oldest of them.
with told as (
    select
        *,
        case
            when count(listed_on) over same = count(*) over same then min(listed_on) over same
        end as known_since,
        row_number() over (
            partition by component_id, version, feature_id, sha256
            order by listed_on desc nulls last, file_id asc
        ) as place
    from landed__components
    window same as (partition by component_id, version, feature_id, sha256)
)

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
    known_since as listed_on,
    attributes
from told
where place = 1
