"""What leads to what, drawn from left to right."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from statistics import mean, median_low

from rich.text import Text as Line

from mlops_tui.render.cells import fit, width_of

MOST = 60     # with more nodes it is a list, not a picture
SHORTEST = 8  # no name is cut below that
SWEEPS = 4
LEADING = 3   # columns between a track and the name it leads to: ─▶ and a blank

Marks = Mapping[str, tuple[str, str]]

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
_SIGNS = {UP | DOWN: "│", LEFT | RIGHT: "─", DOWN | RIGHT: "╭", DOWN | LEFT: "╮", UP | RIGHT: "╰", UP | LEFT: "╯",
          UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤", DOWN | LEFT | RIGHT: "┬", UP | LEFT | RIGHT: "┴",
          UP | DOWN | LEFT | RIGHT: "┼"}


@dataclass
class Node:
    """A name in its column and row, or without a name a place that a longer line passes; `source`: whose line it is."""

    name: str
    column: int
    source: str
    row: int = 0


@dataclass(frozen=True)
class Link:
    """A line from a node to one in the next column."""

    start: Node
    end: Node

    @property
    def bent(self) -> bool:
        return self.start.row != self.end.row


def flow(names: Sequence[str], edges: Sequence[tuple[str, str]], width: int, marks: Marks) -> list[Line] | None:
    """The picture, or None where it would be too wide or too full, or where something leads back to itself.

    `marks` gives a node's glyph and style; names are cut where that makes room. Lines that lead to the same name may
    meet before it: the table of the edges is what counts.
    """
    try:
        columns, links = _columns(names, edges)
    except CycleError:
        return None
    _order(columns, links)
    tracks = _all_tracks(columns, links)
    wide = [max((width_of(node.name) + 2 * (node.name in marks) for node in column), default=1) for column in columns]
    room = width - 2 - sum(len(set(track.values())) + 2 + LEADING for track in tracks[:-1])
    while sum(wide) > room and max(wide) > SHORTEST:
        wide[wide.index(max(wide))] -= 1
    if len(names) > MOST or sum(wide) > room:
        return None
    return _painted(columns, links, tracks, wide, marks)


def placed(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    """Column and row of each name; nothing where something leads back to itself."""
    try:
        columns, links = _columns(names, edges)
    except CycleError:
        return {}
    _order(columns, links)
    return {node.name: (node.column, node.row) for column in columns for node in column if node.name}


# -- who stands where ---------------------------------------------------------------------------------------------


def _columns(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> tuple[list[list[Node]], list[Link]]:
    """Every node right of all that leads to it; CycleError where that cannot be."""
    before: dict[str, list[str]] = {name: [] for name in names}
    for start, end in dict.fromkeys(edges):
        before[end].append(start)
    nodes: dict[str, Node] = {}
    for name in TopologicalSorter(before).static_order():
        nodes[name] = Node(name, max((nodes[each].column + 1 for each in before[name]), default=0), name)
    columns: list[list[Node]] = [[] for _ in range(1 + max((node.column for node in nodes.values()), default=0))]
    for name in names:
        columns[nodes[name].column].append(nodes[name])
    links = []
    for start, end in dict.fromkeys(edges):
        at = nodes[start]
        for column in range(nodes[start].column + 1, nodes[end].column):
            passing = next((node for node in columns[column] if not node.name and node.source == start), None)
            if passing is None:
                passing = Node("", column, start)
                columns[column].append(passing)
            links.append(Link(at, passing))
            at = passing
        links.append(Link(at, nodes[end]))
    return columns, list({(id(link.start), id(link.end)): link for link in links}.values())


def _order(columns: list[list[Node]], links: Sequence[Link]) -> None:
    """Rows such that lines are short and cross little: each node goes near the middle of what it is linked with."""
    left, right = defaultdict[int, list[Node]](list), defaultdict[int, list[Node]](list)
    for link in links:
        left[id(link.end)].append(link.start)
        right[id(link.start)].append(link.end)
    for column in columns:
        for row, node in enumerate(column):
            node.row = row
    for sweep in range(SWEEPS):
        back = sweep % 2 == 1
        for column in columns[::-1] if back else columns:
            near = right if back else left
            column.sort(key=lambda node: mean([each.row for each in near[id(node)]] or [node.row]))
            _settle(column, near)


def _settle(column: Sequence[Node], near: Mapping[int, Sequence[Node]]) -> None:
    """Rows in the order of the column, each as near to its neighbours' middle as those above leave room."""
    free = 0
    for node in column:
        wanted = [each.row for each in near[id(node)]]
        node.row = max(free, median_low(wanted) if wanted else free)
        free = node.row + 1


