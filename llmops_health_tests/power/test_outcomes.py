"""Outcomes drawn anew: calibrated whatever they were, with users as unlike as they were."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from llmops_health.kernels.confidence_gap import gap_design_effect
from llmops_health.power.outcomes import as_promised

LABELS = np.array(["a", "b", "c"])


def labelled(n: int, *, too_sure: float = 0.0, unlike: float = 0.0, seed: int = 1) -> pl.DataFrame:
    """Calls with a confidence; `too_sure` and the sd `unlike` of users are on the logit scale."""
    rng = np.random.default_rng(seed)
    bucket = rng.integers(0, 64, n)
    conf = rng.beta(6, 2, n).clip(0.01, 0.99)
    users = rng.normal(0, unlike, 64)
    right = rng.random(n) < expit(logit(conf) - too_sure + users[bucket])
    said = rng.integers(0, 3, n)
    label = np.where(right, said, (said + 1) % 3)
    return pl.DataFrame(
        {
            "day": [date(2026, 3, 2)] * n, "labeller": "truth", "run_kind": "prod",
            "label": LABELS[label], "predicted_label": LABELS[said], "bucket": bucket,
            "k": (100 * conf).astype(int), "n": 1, "sum_conf": conf, "sum_conf_sq": conf**2,
        }
    )  # fmt: skip


def drawn(rows: pl.DataFrame, seed: int = 2) -> pl.DataFrame:
    return as_promised(rows, rows, np.random.default_rng(seed))


def accuracy(rows: pl.DataFrame) -> float:
    right = rows.filter(pl.col("label") == pl.col("predicted_label"))
    return int(right["n"].sum()) / int(rows["n"].sum())


def design_effect(rows: pl.DataFrame) -> float:
    right = rows["label"] == rows["predicted_label"]
    columns = [
        rows["n"],
        rows["n"] * right,
        rows["sum_conf"],
        rows["sum_conf_sq"],
        rows["sum_conf"] * right,
    ]
    weights = [np.asarray(column, dtype=np.float64) for column in columns]
    return gap_design_effect(
        np.stack([np.bincount(rows["bucket"], w, 64) for w in weights], axis=1)
    )


@pytest.mark.parametrize("too_sure", [-1.0, 0.0, 1.5])
def test_confidence_comes_true_at_every_height(too_sure: float) -> None:
    rows = drawn(labelled(20_000, too_sure=too_sure))
    for low in (20, 50, 70, 85):
        part = rows.filter(pl.col("k").is_between(low, low + 14))
        n = int(part["n"].sum())
        promised = float(part["sum_conf"].sum()) / n
        error = (promised * (1 - promised) / n) ** 0.5
        assert accuracy(part) == pytest.approx(promised, abs=4 * error)


def test_calls_and_their_confidence_stay() -> None:
    before = labelled(3000)
    rows = drawn(before)
    assert rows.schema == before.schema
    grain = ["predicted_label", "bucket", "k"]
    totals = [
        table.group_by(grain).agg(pl.col("n", "sum_conf", "sum_conf_sq").sum()).sort(grain)
        for table in (before, rows)
    ]
    assert totals[0].select(*grain, "n").equals(totals[1].select(*grain, "n"))
    for name in ("sum_conf", "sum_conf_sq"):
        assert totals[1][name].to_list() == pytest.approx(totals[0][name].to_list())


def test_mistakes_are_the_ones_that_are_made() -> None:
    rows = drawn(labelled(3000)).filter(pl.col("label") != pl.col("predicted_label"))
    assert set(rows.select("predicted_label", "label").rows()) == {
        ("a", "b"),
        ("b", "c"),
        ("c", "a"),
    }


def test_users_stay_as_unlike_as_they_were() -> None:
    alike = [design_effect(drawn(labelled(6000, seed=s), s)) for s in range(8)]
    unlike = [design_effect(drawn(labelled(6000, unlike=0.8, seed=s), s)) for s in range(8)]
    before = [design_effect(labelled(6000, unlike=0.8, seed=s)) for s in range(8)]
    assert float(np.mean(alike)) < 1.5
    assert float(np.mean(unlike)) == pytest.approx(float(np.mean(before)), rel=0.35)
    assert float(np.mean(before)) > 5


def test_unlike_users_together_still_get_what_is_promised() -> None:
    rows = labelled(20_000, too_sure=1.0, unlike=0.8)
    promised = float(rows["sum_conf"].sum()) / len(rows)
    assert accuracy(drawn(rows)) == pytest.approx(promised, abs=4 * (0.2 / 20_000) ** 0.5)


def test_what_promises_nothing_stays() -> None:
    rows = labelled(50).with_columns(k=pl.lit(-1, pl.Int64))
    assert drawn(rows).equals(rows)


def test_a_label_taken_back_is_left_out() -> None:
    call = labelled(1)
    taken_back = call.with_columns(-pl.col("n", "sum_conf", "sum_conf_sq"), label=pl.lit("other"))
    assert drawn(pl.concat([call, taken_back])).is_empty()
