"""Hard gates: what a list may not lack, however much else it tells; each says why it is closed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import polars as pl

from llmops_health.health.bom._rubric import DECLARED, MODEL_KINDS, SERVICE_KINDS, Look, level

_MOST_NAMED = 3
_LONGEST_NAME = 60


def closed(
    feature_id: str,
    looks: Sequence[Look],
    twice: Sequence[str],
    edges: pl.DataFrame,
    known_ids: Collection[str],
    undeclared: Sequence[str],
) -> Iterator[str]:
    """Yield why a score is capped, the gravest first.

    Parameters
    ----------
    looks
        The parts in force; `twice` are the ids of those that are listed as two different things.
    known_ids
        Ids that any list names, of other features too: an edge to one of them ends somewhere.
    """
    if undeclared:
        yield f"{listed(undeclared)} in traffic, not on any list"
    ids = {str(look.row["component_id"]) for look in looks} | {feature_id}
    loose = sorted(set(_loose(edges, ids, ids.union(known_ids))))
    if loose:
        yield f"edges to {listed(loose)}, not on any list"
    if twice:
        yield f"{listed(twice)} listed as two different things"
    models = [look for look in looks if look.row["kind"] in MODEL_KINDS]
    unversioned = [str(look.row["name"]) for look in models if not _is_told(look, "version")]
    if unversioned:
        yield f"no version of the model {listed(unversioned)}"
    nameless = [str(look.row["name"]) for look in models if not _is_identified(look)]
    if nameless:
        yield f"no package URL, hash or address of the model {listed(nameless)}"
    unknown_flow = [
        str(look.row["name"])
        for look in looks
        if look.row["kind"] in SERVICE_KINDS and not _is_flow_known(look)
    ]
    if unknown_flow:
        yield f"no supplier or data flow of {listed(unknown_flow)}"


def listed(names: Iterable[str]) -> str:
    """Return the first names, each on one line and not too long, and how many more there are."""
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - _MOST_NAMED} more" if len(distinct) > _MOST_NAMED else ""
    return ", ".join(short(name) for name in distinct[:_MOST_NAMED]) + more


def short(name: str) -> str:
    """Return a name on one line, cut where it is too long to read."""
    line = " ".join(name.split())
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 3] + "..."


def _is_told(look: Look, *names: str) -> bool:
    return level(look.of(*names)) == DECLARED


def _is_identified(look: Look) -> bool:
    # A provider's model goes by its name there.
    return _is_told(
        look, "purl", "sha256", "source_uri", *(("supplier",) if look.is_remote else ())
    )


def _is_flow_known(look: Look) -> bool:
    return _is_told(look, "supplier") and _is_told(look, "endpoint", "data_classification")


def _loose(edges: pl.DataFrame, ids: set[str], known: set[str]) -> Iterator[str]:
    for src, dst in zip(edges["src"].to_list(), edges["dst"].to_list(), strict=True):
        if src in ids and dst not in known:
            yield dst
        elif dst in ids and src not in known:
            yield src
