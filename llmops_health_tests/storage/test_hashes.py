"""Hashes of text columns are what SQL and hashlib say, however the column came."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from llmops_health.contract import BY_NAME, derived_columns
from llmops_health.storage import hashes
from llmops_health.storage.engines import memory

TEXTS = ["", "a", "ünïcode \N{FAMILY}", "nul \x00 in it", "x" * 5000, None, "tail"]


def expected(texts: list[str | None]) -> list[str | None]:
    return [None if t is None else hashlib.sha256(t.encode()).hexdigest() for t in texts]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()], ids=str)
@pytest.mark.parametrize("repeats", [1, 40], ids=["distinct", "repeating"])
def test_hashes_are_sha256(kind: pa.DataType, repeats: int) -> None:
    texts = TEXTS * repeats
    assert hashes.of(pa.array(texts, kind)).hexadecimal().to_pylist() == expected(texts)


@pytest.mark.parametrize("repeats", [1, 40])
def test_a_slice_is_hashed_from_where_it_begins(repeats: int) -> None:
    texts = TEXTS * repeats
    part = pa.array(texts).slice(3, len(texts) - 5)
    assert hashes.of(part).hexadecimal().to_pylist() == expected(texts)[3:-2]


def test_nothing_has_no_hash() -> None:
    assert hashes.of(pa.array([], pa.string())).hexadecimal().to_pylist() == []
    assert hashes.of(pa.array([None, None], pa.string())).hexadecimal().to_pylist() == [None, None]


def test_keys_and_prompt_keys_are_those_of_the_contract() -> None:
    rng = np.random.default_rng(7)
    pool = [*TEXTS, *(f"text {i}" for i in range(20))]
    drawn = [[pool[i] for i in rng.integers(0, len(pool), 2000)] for _ in range(3)]
    given, system, name = (pa.array(column, pa.large_string()) for column in drawn)
    keys = hashes.prompt_keys(hashes.of(given), hashes.of(system), name).to_pylist()
    sql = derived_columns(BY_NAME["calls"])["prompt_key"][1]
    connection = memory()
    rows = connection.execute(
        f"select {sql}, text_key(coalesce(input_text, '')) from (select unnest($i) as input_text,"
        " unnest($s) as system_text, unnest($n) as prompt_name)",
        {"i": drawn[0], "s": drawn[1], "n": drawn[2]},
    ).fetchall()
    assert keys == [row[0] for row in rows]
    assert hashes.of(given).keys().tolist() == [row[1] for row in rows]
    assert len({key for key in keys if key is not None}) > 1900 / 27
    assert min(key for key in keys if key is not None) >= 0
