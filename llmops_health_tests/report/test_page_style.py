"""The page's colours: text can be read in both schemes, states told apart by those who see less."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from llmops_health.report import page

CSS = (Path(page.__file__).parent / "templates" / "page.css").read_text("utf-8")
TEXT = ("ink", "dim", "failing", "warning", "healthy", "no-evidence", "none", "focus")
# Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB.
DEFICIENT = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def scheme(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


LIGHT = scheme(CSS[: CSS.index("@media")])
DARK = LIGHT | scheme(CSS[CSS.index("@media") : CSS.index("*, ::before")])
SCHEMES = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def linear(colour: str) -> np.ndarray:
    """Return linear RGB, 0 to 1."""
    value = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.asarray(np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2."""
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Return CIELAB (D65) of linear RGB."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_dark_is_another_scheme() -> None:
    assert all(LIGHT[name] != DARK[name] for name in ("paper", "ink", *TEXT))


@SCHEMES
def test_all_text_can_be_read(colours: dict[str, str]) -> None:
    for name in TEXT:
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
    assert contrast(colours["ink"], colours["wash"]) >= 4.5


@SCHEMES
@pytest.mark.parametrize("matrix", list(DEFICIENT.values()), ids=list(DEFICIENT))
def test_states_are_told_apart_by_the_colour_blind(
    colours: dict[str, str], matrix: list[list[float]]
) -> None:
    seen = {
        name: lab(np.array(matrix) @ linear(colours[name]))
        for name in ("failing", "warning", "healthy")
    }
    for one, other in combinations(seen, 2):
        # About 2.3 is just noticeable; marks also differ in shape, height and word.
        assert np.linalg.norm(seen[one] - seen[other]) > 8, (one, other)


def test_every_colour_comes_from_a_variable() -> None:
    rules = CSS[CSS.index("*, ::before") :]
    assert re.findall(r"#[0-9a-f]{3,8}\b(?![^{]*\{)", rules) == []
    used = set(re.findall(r"var\(--([\w-]+)\)", CSS))
    assert used <= set(LIGHT)


def test_paper_is_light_in_print() -> None:
    assert "@media screen and (prefers-color-scheme: dark)" in CSS
    assert CSS.count("prefers-color-scheme") == 1


def test_nothing_moves() -> None:
    for word in ("transition", "animation", "scroll-behavior"):
        assert word not in CSS
