"""Every figure on the judged demo world, whole, thin and empty: there is one or None."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from importlib import import_module
from math import isfinite
from pathlib import Path

import polars as pl
import pytest

from llmops_health import judge
from llmops_health.config import Feature, load
from llmops_health.figures import ControlChart, Figure
from llmops_health.health import Check, discover
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse

CHECKS = list(discover())
Tables = Mapping[str, pl.DataFrame]
SHOW_WHAT_IS_MISSING = {"data_not_ready", "ungoverned_feature"}
THINNED: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "whole": lambda rows: rows,
    "none": lambda rows: rows.clear(),
    "one row": lambda rows: rows.head(1),
    "every fortieth row": lambda rows: rows.gather_every(40),
    "a week": lambda rows: rows.filter(_since(rows, 7)),
    "a month": lambda rows: rows.filter(_since(rows, 30)),
    "one user": lambda rows: (
        rows.filter(pl.col("bucket") == 7) if "bucket" in rows.columns else rows
    ),
}


def _since(rows: pl.DataFrame, days: int) -> pl.Expr:
    if "day" not in rows.columns:
        return pl.lit(value=True)
    return pl.col("day") > pl.col("day").max() - timedelta(days=days)


def numbers(part: object) -> list[float]:
    """Every float that a figure holds."""
    if isinstance(part, float):
        return [part]
    if isinstance(part, tuple):
        return [number for one in part for number in numbers(one)]
    if is_dataclass(part):
        return [n for field in fields(part) for n in numbers(getattr(part, field.name))]
    return []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.key)
def test_a_figure_takes_what_its_check_takes(check: Check) -> None:
    module = import_module(f"llmops_health.health.{check.mode}.{check.name}")
    assert check.figure is getattr(module, "figure", None)
    if check.figure is not None:
        taken = inspect.signature(check.figure).parameters
        assert list(taken) == list(inspect.signature(module.check).parameters)


@pytest.fixture(scope="module")
def world(demo: Path) -> tuple[list[Feature], Warehouse, date]:
    config = load(demo)
    warehouse = Warehouse(config.storage.path)
    last = warehouse.frame("select max(day) as day from health__findings")["day"].item()
    return judge.features(config, warehouse), warehouse, last


@pytest.mark.slow
@pytest.mark.parametrize("check", [one for one in CHECKS if one.figure], ids=lambda one: one.key)
def test_no_figure_of_the_demo_breaks(
    check: Check, world: tuple[list[Feature], Warehouse, date]
) -> None:
    watched, warehouse, last = world
    tables = judge.load(check, warehouse, Day(last, last))
    shown: set[str] = set()

    def look_at(figure: Figure) -> str:
        assert figure.title
        assert "\n" not in figure.title
        assert figure.description.endswith(".")
        assert all(isfinite(number) for number in numbers(figure))
        if isinstance(figure, ControlChart):
            assert figure.days[-1].day == last
            assert figure.judged_from <= last
        return ""

    for feature in watched:
        own = {
            name: rows.filter(pl.col("feature_id") == feature.id)
            if "feature_id" in rows.columns
            else rows
            for name, rows in tables.items()
        }
        for name, thin in THINNED.items():
            given = {table: thin(rows) for table, rows in own.items()}
            rows = judge.figures(check, given, [feature], check.params(), last, look_at)
            shown |= {name} if len(rows) else set()
    assert "whole" in shown
    assert ("none" in shown) == (check.name in SHOW_WHAT_IS_MISSING)
