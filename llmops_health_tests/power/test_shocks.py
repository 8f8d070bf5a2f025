"""Standard changes: on tables as they are declared, what comes out could have been logged."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health import steps
from llmops_health.kernels.histograms import ZERO_BIN
from llmops_health.power.shocks import SHOCKS, in_words, shocked

MONDAY = date(2026, 3, 2)
TWENTY_TO = datetime.combine(MONDAY, time(0, 40))
N = 400
TYPES: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "varchar": pl.String(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "double[]": pl.List(pl.Float64()),
    "boolean": pl.Boolean(),
    "timestamp": pl.Datetime("us"),
}
COUNTED = [
    "summary__calibration", "summary__categories", "summary__cells", "summary__confidence",
    "summary__histograms", "summary__judgements", "summary__latency_buckets", "summary__novelty",
    "summary__stage_times", "summary__versions",
]  # fmt: skip
SUMS = {"n", "sum_conf", "sum_conf_sq", "n_cost", "sum_cost_usd", "sum_cost_sq", "sum_ms"}


def column(table: str, name: str, kind: str, rng: np.random.Generator) -> pl.Series:
    """Values that a column of this name may hold."""
    choices: dict[str, list[object]] = {
        "field": ["latency_ms", "confidence", "finish_reason"],
        "metric": ["error", "cost_usd_capped", "ln_latency_ms", "calls"],
        "value": ["stop", "length", "(null)"],
        "label": ["a", "b", "c"],
        "predicted_label": ["a", "b", "c", None],
        "other_label": ["a", "b", "c"],
        "run_kind": ["prod", "eval"],
        "stage": ["retrieve", "llm", "(request)"],
        "kind": ["critical", "exclusive", "total"],
    }
    if name in choices:
        place = rng.integers(0, len(choices[name]), N)
        return pl.Series([choices[name][at] for at in place], dtype=TYPES[kind])
    if name == "k":
        low, high = (ZERO_BIN - 2, 100) if table == "summary__histograms" else (-1, 100)
        bins = np.where(rng.random(N) < 0.1, low, rng.integers(0, high, N))
        return pl.Series(bins, dtype=TYPES[kind])
    values = {
        "date": pl.Series([MONDAY + timedelta(days=int(at)) for at in rng.integers(0, 7, N)]),
        "boolean": pl.Series(rng.random(N) < 0.5),
        "timestamp": pl.Series([TWENTY_TO + timedelta(hours=int(at)) for at in range(24)] * 50)[:N],
        "double[]": pl.Series(rng.normal(size=(N, 4)).tolist(), dtype=TYPES["double[]"]),
        "varchar": pl.Series([f"{name} {at}" for at in rng.integers(0, 3, N)]),
        "double": pl.Series(np.where(rng.random(N) < 0.1, np.nan, rng.random(N))).fill_nan(None),
    }
    integers = pl.Series(rng.integers(0, 24, N))
    return values.get(kind, integers).cast(TYPES[kind])


def example(table: str) -> pl.DataFrame:
    """Rows of a table in its declared columns, sums consistent with their counts."""
    rng = np.random.default_rng(20260101)
    declared = steps.all_tables()[table]
    rows = pl.DataFrame({name: column(table, name, kind, rng) for name, kind in declared.items()})
    n = pl.Series("n", rng.integers(1, 6, N))
    conf = pl.Series(rng.random(N))
    known: dict[str, pl.Series] = {
        "n": n,
        "n_null": (n * conf).floor().cast(pl.Int64),
        "n_late": (n * conf).floor().cast(pl.Int64),
        "n_dated": n,
        "sum_conf": n * conf,
        "sum_conf_sq": n * conf**2,
        "sum_x": (n * conf).floor(),
        "sum_xx": (n * conf).floor(),
        "sum_score": n * conf,
        "sum_ms": n * conf,
        "sum_score_sq": n * conf**2,
        "n_cost": n,
        "sum_cost_usd": n * conf,
        "sum_cost_sq": n * conf**2,
        "prompt_key": pl.Series(np.arange(N)),
        "call_id": pl.Series([str(at) for at in range(N)]),
    }
    rows = rows.with_columns(**{name: known[name] for name in declared if name in known})
    grain = [name for name in rows.columns if not name.startswith(("n", "sum", "last"))]
    plain = [name for name in grain if not rows.schema[name].is_nested()]
    return rows.unique(plain, keep="first", maintain_order=True)


def after(table: str, share: float, seed: int = 5) -> pl.DataFrame:
    return shocked(table, example(table), share, np.random.default_rng(seed))


@pytest.mark.parametrize("table", sorted(SHOCKS))
def test_columns_types_and_days_stay(table: str) -> None:
    before, changed = example(table), after(table, 0.25)
    assert changed.schema == before.schema
    assert set(changed["day"]) == set(before["day"])
    assert not changed.equals(before)


@pytest.mark.parametrize("table", sorted(SHOCKS))
def test_no_share_changes_nothing(table: str) -> None:
    before, same = example(table), after(table, 0.0)
    plain = [name for name, kind in before.schema.items() if not kind.is_nested()]
    close = same.select(plain).sort(plain).rows(), before.select(plain).sort(plain).rows()
    for got, wanted in zip(*close, strict=True):
        assert [x for x in got if not isinstance(x, float)] == [
            x for x in wanted if not isinstance(x, float)
        ]
        assert [x for x in got if isinstance(x, float)] == pytest.approx(
            [x for x in wanted if isinstance(x, float)]
        )


@pytest.mark.parametrize("table", sorted(SHOCKS))
def test_the_same_chances_change_the_same_rows(table: str) -> None:
    assert after(table, 0.25).equals(after(table, 0.25))


@pytest.mark.parametrize("table", COUNTED)
@pytest.mark.parametrize("share", [0.02, 0.25, 0.5, 1.0])
def test_counts_move_and_none_is_made_or_lost(table: str, share: float) -> None:
    before, changed = example(table), after(table, share)
    per_day = [
        rows.group_by("day").agg(pl.col("n").sum()).sort("day") for rows in (before, changed)
    ]
    assert per_day[0].equals(per_day[1])
    assert (changed["n"] > 0).all()
    grain = [name for name in changed.columns if name not in SUMS]
    assert not changed.select(grain).is_duplicated().any()


@pytest.mark.parametrize("table", COUNTED)
def test_about_the_share_moves_and_more_with_a_larger_one(table: str) -> None:
    before = example(table)
    grain = [name for name in before.columns if name not in SUMS]

    def n_left(share: float) -> int:
        both = before.join(after(table, share), on=grain, nulls_equal=True, suffix="_now")
        return int(both.select(pl.min_horizontal("n", "n_now").sum()).item())

    left = [n_left(share) for share in (0.02, 0.10, 0.25, 0.50)]
    assert left == sorted(left, reverse=True)
    everything = int(before["n"].sum())
    assert 0 < everything - left[2] <= 0.25 * everything + 3 * N**0.5


def test_confidence_halves_with_its_bin() -> None:
    rows = pl.DataFrame(
        {"day": [MONDAY], "k": [91], "n": [4], "sum_conf": [3.64]},
    )
    changed = shocked("summary__confidence", rows, 0.5, np.random.default_rng(0)).sort("k")
    assert changed["k"].to_list() == [45, 91]
    assert changed["n"].to_list() == [2, 2]
    assert changed["sum_conf"].to_list() == pytest.approx([0.91, 1.82])


def test_only_right_answers_become_wrong() -> None:
    before = example("summary__calibration")
    right = pl.col("label") == pl.col("predicted_label")
    changed = after("summary__calibration", 0.5)
    n_right = [int(rows.filter(right)["n"].sum()) for rows in (before, changed)]
    assert n_right[1] == pytest.approx(n_right[0] / 2, rel=0.1)
    assert changed["sum_conf"].sum() == pytest.approx(before["sum_conf"].sum())
    mean, square = pl.col("sum_conf") / pl.col("n"), pl.col("sum_conf_sq") / pl.col("n")
    assert changed.select((square - mean**2 >= -1e-9).all()).item()


def test_a_label_that_stands_alone_becomes_another() -> None:
    rows = pl.DataFrame(
        {
            "day": [MONDAY] * 2, "label": ["a", "a"], "predicted_label": ["a", "b"],
            "k": [90, 80], "n": [1, 1], "sum_conf": [0.9, 0.8], "sum_conf_sq": [0.81, 0.64],
        }
    )  # fmt: skip
    changed = shocked("summary__calibration", rows, 1.0, np.random.default_rng(0))
    assert set(changed.select("label", "predicted_label").rows()) == {("(other)", "a"), ("a", "b")}


def test_values_roll_to_the_next_most_frequent() -> None:
    rows = pl.DataFrame(
        {
            "day": [MONDAY] * 5, "field": ["f"] * 4 + ["one"],
            "value": ["rare", "often", "some", "(null)", "only"], "n": [10, 70, 20, 40, 9],
        }
    )  # fmt: skip
    changed = shocked("summary__categories", rows, 0.5, np.random.default_rng(3))
    counts = dict(changed.select("value", "n").rows())
    assert counts["only"] == 9
    assert counts["(null)"] == 40
    # Half of 70 go to some, half of 20 to rare, half of 10 back to often.
    assert [counts[v] for v in ("often", "some", "rare")] == pytest.approx([40, 45, 15], abs=1)


@pytest.mark.parametrize("share", [0.1, 0.25, 1.0])
def test_rates_stay_possible(share: float) -> None:
    before, changed = example("summary__rates"), after("summary__rates", share)
    both = before.with_columns(x_now=changed["sum_x"], xx_now=changed["sum_xx"])
    errors = both.filter(pl.col("metric") == "error")
    assert (errors["x_now"] <= errors["n"]).all()
    assert (errors["x_now"] == errors["xx_now"]).all()
    n, x, x_now = (float(errors[name].sum()) for name in ("n", "sum_x", "x_now"))
    assert x_now - x == pytest.approx(share * (n - x), rel=0.35)
    # Cauchy and Schwarz: a sum of squares is at least the square of the sum over n.
    moments = both.filter(pl.col("metric").is_in(["cost_usd_capped", "ln_latency_ms"])).filter(
        pl.col("sum_xx") * pl.col("n") >= pl.col("sum_x") ** 2
    )
    assert len(moments) > 20
    slack = moments["xx_now"] * moments["n"] - moments["x_now"] ** 2
    assert (slack >= -1e-9 * moments["x_now"] ** 2 - 1e-9).all()
    calls = both.filter(pl.col("metric") == "calls")
    assert (calls["x_now"] == calls["sum_x"]).all()


def at(hour: int, minute: int) -> datetime:
    return datetime.combine(MONDAY, time(hour, minute))


def test_a_log_that_stops_keeps_the_first_calls_of_the_day() -> None:
    rows = pl.DataFrame(
        {
            "day": [MONDAY] * 4, "run_kind": ["prod"] * 4, "hour": [20, 8, 12, 16],
            "n": [10, 10, 10, 10], "n_late": [0, 4, 4, 4], "n_dated": [10, 10, 10, 10],
            "last_started_at": [at(hour, 50) for hour in (20, 8, 12, 16)],
        }
    )  # fmt: skip
    changed = shocked("summary__hours", rows, 0.35, np.random.default_rng(0)).sort("hour")
    assert changed["hour"].to_list() == [8, 12, 16]
    assert changed["n"].to_list() == [10, 10, 6]
    assert changed["n_late"].to_list() == [4, 4, 2]
    assert changed["last_started_at"].max() == at(16, 30)


@pytest.mark.parametrize(
    ("table", "part"), [("summary__hours", "n_late"), ("summary__nulls", "n_null")]
)
def test_parts_stay_within_their_counts(table: str, part: str) -> None:
    changed = after(table, 0.5)
    assert (changed[part] <= changed["n"]).all()
    assert (changed[part] >= 0).all()


def test_a_topic_moves_the_mean_of_texts_by_its_share_of_the_distance() -> None:
    rng = np.random.default_rng(1)
    texts = rng.normal(size=(28, 50, 16))
    texts /= np.linalg.norm(texts, axis=2, keepdims=True)
    sums = texts.sum(axis=1)
    rows = pl.DataFrame(
        {
            "day": [MONDAY + timedelta(days=at) for at in range(28)], "n": [50] * 28,
            "sum_z": sums.tolist(), "sum_phi": sums.tolist(), "sumsq_phi": [50.0] * 28,
        }
    )  # fmt: skip
    changed = shocked("summary__embeddings", rows, 0.25, np.random.default_rng(2))
    after_z = np.array(changed["sum_z"].to_list())
    step = (after_z.sum(axis=0) - sums.sum(axis=0)) / (28 * 50)
    assert np.linalg.norm(step) == pytest.approx(0.25 * 0.47)
    # No mean of unit vectors is longer than one.
    assert (np.linalg.norm(after_z, axis=1) <= 50).all()


def test_a_share_out_of_range_is_misuse() -> None:
    with pytest.raises(ValueError, match=r"share must lie in 0-1, got 1\.5"):
        after("summary__nulls", 1.5)


def test_words_name_each_change_once() -> None:
    told = in_words(["summary__cells", "summary__text_cells", "core__eval_cases"], 0.25)
    assert told == "25 % of rows shifted (inputs on a topic far from all known ones)"
