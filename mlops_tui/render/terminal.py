"""A view as lines of a terminal: the answer first, then its evidence, then the next step."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo

from rich.cells import cell_len, set_cell_size
from rich.text import Text as Line

from mlops_tui.view import Cell, Column, Facts, Part, Row, Series, Status, Step, Steps, Table, Text, View

GLYPHS = {Status.PASS: ("●", "green"), Status.DONE: ("●", "green"), Status.WARN: ("▲", "yellow"),
          Status.FAIL: ("■", "red"), Status.UNKNOWN: ("○", "bright_black"), Status.RUNNING: ("◌", "blue"),
          Status.CONFIRM: ("?", "yellow"), Status.DENIED: ("■", "red"), Status.ERROR: ("■", "red")}
ROWS = 40
_BLOCKS = " ▁▂▃▄▅▆▇█"


def lines(view: View, *, width: int = 100, zone: tzinfo = UTC, rows: int = ROWS) -> Iterator[Line]:
    """The view, line by line; long tables say how many rows are not shown."""
    glyph, colour = GLYPHS[view.status]
    yield Line.assemble((f"{glyph} ", colour), (view.title, "bold"), (f"  {view.status.value}", colour))
    for part in view.parts:
        yield from _part(part, width, zone, rows)
    if view.actions:
        yield Line("")
    for action in view.actions:
        yield Line.assemble(("→ ", "cyan"), f"mlops-tui {' '.join(_shell(word) for word in action.argv)}",
                            (f"   {action.label}", "bright_black"))


def _shell(word: str) -> str:
    return f"'{word}'" if not word or any(character in word for character in " \"$&|;<>()*?#") else word


def _part(part: Part, width: int, zone: tzinfo, rows: int) -> Iterator[Line]:
    match part:
        case Text():
            yield from (Line(line) for line in part.body.splitlines())
        case Facts():
            yield from _facts(part, zone)
        case Table():
            yield from _table(part, width, zone, rows)
        case Series():
            yield from _series(part, width)
        case Steps():
            yield from (_step(step) for step in part.items)


def _facts(part: Facts, zone: tzinfo) -> Iterator[Line]:
    names = {key: key.replace("_", " ") for key in part.items}
    wide = max((cell_len(name) for name in names.values()), default=0)
    for key, value in part.items.items():
        yield Line.assemble((f"  {set_cell_size(names[key], wide)}  ", "bright_black"), _cell(value, Column(key), zone))


def _step(step: Step) -> Line:
    glyph, colour = GLYPHS[step.status]
    seconds = f"{step.seconds:7.1f} s" if step.seconds is not None else " " * 9
    return Line.assemble((f"{glyph} ", colour), set_cell_size(step.step, max(24, cell_len(step.step))),
                         (f" {seconds}", "bright_black"), f"  {step.detail}")


def number(value: float | int, column: Column) -> str:
    """A number as a person reads it: thousands separated, three significant digits unless the column says more."""
    if column.share:
        return f"{value * 100:.1f} %"
    if isinstance(value, int):
        return f"{value:,}"
    if column.digits is not None:
        return f"{value:,.{column.digits}f}"
    size = abs(value)
    if size != 0 and (size < 0.001 or size >= 1e7):
        return f"{value:.2e}"
    return f"{value:,.4f}" if size < 10 else f"{value:,.1f}"


def cell_text(value: Cell, column: Column, zone: tzinfo) -> str:
    """The text of one cell; nothing is a dash."""
    if value is None:
        return "–"
    if isinstance(value, Status):
        return f"{GLYPHS[value][0]} {value.value}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value, column)
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
    if isinstance(value, tuple):
        return ", ".join(value)
    return value.replace("\n", " ")


def _cell(value: Cell, column: Column, zone: tzinfo) -> Line:
    colour = GLYPHS[value][1] if isinstance(value, Status) else ""
    return Line(cell_text(value, column, zone), style=colour)


def _table(part: Table, width: int, zone: tzinfo, rows: int) -> Iterator[Line]:
    shown = part.rows[:rows]
    total = len(part.rows) if part.total is None else part.total
    if part.title:
        yield Line(part.title, style="bold")
    if not shown:
        yield Line("  none", style="bright_black")
        return
    cells = [[cell_text(row.get(column.id), column, zone) for column in part.columns] for row in shown]
    wide = _widths(part.columns, cells, width)
    right = [_numeric(shown, column) for column in part.columns]
    yield Line("  " + "  ".join(_fit(column.heading, size, alone) for column, size, alone
                                in zip(part.columns, wide, right, strict=True)).rstrip(), style="bright_black")
    for row, texts in zip(shown, cells, strict=True):
        yield _row(row, part.columns, texts, wide, right)
    if total > len(shown):
        yield Line(f"  {total - len(shown):,} more", style="bright_black")


def _row(row: Row, columns: Sequence[Column], texts: Sequence[str], wide: Sequence[int], right: Sequence[bool]) -> Line:
    line = Line("  ")
    for column, text, size, alone in zip(columns, texts, wide, right, strict=True):
        value = row.get(column.id)
        line.append(_fit(text, size, alone), style=GLYPHS[value][1] if isinstance(value, Status) else "")
        line.append("  ")
    line.rstrip()
    return line


def _numeric(rows: Sequence[Row], column: Column) -> bool:
    values = [row.get(column.id) for row in rows if row.get(column.id) is not None]
    return bool(values) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """The width of each column; the widest give way until the line fits."""
    wide = [max(cell_len(column.heading), *(cell_len(row[index]) for row in cells))
            for index, column in enumerate(columns)]
    while sum(wide) + 2 * len(wide) > width and max(wide) > 12:
        wide[wide.index(max(wide))] -= 1
    return wide


def _fit(text: str, size: int, right: bool) -> str:
    if cell_len(text) > size:
        return set_cell_size(text, max(size - 1, 0)) + "…"
    return " " * (size - cell_len(text)) + text if right else set_cell_size(text, size)


def _series(part: Series, width: int) -> Iterator[Line]:
    """A picture on one line for each of the curves; scripts and the dashboard get the points."""
    if part.title:
        yield Line(part.title, style="bold")
    curves = [(part.names[0] if part.names else part.y_label, part.y)]
    if part.other:
        curves.append((part.names[1] if len(part.names) > 1 else "other", part.other))
    numbers = [value for _, curve in curves for value in curve if isinstance(value, (int, float))]
    if not numbers:
        return
    low, high = min(numbers), max(numbers)
    label = max(cell_len(name) for name, _ in curves)
    for name, curve in curves:
        yield Line(f"  {set_cell_size(name, label)}  {spark(curve, low, high, width - label - 30)}"
                   f"  {number(low, Column(''))} – {number(high, Column(''))}")


def spark(values: Sequence[Cell], low: float, high: float, size: int) -> str:
    """The values as a row of blocks between low and high; what is missing is a blank."""
    step = max(1, -(-len(values) // max(size, 10)))
    picked = []
    for start in range(0, len(values), step):
        group = [float(value) for value in values[start:start + step] if isinstance(value, (int, float))]
        picked.append(sum(group) / len(group) if group else None)
    span = (high - low) or 1.0
    return "".join(" " if value is None else _BLOCKS[1 + round((value - low) / span * 7)] for value in picked)
