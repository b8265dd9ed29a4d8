"""Which messages should stand, what they show, and that Slack takes every one of them whatever the history holds."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from bots import blocks, cards
from bots.board import _story
from bots.cards import Standing
from mlops_tui import asking, folds
from mlops_tui.alerts.alertstate import groups
from mlops_tui.folds import Alert
from mlops_tui.session import Session
from mlops_tui.tui.links import Spot, read, spot
from mlops_tui.view import Status
from store.facts import (
    AlertEvent,
    Approval,
    CardPublished,
    Fact,
    Finding,
    IncidentEvent,
    Postmortem,
    Promotion,
    Proposal,
    RunbookEvent,
    Vote,
)
from tests.bots.accepted import refused
from tests.bots.anyview import MISCHIEF, ODD
from tests.conftest import START, History

MINUTE = timedelta(minutes=1)


def alert(number: int, *, since: int, over: int | None = None, about: str = "flights", **more: Any) -> Alert:
    """One that opened and was last changed so many minutes after the start."""
    state = {"state": "resolved"} if over is not None else {}
    given: dict[str, Any] = {"monitor": f"m{number}", "check": "drift", "severity": "medium", "title": f"t{number}",
                             "runbook": "", "route": "", **state, **more}
    return Alert(id=f"AL-{number}", about=about, opened_at=START + since * MINUTE,
                 updated_at=START + (since if over is None else over) * MINUTE, **given)


def names(*alerts: Alert) -> list[tuple[str, ...]]:
    return [tuple(each.id for each in group.alerts) for group in groups(alerts)]


# -- which belong together ----------------------------------------------------------------------------------------


def test_alerts_about_one_subject_belong_together_as_long_as_one_is_open() -> None:
    other = alert(3, since=6, about="other")
    assert names(alert(1, since=0), alert(2, since=5), other) == [("AL-1", "AL-2"), ("AL-3",)]
    assert names(alert(1, since=0, over=9), alert(2, since=5)) == [("AL-1", "AL-2")], "it was open when 2 fired"
    assert names(alert(1, since=0, over=4), alert(2, since=5)) == [("AL-1",), ("AL-2",)]
    chain = alert(1, since=0, over=4), alert(2, since=3, over=8), alert(3, since=7)
    assert names(*chain) == [("AL-1", "AL-2", "AL-3")]
    assert names(*reversed(chain)) == names(*chain), "in whatever order they are told"


def test_a_group_keeps_its_name_when_it_grows() -> None:
    first = alert(1, since=0, over=9)
    assert [group.name for group in groups([first])] == [group.name for group in groups([first, alert(2, since=5)])]


def test_the_worst_is_what_needs_somebody_before_what_is_grave() -> None:
    def worst(*alerts: Alert) -> str:
        [group] = groups(alerts)
        return group.worst.id

    assert worst(alert(1, since=0, severity="critical", state="acked"), alert(2, since=1, severity="low")) == "AL-2"
    assert worst(alert(1, since=0, severity="low"), alert(2, since=1, severity="high")) == "AL-2"
    assert worst(alert(1, since=0), alert(2, since=1)) == "AL-2", "the newest of equals"
    assert worst(alert(1, since=0, severity="strange"), alert(2, since=1, severity="low")) == "AL-2"


def test_a_group_is_loud_while_one_is_open_that_nobody_silenced() -> None:
    quiet = {"until": (START + timedelta(hours=1)).isoformat()}
    [group] = groups([alert(1, since=0, **quiet), alert(2, since=1, **quiet)])
    assert (group.loud(START), group.loud(START + timedelta(hours=2))) == (False, True)
    [group] = groups([alert(1, since=0, **quiet), alert(2, since=1)])
    assert group.loud(START)
    [group] = groups([alert(1, since=0, over=1)])
    assert not group.loud(START)


def test_what_is_open_or_not_told_to_its_end_concerns_us() -> None:
    standing = Standing({"incident/INC-1": 5, "incident/INC-2": 7}, {"INC-1": 7, "INC-2": 7, "INC-3": 7})
    concerned = [standing.concerns(f"incident/INC-{number}", f"INC-{number}", open=False) for number in (1, 2, 3)]
    assert concerned == [True, False, False], "3 is over, and was never put up"
    assert standing.concerns("incident/INC-3", "INC-3", open=True)


# -- what they show -----------------------------------------------------------------------------------------------


def shown(session: Session, known: dict[str, int] | None = None) -> dict[str, cards.Wanted]:
    return {each.name: each for each in cards.wanted(session, known or {})}


@pytest.mark.parametrize(("severity", "events", "status"), [
    ("critical", (), Status.FAIL), ("low", (), Status.WARN), ("critical", ("acked",), Status.WARN),
    ("critical", ("recovered",), Status.PASS), ("critical", ("recovered", "refired"), Status.FAIL)])
def test_a_card_says_how_it_stands(session: Callable[..., Session], severity: str, events: tuple[str, ...],
                                   status: Status) -> None:
    opened = session()
    opened.ledger.append(AlertEvent(subject="AL-1", event="fired", monitor="m", about="flights-delay", check="drift",
                                    severity=severity, title="moved"),
                         *(AlertEvent(subject="AL-1", event=event) for event in events))
    card = shown(opened)["alert/AL-1"]
    assert card.view.status is status
    assert [seq for seq, _ in card.story] == list(range(1, len(events) + 2))
    link = card.view.facts()["in_a_terminal"]
    assert link == "mlops-tui open flights:AL-1"
    assert spot(read(str(link).split()[2:])) == Spot("incidents", "AL-1"), "the dashboard knows the place"


def test_a_resolved_incident_that_stands_shows_its_end_and_no_steps(session: Callable[..., Session]) -> None:
    opened = session()
    opened.ledger.append(IncidentEvent(subject="INC-1", event="opened", title="late", severity="high", about="x"),
                         IncidentEvent(subject="INC-1", event="resolved", note="mended"))
    assert shown(opened) == {}
    card = shown(opened, {"incident/INC-1": 1})["incident/INC-1"]
    assert card.view.facts()["state"] == "resolved"
    assert ("incident", "resolve", "INC-1") not in [action.argv for action in card.view.actions]
    assert "mended" in card.story[-1][1]
    assert shown(opened, {"incident/INC-1": 2}) == {}


def test_a_card_offers_nobody_what_cannot_be_done_from_a_button(session: Callable[..., Session]) -> None:
    """No vote on what is not there any more, and no reason in a button: a person gives it."""
    opened = session()
    opened.ledger.append(asked("AP-1", START + timedelta(days=1), "promote 1"))
    card = shown(opened)["approval/AP-1"]
    assert [action.argv for action in card.view.actions] == [
        ("promote", "flights-delay@1"), ("approve", "show", "AP-1")]
    assert "is void" in card.view.title


# -- whatever the history holds -----------------------------------------------------------------------------------


def asked(id: str, expires: datetime, title: str) -> Approval:
    return Approval(subject=id, event="asked", argv=("promote", "flights-delay@1"), plan="p", quorum=2, role="approver",
                    requester="ana", expires_at=expires.isoformat(), title=title)


def facts(pick: random.Random, count: int) -> Iterator[Fact]:
    """A history that people, monitors and mischief may have made; what comes first begins something."""
    words = [*MISCHIEF, *ODD, "late", "flights-delay", "漢字 moved", "x" * 3001]

    def word() -> str:
        return pick.choice(words)

    def number() -> int:
        return pick.randint(1, 4)

    begun = set[str]()
    for _ in range(count):
        kind, id = pick.choice(("AL", "INC", "AP", "RUN", "other")), number()
        subject = f"{kind}-{id}"
        if kind != "other" and subject not in begun:
            begun.add(subject)
            yield _beginning(kind, subject, pick, word)
            continue
        match kind:
            case "AL":
                event = pick.choice(("refired", "acked", "recovered", "resolved", "silenced", "assigned"))
                until = {"until": (START + timedelta(hours=pick.randint(-5, 50))).isoformat()}
                yield AlertEvent(subject=subject, event=event, note=word(), who=word(), title=word(),
                                 real=pick.choice((True, False, None)), **(until if event == "silenced" else {}))
            case "INC":
                event = pick.choice(("note", "severity", "role", "linked", "resolved", "reopened"))
                yield IncidentEvent(subject=subject, event=event, note=word(), severity=pick.choice(
                    ("low", "critical", "odd")), role=word(), who=word(), alert=f"AL-{number()}", reference=word())
            case "AP":
                yield pick.choice((Vote(subject=subject, voter=word(), choice=pick.choice(("yes", "no")), plan="p",
                                        reason=word()),
                                   Approval(subject=subject, event=pick.choice(("met", "void", "rejected", "done")),
                                            reason=word())))
            case "RUN":
                yield RunbookEvent(subject=subject, event="step", step=number(), status=pick.choice(
                    ("intent", "pass", "fail", "done")), evidence=word(), note=word())
            case _:
                yield pick.choice((
                    Promotion(subject="flights-delay", version=str(id), previous="", approval="AP-1", evidence=""),
                    Postmortem(subject=f"INC-{id}", event="drafted", document="d"),
                    Proposal(subject=f"P-{id}", event="proposed", path="monitors/x.yaml", content=word(), why=word()),
                    Finding(subject="flights-delay", check="drift", status=pick.choice(("pass", "fail", "unknown")),
                            title=word(), monitor="flights-drift", value=pick.choice((None, 0.1, 1e300)), limit=0.1)))


def _beginning(kind: str, subject: str, pick: random.Random, word: Callable[[], str]) -> Fact:
    severity = pick.choice(("critical", "high", "medium", "low", "odd"))
    match kind:
        case "AL":
            return AlertEvent(subject=subject, event="fired", monitor=pick.choice(("flights-drift", "m2")),
                              about=pick.choice(("flights-delay", word())), check="drift", severity=severity,
                              title=word(), runbook=pick.choice(("data-drift", "", word())), route=word())
        case "INC":
            return IncidentEvent(subject=subject, event="opened", title=word(), severity=severity, about=word(),
                                 alert=pick.choice(("", "AL-1")))
        case "AP":
            return asked(subject, START + timedelta(hours=pick.randint(-2, 30)), word())
    return RunbookEvent(subject=subject, event="started", runbook=word(), incident="INC-1", about=word())


LOOKS = (("status",), ("alert", "list", "--all"), ("incident", "list", "--all"), ("approve", "list", "--all"),
         ("digest",), ("audit", "log"), ("adopt", "list"), ("incident", "show", "INC-1"), ("alert", "show", "AL-1"))


@pytest.mark.parametrize("seed", range(12))
def test_slack_takes_every_card_story_and_answer_of_any_history(session: Callable[..., Session], seed: int) -> None:
    opened, pick = session(), random.Random(seed)
    zone, seen = opened.declared().zone, 0
    for _ in range(3):
        opened.ledger.append(*facts(pick, 12))
        known = dict.fromkeys((f"{kind}/{id}-{number}" for number in range(5) for kind, id in (
            ("alert", "AL"), ("incident", "INC"), ("approval", "AP"))), 0)
        for each in cards.wanted(opened, known):
            message = blocks.message(each.view, zone=zone, command=("status",), charts=pick.random() < 0.5)
            assert refused("message", message) == [], each.name
            story = _story([text for _, text in each.story])
            assert refused("message", story) == [], each.name
            assert "<!" not in story["text"] + str(message["text"])
            assert story["text"].strip()
            seen += 1
        for argv in LOOKS:
            reply = asking.ask(opened, argv)
            assert isinstance(reply, asking.Answer)
            assert refused("message", blocks.message(reply.view, zone=zone, command=argv, rows=99)) == [], argv
    assert seen > 3, "there was something to see"


def test_what_should_stand_is_the_same_whoever_looks(session: Callable[..., Session]) -> None:
    opened = session()
    opened.ledger.append(*facts(random.Random(1), 30))
    assert cards.wanted(opened, {}) == cards.wanted(session("vera"), {}) == cards.wanted(session("bo"), {})


def test_the_order_of_what_happened_elsewhere_does_not_matter(history: History) -> None:
    fired = [AlertEvent(subject=f"AL-{number}", event="fired", monitor="m", about=about, severity="high", title="x")
             for number, about in ((1, "a"), (2, "b"), (3, "a"))]
    found = groups(folds.alerts(history.add(*fired)).values())
    assert [tuple(each.id for each in group.alerts) for group in found] == [("AL-1", "AL-3"), ("AL-2",)]


def test_a_storm_of_five_hundred_alerts_in_one_group_is_one_card(session: Callable[..., Session]) -> None:
    opened = session()
    opened.ledger.append(*(AlertEvent(subject=f"AL-{number}", event="fired", monitor=f"m{number}", title="x",
                                      about="flights-delay", severity="critical" if number == 77 else "high")
                           for number in range(1, 501)))
    [card] = cards.wanted(opened, {})
    assert (card.name, len(card.story)) == ("alert/AL-1", 500)
    assert card.view.title == "AL-77: x", "the gravest one is shown"
    assert card.view.table("others").total == 499
    assert card.view.facts()["severity"] == "critical"


def test_a_status_update_is_told_to_the_channel_and_stands_on_the_card(session: Callable[..., Session]) -> None:
    opened = session("bo")
    for line in (("open", "--title", "late"), ("update", "INC-1", "we look", "--next", "30m"),
                 ("note", "INC-1", "only for the thread")):
        assert opened.perform(("incident", *line)).exit == 0
    card = shown(opened)["incident/INC-1"]
    assert card.view.facts()["update"] == "we look (bo (simulated))"
    assert [text for seq, text in card.story if seq in card.loud] == [
        "bo (simulated): update: we look (the next one by 2013-09-14 06:30 EDT)"]


def test_the_card_of_a_merged_incident_says_where_it_went_and_is_told_to_its_end(
        session: Callable[..., Session]) -> None:
    opened = session()
    opened.ledger.append(*(IncidentEvent(subject=f"INC-{number}", event="opened", title="late", severity="high")
                           for number in (1, 2)), IncidentEvent(subject="INC-2", event="merged", reference="INC-1"))
    card = shown(opened, {"incident/INC-2": 2})["incident/INC-2"]
    assert card.view.facts()["merged_into"] == "INC-1"
    assert card.story[-1] == (3, "ana (simulated): merged into INC-1")
    assert "incident/INC-2" not in shown(opened, {"incident/INC-2": 3})
    assert (3, "ana (simulated): INC-2 merged into INC-1") in shown(opened)["incident/INC-1"].story


# -- model cards ----------------------------------------------------------------------------------------------------


def test_a_published_card_is_told_for_a_day_and_its_thread_has_those_before(session: Callable[..., Session]) -> None:
    opened = session()
    published = CardPublished(subject="flights-delay", version="1", digest="d" * 64, card="c", gaps=("licence",))
    opened.ledger.append(published)
    opened.ledger.append(CardPublished(subject="flights-delay", version="2", digest="e" * 64, card="c"))
    [card] = cards.wanted(opened, {})
    assert (card.name, card.view.status) == ("card/flights-delay", Status.PASS)
    assert [text for _, text in card.story] == [
        "ana (simulated): publishes the card of version 1, 1 thing unknown",
        "ana (simulated): publishes the card of version 2, 0 things unknown"]
    assert card.view.actions[0].argv == ("card", "show", "flights-delay@2")
    message = blocks.message(card.view, zone=opened.declared().zone, command=("card", "show", "flights-delay"))
    assert refused("message", message) == []
    opened.clock.advance(START + timedelta(days=1, minutes=1))  # type: ignore[attr-defined]
    assert cards.wanted(opened, {}) == []
