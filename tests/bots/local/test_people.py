"""What people do arrives at a real Bolt app as Slack sends it, and what they see is what the app answered."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient

from bots.local.workspace import LocalSlack
from bots.manifest import manifest
from tests.bots.local.conftest import Connect

BUTTON = {"type": "button", "action_id": "ack", "value": "AL-7", "text": {"type": "plain_text", "text": "Ack"}}
CARD = [{"type": "section", "block_id": "what", "text": {"type": "mrkdwn", "text": "*AL-7* drift"}},
        {"type": "actions", "block_id": "do", "elements": [BUTTON]}]
MODAL = {"type": "modal", "callback_id": "reason", "title": {"type": "plain_text", "text": "Why?"},
         "submit": {"type": "plain_text", "text": "Send"},
         "blocks": [{"type": "input", "block_id": "reason", "label": {"type": "plain_text", "text": "Reason"},
                     "element": {"type": "plain_text_input", "action_id": "text"}}]}


def test_a_command_is_answered_to_its_caller_alone(slack: LocalSlack, app: App, connect: Connect) -> None:
    @app.command("/mlops")
    def mlops(ack: Ack, command: dict) -> None:
        ack(f"{command['user_name']} asked {command['text']} in {command['channel_name']}")

    connect(app)
    seen = slack.slash("ana", "status flights")
    assert (seen.ok, seen.text) == (True, "ana asked status flights in ml-flights")
    assert [each["text"] for each in slack.ephemerals("ana")] == [seen.text]
    assert slack.ephemerals("bo") == slack.messages() == []


def test_a_button_of_a_message_reaches_the_app_with_its_value(
        slack: LocalSlack, app: App, client: WebClient, connect: Connect) -> None:
    heard = []

    @app.action("ack")
    def acked(ack: Ack, body: dict, action: dict, respond: object) -> None:
        ack()
        heard.append((body["user"]["id"], action["value"], body["message"]["ts"], body["container"]["channel_id"]))

    connect(app)
    ts = client.chat_postMessage(channel="#ml-flights", text="AL-7", blocks=CARD)["ts"]
    assert slack.click("bo", ts, "Ack").ok
    slack.until(lambda: heard)
    assert heard == [("U02", "AL-7", ts, "C01")]


def test_a_modal_opens_refuses_and_closes(slack: LocalSlack, app: App, client: WebClient, connect: Connect) -> None:
    @app.command("/mlops")
    def ask(ack: Ack, command: dict) -> None:
        client.views_open(trigger_id=command["trigger_id"], view=MODAL)
        ack()

    @app.view("reason")
    def sent(ack: Ack, view: dict) -> None:
        text = view["state"]["values"]["reason"]["text"]["value"]
        ack() if text != "bad" else ack(response_action="errors", errors={"reason": "Say more."})

    connect(app)
    modal = slack.slash("ana", "approve AP-5").modal
    assert modal
    assert modal["title"]["text"] == "Why?"
    assert slack.submit("ana").errors == {"reason": "Please complete this required field."}
    assert slack.submit("ana", modal["id"], {"Reason": "bad"}).errors == {"reason": "Say more."}
    assert len(slack.modals("ana")) == 1
    assert slack.submit("ana", values={"reason": "labels agree"}).ok
    assert slack.modals("ana") == []


Heard = list[dict[str, Any]]


@pytest.fixture
def heard(app: App, connect: Connect) -> Heard:
    """An app that keeps every event it was sent."""
    found: Heard = []

    @app.use
    def keep(body: dict, next: Callable[[], None]) -> None:
        if body.get("type") == "event_callback":
            found.append(body)
        next()

    for kind in ("app_mention", "message", "reaction_added", "reaction_removed", "pin_added", "pin_removed",
                 "app_home_opened"):
        app.event(kind)(lambda: None)
    for subtype in ("message_changed", "message_deleted"):
        app.event({"type": "message", "subtype": subtype})(lambda: None)
    connect(app)
    return found


def of(heard: Heard, kind: str) -> list[dict[str, Any]]:
    return [each["event"] for each in heard if each["event"].get("subtype", each["event"]["type"]) == kind]


def test_a_mention_is_a_message_as_well(slack: LocalSlack, heard: Heard) -> None:
    assert slack.mention("ana", "status & more for @bo").ok
    [mention], [message] = of(heard, "app_mention"), of(heard, "message")
    assert mention["text"] == message["text"] == "<@U0BOT> status &amp; more for <@U02>"
    assert (mention["user"], mention["channel"], mention["ts"]) == ("U01", "C01", message["ts"])
    assert (message["channel_type"], message["event_ts"]) == ("channel", message["ts"])
    one, two = heard
    assert one["event_id"] != two["event_id"]
    assert one["authorizations"] == [{"enterprise_id": None, "team_id": "T0LOCAL", "user_id": "U0BOT", "is_bot": True,
                                      "is_enterprise_install": False}]


def test_a_direct_message_needs_no_mention(slack: LocalSlack, heard: Heard) -> None:
    slack.say("ana", "hello", channel="ana")
    [message] = of(heard, "message")
    assert (message["channel"], message["channel_type"]) == ("D01", "im")
    assert of(heard, "app_mention") == []


def test_edits_and_deletions_are_told_with_what_was_there_before(slack: LocalSlack, heard: Heard) -> None:
    slack.say("ana", "labels are late")
    [said] = slack.messages()
    slack.edit("ana", said["ts"], "labels are very late")
    slack.delete("ana", said["ts"])
    [changed], [deleted] = of(heard, "message_changed"), of(heard, "message_deleted")
    assert (changed["previous_message"]["text"], changed["message"]["text"]) == (
        "labels are late", "labels are very late")
    assert (deleted["deleted_ts"], deleted["previous_message"]["text"]) == (said["ts"], "labels are very late")
    assert slack.messages() == []


def test_nobody_edits_for_another(slack: LocalSlack) -> None:
    slack.say("ana", "mine")
    with pytest.raises(LookupError, match="is by ana"):
        slack.edit("bo", slack.messages()[0]["ts"], "yours")


def test_reactions_pins_and_the_home_tab_are_events(slack: LocalSlack, client: WebClient, heard: Heard) -> None:
    ts = client.chat_postMessage(channel="C01", text="card")["ts"]
    slack.react("bo", ":pushpin:", ts)
    slack.pin("bo", ts)
    slack.open_home("cy")
    [reacted], [pinned], [opened] = of(heard, "reaction_added"), of(heard, "pin_added"), of(heard, "app_home_opened")
    assert (reacted["reaction"], reacted["item"], reacted["item_user"]) == (
        "pushpin", {"type": "message", "channel": "C01", "ts": ts}, "U0BOT")
    assert (pinned["item"]["message"]["text"], pinned["channel_id"]) == ("card", "C01")
    assert (opened["user"], opened["tab"]) == ("U03", "home")


def test_what_is_taken_away_again_is_told_too(slack: LocalSlack, client: WebClient, heard: Heard) -> None:
    ts = client.chat_postMessage(channel="C01", text="card")["ts"]
    slack.react("bo", "eyes", ts)
    slack.pin("bo", ts)
    slack.unreact("bo", "eyes", ts)
    slack.unpin("cy", ts)
    [reacted], [pinned] = of(heard, "reaction_removed"), of(heard, "pin_removed")
    assert (reacted["user"], reacted["reaction"], reacted["item"]["ts"]) == ("U02", "eyes", ts)
    assert (pinned["user"], pinned["has_pins"], pinned["pinned_info"]["pinned_by"]) == ("U03", False, "U02")


def test_an_app_hears_what_its_manifest_subscribed_to(app: App) -> None:
    given = manifest()
    given["settings"]["event_subscriptions"]["bot_events"] = ["app_mention"]
    given["features"]["shortcuts"] = [{"type": "message", "callback_id": "note", "name": "Note", "description": "x"},
                                      {"type": "global", "callback_id": "ask", "name": "Ask", "description": "x"}]
    with LocalSlack(manifest=given, patience=0.2) as slack:
        assert slack.shortcuts == {"note": "Note"}
        assert slack.commands == ("/mlops",)
        slack.mention("ana", "hello")
        slack.open_home("ana")
        slack.react("ana", "eyes", slack.messages()[0]["ts"])
        assert [each.payload["event"]["type"] for each in slack.wire.retries] == ["app_mention"]


def test_a_question_about_an_answer_has_two_faces(
        slack: LocalSlack, app: App, client: WebClient, connect: Connect) -> None:
    heard = []

    @app.action("helped")
    def helped(ack: Ack, action: dict) -> None:
        ack()
        heard.append((action["type"], action["value"]))

    connect(app)
    faces = {name: {"text": {"type": "plain_text", "text": text}, "value": value} for name, text, value in (
        ("positive_button", "Yes", "good"), ("negative_button", "No", "bad"))}
    asked = [{"type": "context_actions", "elements": [{"type": "feedback_buttons", "action_id": "helped", **faces}]}]
    ts = client.chat_postMessage(channel="C01", text="because of July", blocks=asked)["ts"]
    assert slack.click("ana", ts, "No").ok
    slack.until(lambda: heard)
    assert heard == [("feedback_buttons", "bad")]
    with pytest.raises(LookupError, match="press one of Yes / No"):
        slack.click("ana", ts, "helped")


def test_an_event_without_its_scope_is_not_sent(app: App) -> None:
    with LocalSlack(scopes=["chat:write", "app_mentions:read"], patience=0.2) as slack:
        assert slack.mention("ana", "hello").payload
        assert slack.say("ana", "hello").payload is None
        assert [each["event"]["type"] for each in (retry.payload for retry in slack.wire.retries)] == ["app_mention"]


def test_the_apps_own_messages_come_back_to_it_as_events(
        slack: LocalSlack, client: WebClient, heard: Heard) -> None:
    ts = client.chat_postMessage(channel="C01", text="card")["ts"]
    slack.settle()
    [sent] = [each["payload"]["event"] for each in slack.wire.envelopes]
    assert (sent["type"], sent["bot_id"], sent["ts"]) == ("message", "B0LOCAL", ts)
    assert heard == [], "Bolt acknowledges and drops what the app itself did"


def test_a_late_click_on_an_old_screen_still_reaches_the_app(
        slack: LocalSlack, app: App, client: WebClient, connect: Connect) -> None:
    heard: list[str] = []

    @app.action("ack")
    def acked(ack: Ack, action: dict) -> None:
        ack()
        heard.append(action["value"])

    connect(app)
    ts = client.chat_postMessage(channel="C01", text="AL-7", blocks=CARD)["ts"]
    [screen] = slack.messages()
    client.chat_update(channel="C01", ts=ts, text="acked by bo")
    with pytest.raises(LookupError, match=r"no button 'Ack'; there are: none"):
        slack.click("cy", ts, "Ack")
    assert slack.click("cy", screen, "Ack").ok
    slack.until(lambda: heard == ["AL-7"])


def test_which_button_is_meant_must_be_clear(slack: LocalSlack, client: WebClient) -> None:
    blocks = [{"type": "actions", "block_id": name, "elements": [BUTTON]} for name in ("one", "two")]
    ts = client.chat_postMessage(channel="C01", text="x", blocks=blocks)["ts"]
    with pytest.raises(LookupError, match=r"more than one button 'Ack'; there are: \[Ack\], \[Ack\]"):
        slack.click("bo", ts, "Ack")
    assert slack.click("bo", ts, "Ack", block_id="two").error == "dispatch_failed"
    with pytest.raises(LookupError, match="nobody is called 'zed'"):
        slack.click("zed", ts, "Ack")


def test_whoever_does_not_confirm_sends_nothing(slack: LocalSlack, client: WebClient) -> None:
    sure = {"title": {"type": "plain_text", "text": "Sure?"}, "text": {"type": "plain_text", "text": "It pages bo."},
            "confirm": {"type": "plain_text", "text": "Yes"}, "deny": {"type": "plain_text", "text": "No"}}
    ts = client.chat_postMessage(channel="C01", text="x", blocks=[
        {"type": "actions", "elements": [{**BUTTON, "confirm": sure}]}])["ts"]
    seen = slack.click("bo", ts, "Ack", confirm=False)
    assert (seen.ok, seen.payload) == (True, None)


def test_menus_send_what_was_chosen_and_the_state_of_the_others(
        slack: LocalSlack, app: App, client: WebClient, connect: Connect) -> None:
    heard: list[dict] = []

    @app.action(re.compile(".*"))
    def chosen(ack: Ack, body: dict) -> None:
        ack()
        heard.append(body)

    @app.options("model")
    def models(ack: Ack, payload: dict) -> None:
        known = [each for each in ("flights-delay", "german-credit") if payload["value"] in each]
        ack(options=[{"text": {"type": "plain_text", "text": each}, "value": each} for each in known])

    connect(app)
    options = [{"text": {"type": "plain_text", "text": each}, "value": each.lower()} for each in ("Low", "High")]
    ts = client.chat_postMessage(channel="C01", text="x", blocks=[{"type": "actions", "block_id": "b", "elements": [
        {"type": "static_select", "action_id": "severity", "options": options},
        {"type": "users_select", "action_id": "who"}, {"type": "datepicker", "action_id": "day"},
        {"type": "overflow", "action_id": "more", "options": options},
        {"type": "external_select", "action_id": "model", "min_query_length": 1}]}])["ts"]
    slack.choose("bo", ts, "severity", "High")
    slack.choose("bo", ts, "who", "cy")
    slack.choose("bo", ts, "day", "2013-09-14")
    slack.choose("bo", ts, "more", "low")
    assert slack.choose("bo", ts, "model", "flights-delay").ok, "the app was asked for options"
    with pytest.raises(LookupError, match="no option 'flights'; there are: flights-delay"):
        slack.choose("bo", ts, "model", "flights")
    slack.until(lambda: len(heard) == 5)
    by_action = {each["actions"][0]["action_id"]: each for each in heard}
    assert by_action["severity"]["actions"][0]["selected_option"]["value"] == "high"
    assert by_action["who"]["actions"][0]["selected_user"] == "U03"
    assert by_action["day"]["actions"][0]["selected_date"] == "2013-09-14"
    assert by_action["model"]["actions"][0]["selected_option"]["value"] == "flights-delay"
    assert by_action["more"]["actions"][0]["selected_option"]["value"] == "low"
    assert set(by_action["day"]["state"]["values"]["b"]) == {"severity", "who", "day"}


def test_shortcuts_carry_the_message_they_were_used_on(
        slack: LocalSlack, app: App, client: WebClient, connect: Connect) -> None:
    heard: list[dict] = []

    @app.shortcut("report")
    def report(ack: Ack, body: dict) -> None:
        ack()
        heard.append(body)

    connect(app)
    slack.say("ana", "this looks wrong")
    slack.shortcut("bo", "report")
    slack.shortcut("bo", "report", slack.messages()[0])
    slack.until(lambda: len(heard) == 2)
    plain, on_message = sorted(heard, key=lambda each: each["type"], reverse=True)
    assert (plain["type"], "channel" in plain) == ("shortcut", False)
    assert (on_message["type"], on_message["message"]["text"], on_message["channel"]["id"]) == (
        "message_action", "this looks wrong", "C01")


def test_a_click_opens_a_modal_while_it_is_still_young(
        slack: LocalSlack, app: App, client: WebClient, connect: Connect) -> None:
    @app.action("ack")
    def ask(ack: Ack, body: dict) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    connect(app)
    ts = client.chat_postMessage(channel="C01", text="AL-7", blocks=CARD)["ts"]
    modal = slack.click("bo", ts, "Ack").modal
    assert modal
    assert (modal["id"], slack.modals("cy")) == (slack.modals("bo")[0]["id"], [])


def test_everything_settles(slack: LocalSlack, client: WebClient, heard: Heard) -> None:
    for number in range(5):
        client.chat_postMessage(channel="C01", text=f"{number}")
    slack.settle()
    assert (len(slack.wire.envelopes), slack.wire.busy) == (5, False)
    with pytest.raises(TimeoutError, match="still not so"):
        slack.until(lambda: False, 0.01)
