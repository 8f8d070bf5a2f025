"""Ages and gaps by hand: what begins a record is no change, and a day knows nothing later."""

from __future__ import annotations

import pytest

from llmops_health.health.frozen_feature._changes import ALL_KINDS, age, known, rarity
from llmops_health_tests.health.frozen_feature.simulate import FEATURE, LAST, ago, changes


def test_gaps_of_a_feature_and_of_all() -> None:
    record = known(changes({"triage": [100, 40, 10], "other": [150, 30]}, start=200), LAST)
    found = rarity("triage", record, ["model"], 55, min_gaps=2, own_weight=3)
    assert found is not None
    # Own: open 100 from the start and open 10, closed 60 and 30. Other: open 50 and 30, closed 120.
    assert (found.n_own, found.n_gaps) == (2, 3)
    # At 30: own 1 of 3 at risk, all 1 of 6 (the open 30 is at risk); both last beyond 55.
    wanted = 0.4 * (2 / 3) + 0.6 * (5 / 6)
    assert found.percentile.estimate == pytest.approx(1 - wanted)
    # Gamma(2 + 2, 2 * 400 / 3 + 200) per day, in months.
    assert found.per_month.estimate == pytest.approx(30 * 4 / (2 * 400 / 3 + 200))


def test_changes_of_one_day_are_one() -> None:
    rows = changes({"triage": [40, 40, 10]}, start=100)
    found = rarity("triage", known(rows, LAST), ["model"], 0, min_gaps=1, own_weight=5)
    assert found is not None
    assert found.n_gaps == 1


def test_too_few_gaps_say_nothing() -> None:
    record = known(changes({"triage": [40, 10]}, start=100), LAST)
    assert rarity("triage", record, ["model"], 5, min_gaps=2, own_weight=5) is None
    assert rarity("triage", record, ["prompt"], 5, min_gaps=1, own_weight=5) is None


def test_the_newest_of_the_kinds_counts() -> None:
    rows = changes({"triage": [40]})
    record = known(rows.vstack(changes({"triage": [9]}, what="service")), LAST)
    model, every = age(FEATURE, record, ["model"]), age(FEATURE, record, ALL_KINDS)
    assert model is not None
    assert every is not None
    assert (model.days, every.days) == (40, 9)
    assert every.what == f"the service became v1 on {ago(9)}"


def test_a_launch_within_the_record_is_an_age_and_one_before_is_not() -> None:
    record = known(changes({"triage": []}, start=50), LAST)
    for launched, days, is_exact in ((ago(30), 30, True), (ago(80), 50, False)):
        found = age(FEATURE.model_copy(update={"launched_on": launched}), record, ["model"])
        assert found is not None
        assert (found.days, found.is_exact) == (days, is_exact)


def test_another_features_changes_are_not_its_age() -> None:
    record = known(changes({"other": [5]}), LAST)
    assert age(FEATURE, record, ALL_KINDS) is None
