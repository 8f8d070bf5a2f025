"""Addresses and package URLs that may stand in a document people are sent: no secrets, well formed.

What cannot be read as one is given back as unreadable, never mended by a guess.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_IRI = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def address(text: str | None) -> str | None:
    """Return an address without user, password, query and fragment; None where it is none.

    Keys are passed in queries and before the host, and a bill of materials goes to strangers.

    Examples
    --------
    >>> address("https://user:secret@api.example.com:8443/v1?key=1")
    'https://api.example.com:8443/v1'
    >>> address("javascript:alert(1)"), address("https://a b/"), address("//host/x")
    (None, None, '//host/x')
    """
    if not text:
        return None
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme.lower() in {"javascript", "data", "vbscript"}:
        return None
    place = host + (f":{port}" if port is not None else "")
    first = parts.path.partition("/")[0]
    if ":" in host or (not place and not parts.scheme and re.search("[:@]", first)):
        # An IPv6 address needs brackets; a relative address that begins like this is none.
        return None
    found = urlunsplit((parts.scheme, place, parts.path, "", ""))
    return found if _IRI.fullmatch(found) else None


def package_url(text: str | None) -> str | None:
    """Return a package URL in its canonical form; None where it is none.

    Examples
    --------
    >>> package_url("pkg:pypi/LiteLLM@1.2"), package_url("litellm 1.2")
    ('pkg:pypi/litellm@1.2', None)
    """
    from packageurl import PackageURL  # noqa: PLC0415

    if not text:
        return None
    try:
        return PackageURL.from_string(text.strip()).to_string()
    except ValueError:
        return None


def digest(text: str | None) -> str | None:
    """Return a SHA-256 in lower case; None where it is none.

    Examples
    --------
    >>> digest("sha256:" + "AB" * 32) == "ab" * 32, digest("abc")
    (True, None)
    """
    told = (text or "").strip().lower().removeprefix("sha256:")
    return told if _SHA256.fullmatch(told) else None
