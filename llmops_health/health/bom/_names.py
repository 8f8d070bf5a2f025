"""Whether a name in traffic is the name of a listed part: providers' ways of writing one name.

`openai/gpt-4o`, `GPT-4o` and `gpt-4o-2024-08-06` are one model; the last says its snapshot too.
Nothing of tables is here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final


class Fit(IntEnum):
    """How well a name in traffic fits a listed part."""

    NONE = 0
    OTHER_VERSION = 1
    """The same name, under a version that is not the listed one."""
    SAME = 2


# Bedrock names region and vendor before the model, and a revision of its own after it.
_VENDOR: Final = re.compile(
    r"^(?:(?:us|us-gov|eu|apac|jp|au|ca|global)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen|stability|writer)\."
)
_REVISION: Final = re.compile(r":\d+$")
_DATED_REVISION: Final = re.compile(r"(-\d{8})-v\d+$")
# Where a model is called, not which: gateways and hosts write them before its name.
_PLACES: Final = frozenset(
    {"models", "deployments", "publishers", "accounts", "foundation-model", "openai", "azure"}
    | {"azure_ai", "bedrock", "converse", "vertex_ai", "openrouter", "litellm_proxy", "groq"}
    | {"together_ai", "fireworks_ai", "huggingface", "hosted_vllm", "ollama", "ollama_chat"}
)
_DATED: Final = r"\d{4}-\d{2}-\d{2}|\d{8}|\d{4}-\d{2}|\d{6}|\d{4}|\d{3}"
_MARK: Final = (
    rf"(?:{_DATED}|v\d+(?:-\d+)*|latest)(?:-(?:preview|exp))?"
    r"|(?:preview|exp)-(?:\d{2}-\d{2}|\d{2}-\d{4}|\d{4})"
)
# A name has a letter before its mark: 2024-08-06 alone is a version.
_SNAPSHOT: Final = re.compile(rf"^(.*?[a-z].*?)[-@:]({_MARK})$")
_IS_MARK: Final = re.compile(rf"^(?:{_MARK}|v?\d+)$")
_PATHS: Final = re.compile(r"__|[/:.]")
_SERVER_WORDS: Final = re.compile(r"(?:^|[-_ ])(?:mcp|server)(?=$|[-_ ])", re.IGNORECASE)
_SHORTEST_DATE: Final = 4
_YEAR_AND_MONTH: Final = 6


@dataclass(frozen=True, slots=True)
class Name:
    """A model's name: what lies before it on its path, and the name without and with a snapshot."""

    path: tuple[str, ...]
    whole: str
    bare: str
    snapshot: str | None


@lru_cache(maxsize=4096)
def model_name(text: str) -> Name:
    """Take a model's name apart.

    Examples
    --------
    >>> model_name("meta-llama/Llama-3.1-8B")
    Name(path=('meta-llama',), whole='llama-3-1-8b', bare='llama-3-1-8b', snapshot=None)
    >>> model_name("us.anthropic.claude-3-5-sonnet-20240620-v1:0").snapshot
    '20240620'
    """
    *before, last = [one for one in text.strip().lower().split("/") if one] or [""]
    path = tuple(one for one in before if one not in _PLACES and not one.startswith("arn:"))
    last, _, revision = last.partition("@")
    last = _dashed(_REVISION.sub("", _VENDOR.sub("", last)))
    last = _DATED_REVISION.sub(r"\1", last)
    if revision:
        return Name(path, f"{last}@{_dashed(revision)}", last, _dashed(revision))
    # What is tuned carries the snapshot of its base: ft:gpt-4o-mini-2024-07-18:acme::id.
    found = None if last.startswith("ft:") else _SNAPSHOT.match(last)
    bare, snapshot = (found[1], found[2]) if found else (last, None)
    return Name(path, last, bare, snapshot)


def model_fit(told: str, name: str, version: str | None) -> Fit:
    """Return how well what a call says of its model fits a listed name and version.

    A version that either side does not tell is no difference, and neither is one that is no date
    or number: the commit of a list and `2024-08-06` of a log cannot be compared.

    Examples
    --------
    >>> model_fit("gpt-4o-2024-08-06", "openai/gpt-4o", None).name
    'SAME'
    >>> model_fit("gpt-4o-2024-11-20", "gpt-4o", "2024-08-06").name
    'OTHER_VERSION'
    >>> model_fit("gpt-4o-mini", "gpt-4o", None).name
    'NONE'
    """
    seen, listed = model_name(told), model_name(name)
    mark = None
    if version and version.strip():
        # A version may be the whole name that the provider answers with.
        full = model_name(version)
        if full.whole == seen.whole and seen.whole:
            return Fit.SAME
        mark = full.snapshot if full.bare == listed.bare else _dashed(version.strip().lower())
    if not _one_ends_the_other(seen.path, listed.path):
        return Fit.NONE
    if mark and seen.whole in {f"{listed.whole}{by}{mark}" for by in "-@:"}:
        return Fit.SAME
    if seen.whole == listed.whole:
        return Fit.SAME
    if listed.bare in {seen.bare, seen.whole}:
        one = seen.snapshot if seen.bare == listed.bare else None
        return Fit.SAME if _alike(one, listed.snapshot or mark) else Fit.OTHER_VERSION
    return Fit.NONE


