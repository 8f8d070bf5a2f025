"""Who calls when, and about what: users, sessions, days and hours. No texts and no answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.features import Feature
from llmops_health.demo.texts import BoolArray, FloatArray, IntArray, Phrases

SATURDAY = 5
WEEKEND_VOLUME = 0.55
DAILY_NOISE = 0.06
EXTRA_CALLS_PER_SESSION = 0.8
SAME_TOPIC_SHARE = 0.6
SECONDS_PER_DAY = 86_400
WEEKDAY_HOURS = (1, 1, 1, 1, 1, 2, 4, 9, 18, 26, 28, 26, 20, 23, 26, 25, 22, 17, 12, 9, 7, 5, 3, 2)
WEEKEND_HOURS = (2, 1, 1, 1, 1, 1, 2, 4, 8, 13, 17, 18, 17, 16, 16, 16, 16, 15, 14, 13, 11, 8, 5, 3)


@dataclass(frozen=True, slots=True)
class Users:
    """What differs between the users of a feature; every array has shape (n_users,)."""

    weight: FloatArray
    wordiness: FloatArray
    slowness: FloatArray
    clarity: FloatArray
    harshness: FloatArray
    novelty: FloatArray
    topic_taste: FloatArray


def make_users(feature: Feature, n_topics: int, rng: np.random.Generator) -> Users:
    """Draw the users of a feature: a few of them make many of the calls."""
    n = feature.n_users
    weight = rng.lognormal(0, 0.9, n)
    novelty = rng.lognormal(-0.125, 0.5, n)
    return Users(
        weight=weight / weight.sum(),
        wordiness=rng.normal(0, 1, n),
        slowness=rng.normal(0, 0.15, n),
        clarity=rng.normal(0, 0.35, n),
        harshness=rng.normal(0, 0.4, n),
        novelty=novelty / np.average(novelty, weights=weight),
        topic_taste=rng.normal(0, 0.4, (n, n_topics)),
    )


def per_user(effect: FloatArray, user: pl.Series) -> FloatArray:
    """Look up the effect of each row's user; 0 where a canary has none."""
    with_nobody = np.append(effect, 0.0)
    return np.asarray(with_nobody[user.fill_null(effect.size).to_numpy()])


def is_weekend(calendar: Calendar) -> BoolArray:
    """Tell which days are Saturdays and Sundays; shape (days,)."""
    weekday = (calendar.first_day.weekday() + np.arange(calendar.days)) % 7
    return np.asarray(weekday >= SATURDAY)


def daily_volume(
    feature: Feature, calendar: Calendar, calls_per_day: int, rng: np.random.Generator
) -> FloatArray:
    """Return the calls that each day is meant to have; shape (days,)."""
    week = np.where(is_weekend(calendar), WEEKEND_VOLUME, 1.0) * 7 / (5 + 2 * WEEKEND_VOLUME)
    growth = np.linspace(1, feature.growth, calendar.days)
    noise = rng.lognormal(0, DAILY_NOISE, calendar.days)
    volume = calls_per_day * feature.volume * week * growth * noise
    if feature.feature_id == faults.INVOICE_FIELDS:
        volume[calendar.index(faults.BURST_DAY)] *= faults.BURST_FACTOR
    return np.asarray(volume)


def make_traffic(
    feature: Feature,
    phrases: Phrases,
    users: Users,
    calendar: Calendar,
    calls_per_day: int,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Draw all production calls of a feature, in the order of time.

    Returns
    -------
    polars.DataFrame
        day (index), seconds (within the day), session, user (index), topic (index).
    """
    volume = daily_volume(feature, calendar, calls_per_day, rng)
    n_sessions = np.maximum(1, np.rint(volume / (1 + EXTRA_CALLS_PER_SESSION))).astype(np.int64)
    session_day = np.repeat(np.arange(calendar.days), n_sessions)
    session_user = rng.choice(users.weight.size, session_day.size, p=users.weight)
    weekend = is_weekend(calendar)
    session_start = _start_seconds(weekend[session_day], rng)
    n_calls = 1 + rng.poisson(EXTRA_CALLS_PER_SESSION, session_day.size)

    session = np.repeat(np.arange(session_day.size), n_calls)
    day, user = session_day[session], session_user[session]
    session_topic = _draw_topics(phrases, users, session_user, weekend[session_day], rng)
    own_topic = _draw_topics(phrases, users, user, weekend[day], rng)
    keeps = rng.random(session.size) < SAME_TOPIC_SHARE
    topic = np.where(keeps, session_topic[session], own_topic)
    if feature.feature_id == faults.HELP_RAG:
        topic = _shift_topics(phrases, users, calendar, day, user, topic, rng)
    pause = rng.exponential(90, session.size)
    seconds = np.minimum(session_start[session] + pause, SECONDS_PER_DAY - 1)
    traffic = pl.DataFrame(
        {"day": day, "seconds": seconds, "session": session, "user": user, "topic": topic}
    )
    return traffic.sort("day", "seconds", "session", maintain_order=True)


def _start_seconds(weekend: BoolArray, rng: np.random.Generator) -> FloatArray:
    profiles = np.array([WEEKDAY_HOURS, WEEKEND_HOURS], dtype=np.float64)
    cumulative = np.cumsum(profiles / profiles.sum(axis=1, keepdims=True), axis=1)
    uniform = rng.random(weekend.size)
    hour = (uniform[:, None] > cumulative[weekend.astype(np.int64)]).sum(axis=1)
    return np.asarray((np.minimum(hour, 23) + rng.random(weekend.size)) * 3600)


def _draw_topics(
    phrases: Phrases, users: Users, user: IntArray, weekend: BoolArray, rng: np.random.Generator
) -> IntArray:
    shares = np.array([[t.weekday for t in phrases.topics], [t.weekend for t in phrases.topics]])
    mass = shares[:, None, :] * np.exp(users.topic_taste)[None, :, :]
    cumulative = np.cumsum(mass / mass.sum(axis=2, keepdims=True), axis=2)
    drawn = (rng.random(user.size)[:, None] > cumulative[weekend.astype(np.int64), user]).sum(
        axis=1
    )
    return np.asarray(np.minimum(drawn, shares.shape[1] - 1), dtype=np.int64)


def _shift_topics(
    phrases: Phrases,
    users: Users,
    calendar: Calendar,
    day: IntArray,
    user: IntArray,
    topic: IntArray,
    rng: np.random.Generator,
) -> IntArray:
    new_topic = [t.name for t in phrases.topics].index(faults.NEW_TOPIC)
    days_since = day - calendar.index(faults.TOPIC_SHIFT_DAY) + 1
    ramp = np.clip(days_since / faults.NEW_TOPIC_RAMP_DAYS, 0, 1)
    share = np.clip(faults.NEW_TOPIC_SHARE * ramp * users.novelty[user], 0, 0.95)
    asks_new = rng.random(day.size) < share
    return np.where(asks_new, new_topic, topic)
