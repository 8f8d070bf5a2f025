"""Evidently's report of one feature: the last week's calls against the four weeks before.

A picture for people who know Evidently, drawn from a fixed sample. No verdict reads it: on one
machine its default tests raised false alarms in a third to all of the cases we tried. Evidently
takes seconds and 280 MB to import, so that happens here, where it is used, with telemetry off.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import evidently

SAMPLE_ROWS = 10_000
"""Most rows of a report, both sides together."""
MIN_ROWS = 50
"""Fewest rows of a side: below, its charts are noise."""
CURRENT_DAYS = 7
REFERENCE_DAYS = 28

NUMBERS = (
    "input_tokens",
    "output_tokens",
    "n_input_chars",
    "n_output_chars",
    "latency_ms",
    "ttft_ms",
    "cost_usd",
    "confidence",
    "context_score",
    "temperature",
    "n_hedges",
)
CATEGORIES = (
    "request_model",
    "response_model",
    "prompt_version",
    "service_version",
    "finish_reason",
    "error_type",
    "predicted_label",
    "input_language",
    "output_language",
    "output_format",
    "is_refusal",
)
TEXTS = ("input_text", "output_text")
# Evidently draws a bar per value: of a column of free names only the first would be seen.
_MOST_VALUES = 50

SAMPLE_SIZES = {
    "current_days": CURRENT_DAYS,
    "n_days": CURRENT_DAYS + REFERENCE_DAYS,
    "n_rows": SAMPLE_ROWS // 2,
}
"""Parameters of `SAMPLE_SQL` beside `feature_id` and `day`."""

# The calls with the smallest digests of their ids: the same sample on every machine.
SAMPLE_SQL = """
with kind as (
    select case when count(*) filter (where run_kind = 'prod') > 0 then 'prod' else 'unknown' end
        as run_kind
    from core__calls
    where feature_id = $feature_id and day between $day - $n_days::int + 1 and $day
),
production as (
    select calls.*, calls.day > $day - $current_days::int as is_current
    from core__calls as calls
    where calls.feature_id = $feature_id
        and calls.day between $day - $n_days::int + 1 and $day
        and calls.run_kind = (select kind.run_kind from kind)
),
chosen as (
    select * from production
    qualify row_number() over (partition by is_current order by md5(call_id), call_id) <= $n_rows
)
select chosen.*, inputs.text as input_text, outputs.text as output_text
from chosen
left join core__contents as inputs on chosen.input_sha256 = inputs.sha256
left join core__contents as outputs on chosen.output_sha256 = outputs.sha256
order by chosen.is_current, md5(chosen.call_id), chosen.call_id
"""


def write(sample: pl.DataFrame, path: Path) -> str:
    """Write the report of a feature's sampled calls as one HTML file; return "" or why not.

    Parameters
    ----------
    sample
        Rows of `SAMPLE_SQL`: the columns of `core__calls`, the texts where they are kept, and
        `is_current`, which tells the last week from its reference.
    path
        Where the file goes; its folder is made.
    """
    current, reference = (sample.filter(pl.col("is_current") == side) for side in (True, False))
    if min(len(current), len(reference)) < MIN_ROWS:
        return (
            f"{len(current)} calls in {CURRENT_DAYS} days and {len(reference)} in the"
            f" {REFERENCE_DAYS} before; {MIN_ROWS} of each are needed."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with _quiet():
        _snapshot(current, reference).save_html(str(fresh))
    fresh.replace(path)
    return ""


def days_read(day: date) -> tuple[date, date]:
    """Return the first and the last day that a report of `day` reads."""
    return day - timedelta(days=CURRENT_DAYS + REFERENCE_DAYS - 1), day


def usable(sample: pl.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """Return the numeric, categorical and text columns that both sides know and that vary."""
    sides = [sample.filter(pl.col("is_current") == side) for side in (True, False)]
    known = {name for name in sample.columns if all(side[name].count() > 0 for side in sides)}
    numbers = [n for n in NUMBERS if n in known and sample[n].n_unique() > 1]
    categories = [n for n in CATEGORIES if n in known and 1 < sample[n].n_unique() <= _MOST_VALUES]
    return numbers, categories, [n for n in TEXTS if n in known]


def _snapshot(current: pl.DataFrame, reference: pl.DataFrame) -> evidently.core.report.Snapshot:
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415
    from evidently.descriptors import (  # noqa: PLC0415
        NonLetterCharacterPercentage,
        SentenceCount,
        TextLength,
        WordCount,
    )
    from evidently.presets import DataDriftPreset, DataSummaryPreset  # noqa: PLC0415

    numbers, categories, texts = usable(pl.concat([current, reference]))
    columns = [*numbers, *categories, *texts]
    definition = DataDefinition(
        numerical_columns=numbers, categorical_columns=categories, text_columns=texts
    )
    described = [
        kind(name, alias=f"{name}: {what}")
        for name in texts
        for kind, what in (
            (TextLength, "characters"),
            (WordCount, "words"),
            (SentenceCount, "sentences"),
            (NonLetterCharacterPercentage, "share of non-letters"),
        )
    ]
    sides = [
        Dataset.from_pandas(
            part.select(
                pl.col(numbers).cast(pl.Float64),
                pl.col([*categories, *texts]).cast(pl.String),
            )
            .select(columns)
            .to_pandas(),
            data_definition=definition,
            descriptors=described,
        )
        for part in (current, reference)
    ]
    drift = DataDriftPreset(num_method="wasserstein", cat_method="jensenshannon")
    return Report([drift, DataSummaryPreset()]).run(sides[0], sides[1])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Evidently from calling home, and its dependencies' warnings out of the log."""
    os.environ["DO_NOT_TRACK"] = "1"  # read at its import, and by whatever it starts
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
