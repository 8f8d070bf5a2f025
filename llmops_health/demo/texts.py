"""What is said in the demo world: inputs and answers put together from phrases with slots.

The phrases are data (`phrases/*.toml`); which topic a call has is decided elsewhere.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MAX_SENTENCES = 7
REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I'm sorry, but I cannot assist with this.",
    "I am unable to help with that. Please contact a colleague instead.",
    "As an AI model, I cannot fulfil this request.",
)


@dataclass(frozen=True, slots=True)
class Topic:
    """One subject: how often it comes up, what is asked, what is answered."""

    name: str
    weekday: float
    weekend: float
    asks: list[str]
    label: str = ""
    good: float = 0.85
    answers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Phrases:
    """All phrases of one feature."""

    system: str
    openers: list[str]
    details: list[str]
    closers: list[str]
    topics: list[Topic]
    output: str = ""
    leads: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    tools: list[list[str]] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """The labels in the order of their first topic."""
        return list(dict.fromkeys(topic.label for topic in self.topics))


def _read(name: str) -> dict[str, Any]:
    source = files("llmops_health.demo") / "phrases" / f"{name}.toml"
    return tomllib.loads(source.read_text(encoding="utf-8"))


@cache
def load_phrases(feature_id: str) -> Phrases:
    """Read the phrases of a feature."""
    content = _read(feature_id)
    return Phrases(**{**content, "topics": [Topic(**topic) for topic in content["topics"]]})


@cache
def slot_words() -> dict[str, list[str]]:
    """Return the words that each slot can take, in a fixed order."""
    numbered = {
        "order": [f"A-{10_007 + 37 * i}" for i in range(800)],
        "amount": [f"{11.9 + 13.37 * i:.2f}" for i in range(150)],
        "isodate": [f"2026-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(12 * 28)],
    }
    return {**_read("slots"), **numbered}


def draw_slots(n: int, rng: np.random.Generator) -> pl.DataFrame:
    """Draw one word per slot for each of `n` texts."""
    return pl.DataFrame(
        {
            slot: pl.Series(words).gather(rng.integers(0, len(words), n))
            for slot, words in slot_words().items()
        }
    )


def fill(texts: pl.Series, slots: pl.DataFrame) -> pl.Series:
    """Put the words of each row's slots where `{slot}` stands in its text."""
    frame = slots.with_columns(texts.alias("_text"))
    for slot in slots.columns:
        mark = "{" + slot + "}"
        if texts.str.contains(mark, literal=True).any():
            frame = frame.with_columns(
                pl.col("_text").str.replace_all(mark, pl.col(slot), literal=True)
            )
    return frame["_text"]


def compose_inputs(
    phrases: Phrases,
    topics: IntArray,
    asks: IntArray,
    wordiness: FloatArray,
    slots: pl.DataFrame,
    rng: np.random.Generator,
) -> pl.Series:
    """Compose one input per row: opener, ask, details and closer, more of them from the wordy.

    Parameters
    ----------
    topics, asks
        Index of the topic, and of the ask within it; shape (n,).
    wordiness
        In standard deviations over users; shape (n,).
    """
    n = topics.size
    n_details = np.clip(np.rint(0.9 + 0.6 * wordiness + rng.normal(0, 0.6, n)), 0, 2)
    first = rng.integers(0, len(phrases.details), n)
    step = rng.integers(1, len(phrases.details), n)
    parts = {
        "opener": _pick(phrases.openers, rng.integers(0, len(phrases.openers), n)),
        "ask": _pick([ask for t in phrases.topics for ask in t.asks], _flat(phrases, topics, asks)),
        "detail_1": _pick(phrases.details, first),
        "detail_2": _pick(phrases.details, (first + step) % len(phrases.details)),
        "closer": _pick(phrases.closers, rng.integers(0, len(phrases.closers), n)),
    }
    shown = {
        "opener": rng.random(n) < 0.55,
        "ask": np.full(n, fill_value=True),
        "detail_1": n_details >= 1,
        "detail_2": n_details >= 2,
        "closer": rng.random(n) < 0.4,
    }
    return fill(_join(parts, shown, " "), slots)


def _flat(phrases: Phrases, topics: IntArray, asks: IntArray) -> IntArray:
    starts = np.cumsum([0, *(len(topic.asks) for topic in phrases.topics)])
    return np.asarray(starts[topics] + asks, dtype=np.int64)


def compose_answers(
    phrases: Phrases,
    topics: IntArray,
    n_sentences: IntArray,
    markdown: BoolArray,
    slots: pl.DataFrame,
    rng: np.random.Generator,
) -> pl.Series:
    """Compose one answer per row: a lead, `n_sentences` distinct sentences and perhaps an end.

    Where `markdown` is true, the sentences are a bullet list under a bold heading.
    """
    n = topics.size
    counts = np.array([len(topic.answers) for topic in phrases.topics])
    starts = np.cumsum([0, *counts])
    offset = rng.integers(0, 10_000, n)
    sentences = [sentence for topic in phrases.topics for sentence in topic.answers]
    parts = {
        f"s{i}": _pick(sentences, starts[topics] + (offset + i) % counts[topics])
        for i in range(MAX_SENTENCES)
    }
    shown = {f"s{i}": (i < n_sentences) & (i < counts[topics]) for i in range(MAX_SENTENCES)}
    lead = _pick(phrases.leads, rng.integers(0, len(phrases.leads), n))
    end = _pick(phrases.ends, rng.integers(0, len(phrases.ends), n))
    has_end = pl.Series(rng.random(n) < 0.6)
    frame = pl.DataFrame(
        {
            "lead": lead,
            "plain": _join(parts, shown, " "),
            "bullets": _join(parts, shown, "\n- "),
            "end": end.set(~has_end, ""),
            "markdown": markdown,
        }
    )
    plain = pl.concat_str("lead", pl.lit(" "), "plain", pl.lit(" "), "end")
    is_headed = pl.col("lead").str.starts_with("#")
    heading = pl.when(is_headed).then(pl.lit("")).otherwise(pl.lit("\n\n**In short:**"))
    marked = pl.concat_str("lead", heading, pl.lit("\n\n- "), "bullets", pl.lit("\n\n"), "end")
    texts = frame.select(
        pl.when("markdown").then(marked).otherwise(plain).str.strip_chars_end()
    ).to_series()
    return fill(texts, slots)


def _pick(choices: list[str], index: npt.NDArray[Any]) -> pl.Series:
    return pl.Series(choices, dtype=pl.String).gather(index)


def _join(parts: dict[str, pl.Series], shown: dict[str, BoolArray], separator: str) -> pl.Series:
    frame = pl.DataFrame(parts).with_columns(
        pl.when(pl.Series(shown[name])).then(pl.col(name)).alias(name) for name in parts
    )
    joined = frame.select(pl.concat_str(pl.all(), separator=separator, ignore_nulls=True))
    return joined.to_series()
