"""The client as a person uses it: keys and mouse in a terminal of a size, a Bolt app on the other end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from rich.cells import cell_len
from slack_bolt import App
from textual.pilot import Pilot
from textual.widgets import OptionList

from bots.local.client.app import Client
from bots.local.client.form import Form
from bots.local.client.rows import Press, Row
from bots.local.workspace import LocalSlack
from tests.bots.local.conftest import client_of

SIZES = [(120, 40), (80, 24), (60, 16)]
ODD = "[red]x[/red] [b [@click=app.quit]go[/] \x1b[31m *bold* <b> :eyes:"


class Seat:
    """Somebody at a terminal, and what he sees."""

    def __init__(self, app: Client, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def text(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def sees(self, *words: str) -> None:
        for _ in range(400):
            if all(word in self.text for word in words):
                return
            await self.pilot.pause(0.02)
        pytest.fail(f"never saw {words}:\n{self.text}")

    async def until(self, holds: Callable[[], object]) -> None:
        for _ in range(400):
            if holds():
                return
            await self.pilot.pause(0.02)
        pytest.fail(f"it never came to that:\n{self.text}")

    async def types(self, text: str) -> None:
        """Into the line that has the cursor, and Enter."""
        line = self.app.focused
        assert hasattr(line, "value"), line
        line.value = text
        await self.pilot.press("enter")

    @property
    def rows(self) -> list[Row]:
        return list(self.app.screen_stack[0].query_one("#messages").query(Row))


@asynccontextmanager
async def seat(slack: LocalSlack, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Seat]:
    app = Client(slack)
    async with app.run_test(size=size) as pilot:
        made = Seat(app, pilot)
        await made.sees("you are ana")
        yield made


def told(slack: LocalSlack, story: Callable[[Seat], Awaitable[None]], size: tuple[int, int] = (120, 40)) -> bool:
    """Live a story to its end."""
    async def whole() -> None:
        async with seat(slack, size) as made:
            await story(made)

    asyncio.run(whole())
    return True


@pytest.mark.parametrize("size", SIZES)
def test_a_command_a_button_a_form_and_its_error(live: LocalSlack, bot: App, size: tuple[int, int]) -> None:
    async def story(seat: Seat) -> None:
        await seat.sees("the bot listens", "# ml-flights")
        assert all(cell_len(line) == size[0] for line in seat.text.splitlines())
        await seat.types("/mlops fire AL-7")
        await seat.sees("AL-7 drift", "Ack", "only you see this", "fire AL-7: done")
        press = seat.app.screen.query(Press).first()
        press.scroll_visible(animate=False)
        await seat.pilot.pause()
        await seat.pilot.click(press)
        await seat.sees("Why?", "Reason", "Send")
        await seat.pilot.press("ctrl+s")
        await seat.sees("Please complete this required field.")
        await seat.types("too late")
        await seat.until(lambda: not isinstance(seat.app.screen, Form))
        await seat.until(lambda: live.messages()[-1]["text"] == "too late")

    assert told(live, story, size)


def test_a_thread_stands_beside_its_message_and_esc_leaves_it(live: LocalSlack, bot: App) -> None:
    async def story(seat: Seat) -> None:
        await seat.types("shall we?")
        await seat.until(lambda: len(seat.rows) == 1)
        await seat.pilot.press("escape", "enter")
        await seat.sees("Thread")
        await seat.types("we shall")
        await seat.sees("we shall", "↳ 1 reply")
        assert [each["text"] for each in live.messages()[0]["replies"]] == ["we shall"]
        await seat.types("/mlops status")
        await seat.sees("Slack takes commands in channels")
        await seat.pilot.press("escape")
        await seat.until(lambda: "Thread" not in seat.text.splitlines()[1])

    assert told(live, story)


def test_a_narrow_terminal_shows_one_pane_at_a_time(live: LocalSlack, bot: App) -> None:
    async def story(seat: Seat) -> None:
        await seat.types("first")
        await seat.until(lambda: len(seat.rows) == 1)
        assert "App Home" not in seat.text
        await seat.pilot.press("escape", "enter")
        await seat.sees("Thread", "first")
        assert "# ml-flights" not in seat.text
        await seat.pilot.press("escape", "f3")
        await seat.sees("App Home")
        assert "first" not in seat.text

    assert told(live, story, (60, 16))


def test_nothing_a_user_types_is_markup(live: LocalSlack, bot: App) -> None:
    card = [{"type": "header", "text": {"type": "plain_text", "text": ODD}},
            {"type": "actions", "elements": [{"type": "button", "action_id": "a", "text": {
                "type": "plain_text", "text": "[red]go[/red]"}}]},
            {"type": "table", "rows": [[{"type": "raw_text", "text": "[b]a"}], [{"type": "raw_text", "text": "[/b]"}]]}]
    client_of(live).chat_postMessage(channel="C01", text=ODD, blocks=card)
    live.state.channels["C01"].topic = "[bold]topic[/bold]"

    async def story(seat: Seat) -> None:
        await seat.types(ODD)
        await seat.until(lambda: len(seat.rows) == 2)
        await seat.sees("[bold]topic[/bold]", "[red]go[/red]", "[b]a", "[/b]")
        assert seat.text.count("[red]x[/red] [b [@click=app.quit]go[/]") == 2
        assert "\x1b" not in seat.text
        await seat.types("[/x] /no")
        await seat.types("/nothing [b")
        await seat.sees("/nothing is no command here")

    assert told(live, story)


def test_one_can_be_somebody_else_with_a_talk_of_his_own(live: LocalSlack, bot: App) -> None:
    client_of(live).chat_postMessage(channel="U02", text="for bo alone")
    client_of(live).chat_postEphemeral(channel="C01", user="U02", text="only for bo")

    async def story(seat: Seat) -> None:
        assert "only for bo" not in seat.text
        await seat.pilot.press("f2", "down", "enter")
        await seat.sees("you are bo", "only for bo", "only you see this")
        await seat.pilot.press("f3", "down", "enter")
        await seat.sees("for bo alone")
        await seat.types("thanks")
        await seat.until(lambda: live.messages("bo")[-1]["text"] == "thanks")

    assert told(live, story)


def test_reactions_and_pins_are_put_on_and_taken_off(live: LocalSlack, bot: App) -> None:
    async def story(seat: Seat) -> None:
        await seat.types("look")
        await seat.until(lambda: len(seat.rows) == 1)
        for marks, pins in ((1, 1), (0, 0)):
            seat.rows[0].focus()
            await seat.pilot.press("r", "enter")
            await seat.until(lambda marks=marks: len(live.messages()[0].get("reactions", [])) == marks)
            await seat.pilot.press("p")
            await seat.until(lambda pins=pins: len(live.state.channels["C01"].pins) == pins)
        await seat.pilot.press("m", "enter")
        await seat.sees("Change it to")
        await seat.types("look here")
        await seat.sees("look here", "edited")

    for kind in ("reaction_added", "reaction_removed", "pin_added", "pin_removed"):
        bot.event(kind)(lambda: None)
    assert told(live, story)


def test_what_was_written_comes_back(live: LocalSlack, bot: App) -> None:
    async def story(seat: Seat) -> None:
        await seat.types("one")
        await seat.types("two")
        await seat.pilot.press("up", "up")
        assert seat.app.focused is not None
        assert seat.app.focused.value == "one"  # type: ignore[attr-defined]
        await seat.pilot.press("down", "down")
        assert seat.app.focused.value == ""  # type: ignore[attr-defined]

    assert told(live, story)


def test_the_first_page_of_the_app_is_asked_for_when_it_is_opened(live: LocalSlack, bot: App) -> None:
    view = {"type": "home", "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "needs you: 2"}}]}

    @bot.event("app_home_opened")
    def opened(event: dict) -> None:
        client_of(live).views_publish(user_id=event["user"], view=view)

    async def story(seat: Seat) -> None:
        seat.app.action_places()
        seat.app.here("#places", OptionList).highlighted = 2
        await seat.pilot.press("enter")
        await seat.sees("App Home", "needs you: 2")

    assert told(live, story)


def test_a_channel_that_appears_can_be_joined(live: LocalSlack, bot: App) -> None:
    with LocalSlack({"ana": "U01"}, scopes=["channels:manage"]) as slack:
        client_of(slack).conversations_create(name="inc-7")

        async def story(seat: Seat) -> None:
            await seat.sees("# inc-7  join")
            await seat.pilot.press("f3", "down", "enter")
            await seat.until(lambda: "U01" in slack.place("inc-7").members)

        assert told(slack, story)


def test_what_goes_wrong_on_purpose_is_told(live: LocalSlack, bot: App) -> None:
    async def story(seat: Seat) -> None:
        live.faults.down()
        await seat.sees("Slack is away")
        await seat.types("/mlops status")
        await seat.sees("slack_unavailable")
        live.faults.up()
        await seat.sees("Slack is back")
        await seat.pilot.press("f4")
        await seat.until(lambda: seat.text.count("Slack is away") == 1)

    assert told(live, story)
