"""What a list says of a part's licence: nothing, a denied one, or another; nothing is judged."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_NONE: Final = frozenset(
    {"", "-", "n/a", "na", "no license", "noassertion", "none", "not known", "null", "other"}
    | {"tbd", "todo", "unknown"}
)
_LENIENT: Final = re.compile(r"(?:\+|-only|-or-later)$")
_TOKEN: Final = re.compile(r"[(),/]|[^\s(),/]+")
_MEANT: Final = {"/": "or", ",": "and"}


def is_missing(text: str | None) -> bool:
    """Whether a list says no licence: not at all, or a word for not knowing.

    Examples
    --------
    >>> is_missing(None), is_missing("NOASSERTION"), is_missing("apache-2.0")
    (True, True, False)
    """
    return (text or "").strip().lower() in _NONE


@lru_cache(maxsize=4096)
def is_denied(text: str, denied: tuple[str, ...]) -> bool:
    """Whether what a list says can only be fulfilled with a denied licence.

    SPDX ids are compared without case, and without `-only`, `-or-later` and `+`. Of alternatives
    (OR) one that is not denied suffices.

    Examples
    --------
    >>> is_denied("gpl-3.0-or-later", ("GPL-3.0",)), is_denied("MIT OR GPL-3.0", ("GPL-3.0",))
    (True, False)
    """
    refused = {_id(one) for one in denied}
    tokens = [_MEANT.get(one, one) for one in _TOKEN.findall(text.lower())]
    return _any_way(tokens, refused)


def _any_way(tokens: list[str], refused: set[str]) -> bool:
    """Consume alternatives up to a bracket that closes; whether each of them is refused."""
    is_refused = True
    while True:
        is_refused &= _together(tokens, refused)
        if not tokens or tokens.pop(0) != "or":
            return is_refused


def _together(tokens: list[str], refused: set[str]) -> bool:
    """Consume what holds together; whether any of it is refused."""
    is_refused = False
    words: list[str] = []
    while tokens and tokens[0] not in {"or", ")"}:
        one = tokens.pop(0)
        if one == "(":
            is_refused |= _any_way(tokens, refused)
        elif one == "and":
            is_refused |= _id(" ".join(words)) in refused
            words = []
        else:
            words.append(one)
    return is_refused or _id(" ".join(words)) in refused


def _id(text: str) -> str:
    return _LENIENT.sub("", text.strip().lower().partition(" with ")[0].strip())
