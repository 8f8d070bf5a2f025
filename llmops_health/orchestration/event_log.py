"""Dagster's SQLite event log, with one engine per database and one transaction per batch.

Dagster makes an engine for every connection, and with it throws away what SQLAlchemy compiled; and
it stores each event alone, in three transactions. A range of 60 days writes twenty thousand events.
Tables, files and statements are Dagster's own, so its default log reads the same folder.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any, Self

from dagster import DagsterEventType, EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event

_BUSY_SECONDS = 20
BATCH_SIZE = 500


_MIRRORED = ASSET_EVENTS | ASSET_CHECK_EVENTS
_INSERT = SqlEventLogStorageTable.insert()
_INSERT_FOR_IDS = _INSERT.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)


class PooledSqliteEventLog(SqliteEventLogStorage):
    """Named in `dagster.yaml` under `event_log_storage`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the log in a folder, made if it is not there."""
        # Dagster hands over events in batches only where this says how many.
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))
        self._turn = RLock()
        self._engines: dict[str, Engine] = {}
        self._known_tables: set[str] = set()
        self._known_columns: set[str] = set()
        self._outcomes: list[EventLogEntry] = []
        self._batch: _Batch | None = None
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

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; the outcome of a check waits for what is stored or asked next.

        A step yields the outcomes of its days in one go, with its own success right after them.
        """
        kind = event.dagster_event_type if event.is_dagster_event else None
        if kind != DagsterEventType.ASSET_CHECK_EVALUATION or not event.run_id:
            super().store_event(event)
            return
        with self._turn:
            self._outcomes.append(event)
            if len(self._outcomes) >= BATCH_SIZE:
                self._store_outcomes()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in one transaction per database."""
        with self._turn, ExitStack() as transactions:
            self._store_outcomes()
            self._batch = _Batch(transactions)
            try:
                self._store_together(events)
                for connection, one, event_id in self._batch.newest.values():
                    super()._store_asset_event(connection, one, event_id)
            finally:
                self._batch = None

    def _store_together(self, events: Sequence[EventLogEntry]) -> None:
        run_ids = {one.run_id for one in events}
        if len(run_ids) > 1 or any(one.dagster_event_type not in _MIRRORED for one in events):
            for one in events:
                super().store_event(one)
            return
        rows = [self._event_to_row(one) for one in events]
        with self.run_connection(*run_ids) as connection:
            connection.execute(_INSERT, rows)
        with self.index_connection() as connection:
            ids = connection.execute(_INSERT_FOR_IDS, rows).scalars().all()
            self._store_asset_event_tags(connection, *_of_assets(events, ids))
            for one, event_id in zip(events, ids, strict=True):
                if one.dagster_event_type in ASSET_CHECK_EVENTS:
                    self.store_asset_check_event(one, event_id)
                else:
                    self._store_asset_event(connection, one, event_id)

    def dispose(self) -> None:
        """Close every database."""
        with self._turn:
            self._store_outcomes()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()

    def _store_outcomes(self) -> None:
        if self._outcomes:
            waiting, self._outcomes = self._outcomes, []
            self.store_event_batch(waiting)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._turn:
            if self._batch is None:
                self._store_outcomes()
            elif shard in self._batch.connections:
                yield self._batch.connections[shard]
                return
            engine = self._engines.get(shard)
            if engine is None:
                engine = self._engines[shard] = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            if self._batch is None:
                with engine.begin() as connection:
                    yield connection
            else:
                yield self._batch.begin(shard, engine)

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        if self._batch is None:
            super()._store_asset_event(conn, event, event_id)
        else:
            self._batch.remember(conn, event, event_id)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        if column_name not in self._known_columns and super()._has_asset_key_col_on_connection(
            conn, column_name
        ):
            self._known_columns.add(column_name)
        return column_name in self._known_columns


def _of_assets(
    events: Sequence[EventLogEntry], ids: Sequence[int]
) -> tuple[list[EventLogEntry], list[int]]:
    """Return the events of assets, and their ids; the others are of checks."""
    places = [at for at, one in enumerate(events) if one.dagster_event_type in ASSET_EVENTS]
    return [events[at] for at in places], [ids[at] for at in places]


class _Batch:
    """What stays open while events are stored together, and what is written once at their end."""

    def __init__(self, transactions: ExitStack) -> None:
        self._transactions = transactions
        self.connections: dict[str, Connection] = {}
        self.newest: dict[object, tuple[Connection, EventLogEntry, int]] = {}

    def begin(self, shard: str, engine: Engine) -> Connection:
        """Open a transaction that ends with the batch."""
        self.connections[shard] = self._transactions.enter_context(engine.begin())
        return self.connections[shard]

    def remember(self, connection: Connection, event: EventLogEntry, event_id: int) -> None:
        """Keep an event for the table of assets, which holds of each asset the newest of a kind."""
        key = (event.dagster_event and event.dagster_event.asset_key, event.dagster_event_type)
        self.newest.pop(key, None)
        self.newest[key] = (connection, event, event_id)


def _engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def sync_at_checkpoints(connection: Any, _record: object) -> None:  # noqa: ANN401
        # The log is in WAL mode: a killed process loses nothing, a power cut the last events.
        connection.execute("pragma synchronous = normal")

    return engine
