-- One case of an eval suite: canonical rows, each once.
--
-- one row per: suite_id x case_id
-- reads:       landed__eval_cases
-- read by:     sql/summary
--
-- suite_id         varchar
-- case_id          varchar
-- feature_id       varchar
-- input_sha256     varchar    key of the text in core__contents
-- expected_sha256  varchar    key of the text in core__contents
-- capability       varchar
-- added_at         timestamp
-- retired_at       timestamp
-- attributes       varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    suite_id,
    case_id,
    feature_id,
    input_sha256,
    expected_sha256,
    capability,
    added_at,
    retired_at,
    attributes
from landed__eval_cases
qualify
    row_number() over (
        partition by suite_id, case_id
        order by file_id
    ) = 1
