"""Which parts in traffic a list names, and which listed parts traffic shows. Nothing is judged.

A part of another feature names nothing here; a shared one, of no feature, does. Every version that
a list ever named counts: what it says of a part now is `_parts.in_force`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import polars as pl

from llmops_health.health.bom._names import Fit, model_fit, prompt_fit, serves, tool_fit
from llmops_health.health.bom._parts import Row, rows_of

MODELS: Final = frozenset({"model", "hosted_model", "checkpoint", "adapter", "embedding_model"})
SHOWN: Final = MODELS | {"prompt", "tool", "mcp_server"}
"""Kinds of parts that traffic can name."""

NOT_LISTED: Final = "not listed"
OTHER_VERSION: Final = "other version"
_WHY: Final = {Fit.NONE: NOT_LISTED, Fit.OTHER_VERSION: OTHER_VERSION, Fit.SAME: None}
_KEY: Final = ("kind", "name", "version")
_FIELDS: Final = ("component_id", "kind", "name", "version", "feature_id", "purl")


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list says that names in traffic are held against; `of` None: a part of no feature."""

    component_id: str
    kind: str
    name: str
    version: str | None
    of: str | None
    purl: str | None = None


def listed(parts: pl.DataFrame, feature_id: str, day: date | None = None) -> list[Listed]:
    """Return the feature's own parts and the shared ones, of kinds that traffic can name.

    Parameters
    ----------
    parts
        Rows of `core__components` or `summary__listed_parts`.
    day
        Lists made later are not known; None: the rows given are.
    """
    return named(rows_of(feature_id, parts, day))


def named(rows: Iterable[Row]) -> list[Listed]:
    """Return what lists say of the parts that traffic can name, each once."""
    return list(dict.fromkeys(as_listed(row) for row in rows if row["kind"] in SHOWN))


def as_listed(row: Row) -> Listed:
    """Return what a row of a list says that names are held against."""
    return Listed(*(row[field] for field in _FIELDS))


def graded(observed: pl.DataFrame, parts: pl.DataFrame, feature_id: str) -> pl.DataFrame:
    """Return what traffic named, each once, with `why` a list does not: null where it does.

    Parameters
    ----------
    observed
        Rows of `summary__observed_components` (kind, name, version, n_calls), or sums of them.
        Rows that say nothing are left out.
    parts
        See `listed`.

    Returns
    -------
    pl.DataFrame
        kind, name, version, n_calls, why; sorted by calls, most first.
    """
    known = listed(parts, feature_id)
    rows = _counted(observed, feature_id)
    seen = rows.select(_KEY).iter_rows()
    found = [_WHY[best(kind, name, version, known)] for kind, name, version in seen]
    return rows.with_columns(pl.Series("why", found, pl.String))


def undeclared(observed: pl.DataFrame, parts: pl.DataFrame, feature_id: str) -> pl.DataFrame:
    """Return what traffic used and no list names: kind, name, version, n_calls, why.

    `why` is `not listed`, or `other version` where the name is listed in another one.
    """
    return graded(observed, parts, feature_id).filter(pl.col("why").is_not_null())


def covered(observed: pl.DataFrame, parts: pl.DataFrame, feature_id: str) -> pl.DataFrame:
    """Return the listed parts that traffic shows: component_id, version, n_calls."""
    known = listed(parts, feature_id)
    rows = _counted(observed, feature_id).select(*_KEY, "n_calls").rows()
    sums: dict[tuple[str, str | None], int] = {}
    for kind, name, version, n_calls in rows:
        for part in shown_by(kind, name, version, known):
            key = (part.component_id, part.version)
            sums[key] = sums.get(key, 0) + n_calls
    return pl.DataFrame(
        [(*key, n) for key, n in sums.items()],
        schema={"component_id": pl.String, "version": pl.String, "n_calls": pl.Int64},
        orient="row",
    )


def best(kind: str, name: str | None, version: str | None, known: Sequence[Listed]) -> Fit:
    """Return how well the part that fits best does so."""
    return max((fit(kind, name, version, part) for part in known), default=Fit.NONE)


def shown_by(
    kind: str, name: str | None, version: str | None, known: Sequence[Listed]
) -> Iterator[Listed]:
    """Yield the listed parts that a name in traffic is the name of."""
    return (part for part in known if fit(kind, name, version, part) is Fit.SAME)


@lru_cache(maxsize=65536)
def fit(kind: str, name: str | None, version: str | None, part: Listed) -> Fit:
    """Return how well what traffic names fits a listed part."""
    if kind in MODELS and part.kind in MODELS and name is not None:
        by_name = model_fit(name, part.name, part.version)
        # Ids and package URLs are as good as names, but another version is told by names alone.
        others = filter(None, (_bare_id(part.component_id), _package(part.purl)))
        is_same = any(model_fit(name, one, part.version) is Fit.SAME for one in others)
        return Fit.SAME if is_same else by_name
    if kind == "prompt" and part.kind == "prompt":
        return prompt_fit(name, version, part.name, part.version)
    if kind == "tool" and name is not None and part.kind == "tool":
        return tool_fit(name, part.name, part.component_id)
    if kind == "tool" and name is not None and part.kind == "mcp_server":
        return Fit.SAME if serves(part.name, name) else Fit.NONE
    return Fit.NONE


def _bare_id(component_id: str) -> str:
    kind, _, rest = component_id.partition(":")
    return rest if kind in SHOWN else component_id


def _package(purl: str | None) -> str | None:
    """Return the name in a package URL of a model, with what stands before it.

    Examples
    --------
    >>> _package("pkg:huggingface/Qwen/Qwen2.5-0.5B@7ae5576"), _package("pkg:pypi/numpy@2")
    ('Qwen/Qwen2.5-0.5B', None)
    """
    kind, _, rest = (purl or "").removeprefix("pkg:").partition("/")
    if kind not in {"huggingface", "mlflow"}:
        return None
    return rest.partition("@")[0].partition("?")[0] or None


def _counted(observed: pl.DataFrame, feature_id: str) -> pl.DataFrame:
    rows = observed
    if "feature_id" in rows.columns:
        rows = rows.filter(pl.col("feature_id") == feature_id)
    says = pl.col("name").is_not_null()
    says |= (pl.col("kind") == "prompt") & pl.col("version").is_not_null()
    places = [name for name in ("seen_in",) if name in rows.columns]
    # A tool that calls name and spans show is one: the place that shows more of it counts.
    sums = rows.filter(says).group_by(*_KEY, *places).agg(pl.col("n_calls").sum())
    once = sums.group_by(_KEY).agg(pl.col("n_calls").max()) if places else sums
    return once.sort("n_calls", *_KEY, descending=[True, False, False, False], nulls_last=True)
