"""The panel of users: who asked when and how, by user, and the two windows that are compared.

Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HISTORY_DAYS: Final = 112
"""Sixteen weeks: eight that are compared, and eight that tell how long users are there."""

WINDOW_DAYS: Final = 7
# Users of the first two weeks may have come long before: weekly users are seen by then.
CENSORED_DAYS: Final = 14
COHORT_DAYS: Final = 28

_FULL: Final = 1_000  # calls of a day at which the panel of `summary__user_calls` is cut
_LONGEST_BASE: Final = 28
_SHORTEST_BASE: Final = 14


@dataclass(frozen=True, slots=True)
class Measure:
    """One aspect of style: how it is said, and the columns with its rows and its sum.

    A share is reported in pp, a mean of logarithms in %.
    """

    name: str
    words: str
    rows: str
    total: str
    is_log: bool = False

    @property
    def unit(self) -> str:
        """Unit in which a change is reported."""
        return "%" if self.is_log else "pp"

    def reported(self, change: float) -> float:
        """Return a change of the mean in the unit of reports."""
        return 100 * float(np.expm1(change)) if self.is_log else 100 * change


LENGTH: Final = Measure("length", "length of inputs", "n_sized", "sum_ln_chars", is_log=True)
TOKENS: Final = Measure("tokens", "tokens of inputs", "n_counted", "sum_ln_tokens", is_log=True)
KEYWORDS: Final = Measure("keywords", "inputs of mere keywords", "n_worded", "n_keywords")
COURTESY: Final = Measure("courtesy", "inputs with a courtesy", "n_read", "n_courteous")
TEMPLATE: Final = Measure("template", "inputs with a prompt formula", "n_read", "n_template")
EXAMPLES: Final = Measure("examples", "inputs with pasted examples", "n_read", "n_examples")
REPHRASED: Final = Measure(
    "rephrased", "inputs that rephrase the last one", "n_read", "n_rephrased"
)
REPEATED: Final = Measure(
    "repeated", "inputs sent again within 10 minutes", "n_keyed", "n_repeated"
)
NEW_TOPICS: Final = Measure("new topics", "inputs on new topics", "n_placed", "n_new_topic")

_STYLE: Final = (KEYWORDS, COURTESY, TEMPLATE, EXAMPLES, REPHRASED)
_MEASURES: Final = (LENGTH, TOKENS, *_STYLE, REPEATED, NEW_TOPICS)
_COLUMNS: Final = sorted({"n", *(name for one in _MEASURES for name in (one.rows, one.total))})


class Panel:
    """A feature's users up to a day: one row per user and day, and what each user's rows say."""

    def __init__(self, user_days: pl.DataFrame, day: date) -> None:
        """Keep the users who are complete on every day of the history."""
        self.day = day
        age = (np.datetime64(day) - user_days["day"].to_numpy()).astype(np.int64)
        n, key = user_days["n"].to_numpy().astype(np.float64), user_days["user_key"].to_numpy()
        kept = _complete(age, n, key)
        self.age: Ints = age[kept]
        keys, self.user = np.unique(key[kept], return_inverse=True)
        self.n_users = len(keys)
        self.first_age: Ints = np.zeros(self.n_users, dtype=np.int64)
        """Age in days of each user's first row, shape (n_users,)."""
        np.maximum.at(self.first_age, self.user, self.age)
        self.bucket: Ints = np.zeros(self.n_users, dtype=np.int64)
        self.bucket[self.user] = user_days["bucket"].to_numpy()[kept]
        self.n_days = int(self.age.max(initial=-1)) + 1
        counts = {name: user_days[name].to_numpy()[kept].astype(np.float64) for name in _COLUMNS}
        version = np.nan_to_num(user_days["style_version"].to_numpy()[kept], nan=-1)
        self._counts = _readable(self.age, counts, version)
        self._inside: dict[range, Ints] = {}

    @property
    def window(self) -> range:
        """Ages of the days that are judged."""
        return range(WINDOW_DAYS)

    @cached_property
    def base(self) -> range:
        """Ages of the days compared with: four weeks, as old as 8 weeks; none where too few."""
        start = max(WINDOW_DAYS, min(_LONGEST_BASE, (self.n_days - _LONGEST_BASE) // 7 * 7))
        length = min(_LONGEST_BASE, (self.n_days - start) // 7 * 7)
        return range(start, start + length) if length >= _SHORTEST_BASE else range(0)

    @property
    def begins(self) -> date:
        """First day of the history."""
        return self.day - timedelta(days=self.n_days - 1)

    @property
    def is_censored(self) -> Flags:
        """Which users may have been there before the history, shape (n_users,)."""
        return np.asarray(self.first_age >= self.n_days - CENSORED_DAYS)

    def measures(self) -> list[Measure]:
        """Return what can be judged: tokens and exact repeats stand in where texts are not kept."""
        known = {one.name: float(self._counts[one.rows].sum()) for one in _MEASURES}
        n = float(self._counts["n"].sum())
        found = [LENGTH if known[LENGTH.name] * 2 >= n else TOKENS]
        found += list(_STYLE) if known[COURTESY.name] * 2 >= n else [REPEATED]
        return [one for one in [*found, NEW_TOPICS] if known[one.name] > 0]

    def sums(self, measure: Measure, ages: range) -> Floats:
        """Return rows and sum of a measure per user in the days of these ages, (n_users, 2)."""
        return self.per_user(measure, self.inside(ages))

    def daily(self, measure: Measure) -> tuple[Ints, Ints, Floats, Floats]:
        """Return age and user of each row, and its rows and sum of a measure, shape (n_rows,)."""
        return self.age, self.user, self._counts[measure.rows], self._counts[measure.total]

    def inside(self, ages: range) -> Ints:
        """Return the places of the rows of days of these ages."""
        if ages not in self._inside:
            of_ages = (self.age >= ages.start) & (self.age < ages.stop)
            self._inside[ages] = np.flatnonzero(of_ages)
        return self._inside[ages]

    def per_user(self, measure: Measure, chosen: Ints) -> Floats:
        """Return the rows and the sum of a measure per user over chosen rows, (n_users, 2)."""
        user, sums = self.user[chosen], np.empty((self.n_users, 2))
        for i, name in enumerate((measure.rows, measure.total)):
            sums[:, i] = np.bincount(user, self._counts[name][chosen], self.n_users)
        return sums


def cohorts(panel: Panel) -> tuple[Ints, list[str]]:
    """Return the cohort of each user and the cohorts' names: by 4 weeks of the first call.

    Those of the first two weeks of the history are a cohort of their own, the first: how long
    they were there is not known.
    """
    after = panel.n_days - CENSORED_DAYS
    number = np.where(panel.is_censored, 0, 1 + (after - 1 - panel.first_age) // COHORT_DAYS)
    opens = panel.begins + timedelta(days=CENSORED_DAYS)
    names = [f"there before {opens}"]
    while len(names) <= int(number.max(initial=0)):
        names.append(f"came from {opens + timedelta(days=COHORT_DAYS * (len(names) - 1))}")
    return number.astype(np.int64), names


def _complete(age: Ints, n: Floats, key: Ints) -> Flags:
    """Leave out users beyond the lowest key at which the panel of any day was cut."""
    if not len(age):
        return np.zeros(0, dtype=np.bool_)
    per_day = np.bincount(age, n)
    cut = [int(key[age == day].max()) for day in np.flatnonzero(per_day >= _FULL)]
    return np.asarray(key < min(cut)) if cut else np.ones(len(key), dtype=np.bool_)


def _readable(age: Ints, counts: dict[str, Floats], version: Ints) -> dict[str, Floats]:
    """Forget what other versions of the detectors found, and days that were hardly read.

    Another version is another series. Texts that outlive their day are those sent again and again.
    """
    if not len(age):
        return counts
    n, read = (np.bincount(age, counts[of]) for of in ("n", "n_read"))
    kept = (version == version.max()) & (2 * read >= n)[age]
    of_style = {name for one in _STYLE for name in (one.rows, one.total)}
    return counts | {name: np.where(kept, counts[name], 0.0) for name in of_style}
