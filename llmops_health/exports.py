"""Names of the files beside the published one that hold texts: refresh cases, Evidently's reports.

Erasure and retention remove them; the page links them.
"""

from __future__ import annotations

from urllib.parse import quote

PATTERNS = ("report/refresh/*.jsonl", "report/evidently/*.html")
_LONGEST = 200


def file_name(feature_id: str, suffix: str) -> str:
    """Return a feature's file name: safe in every folder, and another for every feature.

    Examples
    --------
    >>> file_name("help/rag", ".html")
    'help%2Frag.html'
    """
    return quote(feature_id, safe=" ").lstrip(".")[:_LONGEST] + suffix
