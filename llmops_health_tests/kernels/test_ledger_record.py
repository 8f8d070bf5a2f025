"""The record of a step: the same from a file's line and from a table's row."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from llmops_health.columns import Kind
from llmops_health.contract import BY_NAME
from llmops_health.kernels import ledger_record as kernel
from llmops_health.kernels.ledger_record import FIELDS, HASHES, ledger_record

LINE = {
    "pipeline_id": "p", "step_id": "p/1", "seq": 1, "op": "map",
    "started_at": "2026-03-01T23:30:00.5+02:00", "rows_in": 3, "rows_out": 3, "weight_in": 3,
    "params": {"b": [1.0], "a": "x"}, "input_artifacts": ["h1", "h2"], "actor": None,
    "prev_hash": "x", "row_hash": "y", "note": "not of the contract",
}  # fmt: skip
ROW = LINE | {
    "started_at": datetime(2026, 3, 1, 21, 30, 0, 500_000),  # noqa: DTZ001 - stored as naive UTC
    "weight_in": 3.0,
    "params": '{"a": "x", "b": [1.0]}',
    "input_artifacts": '["h1","h2"]',
    "rows_dropped": None,
}


def test_fields_are_those_of_the_contract() -> None:
    table = BY_NAME["ledger_steps"]
    assert sorted((*FIELDS, *HASHES)) == sorted(column.name for column in table.columns)
    for kind, names in (
        (Kind.COUNT, kernel.COUNTS),
        (Kind.NUMBER, kernel.NUMBERS),
        (Kind.JSON, kernel.JSONS),
        (Kind.NAMES, kernel.LISTS),
        (Kind.TIME, (kernel.TIME,)),
    ):
        assert {column.name for column in table.columns if column.kind is kind} == set(names)


def test_a_line_and_a_row_are_one_record() -> None:
    assert ledger_record(LINE) == ledger_record(ROW)
    assert ledger_record(LINE)["started_at"] == "2026-03-01T21:30:00.500000Z"
    assert set(ledger_record(LINE)) & {"note", "actor", "row_hash"} == set()


@pytest.mark.parametrize(
    "moment",
    [
        "2026-03-01T21:30:00Z",
        "2026-03-01 21:30:00",
        datetime(2026, 3, 1, 21, 30, tzinfo=UTC),
        datetime(2026, 3, 1, 14, 30, tzinfo=timezone(timedelta(hours=-7))),
    ],
)
def test_one_moment_has_one_form(moment: object) -> None:
    assert ledger_record({"started_at": moment}) == {"started_at": "2026-03-01T21:30:00.000000Z"}


def test_a_single_name_is_a_list() -> None:
    assert ledger_record({"input_artifacts": json.dumps("h1")}) == {"input_artifacts": ["h1"]}


@pytest.mark.parametrize(
    "row", [{"seq": "x"}, {"seq": 1.5}, {"params": "{"}, {"started_at": "then"}]
)
def test_what_cannot_be_read_is_named(row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(row))):
        ledger_record(row)
