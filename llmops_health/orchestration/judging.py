"""What a mode's step does with its data: findings and figures into tables, numbers into Dagster.

Imported by a step that runs, never by the code location.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import polars as pl
from dagster import AssetExecutionContext

from llmops_health import health, judge, progress
from llmops_health.config import Feature
from llmops_health.figures import Figure
from llmops_health.findings import Status
from llmops_health.health import Check
from llmops_health.judge import FIGURE_COLUMNS, FINDING_COLUMNS
from llmops_health.orchestration.checks import HEALTHY
from llmops_health.orchestration.resources import Project
from llmops_health.report import plots
from llmops_health.storage.day import Day

# Numbers of more features than these would make an event larger than its page can show.
SHOWN_FEATURES = 25
# Metadata lies in Dagster's SQLite database, once per event: Dagster's own advice is 50 KB.
PICTURE_BYTES = 45_000


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
    answers = [
        _answer(project, by_key[key], watched, day, context.run.run_id) for key in sorted(keys)
    ]
    _store(project, answers, day)
    for answer in answers:
        by_day = _by_day(answer.findings)
        for one_day in day.days():
            context.add_asset_metadata(
                numbers(by_day.get(one_day, answer.findings.clear()))
                | (answer.shown if one_day == day.last else {}),
                asset_key=answer.check.key,
                partition_key=one_day.isoformat(),
            )
        yield dg.MaterializeResult(asset_key=answer.check.key)
        yield from _evaluations(answer.check.key, by_day, day.days(), answer.shown)


@dataclass(frozen=True)
class _Answer:
    """What one check said about a range of days, and what it has to show of the last."""

    check: Check
    findings: pl.DataFrame
    figures: pl.DataFrame
    shown: dict[str, dg.MetadataValue]


def _answer(
    project: Project, check: Check, watched: Sequence[Feature], day: Day, run_id: str
) -> _Answer:
    progress.report(0.7, f"judging {check.mode}.{check.name}")
    loaded = judge.load(check, project.warehouse, day)
    params = project.params_of(check)
    findings = judge.judge(check, loaded, watched, params, day, run_id)
    uris: list[str] = []

    def draw(figure: Figure) -> str:
        uris.append(plots.data_uri(figure))
        return plots.svg(figure)

    figures = judge.figures(check, loaded, watched, params, day.last, draw)
    titled = zip(figures["title"], uris, strict=True)
    drawn = dict(zip(figures["feature_id"], titled, strict=True))
    shown = pictures(drawn, findings.filter(pl.col("day") == day.last))
    return _Answer(check, findings, figures, shown)


def _store(project: Project, answers: Sequence[_Answer], day: Day) -> None:
    """Put findings and figures in place of those of the same checks and days."""
    if not answers:
        return
    only = {
        "mode": [answers[0].check.mode],
        "check_name": [answer.check.name for answer in answers],
    }
    for table, columns, span, rows in (
        ("health__findings", FINDING_COLUMNS, day, [one.findings for one in answers]),
        ("health__figures", FIGURE_COLUMNS, Day(day.last, day.last), [a.figures for a in answers]),
    ):
        project.warehouse.replace_frame(table, columns, pl.concat(rows), span, **only)


def _by_day(findings: pl.DataFrame) -> dict[object, pl.DataFrame]:
    return {key[0]: rows for key, rows in findings.partition_by("day", as_dict=True).items()}


def pictures(
    drawn: Mapping[str, tuple[str, str]], findings: pl.DataFrame
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
    status = dict(findings.filter(pl.col("segment") == "").select("feature_id", "status").rows())
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


def numbers(findings: pl.DataFrame) -> dict[str, float | int]:
    """Return one day's numbers, which Dagster draws over the days."""
    counts = dict(findings["status"].value_counts().iter_rows())
    shown: dict[str, float | int] = {
        f"n_{status.value.lower()}": counts.get(status.value, 0) for status in Status
    }
    whole = findings.filter((pl.col("segment") == "") & pl.col("value").is_not_null())
    for row in whole.head(SHOWN_FEATURES).iter_rows(named=True):
        for name in ("value", "lo", "hi", "threshold", "n"):
            if row[name] is not None:
                shown[f"{row['feature_id']} {name}"] = row[name]
    return shown


def _evaluations(
    key: str,
    by_day: dict[object, pl.DataFrame],
    all_days: Sequence[date],
    shown: Mapping[str, dg.MetadataValue],
) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield a check's outcome per day: over a range Dagster itself would leave the day out."""
    for one_day in all_days:
        passed, severity, description, metadata = outcome(by_day.get(one_day))
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(key),
            check_name=HEALTHY,
            passed=passed,
            severity=severity,
            description=description,
            metadata={
                **{name: dg.MetadataValue.text(said) for name, said in metadata.items()},
                **_values(by_day.get(one_day)),
                **(shown if one_day == all_days[-1] else {}),
            },
            partition=one_day.isoformat(),
        )


def _values(findings: pl.DataFrame | None) -> dict[str, float | int]:
    """Return one day's values and limits, which Dagster draws on the check's own page."""
    if findings is None:
        return {}
    shown = numbers(findings)
    return {name: x for name, x in shown.items() if name.endswith((" value", " threshold"))}


def outcome(
    findings: pl.DataFrame | None,
) -> tuple[bool, dg.AssetCheckSeverity, str, dict[str, str]]:
    """Return passed, severity, description and one message per feature of one day's findings."""
    if findings is None or findings.is_empty():
        return False, dg.AssetCheckSeverity.WARN, "No feature to judge.", {}
    findings = findings.sort(pl.col("segment") != "", maintain_order=True)
    failed = findings.filter(pl.col("status") == Status.FAIL.value)
    warned = findings.filter(pl.col("status") == Status.WARN.value)
    passed = findings.filter(pl.col("status") == Status.PASS.value)
    alarms = pl.concat([failed, warned])
    messages = {
        f"{row['feature_id']} {row['segment']}".strip(): row["message"]
        for row in alarms.head(SHOWN_FEATURES).iter_rows(named=True)
    }
    if not alarms.is_empty():
        severity = dg.AssetCheckSeverity.WARN if failed.is_empty() else dg.AssetCheckSeverity.ERROR
        return False, severity, f"{len(failed)} FAIL, {len(warned)} WARN.", messages
    if passed.is_empty():
        not_applicable = (findings["status"] == Status.NOT_APPLICABLE.value).all()
        said = "Applies to no feature." if not_applicable else "No evidence: too little data."
        return bool(not_applicable), dg.AssetCheckSeverity.WARN, said, {}
    return True, dg.AssetCheckSeverity.WARN, f"{len(passed)} PASS.", {}
