"""The bot at work in a real Slack protocol: what people ask and press, and what they see."""

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
