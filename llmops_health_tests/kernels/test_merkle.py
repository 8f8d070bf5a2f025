"""Merkle roots: the vectors of Certificate Transparency, proofs, and what they refuse."""

from __future__ import annotations

import pytest

from llmops_health.kernels.merkle import inclusion_proof, is_included, merkle_root

LEAVES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("n", range(9))
def test_roots_are_those_of_certificate_transparency(n: int) -> None:
    assert merkle_root(LEAVES[:n]).hex() == ROOTS[n]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 8, 13])
def test_every_leaf_is_proven_and_no_other(n: int) -> None:
    leaves = [bytes([at]) for at in range(n)]
    root = merkle_root(leaves)
    for at in range(n):
        proof = inclusion_proof(leaves, at)
        assert is_included(leaves[at], at, n, proof, root)
        assert not is_included(b"other", at, n, proof, root)
        assert not is_included(leaves[at], at, n, [*proof, b"x" * 32], root)
        assert not is_included(leaves[at], at + n, n, proof, root)
        assert not proof or not is_included(leaves[at], at, n, proof[:-1], root)


def test_a_node_is_no_leaf() -> None:
    inner = merkle_root([b"a", b"b"])
    assert merkle_root([inner]) != merkle_root([b"a", b"b"])


def test_a_place_beyond_the_end_has_no_proof() -> None:
    with pytest.raises(ValueError, match="among 2 leaves, got 2"):
        inclusion_proof([b"a", b"b"], 2)
