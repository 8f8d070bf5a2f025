"""Model changed silently: pairs by hand, thin data, and how often it errs on repeated prompts."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.drift.model_changed_silently import Params, check

DAY = date(2026, 7, 20)
DRAFTS = Feature(id="drafts", kind="generation")


def repeats(
    seed: int,
    n_prompts: int = 30,
    *,
    longer: float = 0.0,
    refusal: float = 0.0,
    label_changes: float | None = None,
    first_day: int = 6,
    models: tuple[str | None, str | None] = ("m-1", "m-1"),
) -> pl.DataFrame:
    """Draw `summary__repeats` of 7 days; days from `first_day` back on have changed answers."""
    rng = np.random.default_rng(seed)
    n = n_prompts
    ago = rng.integers(0, 7, n)
    changed = ago <= first_day
    n_now, n_before = rng.integers(1, 4, n), rng.integers(1, 7, n)
    before_share = 0.01
    now_share = before_share + refusal * changed
    level = rng.normal(6, 1, n)
    agreement = np.full(n, np.nan)
    if label_changes is not None:
        agreement = (rng.random(n) >= label_changes * changed).astype(float)
    return pl.DataFrame(
        {
            "day": [DAY - timedelta(days=int(a)) for a in ago],
            "feature_id": "drafts",
            "run_kind": "prod",
            "prompt_key": np.arange(n),
            "request_model": "m",
            "prompt_version": "v1",
            "settings": 700_000_700,
            "n_now": n_now,
            "n_before": n_before,
            "response_model_now": models[1],
            "response_model_before": models[0],
            "ln_chars_now": level + rng.normal(0, 0.3, n) / np.sqrt(n_now) + longer * changed,
            "ln_chars_before": level + rng.normal(0, 0.3, n) / np.sqrt(n_before),
            "refusal_now": rng.binomial(n_now, now_share) / n_now,
            "refusal_before": rng.binomial(n_before, before_share) / n_before,
            "formatted_now": 0.0,
            "formatted_before": 0.0,
            "json_now": 0.0,
            "json_before": 0.0,
            "hedged_now": 0.0,
            "hedged_before": 0.0,
            "label_agreement": agreement,
            "label_agreement_before": np.where(np.isnan(agreement), np.nan, 1.0),
        },
        schema_overrides={"day": pl.Date},
    ).with_columns(pl.col("^label_agreement.*$").fill_nan(None))


def judge(pairs: pl.DataFrame, params: Params | None = None) -> list[Finding]:
    return list(check(DRAFTS, DAY, pairs, params or Params()))


def test_longer_answers_to_the_same_prompts_fail() -> None:
    whole, length = judge(repeats(1, longer=np.log(1.6)))
    assert whole.status is length.status is Status.FAIL
    assert length.segment == "length"
    assert length.value == pytest.approx(np.log(1.6), abs=0.15)
    assert length.lo is not None
    assert length.lo > Params().min_length_change
    assert whole.message.endswith("response_model did not change.")


def test_a_change_of_the_response_model_is_told() -> None:
    whole = judge(repeats(1, longer=0.5, models=("m-1", "m-2")))[0]
    assert "response_model went from m-1 to m-2" in whole.message
    whole = judge(repeats(1, longer=0.5, models=(None, None)))[0]
    assert "response_model is not logged" in whole.message


def test_other_labels_to_the_same_prompts_fail() -> None:
    segments = {one.segment: one for one in judge(repeats(2, 60, label_changes=0.4))}
    assert segments["label"].status is Status.FAIL
    assert judge(repeats(2, 60, label_changes=0.0))[0].status is Status.PASS


def test_more_refusals_fail() -> None:
    segments = {one.segment: one for one in judge(repeats(3, 400, refusal=0.1))}
    assert segments["refusal"].status is Status.FAIL


@pytest.mark.parametrize(("floor", "status"), [(0.29, Status.FAIL), (0.31, Status.PASS)])
def test_the_floor_decides(floor: float, status: Status) -> None:
    pairs = repeats(1, longer=0).with_columns(ln_chars_now=pl.col("ln_chars_before") + 0.3)
    assert judge(pairs, Params(min_length_change=floor))[0].status is status


def test_a_change_on_one_day_of_many_waits_for_the_next() -> None:
    pairs = repeats(1, 300, longer=1.5, first_day=0)
    assert judge(pairs, Params(min_length_change=0.1))[0].status is Status.PASS


def test_a_single_day_with_pairs_is_enough() -> None:
    pairs = repeats(1, longer=0.5).with_columns(day=pl.lit(DAY))
    assert judge(pairs)[0].status is Status.FAIL


@pytest.mark.parametrize(("n", "status"), [(7, Status.NOT_ENOUGH_DATA), (8, Status.PASS)])
def test_eight_prompts_are_needed(n: int, status: Status) -> None:
    pairs = repeats(1, n).with_columns(ln_chars_now="ln_chars_before")
    assert judge(pairs)[0].status is status


def test_answers_that_vary_too_much_cannot_tell() -> None:
    noise = np.random.default_rng(1).normal(0, 2, 30)
    [whole] = judge(repeats(1).with_columns(ln_chars_now=pl.Series(6 + noise)))
    assert whole.status is Status.NOT_ENOUGH_DATA
    assert whole.message.startswith("Cannot tell:")


def test_nothing_repeated_is_not_applicable() -> None:
    [whole] = judge(repeats(1).clear())
    assert whole.status is Status.NOT_APPLICABLE


def test_the_evidence_runs() -> None:
    con = duckdb.connect()
    pairs = repeats(1, longer=0.5)
    con.execute("create table summary__repeats as select * from pairs")
    for one in judge(pairs):
        assert len(con.execute(one.evidence_sql).fetchall()) == 30


def test_unchanged_models_do_not_fail() -> None:
    statuses = [
        judge(repeats(seed, (8, 15, 40, 200)[seed % 4], label_changes=0.02))[0].status
        for seed in range(400)
    ]
    # True rate below 1 in 1,000 independent weeks, which is seldomer still per day.
    assert statuses.count(Status.FAIL) <= 1


@pytest.mark.parametrize("n_prompts", [20, 40])
def test_nineteen_of_twenty_updates_are_found(n_prompts: int) -> None:
    found = [judge(repeats(1000 + seed, n_prompts, longer=np.log(1.6)))[0] for seed in range(100)]
    # A p-value has to survive six more checks of the same day.
    assert sum(one.status is Status.FAIL and (one.p_value or 1) * 6 < 0.05 for one in found) >= 95
