"""From calls to what the checks read: the queries of the summaries, and the matching of texts."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import polars as pl

from llmops_health import sqlfiles, steps
from llmops_health.storage.engines import memory
from llmops_health.text.matching import match
from llmops_health_tests.health.eval_prod_gap.simulate import LAST

SUMMARIES = (
    "summary__text_samples",
    "summary__compared_calls",
    "summary__categories",
    "summary__parameters",
    "summary__system_texts",
)
TOLD = """
    select
        * exclude (input_text, output_text),
        'help' as feature_id,
        text_language(input_text) as input_language,
        text_language(output_text) as output_language,
        length(input_text) as n_input_chars,
        length(output_text) as n_output_chars,
        is_refusal(output_text) as is_refusal,
        n_hedges(output_text) as n_hedges,
        output_format(output_text) as output_format
    from calls
"""


def summaries(
    calls: pl.DataFrame, first: date = LAST - timedelta(days=6)
) -> dict[str, pl.DataFrame]:
    """Return every table that the mode reads, of calls with their texts."""
    keys = [hashlib.sha256(text.encode()).hexdigest() for text in calls["input_text"]]
    calls = calls.with_columns(input_sha256=pl.Series(keys))
    files = {file.table: file for file in sqlfiles.load(layer="summary")}
    params = {"first_day": first, "last_day": LAST}
    with memory() as db:
        listed = ", ".join(f"{n} {kind}" for n, kind in steps.all_tables()["core__calls"].items())
        db.execute(f"create table core__calls ({listed})")
        db.register("calls", calls)
        db.execute(f"insert into core__calls by name {TOLD}")
        made = {}
        for table in SUMMARIES:
            file = files[table]
            given = {name: params[name] for name in file.params}
            db.execute(f"create table {table} as {file.query}", given)
            made[table] = db.sql(f"select * from {table}").pl()
    texts = calls.select("input_sha256", text="input_text").unique("input_sha256")
    compared = made["summary__compared_calls"].join(texts, on="input_sha256", how="left")
    return made | match(compared, first=first, last=LAST)
