"""Modals and Home tabs: triggers, the stack of three, hashes, inputs, and what an acknowledgement does."""

from typing import Any

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bots.local import transcript
from bots.local.workspace import LocalSlack
from tests.bots.local.conftest import Clock, Connect


def text(value: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": value}


def options(*values: str) -> list[dict[str, Any]]:
    return [{"text": text(each.title()), "value": each} for each in values]


def entry(block_id: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "input", "block_id": block_id, "label": text(block_id.title()),
            "element": {"action_id": "it", **element}, **more}


def modal(title: str = "One", *blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    section = {"type": "section", "block_id": "s", "text": text("x"),
               "accessory": {"type": "button", "action_id": "more", "text": text("More")}}
    return {"type": "modal", "callback_id": "form", "title": text(title), "submit": text("Send"),
            "blocks": list(blocks or [section]), **more}


FORM = modal(
    "Form",
    entry("reason", {"type": "plain_text_input", "min_length": 3}),
    entry("severity", {"type": "static_select", "options": options("low", "high")}),
    entry("rows", {"type": "number_input", "is_decimal_allowed": False, "min_value": "1"}, optional=True),
    entry("who", {"type": "multi_users_select"}, optional=True),
    entry("where", {"type": "conversations_select", "response_url_enabled": True}, optional=True),
    entry("day", {"type": "datepicker", "initial_date": "2013-09-14"}),
    entry("flags", {"type": "checkboxes", "options": options("quick", "loud")}, optional=True))


class Bot:
    """An app that opens what it is given, and answers a submission with what it is given."""

    def __init__(self, app: App, client: WebClient) -> None:
        self.view: dict[str, Any] = modal()
        self.answer: dict[str, Any] = {}
        self.triggers: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.closed: list[dict[str, Any]] = []
        self.client = client

        @app.command("/mlops")
        def mlops(ack: Ack, command: dict) -> None:
            self.triggers.append(command["trigger_id"])
            if command["text"] == "open":
                client.views_open(trigger_id=command["trigger_id"], view=self.view)
            ack()

        @app.action("more")
        def more(ack: Ack, body: dict) -> None:
            self.triggers.append(body["trigger_id"])
            ack()

        @app.view("form")
        def form(ack: Ack, body: dict) -> None:
            self.sent.append(body)
            ack(**self.answer)

        @app.view_closed("form")
        def shut(ack: Ack, body: dict) -> None:
            self.closed.append(body)
            ack()

    def refusal(self, method: Any, **asked: Any) -> str:
        with pytest.raises(SlackApiError) as caught:
            method(**asked)
        error: str = caught.value.response["error"]
        return error


@pytest.fixture
def bot(app: App, client: WebClient, connect: Connect) -> Bot:
    made = Bot(app, client)
    connect(app)
    return made


def test_a_trigger_serves_once_and_for_three_seconds(slack: LocalSlack, clock: Clock, bot: Bot) -> None:
    slack.slash("ana")
    bot.client.views_open(trigger_id=bot.triggers[0], view=modal())
    assert bot.refusal(bot.client.views_open, trigger_id=bot.triggers[0], view=modal()) == "exchanged_trigger_id"
    slack.slash("ana")
    clock.pass_(3.1)
    assert bot.refusal(bot.client.views_open, trigger_id=bot.triggers[1], view=modal()) == "expired_trigger_id"
    assert bot.refusal(bot.client.views_open, trigger_id="1.2.3", view=modal()) == "invalid_trigger_id"
    assert len(slack.modals("ana")) == 1


def test_an_illegal_view_is_explained_and_costs_no_trigger(slack: LocalSlack, bot: Bot) -> None:
    slack.slash("ana")
    wrong = modal(title="x" * 25)
    assert bot.refusal(bot.client.views_open, trigger_id=bot.triggers[0], view=wrong) == "invalid_arguments"
    assert bot.refusal(bot.client.views_open, trigger_id=bot.triggers[0],
                       view=modal("x", {"type": "table", "rows": []})) == "invalid_blocks"
    assert bot.client.views_open(trigger_id=bot.triggers[0], view=modal())["ok"]


def test_modals_stack_three_high(slack: LocalSlack, bot: Bot) -> None:
    slack.slash("ana", "open")
    for number, error in ((2, ""), (3, ""), (4, "push_limit_reached")):
        slack.click("ana", slack.modals("ana")[-1]["id"], "More")
        if error:
            assert bot.refusal(bot.client.views_push, trigger_id=bot.triggers[-1], view=modal()) == error
        else:
            bot.client.views_push(trigger_id=bot.triggers[-1], view=modal(f"{number}"))
    one, two, three = slack.modals("ana")
    assert (three["previous_view_id"], three["root_view_id"]) == (two["id"], one["id"])
    slack.close("ana")
    assert [each["title"]["text"] for each in slack.modals("ana")] == ["One", "2"]


def test_an_update_keeps_the_view_and_what_was_entered_and_minds_its_hash(slack: LocalSlack, bot: Bot) -> None:
    bot.view = FORM
    opened = slack.slash("ana", "open").modal
    assert opened
    slack.choose("ana", opened["id"], "Severity", "High")
    changed = {**FORM, "title": text("Changed")}
    view = bot.client.views_update(view_id=opened["id"], hash=opened["hash"], view=changed)["view"]
    assert view["id"] == opened["id"]
    assert slack.modals("ana")[0]["state"]["values"]["severity"]["it"]["selected_option"]["value"] == "high"
    assert bot.refusal(bot.client.views_update, view_id=opened["id"], hash=opened["hash"],
                       view=changed) == "hash_conflict"
    assert bot.refusal(bot.client.views_update, view_id="V9", view=changed) == "not_found"


def test_a_submission_reports_every_field_entered_or_not(slack: LocalSlack, bot: Bot) -> None:
    bot.view = FORM
    slack.slash("ana", "open")
    seen = slack.submit("ana", values={"Reason": "labels agree", "severity": "low", "who": ["bo", "cy"],
                                       "where": "ml-flights", "flags": "Loud"})
    assert seen.ok
    [body] = bot.sent
    values = {block: {name: value for name, value in each["it"].items() if name != "type"}
              for block, each in body["view"]["state"]["values"].items()}
    assert values == {
        "reason": {"value": "labels agree"}, "severity": {"selected_option": {**FORM["blocks"][1]["element"]["options"][
            0], "text": {**text("Low"), "emoji": True}}},
        "rows": {"value": None}, "who": {"selected_users": ["U02", "U03"]}, "where": {"selected_conversation": "C01"},
        "day": {"selected_date": "2013-09-14"},
        "flags": {"selected_options": [{"text": {**text("Loud"), "emoji": True}, "value": "loud"}]}}
    assert [each["channel_id"] for each in body["response_urls"]] == ["C01"]


@pytest.mark.parametrize(("values", "refused"), [
    ({}, {"reason", "severity"}),
    ({"reason": "no", "severity": "low"}, {"reason"}),
    ({"reason": "yes", "severity": "low", "rows": "0"}, {"rows"}),
    ({"reason": "yes", "severity": "low", "rows": "1.5"}, {"rows"}),
    ({"reason": "yes", "severity": "low", "rows": "many"}, {"rows"}),
])
def test_slacks_own_client_refuses_before_the_app_hears(
        slack: LocalSlack, bot: Bot, values: dict[str, str], refused: set[str]) -> None:
    bot.view = {**FORM, "blocks": [each for each in FORM["blocks"] if each["block_id"] != "where"]}
    slack.slash("ana", "open")
    assert set(slack.submit("ana", values=values).errors) == refused
    assert (bot.sent, len(slack.modals("ana"))) == ([], 1)


def test_a_field_or_option_that_is_not_there_is_named(slack: LocalSlack, bot: Bot) -> None:
    bot.view = FORM
    slack.slash("ana", "open")
    with pytest.raises(LookupError, match="no field 'colour'; there are: Reason, Severity"):
        slack.submit("ana", values={"colour": "red"})
    with pytest.raises(LookupError, match="no option 'huge'; there are: Low, High"):
        slack.submit("ana", values={"severity": "huge"})
    with pytest.raises(LookupError, match="bo has no open modal"):
        slack.submit("bo")


@pytest.mark.parametrize(("answer", "titles", "error"), [
    ({"response_action": "update", "view": modal("Two")}, ["Two"], ""),
    ({"response_action": "push", "view": modal("Two")}, ["One", "Two"], ""),
    ({"response_action": "clear"}, [], ""),
    ({}, [], ""),
    ({"response_action": "errors", "errors": {"nowhere": "x"}}, ["One"], "invalid_response_action"),
    ({"response_action": "update", "view": modal("x" * 25)}, ["One"], "invalid_arguments"),
])
def test_an_acknowledgement_decides_what_becomes_of_the_modal(
        slack: LocalSlack, bot: Bot, answer: dict[str, Any], titles: list[str], error: str) -> None:
    bot.answer = answer
    slack.slash("ana", "open")
    seen = slack.submit("ana")
    assert seen.error == error
    assert [each["title"]["text"] for each in slack.modals("ana")] == titles


def test_closing_is_told_only_to_an_app_that_wants_to_know(slack: LocalSlack, bot: Bot) -> None:
    slack.slash("ana", "open")
    slack.close("ana")
    assert (bot.closed, slack.modals("ana")) == ([], [])
    bot.view = modal(notify_on_close=True)
    slack.slash("ana", "open")
    slack.close("ana", clear=True)
    slack.until(lambda: bot.closed)
    assert bot.closed[0]["is_cleared"] is True


def test_a_home_tab_is_published_and_minds_its_hash(slack: LocalSlack, bot: Bot) -> None:
    home = {"type": "home", "blocks": modal()["blocks"]}
    first = bot.client.views_publish(user_id="U01", view=home)["view"]
    second = bot.client.views_publish(user_id="U01", view=home, hash=first["hash"])["view"]
    assert first["id"] == second["id"]
    assert bot.refusal(bot.client.views_publish, user_id="U01", view=home, hash=first["hash"]) == "hash_conflict"
    assert bot.refusal(bot.client.views_publish, user_id="U01", view=modal()) == "invalid_arguments"
    assert slack.click("ana", "home", "More").ok
    assert slack.home("bo") is None
    shown = slack.home("ana")
    assert shown
    assert shown["hash"] == second["hash"]


def test_a_form_shows_below_a_field_what_is_asked() -> None:
    field = {"type": "input", "block_id": "b", "label": {"type": "plain_text", "text": "Groups"},
             "hint": {"type": "plain_text", "text": "Is it known what it costs younger people?"},
             "element": {"type": "plain_text_input", "action_id": "value"}}
    assert list(transcript.blocks([field])) == ["Groups: ____", "  Is it known what it costs younger people?"]
