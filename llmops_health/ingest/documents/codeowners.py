"""CODEOWNERS as GitHub and GitLab write it: who owns which paths of a repository.

One part per pattern, of the kind `application`; its owners stand in `owner`, with spaces between;
none means that the pattern takes paths out of all ownership. `owners_of` tells a path's owners.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath

from llmops_health.ingest.documents import Rows

PREFIX = "path:"
_SECTION = re.compile(r"\^?\[(?P<name>[^\]]+)\](\[\d+\])?(?P<owners>(\s+\S+)*)\s*$")
_OWNER = re.compile(r"@[\w.-]+(/[\w./-]+)?|@@[\w-]+|[^\s@]+@[^\s@]+\.[^\s@]+")
_WORD = re.compile(r"(?:\\.|\S)+")
_LONGEST_PATTERN = 480


@dataclass(frozen=True, slots=True)
class _Rule:
    line: int
    pattern: str
    owners: tuple[str, ...]
    section: str | None
    others: tuple[str, ...]


def rows(text: str, table: str, path: PurePath) -> Rows:  # noqa: ARG001 - one shape for all
    """Yield a file's patterns with their lines; of one pattern in one section only the last."""
    rules = {(rule.section, rule.pattern): rule for rule in _rules(text)}
    n_sections: dict[str, int] = {}
    for _, pattern in rules:
        n_sections[pattern] = n_sections.get(pattern, 0) + 1
    for rule in sorted(rules.values(), key=lambda rule: rule.line):
        shared = n_sections[rule.pattern] > 1 and rule.section is not None
        name = f"{rule.pattern} [{rule.section}]" if shared else rule.pattern
        more = {"section": rule.section, "invalid_owners": list(rule.others)}
        yield (
            rule.line,
            {
                "component_id": PREFIX + name,
                "kind": "application",
                "name": rule.pattern,
                "owner": " ".join(rule.owners) or None,
                "line": rule.line,
                **{key: value for key, value in more.items() if value},
            },
        )


def owners_of(path: str, rows: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Return the owners of a path: of each section the last pattern that matches it says them.

    Parameters
    ----------
    path
        From the root of the repository, with `/`; a folder ends in `/`.
    rows
        Rows of `components` that a CODEOWNERS file brought: `name`, `owner`, and `line` and
        `section`, by themselves or in the JSON of `attributes`. Others are passed over.
    """
    segments = path.removeprefix("./").lstrip("/").split("/")
    last: dict[str, tuple[int, bool, str]] = {}
    for row in rows:
        if not str(row.get("component_id") or PREFIX).startswith(PREFIX):
            continue
        facts = _facts(row)
        pattern, section = str(row.get("name") or ""), str(facts.get("section") or "")
        line = int(str(facts.get("line") or 0))
        if line >= last.get(section, (0, False, ""))[0] and _matches(pattern, segments):
            is_excluded = pattern.startswith("!")
            last[section] = (line, is_excluded, str(row.get("owner") or ""))
    owners = (
        owner for _, excluded, said in last.values() if not excluded for owner in said.split()
    )
    return tuple(dict.fromkeys(owners))


def _rules(text: str) -> Iterator[_Rule]:
    section: str | None = None
    default: list[str] = []
    for number, written in enumerate(text.splitlines(), start=1):
        line = written.strip()
        if not line or line.startswith("#"):
            continue
        if match := _SECTION.match(_uncommented(line)):
            section, default = match["name"].strip(), match["owners"].split()
            continue
        pattern, *words = _words(line)
        if len(pattern) > _LONGEST_PATTERN:
            pattern = pattern[:_LONGEST_PATTERN]
        said = words or default
        owners = tuple(word for word in said if _OWNER.fullmatch(word))
        others = tuple(word for word in said if not _OWNER.fullmatch(word))
        yield _Rule(number, pattern, owners, section, others)


def _uncommented(line: str) -> str:
    return re.split(r"\s#", line, maxsplit=1)[0]


def _words(line: str) -> list[str]:
    """Return a line's words; a blank or `#` after a backslash belongs to its word."""
    words: list[str] = []
    for match in _WORD.finditer(line):
        if words and match[0].startswith("#"):
            break
        words.append(match[0])
    return words


def _facts(row: Mapping[str, object]) -> Mapping[str, object]:
    written = row.get("attributes")
    if "line" in row or not isinstance(written, str):
        return row
    try:
        facts = json.loads(written)
    except ValueError:
        return row
    return facts if isinstance(facts, dict) else row


def _matches(pattern: str, segments: Sequence[str]) -> bool:
    """Whether a pattern of `.gitignore` leads to a path, or to a folder that it lies in.

    By greedy steps back to the last `**`, so that no pattern takes long.
    """
    parts = _parts(pattern)
    part = segment = 0
    back: tuple[int, int] | None = None
    while segment < len(segments):
        if part < len(parts) and parts[part] is None:
            part += 1
            back = (part, segment)
        elif part < len(parts) and fnmatchcase(segments[segment], parts[part] or ""):
            part, segment = part + 1, segment + 1
        elif back is not None:
            part, segment = back[0], back[1] + 1
            back = (part, segment)
        else:
            return False
    return all(one is None for one in parts[part:])


@functools.lru_cache(maxsize=4096)
def _parts(pattern: str) -> tuple[str | None, ...]:
    """Return the names of a pattern as `fnmatch` reads them; None is any number of folders."""
    body = pattern.removeprefix("!")
    is_anchored = "/" in body.rstrip("/")
    names = [name for name in body.split("/") if name]
    parts = [None if name == "**" else _glob(name) for name in names]
    if not is_anchored:
        parts.insert(0, None)
    # `docs/*` means the files of the folder, not what lies deeper; `docs/` only what is in it.
    if not (is_anchored and names[-1:] == ["*"] and not body.endswith("/")):
        parts += ["*", None] if body.endswith("/") and names else [None]
    return tuple(parts)


def _glob(name: str) -> str:
    """Return a name whose brackets, and what stands after a backslash, mean themselves."""
    pairs = re.findall(r"\\(.)|(.)", name, re.DOTALL)
    return "".join(
        f"[{taken}]" if taken in "*?[" and taken else taken or ("[[]" if plain == "[" else plain)
        for taken, plain in pairs
    )
