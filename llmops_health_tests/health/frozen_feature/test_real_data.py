"""Published models on published questions: the better version is found, and none where there is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.frozen_feature.beaten_by_challenger import Params, check
from llmops_health_tests.health.frozen_feature.simulate import FEATURE, LAST, run, versions

FOLDER = "LLMOPS_HEALTH_REAL_DATA"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not os.environ.get(FOLDER), reason=f"{FOLDER} names no folder of real data"),
]


def folder() -> Path:
    return Path(os.environ[FOLDER])


@pytest.fixture(scope="module")
def primes() -> dict[str, list[float]]:
    """Whether each model's last yes or no is right, question by question."""
    rows = pl.read_csv(folder() / "llmdrift" / "PRIME_FULL_EVAL.csv", infer_schema=False)
    said = pl.col("answer").str.to_lowercase().str.extract_all(r"\b(?:yes|no)\b").list.last()
    right = rows.with_columns(right=(said == pl.col("ref_answer").str.to_lowercase()))
    return {
        str(model).removeprefix("openaichat/"): part.sort("query")["right"]
        .fill_null(value=False)
        .cast(pl.Float64)
        .to_list()
        for (model,), part in right.partition_by("model", as_dict=True).items()
    }


def dueled(champion: tuple[str, list[float]], *others: tuple[str, list[float]]) -> list[Finding]:
    items = [run(champion[1], "champion", champion[0])]
    items += [run(scores, "challenger", name) for name, scores in others]
    return list(check(FEATURE, LAST, pl.concat(items), versions(), Params()))


def test_the_march_version_of_gpt_4_beats_the_one_of_june(primes: dict[str, list[float]]) -> None:
    march, june = (("gpt-4-0314", primes["gpt-4-0314"]), ("gpt-4-0613", primes["gpt-4-0613"]))
    [found] = dueled(june, march)
    assert found.status is Status.WARN
    assert found.value == pytest.approx(32.9, abs=0.2)
    assert dueled(march, june)[0].status is Status.PASS


def test_of_several_challengers_the_best_speaks(primes: dict[str, list[float]]) -> None:
    names = ("gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613", "gpt-4-0314", "gpt-4-0613")
    champion, *others = ((name, primes[name]) for name in names)
    found = dueled(champion, *others)
    assert found[0].message.startswith("gpt-4-0314 v1 scores 84.0 %")
    assert [one.segment for one in found] == ["", "challenger gpt-3.5-turbo-0613 v1"]
    assert all(one.status is Status.WARN for one in found)


def test_a_change_of_prompt_without_effect_beats_nothing() -> None:
    runs = [
        [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
        for path in sorted((folder() / "rag_chat_evals").glob("**/*.jsonl"))
    ]
    assert [len(one) for one in runs] == [200, 200]
    for name in ("gpt_groundedness", "gpt_relevance"):
        first, second = ([(row[name] - 1) / 4 for row in one] for one in runs)
        assert all(
            one.status is not Status.WARN
            for pair in ((first, second), (second, first))
            for one in dueled(("m", pair[0]), ("n", pair[1]))
        )
