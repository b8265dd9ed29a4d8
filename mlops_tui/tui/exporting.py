"""What is seen, as text for elsewhere: the command, a link, a row, a table in the form of one's choice."""

import csv
import io
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from rich.style import Style
from textual.color import Color
from textual.strip import Strip

from mlops_tui.render.cells import width_of
from mlops_tui.render.json import plain
from mlops_tui.render.markdown import as_markdown, escaped
from mlops_tui.tui.filtering import HIDDEN
from mlops_tui.view import Cell, Row, Table, View

OURS = HIDDEN | {"place"}  # what the dashboard itself puts into a row
ONE_LINE = 60              # characters of a value that is named in the menu


@dataclass(frozen=True)
class Seen:
    """What is seen, as far as it can be taken along.

    `command` shows the row where there is one, else the screen; `table` is the list or table with the cursor, of which
    `total` rows are there, filtered by `sifted`; `view` is the answer that it stands in.
    """

    crumbs: Sequence[str]
    command: tuple[str, ...] = ()
    link: str = ""
    row: Row | None = None
    table: Table | None = None
    view: View | None = None
    sifted: str = ""
    lines: Sequence[str] = ()
    zone: tzinfo = field(default=UTC)


@dataclass(frozen=True)
class Taken:
    """One thing to take along: the letter that takes it, what it is, its text, and the ending of a file of it."""

    key: str
    what: str
    text: str
    ending: str


def offered(seen: Seen) -> list[Taken]:
    """All that can be taken of it, the most usual first."""
    return [taken for taken in _offered(seen) if taken.text]


def _offered(seen: Seen) -> Iterator[Taken]:
    yield Taken("y", "The command line", shlex.join(("mlops-tui", *seen.command)) if seen.command else "", "sh")
    yield Taken("u", "A link to this place", f"mlops-tui open {seen.link}" if seen.link else "", "txt")
    if seen.row is not None:
        told = {name: plain(value) for name, value in seen.row.items() if name not in OURS}
        yield Taken("r", "The row as JSON", json.dumps(told, ensure_ascii=False, indent=2), "json")
    if seen.table is not None and seen.table.rows:
        rows = f"{len(seen.table.rows):,} row{'s' * (len(seen.table.rows) != 1)}"
        of = f" of {seen.table.total:,}" if seen.table.total not in (None, len(seen.table.rows)) else ""
        which = f"{rows}{of}{f', / {seen.sifted}' if seen.sifted else ''}"
        yield Taken("c", f"The table as CSV: {which}", as_csv(seen.table), "csv")
        yield Taken("m", f"The table as Markdown: {which}", as_pipes(seen.table), "md")
        yield Taken("j", f"The table as JSON: {which}", as_rows(seen.table), "json")
    if seen.view is not None and seen.view.parts:
        yield Taken("a", "The answer as Markdown", as_markdown(seen.view, zone=seen.zone), "md")
    yield Taken("s", "The screen as text", "\n".join(line.rstrip() for line in seen.lines), "txt")


def cells(row: Row) -> list[Taken]:
    """Each value of a row, to take one of them."""
    told = {name: text for name, value in row.items() if name not in OURS and (text := _text(value))}
    return [Taken("", f"{name}: {_short(text)}", text, "txt") for name, text in told.items()]


def as_csv(table: Table) -> str:
    """The rows with every value they have: the columns that are shown first."""
    names = _names(table)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_text(row.get(name)) for name in names] for row in table.rows)
    return out.getvalue()


def as_rows(table: Table) -> str:
    """The rows as a JSON array of objects."""
    return json.dumps([{name: plain(row.get(name)) for name in _names(table)} for row in table.rows],
                      ensure_ascii=False, indent=1)


def _names(table: Table) -> list[str]:
    shown = [column.id for column in table.columns]
    return list(dict.fromkeys([*shown, *(name for row in table.rows for name in row if name not in OURS)]))


def as_pipes(table: Table) -> str:
    """The rows as a table of Markdown."""
    names = _names(table)
    lines = [names, ["---"] * len(names), *([escaped(_text(row.get(name))) for name in names] for row in table.rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _text(value: Cell) -> str:
    told = plain(value)
    if isinstance(told, list):
        return "; ".join(str(each) for each in told)
    return "" if told is None else str(told).lower() if isinstance(told, bool) else str(told)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= ONE_LINE else f"{line[:ONE_LINE - 1]}…"


def screen_told(strips: Sequence[Strip], front: str, back: str) -> str:
    """A screen for `photograph`, as JSON: its runs of letters, where a style has no colour in those of the theme."""
    runs = []
    for y, strip in enumerate(strips):
        x = 0
        for text, style, _ in strip:
            look = style or Style()
            colours = [Color.from_rich_color(each).hex6 if each is not None and not each.is_default else other
                       for each, other in ((look.color, front), (look.bgcolor, back))]
            runs.append((x, y, text, width_of(text), *(colours[::-1] if look.reverse else colours), bool(look.bold)))
            x += width_of(text)
    return json.dumps({"runs": runs, "width": max((strip.cell_length for strip in strips), default=1),
                       "height": len(strips), "ground": back})


def told(seen: Seen, now: datetime | None, *, past: bool = False) -> str:
    """What a picture shows: where, by what it is filtered, and of when it is."""
    when = f"{'as of ' * past}{now.astimezone(seen.zone):%-d %b %Y %H:%M %Z}" if now is not None else ""
    return "   ".join(filter(None, (" ▸ ".join(seen.crumbs), f"/ {seen.sifted}" if seen.sifted else "", when)))


def picture(svg: str) -> str:
    """The picture without the fonts that whoever looks at it would fetch from elsewhere."""
    return re.sub(r"\s*@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)


def file_name(words: Sequence[str], ending: str) -> str:
    """A name that says what is in the file: `flights-Incidents.csv`."""
    name = re.sub(r"[^\w.@+-]+", "-", "-".join(words)).strip("-.")[:80]
    return f"{name or 'mlops-tui'}.{ending}"
