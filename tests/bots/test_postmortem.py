"""After an incident, in Slack alone: who was there is asked and tells; the lesson shuts the gate until it is passed."""

import json
from typing import Any

import pytest

from bots.nudging import Nudging
from mlops_tui import folds, jobs
from mlops_tui.incidents.answers import asked
from mlops_tui.project import Project
from store.facts import IncidentEvent, Postmortem, Promotion
from tests.bots.desk import Desk
from tests.conftest import Made

# Slack's own client leaves sockets that died to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def bot(desk: Desk) -> Desk:
    """At its door; bo opened an incident, ana noted something, and it is over."""
    desk.listens()
    about = {"title": "late", "severity": "high", "about": "flights-delay"}
    desk.ledger.acting_as("bo (simulated)").append(IncidentEvent(subject="INC-1", event="opened", **about))
    desk.ledger.acting_as("ana (simulated)").append(IncidentEvent(subject="INC-1", event="note", note="seen"))
    desk.ledger.acting_as("bo (simulated)").append(IncidentEvent(subject="INC-1", event="resolved", note="over"))
    return desk


def told(bot: Desk, who: str) -> list[dict[str, Any]]:
    """What somebody was told in private by now."""
    Nudging(bot.session, bot.said.append).round()
    bot.speaks(3)
    return bot.slack.messages(bot.slack.state.direct(who).id)


def test_who_was_there_is_asked_in_private_and_tells_by_a_form(bot: Desk) -> None:
    [question] = told(bot, "U01")
    assert "INC-1 is over: what did you see?" in question["text"]
    assert len(told(bot, "U02")) == 1
    assert told(bot, "U03") == [], "cy was not there"
    form = bot.slack.click("ana", question, "Tell").modal
    assert form
    asked_for = [block for block in form["blocks"] if block["type"] == "input"]
    assert [block["label"]["text"] for block in asked_for] == ["Saw", "Did", "Surprised", "Change"]
    assert all(block["element"].get("multiline") for block in asked_for)
    words = {"Saw": "the AUC fell\nfrom Monday on", "Did": "waited -- a day", "Surprised": "no alert", "Change": "-"}
    assert bot.slack.submit("ana", values=words).ok
    bot.works()
    entries = bot.ledger.entries()
    [fact] = [entry.fact for entry in entries if isinstance(entry.fact, Postmortem)]
    kept = json.loads(bot.session.data().object(fact.document))
    assert (fact.who, kept["who"], kept["saw"], kept["did"]) == ("ana", "ana", words["Saw"], words["Did"])
    history = " ".join(json.dumps(entry.fact.__dict__, default=str) for entry in entries)
    assert not any(word in history for word in ("the AUC fell", "waited", "no alert")), "the history holds no words"
    assert len(told(bot, "U01")) == 1, "nobody asks her again"


def test_who_has_nothing_to_add_says_so_with_one_press(bot: Desk) -> None:
    [question] = told(bot, "U02")
    assert bot.slack.click("bo", question, "Nothing to add").ok
    bot.works()
    found = folds.incidents(bot.ledger.entries("incident"))["INC-1"]
    assert asked(bot.ledger.entries(), found, ("ana", "bo"))["bo"].state == "declined"


def answer(bot: Desk, who: str, line: str) -> str:
    """What is answered to a command, as JSON."""
    assert bot.slack.slash(who, line).ok
    bot.works()
    return json.dumps(bot.slack.ephemerals(who)[-1], ensure_ascii=False)


def test_a_lesson_shuts_the_gate_until_there_is_evidence(bot: Desk, made: Made) -> None:
    path = bot.folder / "models" / "flights-delay.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("no_worse_than_champion, ", ""), encoding="utf-8")
    bot.happens(made.trained("1"), Promotion(subject="flights-delay", version="1", previous="", approval="",
                                             evidence=""), made.trained("2"), made.finding("pass"))
    assert bot.slack.slash("bo", "checklist sign limits-reviewed flights-delay@2").modal
    assert bot.slack.submit("bo", values={"Why?": "read"}).ok
    bot.works()
    assert "would serve" in answer(bot, "ana", "promote flights-delay@2"), "so far the gate is green"
    # the lesson of the incident is an item that nobody adopted yet
    answer(bot, "ana", "postmortem action INC-1 --type checklist --item labels-in --finding health --max-age 1d "
                       "--title “Yesterday of the labels is in”")
    shut = answer(bot, "ana", "promote flights-delay@2")
    assert "The gate is shut" in shut
    assert "lesson P-1" in shut
    # adopted in Slack, it asks for evidence
    answer(bot, "ana", "adopt write P-1")
    plan = bot.slack.ephemerals("ana")[-1]
    assert bot.slack.click("ana", plan["ts"], "Do it").ok
    bot.works()
    bot.until(lambda: not jobs.rows(bot.session).open())
    assert Project(bot.folder).checklists["standard"].items[-1].lesson_of == "INC-1"
    shut = answer(bot, "ana", "promote flights-delay@2")
    assert "labels-in" in shut
    assert "no finding of 'health' yet" in shut
    # evidence that says no keeps it shut, evidence that says yes opens it
    declared = Project(bot.folder).fingerprint("dataset", "flights")
    evidence = {"subject": "flights", "monitor": "", "declaration": declared}
    for status, expected in (("fail", "The gate is shut"), ("pass", "would serve")):
        bot.happens(made.finding(status, "health", **evidence))
        assert expected in answer(bot, "ana", "promote flights-delay@2")
