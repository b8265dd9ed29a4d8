"""One message, view or answer on the screen: its lines, and what can be pressed between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalGroup
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Select, Static

from bots.local import inputs
from bots.local.client.drawn import Controls, Piece
from bots.local.client.flow import Flow
from bots.local.people import PRESSED, faces, label
from bots.local.state import Json
from mlops_tui.render.cells import clean

VARIANTS: dict[str, Any] = {"primary": "success", "danger": "error"}


@dataclass(frozen=True)
class Item:
    """What a row shows: `key` never changes, and the row is drawn anew where anything else does."""

    key: str
    where: str
    head: Text
    pieces: tuple[Piece, ...]
    foot: Text
    mark: str = ""  # a style class of its own

    @property
    def picture(self) -> object:
        shown = [each if isinstance(each, Controls) else (each.plain, str(each.spans)) for each in self.pieces]
        return self.head.plain, shown, self.foot.plain, self.mark


class Pressed(Message):
    """A button of ours was pressed, or something was chosen from a menu."""

    def __init__(self, where: str, block: Json, element: Json, given: str) -> None:
        super().__init__()
        self.where, self.block, self.element, self.given = where, block, element, given


class Press(Button):
    """A button of a message."""

    def __init__(self, where: str, block: Json, element: Json, face: Json) -> None:
        super().__init__(Content(clean(label(face))), VARIANTS.get(face.get("style", ""), "default"), compact=True)
        self.where, self.block, self.element, self.face = where, block, element, face

    @on(Button.Pressed)
    def pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(Pressed(self.where, self.block, self.element, label(self.face)))


class Menu(Select[str]):
    """A menu of a message: what is chosen is sent at once."""

    def __init__(self, where: str, block: Json, element: Json, options: Sequence[tuple[str, str]]) -> None:
        super().__init__([(Text(clean(text)), value) for text, value in options], prompt=prompt(element), compact=True)
        self.where, self.block, self.element = where, block, element

    @on(Select.Changed)
    def chosen(self, event: Select.Changed) -> None:
        event.stop()
        if event.value is not Select.NULL:
            self.post_message(Pressed(self.where, self.block, self.element, str(event.value)))
            self.clear()


def prompt(element: Json) -> str:
    return clean(str((element.get("placeholder") or {}).get("text") or "…")).replace("[", "(")


class Row(VerticalGroup, can_focus=True):
    """A message that the cursor can stand on; `enter` is its thread."""

    class Wanted(Message):
        """Something is to be done with this row."""

        def __init__(self, row: "Row", what: str) -> None:
            super().__init__()
            self.row, self.what = row, what

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,t", "want('thread')", "Thread", id="row.thread"),
        Binding("r", "want('react')", "React", id="row.react"),
        Binding("p", "want('pin')", "Pin", id="row.pin"),
        Binding("m", "want('more')", "More", id="row.more"),
        Binding("up,k", "app.step(-1)", "Up", show=False, id="row.up"),
        Binding("down,j", "app.step(1)", "Down", show=False, id="row.down"),
    ]

    def __init__(self, item: Item) -> None:
        super().__init__(classes=item.mark)
        self.item = item

    def compose(self) -> ComposeResult:
        yield Static(self.item.head, classes="head")
        for piece in self.item.pieces:
            if isinstance(piece, Text):
                yield Static(piece, classes="line -whole" if piece.no_wrap else "line")
            else:
                with Flow(classes="controls"):
                    yield from controls(self.item.where, piece)
        if self.item.foot.plain:
            yield Static(self.item.foot, classes="foot")

    async def show(self, item: Item) -> None:
        """Take another picture, where it is another one."""
        before, self.item = self.item, item
        if before.picture != item.picture:
            self.set_classes(item.mark)
            await self.recompose()

    def action_want(self, what: str) -> None:
        self.post_message(self.Wanted(self, what))

    def on_click(self) -> None:
        self.focus()


def controls(where: str, piece: Controls) -> ComposeResult:
    for each in piece.elements:
        if each["type"] in PRESSED:
            yield from (Press(where, piece.block, each, face) for face in faces(each))
        elif offered := inputs.offered(each):
            yield Menu(where, piece.block, each, [(str(option["text"]["text"]), option["value"]) for option in offered])
