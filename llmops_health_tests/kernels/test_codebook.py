"""Codebook: cells that were planted are found, the same way every time."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.codebook import assign_cells, fit_codebook, suggest_cells


def planted(n_per_cell: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows around as many orthogonal directions, and which direction each belongs to."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(n_per_cell)), n_per_cell)
    rows = np.eye(16)[label] + rng.normal(0, 0.08, size=(len(label), 16))
    order = rng.permutation(len(label))
    return rows[order], label[order]


def test_planted_cells_are_found_in_order_of_size() -> None:
    rows, label = planted([400, 300, 200, 100])
    book = fit_codebook(rows, 4, seed=3)
    assert book.n_rows.tolist() == [400, 300, 200, 100]
    assert assign_cells(rows, book.centroids).tolist() == label.tolist()


def test_centroids_are_unit_rounded_and_repeatable() -> None:
    rows, _ = planted([50] * 6)
    book, again = fit_codebook(rows, 6, seed=1), fit_codebook(rows, 6, seed=1)
    assert book.centroids.tobytes() == again.centroids.tobytes()
    assert np.linalg.norm(book.centroids, axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    assert np.array_equal(book.centroids, np.round(book.centroids, 6))


def test_zero_has_one_sign() -> None:
    [centroid] = fit_codebook([[1.0, -1e-9]], 1, seed=0).centroids
    assert centroid.tolist() == [1.0, 0.0]
    assert not np.signbit(centroid[1])


def test_more_cells_describe_the_rows_better() -> None:
    rows = np.random.default_rng(4).normal(size=(600, 8))
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    fits = [fit_codebook(rows, n, seed=0).centroids for n in (1, 4, 16, 64)]
    closeness = [float((units @ centroids.T).max(axis=1).mean()) for centroids in fits]
    assert closeness == sorted(closeness)
    assert closeness[-1] > closeness[0] + 0.3


def test_every_round_ends_at_a_fixed_point() -> None:
    rows = np.random.default_rng(5).normal(size=(300, 6))
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    book = fit_codebook(rows, 5, seed=0)
    cells = assign_cells(units, book.centroids)
    for cell, centroid in enumerate(book.centroids):
        mean = units[cells == cell].sum(axis=0)
        assert mean / np.linalg.norm(mean) == pytest.approx(centroid, abs=2e-6)


def test_fewer_directions_than_cells() -> None:
    book = fit_codebook([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 0.0]], 8, seed=0)
    assert book.centroids.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert book.n_rows.tolist() == [2, 1]


def test_no_content_is_in_no_cell() -> None:
    assert assign_cells(np.zeros((2, 3)), np.eye(3)).tolist() == [-1, -1]
    assert assign_cells(np.zeros((0, 3)), np.eye(3)).tolist() == []


def test_cells_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, label = planted([30, 20])
    monkeypatch.setattr("llmops_health.kernels.codebook._BLOCK_ROWS", 7)
    assert assign_cells(rows, np.eye(16)[:2]).tolist() == label.tolist()


@pytest.mark.parametrize(("n", "n_cells"), [(0, 8), (128, 8), (200, 10), (8_192, 64), (10**7, 64)])
def test_suggested_cells(n: int, n_cells: int) -> None:
    assert suggest_cells(n) == n_cells


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="n must be >= 0, got -1"):
        suggest_cells(-1)
    with pytest.raises(ValueError, match="n_cells must be >= 1, got 0"):
        fit_codebook(np.eye(2), 0, seed=0)
    with pytest.raises(ValueError, match="at least one row that is not zero"):
        fit_codebook(np.zeros((3, 2)), 2, seed=0)
    with pytest.raises(ValueError, match="x must be a matrix of finite values"):
        fit_codebook([[np.nan]], 1, seed=0)
    with pytest.raises(ValueError, match="x and centroids must have shapes"):
        assign_cells(np.eye(2), np.eye(3))
