"""A view as GitHub-flavoured Markdown that reads well as it is typed and as it is set."""

import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo

from mlops_tui.render import grid, prose
from mlops_tui.render.cells import GLYPHS, clean, took, typed, width_of
from mlops_tui.render.charts import draw
from mlops_tui.view import Action, Facts, Part, Series, Steps, Table, Text, View

WIDTH = 80    # of a chart
PADDED = 36   # up to this width the cells of a column line up
PIPE = r"\|"  # a table takes the backslash away, even from code


def as_markdown(view: View, *, zone: tzinfo, command: Sequence[str] = ()) -> str:
    """The document; `command` says what shows the rows that a long table leaves out."""
    head = f"# {GLYPHS[view.status][0]} {escaped(view.title)} · {view.status.value}"
    body = [block for part in view.parts for block in _part(part, zone, command)]
    if view.actions:
        body.append(fenced("\n".join(_actions(view.actions)), "sh"))
    return "\n\n".join([head, *(block for block in body if block)]) + "\n"


def escaped(text: str) -> str:
    """The text on one line, where every mark of Markdown and HTML in it is only a letter.

    `_` is a mark at the edge of a word only, `&` before what looks like the name of a character; no address becomes
    a link.
    """
    text = re.sub(r"&(?=#?\w+;)", "&amp;", clean(text).strip())
    text = re.sub(r"[\\`*\[\]<>|~$]", r"\\\g<0>", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    text = re.sub(r"(?<=:)//|(?<=www)\.", lambda found: "".join(f"\\{mark}" for mark in found[0]), text,
                  flags=re.IGNORECASE)
    text = re.sub(r"^(\d{1,9})(?=[.)](?:\s|$))", r"\1\\", text)
    return re.sub(r"^(?=[#=]|[-+](?![\d.]))|(?<=\s)(?=#+$)", r"\\", text)


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _part(part: Part, zone: tzinfo, command: Sequence[str]) -> Iterator[str]:
    match part:
        case Text():
            yield from map(_block, prose.blocks(part))
        case Facts():
            yield "\n".join(f"- **{escaped(name)}:** {escaped(shown.text)}" if escaped(name) else
                            f"- {escaped(shown.text)}" for name, shown in grid.facts(part, zone))
        case Table():
            yield from _table(part, zone, command)
        case Series():
            yield _heading(f"{part.title} [{part.y_label}]" if part.title and part.y_label else part.title)
            yield fenced("\n".join(line.plain.rstrip() for line in draw(part, WIDTH, zone)))
        case Steps():
            yield "\n".join(
                f"{number}. {grid.status_text(step.status)} · {escaped(step.step)}"
                + ("" if step.seconds is None else f" · {took(step.seconds)}")
                + (f" · {escaped(step.detail)}" if clean(step.detail).strip() else "")
                for number, step in enumerate(part.items, start=1))


def _heading(text: str) -> str:
    return f"## {said}" if (said := escaped(text)) else ""


def _actions(actions: Sequence[Action]) -> Iterator[str]:
    """Each next step as the line to type, with what it is for as the shell's comment."""
    lines = [" ".join(typed(action.shown)) for action in actions]
    size = max((width_of(line) for line in lines if width_of(line) <= WIDTH), default=0)
    for line, action in zip(lines, actions, strict=True):
        label = clean(action.label).strip()
        yield f"{line}{' ' * max(size - width_of(line), 0)}  # {label}" if label else line


# -- tables ---------------------------------------------------------------------------------------------------------


def _table(part: Table, zone: tzinfo, command: Sequence[str]) -> Iterator[str]:
    yield _heading(part.title)
    if not part.rows:
        yield escaped(grid.none_of(part))
        return
    made = grid.grid(part, zone)
    rows = [[escaped(cell.text) for cell in row] for row in (made.headings, *made.rows)]
    yield _pipes(rows, [cell.right for cell in made.headings])
    yield escaped(grid.left_out(part, command))


def _pipes(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """A pipe table whose first row is its heading."""
    sizes = [min(max((3, *map(width_of, column))), PADDED) for column in zip(*rows, strict=True)]
    rule = [f"{'-' * (size - 1)}:" if leans else "-" * size for size, leans in zip(sizes, right, strict=True)]
    lines = [[_padded(cell, size, right=leans) for cell, size, leans in zip(row, sizes, right, strict=True)]
             for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def _padded(text: str, size: int, *, right: bool) -> str:
    blank = " " * max(size - width_of(text), 0)
    return blank + text if right else text + blank


# -- prose ----------------------------------------------------------------------------------------------------------


def _block(block: prose.Block) -> str:
    match block.kind:
        case "heading":
            return f"{'#' * min(block.level + 1, 6)} {_line(block.lines[0])}"
        case "items":
            return "\n".join(f"- {_line(line)}" for line in block.lines)
        case "prose":
            return "\\\n".join(_line(line) for line in block.lines)
        case "code":
            return fenced("\n".join(span.text for line in block.lines for span in line))
        case "table":
            rows = [["".join(_span(span, piped=True) for span in cell) for cell in row] for row in block.rows]
            return _pipes(rows, [False] * len(rows[0])) if rows else ""


def _line(line: prose.Line) -> str:
    """The pieces of a line; only its beginning can be taken for a list or a heading."""
    return "".join(_span(span) for span in line)


def _span(span: prose.Span, *, piped: bool = False) -> str:
    said = escaped(span.text)
    if not said or span.kind == "plain":
        blanks = span.text[:1] == " ", span.text[-1:] == " "
        return f"{' ' * blanks[0]}{said}{' ' * (blanks[1] and bool(said))}"
    if span.kind == "strong":
        return f"**{said}**"
    return f"`{span.text.replace('|', PIPE) if piped else span.text}`"
