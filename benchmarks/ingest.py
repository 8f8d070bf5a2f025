"""How fast calls are taken in, against what DuckDB needs to load the same file unchecked.

Run as `python benchmarks/ingest.py [--rows N]`. A file of calls is drawn from a seed; each measure
runs in a process of its own, one after the other, so that ratios hold on a machine that is shared.
Prints a table, and then the goals as one JSON list.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import orjson

from llmops_health import config
from llmops_health.contract import BY_NAME
from llmops_health.ingest.land import land, landed_columns, prepare
from llmops_health.storage.warehouse import Warehouse

SEED = 7
ROWS_THERE_PER_ROW = 10  # of the million rows of the whole benchmark
ADDED_SHARE = 10
_BLOCK = 20_000
_TIMES = 2  # of each measure; the faster counts
_ONCE_BELOW = 10_000  # rows, of which nothing can be told
TEXTS = ("system_text", "input_text", "output_text")
TYPES = {
    **dict.fromkeys(("call_id", "feature_id"), "VARCHAR"),
    "started_at": "TIMESTAMP",
    **dict.fromkeys(("run_kind", "environment", "trace_id", "session_id", "user_id"), "VARCHAR"),
    **dict.fromkeys(("provider", "request_model", "prompt_name", "prompt_version"), "VARCHAR"),
    **dict.fromkeys(TEXTS, "VARCHAR"),
    **dict.fromkeys(("temperature", "top_p"), "DOUBLE"),
    **dict.fromkeys(("max_tokens", "input_tokens", "output_tokens"), "BIGINT"),
    "finish_reason": "VARCHAR",
    **dict.fromkeys(("latency_ms", "cost_usd", "confidence"), "DOUBLE"),
    **dict.fromkeys(("predicted_label", "service_version", "tenant"), "VARCHAR"),
}
NARROW = (
    *("call_id", "feature_id", "started_at", "run_kind"),
    *("request_model", "latency_ms", "cost_usd", "confidence"),
)
WORDS = {
    "en": "the of and to in is that it for you with this on be are as have from your not can or was"
    " at we an by will if there what all how but which when our has do more about they please"
    " order invoice account delivery customer model data report number week price service error"
    " return system change email plan project team result question answer table value support",
    "de": "der die und das ist nicht ich ein eine mit auf für wir sie haben wurde bitte von zu den"
    " dem im wie kann mein Rechnung Bestellung Lieferung Kunde Konto Preis Woche Bericht Fehler",
    "fr": "le la les des est une un et que qui dans pour vous je pas avec sur ce il nous mon"
    " commande facture livraison client compte prix semaine rapport erreur réponse question",
}
OPENINGS = (
    *("I think this might help. ", "Perhaps it could be the cache. ", "- One\n- Two\n"),
    *("I'm sorry, but I can't help with that. ", '{"label": "x"}'),
)


def write_calls(path: Path, n_rows: int, *, first: int = 0, with_texts: bool = True) -> None:
    """Write calls of one day as JSON lines, 1.8 kB each, of which one in 10,000 breaks a rule."""
    rng = np.random.default_rng(SEED)
    pools = [_sentences(rng, words.split(), 20_000) for words in WORDS.values()]
    systems = [" ".join(pools[0][4 * i : 4 * i + 4]) for i in range(12)]
    with path.open("wb") as file:
        for start in range(first, first + n_rows, _BLOCK):
            n = min(_BLOCK, first + n_rows - start)
            rows = _calls(rng, start, n, n_rows, pools, systems)
            for row in rows:
                kept = row if with_texts else {k: v for k, v in row.items() if k not in TEXTS}
                file.write(orjson.dumps(kept, option=orjson.OPT_APPEND_NEWLINE))


def _sentences(rng: np.random.Generator, words: list[str], n: int) -> list[str]:
    """Draw sentences, each fourth word of them a rare one: what compresses as prose does."""
    weights = 1 / np.arange(1, len(words) + 1) ** 0.6
    lengths = rng.integers(6, 18, n)
    drawn = rng.choice(words, lengths.sum(), p=weights / weights.sum()).tolist()
    rare = np.array(["".join(pair) for pair in rng.choice([*"bdklmnrst"], (3000, 7))])
    for i in np.flatnonzero(rng.random(len(drawn)) < 0.25):
        drawn[i] = str(rare[rng.integers(len(rare))])
    ends = np.cumsum(lengths).tolist()
    starts = [0, *ends[:-1]]
    return [" ".join(drawn[a:b]).capitalize() + "." for a, b in zip(starts, ends, strict=True)]


def _calls(
    rng: np.random.Generator,
    first: int,
    n: int,
    n_rows: int,
    pools: list[list[str]],
    systems: list[str],
) -> Iterator[dict[str, object]]:
    languages = rng.choice(len(pools), n, p=[0.88, 0.07, 0.05])
    picks = rng.integers(0, len(pools[0]), (n, 16))
    whole = rng.integers(0, 2**31, (n, 12))
    parts = rng.random((n, 4))
    midnight = datetime(2026, 10, 1, tzinfo=UTC)
    for i in range(n):
        number, some = first + i, whole[i].tolist()
        share, latency, cost, confidence = parts[i].tolist()
        sentences = [pools[languages[i]][pick] for pick in picks[i]]
        asked = " ".join(sentences[:6])
        if share > 0.97:
            asked += f" Mail jane.doe{number}@example.com or call +49 170 1234567."
        answer = " ".join(sentences[6:])
        if share < 0.3:
            answer = OPENINGS[some[0] % len(OPENINGS)] + answer
        moment = midnight + timedelta(milliseconds=(number % n_rows) * 86_000_000 // n_rows)
        drawn = f"{some[1] % 65536:04x}-4{some[2] % 4096:03x}-a000-{some[3]:012x}"
        yield {
            "call_id": f"{number:08x}-{drawn}",
            "feature_id": f"feature-{some[1] % 6}",
            "started_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "run_kind": "prod",
            "environment": "eu",
            "trace_id": f"{some[2]:016x}{some[3]:016x}",
            "session_id": f"s{some[4] % (n_rows // 4 + 1)}",
            "user_id": f"user-{some[5] % 20_000}",
            "provider": "openai",
            "request_model": ("gpt-4o", "gpt-4o-mini")[some[6] % 2],
            "prompt_name": "answer",
            "prompt_version": f"v{some[7] % 4}",
            "system_text": systems[some[8] % len(systems)],
            "input_text": asked,
            "output_text": answer,
            "temperature": 0.2,
            "top_p": 1.0,
            "max_tokens": 1024,
            "input_tokens": some[9] % 900,
            "output_tokens": some[10] % 700,
            "finish_reason": "stop",
            "latency_ms": round(200 + 3000 * latency, 1),
            "cost_usd": round(cost / 100, 6),
            "confidence": 7 if number % 10_000 == 5_000 else round(confidence, 4),
            "predicted_label": f"label-{some[11] % 20}",
            "service_version": "1.4.2",
            "tenant": f"t{some[0] % 50}",
        }


def load_with_duckdb(logs: Path, columns: list[str], folder: Path) -> None:
    """Load columns into a table on disk, with their types stated and nothing looked at."""
    listed = ", ".join(f"{name}: '{TYPES[name]}'" for name in columns)
    connection = duckdb.connect(folder / "plain.duckdb")
    connection.execute(
        "create table calls as select * from"
        f" read_json('{logs}', format = 'newline_delimited', columns = {{{listed}}})"
    )
    connection.close()


def least(logs: Path, folder: Path, keep: str) -> None:
    """Do in plain SQL what no checked ingest can leave out: the floor under its time.

    Every column is read as text, since a value that is no number is quarantined as it stands. Of
    `keep` = nothing that is all; with hashes, values are cast, ids and texts hashed, and the rows
    put into a table; with texts, these go into zstd Parquet first. No rule is checked, nothing
    redacted, no behaviour measured, no id told from one that is there, no crash survived.
    """
    with logs.open("rb") as file:
        given = orjson.loads(file.readline()).keys()
    columns = {name: kind for name, kind in TYPES.items() if name in given}
    listed = ", ".join(f"{name}: 'VARCHAR'" for name in columns)
    source = (
        f"read_json('{logs}', format = 'newline_delimited', ignore_errors = true,"
        f" columns = {{{listed}}})"
    )
    taken = ", ".join(
        f"sha256({name}) as {name}_sha256"
        if name in TEXTS or name == "user_id"
        else f"try_cast({name} as {kind}) as {name}"
        for name, kind in columns.items()
    )
    connection = duckdb.connect(folder / "least.duckdb")
    match keep:
        case "nothing":
            connection.execute(f"select {', '.join(f'count({c})' for c in columns)} from {source}")
        case "hashes":
            connection.execute(f"create table calls as select {taken} from {source}")
        case _:
            beside = folder / "texts.parquet"
            connection.execute(
                f"copy (select {taken}, {', '.join(TEXTS)} from {source}) to '{beside}'"
                " (format parquet, compression zstd)"
            )
            connection.execute(
                "create table calls as"
                f" select * exclude ({', '.join(TEXTS)}) from read_parquet('{beside}')"
            )
    connection.close()


def project(folder: Path, logs: Path, content: str) -> config.Config:
    """Write the configuration of a project over `logs`."""
    path = folder / "llmops-health.yaml"
    path.write_text(
        json.dumps(
            {
                "storage": {"path": "health.duckdb"},
                "privacy": {"content": content, "user_id_key": "pepper"},
                "features": [{"id": "feature-0", "kind": "classifier"}],
                "sources": [{"table": "calls", "format": "jsonl", "path": str(logs)}],
            }
        ),
        "utf-8",
    )
    return config.load(path, {})


def take_in(logs: Path, content: str, folder: Path) -> None:
    """Take the file in as users do."""
    settings = project(folder, logs, content)
    [report] = land(settings, Warehouse(settings.storage.path)).files
    if not report.n_new or report.n_new + report.n_rejected != report.n_rows:
        raise SystemExit(f"The file did not come in: {report}")


def fill(warehouse: Warehouse, n_rows: int) -> None:
    """Put `n_rows` into the landed calls, as if they had come in before."""
    given = {
        "call_id": "'c' || i",
        "feature_id": "'f' || (i % 8)",
        "started_at": "timestamp '2026-01-01' + interval (i * 2) second",
        "run_kind": "'prod'",
        "latency_ms": "(i % 3000)::double",
        "trace_id": "md5(i::varchar)",
        "user_id": "sha256((i % 50000)::varchar)",
        "file_id": "0",
        "row_key": "(md5_number_lower('c' || i) >> 1)::bigint",
    }
    missing = given.keys() - landed_columns(BY_NAME["calls"]).keys()
    if missing:
        raise SystemExit(f"landed__calls has no {missing}.")
    with warehouse.write("landed") as connection:
        connection.execute(
            f"insert into landed__calls ({', '.join(given)})"
            f" select {', '.join(given.values())} from range({n_rows}) as numbers (i)"
        )


def measured(run: Callable[[], None]) -> dict[str, float]:
    """Return seconds, seconds of processor and peak memory of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure(name: str, logs: Path, folder: Path, n_rows: int) -> dict[str, float]:
    """Take one measure, in this process; `n_rows` is the size of the benchmark."""
    match name:
        case "plain":
            return measured(lambda: load_with_duckdb(logs, list(TYPES), folder))
        case "narrow":
            return measured(lambda: load_with_duckdb(logs, list(NARROW), folder))
        case "same columns":
            columns = [column for column in TYPES if column not in TEXTS]
            return measured(lambda: load_with_duckdb(logs, columns, folder))
        case "keep nothing" | "keep hashes" | "keep texts":
            return measured(lambda: least(logs, folder, name.removeprefix("keep ")))
        case "into many" | "into none":
            settings = project(folder, logs, "none")
            warehouse = Warehouse(settings.storage.path)
            prepare(warehouse)
            if name == "into many":
                fill(warehouse, ROWS_THERE_PER_ROW * n_rows)
            return measured(lambda: take_in(logs, "none", folder))
        case _:
            return measured(lambda: take_in(logs, name, folder))


