"""A small drawing board: scales, axes and marks as inline SVG, coloured by the page's style.

Charts take their colours from CSS classes, so that one drawing serves light and dark pages. Every
drawing carries a title and a description for those who cannot see it.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any


def escape(text: object) -> str:
    """Escape text for HTML and SVG, quotes included."""
    return html.escape(str(text), quote=True)


def tag(name: str, content: str = "", /, **attributes: Any) -> str:
    """Spell one element; ``class_`` becomes ``class``, ``stroke_width`` ``stroke-width``.

    ``content`` is taken as it is: escape text first. Attributes that are None are left out.
    """
    spelled = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{spelled}>{content}</{name}>"


def _value(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else escape(value)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Choose round numbers from ``low`` to ``high``, about ``wanted`` of them."""
    if not high > low:
        return [low]
    rough = (high - low) / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart until they are ``gap`` apart, in order, inside ``low`` to ``high``."""
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    moved = list(positions)
    for before, index in zip([None, *order], order, strict=False):
        floor = low if before is None else moved[before] + gap
        moved[index] = max(moved[index], floor)
    ceiling = high
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved


class Plot:
    """One drawing with a horizontal and a vertical scale.

    Parameters
    ----------
    x_range, y_range : tuple of float
        Ends of the scales, in data units.
    width, height : float
        Size of the drawing, in its own units (the page scales it).
    margins : tuple of float
        Left, top, right, bottom.
    """

    def __init__(
        self,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        width: float = 640.0,
        height: float = 340.0,
        margins: tuple[float, float, float, float] = (56.0, 18.0, 20.0, 46.0),
    ) -> None:
        self.width, self.height = width, height
        self.left, self.top = margins[0], margins[1]
        self.right, self.bottom = width - margins[2], height - margins[3]
        self._x_range, self._y_range = x_range, y_range
        self._parts: list[str] = []

    def x(self, value: float) -> float:
        """Horizontal position of a value."""
        low, high = self._x_range
        return self.left + (value - low) / ((high - low) or 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Vertical position of a value."""
        low, high = self._y_range
        return self.bottom - (value - low) / ((high - low) or 1.0) * (self.bottom - self.top)

    def add(self, element: str) -> None:
        """Draw an element over what is there."""
        self._parts.append(element)

    def text(self, x: float, y: float, words: str, class_: str = "label", **more: Any) -> None:
        """Write words at a position of the drawing."""
        self.add(tag("text", escape(words), x=x, y=y, class_=class_, **more))

    def axes(
        self,
        x_label: str,
        y_label: str,
        x_ticks: Sequence[tuple[float, str]],
        y_ticks: Sequence[tuple[float, str]],
    ) -> None:
        """Draw grid lines, tick labels and the names of both axes."""
        for value, words in y_ticks:
            at = self.y(value)
            self.add(tag("line", x1=self.left, x2=self.right, y1=at, y2=at, class_="grid"))
            self.text(self.left - 8, at + 4, words, "tick", text_anchor="end")
        for value, words in x_ticks:
            self.text(self.x(value), self.bottom + 18, words, "tick", text_anchor="middle")
        base = self.bottom
        self.add(tag("line", x1=self.left, x2=self.right, y1=base, y2=base, class_="axis"))
        middle = (self.left + self.right) / 2
        self.text(middle, self.height - 8, x_label, "axis-name", text_anchor="middle")
        self.text(self.left - 48, self.top - 18, y_label, "axis-name")

    def line(self, points: Sequence[tuple[float, float]], class_: str) -> None:
        """Draw a line through points in data units; points that are not finite break it."""
        path, pen = [], "M"
        for x, y in points:
            if not (math.isfinite(x) and math.isfinite(y)):
                pen = "M"
                continue
            path.append(f"{pen}{self.x(x):.1f} {self.y(y):.1f}")
            pen = "L"
        self.add(tag("path", d=" ".join(path), class_=f"line {class_}"))

    def area(self, points: Sequence[tuple[float, float]], class_: str) -> None:
        """Fill the area between a line through points and the horizontal axis."""
        if not points:
            return
        path = " ".join(f"L{self.x(x):.1f} {self.y(y):.1f}" for x, y in points)
        first, last = self.x(points[0][0]), self.x(points[-1][0])
        shape = f"M{first:.1f} {self.bottom:.1f} {path} L{last:.1f} {self.bottom:.1f}Z"
        self.add(tag("path", d=shape, class_=class_))

    def mark(self, x: float, y: float, shape: str, class_: str, words: str = "") -> None:
        """Draw a mark (circle, square, diamond) at a point in data units, with a hover text."""
        at_x, at_y, hover = self.x(x), self.y(y), tag("title", escape(words)) if words else ""
        if shape == "circle":
            self.add(tag("circle", hover, cx=at_x, cy=at_y, r=4.5, class_=f"mark {class_}"))
            return
        turn = f"rotate(45 {at_x:.1f} {at_y:.1f})" if shape == "diamond" else None
        box = {"x": at_x - 4, "y": at_y - 4, "width": 8, "height": 8}
        self.add(tag("rect", hover, **box, transform=turn, class_=f"mark {class_}"))

    def horizontal(self, value: float, class_: str) -> None:
        """Draw a line across the drawing at a height."""
        at = self.y(value)
        self.add(tag("line", x1=self.left, x2=self.right, y1=at, y2=at, class_=class_))

    def vertical(self, value: float, class_: str, words: str = "") -> None:
        """Draw a line down the drawing, with words at its head where given."""
        at = self.x(value)
        self.add(tag("line", x1=at, x2=at, y1=self.top, y2=self.bottom, class_=class_))
        if words:
            flip = at > (self.left + self.right) / 2 + 40
            anchor, shift = ("end", -6) if flip else ("start", 6)
            label = f"label {class_}-text"
            self.text(at + shift, self.top + 10, words, label, text_anchor=anchor)

    def render(self, title: str, description: str) -> str:
        """Return the drawing as an ``svg`` element with title and description."""
        return drawing(self.width, self.height, "".join(self._parts), title, description)


def drawing(width: float, height: float, content: str, title: str, description: str) -> str:
    """Wrap elements in an ``svg`` that screen readers announce as one picture."""
    words = tag("title", escape(title)) + tag("desc", escape(description))
    return tag(
        "svg",
        words + content,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label=f"{title}. {description}",
        style=f"max-width:{1.15 * width:.0f}px",
        xmlns="http://www.w3.org/2000/svg",
    )
