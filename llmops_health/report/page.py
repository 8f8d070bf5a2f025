"""The page of the newest judged day: one file that needs no network, for people in a hurry.

It reads the published file only, and decides and measures nothing. What is read stands in
`page_reading`, what is made of it in the other `page_` modules, how it looks in `templates`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from llmops_health.config import Feature
from llmops_health.report import cards
from llmops_health.report.page_document import document
from llmops_health.report.page_reading import read


def write(connection: duckdb.DuckDBPyConnection, folder: Path, features: Sequence[Feature]) -> Path:
    """Write the page to `folder/index.html` and the features' cards beside it, atomically.

    Parameters
    ----------
    connection
        An open published file; tables that an older one does not have are read as empty.
    folder
        Where the page goes; reports beside it are linked.
    features
        The configured features; those that only the data know are added.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    fresh = folder / f".index.html.{os.getpid()}"
    reading = read(connection)
    fresh.write_text(document(reading, features, folder), "utf-8")
    fresh.replace(path)
    cards.write_json(reading.feature_cards, folder / "cards.json")
    return path
