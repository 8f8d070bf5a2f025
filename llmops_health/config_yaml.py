"""A YAML file as plain values, with the line of each key and the environment filled in.

Knows YAML and `${NAME}`; knows no key of the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from llmops_health.config_errors import (
    ConfigError,
    KeyPath,
    Origin,
    Problem,
    shortened,
    shown,
)

# Aliases multiply: ten short lines can stand for a billion values.
MAX_VALUES = 100_000
MAX_DEPTH = 50
MAX_BYTES = 2_000_000

_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_REFERENCE = re.compile(
    r"(?P<escaped>\$\$\{)"
    r"|\$\{(?P<name>[A-Z_][A-Z0-9_]*)(?P<default>:-[^${}]*)?\}"
    r"|(?P<malformed>\$\{)",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Document:
    """The mapping a file holds, where its values came from, and what was wrong with some."""

    data: dict[str, object]
    origin: Origin
    problems: list[Problem]


def read_document(file: Path, environ: Mapping[str, str]) -> Document:
    """Read a YAML mapping.

    Raises
    ------
    ConfigError
        The file cannot be read, is not YAML, or is not one mapping. Problems of single values are
        returned in `Document.problems`; such a value is None in `Document.data`.
    """
    text = _text(file)
    try:
        _refuse_depth(file, text)
        loader = _LOADER(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        problem = _syntax_problem(file, text, error)
    else:
        reader = _Reader(loader, environ, Origin(file))
        if node is None:
            problem = Problem(
                file, None, "", "The file is empty. `llmops-health init` writes one to start from."
            )
        elif isinstance(node, yaml.MappingNode):
            return Document(reader.mapping(node, ()), reader.origin, reader.problems)
        else:
            problem = Problem(
                file,
                node.start_mark.line + 1,
                "",
                f"The file holds {_kind(node)}; it must hold a mapping of keys to values.",
            )
    raise ConfigError([problem])


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        message = (
            "The file does not exist. `llmops-health init` writes one to start from; "
            "--config names another."
        )
    except OSError as error:
        message = f"The file cannot be read: {error.strerror}."
    else:
        if len(content) > MAX_BYTES:
            message = f"The file has {len(content)} bytes; at most {MAX_BYTES} are read."
            raise ConfigError([Problem(file, None, "", message)])
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            message = "The file is not UTF-8 text. Save it as UTF-8."
            raise ConfigError([Problem(file, line, "", message)]) from None
    raise ConfigError([Problem(file, None, "", message)])


def _refuse_depth(file: Path, text: str) -> None:
    """Stop before the loader does: it calls itself once a level and ends the process in C."""
    depth = 0
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            message = f"Values are nested more than {MAX_DEPTH} deep."
            raise ConfigError([Problem(file, _line(event.start_mark), "", message)])


def _syntax_problem(file: Path, text: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    position = getattr(error, "position", None)
    line = _line(mark)
    if line is None and position is not None:
        line = text.count("\n", 0, position) + 1
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    return Problem(
        file,
        line,
        "",
        f"The file is not valid YAML: {shortened(str(reason))}. Check the indentation and the "
        "brackets up to here, and quote values that begin with one of * & ! % @ ` or hold a ${ "
        "inside { }.",
    )


def _line(mark: object) -> int | None:
    line = getattr(mark, "line", None)
    return line + 1 if isinstance(line, int) else None


def _kind(node: yaml.Node) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else f"only {shown(node.value)}"


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values; collects lines and problems on the way."""

    loader: yaml.SafeLoader | yaml.CSafeLoader
    environ: Mapping[str, str]
    origin: Origin
    problems: list[Problem] = field(default_factory=list)
    n_values: int = 0
    depth: int = 0

    def value(self, node: yaml.Node, path: KeyPath) -> object:
        self.n_values += 1
        if self.n_values > MAX_VALUES:
            self._stop(
                node, f"The file stands for more than {MAX_VALUES} values, with its aliases."
            )
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if self.depth == MAX_DEPTH:
            self._stop(node, f"Values are nested more than {MAX_DEPTH} deep, or hold themselves.")
        self.depth += 1
        values: dict[str, object] | list[object]
        if isinstance(node, yaml.SequenceNode):
            values = self._sequence(node, path)
        else:
            values = self.mapping(node, path)
        self.depth -= 1
        return values

    def mapping(self, node: yaml.Node, path: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, merged in node.value:
            if key.tag == f"{_TAG}merge":
                values |= self._merged(merged, path)
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                continue
            line = key.start_mark.line + 1
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            child = (*path, name)
            if key.tag != f"{_TAG}str":
                self.origin.lines.setdefault(child, line)
                self._report(child, "is not a key of text. Put the key in quotes.")
            elif name in first_lines:
                text = f"is written twice, first on line {first_lines[name]}. Keep one of the two."
                self._report(child, text, line)
            else:
                first_lines[name] = line
                self.origin.lines[child] = line
                values[name] = self.value(value, child)
        return values

    def _merged(self, node: yaml.Node, path: KeyPath) -> dict[str, object]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        values: dict[str, object] = {}
        for part in reversed(parts):
            if not isinstance(part, yaml.MappingNode):
                self._stop(part, "The value of << must be an alias of a mapping.")
            inner = self.value(part, path)
            values |= inner if isinstance(inner, dict) else {}
        return values

    def _sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[object]:
        values = []
        for index, item in enumerate(node.value):
            self.origin.lines[*path, index] = item.start_mark.line + 1
            values.append(self.value(item, (*path, index)))
        return values

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        if node.tag == f"{_TAG}str":
            return self._interpolated(str(node.value), path)
        try:
            return self.loader.construct_object(node, deep=True)
        except (ValueError, yaml.YAMLError):
            kind = shortened(node.tag.removeprefix(_TAG)).replace("timestamp", "date")
            value = self.origin.shown(path, node.value)
            self._report(path, f"is {value}, which is no valid {kind}. Quote it if it is text.")
            return None

    def _interpolated(self, text: str, path: KeyPath) -> str | None:
        if "${" not in text:
            return text
        faults: list[str] = []

        def replacement(match: re.Match[str]) -> str:
            if match["escaped"]:
                return "${"
            if match["malformed"]:
                faults.append(
                    "has a ${ that opens neither ${NAME} nor ${NAME:-default}. "
                    "Write $${ for the two characters themselves."
                )
                return ""
            self.origin.written[path] = text
            name, default = match["name"], match["default"]
            if default is not None:
                return self.environ.get(name) or default.removeprefix(":-")
            if name not in self.environ:
                short = shortened(name)
                faults.append(
                    f"needs the environment variable {short}, which is not set. "
                    f"Set it, or write ${{{short}:-default}}."
                )
            return self.environ.get(name, "")

        filled = _REFERENCE.sub(replacement, text)
        for fault in dict.fromkeys(faults):
            self._report(path, fault)
        return None if faults else filled

    def _report(self, path: KeyPath, text: str, line: int | None = None) -> None:
        problem = self.origin.problem(path, text)
        if line is not None:
            problem = Problem(problem.file, line, problem.key, problem.message)
        self.problems.append(problem)

    def _stop(self, node: yaml.Node, text: str) -> None:
        raise ConfigError([Problem(self.origin.file, node.start_mark.line + 1, "", text)])
