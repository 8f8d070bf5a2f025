"""Redaction of personal data and secrets, as one SQL expression over a text column.

Why it matters
    Prompts and outputs are kept for weeks and shown in reports; what identifies a person or opens
    a door must not be kept with them.
How it works
    One scan asks whether a text holds anything that could begin a match (`PATTERNS[i].guard`).
    Only such texts, a few in a hundred, run through the replacements in the order of `PATTERNS`,
    those of words and those of numbers each behind a scan of their own. A second run changes
    nothing.
What it cannot see
    Names, postal addresses, digits without separators that could be phone numbers or ids, and
    secrets without a known prefix. Any 13 to 19 digits in card-like groups count as a card: SQL
    has no checksum.
Source
    RFC 5322 (mail, simplified), E.164 (phone), ISO 13616 (IBAN), ISO/IEC 7812 (card).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

REDACTION_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of data: what it looks like (RE2), what replaces it, what every match contains.

    `guard` matches wherever `pattern` does. It may match more: it only costs time then.
    """

    name: str
    pattern: str
    token: str
    guard: str


_HEX = "[0-9A-Fa-f]{1,4}"
# The first group of a global, unique local or link-local address: a::b is code, 100::2 a slice.
_NETWORK = "(?:[23][0-9A-Fa-f]{3}|[Ff][C-Ec-e][0-9A-Fa-f]{2})"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"

# Order matters: a mail address must not be cut by its digits, nor a card by the phone rule.
PATTERNS: Final = (
    Pattern(
        "private_key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
        "[SECRET]",
        "PRIVATE KEY-----",
    ),
    Pattern(
        "url_userinfo",
        r"(://)[^\s/@?#\[\]]+@",
        r"\1[SECRET]@",
        r"://[^\s/@?#\[\]]+@",
    ),
    Pattern(
        "url_secret",
        r"([?&](?i:api[_-]?key|key|(?:access|refresh|id|auth)[_-]?token|token|client[_-]?secret"
        r"|secret|password|passwd|pwd|sig|signature|x-amz-signature|auth)=)[^&#\s\"'<>\[\]]+",
        r"\1[SECRET]",
        r"[?&](?i:[a-z_-]*(?:key|token|secret|passw|pwd|sig|auth)[a-z]*)=",
    ),
    Pattern(
        "bearer",
        r"\b((?i:bearer|basic)\s+)[A-Za-z0-9._~+/-]{16,}=*",
        r"\1[SECRET]",
        r"(?i:bearer|basic)\s+[A-Za-z0-9._~+/-]{16}",
    ),
    Pattern(
        "token",
        r"\b(?:sk-[A-Za-z0-9_-]{16,}|[rsp]k_(?:live|test)_[A-Za-z0-9]{10,}|gh[pousr]_[A-Za-z0-9]{16,}"
        r"|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{16,}|(?:AKIA|ASIA)[0-9A-Z]{16}"
        r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{30,}|hf_[A-Za-z0-9]{20,}"
        r"|npm_[A-Za-z0-9]{30,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?)\w*",
        "[SECRET]",
        r"sk-[A-Za-z0-9_-]{16}|k_live_|k_test_|gh[pousr]_|hub_pat_|glpat-|AKIA|ASIA|xox[a-z]-|AIza"
        r"|hf_[A-Za-z0-9]{20}|npm_[A-Za-z0-9]{30}|eyJ",
    ),
    Pattern(
        "email",
        r"[A-Za-z0-9._%+\-\x{80}-\x{10ffff}]+@[A-Za-z0-9\x{80}-\x{10ffff}-]+"
        r"(?:\.[A-Za-z0-9\x{80}-\x{10ffff}-]+)*\.[A-Za-z\x{80}-\x{10ffff}]{2,}",
        "[EMAIL]",
        r"@[^\s@]+\.",
    ),
    Pattern(
        "iban",
        r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        "[IBAN]",
        r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}",
    ),
    Pattern(
        "card",
        r"\b(?:[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{1,7}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4,5}"
        r"|[2-6][0-9]{12,18})\b",
        "[CARD]",
        "[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}|[0-9]{4}[ -][0-9]{6}[ -]",
    ),
    Pattern(
        "ssn",
        r"\b[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}\b",
        "[SSN]",
        "[0-9]{3}-[0-9]{2}-[0-9]{4}",
    ),
    Pattern(
        "ipv4",
        rf"\b(?:{_OCTET}\.){{3}}{_OCTET}\b",
        "[IP]",
        r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
    ),
    Pattern(
        "ipv6",
        rf"\b(?:{_HEX}:){{7}}{_HEX}\b|\b{_NETWORK}(?::{_HEX}){{0,5}}:(?::{_HEX}){{1,6}}\b",
        "[IP]",
        rf"(?::{_HEX}){{6}}:|{_NETWORK}(?::{_HEX}){{0,5}}::",
    ),
    Pattern(
        "phone",
        r"\+(?:[ ./()-]{0,2}[0-9]){8,15}\b"
        r"|\b00[1-9][0-9]{0,2}[ ./-](?:[ ./()-]{0,2}[0-9]){6,12}\b"
        r"|\b(?:1[ .-])?[2-9][0-9]{2}[ .-][0-9]{3}[ .-][0-9]{4}\b"
        r"|(?:\b1[ .-]?)?\((?:0[0-9]{1,4}|[1-9][0-9]{1,2})\)[ -]?[0-9]{3,5}[ .-]?[0-9]{4}\b"
        r"|\(0[1-9][0-9]{1,4}\) ?[0-9][0-9 ]{4,8}[0-9]\b"
        r"|\b0[1-9](?:[ .-][0-9]{2}){4}\b"
        r"|\b0[1-9][0-9]{0,4}[ /-][0-9]{3,4}[ -][0-9]{3,4}\b"
        r"|\b0[1-9][0-9]{0,4}[ /-][0-9]{6,8}\b",
        "[PHONE]",
        r"\+[ ./()-]{0,2}[0-9][ ./()-]{0,2}[0-9]|00[1-9][0-9]{0,2}[ ./-]"
        r"|[2-9][0-9]{2}[ .-][0-9]{3}[ .-][0-9]{4}|[0-9]\)[ -]?[0-9]{3}|\(0[1-9][0-9]{1,4}\)"
        r"|0[1-9](?:[ .-][0-9]{2}){4}|0[1-9][0-9]{0,4}[ /-](?:[0-9]{6}|[0-9]{3,4}[ -][0-9]{3})",
    ),
)

