-- How two components hang together: canonical rows, each once.
--
-- one row per: src x dst x relation
-- reads:       landed__component_edges
-- read by:     sql/summary
--
-- src         varchar
-- dst         varchar
-- relation    varchar
-- attributes  varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    src,
    dst,
    relation,
    attributes
from landed__component_edges
qualify
    row_number() over (
        partition by src, dst, relation
        order by file_id
    ) = 1