def best(name: str, logs: Path, n_rows: int) -> dict[str, float]:
    """Take a measure in fresh processes and folders, and keep the fastest."""
    found: list[dict[str, float]] = []
    for _ in range(1 if n_rows < _ONCE_BELOW else _TIMES):
        with tempfile.TemporaryDirectory() as folder:
            said = subprocess.run(
                [sys.executable, __file__, "--measure", name, str(logs), folder, str(n_rows)],
                check=True,
                capture_output=True,
                text=True,
            )
        found.append(json.loads(said.stdout))
    return min(found, key=lambda each: each["wall"])


def goal(text: str, limit: float, value: float, unit: str, *, at_least: bool) -> dict[str, object]:
    holds = value >= limit if at_least else value <= limit
    return {"goal": text, "limit": limit, "measured": round(value, 3), "unit": unit, "holds": holds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--measure", nargs=4, metavar=("NAME", "LOGS", "FOLDER", "ROWS"))
    asked = parser.parse_args()
    if asked.measure:
        name, logs, folder, n_rows = asked.measure
        print(json.dumps(measure(name, Path(logs), Path(folder), int(n_rows))))
        return
    with tempfile.TemporaryDirectory() as folder:
        logs, bare, added = (Path(folder) / f"{name}.jsonl" for name in ("calls", "bare", "added"))
        write_calls(logs, asked.rows)
        write_calls(bare, asked.rows, with_texts=False)
        write_calls(added, asked.rows // ADDED_SHARE, first=2**30, with_texts=False)
        n_bytes = logs.stat().st_size
        found = {
            name: best(name, logs, asked.rows)
            for name in (
                "plain",
                "keep texts",
                "full",
                "redacted",
                "narrow",
                "keep nothing",
                "keep hashes",
                "none",
            )
        }
        found |= {
            f"{name}, no texts": best(name, bare, asked.rows)
            for name in ("same columns", "keep nothing", "keep hashes", "none")
        }
        found |= {name: best(name, added, asked.rows) for name in ("into none", "into many")}
    print(f"{asked.rows:,} calls, {n_bytes / 1e9:.2f} GB, {os.cpu_count()} cores")
    print(f"{'':24}{'wall s':>9}{'cpu s':>9}{'peak MB':>9}")
    for name, each in found.items():
        print(f"{name:24}{each['wall']:9.2f}{each['cpu']:9.2f}{each['peak_mb']:9.0f}")

    def speed(ours: str, theirs: str) -> float:
        return found[theirs]["wall"] / found[ours]["wall"]

    def floor(text: str, ours: str, theirs: str) -> dict[str, object]:
        """Return what the plain SQL of `least` reaches, for comparison; it has no limit."""
        return {"goal": text, "measured": round(speed(ours, theirs), 3), "unit": "x"}

    goals = [
        goal(
            "ingest with text, content full: speed of DuckDB's plain load",
            *(1.0, speed("full", "plain"), "x"),
            at_least=True,
        ),
        floor(
            "the same, of plain SQL that reads, casts, hashes and keeps only", "keep texts", "plain"
        ),
        goal(
            "ingest with text, content redacted: speed of DuckDB's plain load",
            *(0.4, speed("redacted", "plain"), "x"),
            at_least=True,
        ),
        goal(
            "ingest with content none: speed of DuckDB's read of eight columns",
            *(0.6, speed("none", "narrow"), "x"),
            at_least=True,
        ),
        floor(
            "the same, of plain SQL that only reads the columns as text", "keep nothing", "narrow"
        ),
        floor("the same, of plain SQL that reads, casts and hashes", "keep hashes", "narrow"),
        goal(
            "ingest of a file without texts: speed of DuckDB's load of the same columns",
            *(0.6, speed("none, no texts", "same columns, no texts"), "x"),
            at_least=True,
        ),
        floor(
            "the same without texts, of plain SQL that only reads the columns as text",
            *("keep nothing, no texts", "same columns, no texts"),
        ),
        floor(
            "the same without texts, of plain SQL that reads, casts and hashes",
            *("keep hashes, no texts", "same columns, no texts"),
        ),
        goal(
            "ingest with text, content full: peak memory",
            *(1500, found["full"]["peak_mb"], "MB"),
            at_least=False,
        ),
        goal(
            "what 10 M rows that are there add to taking in 100 k",
            *(0.15, found["into many"]["wall"] - found["into none"]["wall"], "s"),
            at_least=False,
        ),
    ]
    times = [
        {"goal": name, "unit": "s", "measured": round(each["wall"], 3)}
        | {"cpu_s": round(each["cpu"], 3), "peak_mb": round(each["peak_mb"])}
        for name, each in found.items()
    ]
    print(json.dumps(goals + times, indent=1))


if __name__ == "__main__":
    main()
