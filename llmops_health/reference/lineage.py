"""What a check needs, read off its source and the SQL: files' columns, statuses, configuration.

Nothing is listed by hand but what the embedded texts come from. Nothing here
writes Markdown.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType

from llmops_health import sqlfiles
from llmops_health.config import Feature
from llmops_health.contract import BY_NAME, Table, derived_columns, starts
from llmops_health.findings import Status
from llmops_health.health import Check
from llmops_health.text import matching, training_texts, vectors

# What the step that embeds texts reads; a test holds the tables to the asset graph.
VECTORS_READ = {
    "summary__text_samples": {"day", "feature_id", "call_id", "run_kind", "input_sha256"},
    "summary__user_calls": {"day", "feature_id", "call_id", "run_kind", "input_sha256", "user_id",
                            "started_at"},
    "summary__compared_calls": {"day", "feature_id", "call_id", "run_kind", "input_sha256",
                                "user_id", "request_model", "prompt_version"},
    "core__eval_cases": {"feature_id", "suite_id", "case_id", "added_at", "retired_at",
                         "input_sha256"},
}  # fmt: skip
_OF_CASES = "summary__eval_cells"
_OF_STYLE = "summary__style"
ALWAYS = (Status.PASS, Status.NOT_ENOUGH_DATA, Status.NOT_APPLICABLE)
_CHOSEN_FROM = (ast.Compare, ast.Set, ast.Tuple, ast.List)
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_COMMENT = re.compile(r"--.*")


def modules(check: Check) -> list[ModuleType]:
    """Return a check's module and the private modules of its mode that it builds on."""
    folder = check.run.__module__.rsplit(".", 1)[0]
    found = [import_module(check.run.__module__)]
    for module in found:
        for name in _imported(module):
            private = name.startswith(f"{folder}._") and name.count(".") == folder.count(".") + 1
            if private and name not in {one.__name__ for one in found}:
                found.append(import_module(name))
    return found


def statuses(check: Check) -> tuple[Status, ...]:
    """Return the statuses that a check can give, gravest first."""
    given = {status for module in modules(check) for status in _statuses(module)}
    return tuple(one for one in (Status.FAIL, Status.WARN) if one in given) + ALWAYS


def feature_keys(check: Check) -> list[str]:
    """Return the keys of a feature's configuration that a check looks at."""
    used = {
        node.attr
        for module in modules(check)
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "feature"
    }
    named = {"error_cost": "error_costs"}
    wanted = {named.get(name, name) for name in used} - {"id"}
    return [key for key in Feature.model_fields if key in wanted]


def needs(check: Check) -> dict[str, dict[str, set[str]]]:
    """Return what a check needs of people's files: table -> column -> tables it comes through."""
    found: dict[str, dict[str, set[str]]] = {}
    for name in check.reads:
        columns = (
            _words(inspect.getsource(modules(check)[0])) if name.startswith("core__") else None
        )
        for table, column in _origins(name, columns):
            found.setdefault(table, {}).setdefault(column, set()).add(name)
    order = {name: at for at, name in enumerate(BY_NAME)}
    return {table: found[table] for table in sorted(found, key=order.__getitem__)}


def brought(table: Table, stored: str) -> list[str]:
    """Return the columns people bring that a stored column is made from."""
    if stored == "day":
        return [table.time] if table.time else []
    names = {column.name for column in table.columns}
    derived = derived_columns(table)
    if stored in derived:
        used = _words(derived[stored][1])
        cut = (query for start, query in starts(table).items() if start in used)
        return sorted((used | {word for query in cut for word in _words(query)}) & names)
    for name in (stored, stored.removesuffix("_sha256") + "_text", stored.removesuffix("_sha256")):
        if name in names:
            return [name]
    return []


def _origins(name: str, used: set[str] | None) -> Iterator[tuple[str, str]]:
    """Yield contract table and column of everything that a table of ours is made from."""
    if name.startswith("core__"):
        table = BY_NAME.get(name.removeprefix("core__"))
        if table is None:
            return
        stored = ["day", *table.stored_columns] if table.time else list(table.stored_columns)
        for column in stored:
            if used is None or column in used:
                yield from ((table.name, one) for one in brought(table, column))
        return
    if name.startswith("health__"):
        return  # what other checks have said comes from their own tables
    if name in training_texts.TABLES:
        name = "summary__leaks"  # the same rows lead to the same texts
    if name in vectors.TABLES:
        for read in _texts_of(name):
            through = read if read == "core__eval_cases" else "core__calls"
            yield from _origins(through, VECTORS_READ[read])
        return
    file = _summaries()[name]
    used_by_query = _words(_COMMENT.sub("", file.query))
    for read in file.reads:
        yield from _origins(read, used_by_query)


def _texts_of(name: str) -> tuple[str, ...]:
    """Return whose texts a table is made from that the step which embeds them makes."""
    if name == _OF_STYLE:
        return ("summary__user_calls",)
    if name in matching.TABLES:
        return ("summary__compared_calls",)
    return ("summary__text_samples", *(("core__eval_cases",) if name == _OF_CASES else ()))


@cache
def _summaries() -> Mapping[str, sqlfiles.SqlFile]:
    return {file.table: file for file in sqlfiles.load(layer="summary")}


@cache
def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text))


@cache
def _imported(module: ModuleType) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(found)


@cache
def _statuses(module: ModuleType) -> frozenset[Status]:
    """Return the statuses that a module gives, not those that it only compares or ranks."""
    tree = _tree(module)
    compared = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, _CHOSEN_FROM)
        for inner in (
            (node.left, *node.comparators) if isinstance(node, ast.Compare) else node.elts
        )
    }
    given: set[Status] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="Status"), attr=name) if id(node) not in compared:
                given.add(Status[name])
    return frozenset(given)
