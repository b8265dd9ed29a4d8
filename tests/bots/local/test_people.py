"""What people do arrives at a real Bolt app as Slack sends it, and what they see is what the app answered."""

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bots.local.workspace import LocalSlack
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
    assert modal and modal["title"]["text"] == "Why?"
    assert slack.submit("ana").errors == {"reason": "Please complete this required field."}
    assert slack.submit("ana", modal["id"], {"Reason": "bad"}).errors == {"reason": "Say more."}
    assert len(slack.modals("ana")) == 1
    assert slack.submit("ana", values={"reason": "labels agree"}).ok
    assert slack.modals("ana") == []
