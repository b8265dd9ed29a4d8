"""A View as a Slack message: the answer first, then what a phone shows at once, the next steps, and the rest."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo

from bots.buttons import actions, button, encode
from bots.pictures import picture
from bots.richtext import BLOCK, Block, context, cut, escaped, rich, run, section, shown, size
from bots.tables import ROWS, table
from bots.words import typed
from mlops_tui.render.cells import GLYPHS, NOTHING, cell_text, clean, width_of
from mlops_tui.view import Cell, Column, Facts, Part, Series, Status, Step, Steps, Table, Text, View

BLOCKS, CHARACTERS = 50, 12_000  # of a message
CHARTS, TABLES = 2, 1            # of Slack's own, in a message
SCREEN = 14                      # lines that a phone shows below the title
ACROSS = 42                      # letters in one of them
FACTS, STEPS, LINES = 40, 40, 30
SHORT, LONG = 28, 300            # letters of a fact that shares its line, and of any
_SPOKEN = 500                    # characters kept for what says what is left out
_TERMINAL = re.compile(r"\bmlops-tui (?=[a-z-])")  # how a next step begins that is typed here as well
_INLINE = re.compile(r"(\*\*.+?\*\*|`[^`]+`)")

Message = dict[str, object]


def message(view: View, *, zone: tzinfo, command: Sequence[str] = (), buttons: bool = True, charts: bool = True,
            rows: int = ROWS) -> Message:
    """The view as `text` (for notifications) and `blocks`, within all of Slack's limits.

    `command` is what shows the rest; `charts` asks for Slack's own charts, which older workspaces lack.
    """
    return _message(view, actions(view.actions) if buttons else [], _How(zone, tuple(command), charts, rows))


def plan_message(view: View, argv: Sequence[str], digest: str, *, zone: tzinfo, charts: bool = True,
                 named: str = "") -> Message:
    """The plan of an act, and the two buttons that answer it; consent is bound to `digest`. What destroys has none:
    `named` is typed for it, in a terminal."""
    consent, bare = encode(argv, digest), encode(argv)
    there = f"in a terminal: mlops-tui {typed(argv).removeprefix('/mlops ')}"
    if named:
        answer = [context(f"This cannot be taken back. It is done where {clean(named)} is typed, {there}")]
    elif consent is None or bare is None:
        answer = [context(f"Too long for a button; {there}")]
    else:
        answer = [{"type": "actions", "elements": [button("Do it", "do:0", consent, style="primary"),
                                                   button("Cancel", "cancel", bare)]}]
    return _message(replace(view, actions=()), answer, _How(zone, (), charts, ROWS))


@dataclass(frozen=True)
class _How:
    """How parts are to be shown."""

    zone: tzinfo
    command: tuple[str, ...]
    charts: bool
    rows: int

    @property
    def more(self) -> str:
        return f": {cut(clean(typed(self.command)), LONG)}" if self.command else ""


@dataclass
class _Page:
    """What is on the page so far, and the room that is left."""

    room: int
    blocks: list[Block] = field(default_factory=list)
    lines: int = 0
    left_out: list[str] = field(default_factory=list)

    def holds(self, type: str) -> int:
        return sum(block["type"] == type for block in self.blocks)

    def put(self, name: str, made: list[Block], spare: int) -> None:
        needed = size(made)
        if needed > self.room or len(self.blocks) + len(made) > BLOCKS - spare:
            self.left_out.append(name)
            return
        self.blocks += made
        self.room -= needed
        self.lines += _height(made)


def _message(view: View, answer: list[Block], how: _How) -> Message:
    title = shown(" ".join(view.title.split("\n")), LONG)
    glyph = GLYPHS[view.status][0]
    head = rich(section(run(f"{glyph} "), run(title, bold=True), run(f" · {view.status.value}")))
    page = _Page(CHARACTERS - _SPOKEN - size(head) - size(answer), [head])
    spare, waiting = 1 + len(answer), answer
    for part in _ordered(view.parts):
        made = _part(part, how, page)
        if waiting and page.lines + _height(made) > SCREEN:
            page.blocks, waiting, spare = [*page.blocks, *waiting], [], 1
        page.put(_name(part), made, spare)
    page.blocks += waiting
    if page.left_out:
        names = ", ".join(dict.fromkeys(page.left_out))
        page.blocks.append(context(f"Left out for want of room: {cut(names, 180)}{how.more}"))
    return {"text": escaped(f"{glyph} {title}"), "blocks": page.blocks}


def _ordered(parts: Sequence[Part]) -> Iterator[Part | tuple[Table, ...]]:
    """The parts as they come; empty tables that follow each other are one."""
    empty = list[Table]()
    for part in parts:
        if isinstance(part, Table) and not part.rows and not part.total:
            empty.append(part)
            continue
        if empty:
            yield tuple(empty)
            empty = []
        yield part
    if empty:
        yield tuple(empty)


def _named(part: Table | Series) -> str:
    return shown(part.title or part.id.replace("_", " "), 60)


def _name(part: Part | tuple[Table, ...]) -> str:
    match part:
        case Table() | Series():
            return _named(part)
        case tuple():
            return "empty tables"
    return type(part).__name__.lower()


def _part(part: Part | tuple[Table, ...], how: _How, page: _Page) -> list[Block]:
    match part:
        case Text():
            return _text(part, how, min(page.room, BLOCK))
        case Facts():
            return _facts(part, how)
        case Table():
            return table(part, zone=how.zone, rows=how.rows, room=page.room,
                         native=page.holds("table") < TABLES, more=how.more)
        case Series():
            return picture(part, zone=how.zone,
                           chart=how.charts and page.holds("data_visualization") < CHARTS)
        case Steps():
            return _steps(part.items, how)
        case tuple():
            return [context(cut(", ".join(map(_named, part)), 500) + ": none")]


def _height(made: Sequence[Block]) -> int:
    """How many lines of a phone the blocks take."""
    total = 0
    for block in made:
        match block["type"]:
            case "rich_text":
                total += sum(_lines_of("".join(each["text"] for each in element["elements"]))
                             for element in block["elements"])
            case "table":
                total += len(block["rows"])
            case "data_visualization":
                total += 10
            case _:
                total += 1
    return total


def _lines_of(text: str) -> int:
    return sum(max(1, -(-width_of(line) // ACROSS)) for line in text.split("\n"))


# -- facts and steps ----------------------------------------------------------------------------------------------


def _facts(part: Facts, how: _How) -> list[Block]:
    """Short facts share a line, long ones have their own; those that have no value are named at the end."""
    runs, used, shared = list[Block](), 0, False
    items = list(part.items.items())
    absent = ", ".join(_fact_name(key) for key, value in items[:FACTS] if value in (None, "", ()))
    told = [(key, value) for key, value in items[:FACTS] if value not in (None, "", ())]
    left = max(len(items) - FACTS, 0)
    for number, (key, value) in enumerate(told):
        name, text = _fact_name(key), _fact(key, value, how.zone)
        used += len(name) + len(text) + 4
        if used > BLOCK - 2 * LONG:
            left += len(told) - number
            break
        short = width_of(name) + width_of(text) <= SHORT
        joint = "" if not runs else " · " if short and shared else "\n"
        runs += [run(f"{joint}{name} "), run(text, bold=True)]
        shared = short
    if absent:
        runs.append(run(("\n" if runs else "") + cut(absent, LONG) + ": none"))
    made = [rich(section(*runs))] if runs else []
    return [*made, context(f"{left:,} more{how.more}")] if left else made


def _fact_name(key: str) -> str:
    return shown(key.replace("_", " "), 60)


def _fact(key: str, value: Cell, zone: tzinfo) -> str:
    text = shown(cell_text(value, Column(key), zone), LONG) or NOTHING
    text = _TERMINAL.sub("/mlops ", text) if key == "next" else text
    return f"{GLYPHS[value][0]} {text}" if isinstance(value, Status) else text


def _steps(items: Sequence[Step], how: _How) -> list[Block]:
    """A line for each step: how it went, its name, how long it took, and a word on it."""
    runs, used, count = list[Block](), 0, 0
    for step in items[:STEPS]:
        told = _step(step)
        used += size(told)
        if used > BLOCK:
            break
        runs += told
        count += 1
    made = [rich(section(*runs))] if runs else []
    return [*made, context(f"{len(items) - count:,} more{how.more}")] if len(items) > count else made


def _step(step: Step) -> list[Block]:
    took = "" if step.seconds is None else f"{cell_text(step.seconds, Column('seconds', digits=1), UTC)} s"
    detail = shown(step.detail, LONG)
    word = "" if step.status in (Status.DONE, Status.PASS) else step.status.value
    rest = "".join(f" · {text}" for text in (word, took, detail) if text)
    return [run(f"{GLYPHS[step.status][0]} "), run(shown(step.step, 100) or NOTHING, bold=True), run(f"{rest}\n")]


# -- text ---------------------------------------------------------------------------------------------------------


def _text(part: Text, how: _How, room: int) -> list[Block]:
    """Prose as paragraphs, code in letters of one width; Markdown's bold, code, headings and lists are kept."""
    marked = part.kind == "markdown"
    raw = part.body.strip("\n").expandtabs(4).replace("\r\n", "\n").split("\n")
    lines = list(_unwrapped(raw)) if marked else [(line, part.kind == "code") for line in raw]
    elements, used, count = list[Block](), 0, 0
    for raw_line, fenced in lines[:LINES]:
        line = cut(clean(raw_line).rstrip(), 1000)
        if used + len(line) > room - 100:
            break
        used, count = used + len(line) + 1, count + 1
        if fenced:
            _joined(elements, "rich_text_preformatted", [run(line or " ")])
        else:
            _joined(elements, "rich_text_section", _prose(line, marked=marked))
    made = [rich(*elements)] if any(each["text"].strip() for one in elements for each in one["elements"]) else []
    left = len(lines) - count
    return [*made, context(f"{left:,} more lines{how.more}")] if left else made


