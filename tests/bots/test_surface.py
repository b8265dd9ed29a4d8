"""The bot at work in a real Slack protocol: what people ask and press, and what they see."""

import socket
from pathlib import Path

from slack_sdk import WebClient

from bots.board import PACE
from bots.local.state import Channel
from bots.sender import Sender
from bots.surface import Service, Settings
from mlops_tui import jobs
from store.facts import IncidentEvent, Proposal
from store.queues import Inbox
from tests.bots.conftest import Office
from tests.conftest import FILES


def test_a_look_is_acknowledged_at_once_and_answered_to_its_caller_alone(office: Office) -> None:
    office.begin()
    seen = office.slack.slash("vera", "status")
    assert (seen.ok, seen.text) == (True, "◌ `/mlops status`")
    office.until(lambda: "Models" in str(office.slack.ephemerals("vera")))
    assert len(office.slack.ephemerals("vera")) == 2
    assert office.slack.ephemerals("ana") == []
    assert office.slack.messages() == []


def test_an_alert_is_a_card_that_is_acked_in_place(office: Office) -> None:
    office.begin()
    office.fires()
    office.until(lambda: len(office.cards) == 1)
    [card] = office.cards
    assert "roc_auc 0.70" in str(card)
    assert office.slack.click("bo", card["ts"], "I am on it").ok
    office.until(lambda: office.events("alert") == ["fired", "acked"])
    office.until(lambda: "acked" in str(office.cards[0]["blocks"]))
    assert office.ledger.entries("alert")[-1].actor == "bo (simulated)"
    assert len(office.cards) == 1
    office.until(lambda: "bo (simulated): AL-1 acked" in office.slack.text())


def test_a_judgement_is_asked_for_its_reason_in_a_form(office: Office) -> None:
    office.begin()
    office.happens(IncidentEvent(subject="INC-1", event="opened", title="late labels", severity="high",
                                 about="flights-delay"))
    office.until(lambda: len(office.cards) == 1)
    seen = office.slack.slash("bo", "incident resolve INC-1")
    assert seen.modal
    assert office.slack.submit("bo", values={"reason": "the feed is back"}).ok
    office.until(lambda: office.events("incident") == ["opened", "resolved"])
    assert office.ledger.entries("incident")[-1].fact.note == "the feed is back"  # type: ignore[attr-defined]
    office.until(lambda: "resolved" in str(office.cards[0]["blocks"]))


def test_a_second_delivery_of_the_same_press_has_no_second_effect(office: Office) -> None:
    office.begin()
    office.fires()
    office.until(lambda: len(office.cards) == 1)
    office.slack.faults.duplicate("interactive")
    office.slack.click("bo", office.cards[0]["ts"], "I am on it")
    office.until(lambda: office.events("alert") == ["fired", "acked"])
    office.until(lambda: not Inbox(office.ledger.engine).waiting())
    assert [entry.fact.phase for entry in office.ledger.entries("command")] == ["attempt", "outcome"]  # type: ignore[attr-defined]


def test_who_may_not_is_told_so_alone_and_it_is_recorded(office: Office) -> None:
    office.begin()
    office.fires()
    office.until(lambda: len(office.cards) == 1)
    office.slack.click("vera", office.cards[0]["ts"], "I am on it")
    office.until(lambda: "may not run 'alert ack'" in str(office.slack.ephemerals("vera")))
    [entry] = office.ledger.entries("command")
    assert (entry.actor, entry.fact.phase, entry.fact.status) == ("vera (simulated)", "refused", "denied")  # type: ignore[attr-defined]
    assert office.events("alert") == ["fired"]


def test_somebody_unknown_sees_nothing_and_is_recorded(office: Office) -> None:
    office.begin()
    office.slack.slash("eve", "status")
    office.until(lambda: "not in this project's team.yaml" in str(office.slack.ephemerals("eve")))
    [entry] = office.ledger.entries("command")
    assert (entry.fact.status, entry.fact.error) == ("denied", "unknown_person")  # type: ignore[attr-defined]
    assert "Models" not in str(office.slack.ephemerals("eve"))


def test_long_work_becomes_a_job_whose_answer_comes_by_itself(office: Office) -> None:
    office.begin()
    office.slack.slash("bo", "health flights")
    office.until(lambda: "job 1 has begun" in str(office.slack.ephemerals("bo")))
    office.until(lambda: len(office.cards) == 1, 30)
    assert "<@U02>" in office.cards[0]["text"]
    assert [job.status for job in jobs.rows(office.session).newest()] != ["lost"]


def test_a_storm_of_a_hundred_alerts_about_one_model_is_a_few_calls(office: Office) -> None:
    office.begin(pace=PACE)
    office.fires()
    office.until(lambda: len(office.cards) == 1)  # what came before it stands is what it shows, and no story
    for number in range(2, 101):
        office.fires(f"AL-{number}", monitor=f"m{number}", title=f"column {number} moved")
    office.until(lambda: "AL-100 fired" in office.slack.text(), 20)
    said = [each for each in office.slack.calls if each.method.startswith("chat.")]
    assert len(said) <= 15
    assert len(office.cards) == 1


