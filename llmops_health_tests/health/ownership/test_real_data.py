"""CODEOWNERS of six public repositories of LLM software: who owns them, and in how few hands."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path, PurePath

import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.ownership import _owners
from llmops_health.health.ownership.unowned_feature import Params, check
from llmops_health.ingest.documents import codeowners
from llmops_health.kernels.concentration import bus_factor, effective_number
from llmops_health_tests.health.ownership.simulate import (
    DAY,
    NO_PIPELINES,
    NO_STEPS,
    parts,
    rule,
    versions,
)

FOLDER = "LLMOPS_HEALTH_REAL_DATA"
# Without the variable the path is relative and names nothing: the tests say so and are skipped.
OWNERS = Path(os.environ.get(FOLDER, "")) / "aibom" / "codeowners"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not OWNERS.is_dir(), reason=f"{FOLDER} names no folder of real data"),
]

# Read by hand: rules, owners, 1 / sum of squared shares of mentions, who holds half of them.
FACTS = {
    "Arize-ai+phoenix": (6, 5, 81 / 17, 3),
    "EleutherAI+lm-evaluation-harness": (1, 2, 2.0, 1),
    "NVIDIA+garak": (1, 3, 3.0, 2),
    "langfuse+langfuse": (2, 1, 1.0, 1),
    "openlit+openlit": (2, 2, 9 / 5, 1),
}


def rows_of(name: str) -> list[dict[str, object]]:
    text = (OWNERS / f"{name}.CODEOWNERS").read_text("utf-8")
    found = (row for _, row in codeowners.rows(text, "components", PurePath("CODEOWNERS")))
    return [rule(str(row["name"]), str(row["owner"] or "")) for row in found]


def judge(name: str) -> Finding:
    feature = Feature(id="help", kind="rag", lifecycle="production")
    listed = parts(*rows_of(name))
    [finding] = check(feature, DAY, listed, versions(), NO_STEPS, NO_PIPELINES, Params())
    return finding


@pytest.mark.parametrize("name", list(FACTS))
def test_ownership_is_as_concentrated_as_it_is(name: str) -> None:
    rows = rows_of(name)
    mentions = Counter(one for row in rows for one in _owners.owners(str(row["owner"])))
    counts = list(mentions.values())
    n_rules, n_owners, n_effective, n_half = FACTS[name]
    assert (len(rows), len(counts), bus_factor(counts)) == (n_rules, n_owners, n_half)
    assert effective_number(counts) == pytest.approx(n_effective)


def test_a_repository_of_one_person_is_a_doubt() -> None:
    finding = judge("langfuse+langfuse")
    assert finding.status is Status.WARN
    assert "@bezbac (CODEOWNERS): that is one person" in finding.message


def test_the_rule_for_everything_says_who_answers() -> None:
    assert judge("openlit+openlit").message == "Owned by @openlit/litters (CODEOWNERS)."
    assert judge("LAION-AI+Open-Assistant").message == "Owned by @yk, @andreaskoepf (CODEOWNERS)."
    # Without one, all who own anything.
    assert judge("Arize-ai+phoenix").value == 5
