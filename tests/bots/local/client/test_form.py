"""A form has every kind of field, keeps what is there, and says what is wrong beside the field."""

import asyncio
from typing import Any

from textual.app import App
from textual.widgets import Input, Select, SelectionList, TextArea

from bots.local import inputs, shapes
from bots.local.client.form import Field, Form
from bots.local.state import State
from mlops_tui.tui.themes import THEMES

STATE = State({"ana": "U01", "bo": "U02"}, {"ml": "C01"}, (), lambda: 1_379_160_000.0)


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def options(*names: str) -> list[dict[str, Any]]:
    return [{"text": plain(name), "value": name[0]} for name in names]


ELEMENTS: dict[str, dict[str, Any]] = {
    "text": {"type": "plain_text_input", "initial_value": "[b]"},
    "long": {"type": "plain_text_input", "multiline": True},
    "number": {"type": "number_input", "is_decimal_allowed": True},
    "one": {"type": "static_select", "options": options("high", "low")},
    "radio": {"type": "radio_buttons", "options": options("yes", "no"), "initial_option": options("no")[0]},
    "some": {"type": "checkboxes", "options": options("a", "b"), "initial_options": options("b")},
    "many": {"type": "multi_static_select", "options": options("x", "y")},
    "who": {"type": "users_select"}, "all": {"type": "multi_users_select"}, "where": {"type": "conversations_select"},
    "day": {"type": "datepicker"}, "hour": {"type": "timepicker"}, "moment": {"type": "datetimepicker"},
    "mail": {"type": "email_text_input"}, "link": {"type": "url_text_input"}}
GIVEN = {"long": "a\nb", "number": "1.5", "who": "bo", "all": "ana bo", "where": "ml", "day": "2026-03-29",
         "hour": "14:30", "moment": "1379160000", "mail": "a@b.c", "link": "https://x.y"}


class Alone(App[None]):
    """Nothing but a form."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name
        self.form, self.sent = form, list[Any]()

    def on_mount(self) -> None:
        self.push_screen(self.form)

    def on_form_sent(self, event: Form.Sent) -> None:
        self.sent.append(event.values)


def form(elements: dict[str, dict[str, Any]]) -> Form:
    blocks = [{"type": "input", "block_id": name, "label": plain(f"[{name}]"), "hint": plain("[/hint]"),
               "element": {**element, "action_id": "a"}} for name, element in elements.items()]
    return Form(STATE, shapes.view(STATE, "modal", {"type": "modal", "title": plain("Odd [title]"),
                                                    "submit": plain("Send"), "blocks": blocks}))


def test_every_input_our_forms_and_slacks_have_can_be_filled_in() -> None:
    async def story() -> None:
        app = Alone(form(ELEMENTS))
        async with app.run_test(size=(80, 60)) as pilot:
            await pilot.pause()
            fields = {each.block["block_id"]: each for each in app.screen.query(Field)}
            for name, text in GIVEN.items():
                widget = fields[name].query_one("Input, TextArea")
                if isinstance(widget, TextArea):
                    widget.text = text
                else:
                    assert isinstance(widget, Input)
                    widget.value = text
            fields["one"].query_one(Select).value = "h"
            fields["many"].query_one(SelectionList).select("y")
            await pilot.press("ctrl+s")
            await pilot.pause()
        [values] = app.sent
        assert values == {**GIVEN, "text": "[b]", "one": "h", "radio": "n", "some": ["b"], "many": ["y"],
                          "all": ["ana", "bo"], "moment": 1379160000}
        for name, element in ELEMENTS.items():
            assert inputs.entered(STATE, element, values[name])["type"] == element["type"]

    asyncio.run(story())


def test_what_is_wrong_stands_beside_its_field_and_is_gone_when_it_is_right() -> None:
    async def story() -> None:
        app = Alone(form({"who": ELEMENTS["who"], "text": ELEMENTS["text"]}))
        async with app.run_test(size=(80, 30)) as pilot:
            await pilot.pause()
            who = app.screen.query(Field).first()
            who.query_one(Input).value = "nobody"
            await pilot.press("ctrl+s")
            await pilot.pause()
            assert app.sent == []
            assert who.has_class("-wrong")
            seen = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
            assert "■ nobody is called 'nobody' here" in seen
            assert [word in seen for word in ("Odd [title]", "[who]", "[/hint]")] == [True] * 3
            who.query_one(Input).value = "bo"
            await pilot.press("ctrl+s")
            await pilot.pause()
            app.form.refused({})
            assert not who.has_class("-wrong")
        assert app.sent == [{"who": "bo", "text": "[b]"}]

    asyncio.run(story())
