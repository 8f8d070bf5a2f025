"""The cookbook's recipes: a question, a query, the answer that the demo gives.

`python -m llmops_health.reference.cookbook docs/cookbook.md demo/health.duckdb` prints the answers
anew; words and queries are written by hand.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llmops_health.reference import markdown
from llmops_health.storage.warehouse import Warehouse, open_published

if TYPE_CHECKING:
    import duckdb

_RECIPE = re.compile(
    r"^## (?P<question>.+)\n(?P<why>(?:(?!## |```).*\n)*)```sql\n(?P<query>(?:(?!```).*\n)*)```\n"
    r"(?P<answer>(?:\n\|.*(?:\n\|.*)*\n)?)",
    re.MULTILINE,
)
# What the checks say may change with the checks; all else the demo's files fix.
_JUDGED = re.compile(r"\b(health__|latest_|feature_health)")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One question; `answer` is the Markdown table below the query."""

    question: str
    why: str
    query: str
    answer: str

    @property
    def is_exact(self) -> bool:
        """Whether the demo's files alone fix the answer."""
        return not _JUDGED.search(self.query)


def recipes(text: str) -> list[Recipe]:
    """Return every question of a cookbook that has a query."""
    return [
        Recipe(found["question"], found["why"].strip(), found["query"], found["answer"].strip())
        for found in _RECIPE.finditer(text)
    ]


def answer(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Return a query's rows as a Markdown table."""
    cursor = connection.execute(query)
    header = [column[0] for column in cursor.description or []]
    rows = [[_shown(value) for value in row] for row in cursor.fetchall()]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def answered(text: str, connection: duckdb.DuckDBPyConnection) -> str:
    """Return the cookbook with every answer as the database gives it now."""

    def again(found: re.Match[str]) -> str:
        head = found.group(0)[: found.start("answer") - found.start()]
        return f"{head}\n{answer(connection, found['query'])}\n"

    return _RECIPE.sub(again, text)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    return markdown.cell(str(value))


def main(cookbook: Path, database: Path) -> None:
    """Print the answers of a cookbook anew."""
    connection = open_published(database, Warehouse(database).contents)
    try:
        cookbook.write_text(answered(cookbook.read_text("utf-8"), connection), "utf-8")
    finally:
        connection.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
