"""User and rater ids become HMAC-SHA256, in SQL, with a key that is never printed or logged."""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

import duckdb

_BLOCK = 64
_MACRO = """
create or replace temp macro person(id) as
    case when id is not null then
        sha256(
            getvariable('hmac_outer') || from_hex(sha256(getvariable('hmac_inner') || encode(id)))
        )
    end
"""


def key_of(given: str, folder: Path) -> bytes:
    """Return the configured key, or the one that was made once beside the storage."""
    if given:
        return given.encode()
    path = folder / "user_id.key"
    if not path.exists():
        _make_key(path)
    return path.read_text("ascii").strip().encode()


def _make_key(path: Path) -> None:
    """Write a whole key under its name, or leave the one that another first run wrote."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def pseudonym(person: str, key: bytes) -> str:
    """Return what is stored in place of an id."""
    return hmac.new(key, person.encode(), "sha256").hexdigest()


def install(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Give a connection the macro `person(id)`; equal to `pseudonym` (RFC 2104)."""
    if len(key) > _BLOCK:
        from hashlib import sha256  # noqa: PLC0415

        key = sha256(key).digest()
    padded = key.ljust(_BLOCK, b"\0")
    inner = bytes(byte ^ 0x36 for byte in padded)
    outer = bytes(byte ^ 0x5C for byte in padded)
    connection.execute("set variable hmac_inner = from_hex($key)", {"key": inner.hex()})
    connection.execute("set variable hmac_outer = from_hex($key)", {"key": outer.hex()})
    connection.execute(_MACRO)
