"""Published models on published items: what is known of them is found."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.generalization import (
    capability_regression,
    forgetting_trend,
    narrow_gain,
    untested_capability,
)
from llmops_health_tests.health.generalization.simulate import (
    EVAL_CELLS,
    FEATURE,
    LAST,
    TEXT_CELLS,
    TEXT_SAMPLES,
    Floats,
    World,
    ago,
    answers,
)

FOLDER = "LLMOPS_HEALTH_REAL_DATA"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not os.environ.get(FOLDER), reason=f"{FOLDER} names no folder of real data"),
]


EMPTY = (
    pl.DataFrame(schema=TEXT_CELLS),
    pl.DataFrame(schema=TEXT_SAMPLES),
    pl.DataFrame(schema=EVAL_CELLS),
)


def folder() -> Path:
    return Path(os.environ[FOLDER])


def compared(world: World) -> list[Finding]:
    params = capability_regression.Params()
    return list(capability_regression.check(FEATURE, LAST, *world.tables(), params))


@pytest.fixture(scope="module")
def gsm8k() -> dict[str, Floats]:
    path = folder() / "gsm8k_solutions" / "example_model_solutions.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    names = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    return {name: np.array([row[name]["is_correct"] for row in rows], float) for name in names}


def test_gsm8k_scores_are_those_published(gsm8k: dict[str, Floats]) -> None:
    found = [float(scores.mean()) for scores in gsm8k.values()]
    assert found == pytest.approx([0.217, 0.390, 0.347, 0.563], abs=0.0006)


def test_a_verifier_is_a_gain_and_leaving_it_a_regression(gsm8k: dict[str, Floats]) -> None:
    def pair(base: str, tuned: str) -> list[Finding]:
        world = World({"maths": len(gsm8k[base])}).run("baseline", gsm8k[base], age=9, model=base)
        return compared(world.run("candidate", gsm8k[tuned], model=tuned))

    gained = pair("6b_finetuning", "6b_verification")
    assert [one.status for one in gained] == [Status.PASS]
    assert gained[0].value == pytest.approx(17.3, abs=0.1)
    lost = pair("175b_verification", "175b_finetuning")
    assert [(one.status, one.segment) for one in lost] == [
        (Status.FAIL, ""),
        (Status.FAIL, "maths"),
    ]
    assert lost[1].value == pytest.approx(-21.6, abs=0.1)
    # One of 6 billion parameters with a verifier against one of 175 without: p is 0.002.
    small = pair("6b_verification", "175b_finetuning")
    assert small[0].status is Status.WARN
    assert small[1].value == pytest.approx(-4.3, abs=0.1)


def test_gsm8k_cannot_see_two_points(gsm8k: dict[str, Floats]) -> None:
    world = World({"maths": 1_319}).run("baseline", gsm8k["6b_verification"], age=9)
    world.run("candidate", gsm8k["175b_finetuning"])
    params = untested_capability.Params()
    found = list(untested_capability.check(FEATURE, LAST, *world.tables(), *EMPTY, params))
    assert found[0].status is Status.WARN
    assert found[0].value == pytest.approx(4.0, abs=0.1)


def test_people_judge_newer_models_better_and_one_worse() -> None:
    rows = json.loads((folder() / "qa_eval" / "NQ.json").read_text("utf-8"))
    names = ("fid", "gpt35", "chatgpt", "gpt4", "newbing")
    scores = {name: np.array([row[f"judge_{name}"] for row in rows], float) for name in names}
    # Questions that people called improper have no judgement; the published shares are of all.
    means = [float(np.nansum(one)) / len(rows) for one in scores.values()]
    assert means == pytest.approx([0.584, 0.555, 0.622, 0.661, 0.675], abs=0.0006)

    def pair(base: str, tuned: str) -> Finding:
        world = World({"facts": len(rows)}).run("champion", scores[base], age=9, model=base)
        return compared(world.run("challenger", scores[tuned], model=tuned))[0]

    for base, tuned in (("fid", "chatgpt"), ("gpt35", "chatgpt"), ("chatgpt", "gpt4")):
        assert pair(base, tuned).status is Status.PASS
        assert pair(tuned, base).status is Status.FAIL
    assert pair("gpt4", "newbing").status is Status.PASS


def pythia(folder_name: str, step: int) -> dict[str, float]:
    parts = ("pythia_evals", "evals", "pythia-v1", "pythia-410m-deduped", folder_name)
    [path] = folder().joinpath(*parts).glob(f"*_step{step}.json")
    found = json.loads(path.read_text("utf-8"))["results"]
    return {task: row["acc"] for task, row in found.items() if "acc" in row}


def test_pythia_forgets_lambada_and_keeps_winogrande() -> None:
    rng = np.random.default_rng(0)
    steps = [136, 137, 138, 139, 140, 141]
    lambada = [pythia("intervention", 1000 * step)["lambada_openai"] for step in steps]
    assert (lambada[0], lambada[4]) == pytest.approx((0.513, 0.467), abs=0.0006)
    winogrande = [pythia("zero-shot", 1000 * step)["winogrande"] for step in (113, 123, 133, 143)]
    assert max(winogrande) - min(winogrande) < 0.02
    # Published are accuracies and numbers of items (5,153 and 1,267); most items stay as they were.
    world = World({"lambada": 5_153, "winogrande": 1_267})
    flat = answers(rng, np.full(1_267, winogrande[-1]))
    order = rng.permutation(5_153)
    for at, accuracy in enumerate(lambada):
        moved = rng.random(5_153) < 0.2
        right = (order < accuracy * 5_153).astype(float)
        scores = np.where(moved, rng.random(5_153) < accuracy, right)
        flat = answers(rng, np.full(1_267, winogrande[-1]), flat, 0.9)
        both = np.concatenate([scores, flat])
        world.run(None, both, age=30 - at, model="410m", component_id=f"step{steps[at]}000")

    def judge(age: int) -> list[Finding]:
        params = forgetting_trend.Params()
        day = ago(age)
        return list(forgetting_trend.check(FEATURE, day, *world.tables(day), params))

    assert [one.segment for one in judge(26) if one.status is Status.FAIL] == ["", "lambada"]
    assert "step138000" in judge(26)[0].message
    # A step later it is back: the dip was of that checkpoint.
    assert "lambada" not in [one.segment for one in judge(25)]


def test_a_tune_for_facts_that_loses_maths(gsm8k: dict[str, Floats]) -> None:
    rows = json.loads((folder() / "qa_eval" / "NQ.json").read_text("utf-8"))
    facts = [np.array([row[f"judge_{name}"] for row in rows], float) for name in ("fid", "gpt4")]
    maths = [gsm8k["175b_verification"], gsm8k["175b_finetuning"]]
    world = World({"facts": len(rows), "maths": 1_319})
    world.run("baseline", np.concatenate([facts[0], maths[0]]), age=9)
    world.run("candidate", np.concatenate([facts[1], maths[1]]))
    tuned = Feature(id="help", kind="rag", target_capability="facts")
    [found] = narrow_gain.check(tuned, LAST, *world.tables(), narrow_gain.Params())
    assert found.status is Status.FAIL
    assert found.value == pytest.approx(-21.6, abs=0.1)
