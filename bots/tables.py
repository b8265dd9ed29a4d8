"""A table as a phone can show it: in letters of one width, a line a row, or Slack's own table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from bots.richtext import BLOCK, Block, context, fixed, heading, rich, run, section, shown, size
from mlops_tui.render.cells import GLYPHS, NOTHING, cell_text, clean, digits_for, fit, is_number, width_of
from mlops_tui.view import Cell, Column, Row, Status, Table

ROWS = 15         # of a table in a message
PHONE = 40        # letters of one width that a phone shows in a line
NARROW = 4        # columns in letters of one width
FEW = 3           # rows that are lines even where Slack's own table could be had
NATIVE = 6000     # characters of Slack's own table, which has 100 rows of 20 cells at most
CELL, LINE = 120, 300


@dataclass(frozen=True)
class Shown:
    """One column as texts, and which side it leans to."""

    column: Column
    heading: str
    texts: tuple[str, ...]
    right: bool


def table(part: Table, *, zone: tzinfo, rows: int, room: int, native: bool, more: str) -> list[Block]:
    """The blocks of a table of at most `room` characters; `more` is the command that shows the rest."""
    cut_off = part.some(rows)
    total = max(len(part.rows), part.total or 0)
    if not cut_off:
        name = shown(part.title or part.id.replace("_", " "), 200)
        return [context(f"{name}: none" if total == 0 else f"{name}: {total:,}{more}")]
    columns = [_column(column, cut_off, zone) for column in part.columns]
    glyphs = [_glyph(row, part.columns) for row in cut_off]
    lines = _fixed(columns, glyphs)
    if len(columns) <= NARROW and max(map(width_of, lines)) <= PHONE:
        count = _fitting([len(line) + 1 for line in lines[1:]], min(room, BLOCK) - 300)
        made = [rich(*heading(part.title), fixed(lines[:count + 1]))]
    elif native and len(cut_off) > FEW:
        body = _native_rows(columns, glyphs)
        count = _fitting([size(line) for line in body[1:]], min(room, NATIVE) - 300 - size(body[0]))
        settings = [{"align": "right" if each.right else "left", "is_wrapped": not each.right}
                    for each in columns[:20]]
        title = [rich(*found)] if (found := heading(part.title)) else []
        made = [*title, {"type": "table", "rows": body[:count + 1], "column_settings": settings}]
    else:
        told = [_row(number, row, columns, glyphs[number]) for number, row in enumerate(cut_off)]
        count = _fitting([size(runs) for runs in told], min(room, BLOCK) - 300)
        made = [rich(*heading(part.title), section(*(each for runs in told[:count] for each in runs)))]
    if part.last and 0 < count < len(cut_off):  # the oldest give way, and what is left may be wider than they were
        return table(replace(part, rows=cut_off[-count:], total=total), zone=zone, rows=rows, room=room, native=native,
                     more=more)
    left = [context(f"{total - count:,} {'before' if part.last else 'more'}{more}")] if total > count else []
    return [*made, *left] if count else left


def _fitting(sizes: Sequence[int], room: int) -> int:
    """How many of the first ones fit."""
    used = 0
    for count, each in enumerate(sizes):
        used += each
        if used > room:
            return count
    return len(sizes)


def _column(column: Column, rows: Sequence[Row], zone: tzinfo) -> Shown:
    values = [row.get(column.id) for row in rows]
    present = [value for value in values if value is not None]
    digits = digits_for(present)
    texts = tuple(shown(cell_text(value, column, zone, digits), CELL) or NOTHING for value in values)
    return Shown(column, shown(column.heading, CELL), texts,
                 bool(present) and all(is_number(value) for value in present))


def _glyph(row: Row, columns: Sequence[Column]) -> str:
    """How the row stands, as its first letter."""
    told = (value for column in columns if isinstance(value := row.get(column.id), Status))
    stands = next(told, row.get("status"))
    return GLYPHS[stands][0] if isinstance(stands, Status) else ""


def _fixed(columns: Sequence[Shown], glyphs: Sequence[str]) -> list[str]:
    """Heading and rows in columns; the glyph stands before a row."""
    sizes = [max(map(width_of, (each.heading, *each.texts))) for each in columns]
    lead = 2 if any(glyphs) else 0
    lines = [fit("", lead) + "  ".join(fit(each.heading, wide, right=each.right)
                                       for each, wide in zip(columns, sizes, strict=True))]
    for number, glyph in enumerate(glyphs):
        cells = (fit(each.texts[number], wide, right=each.right) for each, wide in zip(columns, sizes, strict=True))
        lines.append(fit(glyph, lead) + "  ".join(cells))
    return [line.rstrip() for line in lines]


def _native_rows(columns: Sequence[Shown], glyphs: Sequence[str]) -> list[list[Block]]:
    kept = columns[:20]
    head = [_cell(each.heading) for each in kept]
    return [head, *([_cell(f"{glyph} {each.texts[number]}" if place == 0 and glyph else each.texts[number])
                     for place, each in enumerate(kept)] for number, glyph in enumerate(glyphs[:99]))]


def _cell(text: str) -> Block:
    return {"type": "raw_text", "text": text or NOTHING}


def _row(number: int, row: Row, columns: Sequence[Shown], glyph: str) -> list[Block]:
    """**first** · second · third: a status never comes first, and a number stands behind its heading."""
    first = next((each for each in columns if not isinstance(row.get(each.column.id), Status)), columns[0])
    others = [each for each in columns if each is not first]
    told = [said for each in others if (said := _said(row.get(each.column.id), each, each.texts[number]))]
    rest = shown("".join(f" · {text}" for text in told), LINE)
    return [run(f"{glyph} " if glyph else ""), run(first.texts[number], bold=True), run(f" {rest}\n" if rest else "\n")]


def _said(value: Cell, column: Shown, text: str) -> str:
    if value is None or text == NOTHING:
        return ""
    by_itself = (isinstance(value, str) and not isinstance(value, Status)) or column.column.id == "status"
    return text if by_itself else clean(f"{column.heading} {text}")
