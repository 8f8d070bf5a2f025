"""Processes that write, land, publish and read at once, and are killed at random moments.

Run as a script with a folder and a seed. Every moment is drawn from the seed; what the processes
have come to by then is the machine's. `test_kill.py` judges what is left.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

from llmops_health.config import Config, load
from llmops_health.ingest import land
from llmops_health.storage import contents
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse

FIRST = date(2026, 3, 2)
N_DAYS = 6
LAST = FIRST + timedelta(days=N_DAYS - 1)
ROWS_OF_DAY = 20_000
ROWS_OF_FILE = 60
TABLE = "core__things"
COLUMNS = {"day": "date", "generation": "bigint", "item": "bigint", "noise": "ubigint"}
ROWS = """
    select days.day::date as day, $generation::bigint as generation, items.item,
        hash(items.item + $generation) as noise
    from generate_series($first::date, $last::date, interval 1 day) as days (day)
    cross join range($n) as items (item)
"""
WHOLE = [(ROWS_OF_DAY, 1, ROWS_OF_DAY)] * N_DAYS
DAYS = f"""
    select count(*), count(distinct generation), count(distinct item) from {TABLE} group by day
"""
KILLED = ("writer-1", "writer-2", "writer-3", "lander", "publisher")
READERS = ("reader-1", "reader-2", "insider")
N_KILLS = 24
# Long enough for a process to start and come to any point of its work.
SHORTEST_LIFE, LONGEST_LIFE = 0.1, 0.7


def configuration(folder: Path) -> Config:
    """Return the configuration of the crashing project."""
    return load(folder / "llmops-health.yaml", {})


def write_file(folder: Path, number: int) -> None:
    """Put one more file of calls, whole, where landing finds it."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    calls = [
        {
            "call_id": f"{number}-{i}",
            "feature_id": "help",
            "started_at": f"{FIRST + timedelta(days=i % N_DAYS)}T10:00:00Z",
            "input_text": f"question {number}-{i}",
        }
        for i in range(ROWS_OF_FILE)
    ]
    fresh = logs / f"{number}.part"
    fresh.write_text("".join(json.dumps(call) + "\n" for call in calls), "utf-8")
    fresh.rename(logs / f"{number}.jsonl")


def warehouse_of(folder: Path) -> Warehouse:
    """Return the warehouse of the configured project."""
    return Warehouse(configuration(folder).storage.path)


def work(role: str, folder: Path, seed: int) -> None:
    """Do one role's work until the file `stop` appears."""
    kind = role.split("-", maxsplit=1)[0]
    rng = np.random.default_rng(seed)
    n_done = 0
    while not (folder / "stop").exists():
        try:
            WORK[kind](folder, rng)
        except BaseException as error:
            (folder / f"failed-{role}-{os.getpid()}.txt").write_text(repr(error), "utf-8")
            raise
        n_done += 1
        (folder / f"done-{role}-{os.getpid()}.txt").write_text(str(n_done), "utf-8")


def _write(folder: Path, rng: np.random.Generator) -> None:
    first = FIRST + timedelta(days=int(rng.integers(N_DAYS)))
    last = min(first + timedelta(days=int(rng.integers(3))), LAST)
    fill(folder, first, last, int(rng.integers(2**62)))


def fill(folder: Path, first: date, last: date, generation: int) -> None:
    """Put one generation in place of some days."""
    given = {"generation": generation, "first": first, "last": last, "n": ROWS_OF_DAY}
    warehouse_of(folder).replace(TABLE, COLUMNS, ROWS, given, Day(first, last))


def _land(folder: Path, rng: np.random.Generator) -> None:
    write_file(folder, int(rng.integers(2**62)))
    land.land(configuration(folder), warehouse_of(folder))


def _publish(folder: Path, rng: np.random.Generator) -> None:
    warehouse = warehouse_of(folder)
    if rng.random() < 0.2:
        warehouse.compact("working" if rng.random() < 0.5 else "landed")
    warehouse.publish([contents.view_sql(warehouse)])


def _read_published(folder: Path, rng: np.random.Generator) -> None:
    del rng
    connection = duckdb.connect(warehouse_of(folder).path, read_only=True)
    try:
        days = connection.execute(DAYS).fetchall()
        _read_texts(connection)
    finally:
        connection.close()
    assert days == WHOLE, days


def _read_texts(connection: duckdb.DuckDBPyConnection) -> None:
    """Read all texts; once more where a killed lander's leftover went since the folder was read."""
    query = "select count(text) from core__contents"
    try:
        connection.execute(query).fetchall()
    except duckdb.IOException as error:
        if "No such file" not in str(error) and "Cannot open file" not in str(error):
            raise
        connection.execute(query).fetchall()


def _read_inside(folder: Path, rng: np.random.Generator) -> None:
    del rng
    with warehouse_of(folder).read() as connection:
        days = connection.execute(DAYS).fetchall()
        again = connection.execute(
            "select call_id, count(*) from landed__calls group by call_id having count(*) > 1"
        ).fetchall()
        files = connection.execute(
            "select file_id from landed__files left join landed__calls using (file_id)"
            f" group by file_id having count(call_id) <> {ROWS_OF_FILE}"
        ).fetchall()
    assert days == WHOLE, days
    assert again == [], again
    assert files == [], files


WORK = {
    "writer": _write,
    "lander": _land,
    "publisher": _publish,
    "reader": _read_published,
    "insider": _read_inside,
}


def main(folder: Path, seed: int) -> None:
    """Start every role, kill and restart at random, then let all come to an end."""
    rng = np.random.default_rng(seed)
    context = multiprocessing.get_context("forkserver")
    # Imported once: else most of a short life would be imports.
    context.set_forkserver_preload(["duckdb", "numpy", land.__name__])

    def start(role: str) -> multiprocessing.process.BaseProcess:
        process = context.Process(target=work, args=(role, folder, int(rng.integers(2**32))))
        process.start()
        return process

    # Full texts: redaction would make one of many that look like a card number.
    text = "privacy: {content: full}\n"
    text += "sources: [{table: calls, format: jsonl, path: logs/*.jsonl}]\n"
    (folder / "llmops-health.yaml").write_text(text, "utf-8")
    warehouse = warehouse_of(folder)
    land.prepare(warehouse)
    fill(folder, FIRST, LAST, 0)
    warehouse.publish([contents.view_sql(warehouse)])
    running = {role: start(role) for role in (*KILLED, *READERS)}
    for _ in range(N_KILLS):
        time.sleep(rng.uniform(SHORTEST_LIFE, LONGEST_LIFE))
        role = KILLED[rng.integers(len(KILLED))]
        running[role].kill()
        running[role].join()
        running[role] = start(role)
    (folder / "stop").touch()
    for process in running.values():
        process.join()
    codes = {role: process.exitcode for role, process in running.items()}
    (folder / "codes.json").write_text(json.dumps(codes), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
