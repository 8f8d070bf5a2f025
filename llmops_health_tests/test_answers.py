"""Checks answer the same in one process and in several."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from llmops_health import config, health, judge, steps
from llmops_health.answers import answers
from llmops_health.config import Feature
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse

KEYS = ["day", "feature_id", "check_name", "segment"]


def assert_same_answers(
    mode: str, warehouse: Warehouse, watched: list[Feature], day: Day
) -> pl.DataFrame:
    """Hold two processes to what one says; return the findings."""
    checks = [check for check in health.discover() if check.mode == mode]
    params = [check.params() for check in checks]
    alone, two = (
        answers(checks, warehouse, watched, params, day, "run", n_processes=n) for n in (1, 2)
    )
    assert [one.key for one in two] == [check.key for check in checks]
    for one, other in zip(alone, two, strict=True):
        assert one.findings.sort(KEYS).equals(other.findings.sort(KEYS))
        assert one.figures.sort(KEYS[:3]).equals(other.figures.sort(KEYS[:3]))
        assert dict(one.pictures) == dict(other.pictures)
    return pl.concat([one.findings for one in two])


def test_features_without_data_are_judged_in_two_processes(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "health.duckdb")
    warehouse.prepare()
    warehouse.ensure(steps.all_tables())
    watched = [Feature(id=name, kind="classifier") for name in ("one", "two'", "three")]
    day = Day(date(2026, 3, 2), date(2026, 3, 3))
    found = assert_same_answers("frozen_feature", warehouse, watched, day)
    assert set(found["feature_id"]) == {feature.id for feature in watched}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["calibration", "ownership"])
def test_the_demo_is_judged_the_same_in_two_processes(mode: str, demo: Path) -> None:
    loaded = config.load(demo, {})
    warehouse = Warehouse(loaded.storage.path)
    [(newest,)] = warehouse.frame("select max(day) from health__verdicts").rows()
    watched = judge.features(loaded, warehouse)
    found = assert_same_answers(mode, warehouse, watched, Day(newest - timedelta(days=1), newest))
    assert "FAIL" in set(found["status"])
