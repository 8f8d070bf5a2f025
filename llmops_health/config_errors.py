"""What is wrong with a configuration file, in sentences: where, the value, the rule, the remedy.

Knows pydantic's error types and how a value may be shown; knows no key of the configuration,
but for the one that holds a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

Key = str | int
KeyPath = tuple[Key, ...]

SHOWN_CHARACTERS = 60
SECRET_KEYS = frozenset({"user_id_key"})

_RULES = {
    "string_type": "must be text: put it in quotes",
    "path_type": "must be text: put it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of at most 18 digits",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "model_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
}
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend in a file; `line` is None where no line is to blame."""

    file: Path
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        """Return `file:line: message`, which editors and terminals make a link."""
        where = printable(str(self.file)) + (f":{self.line}" if self.line is not None else "")
        return f"{where}: {self.message}"


class ConfigError(ValueError):
    """Every problem of a configuration, one a line, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return one line per problem."""
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the values of a configuration came from: the file, and the line of each key.

    `written` keeps the text of values that took in environment variables. Errors show that text,
    never what the environment held.
    """

    file: Path
    lines: dict[KeyPath, int] = field(default_factory=dict)
    written: dict[KeyPath, str] = field(default_factory=dict)

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Return the problem of one key; `text` follows the key as the rest of its sentence."""
        key = shown_path(path)
        return Problem(self.file, self._line(path), key, f"{key} {text}" if key else text)

    def unknown(self, path: KeyPath, known: Collection[str]) -> Problem:
        """Return the problem of a key that is not one of `known`."""
        return self.problem(path, "is unknown." + suggestion(str(path[-1]), known, "Known here"))

    def shown(self, path: KeyPath, value: object) -> str:
        """Return a value as errors may show it."""
        if SECRET_KEYS & set(path):
            return "(hidden)"
        if path in self.written:
            return f"{shown(self.written[path])} (as filled in from the environment)"
        return shown(value)

    def problems_of(
        self, error: ValidationError, model: type[BaseModel], data: object, at: KeyPath = ()
    ) -> Iterator[Problem]:
        """Yield the problems pydantic found in `data`, read as `model`, that stands at key `at`."""
        for details in error.errors(include_url=False):
            *_, last = details["loc"] or ("",)
            steps = _steps_in(data, details["loc"])
            path = (*at, *steps)
            owner = _model_at(model, steps[:-1]) or model
            context: Mapping[str, Any] = details.get("ctx", {})
            match details["type"]:
                case "extra_forbidden":
                    yield self.unknown(path, owner.model_fields)
                case "missing":
                    allowed = _choices(owner, str(last))
                    rule = f", one of {', '.join(allowed)}" if allowed else ""
                    yield self.problem(path, f"is missing. It is required{rule}.")
                case "literal_error" | "enum" if last == "[key]":
                    yield self.unknown(path, _quoted(context))
                case "literal_error" | "enum":
                    value = details["input"]
                    rule = f"must be one of {', '.join(_quoted(context))}."
                    rule += suggestion(str(value), _quoted(context)) if value else ""
                    yield self.problem(path, f"is {self.shown(path, value)}; it {rule}")
                case kind:
                    rule = _rule(kind, details["msg"], context)
                    if not rule.startswith("must "):
                        yield self.problem(path, f"is not valid: {rule}")
                    else:
                        value = self.shown(path, details["input"])
                        yield self.problem(path, f"is {value}; it {rule}")

    def _line(self, path: KeyPath) -> int | None:
        prefixes = (path[:end] for end in range(len(path), 0, -1))
        return next((self.lines[prefix] for prefix in prefixes if prefix in self.lines), None)


def printable(text: str) -> str:
    r"""Return text with control and invisible characters as escapes.

    >>> printable("a\tb\u202e")
    'a\\u0009b\\u202e'
    """
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def shortened(text: str) -> str:
    """Return printable text of at most `SHOWN_CHARACTERS`, and how much was left out."""
    if len(text) <= SHOWN_CHARACTERS:
        return printable(text)
    return f"{printable(text[:SHOWN_CHARACTERS])}... ({len(text)} characters)"


def shown(value: object) -> str:
    """Return a value as a message may show it: one line, short, and no inside of a container."""
    if isinstance(value, str):
        cut = len(value) > SHOWN_CHARACTERS
        tail = f" ({len(value)} characters)" if cut else ""
        return f'"{printable(value[:SHOWN_CHARACTERS])}{"..." if cut else ""}"{tail}'
    if isinstance(value, int) and value.bit_length() > 128:
        # Python refuses to print whole numbers of more than 4300 digits.
        return "a very large number"
    if value is None or isinstance(value, int | float):
        return json.dumps(value)
    if isinstance(value, date):
        return str(value)
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else f"of type {type(value).__name__}"


def shown_path(path: KeyPath) -> str:
    """Return a key's path as people write it.

    >>> shown_path(("features", 0, "error_costs", "a->b"))
    'features[0].error_costs["a->b"]'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"\w[\w-]{,59}", part):
            text += f".{part}"
        else:
            text += f'["{shortened(part)}"]'
    return text.removeprefix(".")


def suggestion(word: str, known: Collection[str], otherwise: str = "") -> str:
    """Return ` Did you mean ...?`, or the list of what is known under the heading `otherwise`."""
    near = get_close_matches(word[:200].lower(), known, n=1)
    if near:
        return f" Did you mean {near[0]}?"
    return f" {otherwise}: {', '.join(known) or 'nothing'}." if otherwise else ""


def _rule(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind in _RULES:
        return f"{_RULES[kind]}."
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_too_short" and context["min_length"] == 1:
        return "must not be empty."
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"must be {words} {context[bound]:g}."
    return re.sub(r"^(Input|String|Value) should ", "must ", message) + "."


def _quoted(context: Mapping[str, Any]) -> list[str]:
    return re.findall(r"'([^']*)'", str(context["expected"]))


def _steps_in(data: object, location: Sequence[Key]) -> KeyPath:
    """Return the keys of `location` that are in the file.

    Pydantic mixes in the names of union members and "[key]". The last step of a missing key is
    kept: it is not in the file, and that is the problem.
    """
    steps: list[Key] = []
    for index, step in enumerate(location):
        is_last = index == len(location) - 1
        if isinstance(data, Mapping) and (step in data or (is_last and step != "[key]")):
            steps.append(step)
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int):
            steps.append(step)
            data = data[step]
    return tuple(steps)


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    for key in path:
        if isinstance(key, int):
            continue
        info = model.model_fields.get(key)
        inner = next(_models_in(info.annotation), None) if info else None
        if inner is None:
            return None
        model = inner
    return model


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _choices(model: type[BaseModel], key: str) -> tuple[str, ...]:
    info = model.model_fields.get(key)
    annotation = info.annotation if info else None
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_args(annotation) if get_origin(annotation) is Literal else ()
