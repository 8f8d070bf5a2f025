"""Two versions of a real model on the same questions: one stands for evals, one for production."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_prod_gap import behaviour_switch
from llmops_health_tests.health.eval_prod_gap.recorded import summaries
from llmops_health_tests.health.eval_prod_gap.simulate import FEATURE, LAST

FOLDER = "LLMOPS_HEALTH_REAL_DATA"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not os.environ.get(FOLDER), reason=f"{FOLDER} names no folder of real data"),
]
MARCH, JUNE = "openaichat/gpt-4-0314", "openaichat/gpt-4-0613"


def answers(model: str) -> pl.DataFrame:
    """Return 500 questions and their answers at temperature 0.1."""
    path = Path(os.environ[FOLDER]) / "llmdrift" / "PRIME_FULL_EVAL.csv"
    rows = pl.read_csv(path, columns=["model", "temperature", "id", "query", "answer"])
    chosen = rows.filter((pl.col("model") == model) & (pl.col("temperature") == 0.1))
    return chosen.sort("id").unique("id", keep="first", maintain_order=True).head(500)


def judged(evals: pl.DataFrame, production: pl.DataFrame) -> list[Finding]:
    sides = [
        side.select(
            call_id=pl.format("{}-{}", pl.lit(run_kind), pl.col("id")),
            day=pl.lit(LAST) - pl.duration(days=pl.int_range(pl.len()) % 7),
            run_kind=pl.lit(run_kind),
            user_id=pl.format("{}", pl.col("id") % 60),
            request_model=pl.lit("gpt-4"),
            input_text="query",
            output_text="answer",
        )
        for run_kind, side in (("eval", evals), ("prod", production))
    ]
    made = summaries(pl.concat(sides))
    names = ("compared_calls", "matches", "categories", "parameters", "system_texts")
    tables = {f"summary__{name}": made[f"summary__{name}"] for name in names}
    return list(
        behaviour_switch.check(
            feature=FEATURE, day=LAST, params=behaviour_switch.Params(), **tables
        )
    )


def test_answers_of_638_and_of_4_characters_to_the_same_questions() -> None:
    found = judged(answers(MARCH), answers(JUNE))
    assert found[0].status is Status.WARN
    length = next(one for one in found if one.segment == "answer length")
    assert length.value is not None
    assert length.value > 1_000
    assert f"({length.n} the very same, the others alike)" in length.message


def test_one_version_on_two_halves_of_the_questions_is_no_switch() -> None:
    march = answers(MARCH)
    odd = march.filter(pl.col("id") % 2 == 1).head(100)
    found = judged(odd, march.filter(pl.col("id") % 2 == 0))
    assert [one.status for one in found] in ([Status.PASS], [Status.NOT_ENOUGH_DATA])
    assert "answer length" in found[0].message
