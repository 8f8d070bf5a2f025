"""The page of the configuration file: every key, from the models that read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from llmops_health import health
from llmops_health.config import MODES, TEMPLATE, Config
from llmops_health.reference import markdown

# Sections of the page: title, model, where it stands in the file, what it is.
_SECTIONS = (
    ("storage", "Storage", "Where results are kept."),
    ("engine", "Spark", "`engine: duckdb`. A mapping with this key is refused by this version."),
    ("privacy", "Privacy", "What is kept of people's text and ids."),
    ("retention_days", "Retention", "Days counted back from the newest day in the data."),
    ("features[]", "Feature", "One thing a model does for users."),
    ("features[].review", "Review", "The review queue of a feature."),
    ("features[].slo", "Slo", "What a feature has promised."),
    ("sources[]", "Source", "Files of one table."),
)
_LIMITS = (
    ("minimum", ">="),
    ("exclusiveMinimum", ">"),
    ("maximum", "<="),
    ("exclusiveMaximum", "<"),
)


def configuration_page() -> str:
    """Return the page of every key of `llmops-health.yaml`."""
    schema = Config.model_json_schema()
    parts = ["# Configuration", _INTRODUCTION, "## Top level", _keys(schema, schema)]
    for where, model, what in _SECTIONS:
        parts += [f"## {where}", what, _keys(schema["$defs"][model], schema)]
    return markdown.page(
        *parts,
        "## checks",
        _CHECKS,
        markdown.table(
            ("mode", "checks"),
            [
                (f"[{mode}](modes/{mode}.md)", ", ".join(_links(mode)))
                for mode in MODES
                if mode in health.MODES
            ],
        ),
        "## What `llmops-health init` writes",
        markdown.fenced("yaml", TEMPLATE),
        "[All documentation](README.md)",
    )


def _links(mode: str) -> Iterator[str]:
    for check in health.discover():
        if check.mode == mode:
            yield f"[{check.name}](checks/{mode}/{check.name}.md)"


def _keys(model: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    needed = model.get("required", [])
    rows = []
    for key, field in model["properties"].items():
        default = "" if key in needed else f"`{_default(field, schema)}`"
        described = field.get("description") or _target(field, schema).get("description", "")
        rows.append(
            (f"`{key}`", kind(field, schema), "**needed**" if key in needed else default, described)
        )
    return markdown.table(("key", "type", "default", "meaning"), rows)


def _default(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "default" in field and not isinstance(field["default"], dict):
        return json.dumps(field["default"], ensure_ascii=False).strip('"') or '""'
    if "default" not in field and kind(field, schema).startswith("list"):
        return "[]"
    return "{}"


def _target(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in field:
        return field
    found: Mapping[str, Any] = schema["$defs"][field["$ref"].rsplit("/", 1)[1]]
    return found


def kind(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return a value's type in words."""
    choices = field.get("anyOf") or field.get("oneOf")
    if choices:
        words = [kind(one, schema) for one in choices if one.get("type") != "null"]
        return " or ".join(words)
    if "$ref" in field:
        return "mapping"
    if "const" in field or "enum" in field:
        return markdown.code(field.get("enum") or [field["const"]])
    if field.get("type") == "array":
        items = kind(field.get("items", {}), schema)
        return f"list of {'mappings' if items == 'mapping' else items}"
    return _plain(field)


def _plain(field: Mapping[str, Any]) -> str:
    if field.get("format") in ("date", "path"):
        return str(field["format"])
    words = {
        "string": "text",
        "object": "mapping",
        "boolean": "true or false",
        "integer": "whole number",
    }
    given = field.get("type", "any")
    limits = " and ".join(f"{sign} {field[name]:g}" for name, sign in _LIMITS if name in field)
    return f"{words.get(given, given)} {limits}".strip()


_INTRODUCTION = """\
`llmops-health.yaml`, or the file that `--config` or `LLMOPS_HEALTH_CONFIG` names. Relative paths
start from the folder of the file. `${NAME}` takes an environment variable, `${NAME:-default}` has a
fallback, and a variable that is not there is an error. An unknown key, a missing file or a bad
value stops the command with the file, the line, the key, the rule and the nearest valid key.

`llmops-health schema > llmops-health.schema.json` gives an editor the same rules."""
_CHECKS = """\
Mode, check, parameters. Every check can be switched off with `enabled: false`; it then says
`NOT_APPLICABLE`."""