# Two groups, so that a text with a mail address alone is not also searched for every number.
_NUMBER_NAMES: Final = frozenset({"iban", "card", "ssn", "ipv4", "ipv6", "phone"})
_WORDS: Final = tuple(each for each in PATTERNS if each.name not in _NUMBER_NAMES)
_NUMBERS: Final = tuple(each for each in PATTERNS if each.name in _NUMBER_NAMES)


def redact_expression(column: str) -> str:
    """Return a DuckDB expression: `column` with personal data and secrets replaced by tokens.

    Parameters
    ----------
    column
        SQL that yields a varchar; null stays null. It is repeated in the expression, so it
        should be a column, not a computation.

    Raises
    ------
    ValueError
        `column` is empty.

    Notes
    -----
    Tokens are [EMAIL], [PHONE], [CARD], [IBAN], [IP], [SSN] and [SECRET]. The expression holds no
    parameter and no placeholder.
    """
    if not column.strip():
        raise ValueError(f"Argument column must be an SQL expression, got {column!r}.")
    redacted = column
    for group in (_WORDS, _NUMBERS):
        redacted = (
            f"case when regexp_matches({column}, {_gate(group)}) then {_replaced(redacted, group)}"
            f" else {redacted} end"
        )
    return (
        f"case when regexp_matches({column}, {_gate(PATTERNS)}) then {redacted} else {column} end"
    )


def _gate(patterns: tuple[Pattern, ...]) -> str:
    return _quote("|".join(each.guard for each in patterns))


def _replaced(text: str, patterns: tuple[Pattern, ...]) -> str:
    for each in patterns:
        text = f"regexp_replace({text}, {_quote(each.pattern)}, {_quote(each.token)}, 'g')"
    return text


def _quote(literal: str) -> str:
    return "'" + literal.replace("'", "''") + "'"
