"""A view as lines of a terminal: the answer first, then its evidence, then the next step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

from rich.text import Text as Line

from mlops_tui.render import prose
from mlops_tui.render.cells import (
    GLYPHS,
    NOTHING,
    cell_text,
    clean,
    column_texts,
    fit,
    is_number,
    packed,
    took,
    typed,
    width_of,
    wrap,
)
from mlops_tui.render.charts import draw
from mlops_tui.view import Action, Column, Facts, Part, Row, Series, Status, Step, Steps, Table, Text, View

ROWS = 40        # of a table
READABLE = 100   # columns of prose, and where a status word is looked for
NARROWEST = 8    # of a heading, and of a detail beside a step
NARROW = 12      # a column of text gives way down to this, the one with the longest text down to LONG
LONG = 20
WRAPPED = 16     # from this width on, a text that is too long takes up to three lines
TOLD = 6         # lines of the column with the longest text: it says why


def lines(view: View, *, width: int = 100, zone: tzinfo = UTC, rows: int = ROWS,
          command: Sequence[str] = ()) -> Iterator[Line]:
    """The view, line by line, none wider than `width`; a long table says how many rows are left and what shows them."""
    for line, _ in drawn(view, width=width, zone=zone, rows=rows, command=command):
        yield line


Drawn = tuple[Line, Row | None]  # a line, and the row of a table that it belongs to


def drawn(view: View, *, width: int, zone: tzinfo = UTC, rows: int = ROWS, command: Sequence[str] = (),
          height: int = 8) -> Iterator[Drawn]:
    """The lines of a view, for a screen on which one can go from row to row; pictures are of that height."""
    for line in _title(view, width) if view.title else ():
        yield line, None
    for number, part in enumerate(view.parts):
        if number > 0:
            yield Line(""), None
        if isinstance(part, Table):
            yield from _table(part, width, zone, rows, command)
        else:
            yield from ((line, None) for line in _part(part, width, zone, height))
    if view.actions:
        yield Line(""), None
        yield from ((line, None) for line in _actions(view.actions, width))


def _title(view: View, width: int) -> Iterator[Line]:
    """Glyph and answer, with the status in a word at the end of the line."""
    glyph, colour = GLYPHS[view.status]
    word, edge = view.status.value, min(width, READABLE)
    told = [clean(line) for line in view.title.splitlines()] or [""]
    wrapped = [piece for line in told for piece in wrap(line, max(edge - 2 - len(word) - 2, 8))]
    for number, text in enumerate(wrapped):
        lead = f"{glyph} " if number == 0 else "  "
        line = Line.assemble((lead, colour), (text, "bold"))
        if number == 0:
            line.append(" " * max(edge - 2 - width_of(text) - len(word), 1)).append(word, style=colour)
        yield line


def _part(part: Part, width: int, zone: tzinfo, height: int) -> Iterator[Line]:
    match part:
        case Text():
            yield from _text(part, width)
        case Facts():
            yield from _facts(part, width, zone)
        case Series():
            heading = clean(f"{part.title} [{part.y_label}]" if part.title and part.y_label else part.title)
            yield from (Line(line, style="bold") for line in wrap(heading, width) if line)
            yield from draw(part, width, zone, height)
        case Steps():
            yield from _steps(part.items, width)


# -- text and facts -----------------------------------------------------------------------------------------------


def _text(part: Text, width: int) -> Iterator[Line]:
    """Prose at a readable width; code as it stands, cut nowhere but wrapped where the terminal ends."""
    if part.kind == "markdown":
        for number, block in enumerate(prose.blocks(part)):
            yield from [Line()] * (number > 0)
            yield from _block(block, width)
        return
    for raw in part.body.replace("\r\n", "\n").split("\n"):
        if part.kind == "code":
            yield from (Line(piece) for piece in _hung(clean(raw.expandtabs(4)), "", width))
        else:
            text = clean(raw)
            indent = " " * min(len(text) - len(text.lstrip(" ")), width // 4)
            yield from (Line(piece) for piece in _hung(text.lstrip(" "), indent, min(width, READABLE)))


def _block(block: prose.Block, width: int) -> Iterator[Line]:
    readable = min(width, READABLE)
    texts = ["".join(span.text for span in line) for line in block.lines]
    match block.kind:
        case "heading":
            yield from (Line(piece, style="bold") for piece in wrap(" ".join(texts), readable))
        case "items":
            yield from (Line(piece) for text in texts for piece in _hung(text, "• ", readable))
        case "code":
            yield from (Line(piece) for text in texts for piece in _hung(text, "", width))
        case "table":
            yield from _grid([["".join(span.text for span in cell) for cell in row] for row in block.rows], width)
        case "prose":
            yield from (Line(piece) for piece in wrap(" ".join(texts), readable))


def _grid(rows: Sequence[Sequence[str]], width: int) -> Iterator[Line]:
    """The rows of a table in prose: each column as wide as its words, the last one with the room that is left."""
    shown = [row for row in rows if any(row)]
    across = max((len(row) for row in shown), default=0)
    sizes = [min(max(width_of(row[place]) for row in shown if place < len(row)), max(width // across, 4))
             for place in range(across)]
    for row in shown:
        lead = "".join(f"{fit(cell, size)}  " for cell, size in zip(row[:-1], sizes, strict=False))
        yield from (Line(piece) for piece in _hung(row[-1], f"  {lead}", width))


def _hung(text: str, lead: str, width: int) -> list[str]:
    """Wrapped text whose further lines stand below the first one's beginning."""
    pieces = wrap(text, max(width - len(lead), 1))
    return [(lead if number == 0 else " " * len(lead)) + piece for number, piece in enumerate(pieces)]


