"""Series drawn in characters: curves in braille, bars in eighths, intervals on one axis, a heat map in shades."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from itertools import pairwise
from math import floor, log10

from rich.text import Text as Line

from mlops_tui.render.cells import GLYPHS, cell_text, clean, digits_for, fit, number, packed, real, width_of
from mlops_tui.render.flow import flow
from mlops_tui.view import Cell, Column, Series, Status

COLOURS = ("cyan", "magenta")
LIMITS = 2  # the owner of a band's limits, which are paler than what lies between them
_INKS = (*COLOURS, "dim cyan")
ROWS = 30  # of bars, intervals and edges
PLAIN = Column("")
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # braille: four dots high, two wide
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SHADES = " ░▒▓█"
HEAT = (COLOURS[0], "yellow")  # of a cell below the mark, and from it on

Points = list[tuple[float, float]]


def draw(part: Series, width: int, zone: tzinfo, height: int = 8) -> Iterator[Line]:
    """The picture of a series, no wider than `width`."""
    for line in _drawn(part, width, zone, height):
        line.truncate(width)
        yield line


def _drawn(part: Series, width: int, zone: tzinfo, height: int) -> Iterator[Line]:
    match part.kind:
        case "line" | "band":
            return curves(part, width, height, zone)
        case "bar" | "bins":
            return bars(part, width, zone)
        case "interval":
            return intervals(part, width, zone)
        case "heat":
            return heat(part, width, zone)
        case "graph":
            return edges(part, width, zone)


# -- curves -------------------------------------------------------------------------------------------------------


def curves(part: Series, width: int, height: int, zone: tzinfo) -> Iterator[Line]:
    """One or two curves over a common axis: the first drawn through, the other dotted, limits as a fine band."""
    places = places_of(part.x)
    first, second = _points(places, part.y), _points(places, part.other)
    limits = [_points(places, part.low), _points(places, part.high)]
    heights = [y for points in (first, second, *limits) for _, y in points]
    if not heights:
        yield Line("  nothing to draw yet", style="dim")
        return
    low, high = min(heights), max(heights)
    room = max(high - low, abs(high) * 1e-6) or 1.0
    floor_ = 0.0 if low >= 0 else low - 0.05 * room  # what is never negative has no scale below zero
    ceiling = 1.0 if low >= 0 and high == 1.0 else high + 0.05 * room  # nor has a share one above 1
    low, high = max(low - 0.05 * room, floor_), ceiling
    labels = _scale(low, high, height)
    left = max(width_of(label) for label in labels)
    canvas = Canvas(max(width - left - 3, 4), height, (min(places), max(places)), (low, high))
    for points in limits:
        canvas.curve(points, LIMITS, dash=(1, 4))
    for _, place, _ in marks_of(part):
        canvas.curve([(place, low), (place, high)], LIMITS, dash=(2, 3))
    canvas.curve(second, 1, dash=(2, 4))
    canvas.curve(first, 0)
    for label, row in zip(labels, canvas.rows(), strict=True):
        yield Line.assemble("  ", (fit(label, left, right=True), "dim"), " ", *row)
    yield Line.assemble(" " * (left + 3), (_under(part.x, canvas.width, zone), "dim"))
    yield from _legend(part)
    if marked := marks_of(part):
        named = [f"{clean(name)} {_place(at, zone)}" for name, _, at in marked]
        lines = packed((each + "," * (each is not named[-1]) for each in named), max(width - 4, 1))
        yield from (Line(f"  {'┊' if line is lines[0] else ' '} {line}", style="dim") for line in lines)


def marks_of(part: Series) -> list[tuple[str, float, Cell]]:
    """The named places of a curve that lie on its axis: name, place and what was written for it."""
    places = places_of(part.x)
    found = ((name, at.timestamp() if isinstance(at, datetime) else real(at), at) for name, at in part.marks)
    return [(name, place, at) for name, place, at in found
            if place is not None and min(places) <= place <= max(places)]


def _place(at: Cell, zone: tzinfo) -> str:
    return short(at, zone) if isinstance(at, datetime) else number(real(at) or 0.0, PLAIN, 3)


def places_of(x: Sequence[Cell]) -> list[float]:
    """Where each point stands: by time or number where all have one, by order otherwise."""
    if x and all(isinstance(value, datetime) for value in x):
        return [value.timestamp() for value in x if isinstance(value, datetime)]
    found = [real(value) for value in x]
    if x and None not in found:
        return [value for value in found if value is not None]
    return [float(position) for position in range(len(x))] or [0.0]


def _points(places: Sequence[float], values: Sequence[Cell]) -> Points:
    return [(place, found) for place, value in zip(places, values, strict=False) if (found := real(value)) is not None]


def _scale(low: float, high: float, height: int) -> list[str]:
    """A label for the top, the middle and the bottom row, nothing for the others."""
    at = {0: high, height - 1: low} | ({height // 2: high - (high - low) * (height // 2) / (height - 1)}
                                       if height >= 5 else {})
    digits = max(0, 1 - floor(log10(high - low)))  # two figures of the distance tell the labels apart
    return [number(at[row], PLAIN, digits) if row in at else "" for row in range(height)]


def _under(x: Sequence[Cell], width: int, zone: tzinfo) -> str:
    """The first and the last place, and the one nearest the middle between them where there is room."""
    if not x:
        return ""
    ordered = sorted(zip(places_of(x), x, strict=True), key=lambda pair: pair[0])
    centre = (ordered[0][0] + ordered[-1][0]) / 2
    nearest = min(reversed(ordered), key=lambda pair: abs(pair[0] - centre))
    first, middle, last = (short(value, zone) for _, value in (ordered[0], nearest, ordered[-1]))
    if width_of(first) + width_of(last) + 2 > width:
        return fit(first, min(width_of(first), width))
    gap = width - width_of(first) - width_of(last)
    if len(x) < 3 or width_of(middle) + 4 > gap:
        return first + " " * gap + last
    before = (gap - width_of(middle)) // 2
    return first + " " * before + middle + " " * (gap - width_of(middle) - before) + last


def short(value: Cell, zone: tzinfo) -> str:
    return f"{value.astimezone(zone):%-d %b}" if isinstance(value, datetime) else cell_text(value, PLAIN, zone)


def _legend(part: Series) -> Iterator[Line]:
    """Which curve is which; one curve needs no more than its name."""
    names = [clean(name) for name in part.names] or [clean(part.y_label)]
    marks = ("━━", "┅┅")
    shown = [(mark, name, colour) for mark, name, colour in zip(marks, names, COLOURS, strict=False) if name]
    if shown:
        line = Line("  ")
        for mark, name, colour in shown:
            line.append(f"{mark} ", style=colour).append(f"{name}   ")
        line.rstrip()
        yield line


class Canvas:
    """Braille dots on a grid of cells; each cell takes the colour of the curve drawn into it last."""

    def __init__(self, width: int, height: int, across: tuple[float, float], up: tuple[float, float]) -> None:
        self.width, self.height = width, height
        self._across, self._up = across, up
        self._cells = [[0] * width for _ in range(height)]
        self._owner = [[0] * width for _ in range(height)]

    def curve(self, points: Points, owner: int, *, dash: tuple[int, int] = (1, 1)) -> None:
        """Join the points; of a dash's second number of dots its first are set."""
        dots = [self._dot(point) for point in points]
        if len(dots) == 1:
            self._set(*dots[0], owner)
        count = 0
        for (x, y), (to_x, to_y) in pairwise(dots):
            steps = max(abs(to_x - x), abs(to_y - y), 1)
            for step in range(steps + 1):
                if count % dash[1] < dash[0]:
                    self._set(round(x + (to_x - x) * step / steps), round(y + (to_y - y) * step / steps), owner)
                count += 1

    def _dot(self, point: tuple[float, float]) -> tuple[int, int]:
        (left, right), (low, high) = self._across, self._up
        x = (point[0] - left) / ((right - left) or 1.0) * (self.width * 2 - 1)
        y = (high - point[1]) / ((high - low) or 1.0) * (self.height * 4 - 1)
        return round(x), round(y)

    def _set(self, x: int, y: int, owner: int) -> None:
        row, column = min(max(y // 4, 0), self.height - 1), min(max(x // 2, 0), self.width - 1)
        self._cells[row][column] |= _DOTS[y % 4][x % 2]
        self._owner[row][column] = owner

    def rows(self) -> Iterator[list[tuple[str, str]]]:
        """Each line as runs of text and colour; a blank has none of its own."""
        for cells, owners in zip(self._cells, self._owner, strict=True):
            runs: list[tuple[str, str]] = []
            for bits, owner in zip(cells, owners, strict=True):
                text, colour = (chr(0x2800 + bits), _INKS[owner]) if bits else (" ", runs[-1][1] if runs else "")
                if runs and runs[-1][1] == colour:
                    runs[-1] = (runs[-1][0] + text, colour)
                else:
                    runs.append((text, colour))
            yield runs


# -- bars and intervals -------------------------------------------------------------------------------------------


def bars(part: Series, width: int, zone: tzinfo) -> Iterator[Line]:
    """One bar for each place, and a mark where the other series stands."""
    rows = list(zip(labels_of(part, zone), numbers_of(part.y), numbers_of(part.other, len(part.y)), strict=False))
    found = [value for _, *pair in rows for value in pair if value is not None]
    if not found:
        yield Line("  nothing to draw yet", style="dim")
        return
    largest, digits = max(*found, 0.0) or 1.0, digits_for(found)
    texts = ["–" if value is None else number(value, PLAIN, digits) for _, value, _ in rows]
    name_size, number_size = _sizes([label for label, *_ in rows], texts, width)
    room = width - name_size - number_size - 6
    for (label, value, other), text in list(zip(rows, texts, strict=True))[:ROWS]:
        bar = _bar(value, largest, room)
        line = Line.assemble("  ", fit(label, name_size), "  ", fit(text, number_size, right=True), "  ")
        yield line.append_text(_marked(bar, other, largest, room))
    if len(rows) > ROWS:
        yield Line(f"  {len(rows) - ROWS} more", style="dim")
    if part.other:
        yield from _bar_legend(part)


def _bar(value: float | None, largest: float, room: int) -> str:
    eighths = round(max(value or 0.0, 0.0) / largest * room * 8) if room > 0 else 0
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[part] if part else "")


def _marked(bar: str, other: float | None, largest: float, room: int) -> Line:
    """The bar with a mark across it."""
    if other is None or room <= 0:
        return Line(bar, style=COLOURS[0])
    place = min(round(max(other, 0.0) / largest * room), room - 1)
    padded = bar + " " * (place + 1 - len(bar))
    return Line.assemble((padded[:place], COLOURS[0]), ("┃", COLOURS[1]), (padded[place + 1:], COLOURS[0]))


def _bar_legend(part: Series) -> Iterator[Line]:
    names = [clean(name) for name in part.names[:2]]
    if len(names) == 2:
        yield Line.assemble("  ", ("█ ", COLOURS[0]), names[0], "   ", ("┃ ", COLOURS[1]), names[1])


def intervals(part: Series, width: int, zone: tzinfo) -> Iterator[Line]:
    """Each estimate with its interval, all on one axis, which is named below; named places stand as a dotted line."""
    rows = list(zip(labels_of(part, zone), numbers_of(part.y), numbers_of(part.low, len(part.y)),
                    numbers_of(part.high, len(part.y)), strict=False))
    found = [value for _, *three in rows for value in three if value is not None]
    if not found:
        yield Line("  nothing to draw yet", style="dim")
        return
    marks = [(clean(name), at) for name, place in part.marks if (at := real(place)) is not None]
    low, high = (end([*found, *(at for _, at in marks)]) for end in (min, max))
    digits = digits_for(found)
    texts = ["–" if value is None else number(value, PLAIN, digits) for _, value, *_ in rows]
    name_size, number_size = _sizes([label for label, *_ in rows], texts, width)
    room = max(width - name_size - number_size - 6, 1)
    for (label, value, start, end), text in list(zip(rows, texts, strict=True))[:ROWS]:
        drawn = _interval(value, start, end, (low, high), room)
        yield Line.assemble("  ", fit(label, name_size), "  ", fit(text, number_size, right=True), "  ",
                            *_crossed(drawn, [at for _, at in marks], (low, high), room))
    if len(rows) > ROWS:
        yield Line(f"  {len(rows) - ROWS} more", style="dim")
    ends = number(low, PLAIN, digits), number(high, PLAIN, digits)
    gap = room - width_of(ends[0]) - width_of(ends[1])
    if gap > 0:
        yield Line(" " * (name_size + number_size + 6) + ends[0] + " " * gap + ends[1], style="dim")
    said = [f"┊ {name} {number(at, PLAIN, max(digits, digits_for([at])))}" for name, at in marks]
    yield from (Line(f"  {line}", style="dim") for line in packed(said, max(width - 4, 1)) if line)


def _crossed(drawn: str, marks: Sequence[float], axis: tuple[float, float], room: int) -> list[tuple[str, str]]:
    """A drawn interval as runs of text and colour, with a dotted line at each mark where nothing else stands."""
    letters = list(drawn.ljust(room)) if marks else list(drawn)
    colours = [COLOURS[0]] * len(letters)
    for at in marks:
        place = _across(at, axis, room)
        if letters[place] in " ─":
            letters[place], colours[place] = "┊" if letters[place] == " " else "┼", COLOURS[1]
    return list(zip(letters, colours, strict=True))


def _across(at: float, axis: tuple[float, float], room: int) -> int:
    return round((at - axis[0]) / ((axis[1] - axis[0]) or 1.0) * (room - 1))


def _interval(value: float | None, start: float | None, end: float | None, axis: tuple[float, float],
              room: int) -> str:
    drawn = [" "] * room
    if start is not None and end is not None:
        first, last = sorted((_across(start, axis, room), _across(end, axis, room)))
        drawn[first:last + 1] = "─" * (last - first + 1)
        drawn[first], drawn[last] = "├", "┤"
    if value is not None:
        drawn[_across(value, axis, room)] = "●"
    return "".join(drawn).rstrip()


def labels_of(part: Series, zone: tzinfo) -> list[str]:
    return [short(value, zone) for value in part.x]


def numbers_of(values: Sequence[Cell], size: int | None = None) -> list[float | None]:
    found = [real(value) for value in values]
    return found + [None] * ((size or len(found)) - len(found))


def _sizes(names: Sequence[str], texts: Sequence[str], width: int) -> tuple[int, int]:
    """The columns for names and for numbers; names give way first."""
    wide = min(max((width_of(text) for text in texts), default=1), max(width - 10, 1))
    name = max((width_of(name) for name in names), default=1)
    return max(min(name, (width - wide - 6) // 2), 1), wide


# -- heat and graph -----------------------------------------------------------------------------------------------


def heat(part: Series, width: int, zone: tzinfo) -> Iterator[Line]:
    """A shade for each pair of `names` (rows) and `x` (columns); `y` holds the values row by row.

    Where there are more columns than room, the last ones are shown. From a mark on, shades are dark and of another
    colour.
    """
    across, values = len(part.x), numbers_of(part.y)
    found = [value for value in values if value is not None]
    if not found or not across:
        yield Line("  nothing to draw yet", style="dim")
        return
    low, high = ends_of(part, found)
    limit = next((real(place) for _, place in part.marks), None)
    name_size = max(min(max((width_of(clean(name)) for name in part.names), default=0), width // 3), 1)
    room = max(width - name_size - 4, 1)
    shown = min(across, room)
    cell = max(room // shown, 1) if shown < across else min(room // across, 4)
    for row in range(-(-len(values) // across))[:ROWS]:
        name = clean(part.names[row]) if row < len(part.names) else ""
        shades = [(_shade(value, (low, high), limit) * cell, HEAT[_beyond(value, limit)])
                  for value in values[row * across:(row + 1) * across][-shown:]]
        yield Line.assemble("  ", fit(name, name_size), "  ", *shades)
    digits = heat_digits(part, (low, high))
    ends = [(_SHADES[1], number(low, PLAIN, digits)), (_SHADES[-1], number(high, PLAIN, digits))]
    if limit is not None:
        ends.insert(1, (_SHADES[-2], f"{clean(part.marks[0][0])} {number(limit, PLAIN, digits)}"))
    scale = "".join(f"  {shade} {said}" for shade, said in ends)
    yield Line.assemble(" " * (name_size + 4), (_under(part.x[-shown:], cell * shown, zone), "dim"))
    yield Line(fit(scale, min(width_of(scale), width)), style="dim")


def ends_of(part: Series, found: Sequence[float]) -> tuple[float, float]:
    """What the palest and the darkest shade of a heat map stand for: the ends of its scale, else of its values."""
    low, high = (real(ends[0]) if ends else None for ends in (part.low, part.high))
    return (low, high) if low is not None and high is not None and low < high else (min(found), max(found))


def heat_digits(part: Series, values: Sequence[float]) -> int:
    """How many decimals its numbers need: none where all of them are whole."""
    whole = all(value is None or isinstance(value, int) for value in (*part.y, *part.low, *part.high))
    return 0 if whole else digits_for(values)


def share_of(value: float, ends: tuple[float, float]) -> float:
    """How far up the scale a value is, from 0 to 1; beyond its ends is at them."""
    low, high = ends
    return min(max((value / 2 - low / 2) / ((high / 2 - low / 2) or 1.0), 0.0), 1.0)


def _shade(value: float | None, ends: tuple[float, float], limit: float | None = None) -> str:
    """One of four shades; the darker two only from the limit on, where there is one."""
    if value is None:
        return " "
    if limit is None:
        return _SHADES[1 + round(share_of(value, ends) * (len(_SHADES) - 2))]
    beyond = _beyond(value, limit)
    return _SHADES[1 + 2 * beyond + (share_of(value, (limit, ends[1]) if beyond else (ends[0], limit)) >= 0.5)]


def _beyond(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value >= limit


def edges(part: Series, width: int, zone: tzinfo) -> Iterator[Line]:
    """What leads to what; where there is no room for a picture, one line for each beginning."""
    pairs = [(cell_text(start, PLAIN, zone), cell_text(end, PLAIN, zone))
             for start, end in zip(part.x, part.y, strict=False)]
    names = list(dict.fromkeys([*map(clean, part.names), *(name for pair in pairs for name in pair)]))
    if not names:
        yield Line("  nothing to draw yet", style="dim")
        return
    marks = {clean(name): GLYPHS[status] for name, status in zip(part.names, part.other, strict=False)
             if isinstance(status, Status)}
    picture = flow(names, pairs, width, marks)
    if picture is not None:
        yield from picture
        return
    leads: dict[str, list[str]] = {}
    for start, end in pairs:
        leads.setdefault(start, []).append(end)
    size = max(min(max((width_of(name) for name in leads), default=1), width // 3), 1)
    for name, following in list(leads.items())[:ROWS]:
        line = Line.assemble("  ", fit(name, size), (" → ", COLOURS[0]), ", ".join(following))
        line.truncate(width, overflow="ellipsis")
        yield line
    if len(leads) > ROWS:
        yield Line(f"  {len(leads) - ROWS} more", style="dim")
