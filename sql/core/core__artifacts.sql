-- A dataset, checkpoint, prompt or eval set by its hash: canonical rows, each once.
--
-- one row per: artifact_sha256
-- reads:       landed__artifacts
-- read by:     sql/summary
--
-- artifact_sha256  varchar
-- kind             varchar
-- name             varchar
-- version          varchar
-- n_rows           bigint
-- created_at       timestamp
-- attributes       varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    artifact_sha256,
    kind,
    name,
    version,
    n_rows,
    created_at,
    attributes
from landed__artifacts
qualify
    row_number() over (
        partition by artifact_sha256
        order by file_id
    ) = 1
