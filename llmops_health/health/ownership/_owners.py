"""Who is named as owner, and where: the configuration, the catalogue of services, CODEOWNERS.

Names of the same team differ from source to source: `team-docs@example.com`, `team-docs` and
`@example/team-docs` are one. Nothing is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

import polars as pl

from llmops_health.config import Feature

CONFIGURATION: Final = "the configuration"
CATALOGUE: Final = "the catalogue"
CODEOWNERS: Final = "CODEOWNERS"
RULE: Final = "path:"
"""What the id of a CODEOWNERS rule begins with; the pattern follows."""

_NOBODY: Final = frozenset(
    {"", "-", "?", "n/a", "na", "nil", "nobody", "none", "null", "tba", "tbd", "todo"}
    | {"unassigned", "unknown", "unowned"}
)
_PREFIX: Final = re.compile(r"^(mailto:|group:|user:|team:)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Named:
    """The owners that one source names; `names` as they stand there."""

    source: str
    names: tuple[str, ...]

    @property
    def words(self) -> str:
        """Who, and where."""
        listed = ", ".join(self.names[:3]) + (", ..." if len(self.names) > 3 else "")
        return f"{listed} ({self.source})"


class Entry(NamedTuple):
    """An application as the catalogue has it; `of` None: of no feature."""

    component_id: str
    of: str | None
    name: str
    owner: str | None
    attributes: str | None
    source_uri: str | None


def named(feature: Feature, parts: pl.DataFrame) -> list[Named]:
    """Return what each source that names an owner of a feature says, the configuration first.

    Parameters
    ----------
    parts
        Rows of `summary__listed_parts` that a judgement may know, see `known`.
    """
    found = [Named(CONFIGURATION, owners(feature.owner))]
    if len(parts):
        found += [
            Named(CATALOGUE, _distinct(one.owner for one in entries(feature, parts))),
            Named(CODEOWNERS, code_owners(parts, feature.id)),
        ]
    return [one for one in found if one.names]


def known(parts: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the parts that were listed by the end of a day."""
    is_later = parts["listed_on"] >= datetime.combine(day + timedelta(days=1), time())
    return parts.filter(~is_later.fill_null(value=False)) if is_later.any() else parts


def entries(feature: Feature, parts: pl.DataFrame) -> list[Entry]:
    """Return the applications that say they are the feature, or are called like it."""
    return [
        one
        for one in _catalogue(parts)
        if one.of == feature.id or (one.of is None and one.name == feature.id)
    ]


def catalogue_owners(parts: pl.DataFrame) -> set[str]:
    """Return the owners that the catalogue knows of anything, by their `identity`."""
    return {identity(name) for name in _distinct(one.owner for one in _catalogue(parts))}


def _catalogue(parts: pl.DataFrame) -> list[Entry]:
    is_application = parts["kind"] == "application"
    names = ("component_id", "of_feature", "name", "owner", "attributes", "source_uri")
    columns = (parts[name].filter(is_application).to_list() for name in names)
    rows = zip(*columns, strict=True)
    return [Entry(*row) for row in rows if not row[0].startswith(RULE)]


def code_owners(parts: pl.DataFrame, feature_id: str) -> tuple[str, ...]:
    """Return who owns a feature's code by default: of the rules for everything the last counts.

    Where no rule is for everything, all that are named by any.
    """
    is_its = parts["of_feature"] == feature_id
    if not any(one.startswith(RULE) for one in parts["component_id"].filter(is_its).to_list()):
        return ()
    rules = parts.filter(is_its).filter(pl.col("component_id").str.starts_with(RULE))
    line = pl.col("attributes").str.json_path_match("$.line").cast(pl.Int64, strict=False)
    listed = rules.sort(line, nulls_last=False, maintain_order=True)
    of_all = listed.filter(pl.col("name").is_in(["*", "/", "/*", "**", "/**", "."]))
    return _distinct((of_all.tail(1) if len(of_all) else listed)["owner"].to_list())


@lru_cache(maxsize=4096)
def owners(text: str | None) -> tuple[str, ...]:
    """Return the owners that a text names; placeholders such as TBD name nobody.

    Examples
    --------
    >>> owners("@example/docs jane@example.com"), owners("Support Team"), owners("tbd")
    (('@example/docs', 'jane@example.com'), ('Support Team',), ())
    """
    if text is None:
        return ()
    separators = r"[,;\s]+" if "@" in text else r"[,;]"
    listed = (one.strip() for one in re.split(separators, text))
    return tuple(dict.fromkeys(one for one in listed if one.lower() not in _NOBODY))


def identity(name: str) -> str:
    """Return what is left of an owner's name when the ways of writing it are taken away.

    Examples
    --------
    >>> [identity(one) for one in ("Team_Docs@example.com", "@example/team-docs")]
    ['team-docs', 'team-docs']
    """
    bare = _PREFIX.sub("", name.strip()).lower().rpartition("/")[2]
    local = bare.lstrip("@").partition("@")[0]
    return re.sub(r"[\s_.]+", "-", local) or bare


def is_person(name: str) -> bool:
    """Whether a name is one person's: a handle without an organisation, or a user reference.

    Of addresses it cannot be told.
    """
    handle = name.startswith("@") and "/" not in name
    return handle or name.lower().startswith("user:")


def same(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether any owner is in both."""
    return bool({identity(one) for one in some} & {identity(one) for one in others})


def _distinct(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_flat(texts)))


def _flat(texts: Iterable[str | None]) -> Iterator[str]:
    for text in texts:
        yield from owners(text)
