"""Statements in a DSSE envelope, signed with Ed25519: of checkpoints and bills of materials.

What a statement says, and whether it holds, is of the module that makes it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmops_health.kernels.hash_chain import canonical_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


def sealed(statement: dict[str, Any], key_path: Path) -> dict[str, Any]:
    """Return a statement in an envelope signed with a private key.

    Raises
    ------
    ValueError
        If the key is no Ed25519 key.
    """
    key = _private_key(key_path)
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


def unsealed(
    envelope: dict[str, Any], key_path: Path, predicate_type: str, what: str
) -> dict[str, Any]:
    """Return the statement of an envelope that a public key vouches for.

    Raises
    ------
    ValueError
        If no signature is of this key, or the statement is of another type than `what` has.
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
        if kind != PAYLOAD_TYPE or statement.get("predicateType") != predicate_type:
            raise ValueError(f"This is no {what}: {statement.get('predicateType')}")
        return dict(statement)
    raise ValueError(f"None of {len(signatures)} signatures is of the key {key_path}.")


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
