"""Output drift: what fails, what warns, what is said of its cause, and how often it errs."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.drift.output_drift import Params, check, figure
from llmops_health_tests.health.drift.simulate_fields import Fault, day_number, make_tables

DRAFTS = Feature(id="triage", kind="generation")
TRIAGE = Feature(id="triage", kind="classifier")
DAY = date(2026, 3, 31)

NO_CELLS = pl.DataFrame(
    schema={
        "day": pl.Date,
        "feature_id": pl.String,
        "codebook_version": pl.String,
        "fitted_on": pl.Date,
        "cell": pl.Int32,
        "n": pl.Int64,
    }
)


def shares(field: str, *mix: tuple[int, dict[str, int]]) -> pl.DataFrame:
    """Rows of one field: (days, calls per value and day), the last day being DAY."""
    per_day = [counts for days, counts in mix for _ in range(days)]
    first = DAY - timedelta(days=len(per_day) - 1)
    return pl.DataFrame(
        [
            (first + timedelta(days=i), "prod", field, value, n)
            for i, counts in enumerate(per_day)
            for value, n in counts.items()
        ],
        schema={
            "day": pl.Date,
            "run_kind": pl.String,
            "field": pl.String,
            "value": pl.String,
            "n": pl.Int64,
        },
        orient="row",
    )


def lengths(*mix: tuple[int, dict[int, int]], field: str = "n_output_chars") -> pl.DataFrame:
    """Rows of one number: (days, calls per log-bin and day), the last day being DAY."""
    rows = shares(field, *((days, {str(k): n for k, n in bins.items()}) for days, bins in mix))
    return rows.with_columns(k=pl.col("value").cast(pl.Int32)).drop("value")


LENGTHS = lengths((42, {200: 40, 220: 40, 240: 40, 260: 40}))
FORMATS = shares("output_format", (42, {"plain": 90, "markdown": 70}))


def judge(
    categories: pl.DataFrame, histograms: pl.DataFrame = LENGTHS, feature: Feature = DRAFTS
) -> list[Finding]:
    return list(check(feature, DAY, categories, histograms, NO_CELLS, Params()))


def refusals(now: int, days: int = 2) -> pl.DataFrame:
    rows = shares(
        "is_refusal",
        (42 - days, {"true": 2, "false": 158}),
        (days, {"true": now, "false": 160 - now}),
    )
    return pl.concat([FORMATS, rows])


@pytest.mark.parametrize(
    ("now", "status"), [(2, Status.PASS), (6, Status.PASS), (9, Status.WARN), (13, Status.FAIL)]
)
def test_refusals_pass_warn_or_fail_by_how_far_they_rise(now: int, status: Status) -> None:
    # 1.25 % before; h = 0.25 away is 5.56 % (arcsine by hand), and 5 points more is 6.25 %.
    whole, *segments = judge(refusals(now))
    assert whole.status is status
    assert [s.segment for s in segments] == ([] if status is Status.PASS else ["is_refusal"])


def test_a_rise_of_refusals_is_told_in_points() -> None:
    whole, _ = judge(refusals(13))
    # statsmodels 0.15: confint_proportions_2indep(26, 320, 40, 3200, method="newcomb"); the
    # judged days are Monday and Tuesday, so the reference is the 20 weekdays.
    assert whole.value == pytest.approx(26 / 320 - 2 / 160, abs=1e-12)
    assert (whole.lo, whole.hi) == pytest.approx((0.0431540, 0.1040415), abs=1e-6)
    assert whole.message.startswith("refusals are 8.1 % of calls in the last 2 days, 1.2 % before")
    assert "looks like a silent update" in whole.message


def test_refusals_of_one_day_do_not_last() -> None:
    [whole] = judge(refusals(40, days=1))
    assert whole.status is Status.PASS


def test_longer_answers_fail_but_for_a_classifier() -> None:
    # 24 bins up: exp(24 * 0.0200007) = 1.616 times as long.
    longer = lengths(
        (40, {200: 40, 220: 40, 240: 40, 260: 40}), (2, {224: 40, 244: 40, 264: 40, 284: 40})
    )
    whole, segment = judge(FORMATS, longer)
    assert whole.status is Status.FAIL
    assert "typically 1.62 times as large as before" in whole.message
    # standard deviation of the four bins: sqrt(500) = 22.36 bins, so 24 bins are 1.073
    assert segment.value == pytest.approx(24 / 500**0.5, rel=0.02)
    assert judge(FORMATS, longer, TRIAGE)[0].status is Status.WARN


def test_a_constant_that_moves_by_a_percent_is_no_drift() -> None:
    moved = lengths((40, {230: 160}), (2, {231: 160}))
    [whole] = judge(FORMATS, moved)
    assert whole.status is Status.PASS


def test_a_label_mix_alone_only_warns() -> None:
    labels = shares(
        "predicted_label", (40, {"a": 100, "b": 50, "c": 10}), (2, {"a": 10, "b": 50, "c": 100})
    )
    whole, segment = judge(pl.concat([FORMATS, labels]), feature=TRIAGE)
    assert (whole.status, segment.segment) == (Status.WARN, "predicted_label")
    assert "c +56.2 pp" in segment.message


def test_broken_json_fails() -> None:
    broken = shares(
        "output_format", (40, {"json": 160}), (2, {"json": 140, "json_broken": 15, "empty": 5})
    )
    found = judge(broken)
    assert (found[0].status, found[0].segment) == (Status.FAIL, "")
    assert {f.segment for f in found} == {"", "unusable_format", "output_format"}


def test_a_declared_change_is_named() -> None:
    versions = shares("prompt_version", (40, {"v1": 160}), (2, {"v2": 160}))
    whole, *_ = judge(pl.concat([refusals(13), versions]))
    assert whole.message.endswith("; declared: prompt_version v1 to v2.")


def test_inputs_that_moved_too_are_named() -> None:
    language = shares("input_language", (40, {"en": 150, "de": 10}), (2, {"en": 80, "de": 80}))
    whole, *_ = judge(pl.concat([refusals(13), language]))
    assert whole.message.endswith("but inputs moved too.")


def test_thin_data_and_no_data() -> None:
    assert judge(FORMATS.head(0), LENGTHS.head(0))[0].status is Status.NOT_APPLICABLE
    few = FORMATS.filter(pl.col("day") > DAY - timedelta(days=20))
    assert judge(few, LENGTHS.head(0))[0].message.startswith("Warming up: 13 of 14 days")
    thin = FORMATS.with_columns(pl.col("n") // 10)
    [whole] = judge(thin, LENGTHS.head(0))
    assert whole.status is Status.NOT_ENOUGH_DATA
    assert whole.message.startswith("Cannot tell: with 112 calls in 7 days")


def test_evidence_runs() -> None:
    found = judge(refusals(13), lengths((40, {200: 160}), (2, {260: 160})))
    assert {f.segment for f in found} == {"", "is_refusal", "n_output_chars"}
    with duckdb.connect() as connection:
        connection.register(
            "summary__categories", refusals(13).with_columns(feature_id=pl.lit("triage"))
        )
        connection.sql(
            "create table core__calls (feature_id varchar, day date, run_kind varchar, "
            "n_output_chars bigint)"
        )
        for finding in found:
            rows = connection.sql(finding.evidence_sql).fetchall()
            assert bool(rows) == (finding.segment == "is_refusal")


@pytest.mark.slow
@pytest.mark.parametrize("n_users", [30, 300])
def test_steady_traffic_never_fails(n_users: int) -> None:
    found = []
    for seed in range(8):
        tables = make_tables(seed, n_users=n_users)
        for index in range(35, 63, 4):
            day = day_number(index)
            found.append(next(iter(check(TRIAGE, day, *tables.of_day(day), Params()))))
    assert Status.FAIL not in {f.status for f in found}
    assert sum(f.status is Status.WARN for f in found) <= 1
    assert sum(f.status is Status.PASS for f in found) > len(found) / 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault(longer=1.6), Status.FAIL),
        (Fault(refusals=0.08), Status.FAIL),
        (Fault(to_first_label=0.2), Status.WARN),
    ],
)
def test_planted_faults_are_found_within_a_week(fault: Fault, status: Status) -> None:
    n_found = 0
    for seed in range(20):
        tables = make_tables(200 + seed, fault)
        days = (day_number(index) for index in (51, 53, 56))
        found = (next(iter(check(DRAFTS, d, *tables.of_day(d), Params()))) for d in days)
        n_found += any(f.status is status for f in found)
    assert n_found >= 19


@pytest.mark.parametrize(
    ("fault", "title"),
    [
        (Fault(refusals=0.2), "Share of calls per day: refusals"),
        (Fault(longer=2.5), "Typical output "),
    ],
)
def test_the_figure_shows_what_moved(fault: Fault, title: str) -> None:
    day = day_number(58)
    chart = figure(DRAFTS, day, *make_tables(5, fault).of_day(day), params=Params())
    assert chart is not None
    assert chart.title.startswith(title)
    newest = chart.days[-1]
    assert newest.value is not None
    assert newest.usual_hi is not None
    assert newest.value > newest.usual_hi
