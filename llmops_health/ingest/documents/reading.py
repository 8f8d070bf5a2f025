"""Text of documents as plain values, within bounds: JSON, YAML, TOML.

A document that cannot be read raises DocumentError, with line and column where the parser knows
them. Nothing here knows what a document means.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import yaml

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 60
# Aliases multiply: ten short lines can stand for a billion values.
MAX_VALUES = 2_000_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MERGE = "<<"


class DocumentError(ValueError):
    """A document that is not what its format says; the text says why, and where."""


def read(path: Path) -> str:
    """Return the text of a file, unpacked as its suffix says.

    Raises
    ------
    DocumentError
        If it is longer than `MAX_BYTES`, cannot be read to its end, or is not UTF-8.
    """
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            data = bytes(stream.read(MAX_BYTES + 1))
    except (OSError, EOFError, ValueError) as error:
        raise DocumentError(f"cannot be read to its end: {error}") from None
    if len(data) > MAX_BYTES:
        raise DocumentError(f"longer than {MAX_BYTES // 2**20} MiB, unpacked")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(f"not UTF-8: line {line}") from None


def json_value(text: str) -> object:
    """Return the value of a JSON document."""
    value: object
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise DocumentError(f"not JSON: {where}: {error.msg}") from None
    except UnicodeEncodeError:
        raise DocumentError("not JSON: it holds half of a character") from None
    _refuse_depth(value)
    return value


def toml_value(text: str) -> dict[str, Any]:
    """Return the table that a TOML document is."""
    try:
        value = tomllib.loads(text)
    except RecursionError:
        raise DocumentError("nested too deep") from None
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise DocumentError(f"not TOML: {error}") from None
    _refuse_depth(value)
    return value


def yaml_documents(text: str) -> Iterator[tuple[int, object]]:
    """Yield the documents of a YAML stream, each with the line it begins in.

    Values stay as they are written (`1.10` and `no` are text), but for null. Nothing is built that
    the text does not spell out: tags are not looked at.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, _LOADER):
            if builder.take(event):
                yield builder.line, builder.value
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise DocumentError(
            f"not YAML: {where}{error.problem or error.context or 'it ends too soon'}"
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise DocumentError(f"not YAML: {str(error).splitlines()[0]}") from None


@dataclass(slots=True)
class _Open:
    """A collection that is being filled."""

    value: dict[str, object] | list[object]
    anchor: str | None
    size: int = 1
    key: str | None = None
    merged: list[object] = field(default_factory=list)


@dataclass(slots=True)
class _Builder:
    """Values of a stream of YAML events; what is open stands on a stack, not on Python's."""

    line: int = 1
    value: object = None
    n_values: int = 0
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[object, int]] = field(default_factory=dict)

    def take(self, event: Any) -> bool:  # noqa: ANN401 - the stubs know no events
        """Take one event; return whether it ends a document, whose value then is `value`."""
        self.line = self.line or event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self.value, self.anchors, self.line = None, {}, 0
                return False
            case yaml.ScalarEvent():
                is_null = event.style in {None, ""} and event.value in _NULLS
                self._place(None if is_null else event.value, 1, event.anchor)
            case yaml.AliasEvent():
                self._place(*self._alias(event), None)
            case yaml.SequenceStartEvent():
                self._open([], event)
            case yaml.MappingStartEvent():
                self._open({}, event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close()
            case yaml.DocumentEndEvent():
                return True
            case _:
                pass
        return False

    def _alias(self, event: Any) -> tuple[object, int]:  # noqa: ANN401
        if event.anchor not in self.anchors:
            name, line = event.anchor[:40], event.start_mark.line + 1
            raise DocumentError(
                f"not YAML: line {line}: the alias *{name} stands for nothing, or for its own whole"
            )
        return self.anchors[event.anchor]

    def _open(self, value: dict[str, object] | list[object], event: Any) -> None:  # noqa: ANN401
        if len(self.stack) >= MAX_DEPTH:
            line = event.start_mark.line + 1
            raise DocumentError(f"line {line}: nested more than {MAX_DEPTH} deep")
        self.stack.append(_Open(value, event.anchor))

    def _close(self) -> None:
        done = self.stack.pop()
        if isinstance(done.value, dict):
            for more in done.merged:
                for one in more if isinstance(more, list) else [more]:
                    if isinstance(one, dict):
                        done.value = one | done.value
        self._place(done.value, done.size, done.anchor)

    def _place(self, value: object, size: int, anchor: str | None) -> None:
        self.n_values += size
        if self.n_values > MAX_VALUES:
            raise DocumentError(f"stands for more than {MAX_VALUES:,} values, by its aliases")
        if anchor is not None:
            self.anchors[anchor] = (value, size)
        if not self.stack:
            self.value = value
            return
        top = self.stack[-1]
        top.size += size
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            top.key = value if isinstance(value, str) else str(value)
        elif top.key == _MERGE:
            top.merged.append(value)
            top.key = None
        else:
            top.value[top.key], top.key = value, None


def _refuse_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(one.values())
            elif isinstance(one, list):
                inner.extend(one)
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return
    raise DocumentError(f"nested more than {MAX_DEPTH} deep")
