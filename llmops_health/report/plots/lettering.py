"""How wide a text is, before any browser has seen it, and how it is cut, broken and escaped.

Widths are those of Helvetica, widened by a fifth: the widest of readers' fonts, DejaVu, needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import category, combining, east_asian_width
from xml.sax.saxutils import escape as _escape

from llmops_health.report.plots.style import FONT_SIZE

# Advance widths of ASCII 32 to 126, in thousandths of the font size (Adobe's Helvetica.afm).
_HELVETICA = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556"
    " 556 556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833"
    " 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556"
    " 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334"
    " 260 334 584"
)
_WIDTHS = {chr(32 + at): int(width) / 1000 for at, width in enumerate(_HELVETICA.split())}
_SAFETY = 1.2
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


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


def width(text: str) -> float:
    """Return an upper estimate of a text's width.

    Examples
    --------
    >>> round(width("2 Oct"), 1)
    34.4
    """
    return FONT_SIZE * _SAFETY * sum(_advance(character) for character in text)


def _advance(character: str) -> float:
    if combining(character):
        return 0.0
    if east_asian_width(character) in "WF":
        return 1.0
    return _WIDTHS.get(character, 0.75)


def text_box(x: float, y: float, text: str, anchor: str) -> Box:
    """Return the area of a text whose baseline is at `y`; `anchor` is start, middle or end."""
    wide = width(text)
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


def shorten(text: str, room: float) -> str:
    """Cut a text to a width; what is cut is replaced by an ellipsis.

    Examples
    --------
    >>> shorten("support-intents", 60)
    'support…'
    """
    text = clean(text)
    if width(text) <= room:
        return text
    while text and width(text + _ELLIPSIS) > room:
        text = text[:-1]
    return text.rstrip() + _ELLIPSIS


def wrap(text: str, room: float, n_lines: int) -> list[str]:
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
        while n < len(words) and width(" ".join(words[: n + 1])) <= room:
            n += 1
        lines.append(shorten(" ".join(words[:n]), room))
        words = words[n:]
    return [*lines, shorten(" ".join(words), room)] if words else lines
