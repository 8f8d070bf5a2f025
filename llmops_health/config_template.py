"""The file `llmops-health init` writes to start from."""

from __future__ import annotations

from pathlib import Path

from llmops_health.config_errors import ConfigError, Problem

TEMPLATE = """\
# What llmops-health watches. Relative paths start from the folder of this file.
# ${NAME} takes an environment variable; ${NAME:-default} has a fallback.

storage:
  path: health.duckdb            # the file people open; working files and pages go beside it
  # memory_limit: 2GB            # what DuckDB may take in a run; left out, 80 % of the machine's
engine: duckdb                   # who reduces logs; the one engine of this version
privacy:
  content: redacted              # what is kept of prompts and outputs: none, redacted or full
  user_id_key: ${LLMOPS_HEALTH_PEPPER:-}   # HMAC key of user ids; empty has one made for you
retention_days:                  # counted back from the newest day in the data
  contents: 30                   # days that prompts and outputs are kept
  calls: 400                     # days that rows of calls are kept
schedule: "15 2 * * *"           # when the nightly run starts (cron, UTC)

# One entry per thing a model does for your users. Only id and kind are required.
features:
  - id: my-feature               # as in the feature_id column of your data
    kind: generation             # classifier, extraction, generation, rag or agent
    # name: My feature           # a name for people
    # owner: team@example.com    # who answers for it
    # launched_on: 2026-03-01    # first day in production
    # lifecycle: production      # experimental, beta, production, deprecated or retired
    # risk_tier: medium          # low, medium or high
    # repository: https://git.example.com/team/feature   # where its code is
    # runbook_url: https://wiki.example.com/feature      # what to do when it fails
    # last_reviewed_on: 2026-08-01   # when its owner last looked it over
    # trained_on: null           # last training of the model behind it; null for a hosted model
    # maintenance_hours_per_month: 4   # hours people spend on it
    # eval_suites: [my-suite]    # suite_id of the eval suites that speak for it
    # target_capability: support   # what a fine-tune was for; no other capability may fall
    # out_of_scope_label: other  # the label for what it should not answer
    # confidence_gate: 0.8       # at or above: acted on without a person
    # error_costs: {default: 1, "billing->cancel": 20}   # "true->predicted", in any one unit
    # review: {queue: my-queue, sla_hours: 24, reviewers: 2}   # who checks its answers, how soon
    # slo: {p95_latency_ms: 2500, cost_usd_per_1k_calls: 4.0}   # what it has promised

# Where the rows come from. A pattern that matches no file yet is allowed.
sources:
  - table: calls                 # which table the rows belong to
    format: jsonl                # jsonl, csv or parquet; .gz and .zst are read too
    path: logs/calls/*.jsonl*    # a file, a glob, or a list of them
    # feature_id: my-feature     # where every row is of one feature
    # where: kind = 'completion' # where the files hold other kinds of rows too: which ones belong
    # columns:                   # where names differ, a SQL expression over the columns of the file
    #   call_id: id              # column of the table, then the expression
    #   started_at: to_timestamp(ts)   # any expression of DuckDB will do
  - table: eval_results          # scores of eval runs
    format: parquet              # each source has its own format
    path: evals/*.parquet        # and its own files

# Parameters of checks, by mode and check. `llmops-health explain MODE.CHECK` lists them.
checks: {}
# checks:                        # use this form in place of the line above
#   drift:                       # the mode
#     input_drift: {reference_days: 28}   # the check and its parameters
#   calibration:                 # another mode
#     out_of_scope: {enabled: false}   # every check can be switched off
"""


def write_template(path: Path) -> None:
    """Write `TEMPLATE` to a new file.

    Raises
    ------
    ConfigError
        The file is there already (it is left as it is), or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        message = "The file exists already and was left as it is. Move it away, or name another."
    except OSError as error:
        message = f"The file cannot be written: {error.strerror}."
    else:
        return
    raise ConfigError([Problem(path, None, "", message)])
