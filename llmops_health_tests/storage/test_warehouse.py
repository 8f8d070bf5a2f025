"""The warehouse: whole replacements, rollback, locks between processes, and the published copy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import (
    Warehouse,
    ensure_table,
    frame,
    insert_rows,
    open_published,
)

MONDAY = date(2026, 3, 2)
WEEK = Day(MONDAY, MONDAY + timedelta(days=6))
COLUMNS = {"day": "date", "feature_id": "varchar", "n": "bigint"}
TABLE = "summary__things"
DAILY = "select unnest(generate_series($first, $last, interval 1 day))::date as day,"
DAILY += " 'help' as feature_id, $n as n"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(tmp_path / "health.duckdb", lock_timeout=0)
    made.prepare()
    return made


def fill(warehouse: Warehouse, n: int, day: Day = WEEK) -> int:
    given = {"first": day.first, "last": day.last, "n": n}
    return warehouse.replace(TABLE, COLUMNS, DAILY, given, day)


def numbers(warehouse: Warehouse) -> list[int]:
    return warehouse.frame(f"select n from {TABLE} order by day, n")["n"].to_list()


def rows(*listed: tuple[date, str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        listed, schema={"day": pl.Date, "feature_id": pl.String, "n": pl.Int64}, orient="row"
    )


def leftovers(warehouse: Warehouse) -> list[Path]:
    return list(warehouse.staging.iterdir())


def test_a_range_has_both_its_ends() -> None:
    assert WEEK.days()[0] == MONDAY
    assert WEEK.days()[-1] == date(2026, 3, 8)
    assert len(WEEK.days()) == 7


def test_replacing_days_leaves_the_others(warehouse: Warehouse) -> None:
    assert fill(warehouse, 1) == 7
    assert fill(warehouse, 2, Day(date(2026, 3, 4), date(2026, 3, 5))) == 2
    assert numbers(warehouse) == [1, 1, 2, 2, 1, 1, 1]
    assert leftovers(warehouse) == []


def test_replacing_again_changes_nothing(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    fill(warehouse, 1)
    assert numbers(warehouse) == [1] * 7


def test_a_table_without_days_is_replaced_whole(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    warehouse.replace(TABLE, COLUMNS, DAILY, {"first": MONDAY, "last": MONDAY, "n": 3}, None)
    assert numbers(warehouse) == [3]


def test_only_the_named_rows_of_a_day_are_replaced(warehouse: Warehouse) -> None:
    both = rows((MONDAY, "help", 1), (MONDAY, "triage", 2))
    warehouse.replace_frame(TABLE, COLUMNS, both, WEEK)
    fresh = rows((MONDAY, "triage", 5), (MONDAY, "triage", 6))
    assert warehouse.replace_frame(TABLE, COLUMNS, fresh, WEEK, feature_id=["triage"]) == 2
    assert numbers(warehouse) == [1, 5, 6]


def test_no_rows_clear_the_day(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    assert warehouse.replace_frame(TABLE, COLUMNS, rows(), Day(MONDAY, MONDAY)) == 0
    assert numbers(warehouse) == [1] * 6


def test_a_query_reads_both_databases(warehouse: Warehouse) -> None:
    warehouse.ensure({"landed__things": {"n": "bigint"}}, "landed")
    with warehouse.write("landed") as connection:
        insert_rows(connection, "landed__things", ["n"], [(4,), (5,)])
        insert_rows(connection, "landed__things", ["n"], [])
    query = "select $first as day, 'help' as feature_id, sum(n)::bigint as n from landed__things"
    warehouse.replace(TABLE, COLUMNS, query, {"first": MONDAY}, WEEK)
    assert numbers(warehouse) == [9]


def test_an_error_rolls_all_back(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    with pytest.raises(ZeroDivisionError), warehouse.write() as connection:  # noqa: PT012
        connection.execute(f"delete from {TABLE}")
        ensure_table(connection, "summary__others", COLUMNS)
        raise ZeroDivisionError
    assert numbers(warehouse) == [1] * 7
    tables = warehouse.frame("select table_name from duckdb_tables()")["table_name"].to_list()
    assert tables == [TABLE]


def test_rows_of_a_wrong_type_leave_the_old_ones(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    wrong = pl.DataFrame({"day": [MONDAY], "feature_id": ["help"], "n": ["many"]})
    with pytest.raises(duckdb.ConversionException):
        warehouse.replace_frame(TABLE, COLUMNS, wrong, WEEK)
    with pytest.raises(duckdb.BinderException):
        warehouse.replace(TABLE, COLUMNS, "select nothing from summary__things", {}, WEEK)
    assert numbers(warehouse) == [1] * 7
    assert leftovers(warehouse) == []


def test_readers_cannot_write(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    with warehouse.read() as connection, pytest.raises(duckdb.InvalidInputException):
        connection.execute(f"delete from working.{TABLE}")


def test_columns_of_a_newer_version_are_added(warehouse: Warehouse) -> None:
    fill(warehouse, 1, Day(MONDAY, MONDAY))
    wider = COLUMNS | {"p_value": "double"}
    warehouse.ensure({TABLE: wider})
    warehouse.ensure({TABLE: wider})
    table = warehouse.frame(f"select * from {TABLE}")
    assert table.columns == list(wider)
    assert table.row(0) == (MONDAY, "help", 1, None)


@pytest.mark.parametrize("name", ["a b", "A", "1a", "", 'a"; drop table x', "a.b", "a-b"])
def test_names_are_checked(warehouse: Warehouse, name: str) -> None:
    message = "is not a plain lower-case SQL name"
    with pytest.raises(ValueError, match=message):
        warehouse.replace_frame(name, COLUMNS, rows(), WEEK)
    with pytest.raises(ValueError, match=message):
        warehouse.replace(TABLE, {name: "bigint"}, "select 1", {}, WEEK)
    with pytest.raises(ValueError, match=message):
        warehouse.ensure({TABLE: {name: "bigint"}})
    with pytest.raises(ValueError, match=message):
        warehouse.replace_frame(TABLE, COLUMNS, rows(), WEEK, **{name: "x"})


HOLDER = """
import sys
from pathlib import Path
from llmops_health.storage.warehouse import Warehouse, insert_rows

