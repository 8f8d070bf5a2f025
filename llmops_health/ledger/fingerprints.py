"""What a step ran as: hashes of files and folders, of its code, and of what is installed."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from llmops_health.kernels.merkle import merkle_root

Code = Callable[..., Any] | Path | str


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder the Merkle root of its files' names and hashes."""
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())
        leaves = [f"{one.relative_to(path).as_posix()}\0{sha256_of(one)}".encode() for one in files]
        return merkle_root(leaves).hex()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Hashing:
    """The SHA-256 of a file or folder, made while the step goes on; hashing frees Python's lock."""

    def __init__(self, path: Path) -> None:
        """Begin to hash."""
        self._path = path
        self._found: str | OSError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> str:
        """Return the hash once it is made; raise OSError if the file cannot be read."""
        self._thread.join()
        if isinstance(self._found, OSError):
            raise self._found
        return str(self._found)

    def _run(self) -> None:
        try:
            self._found = sha256_of(self._path)
        except OSError as error:
            self._found = error


def code_of(code: Code | None, caller: FrameType | None) -> tuple[str | None, str | None]:
    """Return (reference, SHA-256) of a function, a file, or else the file that called.

    The reference is `file:line@commit`; the hash is of the function's source or the whole file.
    Code that was typed in has neither.
    """
    if isinstance(code, str | Path):
        path = Path(code)
        return f"{_shown(path)}{_at(path)}", sha256_of(path)
    if code is not None:
        source = inspect.getsource(code).encode()
        path, line = Path(inspect.getsourcefile(code) or ""), code.__code__.co_firstlineno
        return f"{_shown(path)}:{line}{_at(path)}", hashlib.sha256(source).hexdigest()
    if caller is None:
        return None, None
    ran: CodeType = caller.f_code
    path = Path(ran.co_filename)
    if not path.is_file():
        return None, None
    return f"{_shown(path)}:{caller.f_lineno}{_at(path)}", _of_file(path)


@cache
def environment() -> str:
    """Return the SHA-256 of the Python version and of the packages that can be imported.

    Told by the names of the folders that installers keep, which hold each package's version.
    """
    names = {
        entry.lower()
        for place in sys.path
        if place and Path(place).is_dir()
        for entry in os.listdir(place)  # noqa: PTH208 - twice as fast, and names are all
        if entry.endswith((".dist-info", ".egg-info"))
    }
    listed = "\n".join([sys.version, *sorted(names)])
    return hashlib.sha256(listed.encode()).hexdigest()


@cache
def _of_file(path: Path) -> str:
    # What was imported is what runs, whatever is saved later.
    return sha256_of(path)


def _shown(path: Path) -> str:
    whole = path.absolute()
    root = _repository(whole.parent)
    return (whole.relative_to(root) if root else Path(whole.name)).as_posix()


def _at(path: Path) -> str:
    root = _repository(path.absolute().parent)
    commit = _commit(root) if root else None
    return f"@{commit[:12]}" if commit else ""


@cache
def _repository(folder: Path) -> Path | None:
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)


def _commit(root: Path) -> str | None:
    """Return the commit that is checked out, read without git."""
    try:
        git = root / ".git"
        if git.is_file():
            git = root / git.read_text("utf-8").removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref:"):
            return head
        name = head.removeprefix("ref:").strip()
        # A worktree keeps its own HEAD and finds its branches in the folder it came from.
        more = git / "commondir"
        shared = git / more.read_text("utf-8").strip() if more.is_file() else git
        loose = shared / name
        if loose.is_file():
            return loose.read_text("utf-8").strip()
        packed = (shared / "packed-refs").read_text("utf-8").splitlines()
        return next((one.split()[0] for one in packed if one.endswith(f" {name}")), None)
    except OSError:
        return None
