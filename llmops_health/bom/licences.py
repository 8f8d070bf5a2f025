"""Licences as CycloneDX takes them: an SPDX id, an SPDX expression, else the text as a name."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_OWN_TERMS = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")


def licences(text: str | None) -> list[dict[str, Any]]:
    """Return the licence choice of a text; none where nothing is known.

    Examples
    --------
    >>> licences("apache-2.0"), licences("MIT or apache-2.0")
    ([{'license': {'id': 'Apache-2.0'}}], [{'expression': 'MIT OR Apache-2.0'}])
    >>> licences("our own terms"), licences("LicenseRef-Ours-2")
    ([{'license': {'name': 'our own terms'}}], [{'expression': 'LicenseRef-Ours-2'}])
    """
    if text is None or not text.strip():
        return []
    found = spdx(text)
    if found is None:
        return [{"license": {"name": text.strip()}}]
    if _is_id(found):
        return [{"license": {"id": found}}]
    return [{"expression": found}]


@cache
def spdx(text: str) -> str | None:
    """Return a licence text as SPDX writes it; None where it is no known id or expression."""
    from boolean.boolean import ParseError  # noqa: PLC0415
    from license_expression import ExpressionError, get_spdx_licensing  # noqa: PLC0415

    licensing = get_spdx_licensing()
    try:
        parsed = licensing.parse(text.strip(), validate=False, strict=True)
    # Its parser fails on stray brackets with an error of its own making.
    except (ExpressionError, ParseError, AttributeError, TypeError, IndexError, RecursionError):
        return None
    if parsed is None:
        return None
    ids = {str(symbol.key) for symbol in licensing.license_symbols(parsed, decompose=True)}
    if not all(_is_id(one) or _OWN_TERMS.fullmatch(one) for one in ids):
        return None
    return str(parsed.render("{symbol.key}"))


def _is_id(text: str) -> bool:
    from cyclonedx.spdx import is_supported_id  # noqa: PLC0415

    return is_supported_id(text)
