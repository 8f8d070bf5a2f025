"""The rules of single values: names, dates, paths, addresses, and the words a key may take.

A rule raises ValueError with a text that begins with "must"; where, and what the value was, is said
by whoever reports it.
"""

from __future__ import annotations

import glob
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo

from llmops_health.config_cron import cron_fault
from llmops_health.config_errors import Origin, suggestion

DEFAULT_FILE = Path("llmops-health.yaml")

Table = Literal[
    "calls",
    "labels",
    "feedback",
    "reviews",
    "eval_cases",
    "eval_runs",
    "eval_results",
    "spans",
    "ledger_steps",
    "ledger_rows",
    "artifacts",
    "components",
    "component_edges",
    "acknowledgements",
]
Mode = Literal[
    "drift",
    "calibration",
    "provenance",
    "sampling",
    "eval_rot",
    "eval_prod_gap",
    "coevolution",
    "generalization",
    "review_queue",
    "frozen_feature",
    "ownership",
    "bom",
    "stage_latency",
]
Format = Literal[
    "jsonl",
    "csv",
    "parquet",
    "cyclonedx",
    "mcp",
    "hf-card",
    "dvc-lock",
    "backstage",
    "codeowners",
    "lockfile",
]
Kind = Literal["classifier", "extraction", "generation", "rag", "agent"]

TABLE_NAMES: tuple[str, ...] = get_args(Table)
MODES: tuple[str, ...] = get_args(Mode)
NATIVE_FORMATS = ("jsonl", "csv", "parquet")
DOCUMENT_FORMATS: dict[str, tuple[str, ...]] = {
    "cyclonedx": ("components", "component_edges"),
    "mcp": ("components", "component_edges"),
    "hf-card": ("components", "component_edges"),
    "dvc-lock": ("components", "component_edges"),
    "backstage": ("components", "component_edges"),
    "codeowners": ("components",),
    "lockfile": ("components", "component_edges"),
}
"""Documents of other tools that are read as they are, and the tables that each has rows of."""
OTHER_FORMATS = (
    "otlp",
    "openinference",
    "langfuse",
    "litellm",
    "openai",
    "langsmith",
    "mlflow",
    "inspect",
    "promptfoo",
    "lm-eval",
    "label-studio",
    "argilla",
)


@dataclass(slots=True)
class Reading:
    """What validation needs to know of the file it validates; passed as pydantic's context."""

    origin: Origin
    feature_ids: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """Folder that relative paths start from."""
        return self.origin.file.absolute().parent


def _no_truth(value: object) -> object:
    # True would pass for 1, and YAML reads a bare `yes` or `on` as true.
    if isinstance(value, bool):
        raise ValueError("must be a number.")  # noqa: TRY004 - pydantic collects ValueError only
    return value


def _iso_day(value: object) -> object:
    # Pydantic would take numbers as seconds since 1970.
    is_text = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    if is_text or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    raise ValueError("must be a date such as 2026-03-31.")


def _has_control_characters(text: str) -> bool:
    return any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text)


def feature_id(value: str, info: ValidationInfo) -> str:
    """Refuse an id that is blank, too long, hard to print, or taken."""
    if not value.strip() or len(value) > 200 or _has_control_characters(value):
        raise ValueError("must be 1 to 200 characters, none of them a control character.")
    if isinstance(info.context, Reading):
        if value in info.context.feature_ids:
            raise ValueError("must be unique, and an earlier feature has this id. Rename one.")
        info.context.feature_ids.add(value)
    return value


def _clean_path(value: str) -> str:
    if not value or _has_control_characters(value):
        raise ValueError("must be a path: not empty, no control characters.")
    return value


def path_from_root(value: Path, info: ValidationInfo) -> Path:
    """Start a relative path from the folder of the file."""
    _clean_path("" if value == Path() else str(value))
    return info.context.root / value if isinstance(info.context, Reading) else value


def memory_size(value: str) -> str:
    """Refuse what DuckDB does not take for a size of memory."""
    if not re.fullmatch(r"[1-9]\d*(\.\d+)? ?([KMGT]i?)B", value):
        raise ValueError("must be a size of memory such as 2GB or 512MB.")
    return value


