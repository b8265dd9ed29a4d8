"""Series drawn as pictures for a page: few ticks, a title, and a sentence for those who cannot see them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from itertools import groupby
from math import ceil, floor, log10
from typing import TypeVar
from xml.etree.ElementTree import Element, SubElement, tostring

from mlops_tui.render.cells import NOTHING, clean, digits_for, fit, number, width_of
from mlops_tui.render.charts import (
    PLAIN,
    ROWS,
    ends_of,
    heat_digits,
    labels_of,
    marks_of,
    numbers_of,
    places_of,
    share_of,
    short,
)
from mlops_tui.view import Series

WIDTH, HEIGHT, ROW = 440, 210, 22  # in units of the picture, whose letters are 12 high
LETTER = 6.9
LABEL = 22  # letters of a name at the left
Numbers = Sequence[float | None]
Scale = Callable[[float], float]


def picture(part: Series, zone: tzinfo, id: str) -> str:
    """The series as an `<svg>` whose parts are named after `id`; empty where there is nothing to draw."""
    drawn = _DRAWN.get(part.kind)
    image = drawn(part, zone) if drawn is not None else None
    if image is None:
        return ""
    title, told = Element("title", id=f"{id}-title"), Element("desc", id=f"{id}-desc")
    title.text, told.text = clean(part.title or part.y_label or part.id), described(part, zone)
    image[:0] = [title, told]
    image.set("aria-labelledby", f"{id}-title {id}-desc")
    return tostring(image, encoding="unicode")


def described(part: Series, zone: tzinfo) -> str:
    """The picture in a sentence: from where to where each series goes, and how far apart its ends are."""
    names = [clean(name) for name in part.names] if part.kind != "heat" else []
    across = f"{short(part.x[0], zone)} to {short(part.x[-1], zone)}" if part.x else ""
    said = [f"{len(part.x)} places{f', {across}' if across else ''}"]
    for place, values in enumerate((part.y, part.other)):
        found = [value for value in numbers_of(values) if value is not None]
        if found:
            digits = digits_for(found)
            name = names[place] if place < len(names) and names[place] else ("values", "others")[place]
            first, last, low, high = (number(value, PLAIN, digits)
                                      for value in (found[0], found[-1], min(found), max(found)))
            said.append(f"{name}: first {first}, last {last}, lowest {low}, highest {high}")
    return "; ".join(said) + "."


# -- pieces ---------------------------------------------------------------------------------------------------------


def _image(height: float) -> Element:
    return Element("svg", {"role": "img", "viewBox": f"0 0 {WIDTH} {_n(height)}"})


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _add(to: Element, tag: str, kind: str, **at: float) -> Element:
    return SubElement(to, tag, {"class": kind, **{name: _n(value) for name, value in at.items()}})


def _write(to: Element, text: str, x: float, y: float, kind: str = "") -> None:
    """Text that begins at x; `end` ends there, `middle` stands around it."""
    _add(to, "text", kind, x=x, y=y).text = text


def _span(values: Iterable[float], *, zero: bool = False) -> tuple[float, float]:
    """From the lowest to the highest with room between, however near they are."""
    found = [*values, *([0.0] if zero else [])]
    low, high = min(found), max(found)
    if high - low <= max(abs(high), abs(low)) * 1e-6 + 1e-300:
        room = abs(high) * 0.05 or 1.0
        return (low, high + room) if zero else (low - room, high + room)
    return low, high


def _scale(axis: tuple[float, float], start: float, end: float) -> Scale:
    low, high = axis
    return lambda value: start + (value / 2 - low / 2) / (high / 2 - low / 2) * (end - start)  # halves never overflow


def ticks(axis: tuple[float, float]) -> list[tuple[float, str]]:
    """The fewest round numbers, but three at least, that mark the axis, with their texts."""
    low, high = axis
    size = 10.0 ** floor(log10(high / 2 - low / 2))
    for factor in (10, 5, 2, 1, 0.5, 0.2):
        step = size * factor
        counts = range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)
        if len(counts) >= 3:
            break
    digits = min(max(-floor(log10(step) + 1e-9), 0), 6)
    return [(count * step, number(count * step, PLAIN, digits)) for count in counts]


def _names(part: Series) -> list[str]:
    """What the two series are called; nothing where a name is missing."""
    names = [clean(name) for name in part.names[:2]]
    return names if all(name.strip() for name in names) else []


def _legend(to: Element, part: Series, y: float, kinds: tuple[str, str]) -> None:
    """Which is which, by line or mark and not by colour alone."""
    x = 4.0
    for kind, name in zip(kinds, _names(part), strict=False):
        text = fit(name, min(width_of(name), LABEL))
        if "bar" in kind:
            _add(to, "rect", kind, x=x, y=y - 9, width=18, height=9)
        else:
            _add(to, "line", kind, x1=x, x2=x + 18, y1=y - 4, y2=y - 4)
        _write(to, text, x + 23, y)
        x += 23 + width_of(text) * LETTER + 16


# -- curves ---------------------------------------------------------------------------------------------------------


def curves(part: Series, zone: tzinfo) -> Element | None:
    """One or two curves, the second dashed, over a band where there are limits; a gap where a value is missing."""
    size = len(part.x)
    places = places_of(part.x)
    first, second, low, high = (_sized(values, size) for values in (part.y, part.other, part.low, part.high))
    found = [value for values in (first, second, low, high) for value in values if value is not None]
    if not found:
        return None
    axis = _span(found)
    marks = ticks(axis)
    left = max((width_of(text) for _, text in marks), default=1) * LETTER + 10
    image = _image(HEIGHT + (22 if _names(part) else 0))
    across, up = _scale(_span(places), left, WIDTH - 8), _scale(axis, HEIGHT - 36, 10)
    for value, text in marks:
        _add(image, "line", "grid", x1=left, x2=WIDTH - 8, y1=up(value), y2=up(value))
        _write(image, text, left - 6, up(value) + 4, "end")
    _under(image, part, places, across, zone)
    both = [(place, None if start is None or end is None else (start, end))
            for place, start, end in zip(places, low, high, strict=False)]
    for piece in _pieces(both):
        edge = [(place, pair[1]) for place, pair in piece] + [(place, pair[0]) for place, pair in reversed(piece)]
        SubElement(image, "polygon", {"class": "band", "points": _points(edge, across, up)})
    for name, place, _ in marks_of(part):
        _add(image, "line", "two line", x1=across(place), x2=across(place), y1=10, y2=HEIGHT - 36)
        _write(image, name, across(place) + 3, 18)
    for kind, values in (("two line", second), ("one line", first)):
        for points in _pieces(zip(places, values, strict=False)):
            if len(points) == 1:
                _add(image, "circle", f"{kind.split()[0]} dot", cx=across(points[0][0]), cy=up(points[0][1]), r=3)
            else:
                SubElement(image, "polyline", {"class": kind, "points": _points(points, across, up)})
    _legend(image, part, HEIGHT + 12, ("one line", "two line"))
    return image


def _sized(values: Sequence[object], size: int) -> Numbers:
    return numbers_of(values[:size], size)  # type: ignore[arg-type]


T = TypeVar("T")


def _pieces(points: "Iterable[tuple[float, T | None]]") -> Iterator[list[tuple[float, T]]]:
    """The runs of points that have a value."""
    for there, run in groupby(points, key=lambda point: point[1] is not None):
        if there:
            yield [(place, value) for place, value in run if value is not None]


def _points(points: Iterable[tuple[float, float]], across: Scale, up: Scale) -> str:
    return " ".join(f"{_n(across(x))},{_n(up(y))}" for x, y in points)


def _under(image: Element, part: Series, places: Sequence[float], across: Scale, zone: tzinfo) -> None:
    """The first, the middle and the last place, and what they are."""
    y = HEIGHT - 20
    _add(image, "line", "axis", x1=across(min(places)), x2=WIDTH - 8, y1=y - 14, y2=y - 14)
    ordered = sorted(zip(places, part.x, strict=False), key=lambda pair: pair[0])
    spots = [(ordered[0], ""), (ordered[-1], "end")] if ordered else []
    if len(ordered) > 2:
        middle = (min(places) + max(places)) / 2
        spots.append((min(ordered, key=lambda pair: abs(pair[0] - middle)), "middle"))
    for (place, value), kind in spots[:3 if len(set(places)) > 2 else 1 if len(set(places)) < 2 else 2]:
        text = short(value, zone)
        _write(image, fit(text, min(width_of(text), 16)), across(place), y + 1, kind)
    if part.x_label:
        _write(image, fit(clean(part.x_label), min(width_of(clean(part.x_label)), 60)), WIDTH / 2, y + 16, "middle")


# -- rows -----------------------------------------------------------------------------------------------------------


def _rows(part: Series, zone: tzinfo, count: int) -> tuple[Element, list[str], float]:
    """A picture of named rows, the names already written, and where what is drawn begins."""
    names = [fit(name, min(width_of(name), LABEL)) for name in labels_of(part, zone)[:ROWS]]
    left = max((width_of(name) for name in names), default=1) * LETTER + 14
    below = (26 if part.kind == "interval" else 8) + (22 if _names(part) and part.other else 0)
    image = _image(min(count, ROWS) * ROW + below + (18 if count > ROWS else 0))
    for place, name in enumerate(names[:count]):
        _write(image, name, left - 8, place * ROW + 19, "end")
    if count > ROWS:
        _write(image, f"{count - ROWS} more", left, ROWS * ROW + 36)
    return image, names, left


def bars(part: Series, zone: tzinfo) -> Element | None:
    """A bar with its number for each place, and a mark where the other series stands."""
    values, others = numbers_of(part.y)[:ROWS], _sized(part.other, len(part.y))[:ROWS]
    count = min(len(part.x), len(part.y))
    found = [value for value in (*values, *others) if value is not None]
    if not found or not count:
        return None
    image, _, left = _rows(part, zone, count)
    digits = digits_for(found)
    texts = [NOTHING if value is None else number(value, PLAIN, digits) for value in values]
    end = WIDTH - max(map(width_of, texts)) * LETTER - 12
    across = _scale(_span(found, zero=True), left, max(end, left + 40))
    for place, (value, other, text) in enumerate(list(zip(values, others, texts, strict=True))[:count]):
        top = place * ROW + 7
        if value is not None:
            start, stop = sorted((across(0.0), across(value)))
            _add(image, "rect", "one bar", x=start, y=top, width=max(stop - start, 0.5), height=ROW - 7)
        if other is not None:
            _add(image, "line", "two mark", x1=across(other), x2=across(other), y1=top - 2, y2=top + ROW - 5)
        _write(image, text, WIDTH - 4, top + 12, "end")
    if part.other:
        _legend(image, part, min(count, ROWS) * ROW + 24 + (18 if count > ROWS else 0), ("one bar", "two mark"))
    return image


def intervals(part: Series, zone: tzinfo) -> Element | None:
    """Each estimate as a point in its interval, all over one axis."""
    count = min(len(part.x), len(part.y))
    values, low, high = (_sized(each, count)[:ROWS] for each in (part.y, part.low, part.high))
    found = [value for each in (values, low, high) for value in each if value is not None]
    if not found:
        return None
    lines = [at for _, place in part.marks if (at := numbers_of((place,))[0]) is not None]
    found += lines
    image, _, left = _rows(part, zone, count)
    axis = _span(found)
    across, bottom = _scale(axis, left + 6, WIDTH - 24), len(values) * ROW + 6
    marks = ticks(axis)
    if sum(width_of(text) + 2 for _, text in marks) * LETTER > WIDTH - left:
        marks = [marks[0], marks[-1]]
    for tick, text in marks:
        _add(image, "line", "grid", x1=across(tick), x2=across(tick), y1=4, y2=bottom)
        _write(image, text, across(tick), bottom + 15, "middle")
    for at in lines:
        _add(image, "line", "two line", x1=across(at), x2=across(at), y1=4, y2=bottom)
    for place, (value, *ends) in enumerate(zip(values, low, high, strict=True)):
        y, known = place * ROW + 15, [end for end in ends if end is not None]
        if len(known) == 2:
            _add(image, "line", "one line", x1=across(known[0]), x2=across(known[1]), y1=y, y2=y)
            for edge in known:
                _add(image, "line", "one line", x1=across(edge), x2=across(edge), y1=y - 4, y2=y + 4)
        if value is not None:
            _add(image, "circle", "one dot", cx=across(value), cy=y, r=4)
    return image


# -- heat -----------------------------------------------------------------------------------------------------------


def heat(part: Series, zone: tzinfo) -> Element | None:
    """A shade for each pair of `names` (rows) and `x` (columns), with its number where there is room."""
    across, values = len(part.x), numbers_of(part.y)
    found = [value for value in values if value is not None]
    if not found or not across:
        return None
    low, high = ends_of(part, found)
    count = min(-(-len(values) // across), ROWS)
    names = [fit(clean(name), min(width_of(clean(name)), LABEL)) for name in part.names[:count]]
    left = max((width_of(name) for name in names), default=0) * LETTER + 12
    wide, digits = (WIDTH - 4 - left) / across, heat_digits(part, (*found, low, high))
    written = max(width_of(number(value, PLAIN, digits)) for value in found) * LETTER + 4 < wide
    image = _image(count * ROW + 46)
    for row, name in enumerate(names):
        _write(image, name, left - 8, row * ROW + 17, "end")
    for place, value in enumerate(values[:count * across]):
        if value is not None:
            row, column = divmod(place, across)
            level = round(share_of(value, (low, high)) * 4)
            _add(image, "rect", f"heat h{level}", x=left + column * wide, y=row * ROW + 2,
                 width=max(wide - (1 if wide > 4 else 0), 0.1), height=ROW - 1)
            if written:
                kind = "middle on" if level > 2 else "middle"
                _write(image, number(value, PLAIN, digits), left + (column + 0.5) * wide, row * ROW + 17, kind)
    _columns(image, part, (left, wide, count * ROW + 18), zone)
    _add(image, "rect", "heat h0", x=left, y=count * ROW + 28, width=14, height=11)
    _write(image, number(low, PLAIN, digits), left + 19, count * ROW + 38)
    _add(image, "rect", "heat h4", x=left + 110, y=count * ROW + 28, width=14, height=11)
    _write(image, number(high, PLAIN, digits), left + 129, count * ROW + 38)
    return image


def _columns(image: Element, part: Series, at: tuple[float, float, float], zone: tzinfo) -> None:
    """The names of the columns, all where there is room, else of the first and the last."""
    left, wide, y = at
    names = [short(value, zone) for value in part.x]
    if max(map(width_of, names)) * LETTER + 4 < wide:
        for place, name in enumerate(names):
            _write(image, name, left + (place + 0.5) * wide, y, "middle")
        return
    _write(image, fit(names[0], min(width_of(names[0]), 20)), left, y)
    if len(names) > 1:
        _write(image, fit(names[-1], min(width_of(names[-1]), 20)), WIDTH - 4, y, "end")


_DRAWN: Mapping[str, Callable[[Series, tzinfo], Element | None]] = {
    "line": curves, "band": curves, "bar": bars, "bins": bars, "interval": intervals, "heat": heat}
