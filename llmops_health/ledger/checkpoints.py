"""Signed checkpoints: what a ledger was at a time, to be kept where its writer cannot reach.

An in-toto statement in a DSSE envelope, signed with Ed25519. A chain alone does not stop who owns
the file from writing all of it anew, or from cutting off its end; against a checkpoint both show.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmops_health.ledger.dsse import STATEMENT_TYPE, sealed, unsealed
from llmops_health.ledger.verify import Chain

PREDICATE_TYPE = "https://llmops-health.dev/ledger-checkpoint/v1"


def make_key(path: Path) -> Path:
    """Write a new private key, readable by its owner only, and its public key beside it.

    Raises
    ------
    FileExistsError
        If there is a file already: a key that signed something must not be lost.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    if path.exists():
        raise FileExistsError(f"{path} exists; a key is never overwritten.")
    key = ed25519.Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public = path.with_name(f"{path.name}.pub")
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return public


def sign(chain: Chain, key_path: Path, at: datetime | None = None) -> dict[str, Any]:
    """Return the signed checkpoint of a pipeline as it stands.

    Raises
    ------
    ValueError
        If the chain has no head to sign, or the key is no Ed25519 key.
    """
    if chain.head is None:
        raise ValueError(f"Pipeline {chain.pipeline} has no row hashes to sign.")
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": chain.pipeline, "digest": {"sha256": chain.head}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "rows": len(chain.rows),
            "seq": chain.rows[-1].get("seq"),
            "merkleRoot": chain.root(),
            "signedAt": (at or datetime.now(UTC)).isoformat(timespec="seconds"),
        },
    }
    return sealed(statement, key_path)


def opened(envelope: dict[str, Any], key_path: Path) -> dict[str, Any]:
    """Return the statement of an envelope that a public key vouches for.

    Raises
    ------
    ValueError
        If no signature is of this key, or it is no checkpoint of a ledger.
    """
    return unsealed(envelope, key_path, PREDICATE_TYPE, "checkpoint of a ledger")


def disagreement(statement: dict[str, Any], chain: Chain | None) -> str | None:
    """Return how a ledger differs from what was signed, None where it continues it."""
    subject, signed = statement["subject"][0], statement["predicate"]
    n_rows, name = int(signed["rows"]), subject["name"]
    when = signed.get("signedAt", "then")
    if chain is None:
        return f"pipeline {name} had {n_rows} rows when it was signed ({when}), and is gone"
    if len(chain.rows) < n_rows:
        return (
            f"pipeline {name} had {n_rows} rows when it was signed ({when}), and has"
            f" {len(chain.rows)}: its end was cut off"
        )
    head = chain.rows[n_rows - 1].get("row_hash")
    if head != subject["digest"]["sha256"] or chain.root(n_rows) != signed["merkleRoot"]:
        return f"pipeline {name} is not the one that was signed ({when}): it was written anew"
    return None
