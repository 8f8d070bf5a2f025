"""Moving parts of counts, and orders of frequency: by hand."""

from __future__ import annotations

import polars as pl
import pytest

from llmops_health.power.sums import Vectors, daily_vectors, moved_apart, next_in_order


def test_a_part_of_the_rows_takes_its_part_of_the_sums() -> None:
    rows = pl.DataFrame({"k": [1, 2], "n": [4, 1], "sum_x": [2.0, 5.0], "move": [1, 1]})
    moved = moved_apart(rows, {"k": pl.col("k") + 1}, n_moved="move", sums=["sum_x"]).sort("k")
    assert moved.rows() == [(1, 3, 1.5), (2, 1, 0.5), (3, 1, 5.0)]


def test_rows_that_take_back_stay_and_those_that_cancel_go() -> None:
    rows = pl.DataFrame({"k": [1, 1, 2], "n": [2, -2, -1], "move": [0, 0, 0]})
    assert moved_apart(rows, {"k": pl.lit(9)}, n_moved="move").rows() == [(2, -1)]


def test_the_rarest_is_followed_by_the_commonest() -> None:
    rows = pl.DataFrame({"value": ["b", "a", "c", "a", "d"], "n": [3, 2, 3, 4, 1]})
    assert dict(next_in_order(rows, "value").rows()) == {"a": "b", "b": "c", "c": "d", "d": "a"}


def test_each_group_has_its_own_order_and_a_lonely_value_what_is_named() -> None:
    rows = pl.DataFrame({"of": ["x", "x", "y"], "value": ["a", "b", "a"], "n": [1, 2, 3]})
    ordered = next_in_order(rows, "value", within=["of"])
    assert ordered.rows() == [("x", "b", "a"), ("x", "a", "b")]
    alone = next_in_order(rows.tail(1), "value", lonely="other")
    assert alone.rows() == [("a", "other")]


def test_vectors_of_one_length_belong_together() -> None:
    lists = pl.Series([[1.0, 2.0], [3.0], [4.0, 5.0]])
    vectors = Vectors.of(lists)
    assert [alike.tolist() for alike in vectors.alike] == [[1], [0, 2]]
    assert daily_vectors(vectors.rows).to_list() == lists.to_list()


@pytest.mark.parametrize("n", [0, 3])
def test_an_empty_vector_is_nobodys_like(n: int) -> None:
    assert Vectors.of(pl.Series([[]] * n, dtype=pl.List(pl.Float64))).alike == ()
