"""From calls with their texts to findings: topics are matched by meaning, and marks are seen."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_prod_gap import behaviour_switch, eval_marker, unmatched_traffic
from llmops_health_tests.health.eval_prod_gap.recorded import summaries
from llmops_health_tests.health.eval_prod_gap.simulate import FEATURE, LAST, ago

TOPICS = (
    ("refund the money for my order", 0.02, 150),
    ("find the parcel that has not been delivered", 0.05, 300),
    ("reset the password of my account", 0.3, 80),
    ("explain the amount on my last invoice", 0.1, 600),
    ("recommend a wine for a fish dinner", 0.7, 1_200),
)
LIVE = np.array([40, 30, 15, 10, 5]) / 100
EVALS = np.array([5, 10, 20, 25, 40]) / 100
OPENINGS = ("please", "can you", "I want you to", "could somebody", "hello, would you", "kindly")
ENDINGS = ("thanks", "it is urgent", "as I asked before", "since last week", "for my team", "today")
DAYS = 7


def world(
    seed: int, *, switch: float = 0.0, mark: float = 0.0, evals: np.ndarray = EVALS
) -> pl.DataFrame:
    """A week of 150 calls a day, and 60 cases every night; refusal and length go with the topic."""
    rng = np.random.default_rng(seed)

    def asked(n: int, mix: np.ndarray) -> tuple[np.ndarray, list[str]]:
        topic = rng.choice(len(TOPICS), n, p=mix)
        parts = zip(rng.choice(OPENINGS, n), topic, rng.choice(ENDINGS, n), strict=True)
        numbers = rng.integers(1_000, 9_999, n)
        return topic, [
            f"{a} {TOPICS[t][0]} {k} {b}" for (a, t, b), k in zip(parts, numbers, strict=True)
        ]

    def answered(topic: np.ndarray, more: float) -> list[str]:
        refused = rng.random(len(topic)) < np.array([one[1] for one in TOPICS])[topic] + more
        length = np.array([one[2] for one in TOPICS])[topic] * np.exp(
            0.3 * rng.normal(size=len(topic))
        )
        words = "Here is what to do next about it. "
        return [
            "I'm sorry, but I cannot help with that. " * 3 if no else (words * 80)[: int(k)]
            for no, k in zip(refused, length, strict=True)
        ]

    topic, texts = asked(150 * DAYS, LIVE)
    case_topic, cases = asked(60, evals)
    cases = [f"[case-{i:03}] {c}" if rng.random() < mark else c for i, c in enumerate(cases)]
    frames = []
    for age in range(DAYS):
        here = slice(150 * age, 150 * (age + 1))
        for run_kind, of, said, more in (
            ("prod", topic[here], texts[here], 0.0),
            ("eval", case_topic, cases, switch),
        ):
            frames.append(
                pl.DataFrame({"input_text": said, "output_text": answered(of, more)}).with_columns(
                    call_id=pl.format(
                        "{}-{}-{}", pl.lit(run_kind), pl.lit(age), pl.int_range(pl.len())
                    ),
                    day=pl.lit(ago(age)),
                    run_kind=pl.lit(run_kind),
                    user_id=pl.when(pl.lit(run_kind) == "prod").then(
                        pl.format("user-{}", pl.Series(rng.integers(0, 80, len(said))))
                    ),
                    request_model=pl.lit("m-1"),
                    prompt_version=pl.lit("v1"),
                    finish_reason=pl.lit("stop"),
                )
            )
    return pl.concat(frames)


def behaviour(calls: pl.DataFrame) -> list[Finding]:
    made = summaries(calls)
    names = ("compared_calls", "matches", "categories", "parameters", "system_texts")
    tables = {f"summary__{name}": made[f"summary__{name}"] for name in names}
    return list(
        behaviour_switch.check(
            feature=FEATURE, day=LAST, params=behaviour_switch.Params(), **tables
        )
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mix_of_topics_alone_is_no_switch(seed: int) -> None:
    calls = world(seed)
    refused = calls.with_columns(no=pl.col("output_text").str.starts_with("I'm sorry"))
    raw = dict(refused.group_by("run_kind").agg(pl.col("no").mean()).iter_rows())
    assert raw["eval"] - raw["prod"] > 0.15
    [found] = behaviour(calls)
    assert found.status in (Status.NOT_ENOUGH_DATA, Status.PASS)


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_a_switch_is_seen_through_the_mix_of_topics(seed: int) -> None:
    # Evals are about what is seldom refused: their raw rate is hardly above that of production.
    found = behaviour(world(seed, switch=0.3, evals=np.array([70, 25, 3, 1, 1]) / 100))
    assert found[0].status is Status.FAIL
    assert "refusals" in [one.segment for one in found]


def test_a_mark_in_the_prompts_is_named_and_no_prompt_is() -> None:
    for mark, status in ((0.0, Status.PASS), (0.9, Status.WARN)):
        words = summaries(world(7, mark=mark))["summary__marker_words"]
        params = eval_marker.Params()
        [found] = eval_marker.check(FEATURE, LAST, words, params)
        assert found.status is status
    assert '"case-#"' in found.message
    assert not any(topic in found.message for topic, *_ in TOPICS)


def test_evals_on_one_topic_leave_most_of_production_unmatched() -> None:
    params = unmatched_traffic.Params()
    for mix, status in ((LIVE, Status.PASS), (np.array([0, 0, 0, 0, 1.0]), Status.WARN)):
        made = summaries(world(8, evals=mix))
        tables = (made["summary__compared_calls"], made["summary__matches"])
        [found] = unmatched_traffic.check(FEATURE, LAST, *tables, params)
        assert found.status is status
