"""Input embedding drift: by hand, at the edges, thin data, false alarms and power by simulation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.drift.input_embedding_drift import Params, check
from llmops_health.text.vectors import TABLES

FEATURE = Feature(id="help", kind="rag")
MONDAY = date(2026, 3, 2)
DIMS = 48
TOPICS = 8

Share = Callable[[int], float]


def frame(
    first: date, n: npt.NDArray[np.int64], z: npt.NDArray[np.float64], phi: npt.NDArray[np.float64]
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "day": [first + timedelta(days=i) for i in range(len(n))],
            "feature_id": "help",
            "embedder_version": "e1",
            "n": n,
            "sum_z": pl.Series(z).cast(pl.List(pl.Float64)),
            "sum_phi": pl.Series(phi).cast(pl.List(pl.Float64)),
            "sumsq_phi": n.astype(np.float64),
        }
    ).filter(pl.col("n") > 0)


def traffic(
    seed: int,
    *,
    days: int = 63,
    calls: int = 150,
    users: int = 100,
    new_topic: Share = lambda _: 0.0,
    burst: int = -1,
    burst_is_one_topic: bool = False,
) -> pl.DataFrame:
    """Draw days of texts: heavy users with tastes of their own, other topics on weekends, growth.

    As with the real embedder, a new topic moves the mean by about 0.45 times its share, and the
    old ones lie about 0.3 from it.
    """
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(2 * DIMS, DIMS)))[0].T * 0.44
    centres[TOPICS] *= 1.4
    weight = rng.pareto(1.5, users) + 1
    base = rng.dirichlet(np.full(TOPICS, 3.0), size=2)
    mix = base[:, None, :] * np.exp(rng.normal(0, 0.4, (users, TOPICS)))
    mix = np.dstack([mix / mix.sum(axis=2, keepdims=True), np.zeros((2, users))])
    wording = rng.normal(0, 0.25 / np.sqrt(DIMS), (users, 2 * DIMS))
    n, sums = np.zeros(days, dtype=np.int64), np.zeros((days, 2 * DIMS))
    for i in range(days):
        weekend = int(i % 7 >= 5)
        expected = (
            calls * (1 + 0.4 * i / days) * (0.55 if weekend else 1) * (3 if i == burst else 1)
        )
        activity = weight * rng.gamma(2.0, 1.0, users)
        per_user = rng.multinomial(rng.poisson(expected), activity / activity.sum())
        share = new_topic(i)
        shares = mix[weekend] * (1 - share)
        shares[:, TOPICS] = share
        topics = rng.multinomial(per_user, shares).sum(axis=0)
        n[i] = topics.sum()
        if i == burst and burst_is_one_topic:
            topics = np.where(np.arange(TOPICS + 1) == 0, n[i], 0)
        noise = rng.normal(0, np.sqrt(0.6 / DIMS * n[i]), 2 * DIMS)
        sums[i] = topics @ centres[: TOPICS + 1] + per_user @ wording + noise
    return frame(MONDAY, n, sums[:, :DIMS], 0.75 * sums[:, DIMS:])


def no_cells() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "day": pl.Date,
            "feature_id": pl.String,
            "codebook_version": pl.String,
            "fitted_on": pl.Date,
            "cell": pl.Int32,
            "n": pl.Int64,
        }
    )


def judge(
    embeddings: pl.DataFrame,
    i: int,
    params: Params | None = None,
    cells: pl.DataFrame | None = None,
) -> list[Finding]:
    """Judge day `i` (from 0) knowing nothing later."""
    day = MONDAY + timedelta(days=i)
    known = embeddings.filter(pl.col("day") <= day)
    return list(
        check(FEATURE, day, known, no_cells() if cells is None else cells, params or Params())
    )


def by_hand(shift: float, *, days: int = 35, n: int = 100) -> pl.DataFrame:
    """Days whose means lie 0.03 off on an axis each, and `shift` on another axis in the last 7."""
    z = np.zeros((days, 20))
    z[np.arange(days), np.arange(days) % 17] = 0.03
    z[-7:, 19] = shift
    return frame(MONDAY, np.full(days, n), n * z, 0.75 * n * z)


@pytest.mark.parametrize(
    ("shift", "status"),
    [
        (0.0, Status.PASS),
        (0.035, Status.PASS),
        (0.06, Status.WARN),
        (0.24, Status.WARN),
        (0.26, Status.FAIL),
    ],
)
def test_the_size_of_the_shift_decides(shift: float, status: Status) -> None:
    [finding] = judge(by_hand(shift), 34)
    assert finding.status is status
    assert finding.value == pytest.approx(shift, abs=0.01)
    assert finding.lo is not None
    assert finding.hi is not None
    assert finding.lo <= shift <= finding.hi
    assert finding.n == 700


def test_a_shift_of_one_day_is_no_drift() -> None:
    embeddings = by_hand(0.0)
    z = np.array(embeddings["sum_z"].to_list())
    z[-3, 19] = 100 * 0.9
    one_day = frame(MONDAY, np.full(35, 100), z, z)
    [finding] = judge(one_day, 34)
    assert finding.value is not None
    assert finding.value > Params().min_distance
    assert finding.status is not Status.WARN


def test_message_names_the_cells_that_moved_most() -> None:
    days = [MONDAY + timedelta(days=i) for i in range(35)]
    counts = [(60, 30, 10, 0)] * 28 + [(50, 30, 0, 20)] * 7
    cells = pl.DataFrame(
        [
            (day, "help", "b1", days[6], cell, n)
            for day, row in zip(days, counts, strict=True)
            for cell, n in zip((0, 1, 2, -1), row, strict=True)
        ],
        schema=no_cells().schema,
        orient="row",
    )
    [finding] = judge(by_hand(0.2), 34, cells=cells)
    assert "700 texts of the last 7 days" in finding.message
    assert "2,800 of the 28 days before" in finding.message
    # 20 of 100 instead of 0; 50 instead of 60; 0 instead of 10
    assert finding.message.endswith("new topics +20.0 pp, cell 0 -10.0 pp, cell 2 -10.0 pp.")


def test_cells_of_a_codebook_fitted_later_are_not_known_yet() -> None:
    day = MONDAY + timedelta(days=34)
    rows = [
        (MONDAY, "help", "b1", day + timedelta(days=1), 0, 10),
        (day, "help", "b1", day + timedelta(days=1), 1, 10),
    ]
    cells = pl.DataFrame(rows, schema=no_cells().schema, orient="row")
    [finding] = judge(by_hand(0.2), 34, cells=cells)
    assert "cell" not in finding.message


def test_evidence_shows_examples_of_the_cells_that_moved() -> None:
    day = MONDAY + timedelta(days=34)
    old, new = day - timedelta(days=20), day - timedelta(days=1)
    rows = [(old, "help", "b1", MONDAY, 0, 50), (new, "help", "b1", MONDAY, 3, 50)]
    cells = pl.DataFrame(rows, schema=no_cells().schema, orient="row")
    [finding] = judge(by_hand(0.2), 34, cells=cells)
    connection = duckdb.connect()
    columns = ", ".join(f"{k} {v}" for k, v in TABLES["summary__text_cells"].items())
    connection.execute(f"create table summary__text_cells ({columns})")
    connection.execute("create table core__contents (sha256 varchar, text varchar)")
    connection.executemany(
        "insert into summary__text_cells values (?, ?, ?, ?, ?, ?)",
        [(new, "help", f"c{i}", f"h{i}", 3, i / 10) for i in range(5)]
        + [(old, "help", "c9", "h9", 0, 0.5), (new, "other", "c8", "h8", 3, 0.9)],
    )
    connection.executemany(
        "insert into core__contents values (?, ?)", [(f"h{i}", f"text {i}") for i in range(10)]
    )
    shown = connection.execute(finding.evidence_sql).fetchall()
    assert [(row[0], row[-1]) for row in shown] == [
        (0, "text 9"),
        (3, "text 4"),
        (3, "text 3"),
        (3, "text 2"),
    ]


def test_evidence_without_cells_runs() -> None:
    [finding] = judge(by_hand(0.2), 34)
    connection = duckdb.connect()
    connection.execute("create table summary__embeddings (day date, feature_id varchar, n bigint)")
    assert connection.execute(finding.evidence_sql).fetchall() == []


def test_no_text_at_all_is_not_applicable() -> None:
    [finding] = judge(by_hand(0.0).clear(), 34)
    assert finding.status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(("days", "n"), [(20, 100), (35, 14)])
def test_thin_data_is_never_a_pass(days: int, n: int) -> None:
    [finding] = judge(by_hand(0.0, days=days, n=n), days - 1)
    assert finding.status is Status.NOT_ENOUGH_DATA
    assert "100 texts and 3 weeks are needed" in finding.message


def test_silence_that_proves_nothing_cannot_tell() -> None:
    [finding] = judge(by_hand(0.0), 34, Params(max_detectable=0.001))
    assert finding.status is Status.NOT_ENOUGH_DATA
    assert finding.message.startswith("Cannot tell:")


def test_other_embedders_are_another_series() -> None:
    older = by_hand(0.0).with_columns(embedder_version=pl.lit("e0")).head(28)
    mixed = pl.concat([older, by_hand(0.5).tail(7)])
    [finding] = judge(mixed, 34)
    assert finding.status is Status.NOT_ENOUGH_DATA


def test_a_missing_weekend_is_no_drift() -> None:
    embeddings = traffic(3, users=300)
    lost = [MONDAY + timedelta(days=i) for i in (61, 62)]
    [finding] = judge(embeddings.filter(~pl.col("day").is_in(lost)), 62)
    assert finding.status is Status.PASS


def test_slow_drift_shows_against_the_launch() -> None:
    embeddings = traffic(5, days=120, users=300, new_topic=lambda i: 0.35 * i / 120)
    found = judge(embeddings, 119)
    assert [finding.segment for finding in found] == ["", "since launch"]
    assert found[1].status is Status.WARN
    assert "of the first 28 days" in found[1].message


def test_stable_traffic_is_as_at_launch() -> None:
    assert len(judge(traffic(5, days=120, users=300), 119)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("users", [30, 100, 300])
@pytest.mark.parametrize("one_topic", [False, True])
def test_seasons_growth_and_bursts_raise_no_alarm(users: int, *, one_topic: bool) -> None:
    p_values = []
    for seed in range(12):
        embeddings = traffic(seed, users=users, burst=50, burst_is_one_topic=one_topic)
        for i in range(28, 63, 2):
            [finding] = judge(embeddings, i)
            assert finding.status not in {Status.WARN, Status.FAIL}, (seed, i, finding.message)
            if not 50 <= i < 57:
                p_values.append(finding.p_value or 0.0)
    # 5 % are expected, and the days of one feature are alike.
    assert np.mean(np.array(p_values) < 0.05) < 0.10


@pytest.mark.slow
@pytest.mark.parametrize("users", [30, 100, 300])
def test_a_growing_topic_is_found_within_a_week(users: int) -> None:
    onset = 42
    found = 0
    for seed in range(40):
        embeddings = traffic(
            100 + seed, users=users, new_topic=lambda i: 0.35 * np.clip((i - onset + 1) / 8, 0, 1)
        )
        days = range(onset + 4, onset + 7)
        found += any(judge(embeddings, i)[0].status is Status.WARN for i in days)
    assert found >= 38
