"""Hash chains: published heads, numbers as ECMAScript writes them, and which row is bad first."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import numpy as np
import pytest

from llmops_health.kernels.hash_chain import (
    GENESIS,
    BadRow,
    Breach,
    canonical_json,
    first_bad_row,
    row_hash,
)

RECORDS: list[dict[str, Any]] = [
    {"op": "ingest", "rows_in": 0, "rows_out": 100},
    {"op": "dedup", "rows_in": 100, "rows_out": 93, "dropped": 7},
    {"op": "upsample", "rows_in": 93, "rows_out": 120, "duplicated": 27},
]
HEADS = [
    "ef4db9f5f95c7334413b64e3566f22c69611c71a3dc4856295d5f487bfb7af88",
    "191528ac998fb80776266b66192792bc2d2377981ebe60d1b4feee33d5f701a7",
    "a4a7ca1b8b685a1b5418bde4ef0346fa207c116452e203e24b2bba398c302b61",
]
Rows = list[tuple[dict[str, Any], str | None, str | None]]


def first_bad(rows: Rows) -> BadRow | None:
    return first_bad_row(
        [(row_hash(before or GENESIS, content), before, own) for content, before, own in rows]
    )


def chained(records: list[dict[str, Any]]) -> Rows:
    rows: Rows = []
    previous = GENESIS
    for record in records:
        own = row_hash(previous, record)
        rows.append((record, previous, own))
        previous = own
    return rows


def test_heads_of_a_chain() -> None:
    assert [row[2] for row in chained(RECORDS)] == HEADS
    assert first_bad(chained(RECORDS)) is None


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_altered_row_is_the_bad_one(place: int) -> None:
    rows = chained(RECORDS)
    content, before, own = rows[place]
    rows[place] = (content | {"rows_out": 1}, before, own)
    assert first_bad(rows) == BadRow(place, Breach.ALTERED)


def test_a_row_written_anew_unlinks_the_next() -> None:
    rows = chained(RECORDS)
    other = rows[1][0] | {"rows_out": 1}
    rows[1] = (other, rows[1][1], row_hash(rows[0][2] or "", other))
    assert first_bad(rows) == BadRow(2, Breach.UNLINKED)


def test_a_removed_row_unlinks_the_next() -> None:
    rows = chained(RECORDS)
    del rows[1]
    assert first_bad(rows) == BadRow(1, Breach.UNLINKED)


def test_reordered_rows() -> None:
    first, second, third = chained(RECORDS)
    assert first_bad([second, first, third]) == BadRow(1, Breach.UNLINKED)


def test_a_row_without_a_hash_among_hashed_ones() -> None:
    rows = chained(RECORDS)
    rows.insert(1, ({"op": "map"}, None, None))
    assert first_bad(rows) == BadRow(1, Breach.UNHASHED)


def test_rows_before_the_chain_began_are_no_part_of_it() -> None:
    old: Rows = [({"op": "map"}, None, None)]
    assert first_bad(old) is None
    assert first_bad(old + chained(RECORDS)) is None
    assert first_bad(chained(RECORDS)[1:]) is None


# V8's JSON.stringify of these doubles.
NUMBERS = {
    0.0: "0", 1.0: "1", -1.5: "-1.5", 0.1: "0.1", 1e-6: "0.000001", 1e-7: "1e-7",
    1.5e-9: "1.5e-9", 123456789012345680000.0: "123456789012345680000", 1e21: "1e+21",
    1.7976931348623157e308: "1.7976931348623157e+308", 5e-324: "5e-324", 333333333.33333329:
    "333333333.3333333", 4.35: "4.35", 1e16: "10000000000000000",
}  # fmt: skip


@pytest.mark.parametrize("number", list(NUMBERS))
def test_numbers_are_written_as_ecmascript_does(number: float) -> None:
    assert canonical_json(number).decode() == NUMBERS[number]


def test_a_number_survives_its_form() -> None:
    drawn = np.random.default_rng(1).normal(size=300) * 10.0 ** np.arange(-150, 150)
    assert all(float(canonical_json(float(x))) == x for x in drawn)


def test_the_form_does_not_depend_on_how_it_was_written() -> None:
    text = '{"b": [1.0, 2], "a": {"z": null, "y": "A\\u030a"}}'
    assert canonical_json(json.loads(text)) == canonical_json(
        {"a": {"y": unicodedata.normalize("NFC", "Å"), "z": None}, "b": (1, 2.0)}
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_lacks_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        canonical_json({"x": number})


@pytest.mark.parametrize("value", [{1: 2}, {"a": object()}, b"bytes"])
def test_what_has_no_json_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)
