"""A record of what happens to the training signal, written by your own pipeline as it runs.

    from llmops_health import ledger

    book = ledger.open("ledger.jsonl", pipeline="support-intents/feedback")
    with book.step("filter", params={"min_score": 0.5}) as step:
        step.input(raw, label="intent")
        step.dropped(len(raw) - len(kept), "score below 0.5")
        step.output(kept, label="intent")

Each step becomes one JSON line: counts, class mix, weights, and hashes of inputs, code, parameters
and environment, chained so that a line which is changed, removed or moved later is found
(`llmops-health verify-ledger`). The file is a source as it stands: `table: ledger_steps`,
`format: jsonl`. A pipeline whose id is a feature's id, or begins with it and a slash, is that
feature's.

Frames of Polars, pandas and Arrow, lists, files and plain counts are taken; none of these packages
is imported unless it is given. No content is written, only counts, names of classes and hashes.
"""

from llmops_health.ledger.book import Ledger, open, step  # noqa: A004 - read as ledger.open
from llmops_health.ledger.step import Step

__all__ = ["Ledger", "Step", "open", "step"]
