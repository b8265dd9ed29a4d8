"""Blocks as lines of styled text, and the buttons and menus between them; nothing that a user typed is markup."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from bots.local import transcript
from bots.local.state import Json, State
from mlops_tui.render.cells import clean

BARS = "▁▂▃▄▅▆▇█"
JOINT = "\u2060"  # by which the bot keeps its data from being markup; nobody sees it
WIDEST = 28  # characters of a table's cell
STYLES = {"*": "bold", "_": "italic", "~": "strike", "`": "reverse"}
MARKED = re.compile(r"```(?P<pre>.+?)```|(?<![\w*_~`])(?P<mark>[*_~`])(?=[^\s\u2060])(?P<inside>[^\n]*?\S)(?P=mark)"
                    r"(?![\w*_~`\u2060])",
                    re.DOTALL)
EMOJI = {"eyes": "👀", "white_check_mark": "✅", "pushpin": "📌", "memo": "📝", "+1": "👍", "-1": "👎", "tada": "🎉",
         "warning": "⚠", "red_circle": "🔴", "large_green_circle": "🟢", "rotating_light": "🚨"}


@dataclass(frozen=True)
class Controls:
    """What can be pressed or chosen from, side by side."""

    block: Json
    elements: tuple[Json, ...]


Piece = Text | Controls


def emoji(name: str) -> str:
    return EMOJI.get(name, f":{name}:")


def head(state: State, shown: Json, zone: tzinfo | None = None) -> Text:
    """Who said it and when, with what sets it apart."""
    at = datetime.fromtimestamp(float(shown["ts"]), zone).strftime("%H:%M:%S")
    app = " app" if shown.get("bot_id") else ""
    found = Text.assemble((clean(state.user_name(shown["user"])), "bold"), (app, "dim"), (f"  {at}", "dim"))
    if "edited" in shown:
        found.append("  edited", "dim italic")
    if shown.get("subtype") == "thread_broadcast":
        found.append("  also from a thread", "dim italic")
    if shown.get("is_ephemeral"):
        found.append("  only you see this", "italic yellow")
    return found


def foot(shown: Json, pinned: bool, replies: Sequence[Json] = ()) -> Text:
    """Reactions, pins, and how many answered."""
    marks = [f"{emoji(each['name'])} {each['count']}" for each in shown.get("reactions", [])]
    marks += ["📌 pinned"] if pinned else []
    marks += [f"↳ {len(replies)} {'reply' if len(replies) == 1 else 'replies'}"] if replies else []
    return Text(clean("   ".join(marks)), "cyan")


def pieces(state: State, shown: Json) -> list[Piece]:
    """A message, or a view, in the order it is read."""
    own = shown.get("blocks", []) if shown.get("bot_id") or "callback_id" in shown else []
    if not own:
        return [marked(state, line) for line in str(shown.get("text") or "").splitlines() or [""]]
    return [piece for block in own for piece in of_block(state, block)]


def of_block(state: State, block: Json) -> Iterator[Piece]:
    draw = DRAWN.get(block["type"])
    if draw is not None:
        yield from draw(state, block)
    elif block["type"] in ("actions", "context_actions"):
        yield Controls(block, tuple(block["elements"]))
    else:
        yield from (marked(state, line) for line in transcript.blocks([block]))
    accessory = block.get("accessory")
    if accessory and accessory["type"] == "image":
        yield Text(clean(f"▣ {accessory['alt_text']}"), "dim")
    elif accessory:
        yield Controls(block, (accessory,))


def marked(state: State, text: str) -> Text:
    """Slack's markup as styles: mentions by name, links by their label, everything else as it was typed."""
    found, at = Text(), 0
    for each in MARKED.finditer(text):
        found.append(words(state, text[at:each.start()]))
        inside = each["pre"] or each["inside"]
        found.append(words(state, inside), STYLES[each["mark"] or "`"])
        at = each.end()
    found.append(words(state, text[at:]))
    return found


def words(state: State, text: str) -> str:
    return "\n".join(clean(transcript.read(state, line.replace(JOINT, ""))) for line in text.split("\n"))


def plain(state: State, given: Json) -> Text:
    """A text object: only mrkdwn is marked up."""
    if given.get("type") == "mrkdwn":
        return marked(state, given["text"])
    return Text(clean(str(given.get("text") or "")))


def header(state: State, block: Json) -> Iterator[Piece]:
    found = plain(state, block["text"])
    found.stylize("bold")
    yield found


