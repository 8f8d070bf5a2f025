"""Figures: plain data, frozen, one kind per class, all drawn."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import get_args

import pytest

from llmops_health import figures
from llmops_health.figures import Estimate, Figure
from llmops_health.report import plots
from llmops_health_tests.report.plots.plot_samples import (
    control,
    curves,
    flows,
    forecast,
    forest,
    heat_map,
    parts,
    reliability,
    risk,
    scatter,
    scores,
    stages,
    topics,
    trend,
    waterfall,
)

KINDS = get_args(Figure)
MADE: list[Figure] = [
    *(trend(), reliability(), control(), risk(), topics(), scores()),
    *(forest(), parts(), waterfall(), curves(), stages()),
    *(forecast(), scatter(), flows(), heat_map()),
]


def test_every_kind_is_drawn() -> None:
    assert {type(one) for one in MADE} == set(KINDS)
    assert all(plots.svg(one).startswith("<svg") for one in MADE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_title_and_a_description(kind: type) -> None:
    assert {"title", "description"} <= {one.name for one in fields(kind)}


@pytest.mark.parametrize("made", MADE)
def test_a_figure_is_a_value(made: Figure) -> None:
    assert hash(made) == hash(made)
    with pytest.raises(FrozenInstanceError):
        made.title = "other"  # type: ignore[misc]


def test_figures_are_made_by_name_only() -> None:
    with pytest.raises(TypeError):
        Estimate(0.1)  # type: ignore[call-arg]
    made = [one for one in vars(figures).values() if isinstance(one, type) and is_dataclass(one)]
    assert len(made) >= len(KINDS)
    assert {one.__name__ for one in made} | {"Figure"} == set(figures.__all__)
    assert all(vars(one)["__slots__"] for one in made)
