"""Writers killed at random moments under readers: nothing torn, nothing lost, no failed reader."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from llmops_health.ingest import land
from llmops_health.storage import contents
from llmops_health_tests.storage import crash

SEED = 20260302


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("crash")
    subprocess.run([sys.executable, crash.__file__, str(made), str(SEED)], check=True)
    return made


@pytest.mark.slow
def test_no_reader_ever_fails(folder: Path) -> None:
    failures = [path.read_text("utf-8") for path in folder.glob("failed-*")]
    assert failures == []
    codes = json.loads((folder / "codes.json").read_text("utf-8"))
    assert codes == dict.fromkeys((*crash.KILLED, *crash.READERS), 0)
    for role in crash.READERS:
        [n_reads] = [int(path.read_text("utf-8")) for path in folder.glob(f"done-{role}-*")]
        assert n_reads >= 5


@pytest.mark.slow
def test_no_day_is_torn(folder: Path) -> None:
    with crash.warehouse_of(folder).read() as connection:
        assert connection.execute(crash.DAYS).fetchall() == crash.WHOLE
        row = connection.execute(f"select max(generation) from {crash.TABLE}").fetchone()
    assert row is not None
    assert row[0] > 0  # the writers came to something


@pytest.mark.slow
def test_no_row_is_lost_or_doubled(folder: Path) -> None:
    land.land(crash.configuration(folder), crash.warehouse_of(folder))
    written = [
        json.loads(line)["call_id"]
        for path in (folder / "logs").glob("*.jsonl")
        for line in path.read_text("utf-8").splitlines()
    ]
    assert len(written) > crash.ROWS_OF_FILE
    warehouse = crash.warehouse_of(folder)
    landed = warehouse.frame("select call_id from landed__calls")["call_id"]
    assert sorted(landed) == sorted(written)


@pytest.mark.slow
def test_every_text_is_there_once(folder: Path) -> None:
    warehouse = crash.warehouse_of(folder)
    land.land(crash.configuration(folder), warehouse)
    listed = warehouse.frame("select path from landed__contents")["path"]
    kept = [
        str(path.relative_to(warehouse.contents))
        for path in warehouse.contents.rglob("*.parquet")
        if path.name != contents.EMPTY
    ]
    assert sorted(listed) == sorted(kept)
    files = [str(warehouse.contents / path) for path in kept]
    texts = duckdb.execute("select input_text from read_parquet($files)", {"files": files})
    n_calls = warehouse.frame("select count(*) as n from landed__calls").item()
    assert len({row[0] for row in texts.fetchall()}) == n_calls


@pytest.mark.slow
def test_the_published_file_is_complete(folder: Path) -> None:
    warehouse = crash.warehouse_of(folder)
    query = f"select day, generation, item from {crash.TABLE} order by all"
    for publish_first in (False, True):
        if publish_first:
            warehouse.publish([])
        connection = duckdb.connect(warehouse.path, read_only=True)
        try:
            assert connection.execute(crash.DAYS).fetchall() == crash.WHOLE
            rows = connection.execute(query).fetchall()
        finally:
            connection.close()
    assert rows == warehouse.frame(query).rows()


@pytest.mark.slow
def test_nothing_half_done_is_left(folder: Path) -> None:
    warehouse = crash.warehouse_of(folder)
    land.land(crash.configuration(folder), warehouse)
    warehouse.publish([])
    assert list(warehouse.staging.iterdir()) == []
    assert list(folder.glob(".*.pub*")) == []
