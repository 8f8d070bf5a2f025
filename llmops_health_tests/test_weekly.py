"""Power cards, figures and Evidently's reports of the judged world; and who may wait for them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from llmops_health import config, health, weekly
from llmops_health.definitions import build
from llmops_health.orchestration import jobs
from llmops_health.storage.warehouse import Warehouse, open_published

pytestmark = pytest.mark.slow
LAST = date(2026, 10, 31)


@pytest.fixture(scope="module")
def published(demo: Path) -> duckdb.DuckDBPyConnection:
    return open_published(demo.parent / "health.duckdb")


def test_every_feature_has_a_card_for_every_check(published: duckdb.DuckDBPyConnection) -> None:
    counts = published.sql(
        "select feature_id, count(*), count(distinct mode || check_name), min(day)"
        " from health__power_cards group by feature_id"
    ).fetchall()
    n_checks = len(health.discover())
    assert len(counts) == 6
    assert {row[1:] for row in counts} == {(n_checks, n_checks, LAST)}


def test_a_card_tells_numbers_or_why_there_are_none(published: duckdb.DuckDBPyConnection) -> None:
    told, silent, wrong = published.sql(
        """
        select
            count(*) filter (n_planted > 0),
            count(*) filter (n_planted = 0 and message <> ''),
            count(*) filter (
                n_planted > 0 and not (
                    found_lo <= p_found and p_found <= found_hi
                    and false_lo <= false_alarms_per_month and false_alarms_per_month <= false_hi
                    and shift <> '' and n_found <= n_planted
                )
            )
        from health__power_cards
        """
    ).fetchall()[0]
    assert wrong == 0
    assert told >= 40
    assert told + silent == 6 * len(health.discover())


def test_what_every_feature_shows_can_be_found(published: duckdb.DuckDBPyConnection) -> None:
    """A quarter of the calls asking about something new, or the surest answers wrong, rings."""
    [(found,)] = published.sql(
        "select avg(p_found) from health__power_cards where n_planted > 0 and check_name in"
        " ('overconfidence', 'confident_errors', 'input_drift', 'uncovered_traffic')"
    ).fetchall()
    assert found > 0.7


def test_alarmed_checks_show_a_figure_of_the_last_day(
    published: duckdb.DuckDBPyConnection,
) -> None:
    rows = published.sql(
        "select day, kind, title, description, svg from health__figures"
    ).fetchall()
    assert {row[0] for row in rows} == {LAST}
    assert {row[1] for row in rows} >= {
        "ReliabilityDiagram", "ControlChart", "RiskCoverage", "CoverageByTopic", "TwoScores",
    }  # fmt: skip
    for _, _, title, description, svg in rows:
        assert title
        assert description.endswith(".")
        assert svg.startswith("<svg ")
        assert len(svg) < 24_000


def test_evidently_reports_are_written_and_linked(demo: Path) -> None:
    loaded = config.load(demo)
    made = weekly.evidently_reports(loaded, Warehouse(loaded.storage.path), LAST)
    feature_id, path, why_not = next(made)
    assert why_not == ""
    assert path is not None
    assert path.parent == demo.parent / "report" / "evidently"
    assert feature_id in path.name
    path.unlink()


def test_the_nightly_job_waits_for_nothing_weekly() -> None:
    definitions = build()
    slow = {"health__power_cards", "evidently", "report"}
    for name, expected in (("nightly", set()), ("health_of_days", set()), ("weekly", slow)):
        selected = definitions.resolve_job_def(name).asset_layer.selected_asset_keys
        assert {key.to_user_string() for key in selected} & slow == expected


def test_the_weekly_schedule_comes_after_the_nightly_one() -> None:
    assert jobs.weekly_schedule("0 23 * * *").cron_schedule == "0 1 * * 0"
    assert jobs.weekly_schedule("*/5 * * * *").cron_schedule == "15 4 * * 0"
    schedule = build().resolve_schedule_def("weekly_schedule")
    assert schedule.cron_schedule == "15 4 * * 0"
    sunday = datetime(2026, 11, 22, 4, 15, tzinfo=UTC)
    context = dg.build_schedule_context(
        scheduled_execution_time=sunday, repository_def=build().get_repository_def()
    )
    [request] = schedule.evaluate_tick(context).run_requests or []
    assert request.partition_key == "2026-11-21"
