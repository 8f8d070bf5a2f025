"""The colours and lines of every plot: two palettes, and the CSS that gives them to classes.

Colours carry no meaning alone: a shape, a dash or a word always says the same. Blue, vermilion and
amber are those of Okabe and Ito (2008), darkened or lightened to 3:1 on their paper, and told
apart under protanopia, deuteranopia and tritanopia.
"""

from __future__ import annotations

FONT_SIZE = 12.0
"""Height of all text, in units of the view box; with its width of 420, 11.4 px at 400 px."""

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "soft": "#57606a",
    "grid": "#e4e7eb",
    "main": "#0072b2",
    "other": "#a85a00",
    "warn": "#946200",
    "fail": "#b83800",
}
DARK = {
    "paper": "#0d1117",
    "ink": "#e6edf3",
    "soft": "#9aa4af",
    "grid": "#272d36",
    "main": "#56b4e9",
    "other": "#e69f00",
    "warn": "#e0b03a",
    "fail": "#ff8552",
}

_SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"

_RULES = f"""
.p-figure{{display:block;width:100%;max-width:560px;height:auto;overflow:visible;
font:400 {FONT_SIZE:g}px {_SANS};font-variant-numeric:tabular-nums}}
.p-figure text{{fill:var(--p-ink)}}
.p-figure .p-soft{{fill:var(--p-soft)}}
.p-figure .p-strong{{font-weight:600}}
.p-figure .p-halo{{paint-order:stroke;stroke:var(--p-paper);stroke-width:3px;stroke-linejoin:round}}
.p-paper{{fill:var(--p-paper)}}
.p-grid,.p-axis,.p-line,.p-other,.p-edge,.p-limit,.p-mark,.p-whisker,.p-guide{{fill:none}}
.p-grid{{stroke:var(--p-grid);stroke-width:1}}
.p-axis{{stroke:var(--p-soft);stroke-width:1}}
.p-line,.p-other{{stroke:var(--p-main);stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}}
.p-other{{stroke:var(--p-other);stroke-dasharray:5 3}}
.p-weekend{{fill:none;stroke:var(--p-main);stroke-width:1;stroke-dasharray:1.5 1.5}}
.p-fine{{stroke-width:1.1}}
.p-post{{fill:none;stroke:var(--p-ink);stroke-width:1.8}}
.p-post.p-under{{stroke:var(--p-paper);stroke-width:4.2}}
.p-thin{{stroke-width:1;stroke-opacity:.55}}
.p-edge{{stroke:var(--p-soft);stroke-width:1;stroke-dasharray:2 2}}
.p-guide{{stroke:var(--p-ink);stroke-width:1}}
.p-limit{{stroke:var(--p-fail);stroke-width:1.4;stroke-dasharray:6 3}}
.p-whisker{{stroke:var(--p-main);stroke-width:1.2}}
.p-whisker-other{{fill:none;stroke:var(--p-other);stroke-width:1.2}}
.p-band{{fill:var(--p-main);fill-opacity:.16}}
.p-band-other{{fill:var(--p-other);fill-opacity:.16}}
.p-season{{fill:var(--p-soft);fill-opacity:.16}}
.p-ribbon{{fill:var(--p-soft);fill-opacity:.07}}
.p-window{{fill:var(--p-soft);fill-opacity:.1}}
.p-rest{{fill:var(--p-soft);fill-opacity:.72}}
.p-bar{{fill:var(--p-main)}}
.p-bar-other{{fill:var(--p-other)}}
.p-open{{fill:var(--p-paper);stroke:var(--p-soft);stroke-width:1.2;stroke-dasharray:3 2}}
.p-bar-open{{fill:var(--p-paper);stroke:var(--p-fail);stroke-width:1.4}}
.p-mark{{stroke-linecap:round;stroke-width:5;stroke:var(--p-main)}}
.p-figure .p-tint{{fill:var(--p-main)}}
.p-figure .p-tint-other{{fill:var(--p-other)}}
.p-level,.p-whisker-ink{{fill:none;stroke:var(--p-ink)}}
.p-level{{stroke-width:2.4}}
.p-whisker-ink{{stroke-width:1.4}}
.p-hole.p-small{{stroke-width:1.4}}
.p-mark.p-small{{stroke-width:3.4}}
.p-hole{{fill:none;stroke:var(--p-paper);stroke-linecap:round;stroke-width:2.4}}
.p-none{{stroke:var(--p-soft)}}
.p-fill{{fill:var(--p-main);stroke:var(--p-paper);stroke-width:.8}}
.p-fill-other{{fill:var(--p-other);stroke:var(--p-paper);stroke-width:.8}}
.p-warn{{fill:var(--p-warn);stroke:var(--p-paper);stroke-width:.8}}
.p-fail{{fill:var(--p-fail);stroke:var(--p-paper);stroke-width:.8}}
.p-flat{{stroke:none}}
.p-fill-ink{{fill:var(--p-ink);stroke:var(--p-paper);stroke-width:.8}}
.p-fill-soft{{fill:var(--p-soft);stroke:var(--p-paper);stroke-width:.8}}
.p-fill-open{{fill:var(--p-paper);stroke:var(--p-other);stroke-width:1.4}}
.p-curve-1,.p-curve-2,.p-curve-3,.p-curve-4,.p-curve-5,.p-curve-6{{fill:none;stroke-width:1.6;
stroke-linejoin:round}}
.p-curve-1,.p-curve-5{{stroke:var(--p-main)}}
.p-curve-2,.p-curve-6{{stroke:var(--p-other)}}
.p-curve-3{{stroke:var(--p-ink)}}
.p-curve-4{{stroke:var(--p-soft)}}
.p-curve-2{{stroke-dasharray:5 3}}
.p-curve-3{{stroke-dasharray:2 2}}
.p-curve-5{{stroke-dasharray:8 3 2 3}}
.p-curve-6{{stroke-dasharray:1.5 3}}
.p-solid{{stroke-dasharray:none;stroke-width:1}}
.p-dashed{{stroke-dasharray:5 3}}
.p-narrow{{fill:var(--p-main);fill-opacity:.34}}
.p-wide{{fill:var(--p-main);fill-opacity:.13}}
.p-flow{{fill:var(--p-main);fill-opacity:.24}}
.p-lost{{fill:var(--p-soft);fill-opacity:.34}}
.p-odd{{fill:var(--p-fail);fill-opacity:.2;stroke:var(--p-fail);stroke-width:1;
stroke-dasharray:3 2}}
.p-cell-none{{fill:var(--p-paper);stroke:var(--p-soft);stroke-width:1;stroke-dasharray:2 2;
stroke-opacity:.6}}
.p-cell-good{{fill:var(--p-main);fill-opacity:.13}}
.p-cell-partly{{fill:var(--p-warn);fill-opacity:.16}}
.p-cell-bad{{fill:var(--p-fail);fill-opacity:.18}}
"""


def _variables(palette: dict[str, str], *, fixed: bool = False) -> str:
    if fixed:
        return "".join(f"--p-{name}:{colour};" for name, colour in palette.items())
    return "".join(f"--p-{name}:var(--plot-{name},{colour});" for name, colour in palette.items())


STYLE = (
    f".p-figure{{{_variables(LIGHT)}}}\n"
    f"@media screen and (prefers-color-scheme:dark){{.p-figure{{{_variables(DARK)}}}}}"
    f"{_RULES}"
)
"""For a page: each colour may be set there as `--plot-paper`, `--plot-ink` and so on."""

STANDALONE_STYLE = f".p-figure{{{_variables(LIGHT, fixed=True)}}}{_RULES}"
"""For a picture by itself: light, whatever its reader prefers, since its paper is light too."""
