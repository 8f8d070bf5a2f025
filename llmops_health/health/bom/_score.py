"""How completely a feature's parts are told: 0-100, a grade, what caps it, what is missing.

Every element of the rubric counts per part that has it: 1 told and verified (the part has a hash,
or traffic shows it), 0.8 told, 0.25 said to be unknown, 0 missing; what does not apply is left out.
A cluster is the mean of its elements, the score the weighted mean of the clusters that apply. A
closed gate (`_gates`) caps it at 59.

Not assessed, since no table here can carry it or every row has it (`_rubric.NOT_ASSESSED` says why
of each): format, tool, author's signature and generation context of the document; names; hash
algorithms; input and output of system and models; statistical properties of datasets; hardware;
vulnerability references; security metrics. Not here: what a score means for a feature, see
`incomplete_bom`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, NamedTuple

import polars as pl

from llmops_health.config import Feature
from llmops_health.health.bom import _gates
from llmops_health.health.bom._answers import Answer, answers, looks_at
from llmops_health.health.bom._parts import InForce, in_force, parts_of
from llmops_health.health.bom._rubric import (
    DECLARED,
    MISSING,
    NOT_ASSESSED,
    RUBRIC_VERSION,
    UNKNOWN,
    VERIFIED,
    WEIGHTS,
)

__all__ = ["NOT_ASSESSED", "Cluster", "Missing", "Score", "parts_of", "score"]

CAP: Final = 59.0
GRADES: Final = ((90.0, "A"), (75.0, "B"), (60.0, "C"))


class Cluster(NamedTuple):
    """Elements of one kind: `value` 0-1, None where none applies; `n_present` are told."""

    name: str
    weight: float
    value: float | None
    n_present: int
    n_expected: int


class States(NamedTuple):
    """How many elements of a cluster are in which state."""

    n_verified: int
    n_declared: int
    n_unknown: int
    n_missing: int


class Missing(NamedTuple):
    """An element that is not told; `component` is empty where it is the feature's."""

    element: str
    component: str
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How completely the parts are told.

    `missing` has the most valuable first; `gains` are the points that each would add, before the
    cap. `states` go with `clusters`. `value_if_known` is the score if all that is said to be
    unknown were told. `verified_share` is of what is told of parts; None where nothing is.
    """

    value: float
    grade: str
    capped_by: tuple[str, ...]
    clusters: tuple[Cluster, ...]
    missing: tuple[Missing, ...]
    verified_share: float | None
    rubric_version: str
    gains: tuple[float, ...]
    states: tuple[States, ...]
    n_missing: int
    n_unknown: int
    n_parts: int
    value_if_known: float
    uncapped: float


def score(
    feature: Feature,
    parts: pl.DataFrame,
    edges: pl.DataFrame,
    undeclared: Sequence[str],
    day: date,
    *,
    known_ids: Collection[str] = (),
) -> Score:
    """Return the score of a feature's parts at the end of a day.

    Parameters
    ----------
    feature
        What the configuration says of it.
    parts
        Rows of `core__components` that belong to it, see `parts_of`; a column `is_observed` says
        what its traffic showed. Rows of lists made after the day are left out.
    edges
        Rows of `core__component_edges`, of all features.
    undeclared
        Names of what its traffic showed and no list names.
    known_ids
        Ids that any list names: where given, an edge from one of its parts to another feature's is
        no loose end. Lists of later days belong to them, since edges have no time.
    """
    return score_of(feature, in_force(parts, day), edges, undeclared, known_ids)


def score_of(
    feature: Feature,
    found: InForce,
    edges: pl.DataFrame,
    undeclared: Sequence[str],
    known_ids: Collection[str],
) -> Score:
    """Return the score of what lists in force say of a feature's parts, see `score`."""
    libraries = [row for row in found.rows if row["kind"] == "library"]
    looks = looks_at([row for row in found.rows if row["kind"] != "library"], edges)
    ids = {*known_ids, *(row["component_id"] for row in found.rows)}
    gates = tuple(_gates.closed(feature.id, looks, found.twice, edges, ids, undeclared))
    return _scored(answers(feature, looks, libraries), gates, len(found.rows))


def grade(value: float) -> str:
    """Return the grade of a score.

    Examples
    --------
    >>> [grade(value) for value in (90, 89.9, 75, 60, 59)]
    ['A', 'B', 'B', 'C', 'D']
    """
    return next((name for least, name in GRADES if value >= least), "D")


def _scored(answers: Sequence[Answer], gates: tuple[str, ...], n_parts: int) -> Score:
    by_cluster = _by_cluster(answers)
    clusters = tuple(_cluster(name, of_it) for name, of_it in by_cluster.items())
    uncapped = if_known = _value(clusters)
    n_unknown = sum(one.n for one in answers if one.level == UNKNOWN)
    if n_unknown:
        told_all = _by_cluster(
            replace(one, level=DECLARED) if one.level == UNKNOWN else one for one in answers
        )
        if_known = _value([_cluster(name, of_it) for name, of_it in told_all.items()])
    cap = CAP if gates else 100.0
    n_of = {cluster.name: cluster.n_expected for cluster in clusters}
    total = sum(cluster.weight for cluster in clusters if cluster.n_expected)
    lacks = sorted(
        (
            (100 * WEIGHTS[one.cluster] / total * DECLARED * one.n / n_of[one.cluster], one)
            for one in answers
            if one.level == MISSING
        ),
        key=lambda lack: (-lack[0], lack[1].element, lack[1].component),
    )
    told = [one for one in answers if one.is_of_part and one.level >= DECLARED]
    n_told = sum(one.n for one in told)
    n_verified = sum(one.n for one in told if one.level == VERIFIED)
    value = min(uncapped, cap)
    return Score(
        value=value,
        grade=grade(value),
        capped_by=gates,
        clusters=clusters,
        missing=tuple(Missing(one.element, one.component, one.owner) for _, one in lacks),
        verified_share=n_verified / n_told if n_told else None,
        rubric_version=RUBRIC_VERSION,
        gains=tuple(gain for gain, _ in lacks),
        states=tuple(_states(of_it) for of_it in by_cluster.values()),
        n_missing=sum(one.n for one in answers if one.level == MISSING),
        n_unknown=n_unknown,
        n_parts=n_parts,
        value_if_known=min(if_known, cap),
        uncapped=uncapped,
    )


def _by_cluster(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {name: [] for name in WEIGHTS}
    for one in answers:
        found[one.cluster].append(one)
    return found


def _cluster(name: str, of_it: Sequence[Answer]) -> Cluster:
    n = sum(one.n for one in of_it)
    value = sum(one.n * one.level for one in of_it) / n if n else None
    n_present = sum(one.n for one in of_it if one.level >= DECLARED)
    return Cluster(name, WEIGHTS[name], value, n_present, n)


def _states(of_it: Iterable[Answer]) -> States:
    n_of = Counter[float]()
    for one in of_it:
        n_of[one.level] += one.n
    return States(*(n_of[level] for level in (VERIFIED, DECLARED, UNKNOWN, MISSING)))


def _value(clusters: Iterable[Cluster]) -> float:
    applying = [(one.weight, one.value) for one in clusters if one.value is not None]
    return 100 * sum(w * value for w, value in applying) / sum(w for w, _ in applying)
