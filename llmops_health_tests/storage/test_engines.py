"""Engines are lent to one borrower at a time, whole ones only, and once made, again."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import duckdb
import pytest

from llmops_health.storage.engines import lent


def limit_of(engine: duckdb.DuckDBPyConnection) -> tuple[object, ...] | None:
    return engine.execute("select current_setting('memory_limit')").fetchone()


def test_an_engine_is_lent_again(tmp_path: Path) -> None:
    with lent(tmp_path, None, with_macros=False) as first:
        first.execute("create table mark (n int)")
    with lent(tmp_path, None, with_macros=True) as second:
        assert second.execute("select count(*) from mark").fetchall() == [(0,)]
        assert second.execute("select output_format('{}')").fetchall() == [("json",)]


def test_two_borrowers_have_an_engine_each(tmp_path: Path) -> None:
    with (
        lent(tmp_path, None, with_macros=False) as outer,
        lent(tmp_path, None, with_macros=False) as inner,
    ):
        outer.execute("create table mark (n int)")
        with pytest.raises(duckdb.CatalogException):
            inner.execute("from mark")


def broken(folder: Path) -> None:
    with lent(folder, None, with_macros=False) as engine:
        engine.execute("create table mark (n int)")
        engine.execute("select nothing")


def test_an_engine_in_which_something_failed_is_not_lent_again(tmp_path: Path) -> None:
    with pytest.raises(duckdb.BinderException):
        broken(tmp_path)
    with lent(tmp_path, None, with_macros=False) as second, pytest.raises(duckdb.CatalogException):
        second.execute("from mark")


def test_each_project_has_its_own_bounds(tmp_path: Path) -> None:
    with lent(tmp_path, "100MB", with_macros=False) as small:
        assert limit_of(small) == ("95.3 MiB",)
    with lent(tmp_path, "200MB", with_macros=False) as large:
        assert limit_of(large) == ("190.7 MiB",)
        assert large.execute("select current_setting('temp_directory')").fetchall() == [
            (str(tmp_path),)
        ]


def one_more(folder: Path) -> None:
    with lent(folder, None, with_macros=False) as engine:
        assert engine.execute("select 1").fetchall() == [(1,)]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_its_own(tmp_path: Path) -> None:
    one_more(tmp_path)
    child = multiprocessing.get_context("fork").Process(target=one_more, args=(tmp_path,))
    child.start()
    child.join(timeout=60)
    assert child.exitcode == 0
