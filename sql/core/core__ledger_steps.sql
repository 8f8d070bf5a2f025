-- One transformation of the training signal: canonical rows, each once.
--
-- one row per: pipeline_id x step_id
-- reads:       landed__ledger_steps
-- params:      $first_day, $last_day
-- read by:     sql/summary
--
-- day               date       UTC day of started_at
-- pipeline_id       varchar
-- step_id           varchar
-- seq               bigint
-- op                varchar
-- started_at        timestamp
-- rows_in           bigint
-- rows_out          bigint
-- rows_dropped      bigint
-- rows_created      bigint
-- rows_modified     bigint
-- labels_flipped    bigint
-- weight_in         double
-- weight_out        double
-- class_counts_in   varchar
-- class_counts_out  varchar
-- code_ref          varchar
-- code_sha256       varchar
-- params            varchar
-- env_sha256        varchar
-- prompt_version    varchar
-- actor             varchar
-- input_artifacts   varchar    JSON list of names
-- output_artifact   varchar
-- prev_hash         varchar
-- row_hash          varchar
-- attributes        varchar    JSON of the columns that the contract does not know
--
-- Why row_number: the same id again changes nothing; what was landed first stays.
select
    cast(started_at as date) as day,
    pipeline_id,
    step_id,
    seq,
    op,
    started_at,
    rows_in,
    rows_out,
    rows_dropped,
    rows_created,
    rows_modified,
    labels_flipped,
    weight_in,
    weight_out,
    class_counts_in,
    class_counts_out,
    code_ref,
    code_sha256,
    params,
    env_sha256,
    prompt_version,
    actor,
    input_artifacts,
    output_artifact,
    prev_hash,
    row_hash,
    attributes
from landed__ledger_steps
where
    started_at >= $first_day::timestamp
    and started_at < $last_day::timestamp + interval 1 day
qualify
    row_number() over (
        partition by pipeline_id, step_id
        order by file_id
    ) = 1
