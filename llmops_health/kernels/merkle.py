"""Merkle tree hashes of RFC 6962: one hash that stands for a list, in its order.

Two lists of one root are equal; a proof shows one leaf of a list without the others. What the
leaves are is the caller's affair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash of leaves, 32 bytes.

    Parameters
    ----------
    leaves
        Any bytes, in order; their order counts.

    Notes
    -----
    Of none ``sha256("")``, of one ``sha256(0x00 || leaf)``, of more ``sha256(0x01 || left ||
    right)``, split at the largest power of two below their number. RFC 6962 (2013), section 2.1.

    Examples
    --------
    >>> merkle_root([]).hex()[:16], merkle_root([b""]).hex()[:16]
    ('e3b0c44298fc1c14', '6e340b9cffb37a98')
    """
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        # Pairing neighbours and passing on an odd last one splits at the powers of two.
        paired = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[2 * len(paired) :]
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], at: int) -> list[bytes]:
    """Return the hashes that lead from one leaf to the root, nearest first.

    Raises
    ------
    ValueError
        If there is no leaf `at` this place.

    Notes
    -----
    The Merkle audit path of RFC 6962, section 2.1.1.
    """
    if not 0 <= at < len(leaves):
        raise ValueError(f"at must be a place among {len(leaves)} leaves, got {at}.")
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    path: list[bytes] = []
    while len(level) > 1:
        if at ^ 1 < len(level):
            path.append(level[at ^ 1])
        paired = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[2 * len(paired) :]
        at //= 2
    return path


def is_included(leaf: bytes, at: int, n_leaves: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether a proof leads from a leaf, `at` its place of `n_leaves`, to a root.

    Examples
    --------
    >>> leaves = [b"a", b"b", b"c"]
    >>> proof = inclusion_proof(leaves, 2)
    >>> is_included(b"c", 2, 3, proof, merkle_root(leaves))
    True
    >>> is_included(b"x", 2, 3, proof, merkle_root(leaves))
    False
    """
    if not 0 <= at < n_leaves:
        return False
    found = hashlib.sha256(b"\0" + leaf).digest()
    left, last = list(proof), n_leaves - 1
    while last:
        if at % 2 or at < last:
            if not left:
                return False
            other = left.pop(0)
            found = _node(other, found) if at % 2 else _node(found, other)
        at, last = at // 2, last // 2
    return not left and found == root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()
