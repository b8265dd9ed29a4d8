"""How a rule has done, counted by hand beside."""

from dataclasses import replace
from datetime import timedelta

from mlops_tui import folds
from mlops_tui.alerts.alertrecord import missed, record
from store.facts import IncidentEvent
from tests.alerts.test_notifying import ALERT
from tests.conftest import START

HOUR = timedelta(hours=1)


def test_a_rule_is_right_as_often_as_people_said():
    mine = [replace(ALERT, real=real) for real in (True, True, False, None)]
    found = record(mine, START - timedelta(days=60), START)
    assert (found.real, found.noise, found.judged, found.said) == (2, 1, 3, "right 2 of 3 times")
    assert (found.alerts, found.fired, found.a_month) == (4, 4, 2.0)


def test_times_are_medians_with_how_many():
    mine = [replace(ALERT, acked_at=START + hours * HOUR, ended_at=START + 10 * HOUR) for hours in (1, 2, 9)]
    found = record([*mine, ALERT], START, START)
    assert (found.to_ack.seconds, found.to_ack.n) == (7200, 3)
    assert (found.to_end.seconds, found.to_end.n) == (36000, 3)


def test_what_never_fired_is_told_nothing_of():
    found = record([], None, START)
    assert (found.said, found.a_month, found.to_ack.seconds) == ("", None, None)


def test_no_rate_is_told_of_a_few_days():
    assert record([ALERT], START - timedelta(days=6), START).a_month is None
    assert record([ALERT], START - timedelta(days=15), START).a_month == 2.0


def test_an_incident_opened_by_hand_was_missed_by_the_rules_about_the_same(history):
    history.add(IncidentEvent(subject="INC-1", event="opened", about="flights-delay@2", title="odd"),
                IncidentEvent(subject="INC-2", event="opened", about="flights-delay", alert="AL-1"),
                IncidentEvent(subject="INC-1", event="linked", alert="AL-2"),
                IncidentEvent(subject="INC-3", event="opened", about="other", title="odd"),
                IncidentEvent(subject="INC-4", event="opened", about="flights-delay", title="seen by hand too"),
                IncidentEvent(subject="INC-4", event="merged", reference="INC-2"))
    assert missed(folds.incidents(history.entries).values(), "flights-delay") == ("INC-1",)
