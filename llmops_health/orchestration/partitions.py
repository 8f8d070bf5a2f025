"""The one partition dimension: UTC days of event time."""

from __future__ import annotations

from datetime import date

import dagster as dg
from dagster import AssetExecutionContext

from llmops_health.contract import FIRST_DAY
from llmops_health.storage.day import Day

# Today is a partition too: a run by hand may look at it before it is over.
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def days_of(context: AssetExecutionContext) -> Day:
    """Return the range of days that a run materialises."""
    keys = context.partition_key_range
    return Day(date.fromisoformat(keys.start), date.fromisoformat(keys.end))


def range_tags(day: Day) -> dict[str, str]:
    """Return the run tags that select a range of days."""
    return {RANGE_START: day.first.isoformat(), RANGE_END: day.last.isoformat()}