def section(state: State, block: Json) -> Iterator[Piece]:
    if "text" in block:
        yield plain(state, block["text"])
    for field in block.get("fields", []):
        label, _, value = str(field["text"]).partition("\n")
        yield Text("  ").join([marked(state, label), marked(state, " ".join(value.split("\n")))])


def context(state: State, block: Json) -> Iterator[Piece]:
    found = Text("  ").join(Text(clean(f"▣ {each['alt_text']}")) if each["type"] == "image" else plain(state, each)
                            for each in block["elements"])
    found.stylize("dim")
    yield found


def image(state: State, block: Json) -> Iterator[Piece]:
    yield Text(clean(f"▣ {block['alt_text']}"), "dim")


def table(state: State, block: Json) -> Iterator[Piece]:
    """Rows with their columns below each other; long cells end in …"""
    rows = [[clean(" ".join(transcript.cell(each).split())) for each in row] for row in block["rows"]]
    widths = [min(max(cell_len(cell) for cell in column), WIDEST) for column in zip_longest(*rows, fillvalue="")]
    for number, row in enumerate(rows):
        cells = [cell if cell_len(cell) <= width else set_cell_size(cell, width - 1) + "…"
                 for cell, width in zip(row, widths, strict=False)]
        line = "  ".join(set_cell_size(cell, width) for cell, width in zip(cells, widths, strict=False)).rstrip()
        yield Text(line, "bold" if number == 0 else "", no_wrap=True, overflow="ellipsis")


def chart(state: State, block: Json) -> Iterator[Piece]:
    """Each series as a line of bars, all on one scale, from its least to its greatest value; a pie as shares."""
    yield Text(clean(str(block["title"])), "bold")
    inner = block["chart"]
    if "segments" in inner:
        total = sum(float(each["value"]) for each in inner["segments"]) or 1.0
        for each in inner["segments"]:
            share = float(each["value"]) / total
            yield Text(clean(f"{'█' * max(1, round(share * 20))} {share:.0%} {each['label']}"), no_wrap=True)
        return
    longest = max(cell_len(str(each["name"])) for each in inner["series"])
    curves = [[float(point["value"]) for point in each["data"]] for each in inner["series"]]
    scale = min(map(min, curves)), max(map(max, curves))
    for each, values in zip(inner["series"], curves, strict=True):
        low, high = min(values), max(values)
        name = set_cell_size(clean(str(each["name"])), longest)
        yield Text(f"{name}  {sparks(values, *scale)}  {low:.4g} to {high:.4g}", no_wrap=True, overflow="ellipsis")
    axis = inner["axis_config"]["categories"]
    yield Text(clean(f"{' ' * longest}  {axis[0]} … {axis[-1]}"), "dim", no_wrap=True, overflow="ellipsis")


def sparks(values: Sequence[float], low: float, high: float) -> str:
    """A bar for each value, between the ends of the scale."""
    return "".join(BARS[round((value - low) / (high - low) * 7) if high > low else 0] for value in values)


def rich(state: State, block: Json) -> Iterator[Piece]:
    """Rich text: style is a property there, and no letter is markup."""
    for element in block["elements"]:
        if element["type"] == "rich_text_list":
            yield from (Text("• ") + runs(state, each) for each in element["elements"])
        else:
            yield from runs(state, element).split(allow_blank=True)


def runs(state: State, element: Json) -> Text:
    found = Text(no_wrap=element["type"] == "rich_text_preformatted", overflow="ellipsis")
    for each in element["elements"]:
        style = each.get("style") or {}
        look = " ".join(name for name, wanted in (("bold", "bold"), ("italic", "italic"), ("strike", "strike"),
                                                  ("reverse", "code")) if style.get(wanted))
        said = (f"@{state.user_name(each['user_id'])}" if each["type"] == "user"
                else each.get("text") or emoji(str(each["name"])) if each["type"] == "emoji"
                else str(each.get("text") or each.get("url") or ""))
        found.append("\n".join(clean(line) for line in str(said).split("\n")), look)
    return found


def divider(state: State, block: Json) -> Iterator[Piece]:
    yield Text("─" * 40, "dim", no_wrap=True, overflow="crop")


DRAWN: Mapping[str, Callable[[State, Json], Iterator[Piece]]] = {
    "header": header, "section": section, "context": context, "image": image, "table": table, "data_table": table,
    "data_visualization": chart, "divider": divider, "rich_text": rich}
