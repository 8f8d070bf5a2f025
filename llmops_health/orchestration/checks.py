"""One step per mode; each check is an asset with an asset check of its own."""

import re
from collections.abc import Iterator, Sequence

import dagster as dg
from dagster import AssetExecutionContext

from llmops_health import health
from llmops_health.health import Listed
from llmops_health.orchestration.assets import spec
from llmops_health.orchestration.partitions import DAYS, days_of
from llmops_health.orchestration.resources import Project

HEALTHY = "healthy"


def mode(name: str, checks: Sequence[Listed]) -> dg.AssetsDefinition:
    """Return the step that judges one mode for a range of days."""
    specs = [
        spec(check.key, name, as_markdown(check.doc), deps(check), ["python", "numpy"])
        for check in checks
    ]
    check_specs = [
        dg.AssetCheckSpec(HEALTHY, asset=check.key, description=check.title, partitions_def=DAYS)
        for check in checks
    ]

    @dg.multi_asset(
        name=name,
        specs=specs,
        check_specs=check_specs,
        can_subset=True,
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def run(
        context: AssetExecutionContext, project: Project
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckEvaluation]:
        from llmops_health.orchestration.judging import judged

        chosen = sorted(key.to_user_string() for key in context.selected_asset_keys)
        yield from judged(context, project, days_of(context), chosen)

    return run


def deps(check: Listed) -> list[str]:
    """Return a check's upstream assets; who reads findings waits for all checks of other modes."""
    others = [one.key for one in health.listed() if one.mode != check.mode]
    return [
        key for name in check.reads for key in (others if name == "health__findings" else [name])
    ]


def as_markdown(doc: str) -> str:
    """Return a check's docstring as Dagster shows it: headings and paragraphs, not one block."""
    return re.sub(r"^(\S.*)\n(?=    )", r"\n**\1**\n\n", doc, flags=re.MULTILINE).replace(
        "\n    ", "\n"
    )


def modes() -> list[dg.AssetsDefinition]:
    """Return one step per mode."""
    by_mode: dict[str, list[Listed]] = {}
    for check in health.listed():
        by_mode.setdefault(check.mode, []).append(check)
    return [mode(name, checks) for name, checks in by_mode.items()]
