"""Lines of a requirements.txt: what is pinned with `==`, its first hash, and what is not pinned."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmops_health.ingest.documents import Rows
from llmops_health.ingest.documents.facts import address, known, purl, sha256
from llmops_health.ingest.documents.reading import DocumentError

_NAME = r"(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*"
_REQUIREMENT = re.compile(
    _NAME + r"(?:@\s*(?P<url>\S+)|(?P<range>\(?(?:(?:[=~!<>]=?|===)\s*[^\s,;)]+[\s,]*)*\)?))\s*$"
)
_PIN = re.compile(r"={2,3}\s*([^\s,*]+)$")
_HASH = re.compile(r"--hash[=\s]+(sha256:[0-9a-fA-F]{64})")


def requirement_rows(written: str) -> Rows:
    """Yield a row for each requirement with the line that it begins in; options are passed over.

    Raises
    ------
    DocumentError
        If a line is no requirement.
    """
    for number, line in _logical_lines(written):
        hashes = _HASH.findall(line)
        spec = re.split(r"\s--", line, maxsplit=1)[0].partition(";")[0].strip()
        if not spec or spec.startswith("-") or re.match(r"[./~\\]|[a-z]+(\+[a-z]+)?://", spec):
            # An option, a folder, an address without a name: nothing that has one.
            continue
        match = _REQUIREMENT.match(spec)
        if match is None:
            raise DocumentError(f"line {number}: no requirement as pip writes them")
        pin = _PIN.fullmatch((match["range"] or "").strip(" ()"))
        version = pin[1] if pin else None
        own = purl("pypi", match["name"], version)
        yield (
            number,
            known({
                "component_id": own,
                "kind": "library",
                "name": match["name"],
                "version": version,
                "purl": own,
                "sha256": sha256(hashes[0]) if hashes else None,
                "source_uri": address(match["url"]),
                "range": None if pin else match["range"],
                "is_unpinned": not (pin or match["url"]) or None,
            }),
        )  # fmt: skip


def _logical_lines(written: str) -> Iterator[tuple[int, str]]:
    """Yield lines with those that a backslash joins to them, without comments."""
    held, start = "", 0
    for number, line in enumerate(written.splitlines(), start=1):
        start = start if held else number
        bare = re.sub(r"(^|\s)#.*$", "", line)
        if bare.endswith("\\"):
            held += bare[:-1] + " "
            continue
        whole, held = held + bare, ""
        if whole.strip():
            yield start, whole.strip()
    if held.strip():
        yield start, held.strip()
