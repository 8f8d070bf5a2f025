"""Texts by day under names used once; the view over them; files without rows read anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import polars as pl
import pytest

from llmops_health.contract import BY_NAME, Table
from llmops_health.ingest.land import prepare
from llmops_health.storage import contents, staging
from llmops_health.storage.engines import memory
from llmops_health.storage.warehouse import Warehouse


@dataclass(frozen=True)
class Rows:
    """A query of staged rows, as (file_id, fault, day, input_text)."""

    rows: list[tuple[int, str | None, str | None, str | None]]
    keeps_text: bool = True

    @property
    def table(self) -> Table:
        return BY_NAME["calls"]

    @property
    def select(self) -> str:
        def shown(value: object) -> str:
            return "null" if value is None else f"'{value}'"

        values = ", ".join(
            f"({file_id}, {shown(fault)}, {shown(day)}::date, {shown(text)})"
            for file_id, fault, day, text in self.rows
        )
        return (
            "select *, 'c' || row_number() over () as call_id, null::varchar as user_id,"
            " day::timestamp as started_at, null::varchar as system_text,"
            " null::varchar as output_text"
            f" from (values {values}) as rows (file_id, fault, day, input_text)"
        )


@dataclass(frozen=True)
class Fixed:
    """A query as it stands."""

    select: str
    keeps_text: bool = True

    @property
    def table(self) -> Table:
        return BY_NAME["calls"]


ROWS = Rows(
    [
        (1, None, "2026-10-01", "one"),
        (2, None, "2026-10-01", "two"),
        (2, None, "2026-10-02", "three"),
        (2, "confidence", "2026-10-02", "refused"),
    ]
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(tmp_path / "it's.duckdb")
    prepare(made)
    return made


def stage(warehouse: Warehouse, rows: Rows) -> staging.Staged:
    connection = memory()
    staged = staging.stage(connection, warehouse, rows, "t")
    connection.close()
    return staged


def viewed(warehouse: Warehouse) -> list[tuple[str, str]]:
    with warehouse.read() as connection:
        connection.execute(contents.view_sql(warehouse).replace("view", "temp view", 1))
        return connection.execute("select day, text from core__contents order by all").fetchall()


def test_texts_lie_by_day_and_refused_rows_are_not_kept(warehouse: Warehouse) -> None:
    staged = stage(warehouse, ROWS)
    assert staged.faults == {2: [(2, "confidence")]}
    kept = dict(staged.content_files())
    assert sorted(kept.values()) == ["2026-10-01", "2026-10-02"]
    staged.settle(set(kept))
    assert viewed(warehouse) == [
        ("2026-10-01", "one"),
        ("2026-10-01", "two"),
        ("2026-10-02", "three"),
    ]


@pytest.mark.parametrize("day", [None, "2026-10-01"])
def test_a_single_day_is_told_from_none(warehouse: Warehouse, *, day: str | None) -> None:
    staged = stage(warehouse, Rows([(1, None, day, "case")] * 3))
    assert [found for _, found in staged.content_files()] == [day or contents.KEPT]
    assert viewed(warehouse) == [(day or contents.KEPT, "case")] * 3
    assert list(warehouse.staging.iterdir()) == [staged.rows_file]


def test_rows_of_many_days_and_flushes_are_all_kept(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_BYTES_PER_FLUSH", 1 << 16)
    days = [f"2026-10-{day:02d}" for day in range(1, 21)]
    texts = [(1, None, days[i % 20], f"text {i}") for i in range(30_000)]
    staged = stage(warehouse, Rows([*texts, (2, "score\x1fbad", days[0], "refused")]))
    assert [day for _, day in staged.content_files()] == days
    assert len({*viewed(warehouse)}) == 30_000
    connection = memory()
    rows = connection.execute(f"select count(*), count(fault) from {staged.rows()}").fetchall()
    assert rows == [(30_001, 1)]


def test_what_fails_in_the_middle_leaves_nothing(warehouse: Warehouse) -> None:
    rows = Rows([(1, None, "2026-10-01", str(i)) for i in range(30_000)])
    late = replace(rows, rows=[*rows.rows, (1, None, "2026-10-01", "last")])
    failing = f"select *, case when input_text = 'last' then error('boom') end from ({late.select})"
    connection = memory()
    with pytest.raises(duckdb.Error, match="boom"):
        staging.stage(connection, warehouse, Fixed(failing), "t")
    assert list(warehouse.staging.iterdir()) == []
    assert viewed(warehouse) == []


def test_without_text_nothing_comes_to_the_contents(warehouse: Warehouse) -> None:
    staged = stage(warehouse, Rows(ROWS.rows, keeps_text=False))
    assert (staged.rows_file.parent, staged.texts) == (warehouse.staging, ())
    staged.settle(set())
    assert not staged.rows_file.exists()
    assert viewed(warehouse) == []


def test_without_writes_files_again_and_leaves_the_old_ones(warehouse: Warehouse) -> None:
    staged = stage(warehouse, ROWS)
    paths = [path for path, _ in staged.content_files()]
    connection = memory()
    replaced = contents.without(connection, warehouse, paths, [2])
    first, second = sorted(paths)
    assert replaced[second] is None
    fresh = replaced[first]
    assert fresh is not None
    texts = pl.read_parquet(warehouse.contents / fresh, hive_partitioning=False)["input_text"]
    assert texts.to_list() == ["one"]
    assert all((warehouse.contents / path).exists() for path in paths)
    assert contents.without(connection, warehouse, paths, [9]) == {}


def test_orphans_go_and_listed_files_stay(warehouse: Warehouse) -> None:
    staged = stage(warehouse, ROWS)
    (kept, day), *_ = sorted(staged.content_files())
    with warehouse.write("landed") as connection:
        connection.execute("insert into landed__contents values (?, 'calls', ?, 1)", [kept, day])
    assert contents.remove_orphans(warehouse) == 2
    assert [path for path in staged.texts if path.exists()] == [warehouse.contents / kept]