def _facts(part: Facts, width: int, zone: tzinfo) -> Iterator[Line]:
    """Names left, values right of them; where most are numbers, these end in one column."""
    names = {key: clean(key.replace("_", " ")) for key in part.items}
    size = min(max((width_of(name) for name in names.values()), default=0), max(width // 2 - 4, 6))
    texts = {key: cell_text(value, Column(key), zone) or NOTHING for key, value in part.items.items()}
    numbers = [width_of(texts[key]) for key, value in part.items.items() if is_number(value)]
    edge = min(max(numbers), 24) if 2 * len(numbers) > len(texts) else 0
    for key, value in part.items.items():
        text = texts[key] if not is_number(value) else fit(texts[key], max(edge, width_of(texts[key])), right=True)
        lead = f"  {fit(names[key], size)}  "
        style = ""
        if isinstance(value, Status):
            text, style = f"{GLYPHS[value][0]} {text}", GLYPHS[value][1]
        for number, piece in enumerate(wrap(text, max(width - size - 4, 1))):
            yield Line.assemble((lead if number == 0 else " " * (size + 4), "dim"), (piece, style))


# -- steps and actions --------------------------------------------------------------------------------------------


def _steps(steps: Sequence[Step], width: int) -> Iterator[Line]:
    """What was done, in order: how it went, how long it took, and a word on it."""
    size = min(max((width_of(clean(step.step)) for step in steps), default=0), max(width // 2 - 6, 6))
    timed = any(step.seconds is not None for step in steps)
    room = width - size - 4 - (9 if timed else 0)
    for step in steps:
        glyph, colour = GLYPHS[step.status]
        length = fit("" if step.seconds is None else took(step.seconds), 7, right=True) + "  " if timed else ""
        detail = clean(step.detail) or ("" if step.status in (Status.DONE, Status.PASS) else step.status.value)
        pieces = wrap(detail, room) if room >= NARROWEST else [fit(detail, max(room, 0)).rstrip()]
        yield Line.assemble((f"{glyph} ", colour), fit(clean(step.step), size), "  ", (length, "dim"), pieces[0])
        yield from (Line(" " * (width - room) + piece) for piece in pieces[1:])


def _actions(actions: Sequence[Action], width: int) -> Iterator[Line]:
    """Each next step as the command line to type, which the shell understands even where it had to be broken."""
    words_of = [typed(action.shown) for action in actions]
    sizes = [width_of(" ".join(words)) for words in words_of]
    size = max((size for size in sizes if size <= width - 2), default=0)
    for words, own, action in zip(words_of, sizes, actions, strict=True):
        label = clean(action.label)
        *before, last = packed(words, width - 2 if own <= width - 2 else width - 4)
        for number, piece in enumerate(before):
            yield Line.assemble(("→ " if number == 0 else "  ", "cyan"), f"{piece} \\")
        line = Line.assemble(("  " if before else "→ ", "cyan"), last)
        if not before and size + 5 + width_of(label) <= width:
            line.append(" " * (size - width_of(last)) + "   " + label, style="dim")
        line.rstrip()
        yield line


# -- tables -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shown:
    """One column as it will stand: its texts, its width, which side it leans to."""

    column: Column
    texts: tuple[str, ...]
    heading: str
    right: bool
    brief: tuple[str, ...] = ()  # times without year and zone, for where room is short
    tells: bool = False  # the one with the longest text, which tells the rows apart

    @property
    def natural(self) -> int:
        return max((width_of(text) for text in (self.heading, *self.texts)), default=1)

    @property
    def least(self) -> int:
        """Numbers and times are never cut; texts and headings may be."""
        longest, heading = self.longest, min(width_of(self.heading), NARROWEST)
        return max(longest if self.right else min(longest, LONG if self.tells else NARROW), heading)

    @property
    def longest(self) -> int:
        return max((width_of(text) for text in self.texts), default=1)


def _table(part: Table, width: int, zone: tzinfo, rows: int, command: Sequence[str]) -> Iterator[Drawn]:
    shown = part.some(rows)
    total = len(part.rows) if part.total is None else part.total
    if part.title:
        yield from ((Line(line, style="bold"), None) for line in wrap(clean(part.title), width))
    if not shown:
        named = "" if part.title else f"{clean(part.id.replace('_', ' '))}: "
        yield Line(fit(f"  {named}none", width).rstrip(), style="dim"), None
        return
    columns = [_column(column, shown, zone) for column in part.columns]
    columns, sizes, left_out = _sized(columns, width - 2)
    yield Line("  " + "  ".join(fit(each.heading, size, right=each.right) for each, size
                                in zip(columns, sizes, strict=True)).rstrip(), style="dim"), None
    for number, row in enumerate(shown):
        yield from ((line, row) for line in _row(number, row, columns, sizes))
    if left_out:
        names = ", ".join(each.heading for each in left_out)
        left = _hung(f"not shown for want of room: {names}", "  ", width)
        yield from ((Line(text, style="dim"), None) for text in left)
    if total > len(shown):
        how = f": {' '.join(typed(command))} --json" if command else ""
        more = _hung(f"{total - len(shown):,} {'before' if part.last else 'more'}{how}", "  ", width)
        yield from ((Line(text, style="dim"), None) for text in more)


def _column(column: Column, rows: Sequence[Row], zone: tzinfo) -> _Shown:
    values = [row.get(column.id) for row in rows]
    texts, right = column_texts(column, values, zone)
    present = [value for value in values if value is not None]
    timed = bool(present) and all(isinstance(value, datetime) for value in present)
    brief = tuple(f"{value.astimezone(zone):%m-%d %H:%M}" if isinstance(value, datetime) and value.tzinfo else text
                  for value, text in zip(values, texts, strict=True)) if timed else ()
    return _Shown(column, texts, clean(column.heading), right or timed, brief)


def _sized(columns: list[_Shown], room: int) -> tuple[list[_Shown], list[int], list[_Shown]]:
    """Columns that fit, their widths, and those left out: texts are narrowed first, then the last columns go, but those
    which say what a row is and how it is judged last of all."""
    telling = max((each for each in columns if not each.right), key=lambda each: each.longest, default=None)
    kept = [replace(each, tells=each is telling) for each in columns]
    worth = {each.column.id: each.column.worth or int(number == 0 or each.tells or each.column.id == "verdict")
             for number, each in enumerate(kept)}
    if sum(each.natural for each in kept) + 2 * (len(kept) - 1) > room:
        kept = [replace(each, texts=each.brief) if each.brief else each for each in kept]
    while len(kept) > 1 and sum(each.least for each in kept) + 2 * (len(kept) - 1) > room:
        kept.remove(min(reversed(kept), key=lambda each: worth[each.column.id]))
    sizes = [min(each.natural, room) for each in kept]
    least = [min(each.least, room) for each in kept]
    over = sum(sizes) + 2 * (len(kept) - 1) - room
    while over > 0:
        give = [size - floor for size, floor in zip(sizes, least, strict=True)]
        widest = max((size for size, can in zip(sizes, give, strict=True) if can > 0), default=0)
        if widest == 0:
            break
        place = next(index for index, size in enumerate(sizes) if size == widest and give[index] > 0)
        sizes[place] -= 1
        over -= 1
    return kept, sizes, [each for each in columns if each.column not in {one.column for one in kept}]


def _row(number: int, row: Row, columns: Sequence[_Shown], sizes: Sequence[int]) -> Iterator[Line]:
    """One row; how it stands is seen at its beginning, wherever the word for it stands. Long texts take more lines."""
    told = (value for each in columns if isinstance(value := row.get(each.column.id), Status))
    stands = next(told, row.get("status"))
    glyph, colour = GLYPHS[stands] if isinstance(stands, Status) else (" ", "")
    cells = [_cell(each.texts[number], size, right=each.right, lines=TOLD if each.tells else 3)
             for each, size in zip(columns, sizes, strict=True)]
    for height in range(max(map(len, cells))):
        line = Line.assemble((f"{glyph} " if height == 0 else "  ", colour))
        for each, size, cell in zip(columns, sizes, cells, strict=True):
            value = row.get(each.column.id)
            line.append(cell[height] if height < len(cell) else " " * size,
                        style=GLYPHS[value][1] if isinstance(value, Status) else "")
            line.append("  ")
        line.rstrip()
        yield line


def _cell(text: str, size: int, *, right: bool, lines: int = 3) -> list[str]:
    """The lines of one cell; where it has hardly any room, or is very long, it is cut."""
    if right or width_of(text) <= size or size < WRAPPED:
        return [fit(text, size, right=right)]
    pieces = wrap(text, size)
    kept = [*pieces[:lines - 1], " ".join(pieces[lines - 1:])]
    return [fit(line, size) for line in kept if line]
