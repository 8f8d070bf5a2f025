"""Reading a drawn plot: its points, its texts with the room they take, and its scales."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from llmops_health.figures import Figure
from llmops_health.report import plots
from llmops_health.report.plots.lettering import Box, text_box

SVG = "{http://www.w3.org/2000/svg}"


def parsed(figure: Figure) -> ET.Element:
    return ET.fromstring(plots.svg(figure))  # noqa: S314


def letters(root: ET.Element) -> list[tuple[str, Box]]:
    """Return each text of a plot with the room it takes in the widest font."""
    found: list[tuple[str, Box]] = []
    for one in root.iter(f"{SVG}text"):
        words = "".join(one.itertext())
        place = float(one.get("x", 0)), float(one.get("y", 0))
        strong = "p-strong" in one.get("class", "").split()
        box = text_box(*place, words, one.get("text-anchor", "start"), strong=strong)
        found.append((words, box))
    return found


def words(figure: Figure) -> list[str]:
    return [text for text, _ in letters(parsed(figure))]


def drawn(root: ET.Element, look: str) -> list[ET.Element]:
    """Return the elements of exactly these classes, in the order they were drawn."""
    return [one for one in root.iter() if one.get("class") == look]


def points(root: ET.Element, look: str) -> list[tuple[float, float]]:
    """Return the points of the paths of exactly these classes."""
    return [point for one in drawn(root, look) for point in route(one.get("d") or "")]


def near(expected: Iterable[tuple[float, float]], within: float = 0.3) -> Any:
    """Return points that equal others up to what is lost in drawing."""
    return [pytest.approx(point, abs=within) for point in expected]


def levels(root: ET.Element, unit: str = "") -> Callable[[float], float]:
    """Return where the vertical axis puts a number, by the labels of its ticks."""
    ticks = sorted(
        (float(text.removesuffix(unit).replace(",", "")), float(one.get("y", 0)) - 4)
        for one in root.iter(f"{SVG}text")
        if one.get("text-anchor") == "end"
        and re.fullmatch(rf"[\d.,]+{unit}", text := "".join(one.itertext()))
    )
    (low, bottom), (high, top) = ticks[0], ticks[-1]
    return lambda value: bottom + (value - low) / (high - low) * (top - bottom)


def across(
    root: ET.Element, low: tuple[str, float], high: tuple[str, float]
) -> Callable[[float], float]:
    """Return where the horizontal axis puts a number, by two of its labels and their numbers."""
    at = {
        "".join(one.itertext()): float(one.get("x", 0))
        for one in root.iter(f"{SVG}text")
        if one.get("text-anchor") == "middle"
    }
    left, right = at[low[0]], at[high[0]]
    return lambda value: left + (value - low[1]) / (high[1] - low[1]) * (right - left)


def route(d: str) -> list[tuple[float, float]]:
    """Return the points of a path of absolute or relative moves and lines."""
    x = y = 0.0
    points: list[tuple[float, float]] = []
    for command, numbers in re.findall(r"([MmLlHhVv])([^MmLlHhVvZz]*)", d):
        values = [float(one) for one in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers)]
        step = 1 if command in "HhVv" else 2
        for at in range(0, len(values), step):
            if command in "Hh":
                x = values[at] + (x if command == "h" else 0)
            elif command in "Vv":
                y = values[at] + (y if command == "v" else 0)
            else:
                base = (x, y) if command.islower() else (0.0, 0.0)
                x, y = base[0] + values[at], base[1] + values[at + 1]
            points.append((x, y))
    return points
