"""Which rows of the lists are a feature's parts on a day: its own, and the shared ones they need.

Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import compress
from typing import Any, Final

import polars as pl

CODEOWNERS_RULE: Final = "path:"
"""What the id of a rule of CODEOWNERS begins with: it says who owns files, and is no part."""

Row = dict[str, Any]
"""A row of `core__components` with `is_observed`."""

_WORDS = (
    *("component_id", "kind", "name", "version", "feature_id", "supplier", "owner", "license"),
    *("sha256", "purl", "source_uri", "endpoint", "data_classification", "attributes"),
)
_COLUMNS: Final[Mapping[str, type[pl.DataType]]] = (
    dict.fromkeys(_WORDS, pl.String)
    | dict.fromkeys(("released_on", "deprecated_on", "listed_on"), pl.Datetime)
    | dict.fromkeys(("crosses_trust_boundary", "is_observed"), pl.Boolean)
)


def whole(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the columns of `core__components`, and `is_observed`; null where not given.

    Rows of `summary__listed_parts` are taken as well: their `of_feature` is the feature.
    """
    if rows.columns == list(_COLUMNS):
        return rows
    names = dict(zip(rows.columns, rows.columns, strict=True))
    if "feature_id" not in names and "of_feature" in names:
        names["feature_id"] = "of_feature"
    given = (
        pl.col(names[name]).alias(name) if name in names else pl.lit(None, kind).alias(name)
        for name, kind in _COLUMNS.items()
    )
    return rows.select(given)


def known(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the rows of lists that were made by the end of a day."""
    end = _end_of(day)
    return rows.filter(pl.col("listed_on").is_null() | (pl.col("listed_on") < end))


def rows_of(feature_id: str, listed: pl.DataFrame, day: date | None = None) -> list[Row]:
    """Return the rows that may be a feature's, its own and those of no feature, see `whole`.

    Parameters
    ----------
    listed
        Rows of `core__components` or `summary__listed_parts`, of all features.
    day
        Lists made later are not known; None: the rows given are.
    """
    names = dict(zip(listed.columns, listed.columns, strict=True))
    names["feature_id"] = "of_feature" if "of_feature" in names else "feature_id"
    of = listed[names["feature_id"]]
    is_its = of.is_null() | (of == feature_id)
    not_told = [None] * int(is_its.sum())
    columns = [
        listed[names[name]].filter(is_its).to_list() if name in names else not_told
        for name in _COLUMNS
    ]
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
    if day is None:
        return rows
    end = _end_of(day)
    return [row for row in rows if row["listed_on"] is None or row["listed_on"] < end]


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time())


def parts_of(
    feature_id: str,
    components: pl.DataFrame,
    edges: pl.DataFrame,
    observed_ids: Collection[str] = (),
) -> pl.DataFrame:
    """Return the rows that belong to a feature: its own, and shared ones.

    Parameters
    ----------
    components, edges
        Rows of `core__components` (or `summary__listed_parts`) and `core__component_edges`, of all
        features. Give those that the day may know, see `known`.
    observed_ids
        Ids of shared rows that the feature's traffic shows.

    Returns
    -------
    pl.DataFrame
        A shared row (of no feature) belongs to it where its parts need it, directly or through
        others. Rules of CODEOWNERS are left out.
    """
    is_its = pl.col("feature_id").is_null() | (pl.col("feature_id") == feature_id)
    is_rule = pl.col("component_id").str.starts_with(CODEOWNERS_RULE)
    listed = whole(components).filter(is_its & ~is_rule)
    rows = [*zip(listed["component_id"].to_list(), listed["feature_id"].to_list(), strict=True)]
    used = _are_used(feature_id, rows, edges, observed_ids)
    return listed.filter(pl.Series(used, dtype=pl.Boolean))


def used_of(
    feature_id: str, rows: Sequence[Row], edges: pl.DataFrame, observed_ids: Collection[str]
) -> list[Row]:
    """Return which of `rows_of` belong to the feature, see `parts_of`."""
    listed = [row for row in rows if not row["component_id"].startswith(CODEOWNERS_RULE)]
    whose = [(row["component_id"], row["feature_id"]) for row in listed]
    used = _are_used(feature_id, whose, edges, observed_ids)
    return [*compress(listed, used)]


def _are_used(
    feature_id: str,
    rows: Sequence[tuple[str, str | None]],
    edges: pl.DataFrame,
    observed_ids: Collection[str],
) -> list[bool]:
    """Return whether each row, its id and whose it is, belongs to the feature."""
    own = [part_id for part_id, of in rows if of is not None]
    reached = _reached(
        [*own, *observed_ids, feature_id],
        zip(edges["src"].to_list(), edges["dst"].to_list(), strict=True),
    )
    return [of is not None or part_id in reached for part_id, of in rows]


@dataclass(frozen=True, slots=True)
class InForce:
    """What the newest list says of each part; `twice` are ids that it gives to two things."""

    rows: list[Row]
    twice: list[str]


def in_force(parts: pl.DataFrame, day: date) -> InForce:
    """Return of each part what its newest list by the end of a day says, see `newest_of`."""
    return newest_of(known(whole(parts), day).to_dicts())


def newest_of(listed: Iterable[Row]) -> InForce:
    """Return of each part what its newest list says, sorted.

    A feature's own row goes before a shared one of the same id; of several rows of one version the
    newest counts. An id stands for two things where rows of one time and version have other names,
    kinds or hashes; libraries may, since one version has a hash for each platform.
    """
    by_id: dict[str, list[Row]] = {}
    for row in listed:
        by_id.setdefault(row["component_id"], []).append(row)
    rows: list[Row] = []
    twice: list[str] = []
    for part_id in sorted(by_id):
        if len(by_id[part_id]) == 1:
            rows += by_id[part_id]
            continue
        own = [row for row in by_id[part_id] if row["feature_id"] is not None] or by_id[part_id]
        last = max(map(listed_at, own))
        newest = sorted((row for row in own if listed_at(row) == last), key=_order)
        rows += {row["version"]: row for row in newest}.values()
        if _is_several(newest):
            twice.append(part_id)
    return InForce(rows, twice)


def _is_several(newest: Sequence[Row]) -> bool:
    kinds = {row["kind"] for row in newest}
    if "library" in kinds:
        return False
    hashes = {(row["version"], row["sha256"]) for row in newest if row["sha256"]}
    has_two_hashes = len(hashes) > len({version for version, _ in hashes})
    return has_two_hashes or len(kinds) > 1 or len({row["name"] for row in newest}) > 1


def listed_at(row: Row) -> datetime:
    """Return when a row's list was made; before all others where it tells no time."""
    return row["listed_on"] or datetime.min  # noqa: DTZ901 - times have no zone


def _order(row: Row) -> list[tuple[bool, str]]:
    return [(row[name] is not None, str(row[name])) for name in _COLUMNS]


def _reached(starts: Sequence[str], pairs: Iterable[tuple[str, str]]) -> set[str]:
    needs: dict[str, list[str]] = {}
    for src, dst in pairs:
        needs.setdefault(src, []).append(dst)
    waiting = list(starts)
    reached = set(waiting)
    while waiting:
        for dst in needs.get(waiting.pop(), ()):
            if dst not in reached:
                reached.add(dst)
                waiting.append(dst)
    return reached