def _unwrapped(lines: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Markdown's lines, and whether each is code: a paragraph or item that goes on is one line, a fence none."""
    fenced, going = False, ""
    for line in lines:
        text = line.strip()
        fence = text.startswith("```")
        begins = fenced or fence or not text or text[0] == "#" or text[:2] in ("- ", "* ") or text[0] in "|>"
        if going and begins:
            yield going, False
            going = ""
        if fence:
            fenced = not fenced
        elif fenced or not text or text[0] in "#|>":
            yield line, fenced
        else:
            going = f"{going} {text}" if going else line
    if going:
        yield going, False


def _joined(elements: list[Block], type: str, runs: list[Block]) -> None:
    """Add a line to the element before it where that is of the same type, else as a new one."""
    if elements and elements[-1]["type"] == type:
        elements[-1]["elements"] += [run("\n"), *runs]
    else:
        elements.append({"type": type, "elements": runs})


def _prose(line: str, *, marked: bool) -> list[Block]:
    """One line in runs; an empty one is a blank, which Slack takes where it takes no empty text."""
    if not marked:
        return [run(line or " ")]
    body = line.lstrip()
    if body.startswith("#"):
        return [run(body.lstrip("#").strip() or " ", bold=True)]
    lead = [run("• ")] if body[:2] in ("- ", "* ") else []
    runs = [_styled(piece) for piece in _INLINE.split(body[2:] if lead else line) if piece]
    return [*lead, *runs] or [run(" ")]


def _styled(piece: str) -> Block:
    if piece.startswith("**") and piece.endswith("**") and len(piece) > 4:
        return run(piece[2:-2], bold=True)
    if piece.startswith("`") and piece.endswith("`") and len(piece) > 2:
        return run(piece[1:-1], code=True)
    return run(piece)
