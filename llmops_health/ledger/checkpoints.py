"""Signed checkpoints: what a ledger was at a time, to be kept where its writer cannot reach.

An in-toto statement in a DSSE envelope, signed with Ed25519. A chain alone does not stop who owns
the file from writing all of it anew, or from cutting off its end; against a checkpoint both show.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmops_health.kernels.hash_chain import canonical_json
from llmops_health.ledger.verify import Chain

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

PAYLOAD_TYPE = "application/vnd.in-toto+json"
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
    key = _private_key(key_path)
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": chain.pipeline, "digest": {"sha256": chain.head}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "rows": len(chain.rows),
            "seq": chain.rows[-1].get("seq"),
            "merkleRoot": chain.root(),
            "signedAt": (at or datetime.now(UTC)).isoformat(timespec="seconds"),
        },
    }
    payload = canonical_json(statement)
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {
                "keyid": _key_id(key.public_key()),
                "sig": base64.b64encode(key.sign(pae(PAYLOAD_TYPE, payload))).decode(),
            }
        ],
    }


def opened(envelope: dict[str, Any], key_path: Path) -> dict[str, Any]:
    """Return the statement of an envelope that a public key vouches for.

    Raises
    ------
    ValueError
        If no signature is of this key, or it is no checkpoint of a ledger.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    key = _public_key(key_path)
    try:
        kind, payload = str(envelope["payloadType"]), base64.b64decode(envelope["payload"])
        signatures = [base64.b64decode(one["sig"]) for one in envelope["signatures"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"This is no DSSE envelope: {error!r}.") from None
    for signature in signatures:
        try:
            key.verify(signature, pae(kind, payload))
        except InvalidSignature:
            continue
        statement = json.loads(payload)
        if kind != PAYLOAD_TYPE or statement.get("predicateType") != PREDICATE_TYPE:
            raise ValueError(f"This is no checkpoint of a ledger: {statement.get('predicateType')}")
        return dict(statement)
    raise ValueError(f"None of {len(signatures)} signatures is of the key {key_path}.")


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


def pae(kind: str, payload: bytes) -> bytes:
    """Return what DSSE signs: its pre-authentication encoding of type and payload.

    Examples
    --------
    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _private_key(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
    )

    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ValueError(f"{path} is no Ed25519 private key: llmops-health ledger keygen makes one")  # noqa: TRY004
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise ValueError(f"{path} is no Ed25519 public key.")  # noqa: TRY004
    return key
