"""Shared macros: equal to a Python reference on random values, and defined at every edge."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import duckdb
import numpy as np
import pytest

from llmops_health.text.behaviour import macros_sql


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for statement in macros_sql():
            connection.execute(statement)
        yield connection


def column(con: duckdb.DuckDBPyConnection, sql: str, values: list[object]) -> list[object]:
    rows = con.execute(f"select {sql} from (select unnest($v) as x)", {"v": values}).fetchall()
    return [value for (value,) in rows]


def random_texts(seed: int, n: int = 500) -> list[str]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 60, n)
    return ["".join(map(chr, rng.integers(1, 0xD7FF, length))) for length in lengths]


def test_bucket_is_the_first_32_bits_of_sha256_modulo_64(con: duckdb.DuckDBPyConnection) -> None:
    texts = [*random_texts(1), "user-1"]
    expected = [int(hashlib.sha256(t.encode()).hexdigest()[:8], 16) % 64 for t in texts]
    assert column(con, "bucket(x)", [*texts]) == expected
    assert expected[-1] == 36


def test_text_key_is_the_first_60_bits_of_sha256(con: duckdb.DuckDBPyConnection) -> None:
    texts = random_texts(2)
    expected = [int(hashlib.sha256(t.encode()).hexdigest()[:15], 16) for t in texts]
    assert column(con, "text_key(x)", [*texts]) == expected


def test_log_bin_equals_its_formula(con: duckdb.DuckDBPyConnection) -> None:
    values = (10 ** np.random.default_rng(3).uniform(-12, 12, 5000)).tolist()
    growth = math.log(1.01 / 0.99)
    expected = [math.ceil(math.log(v) / growth - 5e-10) for v in values]
    assert column(con, "log_bin(x)", values) == expected


def test_a_log_bin_holds_values_within_one_percent_of_its_centre(
    con: duckdb.DuckDBPyConnection,
) -> None:
    values = (10 ** np.random.default_rng(4).uniform(-6, 9, 5000)).tolist()
    bins = np.array(column(con, "log_bin(x)", values), dtype=float)
    centres = (1.01 / 0.99) ** bins * 0.99
    assert np.abs(centres / np.array(values) - 1).max() <= 0.0101 + 1e-9


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", -100_000),
        ("-0.0::double", -100_000),
        ("-3", -100_001),
        ("'-inf'::double", -100_001),
        ("null", -100_002),
        ("'nan'::double", -100_002),
        ("1", 0),
        ("1.01::double / 0.99::double", 1),
        ("'inf'::double", 35_488),
        ("5::bigint", 81),
    ],
)
def test_log_bin_at_its_edges(con: duckdb.DuckDBPyConnection, value: str, expected: int) -> None:
    assert con.execute(f"select log_bin({value})").fetchone() == (expected,)


@pytest.mark.parametrize(
    ("value", "expected"), [("0", 0), ("0.005", 0), ("0.5", 50), ("0.999", 99), ("1", 99)]
)
def test_conf_bin(con: duckdb.DuckDBPyConnection, value: str, expected: int) -> None:
    assert con.execute(f"select conf_bin({value}::double)").fetchone() == (expected,)


@pytest.mark.parametrize("macro", ["bucket", "text_key", "conf_bin"])
def test_unknown_stays_unknown(con: duckdb.DuckDBPyConnection, macro: str) -> None:
    assert con.execute(f"select {macro}(null)").fetchone() == (None,)


def test_the_short_way_for_ascii_texts_gives_the_same_language(
    con: duckdb.DuckDBPyConnection,
) -> None:
    codes = ("nl", "it", "pt", "es", "fr", "de", "en")
    listed = [str(con.execute(f"select words_{code}()").fetchall()[0][0]) for code in codes]
    words = [[w for w in words.split("|") if w.isascii() and w.isalpha()] for words in listed]
    pools = [*words, [word for pool in words for word in pool]]
    rng = np.random.default_rng(5)
    gaps = np.array([" ", " ", "  ", "\n", "'", "(", ", "])
    texts: list[object] = []
    for _ in range(4000):
        # Rare enough that every outcome comes: a language, none, and the long way.
        pool = np.array([*pools[rng.integers(len(pools))], *["invoice", "x1", "foo_de"] * 60])
        n = rng.integers(0, 60)
        texts.append("".join(np.char.add(rng.choice(pool, n), rng.choice(gaps, n))))
    short = column(con, "ascii_language(left(x, 200))", texts)
    long = column(con, "latin_language(left(x, 200))", texts)
    assert {"en", "und", None} == set(short)
    assert {*codes, "und"} == set(long)
    assert all(s in (None, expected) for s, expected in zip(short, long, strict=True))


def test_the_sure_way_says_what_counting_says(con: duckdb.DuckDBPyConnection) -> None:
    codes = ("nl", "it", "pt", "es", "fr", "de", "en")
    listed = [str(con.execute(f"select words_{code}()").fetchall()[0][0]) for code in codes]
    words = [[w for w in each.split("|") if w.isalpha()] for each in listed]
    rng = np.random.default_rng(6)
    texts: list[object] = []
    for _ in range(4000):
        pool = np.array([*words[rng.integers(len(words))], *["invoice", "x1", "foo_de"] * 20])
        texts.append(" ".join(rng.choice(pool, rng.integers(0, 60))))
    sure = column(con, "sure_language(left(x, 200))", texts)
    counted = column(con, "latin_language(left(x, 200))", texts)
    assert {"en", "de", "fr", None} == set(sure)
    decided = [(s, c) for s, c in zip(sure, counted, strict=True) if s is not None]
    assert len(decided) > 500
    assert sum(s != c for s, c in decided) <= 0.01 * len(decided)