def test_a_mistake_in_the_project_does_not_silence_the_answers(office: Office, project: Path) -> None:
    settings = FILES["mlops.yaml"] + 'slack: {channel: "#ml-flights", digest: "at eight"}\n'
    (project / "mlops.yaml").write_text(settings, encoding="utf-8")
    office.begin()
    office.until(lambda: any("at eight" in line for line in office.said))
    assert office.slack.slash("vera", "status").ok
    office.until(lambda: "Models" in str(office.slack.ephemerals("vera")))


def test_a_plan_of_ones_own_is_agreed_to_once_however_often_one_clicks(office: Office) -> None:
    office.begin()
    office.happens(Proposal(subject="P-1", event="proposed", path="runbooks/x.md", content="x", why="because"))
    office.slack.slash("ana", "adopt P-1")
    office.until(lambda: len(office.slack.ephemerals("ana")) == 2)
    plan = office.slack.ephemerals("ana")[-1]
    label = next(each["text"]["text"] for block in plan["blocks"] if block["type"] == "actions"
                 for each in block["elements"] if each["action_id"] != "cancel")
    for _ in range(2):
        assert office.slack.click("ana", plan, label).ok
    office.until(lambda: not Inbox(office.ledger.engine).waiting())
    assert [job.argv for job in jobs.rows(office.session).newest()] == [("adopt", "P-1")]
    office.until(lambda: not jobs.running(office.session) and not any(jobs.alive(job) for job in
                                                                      jobs.rows(office.session).newest()), 30)


def test_what_cannot_be_read_in_a_form_is_said_in_the_form(office: Office) -> None:
    office.begin()
    assert office.slack.slash("bo", "job start").modal
    seen = office.slack.submit("bo", values={"p:words": 'drift "flights'})
    assert "never closed" in str(seen.errors)


def test_a_stranger_who_looks_in_is_told_and_leaves_no_trace(office: Office) -> None:
    office.begin()
    office.slack.open_home("eve")
    office.until(lambda: "team.yaml" in str(office.slack.home("eve")))
    assert office.ledger.entries("command") == []


def test_a_token_that_slack_refuses_is_said(office: Office) -> None:
    settings = Settings(office.slack.bot_token, "xapp-wrong", "", office.slack.url)
    service = Service(office.session, settings, "#ml-flights", office.said.append)
    office.services.append(service)
    service.start()
    office.until(lambda: any("not connected" in line for line in office.said))
    assert "xapp-wrong" not in str(office.said)


def test_a_port_that_is_taken_is_said_and_tried_again(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(office.slack.bot_token, "", "secret", office.slack.url, port)
        service = Service(office.session, settings, "#ml-flights", office.said.append)
        office.services.append(service)
        service.start()
        office.until(lambda: any("OSError" in line for line in office.said))
    office.until(lambda: "listening" in office.said[-1])
    assert office.said[-1] == f"Slack: listening on 127.0.0.1:{port}/slack/events"


def test_what_slack_did_not_take_is_not_overtaken_in_its_channel(office: Office) -> None:
    now = [1000.0]
    client = WebClient(office.slack.bot_token, office.slack.url, retry_handlers=[])
    sender = Sender(client, office.ledger, office.said.append, clock=lambda: now[0])
    for text in ("one", "two", "three"):
        sender.outbox.put(text, "chat.postMessage", "C01", {"text": text})
    office.slack.faults.error("chat.postMessage", "service_unavailable", times=3)
    for _ in range(200):
        sender.round()
        now[0] += 0.1
    assert [each["text"] for each in office.slack.messages()] == ["one", "two", "three"]


def test_what_a_job_found_is_no_business_of_a_channel_that_is_not_ours(office: Office) -> None:
    office.slack.state.channels["C77"] = Channel("C77", "elsewhere", members={"U02"})
    office.begin()
    office.slack.slash("bo", "health flights", channel="C77")
    office.until(lambda: "job 1 has begun" in str(office.slack.ephemerals("bo")))
    office.until(lambda: office.slack.called("chat.postMessage"), 30)
    [said] = office.slack.called("chat.postMessage")
    assert said.payload["channel"] == "U02"
    assert office.cards == []


def test_a_bot_that_is_invited_late_says_what_waited(office: Office) -> None:
    office.slack.faults.error("chat.postMessage", "not_in_channel", times=1)
    service = office.begin()
    office.fires()
    office.until(lambda: office.slack.called("chat.postMessage"))
    office.until(lambda: service.sender.outbox.counts() == {"new": 1})
    assert "not_in_channel" in service.sender.outbox.one("card/alert/AL-1").error


def test_a_note_about_severity_wakes_nobody_and_a_change_of_it_does(office: Office) -> None:
    office.begin()
    office.happens(IncidentEvent(subject="INC-1", event="opened", title="late", severity="low", about="flights"))
    office.until(lambda: office.cards)
    office.happens(IncidentEvent(subject="INC-1", event="note", note="severity high, said somebody"))
    office.until(lambda: "said somebody" in office.slack.text())
    office.happens(IncidentEvent(subject="INC-1", event="severity", severity="critical"))
    office.until(lambda: len(office.slack.called("chat.postMessage")) == 3)
    loud = [call.payload.get("reply_broadcast") for call in office.slack.called("chat.postMessage")]
    assert loud == [None, None, True]