def prompt_fit(told: str | None, told_version: str | None, name: str, version: str | None) -> Fit:
    """Return how well the prompt that a call names fits a listed one; a null name fits any.

    Examples
    --------
    >>> prompt_fit("Answer", "17", "answer", "v17").name, prompt_fit("a", "2", "a", "1").name
    ('SAME', 'OTHER_VERSION')
    """
    is_same = told is None or _plain(told) == _plain(name)
    if is_same and (told_version is None or version is None):
        return Fit.SAME
    if told is not None and _joined(told, told_version) == _joined(name, version):
        return Fit.SAME
    if not is_same:
        return Fit.NONE
    return Fit.SAME if _number(told_version) == _number(version) else Fit.OTHER_VERSION


def tool_fit(told: str, name: str, component_id: str) -> Fit:
    """Return whether a tool in traffic is a listed one, with or without its server before it.

    Where the list says whose tool it is (`mcp:repo/tool:read_file`), one of another server is not.

    Examples
    --------
    >>> tool_fit("mcp__repo__read_file", "read-file", "t1").name
    'SAME'
    >>> tool_fit("mcp__other__read_file", "read_file", "mcp:repo/tool:read_file").name
    'NONE'
    """
    if _plain(told) in _tail_names(name):
        return Fit.SAME
    is_same = _plain(name) in _tail_names(told)
    server = component_id.rpartition("/tool:")[0].removeprefix("mcp:")
    return Fit.SAME if is_same and (not server or serves(server, told)) else Fit.NONE


def serves(server: str, tool: str) -> bool:
    """Return whether a tool's name says that it is of a server.

    Examples
    --------
    >>> serves("io.github.acme/tickets-mcp", "mcp__tickets__find"), serves("tickets", "find")
    (True, False)
    """
    before = [_plain(one) for one in _PATHS.split(tool)[:-1]]
    return bool(set(before) & _server_names(server))


def _one_ends_the_other(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    n = min(len(one), len(other))
    return n == 0 or one[-n:] == other[-n:]


def _alike(seen: str | None, listed: str | None) -> bool:
    """Whether two snapshots may be one: equal, not told, or not to be compared."""
    if seen is None or listed is None or "latest" in {seen, listed} or seen == listed:
        return True
    are_marks = [_IS_MARK.match(one) is not None for one in (seen, listed)]
    if not any(are_marks):
        return seen.startswith(listed) or listed.startswith(seen)
    if not all(are_marks):
        return True
    one, other = sorted((_digits(seen), _digits(listed)), key=len)
    if len(other) < _SHORTEST_DATE:
        return int(one) == int(other)
    if len(one) < _SHORTEST_DATE:
        return True
    # A list may say the month alone, or leave out the year.
    return other.startswith(one) if len(one) == _YEAR_AND_MONTH else other.endswith(one)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _dashed(text: str) -> str:
    return re.sub(r"[\s_.]+", "-", text)


def _number(version: str | None) -> str:
    return re.sub(r"^v(?=\d)", "", (version or "").strip().lower())


def _joined(name: str, version: str | None) -> str:
    return _plain(f"{name} {version or ''}")


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower()) or text.strip()


@lru_cache(maxsize=4096)
def _tail_names(text: str) -> frozenset[str]:
    """Return a name as a whole and without what stands before it on its path."""
    tail = [one for one in _PATHS.split(text) if one.strip()][-1:]
    return frozenset(_plain(one) for one in (text, *tail))


@lru_cache(maxsize=4096)
def _server_names(server: str) -> frozenset[str]:
    """Return what stands before the tools of a server: its name, its last part, without mcp."""
    tail = [one for one in re.split(r"[/:.]", server) if one.strip()][-1:]
    named = [server, *tail, *(_SERVER_WORDS.sub("", one) for one in tail)]
    return frozenset(_plain(one) for one in named) - {"", "mcp", "server"}
