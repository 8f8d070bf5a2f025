"""Input drift: by hand, at the edge, thin data, and how often it errs on simulated traffic."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.figures import ControlChart
from llmops_health.findings import Finding, Status
from llmops_health.health.drift.input_drift import Params, check, figure
from llmops_health_tests.health.drift.simulate_fields import (
    FIRST_DAY,
    Fault,
    day_number,
    make_tables,
)

FEATURE = Feature(id="triage", kind="classifier")
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
NO_HISTOGRAMS = pl.DataFrame(
    schema={"day": pl.Date, "run_kind": pl.String, "field": pl.String, "k": pl.Int32, "n": pl.Int64}
)


def languages(*mix: tuple[int, int, int], run_kind: str = "prod") -> pl.DataFrame:
    """Rows of `input_language`: (days, English calls, German calls) up to and including DAY."""
    per_day = [(en, de) for days, en, de in mix for _ in range(days)]
    first = DAY - timedelta(days=len(per_day) - 1)
    return pl.DataFrame(
        [
            (first + timedelta(days=i), run_kind, "input_language", value, n)
            for i, counts in enumerate(per_day)
            for value, n in zip(("en", "de"), counts, strict=True)
            if n
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


def judge(categories: pl.DataFrame, params: Params | None = None) -> list[Finding]:
    return list(check(FEATURE, DAY, categories, NO_HISTOGRAMS, NO_CELLS, params or Params()))


def test_a_language_that_grew_is_named_with_its_points() -> None:
    whole, segment = judge(languages((40, 95, 5), (2, 80, 20)))
    # Base 2, of 0.05 and 0.20: 0.1985 by jensenshannon of scipy 1.17. Sampling adds about
    # 1 / (8 ln 2) * (1 / 200 + 1 / 2000) = 0.001 to the square: 0.1960.
    assert whole.status is Status.WARN
    assert whole.value == pytest.approx(0.196, abs=0.003)
    assert "de +15.0 pp" in whole.message
    assert (segment.segment, segment.status) == ("input_language", Status.WARN)
    assert whole.p_value is not None
    assert whole.p_value <= Params().alpha


@pytest.mark.parametrize(("max_js", "status"), [(0.18, Status.WARN), (0.21, Status.PASS)])
def test_the_tolerated_distance_decides(max_js: float, status: Status) -> None:
    whole, *_ = judge(languages((40, 95, 5), (2, 80, 20)), Params(max_js=max_js))
    assert whole.status is status


def test_one_day_is_no_drift_however_large() -> None:
    [whole] = judge(languages((40, 95, 5), (1, 10, 90)))
    assert whole.status is Status.PASS
    assert whole.message.endswith("which hangs on a single day.")


def test_a_past_odd_day_in_the_week_is_no_drift() -> None:
    [whole] = judge(languages((37, 95, 5), (1, 10, 290), (3, 95, 5)))
    assert whole.status is Status.PASS


def test_weekends_in_another_language_are_no_drift() -> None:
    days = [DAY - timedelta(days=i) for i in reversed(range(42))]
    mix = [(1, 40, 30) if day.weekday() >= 5 else (1, 95, 5) for day in days]
    saturday = [m for m, day in zip(mix, days, strict=True) if day <= date(2026, 3, 29)]
    table = languages(*saturday).with_columns(pl.col("day") - timedelta(days=2))
    findings = check(FEATURE, date(2026, 3, 29), table, NO_HISTOGRAMS, NO_CELLS, Params())
    assert [f.status for f in findings] == [Status.PASS]


def test_inputs_from_another_place_fail() -> None:
    whole, *_ = judge(languages((40, 100, 0), (7, 5, 95)))
    assert whole.status is Status.FAIL


def test_warming_up_until_two_weeks_can_be_compared_with() -> None:
    [whole] = judge(languages((20, 95, 5)))
    assert (whole.status, whole.n) == (Status.NOT_ENOUGH_DATA, 700)
    assert whole.message.startswith("Warming up: 13 of 14 days")
    [whole] = judge(languages((21, 95, 5)))
    assert whole.status is Status.PASS


def test_too_few_calls_to_find_what_matters_is_said() -> None:
    [whole] = judge(languages((40, 17, 3)))
    assert whole.status is Status.NOT_ENOUGH_DATA
    assert whole.message.startswith("Cannot tell: with 140 calls")


def test_a_week_without_calls_is_no_pass() -> None:
    [whole] = judge(languages((40, 95, 5), (7, 0, 0)))
    assert (whole.status, whole.message) == (
        Status.NOT_ENOUGH_DATA,
        "0 calls in the last 7 days, 50 needed.",
    )


def test_nothing_logged_does_not_apply() -> None:
    [whole] = judge(languages())
    assert whole.status is Status.NOT_APPLICABLE


def test_evals_are_not_production_but_unknown_is_where_nothing_else_is() -> None:
    moved = languages((40, 95, 5), (2, 80, 20), run_kind="unknown")
    assert judge(moved)[0].status is Status.WARN
    steady = languages((42, 95, 5))
    assert judge(pl.concat([steady, moved]))[0].status is Status.PASS


def test_a_codebook_fitted_after_the_day_is_not_known() -> None:
    tables = make_tables(1, Fault(new_topic=0.35))
    day = day_number(58)
    later = tables.cells.with_columns(fitted_on=pl.lit(day + timedelta(days=1)))
    args = (tables.of_day(day)[0], tables.of_day(day)[1])
    segments = {f.segment for f in check(FEATURE, day, *args, tables.cells, Params())}
    assert "input_topic" in segments
    segments = {f.segment for f in check(FEATURE, day, *args, later, Params())}
    assert "input_topic" not in segments


def test_evidence_runs() -> None:
    tables = make_tables(1, Fault(new_topic=0.35))
    day = day_number(58)
    counts = tables.histograms.with_columns(
        k=pl.when((pl.col("day") > day_number(49)) & (pl.col("field") == "n_input_chars"))
        .then(pl.col("k") + 60)
        .otherwise("k")
    )
    found = list(check(FEATURE, day, tables.categories, counts, tables.cells, Params()))
    assert {f.segment for f in found[1:]} == {"input_topic", "n_input_chars"}
    with duckdb.connect() as connection:
        connection.register("summary__cells", tables.cells)
        connection.register("summary__categories", tables.categories)
        connection.sql(
            "create table core__calls (feature_id varchar, day date, run_kind varchar, "
            "n_input_chars bigint, input_tokens bigint, context_score double)"
        )
        for finding in found[1:]:
            rows = connection.sql(finding.evidence_sql).fetchall()
            assert bool(rows) == (finding.segment == "input_topic")


@pytest.mark.slow
@pytest.mark.parametrize("n_users", [30, 300])
def test_steady_traffic_raises_no_alarm(n_users: int) -> None:
    found = []
    for seed in range(8):
        tables = make_tables(seed, n_users=n_users)
        for index in range(35, 63, 4):
            day = day_number(index)
            found.append(next(check(FEATURE, day, *tables.of_day(day), Params())))
    assert {f.status for f in found} <= {Status.PASS, Status.NOT_ENOUGH_DATA}
    # 8 independent worlds; 0.05 and three standard errors of 8 at worst all days alike.
    assert sum((f.p_value or 1) < 0.05 for f in found) <= 0.05 * len(found) + 3 * 0.077 * 28
    assert sum(f.status is Status.PASS for f in found) > len(found) / 2


@pytest.mark.slow
def test_a_topic_growing_to_a_third_is_found_within_a_week() -> None:
    n_found = 0
    for seed in range(20):
        tables = make_tables(100 + seed, Fault(new_topic=0.35))
        days = (day_number(index) for index in (52, 54, 56))
        found = (next(check(FEATURE, d, *tables.of_day(d), Params())) for d in days)
        n_found += any(f.status is Status.WARN for f in found)
    assert n_found >= 19


def test_simulated_traffic_is_what_it_says() -> None:
    counts = make_tables(1).categories.filter(pl.col("field") == "is_refusal")
    per_day = counts.group_by("day").agg(pl.col("n").sum()).sort("day")["n"]
    assert per_day.mean() == pytest.approx(150 * 1.2, rel=0.15)
    assert per_day[45] > 1.8 * per_day[44]
    assert FIRST_DAY.weekday() == 0


def drawn(categories: pl.DataFrame) -> ControlChart | None:
    return figure(FEATURE, DAY, categories, NO_HISTOGRAMS, NO_CELLS, Params())


def test_the_figure_shows_the_value_that_grew() -> None:
    chart = drawn(languages((40, 95, 5), (2, 80, 20)))
    assert chart is not None
    assert "input language: " in chart.title
    assert chart.unit == "share"
    assert (chart.days[-1].day, len(chart.days)) == (DAY, 42)
    assert chart.judged_from == DAY - timedelta(days=1)
    assert chart.reference == (DAY - timedelta(days=34), DAY - timedelta(days=7))
    newest, quiet = chart.days[-1], chart.days[-10]
    assert {newest.value, quiet.value} <= {0.8, 0.95, 0.2, 0.05}
    assert newest.value is not None
    assert newest.usual_lo is not None
    assert newest.usual_hi is not None
    assert newest.visible_lo is not None
    assert newest.visible_hi is not None
    assert not newest.usual_lo <= newest.value <= newest.usual_hi
    assert not newest.visible_lo <= newest.value <= newest.visible_hi
    assert quiet.value == quiet.usual
    assert "in the last 2 days" in chart.description


def test_there_is_no_figure_of_what_cannot_be_told() -> None:
    assert drawn(languages((40, 1, 1))) is None
    assert drawn(languages((5, 95, 5))) is None
    assert drawn(languages((40, 95, 5)).clear()) is None


def test_hostile_names_are_one_line_of_the_figure() -> None:
    named = languages((40, 95, 5), (2, 80, 20)).with_columns(
        value=pl.col("value").replace({"de": "<b>\n" + 200 * "x", "en": "<i>\n" + 200 * "y"})
    )
    chart = drawn(named)
    assert chart is not None
    assert "\n" not in chart.title
    assert len(chart.title) < 80


def test_the_figure_of_a_number_is_in_its_unit() -> None:
    tables = make_tables(3)
    histograms = tables.histograms.filter(pl.col("field") == "n_input_chars")
    day = day_number(62)
    chart = figure(FEATURE, day, tables.categories.clear(), histograms, NO_CELLS, Params())
    assert chart is not None
    assert (chart.title, chart.unit) == ("Typical input length per day", "characters")
    # exp(5) is the median of the lengths.
    values = [one.value for one in chart.days if one.value is not None]
    assert sum(values) / len(values) == pytest.approx(148, rel=0.15)
