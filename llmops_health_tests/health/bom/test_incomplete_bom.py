"""Incomplete bill of materials: when it alarms, what it says, and a year in which it is silent."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.bom.incomplete_bom import HISTORY_DAYS, Params, check, figure
from llmops_health_tests.health.bom.lists import (
    FEATURE,
    HASHES,
    NO_EDGES,
    NO_TRAFFIC,
    WHOLE_EDGES,
    edges,
    listed,
    observed,
    part,
    whole_list,
)
from llmops_health_tests.health.ownership.simulate import DAY, HOSTILE, ago, at, database

HIGH = FEATURE.model_copy(update={"risk_tier": "high"})
WELL_RUN = FEATURE.model_copy(update={"name": "Help", "runbook_url": "https://x"})
USED = observed(*((age, "model", "corvid", None, 150) for age in range(7)))


def staged(lifecycle: str | None, feature: Feature = FEATURE) -> Feature:
    return feature.model_copy(update={"lifecycle": lifecycle})


def judge(
    *rows: dict[str, object],
    feature: Feature = FEATURE,
    linked: pl.DataFrame = WHOLE_EDGES,
    seen: pl.DataFrame = NO_TRAFFIC,
    day: date = DAY,
    params: Params | None = None,
) -> Finding:
    [finding] = check(feature, day, listed(*rows), linked, seen, params or Params())
    return finding


def test_a_list_that_tells_passes() -> None:
    finding = judge(*whole_list(at(9)), feature=WELL_RUN, seen=USED)
    assert finding.status is Status.PASS
    assert (finding.threshold, finding.unit, finding.n) == (60, "points", 8)
    assert finding.value == finding.lo == finding.hi
    assert finding.message == (
        f"Score {finding.value:.0f} of 100, grade B; 5 of 45 elements are missing "
        "(team-docs@example.com 5)."
    )
    assert (finding.action, finding.evidence_sql) == ("", "")


def test_traffic_verifies_what_a_list_tells() -> None:
    seen, unseen = (judge(*whole_list(at(9)), seen=rows).value for rows in (USED, NO_TRAFFIC))
    assert seen is not None
    assert unseen is not None
    # The hosted model's: 5 elements of 7, data flow and usage of 13, its edge of 8: 0.2 each.
    assert seen - unseen == pytest.approx(0.2 * (25 * 5 / 7 + 15 * 2 / 13 + 10 * 1 / 8))
    old = observed(*((age, "model", "corvid", None, 150) for age in range(28, 35)))
    assert judge(*whole_list(at(9)), seen=old).value == unseen


@pytest.mark.parametrize(
    ("feature", "status"),
    [
        (FEATURE, Status.WARN),
        (HIGH, Status.FAIL),
        (staged("beta", HIGH), Status.WARN),
        (staged("experimental", HIGH), Status.WARN),
        (staged(None, HIGH), Status.WARN),
    ],
)
def test_a_closed_gate_is_grave_in_production_at_high_risk(
    feature: Feature, status: Status
) -> None:
    rows = whole_list(at(9), model="unknown")
    finding = judge(*rows, feature=feature)
    assert finding.status is status
    assert "capped (else 6" in finding.message
    assert "by no version of the model corvid;" in finding.message
    assert finding.value == 59
    assert finding.action.startswith(
        "Mend first what caps it: no version of the model corvid. Add "
    )


@pytest.mark.parametrize(
    ("feature", "least", "status"),
    [
        (FEATURE, 60, Status.WARN),
        (staged(None), 60, Status.WARN),
        (staged("deprecated"), 60, Status.WARN),
        (HIGH, 75, Status.WARN),
        (staged("experimental"), 30, Status.PASS),
        (staged("retired"), 30, Status.PASS),
    ],
)
def test_the_least_score_goes_by_lifecycle_and_risk(
    feature: Feature, least: float, status: Status
) -> None:
    # 45 points: told, but little.
    rows = [
        part("hosted_model", "m", supplier="S", endpoint="https://e", data_classification="public"),
        part("prompt", "p", sha256=HASHES[0]),
        part("eval_suite", "e", sha256=HASHES[1]),
    ]
    finding = judge(*rows, feature=feature, linked=NO_EDGES)
    assert (finding.status, finding.threshold) == (status, least)
    assert finding.value is not None
    assert 30 < finding.value < 60
    assert "capped" not in finding.message


def test_the_action_names_what_gains_most_and_whose() -> None:
    rows = whole_list(at(9))
    rows[3] |= {"license": None, "owner": "team-data"}
    finding = judge(*rows, params=Params(min_score=90))
    assert finding.status is Status.WARN
    assert finding.action.startswith("Add description of corvid, articles (+")
    assert finding.action.count("(+") == 3
    assert "(team-docs@example.com 6, team-data 2)" in finding.message


def test_what_is_said_to_be_unknown_is_the_upper_end() -> None:
    rows = whole_list(at(9))
    rows[3] |= {"license": "NOASSERTION"}
    finding = judge(*rows)
    assert finding.lo == finding.value
    assert finding.hi is not None
    assert finding.value is not None
    # One of the articles' seven and the suite's three elements, from 0.25 to 0.8.
    assert finding.hi - finding.value == pytest.approx(20 * 0.55 / 10)
    assert f"1 said to be unknown: {finding.hi:.0f} if these were told." in finding.message


@pytest.mark.parametrize(
    ("feature", "status"),
    [
        (FEATURE, Status.WARN),
        (HIGH, Status.WARN),
        (staged("beta"), Status.WARN),
        (staged("deprecated"), Status.WARN),
        (Feature.unlisted("help"), Status.WARN),
        (staged("experimental"), Status.NOT_APPLICABLE),
        (staged("retired"), Status.NOT_APPLICABLE),
        (FEATURE.model_copy(update={"launched_on": ago(-1)}), Status.NOT_APPLICABLE),
    ],
)
def test_without_a_list(feature: Feature, status: Status) -> None:
    others = [part("model", "m", of_feature="other"), part("model", "s", of_feature=None),
              part("application", "help")]  # fmt: skip
    for rows in ([], others):
        finding = judge(*rows, feature=feature)
        assert finding.status is status
        assert finding.message.count(".") == 1 or feature.launched_on


def test_without_a_list_it_says_what_to_list() -> None:
    seen = observed(
        *((age, "model", "corvid", None, 150) for age in range(7)),
        *((age, "prompt", HOSTILE, "v1", 60) for age in range(7)),
    )
    finding = judge(seen=seen)
    assert finding.message == (
        "No list of parts: nothing says what it is made of, while traffic of 7 days uses model "
        'corvid, prompt it\'s "x" ; drop table core__calls v1.'
    )
    assert finding.action.startswith("List model corvid, prompt it's")
    assert (finding.value, finding.n, finding.threshold) == (0, 0, 60)
    rows = database(summary__observed_components=seen).execute(finding.evidence_sql).fetchall()
    assert len(rows) == 14
    # A shared model that answers its calls is a list of parts.
    shared = part("hosted_model", "corvid", of_feature=None)
    assert judge(shared, seen=seen).message.startswith("Score")


def test_what_is_in_use_and_on_no_list_caps() -> None:
    more = [(age, "model", "stranger", None, 20) for age in range(7)]
    trial = [(0, "model", "trial", None, 2)]
    both = pl.concat([USED, observed(*more, *trial)])
    finding = judge(*whole_list(at(9)), feature=HIGH, seen=both)
    assert finding.status is Status.FAIL
    assert "by model stranger in traffic, not on any list;" in finding.message
    # A trial by hand is not in use; another version of what is listed is not off the list.
    other = observed(*((age, "model", "corvid-2026-06", None, 20) for age in range(7)))
    few = pl.concat([USED, observed(*trial), other])
    assert judge(*whole_list(at(9)), seen=few).status is not Status.FAIL
    assert "capped" not in judge(*whole_list(at(9)), seen=few).message


def test_edges_end_at_parts_of_other_features_and_of_later_lists() -> None:
    linked = pl.concat([WHOLE_EDGES, edges(("prompt:answer", "x", "depends_on"))])
    rows = whole_list(at(9))
    assert "edges to x, not on any list" in judge(*rows, linked=linked).message
    for more in ({"of_feature": "other"}, {"listed_on": at(-3)}):
        there = part("model", "x", component_id="x", purl="p", **more)
        assert "capped" not in judge(*rows, there, linked=linked).message


def test_nothing_later_than_the_day_is_used() -> None:
    rows = whole_list(at(9))
    later = [part("model", "later", None, listed_on=at(-1)), *whole_list(at(-1), model="unknown")]
    tomorrow = observed(*((-age, "model", "stranger", None, 150) for age in range(1, 8)))
    seen = pl.concat([USED, tomorrow])
    assert judge(*rows, *later, seen=seen) == judge(*rows, seen=USED)
    assert judge(*rows, day=ago(10)).message.startswith("No list of parts")


def test_evidence_runs_and_shows_the_rows_that_were_known() -> None:
    names = (HOSTILE, f"{HOSTILE}'")
    feature = HIGH.model_copy(update={"id": HOSTILE})
    rows = [
        part("model", names[0], None, of_feature=HOSTILE, component_id=names[0]),
        part("dataset", names[1], of_feature=None, component_id=names[1]),
        part("model", "unused", of_feature=None),
        part("model", "later", of_feature=HOSTILE, listed_on=at(-1)),
    ]
    linked = edges((names[0], names[1], "trained_on"))
    finding = judge(*rows, feature=feature, linked=linked)
    assert finding.status is Status.FAIL
    assert "\n" not in finding.message
    shown = database(summary__listed_parts=listed(*rows)).execute(finding.evidence_sql).fetchall()
    assert sorted(row[0] for row in shown) == sorted(names)


def test_a_year_of_bumps_and_renewed_lists_is_silent() -> None:
    rows = []
    seen = []
    for week in range(52):
        age = 7 * (51 - week)
        model = f"2026-{1 + week // 5:02}"
        new = whole_list(at(age), model=model)
        for row in new:
            if "sha256" in row and week % 3:
                row |= {"version": f"{row['version']}.{week}", "sha256": f"{week:064x}"}
        rows += new
        seen += [(age - one, "model", "corvid", None, 150) for one in range(7)]
    parts, traffic = listed(*rows), observed(*seen)
    found: list[Finding] = []
    for age in range(350):
        day = ago(age)
        window = traffic.filter(
            (pl.col("day") <= day) & (pl.col("day") > day - timedelta(HISTORY_DAYS))
        )
        found += check(WELL_RUN, day, parts, WHOLE_EDGES, window, Params())
    assert {one.status for one in found} == {Status.PASS}
    assert {one.n for one in found} == {8}


def test_the_figure_shows_clusters_and_what_is_missing() -> None:
    given = (listed(*whole_list(at(9))), WHOLE_EDGES, USED, Params())
    shown = figure(FEATURE, DAY, *given)
    assert shown is not None
    assert shown.rows == ("Metadata", "System", "Models", "Datasets", "Infrastructure", "Security",
                          "KPI")  # fmt: skip
    cells = {(cell.row, cell.column): cell for cell in shown.cells}
    assert cells["Models", "verified"].text == "5"
    assert cells["Models", "missing"].text == "2"
    assert (cells["Models", "score"].text, cells["Models", "score"].level) == ("71", "good")
    assert figure(FEATURE, DAY, listed(), *given[1:]) is None
