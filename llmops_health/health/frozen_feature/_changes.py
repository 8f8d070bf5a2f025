"""How old a feature is, and how old that is: its newest change, and the gaps between past ones.

Reads `summary__changes` up to a day; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final, Literal

import polars as pl

from llmops_health.config import Feature
from llmops_health.kernels.intervals import Interval
from llmops_health.kernels.survival import SurvivalCurve, kaplan_meier, shrunk_hazard

Kind = Literal["model", "prompt", "service"]
ALL_KINDS: Final[tuple[Kind, ...]] = ("model", "prompt", "service")
MONTH_DAYS: Final = 30

_COLUMNS: Final[dict[Kind, tuple[str, ...]]] = {
    "model": ("request_model", "response_model", "deployment"),
    "prompt": ("prompt",),
    "service": ("service",),
}
_WORDS: Final = {
    "request_model": "the model asked for became",
    "response_model": "the model that answers became",
    "deployment": "a model was deployed by step",
    "prompt": "the prompt became",
    "service": "the service became",
}


@dataclass(frozen=True, slots=True)
class Age:
    """Days since the newest change; `is_exact` False: at least, as the record is no longer."""

    days: int
    is_exact: bool
    since: date
    what: str

    @property
    def words(self) -> str:
        """The age in words."""
        return f"{self.days} days" if self.is_exact else f"at least {self.days} days"


@dataclass(frozen=True, slots=True)
class Rarity:
    """The share of past gaps that were shorter than an age (0-1), and what that is known from.

    `per_month` is how often this feature changes, drawn towards all features.
    """

    percentile: Interval
    n_gaps: int
    n_own: int
    per_month: Interval


@dataclass(frozen=True, slots=True)
class Record:
    """Changes of all features that are known at the end of a day: rows of `summary__changes`.

    A row is feature, day, what, value, and whether the record of that begins with it.
    """

    day: date
    rows: tuple[tuple[str, date, str, str, bool], ...]


def known(changes: pl.DataFrame, day: date) -> Record:
    """Return what is known of all features at the end of a day."""
    names = ("of_feature", "changed_on", "what", "value", "is_first")
    columns = [changes[name].to_list() for name in names]
    return Record(day, tuple(row for row in zip(*columns, strict=True) if row[1] <= day))


def age(feature: Feature, record: Record, kinds: Sequence[Kind]) -> Age | None:
    """Return the age of what changed last among some kinds; None where nothing tells.

    The record of a kind begins where it was first logged; a training is the last one by what its
    date means, a launch is a change of everything.
    """
    own = [row[1:] for row in record.rows if row[0] == feature.id]
    ages = [_of_kind(feature, record.day, own, kind) for kind in kinds]
    return min((one for one in ages if one is not None), key=lambda one: one.days, default=None)


def _of_kind(
    feature: Feature, day: date, own: Sequence[tuple[date, str, str, bool]], kind: Kind
) -> Age | None:
    rows = [row for row in own if row[1] in _COLUMNS[kind]]
    start = min((row[0] for row in rows), default=None)
    found = [
        (when, f"{_WORDS[what]} {value} on {when}")
        for when, what, value, is_first in rows
        if not is_first
    ]
    trained = feature.trained_on if kind == "model" else None
    if trained is not None and trained <= day:
        found.append((trained, f"the model was trained on {trained}"))
    launched = feature.launched_on
    if launched is not None and launched <= day and start is not None and launched >= start:
        found.append((launched, f"it was launched on {launched}"))
    if found:
        newest, what = max(found)
        return Age((day - newest).days, is_exact=True, since=newest, what=what)
    if start is None:
        return None
    return Age((day - start).days, is_exact=False, since=start, what=f"logged since {start}")


def rarity(
    feature_id: str,
    record: Record,
    kinds: Sequence[Kind],
    age_days: int,
    *,
    min_gaps: int,
    own_weight: float,
) -> Rarity | None:
    """Return how old an age is among past gaps, None where fewer than `min_gaps` were closed.

    The curve of the feature's own gaps counts as its closed gaps against `own_weight` of all.
    """
    gaps = _gaps(record, kinds)
    of_all = [gap for its in gaps.values() for gap in its]
    if sum(ended for _, ended in of_all) < min_gaps:
        return None
    everyone = _curve(of_all)
    shares, weights = [everyone.at(age_days)], [1.0]
    own_gaps = gaps.get(feature_id, [])
    n_own = sum(ended for _, ended in own_gaps)
    if n_own:
        weight = n_own / (n_own + own_weight)
        shares, weights = [_curve(own_gaps).at(age_days), *shares], [weight, 1 - weight]
    lasting = Interval(
        *(
            sum(w * getattr(one, end) for w, one in zip(weights, shares, strict=True))
            for end in ("estimate", "lo", "hi")
        )
    )
    rate = shrunk_hazard(
        n_own,
        sum(days for days, _ in own_gaps),
        prior_rate=everyone.n_events / max(1, sum(days for days, _ in of_all)),
    )
    return Rarity(
        percentile=Interval(1 - lasting.estimate, 1 - lasting.hi, 1 - lasting.lo),
        n_gaps=int(everyone.n_events),
        n_own=n_own,
        per_month=Interval(*(MONTH_DAYS * end for end in (rate.estimate, rate.lo, rate.hi))),
    )


def _curve(gaps: Sequence[tuple[int, bool]]) -> SurvivalCurve:
    return kaplan_meier([days for days, _ in gaps], [ended for _, ended in gaps])


def _gaps(record: Record, kinds: Sequence[Kind]) -> dict[str, list[tuple[int, bool]]]:
    """Return the days from each change to the next, per feature; the last gap is still open.

    From the beginning of the record to the first change is open too: when that gap began is not
    known, only that it lasted at least so long.
    """
    columns = {name for kind in kinds for name in _COLUMNS[kind]}
    marks: dict[str, dict[date, bool]] = {}
    for feature_id, when, what, _, is_first in record.rows:
        if what in columns:
            its = marks.setdefault(feature_id, {})
            its[when] = its.get(when, False) or not is_first
    return {feature_id: _between(its, record.day) for feature_id, its in marks.items()}


def _between(marks: Mapping[date, bool], day: date) -> list[tuple[int, bool]]:
    """Return the gaps of one feature; `marks` says whether a day of it is a change."""
    days = [min(marks), *sorted(when for when, is_change in marks.items() if is_change)]
    days = days if not marks[days[0]] else days[1:]
    gaps = [((later - earlier).days, marks[earlier]) for earlier, later in pairwise(days)]
    return [*gaps, ((day - days[-1]).days, False)]
