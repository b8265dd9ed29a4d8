"""Who was there, and what came of asking each of them."""

from mlops_tui.folds import incidents
from mlops_tui.incidents.answers import asked, participants
from store.facts import AlertEvent, IncidentEvent, Postmortem, Promotion, RunbookEvent, Vote

PEOPLE = ("ana", "bo", "cy", "dee", "vera")


def told(history):
    """Bo opened it on an alert, dee acked, ana leads and ran the runbook, cy voted on what ended it; vera was away."""
    add = history.add
    add(AlertEvent(subject="AL-1", event="fired", about="m"), actor="timetable")
    add(AlertEvent(subject="AL-1", event="acked", who="dee"), actor="dee (simulated)")
    add(IncidentEvent(subject="INC-1", event="opened", about="m", title="t", alert="AL-1"), actor="bo (simulated)")
    add(IncidentEvent(subject="INC-1", event="role", role="lead", who="ana"), actor="bo (simulated)")
    add(RunbookEvent(subject="RUN-1", event="started", runbook="r", incident="INC-1"), actor="ana")
    add(Vote(subject="AP-9", voter="vera", choice="yes", plan="p", reason="of something else"), actor="vera")
    add(Vote(subject="AP-1", voter="cy", choice="yes", plan="p", reason="yes"), actor="cy")
    add(Promotion(subject="m", version="2", previous="1", approval="AP-1", evidence=""), actor="ana")
    add(IncidentEvent(subject="INC-1", event="resolved", note="over"), actor="bo (simulated)")
    return incidents(history.entries)["INC-1"]


def test_everybody_who_had_a_part_took_part_and_nobody_else(history):
    incident = told(history)
    assert participants(history.entries, incident, PEOPLE) == {
        "dee": ("acked AL-1",), "bo": ("opened it", "resolved it"), "ana": ("lead", "ran RUN-1"),
        "cy": ("voted on AP-1",)}


def test_the_newest_answer_of_each_counts(history):
    incident = told(history)
    for event, document, who in (("told", "d1", "bo"), ("told", "d2", "bo"), ("declined", "", "cy"),
                                 ("told", "d3", "vera")):
        history.add(Postmortem(subject="INC-1", event=event, document=document, who=who))
    found = asked(history.entries, incident, PEOPLE)
    assert {who: (each.state, each.document) for who, each in found.items()} == {
        "dee": ("waiting", ""), "bo": ("told", "d2"), "ana": ("waiting", ""), "cy": ("declined", ""),
        "vera": ("told", "d3")}
    assert found["vera"].part == ("was not asked",)
    history.add(Postmortem(subject="INC-1", event="told", document="d4", who="cy"))
    assert asked(history.entries, incident, PEOPLE)["cy"].state == "told", "who declined may still speak"
