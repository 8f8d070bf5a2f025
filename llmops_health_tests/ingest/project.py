"""A project in a folder: files are written, landed, and asked about."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from llmops_health import config
from llmops_health.ingest.land import FileReport, land
from llmops_health.storage.warehouse import Warehouse

DAY = "2026-10-01"


def call(call_id: object = "1", **more: object) -> dict[str, object]:
    """Return a call with the columns that every call needs."""
    return {"call_id": call_id, "feature_id": "f", "started_at": f"{DAY}T10:00:00Z"} | more


def lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Return rows as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


class Project:
    """Files and sources in a folder, and what was landed of them."""

    def __init__(self, root: Path, *, content: str = "full", key: str = "pepper") -> None:
        self.root = root
        self.content = content
        self.key = key
        self.sources: list[dict[str, Any]] = []

    def source(self, path: str | list[str], table: str = "calls", **more: object) -> None:
        names = [path] if isinstance(path, str) else path
        bare = names[0].removesuffix(".gz").removesuffix(".zst")
        self.sources.append(
            {"table": table, "format": bare.rsplit(".", 1)[-1], "path": path} | more
        )

    def write(self, name: str, content: bytes | Iterable[Mapping[str, object]]) -> Path:
        """Write bytes, or rows as JSON lines; compressed as the name says."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else lines(content)
        if name.endswith(".gz"):
            data = gzip.compress(data)
        elif name.endswith(".zst"):
            data = pa.compress(data, codec="zstd", asbytes=True)
        path.write_bytes(data)
        return path

    @property
    def config(self) -> config.Config:
        file = self.root / "llmops-health.yaml"
        privacy = {"content": self.content, "user_id_key": self.key}
        file.write_text(
            json.dumps(
                {
                    "storage": {"path": "health.duckdb"},
                    "privacy": privacy,
                    "features": [{"id": "f", "kind": "classifier"}],
                    "sources": self.sources,
                }
            )
        )
        return config.load(file, {})

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.root / "health.duckdb")

    def land(self) -> list[FileReport]:
        return land(self.config, self.warehouse).files

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        return self.warehouse.frame(query).rows()

    def calls(self, columns: str = "call_id") -> list[Any]:
        """Return columns of the landed calls in the order of their ids; one column as values."""
        rows = self.sql(f"select {columns} from landed__calls order by call_id")
        return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows

    def rejects(self, columns: str = "row_number, column_name, reason") -> list[tuple[Any, ...]]:
        return self.sql(f"select {columns} from landed__rejects order by path, row_number")

    def days(self) -> set[str]:
        return {str(day) for (day,) in self.sql("select distinct day from landed__days")}

    def texts(self) -> pl.DataFrame:
        """Return every text that is kept in content files."""
        files = list(self.warehouse.contents.glob("*/day=*/*.parquet"))
        return pl.concat([pl.read_parquet(f, hive_partitioning=False) for f in files])

    def state(self) -> list[Any]:
        """Return what must not change when nothing new comes."""
        return [
            self.sql("select * exclude (row_key) from landed__calls order by all"),
            self.sql("select * from landed__files order by all"),
            self.sql("select * from landed__days order by all"),
            sorted(self.warehouse.contents.rglob("*.parquet")),
        ]
