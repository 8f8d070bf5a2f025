"""The head of the page: the state in a sentence, what to do first, what changed, which data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from llmops_health.report.page_changes import Changes, Turn, changes, on_day
from llmops_health.report.page_checks import CheckView
from llmops_health.report.page_features import FeatureView
from llmops_health.report.page_numbers import counted, full_date, listed, short_date, words
from llmops_health.report.page_power import all_power
from llmops_health.report.page_reading import Reading
from llmops_health.report.page_strips import NOT_JUDGED, STATES, State, state

MOST_TO_DO = 6
# Verdicts that say no state of health, now and before.
_VERBS = {
    "no_evidence": ("has no evidence", "had none"),
    "not_applicable": ("does not apply", "did not apply"),
}


@dataclass(frozen=True, slots=True)
class ToDo:
    """A feature that needs action: where, since when, and the first thing to do."""

    feature: FeatureView
    modes: str
    first: CheckView | None
    n_more: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many verdicts are in a state."""

    state: State
    n: int


@dataclass(frozen=True, slots=True)
class Since:
    """What changed since a day, each line a kind of change and where."""

    when: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is said before anything is shown."""

    headline: str
    lead: str
    todo: tuple[ToDo, ...]
    n_more_to_do: int
    counts: tuple[Count, ...]
    n_verdicts: int
    since: tuple[Since, ...]
    data: str
    certainty: str


def head(
    reading: Reading,
    features: Sequence[FeatureView],
    views: Mapping[str, Sequence[CheckView]],
    alarms: Sequence[CheckView],
) -> Head:
    """Return the head of the page."""
    states = [cell.state for feature in features for cell in feature.cells]
    tally = Counter(found for found in states if found is not NOT_JUDGED)
    needy = [feature for feature in features if feature.needs_action]
    return Head(
        headline=_headline(reading.day, features),
        lead=_lead(reading.day, features),
        todo=tuple(_to_do(feature, alarms) for feature in needy[:MOST_TO_DO]),
        n_more_to_do=max(len(needy) - MOST_TO_DO, 0),
        counts=tuple(Count(found, tally[found]) for found in STATES.values() if tally[found]),
        n_verdicts=tally.total(),
        since=_since(reading),
        data=_data(reading),
        certainty=_certainty(reading, views),
    )


def _headline(day: date | None, features: Sequence[FeatureView]) -> str:
    if day is None:
        return "No day has been judged yet"
    if not features:
        return "No feature is watched yet"
    n, n_needy = len(features), sum(feature.needs_action for feature in features)
    if n_needy:
        verb = "needs" if n_needy == 1 else "need"
        return f"{n_needy} of {counted(n, 'feature')} {verb} action"
    healthy = sum(feature.state is STATES["healthy"] for feature in features)
    if healthy == n:
        return f"All {counted(n, 'feature')} healthy" if n > 1 else "The one feature is healthy"
    if not healthy:
        return "Nothing can be said yet: no feature has evidence"
    return f"No alarm, but {n - healthy} of {counted(n, 'feature')} cannot be judged"


def _lead(day: date | None, features: Sequence[FeatureView]) -> str:
    if day is None:
        return "Write the configuration, log calls, then run: llmops-health run"
    if not features:
        return "List features in llmops-health.yaml, or log calls with a feature_id."
    is_short = len(features) <= MOST_TO_DO
    told = []
    for found in (*STATES.values(), NOT_JUDGED):
        names = [feature.id for feature in features if feature.state is found]
        if names:
            told.append(f"{found.word.capitalize()}: {listed(names, most=6 if is_short else 2)}.")
    return " ".join(told)


def _to_do(feature: FeatureView, alarms: Sequence[CheckView]) -> ToDo:
    own = [view for view in alarms if view.feature_id == feature.id]
    told = []
    for found in (STATES["failing"], STATES["warning"]):
        modes = [words(cell.mode, at_start=False) for cell in feature.cells if cell.state is found]
        if modes:
            told.append(f"{found.word}: {', '.join(modes)}")
    return ToDo(feature, "; ".join(told), own[0] if own else None, max(len(own) - 1, 0))


def _since(reading: Reading) -> tuple[Since, ...]:
    if reading.day is None:
        return ()
    now = on_day(reading.verdicts, reading.day)
    found = []
    for name, n_days in (("yesterday", 1), ("a week ago", 7)):
        day = reading.day - timedelta(n_days)
        change = changes(on_day(reading.verdicts, day), now, day)
        found.append(Since(f"Since {name}, {short_date(day)}", tuple(_lines(change))))
    return tuple(found)


def _lines(change: Changes) -> list[tuple[str, str]]:
    if not change.is_known:
        return [("", "That day was not judged.")]
    if change.is_quiet:
        return [("", "No verdict changed.")]
    kinds = (
        ("Worse", change.worse),
        ("Recovered", change.recovered),
        ("Eased", change.eased),
        ("Evidence lost", change.lost),
    )
    return [
        (kind, "; ".join(_turn(turn) for turn in turns[:6]) + _rest(len(turns) - 6) + ".")
        for kind, turns in kinds
        if turns
    ]


def _turn(turn: Turn) -> str:
    is_, was = (
        _VERBS.get(name, (f"is {state(name).word}", f"was {state(name).word}"))[at]
        for at, name in enumerate((turn.now, turn.before))
    )
    before = was if turn.before else "new"
    return f"{turn.feature_id} {words(turn.mode, at_start=False)} {is_}, {before}"


def _rest(n: int) -> str:
    return f"; and {n} more" if n > 0 else ""


def _data(reading: Reading) -> str:
    volume = reading.volume
    told = []
    if volume.n_calls and volume.first and volume.last:
        told.append(
            f"{counted(volume.n_calls, 'call')} of {counted(volume.n_features, 'feature')},"
            f" {full_date(volume.first, beside=volume.last.date())} to"
            f" {full_date(volume.last.date())},"
            f" the last at {volume.last:%H:%M} UTC."
        )
    else:
        told.append("No call is in the file.")
    if volume.n_days_judged:
        told.append(f"{counted(volume.n_days_judged, 'day')} judged.")
    if volume.n_files:
        told.append(
            f"{counted(volume.n_files, 'file')} read, {counted(volume.n_rejects, 'row')} put aside."
        )
    return " ".join(told)


def _certainty(reading: Reading, views: Mapping[str, Sequence[CheckView]]) -> str:
    """Say what was looked at and how sure the answer is."""
    statuses = Counter(view.lead.status for checks in views.values() for view in checks)
    n_answered = statuses["PASS"] + statuses["FAIL"] + statuses["WARN"]
    if not statuses:
        return ""
    told = [f"{counted(n_answered, 'check')} of {statuses.total():,} could answer"]
    if statuses["NOT_ENOUGH_DATA"]:
        told.append(f"{statuses['NOT_ENOUGH_DATA']:,} had too little data")
    if statuses["NOT_APPLICABLE"]:
        told.append(f"{statuses['NOT_APPLICABLE']:,} do not apply")
    power = all_power(list(reading.cards.iter_rows(named=True)))
    unknown = "How likely they are to notice a fault has not been measured on these data."
    return f"{'; '.join(told)}. {power or unknown}"
