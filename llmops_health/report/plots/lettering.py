"""How wide a text is, before any browser has seen it, and how it is cut, broken and escaped.

Widths are upper bounds, since nobody knows which font a reader has.
"""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import category, combining, east_asian_width
from xml.sax.saxutils import escape as _escape

from llmops_health.report.plots.style import FONT_SIZE

# Advance widths of ASCII 32 to 126 in thousandths of the font size, of the widest font that a
# browser may take for the page's (DejaVu Sans; Verdana is as wide, most others a tenth narrower).
_ADVANCES = (
    "318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636"
    " 636 636 636 337 337 838 838 838 531 1000 684 686 698 770 632 575 775 752 295 295 656 557 863"
    " 748 787 603 787 695 635 611 732 684 989 685 611 685 390 337 390 838 500 500 613 635 550 635"
    " 615 352 635 634 278 278 579 278 974 634 612 635 635 411 521 392 634 592 818 592 592 525 636"
    " 337 636 838"
)
_WIDTHS = {chr(32 + at): int(advance) / 1000 for at, advance in enumerate(_ADVANCES.split())}
_WIDTHS["\N{HORIZONTAL ELLIPSIS}"] = 1.0
_NARROWEST = 0.25 * FONT_SIZE
_STRONG = 1.14  # how much wider the same font is in bold
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_BREAKS = " ._-/:,"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in units of the view box."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Return whether the two share any area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def width(text: str, *, strong: bool = False) -> float:
    """Return an upper estimate of a text's width; `strong` is for bold.

    Examples
    --------
    >>> round(width("2 Oct"), 1), round(width("2 Oct", strong=True), 1)
    (32.2, 36.7)
    """
    return FONT_SIZE * (_STRONG if strong else 1.0) * sum(map(_advance, text))


def _advance(character: str) -> float:
    if combining(character):
        return 0.0
    if east_asian_width(character) in "WF":
        return 1.0
    return _WIDTHS.get(character, 0.84)


def text_box(x: float, y: float, text: str, anchor: str, *, strong: bool = False) -> Box:
    """Return the area of a text whose baseline is at `y`; `anchor` is start, middle or end."""
    wide = width(text, strong=strong)
    left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
    return Box(left, y - 0.8 * FONT_SIZE, left + wide, y + 0.25 * FONT_SIZE)


def clean(text: str) -> str:
    """Put a text on one line and leave out what XML cannot hold.

    Control characters and those that turn the direction of writing become spaces.
    """
    return " ".join(
        "".join(" " if _is_unfit(character) else character for character in text).split()
    )


def _is_unfit(character: str) -> bool:
    return category(character) in {"Cc", "Cf", "Cs"} or ord(character) & 0xFFFE == 0xFFFE


def escape(text: str) -> str:
    """Return a text as it may stand in an element or in a quoted attribute.

    Examples
    --------
    >>> escape('<a title="x">')
    '&lt;a title=&quot;x&quot;&gt;'
    """
    return _escape(clean(text), {'"': "&quot;", "'": "&#39;"})


def shorten(text: str, room: float, *, strong: bool = False) -> str:
    """Cut a text to a width; what is cut is replaced by an ellipsis.

    Examples
    --------
    >>> shorten("support-intents", 60)
    'support…'
    """
    text = clean(text)
    if width(text, strong=strong) <= room:
        return text
    text = text[: _most(room)]
    while text and width(text + _ELLIPSIS, strong=strong) > room:
        text = text[:-1]
    return text.rstrip() + _ELLIPSIS


def _most(room: float) -> int:
    """Return how many letters fit at most, so that no name costs more than its line is worth."""
    return max(1, int(room / _NARROWEST) + 1)


def wrap(text: str, room: float, n_lines: int, *, strong: bool = False) -> list[str]:
    """Break a text between words into at most `n_lines`, the last of which may be cut.

    Examples
    --------
    >>> wrap("Confidence against accuracy", 80, 2)
    ['Confidence', 'against ac…']
    """
    lines: list[str] = []
    words = clean(text).split()
    while words and len(lines) < n_lines - 1:
        n = 1
        while n < len(words) and width(" ".join(words[: n + 1]), strong=strong) <= room:
            n += 1
        lines.append(shorten(" ".join(words[:n]), room, strong=strong))
        words = words[n:]
    return [*lines, shorten(" ".join(words), room, strong=strong)] if words else lines


def fold(text: str, room: float, n_lines: int, *, strong: bool = False) -> list[str]:
    """Break a name into at most `n_lines`, within words too, as names of steps and models need.

    A break comes after a space or a sign such as a dot or an underscore, if one is near. What is
    too long loses its middle, since names that begin alike, such as versions, differ at their ends.

    Examples
    --------
    >>> fold("retrieval.cross_encoder_rerank", 120, 2)
    ['retrieval.cross_', 'encoder_rerank']
    >>> fold("summarise-ticket version 12", 100, 1)
    ['summar\N{HORIZONTAL ELLIPSIS}ion 12']
    """
    text = clean(text)
    lines: list[str] = []
    while len(lines) < n_lines - 1 and width(text, strong=strong) > room:
        fitting = next(
            n
            for n in range(min(len(text), _most(room)), 0, -1)
            if n == 1 or _fits(text[:n], room, strong=strong)
        )
        breaks = [at + 1 for at in range(fitting) if text[at] in _BREAKS]
        at = fitting if text[fitting : fitting + 1] == " " else max(breaks, default=0)
        at = at if at > fitting / 3 else fitting
        lines.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [*lines, _without_middle(text, room, strong=strong)]


def _without_middle(text: str, room: float, *, strong: bool) -> str:
    if width(text, strong=strong) <= room:
        return text
    kept = next(
        (
            n
            for n in range(min(len(text) - 1, _most(room)), 1, -1)
            if _fits(_cut(text, n), room, strong=strong)
        ),
        1,
    )
    return _cut(text, kept)


def _cut(text: str, kept: int) -> str:
    """Return the beginning and the end of a text, together `kept` characters."""
    tail = kept // 2
    return f"{text[: kept - tail].rstrip()}{_ELLIPSIS}{text[len(text) - tail :].lstrip()}"


def _fits(text: str, room: float, *, strong: bool) -> bool:
    return width(text, strong=strong) <= room