warehouse = Warehouse(Path(sys.argv[1]))
with warehouse.{kind}() as connection:
    if "{kind}" == "write":
        connection.execute("create table held as select 1 as n")
    print("locked", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(warehouse: Warehouse, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lock until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(kind=request.param), str(warehouse.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    try:
        yield process
    finally:
        process.communicate()
        assert process.returncode == 0


@pytest.mark.parametrize("holder", ["write"], indirect=True)
def test_a_locked_database_is_named(warehouse: Warehouse, holder: subprocess.Popen[str]) -> None:
    impatient = Warehouse(warehouse.path, lock_timeout=0.05)
    lock = impatient.work / "database.lock"
    message = f"{lock} has been locked by another process for 0.05 s. See who holds it: fuser"
    with pytest.raises(TimeoutError, match=message), impatient.read():
        pass
    with pytest.raises(TimeoutError, match=message), impatient.write():
        pass
    assert holder.poll() is None


@pytest.mark.parametrize("holder", ["write"], indirect=True)
def test_a_reader_waits_for_the_writer(warehouse: Warehouse, holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None
    holder.stdin.write("go\n")
    holder.stdin.flush()
    # The row is there only once the other process has committed.
    assert Warehouse(warehouse.path).frame("select n from held")["n"].to_list() == [1]


@pytest.mark.parametrize("holder", ["read"], indirect=True)
def test_readers_share_and_writers_wait(
    warehouse: Warehouse, holder: subprocess.Popen[str]
) -> None:
    assert warehouse.frame("select 1 as n")["n"].to_list() == [1]
    with pytest.raises(TimeoutError), warehouse.write():
        pass
    assert holder.poll() is None


def test_long_work_has_a_lock_of_its_own(warehouse: Warehouse) -> None:
    with warehouse.alone("ingest"):
        assert fill(warehouse, 1) == 7
        with pytest.raises(TimeoutError, match=r"ingest\.lock"), warehouse.alone("ingest"):
            pass


def test_nothing_is_replaced_during_an_erasure(warehouse: Warehouse) -> None:
    with warehouse.without_swaps(), pytest.raises(TimeoutError, match=r"swaps\.lock"):
        fill(warehouse, 1)
    assert fill(warehouse, 1) == 7


def test_leftovers_of_killed_runs_go_with_the_next(warehouse: Warehouse) -> None:
    staged = warehouse.staging / f"swaps-{TABLE}-0.parquet"
    other = warehouse.staging / "batch-0.parquet"
    for leftover in (staged, other):
        leftover.write_bytes(b"half")
    warehouse.prepare()
    assert leftovers(warehouse) == [other]


def test_staged_rows_of_a_run_at_work_stay(warehouse: Warehouse) -> None:
    with warehouse._staged(TABLE) as staged:
        staged.write_bytes(b"half")
        warehouse.prepare()
        assert staged.exists()
    assert not staged.exists()


def test_a_database_killed_while_it_is_made_is_made_again(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "health.duckdb")
    warehouse.work.mkdir()
    (warehouse.work / "working.fresh.duckdb").write_bytes(b"")
    warehouse.prepare()
    assert fill(warehouse, 1) == 7


def published(warehouse: Warehouse, query: str) -> list[tuple[object, ...]]:
    connection = duckdb.connect(warehouse.path, read_only=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_published_copy_is_the_working_database(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    views = [f"create or replace view totals as select sum(n) as n from {TABLE}"]
    size = warehouse.publish(views)
    assert size == warehouse.path.stat().st_size
    fill(warehouse, 2)
    assert published(warehouse, "select n from totals") == [(7,)]
    warehouse.publish(views)
    assert published(warehouse, "select n from totals") == [(14,)]
    assert sorted(path.name for path in warehouse.path.parent.iterdir()) == [
        "health.duckdb",
        "health.duckdb.work",
    ]


def test_an_open_reader_keeps_the_copy_it_opened(warehouse: Warehouse, tmp_path: Path) -> None:
    fill(warehouse, 1)
    warehouse.publish([])
    # Under another name: one process shares what it has open under one.
    same = tmp_path / "same.duckdb"
    os.link(warehouse.path, same)
    reader = duckdb.connect(same, read_only=True)
    try:
        fill(warehouse, 2)
        warehouse.publish([])
        assert reader.execute(f"select sum(n) from {TABLE}").fetchall() == [(7,)]
        assert published(warehouse, f"select sum(n) from {TABLE}") == [(14,)]
    finally:
        reader.close()


def test_a_publish_that_fails_leaves_the_last_copy(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    warehouse.publish([])
    fill(warehouse, 2)
    with pytest.raises(duckdb.CatalogException):
        warehouse.publish(["create or replace view broken as select * from missing"])
    assert published(warehouse, f"select sum(n) from {TABLE}") == [(7,)]


def test_a_half_copy_of_a_killed_publish_is_written_over(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    half = warehouse.path.with_name(f".{warehouse.path.name}.pub")
    half.write_bytes(b"half" * 1_000_000)
    warehouse.publish([])
    assert published(warehouse, f"select sum(n) from {TABLE}") == [(7,)]
    assert not half.exists()


def test_files_are_written_for_older_clients(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    warehouse.compact("working")
    warehouse.publish([])
    query = "select tags['storage_version'] from duckdb_databases() where path is not null"
    assert published(warehouse, query) == [("v1.4.0+",)]
    landed = warehouse.frame(query.replace("path is not null", "database_name = 'landed'"))
    assert landed.item() == "v1.4.0+"


def test_a_published_file_shows_nothing_else(warehouse: Warehouse, tmp_path: Path) -> None:
    fill(warehouse, 1)
    warehouse.publish([])
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n", "utf-8")
    (warehouse.contents / "shown.csv").write_text("a\n2\n", "utf-8")
    connection = open_published(warehouse.path, warehouse.contents)
    try:
        assert frame(connection, f"select sum(n)::bigint as n from {TABLE}").item() == 7
        shown = warehouse.contents / "shown.csv"
        assert connection.execute("select a from read_csv(?)", [str(shown)]).fetchall() == [(2,)]
        for query in (
            f"select * from read_csv('{secret}')",
            f"attach '{warehouse.work / 'landed.duckdb'}'",
            f"copy {TABLE} to '{tmp_path / 'out.csv'}'",
        ):
            with pytest.raises(duckdb.PermissionException):
                connection.execute(query)
        with pytest.raises(duckdb.InvalidInputException, match="locked"):
            connection.execute("set enable_external_access = true")
        with pytest.raises(duckdb.InvalidInputException, match="read-only"):
            connection.execute(f"delete from {TABLE}")
    finally:
        connection.close()
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_was_never_published_names_the_remedy(warehouse: Warehouse) -> None:
    with pytest.raises(FileNotFoundError, match="Make it with: llmops-health run"):
        open_published(warehouse.path)


def test_compacting_frees_what_was_deleted(warehouse: Warehouse) -> None:
    big = "select $first as day, 'help' as feature_id, (hash(range) % 1000)::bigint as n"
    big += " from range(400000)"
    warehouse.replace(TABLE, COLUMNS, big, {"first": MONDAY}, None)
    fill(warehouse, 1)
    with warehouse.write() as connection:
        connection.execute(f"delete from {TABLE} where n <> 1")
        connection.execute("create view totals as select sum(n) as n from summary__things")
    path = warehouse.work / "working.duckdb"
    before = path.stat().st_size
    counted = numbers(warehouse)
    warehouse.compact("working")
    assert path.stat().st_size < before / 2
    assert warehouse.free_share("working") < 0.5
    assert numbers(warehouse) == counted
    assert warehouse.frame("select n from totals").item() == sum(counted)


def test_compacting_keeps_what_a_killed_writer_committed(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    killed = f"""
import duckdb, os, signal
connection = duckdb.connect({str(warehouse.work / "working.duckdb")!r})
connection.execute("update {TABLE} set n = 2")
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", killed], check=False)
    log = warehouse.work / "working.duckdb.wal"
    assert log.exists()
    warehouse.compact("working")
    # A log that outlived its database would make the new one unreadable, were we killed here.
    assert not log.exists()
    assert numbers(warehouse) == [2] * 7


def test_a_compaction_killed_before_leaves_nothing_in_the_way(warehouse: Warehouse) -> None:
    fill(warehouse, 1)
    (warehouse.work / "working.compact.duckdb").write_bytes(b"half")
    (warehouse.work / "working.compact.duckdb.wal").write_bytes(b"half")
    warehouse.compact("working")
    assert numbers(warehouse) == [1] * 7


def test_what_does_not_fit_in_memory_goes_to_files_of_ours(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "health.duckdb", memory_limit="200MB")
    warehouse.prepare()
    with warehouse.read() as connection:
        connection.execute(
            "create temp table sorted as select i, sha256(i::varchar) as digest,"
            " repeat('x', 60) || i as padding from range(1_500_000) as r (i) order by digest"
        )
        spilled = connection.execute("select path from duckdb_temporary_files()").fetchall()
    assert spilled
    assert all(Path(path).is_relative_to(warehouse.work) for (path,) in spilled)
