"""Single facts out of values of any shape: text, lists, addresses, hashes, package URLs.

What is not of the shape that is asked for is unknown: None, or empty. Addresses come out without
what could be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from llmops_health.ingest.documents import Row

LONGEST_NOTE = 300
_HIDDEN = "..."
_KNOWN_TOKEN = re.compile(
    r"\b((sk|pk|rk|ghp|gho|ghs|glpat|hf|xox[a-z])[-_][\w-]{8,}|(npm_|pypi-)\w{20,}|AKIA\w{12,}"
    r"|AIza\w{20,}|eyJ[\w.-]{10,}|github_pat_\w+)",
    re.IGNORECASE,
)
_DENSE = re.compile(r"[A-Za-z0-9+=_~-]{16,}")


def text(value: object) -> str | None:
    """Return text or a number as text, None for all else and for what is blank."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def texts(value: object) -> list[str]:
    """Return the texts in a list, or one text as a list."""
    values = value if isinstance(value, list) else [value]
    return [one for one in map(text, values) if one is not None]


def note(value: object) -> str | None:
    """Return the beginning of a text."""
    whole = text(value)
    return whole[:LONGEST_NOTE] if whole else None


def mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping, an empty one for all else."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the mappings in a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def flag(value: object) -> bool | None:
    """Return a truth value, None for all else."""
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return value if isinstance(value, bool) else None


def time(value: object) -> str | None:
    """Return a time as it is written where it is one that the contract takes, else None."""
    written = text(value)
    if written is None or not isinstance(value, str):
        return None
    try:
        year = datetime.fromisoformat(written).year
    except ValueError:
        return None
    return written if 1970 < year < 2100 else None


def sha256(value: object) -> str | None:
    """Return a SHA-256 in lower-case hex, whatever stands before it; None for what is none."""
    written = (text(value) or "").lower().removeprefix("sha256:").removeprefix("sha256=")
    return written if re.fullmatch(r"[0-9a-f]{64}", written) else None


def looks_secret(value: str) -> bool:
    """Whether a text may be a key or a token: a known form, or long, dense and mixed."""
    if _KNOWN_TOKEN.search(value):
        return True
    return any(
        sum(map(str.isdigit, run)) >= 2 and sum(map(str.isalpha, run)) >= 2
        for run in _DENSE.findall(value)
    )


def address(value: object, *, hides_tokens: bool = False) -> str | None:
    """Return a URL without user, password, query and fragment; None where there is nothing.

    With `hides_tokens` parts of its path that look like tokens are left out as well.
    """
    written = text(value)
    if written is None:
        return None
    try:
        parts = urlsplit(written)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    path = parts.path if host or not parts.scheme else parts.path.rpartition("@")[2]
    if not parts.scheme and "@" in path and ":" in path:
        # git@host:repository: what stands before the @ is a user, perhaps with a password.
        path = path.rpartition("@")[2]
    if hides_tokens:
        path = "/".join(_HIDDEN if looks_secret(one) else one for one in path.split("/"))
    return urlunsplit((parts.scheme, host, path, "", "")) or None


def purl(kind: str, name: str, version: str | None) -> str:
    """Return a package URL; names of PyPI are written in its one form."""
    if kind == "pypi":
        name = re.sub(r"[-_.]+", "-", name).lower()
    path = "/".join(quote(part, safe="", errors="replace") for part in name.split("/"))
    return f"pkg:{kind}/{path}" + (
        f"@{quote(version, safe='', errors='replace')}" if version else ""
    )


def known(row: Row) -> Row:
    """Return a row without what is unknown; false and 0 are known."""
    return {key: value for key, value in row.items() if value not in (None, "", [], {})}
