"""The page of tables: what a person may query, column by column.

Columns and types come from the contract and the SQL files' headers, meanings from the headers and
from `meanings.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from llmops_health import sqlfiles
from llmops_health.columns import Kind
from llmops_health.contract import TABLES, Table
from llmops_health.reference import lineage, markdown
from llmops_health.reference.meanings import meaning
from llmops_health.sqlfiles import SqlFile
from llmops_health.steps import all_tables

_COLUMN = re.compile(r"^(\w+) {2,}([a-z]+(?:\[\d*\])?)(?: {2,}(\S.*))?$")
_MORE = re.compile(r"^ {6,}(\S.*)$")
_FIELDS = ("one row per:", "reads:", "params:", "read by:")
_RANGES = {Kind.UNIT: "0-1", Kind.COUNT: "0 or more", Kind.JSON: "JSON", Kind.NAMES: "list"}

CONTENTS = {"sha256": "varchar", "text": "varchar", "table_name": "varchar", "day": "varchar"}
# Tables without an SQL file: layer, what a row is, grain.
OTHERS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "core__contents": (
        "core",
        "Every text that is kept, by its hash; a view over Parquet files beside the database.",
        ("text", "row that has it"),
    ),
    "summary__embeddings": (
        "summary",
        "Sums of the sampled inputs' vectors.",
        ("day", "feature_id", "embedder_version"),
    ),
    "summary__codebooks": (
        "summary",
        "Each feature's topics, fitted once and kept.",
        ("feature_id", "codebook_version", "cell"),
    ),
    "summary__text_cells": ("summary", "The topic of every sampled input.", ("call_id",)),
    "summary__cells": (
        "summary",
        "Sampled inputs per topic.",
        ("day", "feature_id", "codebook_version", "cell"),
    ),
    "summary__eval_cells": (
        "summary",
        "The topic of every eval case, and the case most like it.",
        ("feature_id", "suite_id", "case_id"),
    ),
    "summary__style": (
        "summary",
        "How the inputs of the panel of users are worded.",
        ("call_id",),
    ),
    "summary__matches": (
        "summary",
        "Each eval input's like in production, and each production input's like in evals.",
        ("day", "call_id", "rank"),
    ),
    "summary__marker_words": (
        "summary",
        "Words that eval inputs have beyond production inputs like them, chosen on the other half.",
        ("day", "feature_id", "half", "word"),
    ),
    "summary__near_duplicates": (
        "summary",
        "Rows of a ledger step whose inputs are near-duplicates of one another.",
        ("pipeline_id", "step_id", "feature_id"),
    ),
    "summary__near_cases": (
        "summary",
        "Eval cases that an input of a ledger step is a near-duplicate of.",
        ("pipeline_id", "step_id", "feature_id", "suite_id", "case_id"),
    ),
    "health__findings": (
        "health",
        "What every check said on every day: of the whole (segment ''), and of parts that alarm.",
        ("day", "feature_id", "mode", "check_name", "segment"),
    ),
    "health__verdicts": (
        "health",
        "The findings of a mode, rolled up.",
        ("day", "feature_id", "mode"),
    ),
    "health__refresh_candidates": (
        "health",
        "Calls worth adding to the eval set, made for the last day of a run.",
        ("day", "feature_id", "rank"),
    ),
    "health__retirement_candidates": (
        "health",
        "Eval cases that may go, made for the last day of a run. Nothing is deleted by us.",
        ("day", "feature_id", "suite_id", "case_id"),
    ),
    "health__feature_cards": (
        "health",
        "What to do with each feature, and what waiting costs; made for the last day of a run.",
        ("day", "feature_id"),
    ),
    "health__readiness": (
        "health",
        "What each mode needs of each feature, and what is logged; made for the last day of a run.",
        ("day", "feature_id", "mode", "table_name", "field"),
    ),
    "health__power_cards": (
        "health",
        "What each check can see on each feature, from replaying the last 56 days; made weekly.",
        ("day", "feature_id", "mode", "check_name"),
    ),
    "health__figures": (
        "health",
        "The pictures of findings, made for the last day of a run.",
        ("day", "feature_id", "mode", "check_name"),
    ),
    "ingest__files": ("ingest", "Every source file that was read.", ("file_id",)),
    "ingest__rejects": (
        "ingest",
        "Every row that was refused, with the reason.",
        ("file_id", "row_number"),
    ),
    "core_days": ("ingest", "Up to which batch the core rows of a day were made.", ("day",)),
    "judged_days": ("ingest", "Up to which batch the verdicts of a day know.", ("day",)),
    "settled_days": ("ingest", "Days past the retention of calls, which stay as they are.", ()),
}
LAYERS = (
    ("views", "Views", "The newest day, and what people ask most. Start here."),
    ("health", "Health", "Findings and verdicts of every day, and cases for the eval sets."),
    ("core", "Core", "Your rows, each once. A row that broke a rule is in `ingest__rejects`."),
    (
        "summary",
        "Summaries",
        "One day's counts and sums; they add over days. Checks read these, never all calls.",
    ),
    ("ingest", "Ingest", "What was read and refused, and which days are up to date."),
)


@dataclass(frozen=True, slots=True)
class Described:
    """One table as its section shows it."""

    name: str
    doc: str
    grain: tuple[str, ...]
    columns: dict[str, str]
    said: dict[str, str]
    why: tuple[str, ...] = ()
    brought: Table | None = None
    sql: str = ""


def tables_page() -> str:
    """Return the page of every table and view of the published file."""
    by_layer = described()
    parts = ["# Tables", _INTRODUCTION, markdown.table(("layer", "tables"), _index(by_layer))]
    for layer, title, what in LAYERS:
        parts += [f"## {title}", markdown.paragraph(what)]
        for table in by_layer[layer]:
            parts += _section(table)
    return markdown.page(*parts, "[All documentation](README.md)")


def described() -> dict[str, list[Described]]:
    """Return every table and view of the published file, by layer."""
    files = {file.table: file for file in sqlfiles.load()}
    found: dict[str, list[Described]] = {layer: [] for layer, *_ in LAYERS}
    contract = {f"core__{table.name}": table for table in TABLES}
    known = all_tables() | {"core__contents": CONTENTS}
    for name in [*contract, *sorted(set(known) - set(contract))]:
        if name in files:
            layer, table = files[name].layer, _of_file(files[name], contract.get(name))
        else:
            layer, doc, grain = OTHERS[name]
            table = Described(name, doc, grain, known[name], {})
        found[layer].append(table)
    found["views"] = [_of_file(file, None) for file in files.values() if file.layer == "views"]
    return found


def _of_file(file: SqlFile, table: Table | None) -> Described:
    said: dict[str, str] = {}
    why: list[str] = []
    last = ""
    for line in file.doc.splitlines()[1:]:
        column, more = _COLUMN.match(line), _MORE.match(line)
        if column and column[1] in file.columns and not why:
            last = column[1]
            said[last] = (column[3] or "").replace("see `fields` below", "see the SQL file")
            said[last] = said[last].replace("see `metrics` below", "see the SQL file")
        elif more and last and not why:
            said[last] += " " + more[1]
        elif re.match(r"[A-Z]|pair = ", line):
            why.append(line)
        elif line and why:
            why[-1] += " " + line
    doc = table.doc if table else file.doc.splitlines()[0]
    sql = f"sql/{file.layer}/{file.table}.sql"
    return Described(file.table, doc, file.grain, file.columns, said, tuple(why), table, sql)


def _index(by_layer: Mapping[str, list[Described]]) -> Iterable[tuple[str, str]]:
    for layer, title, _ in LAYERS:
        links = [f"[`{t.name}`](#{markdown.anchor(t.name)})" for t in by_layer[layer]]
        yield title, ", ".join(links)


def _section(table: Described) -> Iterator[str]:
    yield f"### {table.name}"
    grain = " x ".join(f"`{part}`" if part in table.columns else part for part in table.grain)
    made = f" One row per {grain}." if grain else " One row."
    whence = f" You bring it as `{table.brought.name}`." if table.brought else ""
    source = f" Made by [{table.sql}](../{table.sql})." if table.sql else ""
    yield markdown.paragraph(table.doc + made + whence + source)
    yield markdown.table(
        ("column", "type", "you bring", "meaning"),
        [
            (f"`{name}`", kind, _brought(table.brought, name), column_meaning(table, name))
            for name, kind in table.columns.items()
        ],
    )
    if not table.brought:
        yield "\n".join(f"- {sentence}" for sentence in table.why)


def column_meaning(table: Described, name: str) -> str:
    """Return what a column means: its own words, its range and the words it may hold."""
    said = table.said.get(name, "")
    if table.brought is None:
        return said or meaning(table.name, name)
    words = meaning(table.name, name) or said
    column = next((one for one in table.brought.columns if one.name == name), None)
    if column is None:
        return words
    among = ", ".join(column.among) if column.among else _RANGES.get(column.kind, "")
    default = f"{column.default} where missing" if column.default is not None else ""
    return "; ".join(part for part in (words, among, default) if part)


def _brought(table: Table | None, name: str) -> str:
    if table is None:
        return ""
    own = next((one for one in table.columns if one.name == name), None)
    if own is not None:
        return "must" if own.required else "may"
    return "as " + markdown.code(found) if (found := lineage.brought(table, name)) else ""


_INTRODUCTION = """\
Everything in the published file (`storage.path`), and so everything that `llmops-health sql`, any
DuckDB client and the [cookbook](cookbook.md) can ask. Times are UTC, without a zone. Null means
unknown, never 0. A file that you bring has the columns marked *must* and any of those marked *may*;
others are kept in `attributes`.

Names: `n_` counts, `p_` is a probability, `is_` and `has_` are true or false, `_at` is a time, the
unit comes last (`latency_ms`, `cost_usd`). Of `bucket` there are 64: all rows of one user are in
one, so that an interval may allow for users who call often."""