def _all_tracks(columns: Sequence[Sequence[Node]], links: Sequence[Link]) -> list[dict[int, int]]:
    """The tracks behind each column. Where lines would have to turn before each other, every second column is moved
    down by half a row, so that none leaves where another comes in."""
    behind = [[link for link in links if link.start.column == place] for place in range(len(columns))]
    try:
        return [_tracks(each) for each in behind]
    except CycleError:
        for column in columns:
            for node in column:
                node.row = 2 * node.row + node.column % 2
        return [_tracks(each) for each in behind]


def _tracks(links: Sequence[Link]) -> dict[int, int]:
    """The track in which each row's lines turn: one for all lines of a row, and for rows that lead to the same rows.

    A line that leaves a row turns before another one comes into that row; CycleError where none can be first.
    """
    ends: dict[int, set[int]] = defaultdict(set)
    for link in links:
        if link.bent:
            ends[link.start.row].add(link.end.row)
    alike = {row: frozenset(rows) for row, rows in ends.items()}
    later: dict[frozenset[int], set[frozenset[int]]] = {rows: set() for rows in alike.values()}
    for row, rows in alike.items():
        later[rows] |= {alike[end] for end in rows if end in alike and end != row}
    places = {rows: place for place, rows in enumerate(TopologicalSorter(later).static_order())}
    return {row: places[rows] for row, rows in alike.items()}


# -- how it is drawn ----------------------------------------------------------------------------------------------


def _painted(columns: Sequence[Sequence[Node]], links: Sequence[Link], tracks: Sequence[Mapping[int, int]],
             wide: Sequence[int], marks: Marks) -> list[Line]:
    lefts = [0]
    for size, track in zip(wide[:-1], tracks, strict=False):
        lefts.append(lefts[-1] + size + 2 + len(set(track.values())) + LEADING)
    signs = _signs(links, tracks, wide, lefts)
    named = sorted((node.row, node.column, node.name) for column in columns for node in column if node.name)
    lines = []
    for row in range(1 + max(node.row for column in columns for node in column)):
        line, done = Line("  "), 0
        for _, column, name in (each for each in named if each[0] == row):
            glyph, style = marks.get(name, ("", ""))
            line.append("".join(signs.get((row, x), " ") for x in range(done, lefts[column])), "dim")
            line.append(f"{glyph} " if glyph else "", style)
            text = fit(name, min(width_of(name), wide[column] - 2 * bool(glyph)))
            line.append(text)
            done = lefts[column] + width_of(text) + 2 * bool(glyph)
        line.append("".join(signs.get((row, x), " ") for x in range(done, lefts[-1])).rstrip(), "dim")
        lines.append(line)
    return lines


def _signs(links: Sequence[Link], tracks: Sequence[Mapping[int, int]], wide: Sequence[int],
           lefts: Sequence[int]) -> dict[tuple[int, int], str]:
    """The line signs by row and column of the picture."""
    cells: dict[tuple[int, int], dict[object, int]] = defaultdict(lambda: defaultdict(int))
    heads = {}
    for link in links:
        (top, bottom), column = (link.start.row, link.end.row), link.start.column
        whose = (column, tracks[column][top]) if link.bent else link.start.source
        first = lefts[column] + (wide[column] + 1 if link.start.name else 0)
        last = lefts[column + 1] - (2 if link.end.name else 0)
        turn = lefts[column] + wide[column] + 2 + tracks[column].get(top, 0) if link.bent else last
        for x in range(first, turn):
            cells[top, x][whose] |= LEFT | RIGHT
        if link.bent:
            cells[top, turn][whose] |= LEFT | (DOWN if bottom > top else UP)
            for y in range(min(top, bottom) + 1, max(top, bottom)):
                cells[y, turn][whose] |= UP | DOWN
            cells[bottom, turn][whose] |= RIGHT | (UP if bottom > top else DOWN)
            for x in range(turn + 1, last):
                cells[bottom, x][whose] |= LEFT | RIGHT
        if link.end.name:
            heads[bottom, last] = "▶"
    return {place: _sign(lines) for place, lines in cells.items()} | heads


def _sign(lines: Mapping[object, int]) -> str:
    """The sign of a cell through which these lines go; of two that only cross, the upright one is whole."""
    if len(lines) > 1 and UP | DOWN in lines.values():
        return "│"
    together = 0
    for one in lines.values():
        together |= one
    return _SIGNS.get(together, "─")
