"""The two lists that keep an eval suite alive: inputs to add, and cases to retire.

Pure functions over frames. Each list has its queries, `REFRESH_SQL` and `RETIREMENT_SQL`, by the
name of the argument they make; all take $feature_id and $day and return only what was known by
the end of that day. Texts are passed on as they were stored, redacted or not.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import polars as pl

from llmops_health.report.candidates_refresh import (
    REFRESH_SCHEMA,
    REFRESH_SQL,
    refresh_candidates,
)
from llmops_health.report.candidates_retirement import (
    RETIREMENT_SCHEMA,
    RETIREMENT_SQL,
    retirement_candidates,
)

__all__ = [
    "REFRESH_SCHEMA",
    "REFRESH_SQL",
    "RETIREMENT_SCHEMA",
    "RETIREMENT_SQL",
    "export_jsonl",
    "refresh_candidates",
    "retirement_candidates",
]

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def export_jsonl(rows: pl.DataFrame, path: Path, *, suite_id: str | None = None) -> None:
    """Write refresh candidates as a JSON lines file of new eval cases.

    Parameters
    ----------
    rows
        Rows of `REFRESH_SCHEMA`.
    path
        The file; replaced at once, a reader sees the old one or the new one.
    suite_id
        Suite of the cases; ``<feature_id>-refresh`` if left out.

    Notes
    -----
    Columns of the contract's `eval_cases`: suite_id, case_id, feature_id, input_text. What the
    right answer is, a person adds as `expected`. A text that a spreadsheet would run as a formula
    begins with an apostrophe.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            for feature_id, call_id, text in rows.select(
                "feature_id", "call_id", "input_text"
            ).iter_rows():
                case = {
                    "suite_id": suite_id or f"{feature_id}-refresh",
                    "case_id": f"refresh-{call_id}",
                    "feature_id": feature_id,
                    "input_text": _inert(text),
                }
                file.write(json.dumps(case, ensure_ascii=False) + "\n")
            file.close()
            os.replace(file.name, path)  # noqa: PTH105 - the file has no Path of its own
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _inert(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text
