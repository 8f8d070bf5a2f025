"""What a mode's step does with its data: findings and figures into tables, numbers into Dagster.

Imported by a step that runs, never by the code location.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl
from dagster import AssetExecutionContext

from llmops_health import health, judge
from llmops_health.answers import Answer, answers
from llmops_health.findings import Status
from llmops_health.health import Check
from llmops_health.judge import FIGURE_COLUMNS, FINDING_COLUMNS
from llmops_health.orchestration.checks import HEALTHY
from llmops_health.orchestration.resources import Project
from llmops_health.storage.day import Day

# Numbers of more features than these would make an event larger than its page can show.
SHOWN_FEATURES = 25
# Metadata lies in Dagster's SQLite database, once per event: Dagster's own advice is 50 KB.
PICTURE_BYTES = 45_000


Row = Mapping[str, Any]
Outcome = dg.MaterializeResult | dg.AssetCheckEvaluation


def judged(
    context: AssetExecutionContext, project: Project, day: Day, keys: Sequence[str]
) -> Iterator[Outcome]:
    """Judge checks of one mode for a range of days; yield what Dagster is to know.

    Findings and figures of all of them are stored at once: a transaction each would take longer
    than most checks do.
    """
    by_key = {check.key: check for check in health.discover()}
    watched = judge.features(project.config, project.warehouse)
    checks = [by_key[key] for key in sorted(keys)]
    params = [project.params_of(check) for check in checks]
    found = answers(checks, project.warehouse, watched, params, day, context.run.run_id)
    _store(project, checks, found, day)
    for answer in found:
        by_day = _by_day(answer.findings)
        shown = pictures(answer.pictures, by_day.get(day.last, ()))
        for one_day in day.days():
            context.add_asset_metadata(
                numbers(by_day.get(one_day, ())) | (shown if one_day == day.last else {}),
                asset_key=answer.key,
                partition_key=one_day.isoformat(),
            )
        yield dg.MaterializeResult(asset_key=answer.key)
        yield from _evaluations(answer.key, by_day, day.days(), shown)


def _store(project: Project, checks: Sequence[Check], found: Sequence[Answer], day: Day) -> None:
    """Put findings and figures in place of those of the same checks and days."""
    if not found:
        return
    only = {"mode": [checks[0].mode], "check_name": [check.name for check in checks]}
    last = Day(day.last, day.last)
    for table, columns, span, rows in (
        ("health__findings", FINDING_COLUMNS, day, [one.findings for one in found]),
        ("health__figures", FIGURE_COLUMNS, last, [one.figures for one in found]),
    ):
        project.warehouse.replace_frame(table, columns, pl.concat(rows), span, **only)


def _by_day(findings: pl.DataFrame) -> dict[date, list[Row]]:
    """Return findings as rows by day: a frame each would take longer than what is made of them."""
    by_day: dict[date, list[Row]] = {}
    for row in findings.iter_rows(named=True):
        by_day.setdefault(row["day"], []).append(row)
    return by_day


def pictures(
    drawn: Mapping[str, tuple[str, str]], findings: Sequence[Row]
) -> dict[str, dg.MetadataValue]:
    """Return the pictures of features as metadata, alarmed ones first, as many as an event holds.

    Parameters
    ----------
    drawn
        Title and data URI by feature.
    findings
        The findings of the pictures' day.
    """
    worst = {Status.FAIL.value: 0, Status.WARN.value: 1}
    status = {row["feature_id"]: row["status"] for row in findings if not row["segment"]}
    shown: dict[str, dg.MetadataValue] = {}
    left = PICTURE_BYTES
    for feature_id in sorted(drawn, key=lambda one: (worst.get(status.get(one, ""), 2), one)):
        title, uri = drawn[feature_id]
        left -= len(uri)
        if left < 0:
            break
        alt = re.sub(r"[\[\]\\\n]", " ", title)
        shown[f"{feature_id} plot"] = dg.MetadataValue.md(f"![{alt}]({uri})")
    return shown


def numbers(findings: Sequence[Row]) -> dict[str, float | int]:
    """Return one day's numbers, which Dagster draws over the days."""
    counts = Counter(row["status"] for row in findings)
    shown: dict[str, float | int] = {
        f"n_{status.value.lower()}": counts[status.value] for status in Status
    }
    whole = [row for row in findings if not row["segment"] and row["value"] is not None]
    for row in whole[:SHOWN_FEATURES]:
        for name in ("value", "lo", "hi", "threshold", "n"):
            if row[name] is not None:
                shown[f"{row['feature_id']} {name}"] = row[name]
    return shown


def _evaluations(
    key: str,
    by_day: Mapping[date, Sequence[Row]],
    all_days: Sequence[date],
    shown: Mapping[str, dg.MetadataValue],
) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield a check's outcome per day: over a range Dagster itself would leave the day out."""
    for one_day in all_days:
        passed, severity, description, metadata = outcome(by_day.get(one_day, ()))
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(key),
            check_name=HEALTHY,
            passed=passed,
            severity=severity,
            description=description,
            metadata={
                **{name: dg.MetadataValue.text(said) for name, said in metadata.items()},
                **_values(by_day.get(one_day, ())),
                **(shown if one_day == all_days[-1] else {}),
            },
            partition=one_day.isoformat(),
        )


def _values(findings: Sequence[Row]) -> dict[str, float | int]:
    """Return one day's values and limits, which Dagster draws on the check's own page."""
    shown = numbers(findings)
    return {name: x for name, x in shown.items() if name.endswith((" value", " threshold"))}


def outcome(findings: Sequence[Row]) -> tuple[bool, dg.AssetCheckSeverity, str, dict[str, str]]:
    """Return passed, severity, description and one message per feature of one day's findings."""
    if not findings:
        return False, dg.AssetCheckSeverity.WARN, "No feature to judge.", {}
    ordered = sorted(findings, key=lambda row: row["segment"] != "")
    failed = [row for row in ordered if row["status"] == Status.FAIL.value]
    warned = [row for row in ordered if row["status"] == Status.WARN.value]
    n_passed = sum(row["status"] == Status.PASS.value for row in ordered)
    alarms = [*failed, *warned]
    messages = {
        f"{row['feature_id']} {row['segment']}".strip(): row["message"]
        for row in alarms[:SHOWN_FEATURES]
    }
    if alarms:
        severity = dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN
        return False, severity, f"{len(failed)} FAIL, {len(warned)} WARN.", messages
    if not n_passed:
        not_applicable = all(row["status"] == Status.NOT_APPLICABLE.value for row in ordered)
        said = "Applies to no feature." if not_applicable else "No evidence: too little data."
        return not_applicable, dg.AssetCheckSeverity.WARN, said, {}
    return True, dg.AssetCheckSeverity.WARN, f"{n_passed} PASS.", {}
