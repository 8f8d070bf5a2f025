"""Multiset hashes: the same in DuckDB, whatever the order, and not blind to what comes twice."""

from __future__ import annotations

import duckdb

from llmops_health.kernels.multiset_hash import MODULUS, multiset_hash, residual


def test_of_three_ids() -> None:
    assert multiset_hash(["a", "b", "c"]) == multiset_hash(["c", "a", "b"]) == 2584279071383289600


def test_is_the_one_of_duckdb() -> None:
    ids = [f"row-{at}" for at in range(1_000)]
    query = "select sum(md5_number_lower(id)::hugeint) % 18446744073709551616 from unnest($1) t(id)"
    assert duckdb.execute(query, [ids]).fetchone() == (multiset_hash(ids),)


def test_sees_what_came_twice_and_adds_up() -> None:
    assert multiset_hash(["a", "a"]) not in {0, multiset_hash(["a"])}
    parts = multiset_hash(["a"]) + multiset_hash(["b", "c"])
    assert parts % MODULUS == multiset_hash(["a", "b", "c"])
    assert multiset_hash([]) == 0


def test_a_swapped_row_leaves_a_residual_though_counts_agree() -> None:
    before, after = multiset_hash("abc"), multiset_hash("abx")
    assert residual(before, 0, 0, after) != 0
    assert residual(before, multiset_hash("c"), multiset_hash("x"), after) == 0
