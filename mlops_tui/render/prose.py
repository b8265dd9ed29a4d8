"""Text as blocks that any document can set: headings, items, paragraphs, tables, code; every mark else is a letter."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from mlops_tui.render.cells import clean
from mlops_tui.view import Text


@dataclass(frozen=True)
class Span:
    """A piece of a line: plain, strong, or code."""

    text: str
    kind: Literal["plain", "strong", "code"] = "plain"


Line = tuple[Span, ...]


@dataclass(frozen=True)
class Block:
    """`lines` are those of a paragraph or of code, the items of a list, or the cells of a table, row by row."""

    kind: Literal["heading", "items", "prose", "code", "table"]
    lines: tuple[Line, ...] = ()
    level: int = 0
    rows: tuple[tuple[Line, ...], ...] = ()


def blocks(part: Text) -> list[Block]:
    """The text's blocks. Plain text with indented lines keeps its layout; of Markdown, what people write is understood.

    Links, pictures and HTML are not: they stay as they were typed, and a comment is left out.
    """
    body = part.body.replace("\r\n", "\n").strip("\n")
    if part.kind == "code" or (part.kind == "plain" and re.search(r"^\s+\S|\S\s{2,}\S", body, re.MULTILINE)):
        return [_code(body.split("\n"))]
    if part.kind == "plain":
        found = [tuple((Span(clean(line)),) for line in lines) for lines in _paragraphs(body)]
        return [Block("prose", lines) for lines in found]
    return list(_marked(re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL).split("\n")))


def _paragraphs(body: str) -> Iterator[list[str]]:
    for filled, lines in groupby(body.split("\n"), key=lambda line: bool(line.strip())):
        if filled:
            yield list(lines)


def _code(lines: Sequence[str]) -> Block:
    return Block("code", tuple((Span(clean(line.expandtabs(4)), "code"),) for line in lines))


_FENCE, _HEADING = re.compile(r"\s*(`{3,}|~{3,})"), re.compile(r" {0,3}(#{1,6})\s+(.*?)[\s#]*$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+(.*)")


def _marked(lines: Sequence[str]) -> Iterator[Block]:
    """Markdown's blocks; lines of one kind that follow each other are one block."""
    place = 0
    while place < len(lines):
        line = lines[place]
        if fence := _FENCE.match(line):
            end = next((number for number in range(place + 1, len(lines))
                        if lines[number].strip().startswith(fence[1])), len(lines))
            yield _code(lines[place + 1:end])
            place = end + 1
            continue
        kind = _kind(line)
        end = place + 1
        while end < len(lines) and kind != "heading" and (
                _kind(lines[end]) == kind or (kind == "items" and _kind(lines[end]) == "prose")):
            end += 1
        if kind:
            yield _block(kind, lines[place:end])
        place = end


def _kind(line: str) -> str:
    if not line.strip():
        return ""
    if _FENCE.match(line):
        return "fence"
    if _HEADING.match(line):
        return "heading"
    if line.lstrip().startswith("|"):
        return "table"
    return "items" if _ITEM.match(line) else "prose"


def _block(kind: str, lines: Sequence[str]) -> Block:
    match kind:
        case "heading":
            found = _HEADING.match(lines[0])
            return Block("heading", (spans(found[2]),), len(found[1])) if found else Block("prose")
        case "items":
            return Block("items", tuple(spans(item) for item in _items(lines)))
        case "table":
            rows = [tuple(spans(cell) for cell in _split(line)) for line in lines if not re.fullmatch(r"[\s|:-]+", line)
                    or not re.search("-", line)]
            wide = max(map(len, rows), default=0)
            return Block("table", rows=tuple((*row, *((),) * (wide - len(row))) for row in rows))
        case _:
            return Block("prose", (spans(" ".join(line.strip() for line in lines)),))


def _items(lines: Sequence[str]) -> list[str]:
    """What each item says; a line without a mark goes on with the one before."""
    found: list[str] = []
    for line in lines:
        item = _ITEM.match(line)
        if item:
            found.append(item[1])
        else:
            found[-1] += f" {line.strip()}"
    return found


def _split(line: str) -> list[str]:
    return re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))


def spans(text: str) -> Line:
    """A line's pieces: `**strong**`, code between backticks, the rest as it reads, escapes undone."""
    found = []
    for piece in re.findall(r"`[^`]+`|\*\*(?:[^*\\]|\\.)+\*\*|(?:\\.|[^`*\\])+|[`*\\]", clean(text.strip())):
        if len(piece) > 2 and piece[0] == piece[-1] == "`":
            found.append(Span(piece[1:-1], "code"))
        elif len(piece) > 4 and piece.startswith("**") and piece.endswith("**"):
            found.append(Span(_unescaped(piece[2:-2]), "strong"))
        else:
            found.append(Span(_unescaped(piece)))
    return tuple(found)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text).replace("&amp;", "&")
