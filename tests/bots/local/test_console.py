"""The console as a person or a script uses it: lines in, the transcript out, a Bolt app on the other end."""

import io
import re
from collections.abc import Iterator

import pytest
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bots.local.console import Console
from bots.local.workspace import LocalSlack
from tests.bots.local.conftest import part
from tests.bots.local.test_people import CARD, MODAL

PEOPLE = {"ana": "U01", "bo": "U02"}


def written(*lines: str, slack: LocalSlack) -> str:
    out = io.StringIO()
    Console(slack, out).run(lines)
    return out.getvalue()


@pytest.fixture
def live() -> Iterator[LocalSlack]:
    with LocalSlack(PEOPLE, patience=2) as slack:
        yield slack


@pytest.fixture
def bot(live: LocalSlack) -> Iterator[App]:
    """An app whose card has a button that opens a modal, whose reason goes into the channel."""
    client = WebClient(token=live.bot_token, base_url=live.url, retry_handlers=[])
    app = App(client=client, token_verification_enabled=False)

    @app.command("/mlops")
    def mlops(ack: Ack, command: dict) -> None:
        client.chat_postMessage(channel="C01", text="AL-7", blocks=CARD)
        ack(f"{command['text']}: done")

    @app.action("ack")
    def acked(ack: Ack, body: dict) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    @app.view("reason")
    def sent(ack: Ack, view: dict) -> None:
        client.chat_postMessage(channel="C01", text=view["state"]["values"]["reason"]["text"]["value"])
        ack()

    app.event("message")(lambda: None)
    handler = SocketModeHandler(app, app_token=live.app_token, web_client=client)
    handler.connect()
    live.until(lambda: live.sockets)
    yield app
    part(live, handler.client)


def test_a_script_walks_through_a_card_and_its_modal(live: LocalSlack, bot: App) -> None:
    shown = written("wait\n", "ana: /mlops status\n", "bo: click 1\n", "bo: submit reason='labels agree'\n",
                    "quit\n", "ana: never read\n", slack=live)
    plain = re.sub(r"\d\d:\d\d:\d\d ", "", shown)
    assert plain.splitlines()[5:] == [
        "#ml-flights mlops: *AL-7* drift", "#ml-flights   [Ack]", "  1 [Ack]",
        "mlops (only ana sees this): status: done",
        "bo's modal:", "== Why? ==", "Reason: ____", "[Send]",
        "#ml-flights mlops: labels agree"]


def test_it_says_what_to_set(live: LocalSlack) -> None:
    assert written("quit", slack=live).splitlines()[:4] == [
        f"export SLACK_API_BASE_URL={live.url}", "export SLACK_BOT_TOKEN=xoxb-local-bot",
        "export SLACK_APP_TOKEN=xapp-local-app", "export SLACK_SIGNING_SECRET=local-signing-secret"]


@pytest.mark.parametrize(("line", "answer"), [
    ("bo: click 7", "? no button '7'; numbers stand below each message"),
    ("bo: click", "? no button ''"),
    ("zed: hello", "? nobody called 'zed'"),
    ("make coffee", "? nobody called 'make'"),
    ("ana: react", "? there is no message yet"),
    ("ana: submit reason=x", "? ana has no open modal"),
    ("ana: submit reason='x", "? No closing quotation"),
    ("ana: /mlops status", "ana sees: dispatch_failed"),
    ("ana: /weather", "ana sees: unknown_command"),
    ("down soon", "? could not convert string to float: 'soon'"),
    ("help", "bo: click 3 "),
])
def test_a_line_that_leads_nowhere_is_answered(live: LocalSlack, line: str, answer: str) -> None:
    assert any(each.startswith(answer) for each in written(line, slack=live).splitlines())


def test_people_talk_react_and_pin(live: LocalSlack) -> None:
    shown = written("ana: hello & <all>", "bo: reply to you too", "bo: react tada", "bo: pin", "bo: react tada",
                    slack=live)
    assert "ana: hello & <all>" in shown
    assert re.search(r"^    #ml-flights \S+ bo: to you too$", shown, re.MULTILINE)
    assert "#ml-flights   :tada: 1" in shown
    assert "? already_reacted" in shown
    assert len(live.place().pins) == 1


def test_slack_goes_away_and_comes_back(live: LocalSlack) -> None:
    shown = written("down", "ana: /mlops status", "up", "ana: /mlops status", "rotate", "wait 0.01", slack=live)
    assert [each for each in shown.splitlines() if each.startswith("ana sees")] == [
        "ana sees: slack_unavailable", "ana sees: dispatch_failed"]
