"""A page per mode and per check: the docstring, and what its code says of data and settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args, get_origin

from pydantic.fields import FieldInfo

from llmops_health import health
from llmops_health.contract import BY_NAME
from llmops_health.findings import Status
from llmops_health.health import Check
from llmops_health.reference import lineage, markdown

_MEANS = {
    Status.FAIL: "The fault is there: act.",
    Status.WARN: "Look at it.",
    Status.PASS: "The fault was looked for, with enough data to find it, and is not there.",
    Status.NOT_ENOUGH_DATA: "It cannot tell; the message says what is missing.",
    Status.NOT_APPLICABLE: "The fault cannot be there for this feature, or the check is switched"
    " off.",
}
_BOUNDS = {"ge": ">= ", "gt": "> ", "le": "<= ", "lt": "< "}
_HEADING = re.compile(r"^(?=\S)", re.MULTILINE)


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path and text of every mode's and every check's page."""
    for mode in health.MODES:
        yield f"modes/{mode}.md", mode_page(mode)
    for check in health.discover():
        yield f"checks/{check.mode}/{check.name}.md", check_page(check)


def mode_page(mode: str) -> str:
    """Return what a mode is, and its checks."""
    first, *rest = health.mode_doc(mode).split("\n\n")
    checks = [check for check in health.discover() if check.mode == mode]
    rows = [
        (
            f"[{check.name}](../checks/{mode}/{check.name}.md)",
            fault(check),
            markdown.code(lineage.needs(check)),
            str(len(check.params.model_fields)),
            markdown.code(status.value for status in lineage.statuses(check)[:-3]),
        )
        for check in checks
    ]
    return markdown.page(
        f"# Mode: {mode}",
        *map(markdown.paragraph, (first, *rest)),
        "## Checks",
        markdown.table(("check", "the fault", "reads of your data", "parameters", "alarms"), rows),
        "## Its verdict",
        markdown.paragraph(
            "A feature's verdict of the day is the worst finding of these checks: `failing`,"
            " `warning`, `healthy`, `no_evidence` where no check could tell, or `not_applicable`."
            " An alarm with a p-value counts only where it holds among all of the feature's"
            " p-values of the day (Benjamini-Hochberg, 5 %)."
        ),
        markdown.fenced(
            "sql",
            "select day, feature_id, status, headline from health__verdicts\n"  # noqa: S608 - a page
            f"where mode = '{mode}' and status in ('failing', 'warning')\n"
            "order by day desc, feature_id",
        ),
        "[All documentation](../README.md)",
    )


def fault(check: Check) -> str:
    """Return the fault in one line, without the check's name."""
    words = check.title.split(": ", 1)[-1]
    return words[0].upper() + words[1:]


def check_page(check: Check) -> str:
    """Return everything there is to know of one check."""
    name = f"{check.mode}.{check.name}"
    return markdown.page(
        f"# {name}",
        markdown.paragraph(check.title),
        markdown.fenced("console", f"$ llmops-health explain {name}"),
        *_sections(check),
        "## What it says",
        markdown.table(
            ("status", "meaning"),
            [(f"`{one.value}`", _MEANS[one]) for one in lineage.statuses(check)],
        ),
        markdown.fenced(
            "sql",
            "select day, feature_id, segment, status, message, action\n"
            "from health__findings\n"
            f"where check_name = '{check.name}' and status in ('FAIL', 'WARN')\n"
            "order by day desc, feature_id, segment",
        ),
        "## Data it needs",
        *_data(check),
        "## Parameters",
        markdown.table(
            ("name", "default", "bounds", "meaning"),
            [
                (f"`{key}`", f"`{_yaml(field.default)}`", bounds(field), field.description or "")
                for key, field in check.params.model_fields.items()
            ],
        ),
        "In `llmops-health.yaml`, with its default:",
        markdown.fenced("yaml", setting(check)),
        f"[Mode {check.mode}](../../modes/{check.mode}.md) ·"
        " [configuration](../../configuration.md) · [all documentation](../../README.md)",
    )


def setting(check: Check) -> str:
    """Return the YAML that sets a check's first parameter of its own that is one value."""
    key, default = next(
        (key, field.default)
        for key, field in check.params.model_fields.items()
        if key != "enabled" and isinstance(field.default, bool | int | float | str)
    )
    value = _yaml(default)
    return f"checks:\n  {check.mode}:\n    {check.name}:\n      {key}: {value}"


def bounds(field: FieldInfo) -> str:
    """Return the values that a parameter may take."""
    limits = [
        f"{sign}{getattr(limit, name):g}"
        for limit in field.metadata
        for name, sign in _BOUNDS.items()
        if hasattr(limit, name)
    ]
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if kind is not None]
    if any(kind is bool for kind in kinds):
        return "true, false"
    words = ["whole number"] if any(kind is int for kind in kinds) else []
    words += [", ".join(map(str, get_args(kind))) for kind in kinds if _is_literal(kind)]
    words += ["null"] if type(None) in kinds else []
    return "; ".join([*words, " and ".join(limits)] if limits else words)


def _is_literal(kind: object) -> bool:
    return str(get_origin(kind)).endswith("Literal")


def _yaml(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _sections(check: Check) -> Iterator[str]:
    """Yield the docstring's headings and texts as Markdown."""
    for part in _HEADING.split(check.doc)[2:]:
        heading, _, text = part.partition("\n")
        yield f"## {heading}"
        yield from map(markdown.paragraph, re.split(r"\n\s*\n", text.strip()))


def _data(check: Check) -> Iterator[str]:
    reads = ", ".join(
        f"[`{name}`](../../tables.md#{markdown.anchor(name)})" for name in check.reads
    )
    days = "days that end" if check.history_days > 1 else "day"
    last = " with the judged one" if check.history_days > 1 else ""
    yield markdown.paragraph(
        f"It reads {reads}, of the {check.history_days} {days}{last}. These are made from:"
    )
    rows = []
    for name, columns in lineage.needs(check).items():
        table = BY_NAME[name]
        listed = [column.name for column in table.columns if column.name in columns]
        must = [column for column in listed if table.column(column).required]
        rows.append(
            (
                f"`{name}`",
                markdown.code(must),
                markdown.code(column for column in listed if column not in must),
            )
        )
    yield markdown.table(("you bring", "must be there", "used where there"), rows)
    keys = lineage.feature_keys(check)
    if keys:
        yield f"Of the feature's configuration it looks at {markdown.code(keys)}."
