"""A detached signature of a document: an in-toto statement over its bytes, in a DSSE envelope.

Keys are those of the ledger's checkpoints: `llmops-health ledger keygen` makes them.
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from llmops_health.ledger.dsse import STATEMENT_TYPE, sealed, unsealed

PREDICATE_TYPE: Final = "https://cyclonedx.org/bom"
SUFFIX: Final = ".dsse.json"
"""Of the signature's file, after the whole name of the document's."""


def signed(path: Path, key_path: Path) -> Path:
    """Write the signature of a document beside it, and return its path.

    Raises
    ------
    ValueError
        If the key is no Ed25519 key.
    """
    content = path.read_bytes()
    bom = json.loads(content)
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": path.name, "digest": {"sha256": sha256(content).hexdigest()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "bomFormat": bom["bomFormat"],
            "specVersion": bom["specVersion"],
            "serialNumber": bom["serialNumber"],
            "timestamp": bom["metadata"]["timestamp"],
        },
    }
    signature = path.with_name(path.name + SUFFIX)
    fresh = signature.with_name(f".{signature.name}")
    fresh.write_text(json.dumps(sealed(statement, key_path), indent=1) + "\n", "utf-8")
    fresh.replace(signature)
    return signature


def disagreement(content: bytes, signature: Path, public_key: Path) -> str | None:
    """Return how a document differs from what was signed, None where it is the one.

    Raises
    ------
    ValueError
        If the signature is none, or is not of this key.
    """
    try:
        envelope = json.loads(signature.read_bytes())
    except ValueError as error:
        raise ValueError(f"{signature} is no JSON: {error}.") from None
    statement = unsealed(envelope, public_key, PREDICATE_TYPE, "signature of a bill of materials")
    own = sha256(content).hexdigest()
    if own in _digests(statement):
        return None
    return f"its SHA-256 is {own}, and {' or '.join(_digests(statement)) or 'none'} was signed"


def key_named(content: bytes, signature: Path) -> str | None:
    """Return the id of the key that a signature of these bytes names; None where there is none.

    The name alone proves nothing: `disagreement` with the public key does.
    """
    try:
        envelope = json.loads(signature.read_bytes())
        statement = json.loads(base64.b64decode(envelope["payload"]))
        key = str(envelope["signatures"][0]["keyid"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    is_of_it = isinstance(statement, dict) and sha256(content).hexdigest() in _digests(statement)
    return key if is_of_it else None


def _digests(statement: dict[str, Any]) -> list[str]:
    subjects = statement.get("subject")
    found = [one.get("digest") for one in subjects or () if isinstance(one, dict)]
    return [str(one["sha256"]) for one in found if isinstance(one, dict) and "sha256" in one]
