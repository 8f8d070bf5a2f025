-- What one step did to one row: canonical rows, each once.
--
-- one row per: step_id x action x in_row_id x out_row_id
-- reads:       landed__ledger_rows
-- read by:     sql/summary
--
-- step_id      varchar
-- action       varchar
-- in_row_id    varchar
-- out_row_id   varchar
-- reason       varchar
-- weight       double
-- feedback_id  varchar
-- attributes   varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    step_id,
    action,
    in_row_id,
    out_row_id,
    reason,
    weight,
    feedback_id,
    attributes
from landed__ledger_rows
qualify
    row_number() over (
        partition by step_id, action, in_row_id, out_row_id
        order by file_id
    ) = 1
