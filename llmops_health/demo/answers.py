"""What the model answers in the demo world, how sure it is, and whether it was right."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import expit

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.features import Feature
from llmops_health.demo.texts import REFUSALS, BoolArray, IntArray, Phrases, compose_answers, fill
from llmops_health.demo.traffic import Users, per_user


def make_answers(
    feature: Feature,
    phrases: Phrases,
    users: Users,
    requests: pl.DataFrame,
    slots: pl.DataFrame,
    calendar: Calendar,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Answer each request: output_text, what else the kind of feature logs, and the truth."""
    if feature.skill is not None:
        return _choose_label(feature.skill, phrases, users, requests, slots, calendar, rng)
    return _write_answer(feature, phrases, requests, slots, calendar, rng)


def _choose_label(
    skill: float,
    phrases: Phrases,
    users: Users,
    requests: pl.DataFrame,
    slots: pl.DataFrame,
    calendar: Calendar,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Choose labels such that a call stated at confidence c is right with probability c."""
    names = phrases.labels
    label_of_topic = np.array([names.index(t.label) for t in phrases.topics])
    topic = requests["topic"].to_numpy()
    believed = label_of_topic[topic]
    harder = np.where([t.label == "oos" for t in phrases.topics], -1.4, 0.0)
    harder += np.linspace(-0.25, 0.25, harder.size)
    logit = skill + harder[topic] + per_user(users.clarity, requests["user"])
    confidence = np.round(
        np.clip(expit(logit + 1.2 * requests["z_confidence"].to_numpy()), 0.35, 0.995), 4
    )
    correct = requests["u_correct"].to_numpy() < confidence
    # The square makes some confusions common, as they are in practice.
    shift = 1 + ((len(names) - 1) * requests["u_wrong"].to_numpy() ** 2).astype(np.int64)
    predicted = np.where(correct, believed, (believed + shift) % len(names))
    true = believed
    if "oos" in names:
        true = _drifted_labels(phrases, requests, believed, calendar, rng)
    labels = pl.Series(names)
    frame = pl.DataFrame(
        {
            "predicted_label": labels.gather(predicted),
            "confidence": confidence,
            "_true_label": labels.gather(true),
            "_p_good": np.where(predicted == true, 0.94, 0.25),
            "_is_refusal": np.zeros(topic.size, dtype=np.bool_),
        }
    )
    output = frame["predicted_label"]
    if phrases.output:
        texts = pl.Series([phrases.output]).gather(np.zeros(topic.size, dtype=np.int64))
        output = fill(texts, slots.with_columns(label=output))
    return frame.with_columns(output.alias("output_text"))


def _drifted_labels(
    phrases: Phrases,
    requests: pl.DataFrame,
    label: IntArray,
    calendar: Calendar,
    rng: np.random.Generator,
) -> IntArray:
    """Change what is true from the day of the drift on; inputs and predictions stay."""
    names, topics = phrases.labels, [t.name for t in phrases.topics]
    topic = requests["topic"].to_numpy()
    drifted = requests["day"].to_numpy() >= calendar.index(faults.LABEL_DRIFT_DAY)
    handed_over = drifted & (topic == topics.index(faults.HANDED_OVER_TOPIC))
    reassigned = drifted & (topic == topics.index(faults.REASSIGNED_TOPIC))
    reassigned &= rng.random(topic.size) < faults.REASSIGNED_SHARE
    true = np.where(handed_over, names.index("oos"), label)
    return np.where(reassigned, names.index(faults.REASSIGNED_TO), true)


def _write_answer(
    feature: Feature,
    phrases: Phrases,
    requests: pl.DataFrame,
    slots: pl.DataFrame,
    calendar: Calendar,
    rng: np.random.Generator,
) -> pl.DataFrame:
    n = requests.height
    topic = requests["topic"].to_numpy()
    updated: BoolArray = np.zeros(n, dtype=np.bool_)
    if feature.feature_id == faults.SALES_DRAFTS:
        updated = requests["day"].to_numpy() >= calendar.index(faults.SILENT_UPDATE_DAY)
    is_agent = feature.kind == "agent"
    length = np.where(updated, 4.6, 2.7) + rng.normal(0, 0.8, n)
    n_sentences = np.clip(np.rint(length), 1, 7).astype(np.int64)
    markdown = rng.random(n) < np.where(updated, 0.75, 1.0 if is_agent else 0.06)
    output = compose_answers(phrases, topic, n_sentences, markdown, slots, rng)
    if is_agent:
        snippet = pl.Series(["```python\n{function}(rows)\n```\n\n"] * n)
        with_code = pl.Series(rng.random(n) < 0.4)
        output = pl.select(
            pl.when(with_code).then(pl.concat_str(fill(snippet, slots), output)).otherwise(output)
        ).to_series()
    refusal_share = np.where(updated, faults.REFUSAL_SHARE_UPDATED, faults.REFUSAL_SHARE)
    refuses = rng.random(n) < refusal_share
    refusal = pl.Series(REFUSALS).gather(rng.integers(0, len(REFUSALS), n))
    good = np.array([t.good for t in phrases.topics])[topic]
    frame = pl.DataFrame(
        {
            "output_text": output,
            "_p_good": np.where(refuses, 0.08, good),
            "_is_refusal": refuses,
        }
    ).with_columns(
        output_text=pl.when("_is_refusal").then(refusal).otherwise(pl.col("output_text"))
    )
    if feature.kind == "rag":
        is_new = topic == [t.name for t in phrases.topics].index(faults.NEW_TOPIC)
        quality = np.where(is_new, rng.beta(6, 7, n), rng.beta(12, 3, n))
        frame = frame.with_columns(
            context_score=pl.Series(np.round(quality, 3)),
            n_context_chunks=pl.Series(rng.integers(3, 9, n)),
        )
    if is_agent:
        chosen = rng.integers(0, len(phrases.tools), n)
        frame = frame.with_columns(tools=pl.Series(phrases.tools).gather(chosen))
    return frame
