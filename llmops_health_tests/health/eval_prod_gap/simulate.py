"""Worlds with a known answer for eval_prod_gap: evals and production on topics of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Schema = dict[str, type[pl.DataType] | pl.DataType]

LAST = date(2026, 3, 29)
FEATURE = Feature(id="help", kind="rag")
N_TOPICS = 6
# What a topic is about decides how it is answered: a mix of topics looks like a switch.
P_REFUSAL = np.array([0.01, 0.02, 0.05, 0.10, 0.25, 0.40])
LN_LENGTH = np.array([4.5, 5.0, 5.5, 6.0, 6.5, 7.0])
PRODUCTION_MIX = np.array([30, 25, 20, 13, 8, 4], dtype=np.float64)
EVAL_MIX = PRODUCTION_MIX[::-1].copy()

COMPARED: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "call_id": pl.String,
    "is_eval": pl.Boolean,
    "is_sample": pl.Boolean,
    "input_sha256": pl.String,
    "input_language": pl.String,
    "harness_key": pl.Int64,
    "user_key": pl.Int64,
    "bucket": pl.Int32,
    "ln_input_chars": pl.Float64,
    "ln_output_chars": pl.Float64,
    "refusal": pl.Float64,
    "hedging": pl.Float64,
    "formatted": pl.Float64,
    "json": pl.Float64,
    "json_broken": pl.Float64,
    "other_language": pl.Float64,
    "tool_use": pl.Float64,
    "truncated": pl.Float64,
}
MATCHES: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "call_id": pl.String,
    "is_eval": pl.Boolean,
    "rank": pl.Int32,
    "match_call_id": pl.String,
    "similarity": pl.Float64,
    "caliper": pl.Float64,
    "odds_weight": pl.Float64,
}
MARKERS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "half": pl.Int32,
    "word": pl.String,
    "n": pl.Int64,
    "n_with": pl.Int64,
    "sum_near": pl.Float64,
    "sum_sq": pl.Float64,
}
CATEGORIES: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "run_kind": pl.String,
    "field": pl.String,
    "value": pl.String,
    "n": pl.Int64,
}
PARAMETERS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "run_kind": pl.String,
    "params_known": pl.Boolean,
    "temperature": pl.Float64,
    "top_p": pl.Float64,
    "max_tokens_bin": pl.Int64,
    "n": pl.Int64,
}
SYSTEM_TEXTS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "run_kind": pl.String,
    "system_sha256": pl.String,
    "n": pl.Int64,
}


def ago(days: int) -> date:
    return LAST - timedelta(days=days)


def known_on(rows: pl.DataFrame, day: date, n_days: int) -> pl.DataFrame:
    """Cut a daily table as the runner does."""
    first = day - timedelta(days=n_days - 1)
    return rows.filter(pl.col("day").is_between(first, day)).sort("day")


def named_on(
    tables: Sequence[pl.DataFrame], names: Sequence[str], day: date, n_days: int
) -> dict[str, Any]:
    """Cut daily tables as the runner does, and give them by their names."""
    return {
        f"summary__{name}": known_on(table, day, n_days)
        for name, table in zip(names, tables, strict=True)
    }


@dataclass(frozen=True, kw_only=True)
class World:
    """A feature with nightly evals of the same cases, and what is not as it should be.

    `switch` and `longer` are by how much evals refuse more often (a share of calls) and answer
    longer (ln), from `since` days ago on; `drift` is the same change for everybody. With
    `every` days between evals, `misplaced` is the share of matches on any topic.
    """

    n_days: int = 34
    per_day: int = 150
    n_cases: int = 40
    n_users: int = 300
    whale: float = 0.25
    every: int = 1
    misplaced: float = 0.03
    switch: float = 0.0
    longer: float = 0.0
    drift: float = 0.0
    since: int = 400
    eval_mix: Floats | None = None
    eval_harness: int = 1

    def tables(self, rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return `summary__compared_calls` and `summary__matches`."""
        age, user = self._volume(rng)
        topic = rng.choice(N_TOPICS, len(age), p=PRODUCTION_MIX / PRODUCTION_MIX.sum())
        temper = rng.normal(0, 1, self.n_users)
        live = self._calls(rng, age, topic, temper[user], is_eval=False)
        live = live.with_columns(
            call_id=pl.format("p{}", pl.int_range(pl.len())),
            input_sha256=pl.format("live {}", pl.int_range(pl.len())),
            user_key=pl.Series(user),
            bucket=pl.Series(rng.permutation(self.n_users)[user] % 64),
        )
        mix = EVAL_MIX if self.eval_mix is None else self.eval_mix
        case_topic = rng.choice(N_TOPICS, self.n_cases, p=mix / mix.sum())
        ages = np.arange(0, self.n_days, self.every)
        eval_age, case = np.repeat(ages, self.n_cases), np.tile(np.arange(self.n_cases), len(ages))
        hardness = rng.normal(0, 1, self.n_cases)
        asked = self._calls(rng, eval_age, case_topic[case], hardness[case], is_eval=True)
        asked = asked.with_columns(
            call_id=pl.format("e{}", pl.int_range(pl.len())),
            input_sha256=pl.format("case {}", pl.Series(case)),
            user_key=pl.Series(10_000 + np.arange(len(case))),
            bucket=pl.Series(np.arange(len(case)) % 64),
        )
        compared = pl.concat([live, asked]).select(
            pl.col(name).cast(kind) for name, kind in COMPARED.items()
        )
        return compared, self._matches(rng, (age, topic), (eval_age, case, case_topic))

    def _volume(self, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Age and user per production call: fewer at weekends, growth, one user calls most."""
        days = np.arange(self.n_days)
        weekend = np.array([ago(int(one)).weekday() >= 5 for one in days])
        expected = self.per_day * np.where(weekend, 0.55, 1.0) * (1.2 - 0.4 * days / self.n_days)
        n_calls = np.minimum(rng.poisson(expected), 300)
        rate = np.minimum(rng.pareto(1.5, self.n_users) + 0.2, 20)
        rate[0] = rate[1:].sum() * self.whale / (1 - self.whale)
        age = np.repeat(days, n_calls)
        return age, rng.choice(self.n_users, len(age), p=rate / rate.sum())

    def _calls(
        self, rng: np.random.Generator, age: Ints, topic: Ints, temper: Floats, *, is_eval: bool
    ) -> pl.DataFrame:
        n, is_late = len(age), age <= self.since
        more = self.drift * is_late + (self.switch * is_late if is_eval else 0.0)
        p = np.clip(P_REFUSAL[topic] * np.exp(0.3 * temper) + more, 0, 1)
        longer = self.longer * is_late if is_eval else 0.0
        length = LN_LENGTH[topic] + 0.15 * temper + longer + rng.normal(0, 0.4, n)
        return pl.DataFrame(
            {
                "age": age,
                "refusal": (rng.random(n) < p).astype(np.float64),
                "ln_output_chars": length,
                "formatted": (rng.random(n) < 0.3).astype(np.float64),
                "hedging": rng.binomial(4, 0.1, n) / 4,
                "ln_input_chars": rng.normal(4.5, 0.1, n),
            }
        ).with_columns(
            day=pl.lit(LAST) - pl.duration(days="age"),
            feature_id=pl.lit("help"),
            is_eval=pl.lit(is_eval),
            is_sample=pl.lit(value=True),
            harness_key=pl.lit(self.eval_harness if is_eval else 1),
            input_language=pl.lit("en"),
            json=pl.lit(0.0),
            json_broken=pl.lit(0.0),
            other_language=pl.lit(None, pl.Float64),
            tool_use=pl.lit(0.0),
            truncated=pl.lit(0.0),
        )

    def _matches(
        self, rng: np.random.Generator, live: tuple[Ints, Ints], asked: tuple[Ints, Ints, Ints]
    ) -> pl.DataFrame:
        """The three production calls of the week before that are nearest to each case."""
        (age, topic), (eval_age, case, case_topic) = live, asked
        near = (
            0.4 + 0.3 * (case_topic[:, None] == topic) + 0.2 * rng.random((self.n_cases, len(age)))
        )
        near[rng.random(near.shape) < self.misplaced / (2 * self.per_day)] = 0.95
        frames = []
        for day in np.unique(eval_age).tolist():
            pool = np.flatnonzero((age >= day) & (age < day + 7))
            if len(pool) < 50:
                continue
            found = np.argsort(-near[:, pool], axis=1, kind="stable")[:, :3]
            calls = np.flatnonzero(eval_age == day)
            rows = pool[found[case[calls]]]
            similarity = near[case[calls][:, None], rows]
            frames.append(
                pl.DataFrame(
                    {
                        "call_id": [f"e{i}" for i in calls for _ in range(3)],
                        "rank": np.tile([1, 2, 3], len(calls)),
                        "match_call_id": [f"p{i}" for i in rows.ravel()],
                        "similarity": similarity.ravel(),
                    }
                ).with_columns(day=pl.lit(ago(day)), is_eval=pl.lit(value=True))
            )
            today = np.flatnonzero(age == day)
            frames.append(
                pl.DataFrame(
                    {
                        "call_id": [f"p{i}" for i in today],
                        "rank": np.ones(len(today), dtype=np.int64),
                        "match_call_id": [f"e{i}" for i in calls[near[:, today].argmax(axis=0)]],
                        "similarity": near[:, today].max(axis=0),
                    }
                ).with_columns(day=pl.lit(ago(day)), is_eval=pl.lit(value=False))
            )
        return (
            pl.concat(frames)
            .with_columns(
                feature_id=pl.lit("help"),
                caliper=pl.lit(0.62),
                odds_weight=pl.when("is_eval").then(None).otherwise(1.0),
            )
            .select(pl.col(name).cast(kind) for name, kind in MATCHES.items())
        )


def harness(
    values: dict[str, dict[str, dict[str, int]]], days: range = range(7)
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Calls per field, run kind and value, the same on each day: the three tables of harness."""
    named, settings, texts = [], [], []
    for age in days:
        for field, sides in values.items():
            for run_kind, counts in sides.items():
                for value, n in counts.items():
                    row = (ago(age), "help", run_kind)
                    if field == "system_text":
                        texts.append((*row, value, n))
                    elif field in {"temperature", "top_p", "max_tokens"}:
                        told = {field: None if value == "unset" else float(value)}
                        one = [told.get(k) for k in ("temperature", "top_p", "max_tokens")]
                        settings.append((*row, True, *one[:2], one[2] and int(one[2]), n))
                    else:
                        named.append((*row, field, value, n))
    return (
        pl.DataFrame(named, schema=CATEGORIES, orient="row"),
        pl.DataFrame(settings, schema=PARAMETERS, orient="row"),
        pl.DataFrame(texts, schema=SYSTEM_TEXTS, orient="row"),
    )


PAIRED: Final = ("compared_calls", "matches")
HARNESS: Final = ("categories", "parameters", "system_texts")

SAME = {
    "request_model": {"prod": {"m-1": 100}, "eval": {"m-1": 40}},
    "prompt_version": {"prod": {"v3": 100}, "eval": {"v3": 40}},
}
"""Both sides run the same model and prompt."""
