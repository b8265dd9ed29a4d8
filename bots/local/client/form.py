"""A modal: its fields to fill in, what is wrong beside each, and the buttons below."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalGroup, Vertical, VerticalGroup, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Select, SelectionList, Static, TextArea
from textual.widgets.selection_list import Selection

from bots.local import inputs, transcript
from bots.local.client.drawn import Controls, of_block
from bots.local.client.flow import Flow
from bots.local.client.rows import controls
from bots.local.state import Json, State
from mlops_tui.render.cells import clean

HINTS = {"datepicker": "2026-03-29", "timepicker": "14:30", "datetimepicker": "seconds since 1970",
         "users_select": "a person", "multi_users_select": "people, with blanks between them"}
MANY_WORDS = {"multi_users_select", "multi_channels_select", "multi_conversations_select"}
CHOSEN = {"checkboxes", "multi_static_select"}
ONE_OF = {"static_select", "radio_buttons"}


class Field(VerticalGroup):
    """An input with its label, its hint, and what is wrong with it."""

    def __init__(self, state: State, block: Json, kept: Json) -> None:
        super().__init__(classes="field")
        self.state, self.block, self.element = state, block, block["element"]
        self.kept = kept.get(inputs.field(self.element))

    def compose(self) -> ComposeResult:
        optional = "  (optional)" if self.block.get("optional") else ""
        yield Static(Text.assemble((clean(transcript.words(self.block["label"])), "bold"), (optional, "dim")))
        yield self.widget()
        if "hint" in self.block:
            yield Static(Text(clean(transcript.words(self.block["hint"])), "dim"))
        yield Static(Text(""), classes="wrong")

    def widget(self) -> Widget:
        kind, element = self.element["type"], self.element
        if kind in ONE_OF:
            offered = [(Text(clean(str(each["text"]["text"]))), each["value"]) for each in inputs.offered(element)]
            known = (self.kept or {}).get("value")
            return Select(offered, prompt="choose", value=Select.NULL if known is None else known, compact=True)
        if kind in CHOSEN:
            on_ = {each["value"] for each in self.kept or ()}
            return SelectionList[str](*(Selection(Content(clean(str(each["text"]["text"]))), each["value"],
                                                  each["value"] in on_) for each in inputs.offered(element)),
                                      compact=True)
        told = " ".join(map(str, self.kept)) if isinstance(self.kept, list) else str(self.kept or "")
        if element.get("multiline"):
            return TextArea(told, compact=True, tab_behavior="focus")
        hint = transcript.words(element.get("placeholder")) or HINTS.get(kind, "")
        return Input(told, placeholder=clean(hint), compact=True)

    def given(self) -> Any:
        """What a person entered, as `inputs.entered` takes it."""
        shown = self.query_one("Select, SelectionList, TextArea, Input")
        match shown:
            case Select():
                return None if shown.value is Select.NULL else shown.value
            case SelectionList():
                return list(shown.selected)
            case TextArea():
                text = shown.text
            case Input():
                text = shown.value
        if not text.strip():
            return None
        if self.element["type"] in MANY_WORDS:
            return text.split()
        return int(text) if self.element["type"] == "datetimepicker" and text.isdecimal() else text

    def wrong(self, why: str) -> None:
        self.query_one(".wrong", Static).update(Text(clean(why and f"■ {why}")))
        self.set_class(bool(why), "-wrong")


class Form(ModalScreen[None]):
    """The modal on top of a person's stack; it goes when Slack says so."""

    class Sent(Message):
        """The person presses the button that sends it, with these values by block."""

        def __init__(self, view_id: str, values: Mapping[str, Any]) -> None:
            super().__init__()
            self.view_id, self.values = view_id, values

    class Left(Message):
        """The person closes it."""

        def __init__(self, view_id: str) -> None:
            super().__init__()
            self.view_id = view_id

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", id="form.leave"),
        Binding("ctrl+s", "send", "Send", id="form.send"),
    ]

    def __init__(self, state: State, view: Json) -> None:
        super().__init__()
        self.state, self.shown, self.over = state, view, False

    @property
    def key(self) -> tuple[str, str]:
        return str(self.shown["id"]), str(self.shown["hash"])

    def end(self) -> None:
        """Slack took it away."""
        if not self.over:
            self.over = True
            self.dismiss()

    def compose(self) -> ComposeResult:
        with Vertical(id="form"):
            yield Static(Text(clean(transcript.words(self.shown["title"])), "bold"), id="form-title")
            with VerticalScroll(id="fields"):
                yield from self.parts()
            yield Static(Text(""), id="form-wrong")
            with HorizontalGroup(id="form-buttons"):
                if self.shown.get("submit"):
                    yield Button(Content(clean(transcript.words(self.shown["submit"]))), "success", id="send",
                                 compact=True)
                yield Button(Content(clean(transcript.words(self.shown.get("close")) or "Cancel")), id="leave",
                             compact=True)

    def parts(self) -> Iterator[Widget]:
        kept = inputs.values(self.shown)
        for block in self.shown["blocks"]:
            if block["type"] == "input":
                yield Field(self.state, block, kept[block["block_id"]][block["element"]["action_id"]])
                continue
            for piece in of_block(self.state, block):
                if isinstance(piece, Controls):
                    yield Flow(*controls(str(self.shown["id"]), piece), classes="controls")
                else:
                    yield Static(piece, classes="line")

    def on_mount(self) -> None:
        first = self.query("Field Input, Field TextArea, Field Select, Field SelectionList")
        (first.first() if first else self.query(Button).last()).focus()

    @on(Button.Pressed, "#send")
    @on(Input.Submitted)
    def action_send(self) -> None:
        values, wrong = dict[str, Any](), dict[str, str]()
        for field in self.query(Field):
            name = field.block["block_id"]
            try:
                values[name] = field.given()
                inputs.entered(self.state, field.element, values[name])
            except (LookupError, ValueError) as problem:
                wrong[name] = str(problem.args[0])
        if wrong:
            self.refused(wrong)
        else:
            self.post_message(self.Sent(str(self.shown["id"]), values))

    @on(Button.Pressed, "#leave")
    def action_leave(self) -> None:
        self.post_message(self.Left(str(self.shown["id"])))

    def refused(self, errors: Mapping[str, str], told: str = "") -> None:
        """What is wrong, beside each field; the first of them has the cursor."""
        self.query_one("#form-wrong", Static).update(Text(clean(told and f"■ {told}")))
        for field in reversed(list(self.query(Field))):
            why = errors.get(field.block["block_id"], "")
            field.wrong(why)
            if why:
                field.query_one("Select, SelectionList, TextArea, Input").focus()
