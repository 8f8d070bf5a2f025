-- The score of one case in one eval run: canonical rows, each once.
--
-- one row per: eval_run_id x case_id x trial
-- reads:       landed__eval_results
-- read by:     sql/summary
--
-- eval_run_id    varchar
-- case_id        varchar
-- score          double     0-1
-- trial          bigint
-- passed         boolean
-- output_sha256  varchar    key of the text in core__contents
-- latency_ms     double
-- error_type     varchar
-- attributes     varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    eval_run_id,
    case_id,
    score,
    trial,
    passed,
    output_sha256,
    latency_ms,
    error_type,
    attributes
from landed__eval_results
qualify
    row_number() over (
        partition by eval_run_id, case_id, trial
        order by file_id
    ) = 1
