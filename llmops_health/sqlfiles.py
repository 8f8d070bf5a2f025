"""The SQL files: one `select` each, named after the table it makes, with a header that is checked.

The header's `reads:` line gives the asset graph its edges; a test holds it to the query itself.
A table with a `day` column is made for a range of days, `$first_day` to `$last_day`; any other
is made whole each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PACKAGED = Path(__file__).parent / "_sql"
_CHECKOUT = Path(__file__).parent.parent / "sql"
SQL_ROOT = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
_FIELD = re.compile(r"^-- (one row per|reads|params|read by): +(.+)$", re.MULTILINE)
_COLUMN = re.compile(r"^-- (\w+) {2,}([a-z]+(?:\[\d*\])?)(?: {2,}\S.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One table's definition."""

    table: str
    layer: str
    grain: tuple[str, ...]
    reads: tuple[str, ...]
    params: tuple[str, ...]
    columns: dict[str, str]
    doc: str
    query: str

    @property
    def is_daily(self) -> bool:
        """Whether the table is made a day at a time."""
        return "day" in self.columns


def load(root: Path = SQL_ROOT, layer: str = "*") -> Iterator[SqlFile]:
    """Yield every SQL file of a layer (core, summary, views) under `root`, in path order."""
    for path in sorted(root.glob(f"{layer}/*.sql")):
        yield parse(path)


def parse(path: Path) -> SqlFile:
    """Read one file; raise ValueError naming the file and the header field it lacks."""
    query = path.read_text("utf-8")
    head = "\n".join(line for line in query.splitlines() if line.startswith("--"))
    fields: dict[str, str] = {}
    for name, listed in _FIELD.findall(head):
        fields[name] = f"{fields[name]}, {listed}" if name in fields else listed
    for name in ("one row per", "reads"):
        if name not in fields:
            raise ValueError(f"{path}: the header lacks '-- {name}: ...'.")
    return SqlFile(
        table=path.stem,
        layer=path.parent.name,
        grain=tuple(part.strip() for part in fields["one row per"].split(" x ")),
        reads=_names(fields["reads"]),
        params=tuple(name.removeprefix("$") for name in _names(fields.get("params", ""))),
        columns=dict(_COLUMN.findall(head)),
        doc="\n".join(line.removeprefix("--").removeprefix(" ") for line in head.splitlines()),
        query=query,
    )


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())
