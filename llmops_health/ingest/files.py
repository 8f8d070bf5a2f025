"""Which files are new, grown, changed or the same: told by size, time, and SHA-256 of content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from glob import glob, has_magic
from pathlib import Path

_CHUNK = 1 << 20


class State(StrEnum):
    """What a file is to what has been landed."""

    NEW = "new"
    SAME = "same"
    COPY = "copy"  # another path, the same bytes
    GROWN = "grown"  # the known bytes, then more
    REMAPPED = "remapped"  # the same path read with another `columns:`
    CHANGED = "changed"  # a document of other content: what it says now holds


@dataclass(frozen=True, slots=True)
class Known:
    """A file that was landed before."""

    file_id: int
    path: str
    sha256: str
    n_bytes: int
    mtime_ns: int
    mapping_sha256: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a source, as it is now."""

    path: Path
    n_bytes: int
    mtime_ns: int
    sha256: str | None  # None: no other file is as long, so that it need not be known yet
    state: State
    known: Known | None = None


def expand(patterns: Sequence[str], root: Path) -> list[Path]:
    """Return the files that a source's paths name, sorted, each once."""
    paths: set[Path] = set()
    for pattern in patterns:
        whole = str(root / pattern)
        # A file may be called like a pattern. Not Path.glob: one may be absolute, out of `root`.
        is_pattern = has_magic(whole) and not Path(whole).is_file()
        matches = glob(whole, recursive=True) if is_pattern else [whole]  # noqa: PTH207
        paths.update(Path(match) for match in matches)
    return sorted(path for path in paths if path.is_file())


def compare(
    path: Path, known: Sequence[Known], mapping_sha256: str, *, is_alone: bool = False
) -> Found:
    """Say what `path` is to the files of the same table that were landed before.

    `is_alone`: no other file that may be landed now has its size.
    """
    stat = path.stat()
    mine = next((k for k in known if k.path == str(path)), None)
    if mine is None and is_alone and all(k.n_bytes != stat.st_size for k in known):
        return Found(path, stat.st_size, stat.st_mtime_ns, None, State.NEW)
    if mine and (mine.n_bytes, mine.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
        state = State.SAME if mine.mapping_sha256 == mapping_sha256 else State.REMAPPED
        return Found(path, stat.st_size, stat.st_mtime_ns, mine.sha256, state, mine)
    digest = sha256_of(path)
    found = Found(path, stat.st_size, stat.st_mtime_ns, digest, State.NEW, mine)
    if mine and mine.sha256 == digest:
        state = State.SAME if mine.mapping_sha256 == mapping_sha256 else State.REMAPPED
        return as_state(found, state, mine)
    if mine and mine.n_bytes < stat.st_size and sha256_of(path, mine.n_bytes) == mine.sha256:
        grown = mine.mapping_sha256 == mapping_sha256
        return as_state(found, State.GROWN if grown else State.REMAPPED, mine)
    twin = next(
        (k for k in known if k.sha256 == digest and k.mapping_sha256 == mapping_sha256), None
    )
    return as_state(found, State.COPY, twin) if twin else found


def sha256_of(path: Path, n_bytes: int | None = None) -> str:
    """Return the SHA-256 of a file, or of its first bytes."""
    if n_bytes is None:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = n_bytes
        while left and (chunk := file.read(min(_CHUNK, left))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def as_state(found: Found, state: State, known: Known | None = None) -> Found:
    """Return a found file in another state."""
    return Found(found.path, found.n_bytes, found.mtime_ns, found.sha256, state, known)
