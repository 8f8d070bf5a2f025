"""Dagster's SQLite event log, with one engine per database instead of one per statement.

Dagster makes an engine for every connection, and with it throws away what SQLAlchemy compiled: an
event costs 12 ms, and a range of 60 days writes thousands. Tables, files and what is stored are
Dagster's own, so its default log reads the same folder. Nothing here knows what an event means.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event

_BUSY_SECONDS = 20


class PooledSqliteEventLog(SqliteEventLogStorage):
    """Named in `dagster.yaml` under `event_log_storage`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the log in a folder, made if it is not there."""
        self._engines: dict[str, Engine] = {}
        self._known_tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Return the log that a `dagster.yaml` describes."""
        return cls(inst_data=inst_data, **config_value)

    def has_table(self, table_name: str) -> bool:
        """Return whether the index has a table; asked before every event, so a yes is kept."""
        if table_name not in self._known_tables and super().has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.get(shard)
            if engine is None:
                engine = self._engines[shard] = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def dispose(self) -> None:
        """Close every database."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


def _engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def sync_at_checkpoints(connection: Any, _record: object) -> None:  # noqa: ANN401
        # The log is in WAL mode: a killed process loses nothing, a power cut the last events.
        connection.execute("pragma synchronous = normal")

    return engine
