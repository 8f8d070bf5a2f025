"""What people say afterwards: late labels by people and a judge, thumbs and session ratings."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import numpy as np
import polars as pl
from scipy.special import expit, logit

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.features import Feature
from llmops_health.demo.texts import FloatArray, Phrases
from llmops_health.demo.traffic import Users

LABELLED_SHARE = 0.25
JUDGED_SHARE_OF_LABELLED = 0.3
JUDGED_SHARE_OF_OTHERS = 0.01
THUMB_SHARE_GOOD = 0.05
THUMB_SHARE_BAD = 0.11
CSAT_SHARE = 0.03
COMMENT_SHARE = 0.2
N_LABELLERS = 6
COMMENTS = (
    "This is not what I asked for.",
    "Wrong again, I had to do it by hand.",
    "Did not help at all.",
    "Too long, and it misses the point.",
    "It does not seem to know about this.",
)


def make_labels(
    feature: Feature,
    phrases: Phrases,
    calls: pl.DataFrame,
    calendar: Calendar,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Label a quarter of the production calls by people, days later, and some by a judge.

    The judge mostly works where people did too, so that it can be audited; it agrees with what is
    true in `JUDGE_AGREEMENT` of its labels. Labels that come after the last day do not exist yet.
    """
    if feature.label_delay_days is None:
        return _label_frame(calls.head(0), pl.Series([], dtype=pl.String), np.zeros(0), "human")
    answered = calls.filter(
        (pl.col("run_kind") == "prod") & pl.col("predicted_label").is_not_null()
    )
    n = answered.height
    lo, hi = feature.label_delay_days
    by_people = rng.random(n) < LABELLED_SHARE
    delay_days = lo + (hi - lo) * rng.beta(1.4, 2.4, n)
    labeller = pl.format("lab-{}", pl.Series(rng.integers(1, N_LABELLERS + 1, n)))
    people = _label_frame(answered, answered["_true_label"], delay_days, "human").with_columns(
        labeller_id=labeller
    )
    share = np.where(by_people, JUDGED_SHARE_OF_LABELLED, JUDGED_SHARE_OF_OTHERS)
    by_judge = rng.random(n) < share
    names = pl.Series(phrases.labels)
    other = names.gather(rng.integers(0, names.len(), n))
    agrees = pl.Series(rng.random(n) < faults.JUDGE_AGREEMENT)
    # Where the other label happens to be the true one, the predicted one stands in for it.
    said = answered.select(
        pl.when(agrees)
        .then("_true_label")
        .when(pl.col("_true_label") == other)
        .then(pl.lit(phrases.labels[0]))
        .otherwise(other)
    ).to_series()
    judge = _label_frame(answered, said, rng.uniform(0.002, 0.02, n), "judge").with_columns(
        labeller_id=pl.lit("corvid-judge-v2")
    )
    labels = pl.concat([people.filter(pl.Series(by_people)), judge.filter(pl.Series(by_judge))])
    end = datetime.combine(calendar.last_day + timedelta(days=1), time())
    return labels.filter(pl.col("labelled_at") < end)


def _label_frame(
    calls: pl.DataFrame, said: pl.Series, delay_days: FloatArray, kind: str
) -> pl.DataFrame:
    delay = pl.Series((delay_days * 86_400).astype(np.int64)).cast(pl.Duration("us")) * 1_000_000
    return pl.DataFrame(
        {
            "call_id": calls["call_id"],
            "label": said,
            "labelled_at": calls["started_at"] + delay,
            "labeller_kind": pl.Series([kind] * calls.height, dtype=pl.String),
            "labeller_id": pl.Series([None] * calls.height, dtype=pl.String),
        }
    )


def make_feedback(
    feature: Feature,
    users: Users,
    calls: pl.DataFrame,
    calendar: Calendar,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Let some users give a thumb (more often a thumb down) and a few rate their session."""
    answered = calls.filter((pl.col("run_kind") == "prod") & pl.col("error_type").is_null())
    n = answered.height
    harshness = users.harshness[answered["_user"].to_numpy()]
    p_good = expit(logit(answered["_p_good"].to_numpy()) - harshness)
    is_good = rng.random(n) < p_good
    responds = rng.random(n) < np.where(is_good, THUMB_SHARE_GOOD, THUMB_SHARE_BAD)
    comments = pl.Series(COMMENTS).gather(rng.integers(0, len(COMMENTS), n))
    comments_too = pl.Series(~is_good & (rng.random(n) < COMMENT_SHARE))
    answered = answered.with_columns(
        _score=pl.Series(is_good.astype(np.float64)),
        _seconds=pl.Series(rng.exponential(900, n).astype(np.int64) + 5),
        _comment=pl.when(comments_too).then(comments),
    )
    thumbs = answered.filter(pl.Series(responds)).select(
        **_feedback_columns(feature, "thumb", "_score"),
        call_id="call_id",
        session_id="session_id",
        rater_id="user_id",
        source_kind=pl.lit("HUMAN"),
        comment_text="_comment",
    )
    sessions = answered.group_by("session_id", maintain_order=True).agg(
        pl.col("started_at", "_seconds", "user_id").last(), _score=pl.col("_score").mean()
    )
    noise = rng.normal(0, 0.15, sessions.height)
    rated = pl.Series(rng.random(sessions.height) < CSAT_SHARE)
    stars = ((sessions["_score"] * 0.9 + noise).clip(0, 1) * 4).round() / 4
    csat = (
        sessions.with_columns(_score=stars)
        .filter(rated)
        .select(
            **_feedback_columns(feature, "csat", "_score"),
            call_id=pl.lit(None, dtype=pl.String),
            session_id="session_id",
            rater_id="user_id",
            source_kind=pl.lit("HUMAN"),
            comment_text=pl.lit(None, dtype=pl.String),
        )
    )
    end = datetime.combine(calendar.last_day + timedelta(days=1), time())
    feedback = pl.concat([thumbs, csat]).filter(pl.col("created_at") < end)
    feedback = feedback.sort("created_at", maintain_order=True)
    number = pl.int_range(feedback.height).cast(pl.String).str.zfill(6)
    return feedback.with_columns(feedback_id=pl.format("fb-{}-{}", pl.lit(feature.prefix), number))


def _feedback_columns(feature: Feature, name: str, score: str) -> dict[str, pl.Expr]:
    return {
        "feedback_id": pl.lit(""),
        "feature_id": pl.lit(feature.feature_id),
        "created_at": pl.col("started_at") + pl.duration(seconds="_seconds"),
        "score": pl.col(score),
        "name": pl.lit(name),
    }
