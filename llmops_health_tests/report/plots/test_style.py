"""Style: text and marks can be seen on light and on dark paper, by the colour-blind too."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from llmops_health.report.plots.style import DARK, LIGHT, STANDALONE_STYLE, STYLE

FLOAT = np.float64
# Severity 1.0 of Machado et al. (2009), on linear RGB.
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
WHITE = (0.9505, 1.0, 1.089)


def palettes() -> dict[str, dict[str, str]]:
    """Return the colours as STYLE says them: those outside and those inside the media rule."""
    found = [
        dict(re.findall(r"--p-(\w+):var\(--plot-\w+,(#[0-9a-f]{6})\)", part))
        for part in STYLE.split("@media screen and (prefers-color-scheme:dark)")
    ]
    return dict(zip(("light", "dark"), found, strict=True))


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def mixed(over: str, under: str, opacity: float) -> str:
    both = (np.array([int(one[at : at + 2], 16) for at in (1, 3, 5)]) for one in (over, under))
    top, bottom = both
    return "#" + "".join(f"{round(one):02x}" for one in opacity * top + (1 - opacity) * bottom)


def contrast(one: str, other: str) -> float:
    dark, light = sorted(float(linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    ratio = np.clip(TO_XYZ @ np.clip(rgb, 0, 1), 0, None) / WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def opacity_of(look: str) -> float:
    [found] = re.findall(rf"\.{look}\{{fill:[^}}]*fill-opacity:(\.\d+)", STYLE)
    return float(found)


def test_the_style_holds_both_palettes_and_a_file_only_the_light_one() -> None:
    assert palettes() == {"light": LIGHT, "dark": DARK}
    assert all(f"--p-{name}:{colour};" in STANDALONE_STYLE for name, colour in LIGHT.items())
    assert "@media" not in STANDALONE_STYLE
    assert "var(--plot-" not in STANDALONE_STYLE


@pytest.mark.parametrize("which", ["light", "dark"])
@pytest.mark.parametrize(
    ("names", "least"), [(("ink", "soft"), 4.5), (("main", "other", "warn", "fail"), 3.0)]
)
def test_colours_stand_out_from_paper(which: str, names: tuple[str, ...], least: float) -> None:
    palette = palettes()[which]
    for name in names:
        assert contrast(palette[name], palette["paper"]) >= least, name


@pytest.mark.parametrize("which", ["light", "dark"])
def test_words_and_marks_stand_out_from_shaded_windows(which: str) -> None:
    palette = palettes()[which]
    window = mixed(palette["soft"], palette["paper"], opacity_of("p-window"))
    assert contrast(palette["soft"], window) >= 4.5
    season = mixed(palette["soft"], window, opacity_of("p-season"))
    ribbon = mixed(palette["soft"], season, opacity_of("p-ribbon"))
    for name in ("main", "other", "fail"):
        assert contrast(palette[name], ribbon) >= 3.0, name


@pytest.mark.parametrize("which", ["light", "dark"])
@pytest.mark.parametrize(
    ("look", "tint", "mark"),
    [("p-cell-good", "main", "main"), ("p-cell-partly", "warn", "warn"),
     ("p-cell-bad", "fail", "fail")],
)  # fmt: skip
def test_words_and_marks_stand_out_from_cells(which: str, look: str, tint: str, mark: str) -> None:
    palette = palettes()[which]
    cell = mixed(palette[tint], palette["paper"], opacity_of(look))
    assert contrast(palette["ink"], cell) >= 7
    assert contrast(palette[mark], cell) >= 3


@pytest.mark.parametrize("which", ["light", "dark"])
def test_ranges_of_a_forecast_are_told_apart(which: str) -> None:
    palette = palettes()[which]
    window = mixed(palette["soft"], palette["paper"], opacity_of("p-window"))
    wide = mixed(palette["main"], window, opacity_of("p-wide"))
    narrow = mixed(palette["main"], wide, opacity_of("p-narrow"))
    assert contrast(narrow, wide) >= 1.3
    assert contrast(palette["main"], narrow) >= 2
    assert contrast(palette["fail"], narrow) >= 2


@pytest.mark.parametrize("which", ["light", "dark"])
def test_what_is_grey_and_carries_a_number_stands_out(which: str) -> None:
    palette = palettes()[which]
    rest = mixed(palette["soft"], palette["paper"], opacity_of("p-rest"))
    assert contrast(rest, palette["paper"]) >= 3.0


@pytest.mark.parametrize("blindness", list(BLIND))
@pytest.mark.parametrize("which", ["light", "dark"])
def test_the_two_series_are_told_apart_by_all(which: str, blindness: str) -> None:
    """20 of CIE 1976 is ten times what is just noticed."""
    palette = palettes()[which]
    for one, other in combinations(("main", "other"), 2):
        seen = [lab(np.array(BLIND[blindness]) @ linear(palette[name])) for name in (one, other)]
        assert np.linalg.norm(seen[0] - seen[1]) > 20


def test_every_class_that_is_drawn_has_a_rule() -> None:
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

    figures = [*(make(n) for make in (trend, control) for n in (60, 400)),
               reliability(), risk(), topics(30), scores(8), scores(60),
               forest(), parts(), waterfall(), waterfall(40), curves(6), curves(2, 300),
               curves(6, 300), stages(), forecast(), forecast(300, 90), scatter(), scatter(200),
               flows(), heat_map()]  # fmt: skip
    drawn = {
        name
        for figure in figures
        for classes in re.findall(r'class="([^"]+)"', plots.svg(figure))
        for name in classes.split()
    }
    assert drawn - set(re.findall(r"\.(p-[\w-]+)", STYLE)) == set()
