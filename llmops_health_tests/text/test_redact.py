"""Redaction: what goes, what stays, a second run changes nothing, and guards miss no match."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pytest

from llmops_health.text.redact import PATTERNS, Pattern, redact_expression

GONE = [
    ("mail jane.doe+x@mail.example.co.uk now", "mail [EMAIL] now"),
    ("<a@b.io>, c_d@e-f.org.", "<[EMAIL]>, [EMAIL]."),
    ("jürgen@müller.de", "[EMAIL]"),
    ("call +1 (415) 555-0132 today", "call [PHONE] today"),
    ("call +49 171 1234567.", "call [PHONE]."),
    ("+442079460958", "[PHONE]"),
    ("tel 0049 30 1234567", "tel [PHONE]"),
    ("415-555-0132, 415.555.0132 and (415) 555-0132", "[PHONE], [PHONE] and [PHONE]"),
    ("1-800-555-0199", "[PHONE]"),
    ("06 12 34 56 78", "[PHONE]"),
    ("020 7946 0958", "[PHONE]"),
    ("0171 1234567 oder 030/1234567", "[PHONE] oder [PHONE]"),
    ("(030) 123456", "[PHONE]"),
    ("(11) 98765-4321", "[PHONE]"),
    ("090-1234-5678", "[PHONE]"),
    ("card 4111 1111 1111 1111 ok", "card [CARD] ok"),
    ("4111111111111111", "[CARD]"),
    ("4111-1111-1111-1111.", "[CARD]."),
    ("amex 3782 822463 10005", "amex [CARD]"),
    ("IBAN DE89370400440532013000 bitte", "IBAN [IBAN] bitte"),
    ("GB29 NWBK 6016 1331 9268 19", "[IBAN]"),
    ("NL91ABNA0417164300", "[IBAN]"),
    ("host 192.168.1.20:8080 down", "host [IP]:8080 down"),
    ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "[IP]"),
    ("fe80::1ff:fe23:4567:890a and 2001:db8::1", "[IP] and [IP]"),
    ("ssn 123-45-6789", "ssn [SSN]"),
    ("sk-abcdefghijklmnopqrstuvwxyz123456", "[SECRET]"),
    ("key=sk-proj-AbCdEf_0123456789-xyz.", "key=[SECRET]."),
    ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[SECRET]"),
    ("AKIAIOSFODNN7EXAMPLE", "[SECRET]"),
    ("xoxb-123456789012-abcdefghij", "[SECRET]"),
    ("sk_live_0123456789abcdef", "[SECRET]"),
    ("Authorization: Bearer abcdefghijklmnop1234567890==", "Authorization: Bearer [SECRET]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[SECRET]"),
    ("https://bob:pa55@db.example.com/x", "https://[SECRET]@db.example.com/x"),
    (
        "https://a.example/x?id=1&api_key=AbC123&z=2",
        "https://a.example/x?id=1&api_key=[SECRET]&z=2",
    ),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----\nend",
        "[SECRET]\nend",
    ),
    ("a@b.co 10.0.0.1 123-45-6789", "[EMAIL] [IP] [SSN]"),
]
STAYS = [
    "",
    "order 48213 of 2024-11-05 12:30:45 costs 1,299.99 EUR",
    "01.02.2024 14:30, 01/02/2024 and 01-02-2024",
    "2024-01-01T12:34:56Z took 12:34:56",
    "id 1700000000000 and 00123456",
    "version 1.2.3 of 10.15.7, section 4.1.2",
    "between 2019 and 2024, 1990-1995",
    "pi is 3.14159265358979",
    "std::vector<int> a::b",
    "@mention and a @ b",
    "5+3=8 and +5 degrees, +100 points",
    "https://example.com/path?page=2&sort=asc",
    "risk-averse task-oriented-learning-pipeline",
    "a bearer of bad news, basic understanding",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "ISBN 978-3-16-148410-0",
    "12 345 678 people and 1 000 000 000 more",
    "ORDER AB12 is late",
    "price (2020) 123-145",
    "naïve café, 订单在哪里?",
]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def redact(con: duckdb.DuckDBPyConnection, texts: list[str]) -> list[str]:
    sql = f"select {redact_expression('t')} from (select unnest($t::varchar[]) as t)"
    return [text for (text,) in con.execute(sql, {"t": texts}).fetchall()]


@pytest.mark.parametrize(("text", "expected"), GONE)
def test_gone(con: duckdb.DuckDBPyConnection, text: str, expected: str) -> None:
    assert redact(con, [text]) == [expected]


@pytest.mark.parametrize("text", STAYS)
def test_stays(con: duckdb.DuckDBPyConnection, text: str) -> None:
    assert redact(con, [text]) == [text]


def random_joins(seed: int, n: int = 20_000) -> list[str]:
    """Pieces of the texts above, whole or cut, run together or spaced: where rules meet."""
    rng = np.random.default_rng(seed)
    pieces = [text for text, _ in GONE] + STAYS
    glue = ["", "", " ", "-", ".", ",", "\n", ":", "/", "@", "=", "é", "1"]
    joins = []
    for _ in range(n):
        chosen = [pieces[i] for i in rng.integers(len(pieces), size=3)]
        cut = [piece[rng.integers(8) if rng.random() < 0.5 else 0 :] for piece in chosen]
        joins.append(glue[rng.integers(len(glue))].join(cut))
    return joins


def test_a_second_run_changes_nothing(con: duckdb.DuckDBPyConnection) -> None:
    once = redact(con, random_joins(1))
    changed = [(a, b) for a, b in zip(once, redact(con, once), strict=True) if a != b]
    assert changed == []


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda each: each.name)
def test_a_guard_matches_wherever_its_pattern_does(
    con: duckdb.DuckDBPyConnection, pattern: Pattern
) -> None:
    sql = (
        "select count(*) filter (regexp_matches(t, $pattern)),"
        " count(*) filter (regexp_matches(t, $pattern) and not regexp_matches(t, $guard))"
        " from (select unnest($t::varchar[]) as t)"
    )
    row = con.execute(
        sql, {"pattern": pattern.pattern, "guard": pattern.guard, "t": random_joins(2)}
    ).fetchone()
    assert row is not None
    assert row[0] > 100
    assert row[1] == 0


def test_null_stays_null(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute(f"select {redact_expression('null::varchar')}").fetchone() == (None,)


@pytest.mark.parametrize(
    "text",
    [
        "a\x00b",
        "'; drop table t; --",
        "(((((.*+?[]{}|\\^$ \\1 \\0",
        "1" * 1_048_576,
        "a@" * 524_288,
        "+1 (" * 262_144,
        "a." * 524_288 + "@",
    ],
    ids=["nul", "sql", "regex", "1MB digits", "1MB ats", "1MB openings", "1MB local part"],
)
def test_hostile_texts_stay(con: duckdb.DuckDBPyConnection, text: str) -> None:
    assert redact(con, [text]) == [text]


def test_a_match_after_a_megabyte_goes(con: duckdb.DuckDBPyConnection) -> None:
    assert redact(con, ["the and " * 131_072 + "a@b.co"])[0].endswith("and [EMAIL]")


def test_a_column_is_needed() -> None:
    with pytest.raises(ValueError, match=r"Argument column must be an SQL expression, got ' '\."):
        redact_expression(" ")
