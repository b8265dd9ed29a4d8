"""The bot at work in a real Slack protocol: what people ask and press, and what they see."""

from bots.board import PACE
from mlops_tui import jobs
from store.facts import IncidentEvent
from store.queues import Inbox
from tests.bots.conftest import Office


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
    office.fires("AL-1", monitor="m1")
    office.until(lambda: office.cards)
    for number in range(2, 101):
        office.fires(f"AL-{number}", monitor=f"m{number}", title=f"column {number} moved")
    office.until(lambda: "AL-100 fired" in office.slack.text(), 20)
    said = [each for each in office.slack.calls if each.method.startswith("chat.")]
    assert len(said) <= 15
    assert len(office.cards) == 1