def source_path(value: str, info: ValidationInfo) -> str:
    """Start a path or glob from the folder of the file; refuse one that cannot have files."""
    _clean_path(value)
    # A Spark cluster reads addresses such as s3a://, which no folder of ours holds.
    if not isinstance(info.context, Reading) or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", value):
        return value
    root = str(info.context.root)
    full = Path(root) / value
    try:
        exists, is_folder = full.exists(), full.is_dir()
    except OSError as error:
        raise ValueError(f"must name a file that can be reached: {error.strerror}.") from None
    if is_folder:
        raise ValueError(f"must name files, and this is a folder. Name them, as {_below(value)}.")
    if exists:
        return str(full)
    if not glob.has_magic(value):
        raise ValueError("must name a file that exists, or a glob such as logs/*.jsonl.")
    # Only the pattern people wrote is a pattern, whatever the folder is called.
    pattern = str(Path(glob.escape(root)) / value)
    if next(glob.iglob(pattern, recursive=True), None) is None:  # noqa: PTH207 - may be absolute
        info.context.warnings.append(f"No file matches {pattern} yet.")
    return pattern


def _below(folder: str) -> str:
    return f"{folder.rstrip('/')}/*.jsonl" if len(folder) < 100 else "folder/*.jsonl"


def one_or_many(value: object) -> object:
    """Take one value for a list of one."""
    if isinstance(value, list | tuple) and not value:
        raise ValueError("must name at least one file or glob.")
    return value if isinstance(value, list | tuple) else [value]


def known_format(value: object, info: ValidationInfo) -> object:
    """Tell a format of other tools, or of another table, from one nobody knows."""
    if value in NATIVE_FORMATS:
        return value
    table = info.data.get("table")
    if value in DOCUMENT_FORMATS:
        tables = DOCUMENT_FORMATS[value]
        if table is None or table in tables:
            return value
        raise ValueError(
            f"must be jsonl, csv or parquet for the table {table}: {value} has rows of"
            f" {' and '.join(tables)}. Name one of these as `table`, or convert the files."
        )
    if value in OTHER_FORMATS:
        raise ValueError(
            "must be jsonl, csv or parquet: a known format, not supported by this version. "
            "Convert the files to native jsonl (the table's own column names)."
        )
    ours = [name for name, tables in DOCUMENT_FORMATS.items() if table in tables]
    rule = f"must be one of {', '.join([*NATIVE_FORMATS, *ours])}."
    known = (*NATIVE_FORMATS, *DOCUMENT_FORMATS, *OTHER_FORMATS)
    raise ValueError(rule + (suggestion(value, known) if isinstance(value, str) else ""))


def engine_shape(value: object) -> object:
    """Refuse an engine that is neither of the two shapes."""
    if value == "duckdb" or isinstance(value, Mapping | BaseModel):
        return value
    raise ValueError('must be duckdb, or {spark: "sc://host:15002"}.')


def spark_address(value: str) -> str:
    """Refuse what is no Spark Connect address."""
    if not re.fullmatch(r"sc://([\w.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?(/\S*)?", value):
        raise ValueError("must be a Spark Connect address such as sc://host:15002.")
    return value


def cron_line(value: str) -> str:
    """Refuse what is no cron line of five fields."""
    fault = cron_fault(value)
    if fault:
        raise ValueError(f"must be a cron line of five fields (UTC): {fault}")
    return value


def _column_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("must be a column's name: letters, digits and _, no digit first.")
    return value


def error_name(key: str) -> str:
    """Return the key of an error cost without the blanks around its arrow."""
    return re.sub(r"\s*->\s*", "->", key.strip())


def tidy_error_costs(costs: dict[str, float]) -> dict[str, float]:
    """Return costs by `error_name`; refuse two of one name."""
    tidy = {error_name(key): cost for key, cost in costs.items()}
    if len(tidy) < len(costs):
        raise ValueError('names an error twice ("a->b" and "a -> b" are the same). Keep one.')
    return tidy


def error_name_shape(key: str) -> str:
    """Refuse a key that names no error."""
    true, _, predicted = key.partition("->")
    if key != "default" and not (true.strip() and predicted.strip()):
        raise ValueError(
            'must be default, or two labels as in "billing->cancel" (true->predicted).'
        )
    return key


# The bound stands before the validator: in this order the JSON schema has it as well.
NotNegative = Annotated[float, Field(ge=0), BeforeValidator(_no_truth)]
Positive = Annotated[float, Field(gt=0), BeforeValidator(_no_truth)]
Probability = Annotated[float, Field(ge=0, le=1), BeforeValidator(_no_truth)]
Count = Annotated[int, Field(ge=1), BeforeValidator(_no_truth)]
# More would lead out of the calendar.
Days = Annotated[int, Field(ge=1, le=36_500), BeforeValidator(_no_truth)]
Day = Annotated[date, BeforeValidator(_iso_day)]
ErrorName = Annotated[str, AfterValidator(error_name_shape)]
ColumnName = Annotated[str, AfterValidator(_column_name)]
Expression = Annotated[str, Field(min_length=1)]
