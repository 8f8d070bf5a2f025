"""The evidence of every alarm runs on the tables as they are stored, whatever the names hold."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
import pytest

from llmops_health import steps
from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.sampling import (
    conflicting_parameters,
    eval_parameters_differ,
    hot_sampling,
    knob_illusion,
    unstable_answers,
    unversioned_change,
)
from llmops_health.storage.engines import memory
from llmops_health_tests.health.sampling.simulate import (
    LAST,
    NO_RESULTS,
    NO_RUNS,
    RUNS,
    answers,
    calls,
    eval_run,
    outcomes,
    parameters,
    table,
    truncated,
)

HOSTILE = 'it\'s "a";\n-- drop'
FEATURE = Feature.unlisted(HOSTILE).model_copy(update={"kind": "classifier"})
NAMES = {"feature_id": HOSTILE, "prompt_name": HOSTILE, "prompt_version": None}

RNG = np.random.default_rng(0)
CALLS = parameters(
    calls(40, range(2, 42), temperature=0.7, top_p=0.9, **NAMES),
    calls(40, range(2), temperature=1.0, top_p=0.9, **NAMES),
    calls(20, temperature=0.7, request_model=f"{HOSTILE}/o3-'mini", **NAMES),
    calls(20, temperature=0.8, has_seed=True, n_limited=20, n_over_limit=20, **NAMES),
    calls(20, run_kind="eval", temperature=0.0, **NAMES),
)
RATES = truncated(0.1, 150, RNG).with_columns(feature_id=pl.lit(HOSTILE))
AT = np.arange(3000)
HOT = (AT // 5) % 2 == 1
KNOWN = outcomes(
    (AT % 5 > 2) & (~HOT | (AT % 3 == 0)), AT % 28, AT // 10, context_bin=AT % 5,
    temperature=np.where(HOT, 0.7, 0.0), feature_id=HOSTILE,
)  # fmt: skip
TURNED = KNOWN.with_columns(temperature=pl.when(pl.col("bucket") < 32).then(0.0).otherwise(0.7))
SAID = answers(RNG.integers(0, 3, (60, 3)), feature_id=HOSTILE)
RUN = table([eval_run(3, 0.0, feature_id=HOSTILE)], RUNS)
PROD = CALLS.filter(pl.col("run_kind") == "prod")


def alarms() -> dict[str, Iterable[Finding]]:
    return {
        "conflicting_parameters": conflicting_parameters.check(
            FEATURE, LAST, CALLS, RATES, conflicting_parameters.Params()
        ),
        "hot_sampling": hot_sampling.check(FEATURE, LAST, CALLS, KNOWN, hot_sampling.Params()),
        "hot_sampling without loss": hot_sampling.check(
            FEATURE, LAST, CALLS, KNOWN.clear(), hot_sampling.Params()
        ),
        "unversioned_change": unversioned_change.check(
            FEATURE, LAST, CALLS, unversioned_change.Params()
        ),
        "knob_illusion": knob_illusion.check(FEATURE, LAST, TURNED, SAID, knob_illusion.Params()),
        "unstable_answers": unstable_answers.check(
            FEATURE, LAST, SAID, NO_RUNS, NO_RESULTS, unstable_answers.Params()
        ),
        "eval_parameters_differ": eval_parameters_differ.check(
            FEATURE, LAST, CALLS, NO_RUNS, eval_parameters_differ.Params()
        ),
        "eval_parameters_differ by runs": eval_parameters_differ.check(
            FEATURE, LAST, PROD, RUN, eval_parameters_differ.Params()
        ),
    }


@pytest.mark.parametrize("name", sorted(alarms()))
def test_evidence_runs_and_shows_rows(name: str) -> None:
    found = list(alarms()[name])
    assert found[0].status in (Status.WARN, Status.FAIL)
    tables = {
        "summary__parameters": CALLS,
        "summary__rates": RATES,
        "summary__outcomes": TURNED if name == "knob_illusion" else KNOWN,
        "summary__answers": SAID,
        "core__eval_runs": RUN,
    }
    with memory() as db:
        for table_name, rows in tables.items():
            db.register("given", rows)
            db.execute(f"create table {table_name} as select * from given")
            db.unregister("given")
        columns = steps.all_tables()["core__calls"]
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        db.execute(f"create table core__calls ({listed})")
        db.execute(
            "insert into core__calls (call_id, feature_id, day, run_kind, finish_reason)"
            " values ('c', $feature, $day, 'prod', 'length')",
            {"feature": HOSTILE, "day": LAST},
        )
        for one in found:
            assert one.action
            assert one.message.endswith(".")
            assert db.sql(one.evidence_sql).pl().height >= 1


def test_conflicts_of_all_kinds_are_shown() -> None:
    segments = {one.segment for one in alarms()["conflicting_parameters"]}
    assert segments == {
        "", "temperature_and_top_p", "random_where_one_answer", "ignored_by_reasoning_model",
        "limit_not_in_force", "seed_on_some_calls", "cut_off",
    }  # fmt: skip
