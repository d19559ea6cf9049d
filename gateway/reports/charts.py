"""Charts as accessible SVG: what is drawn is also written, so that nobody depends on colours or on seeing at all.

Every chart carries its title and description for screen readers, every bar and point its value as text. Presentation
stands in attributes, never in styles: a page's policy allows no inline style. Pure; nothing that is handed in becomes
markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width
from xml.sax.saxutils import escape, quoteattr

_FONT = "Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif"
# Each at least 4.5:1 on white, and told apart by lightness alone.
_INK, _SOFT, _LINE, _BAR, _MARK = "#1b1f24", "#57606a", "#d0d7de", "#1f5f99", "#b35900"
_TRACK = "#eef2f6"
_WIDTH, _LABELS, _VALUES = 640, 190, 170
_ROW, _BAR_HEIGHT, _SIZE = 18, 10, 11
_TOP, _LEFT, _PLOT_HEIGHT, _BELOW = 14, 44, 100, 26


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. `value`: a share from 0 to 1, None when it is withheld or nothing could be counted; `text`: beside it.

    `mark`: a share to compare with, drawn as a line across.
    """

    label: str
    value: float | None
    text: str
    mark: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a line; a line is broken where `value` is None. `text`: what it says, "" for nothing."""

    label: str
    value: float | None
    text: str = ""


def bar_chart(bars: Sequence[Bar], *, title: str, description: str, name: str) -> str:
    """Horizontal bars, the first on top, on a scale from 0 to 1. `name`: unique on the page; ASCII letters."""
    room = _WIDTH - _LABELS - _VALUES
    height = max(1, len(bars)) * _ROW + 4
    drawn = [_bar(bar, row * _ROW + 2, room) for row, bar in enumerate(bars)]
    return _svg(drawn, height, title=title, description=description, name=name)


def line_chart(points: Sequence[Point], *, title: str, description: str, name: str) -> str:
    """A line over time on a scale from 0 to 1, in the order given. `name`: unique on the page; ASCII letters."""
    step = (_WIDTH - _LEFT - 30) / max(1, len(points) - 1)
    places = [(_LEFT + 8 + index * step, _y(point.value)) for index, point in enumerate(points)]
    drawn = [_grid(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    drawn += [_run(run) for run in _runs(places)]
    drawn += [_point(x, y, point) for (x, y), point in zip(places, points, strict=True)]
    drawn += _dates(places, points)
    height = _TOP + _PLOT_HEIGHT + _BELOW
    return _svg(drawn, height, title=title, description=description, name=name)


def shortened(text: str, ems: float) -> str:
    """The text, cut to that width with an ellipsis. A full-width character is one em wide, any other 0.56.

    >>> shortened("道路运输车辆年度审验表", 6)
    '道路运输车…'
    """
    taken = 0.0
    for index, character in enumerate(text):
        taken += _ems(character)
        if taken > ems:
            kept = text[:index]
            while kept and sum(map(_ems, kept)) > ems - 1:
                kept = kept[:-1]
            return f"{kept}…"
    return text


def _ems(character: str) -> float:
    return 1.0 if east_asian_width(character) in "WFA" else 0.56


def _bar(bar: Bar, top: float, room: float) -> str:
    middle = top + _ROW / 2 + 4
    upper = top + (_ROW - _BAR_HEIGHT) / 2
    label = shortened(bar.label, (_LABELS - 12) / _SIZE)
    parts = [
        f"<g><title>{escape(f'{bar.label}: {bar.text}')}</title>",
        _text(_LABELS - 8, middle, label, anchor="end"),
        _rect(_LABELS, upper, room, _TRACK),
    ]
    if bar.value is not None:
        parts.append(_rect(_LABELS, upper, room * _within(bar.value), _BAR))
    if bar.mark is not None:
        x = _LABELS + room * _within(bar.mark)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{upper - 3:.1f}" y2="{upper + _BAR_HEIGHT + 3:.1f}" '
            f'stroke="{_MARK}" stroke-width="2"/>'
        )
    parts.append(_text(_LABELS + room + 8, middle, bar.text, colour=_INK if bar.value is not None else _SOFT))
    return "".join((*parts, "</g>"))


def _rect(x: float, y: float, width: float, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_BAR_HEIGHT}" fill="{colour}" rx="1"/>'
    )


def _grid(share: float) -> str:
    y = _y(share)
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_LINE}" stroke-width="1"/>'
        + _text(_LEFT - 6, (y or 0) + 4, f"{share:.0%}", anchor="end", colour=_SOFT, size=10)
    )


def _point(x: float, y: float | None, point: Point) -> str:
    if y is None:
        return ""
    told = f"<title>{escape(f'{point.label}: {point.text}')}</title>"
    dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_BAR}">{told}</circle>'
    return dot + (_text(x, y - 7, point.text, anchor="middle", size=10) if point.text else "")


def _dates(places: Sequence[tuple[float, float | None]], points: Sequence[Point]) -> list[str]:
    """The labels below, so many that they do not touch."""
    every = max(1, -(-len(points) // 12))
    bottom = _TOP + _PLOT_HEIGHT + 18
    return [
        _text(x, bottom, point.label, anchor="middle", colour=_SOFT, size=10)
        for index, ((x, _), point) in enumerate(zip(places, points, strict=True))
        if index % every == 0
    ]


def _runs(places: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """The places in unbroken runs."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in places:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if len(run) > 1]


def _run(run: Sequence[tuple[float, float]]) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
    return f'<polyline points="{points}" fill="none" stroke="{_BAR}" stroke-width="2"/>'


def _y(share: float | None) -> float | None:
    return None if share is None else _TOP + _PLOT_HEIGHT * (1 - _within(share))


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = _INK, size: int = _SIZE
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(text)}</text>"
    )


def _svg(drawn: Sequence[str], height: float, *, title: str, description: str, name: str) -> str:
    # The weight is said: a variable font is drawn at its thinnest otherwise.
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" font-family={quoteattr(_FONT)} font-weight="500">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    )
    return "".join((head, *drawn, "</svg>"))
