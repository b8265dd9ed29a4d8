"""How the newest finding of a check answers for a version."""

from datetime import timedelta

import pytest

from mlops_tui.assurance.requirement import Asked, Case, of_finding
from mlops_tui.declarations.kinds import Label, Model, Split
from mlops_tui.view import Status
from store.facts import Finding

CARD = Asked("card", "a model card of today", max_age=timedelta(days=2), next=("card", "make", "m@2"))


def case(history):
    return Case("m", "2", Model("binary", Label("flights", "late"), {}, Split("at")), "1", None, {"model m": "today"},
                history.now)


def card(**more):
    return Finding(**{"check": "card", "subject": "m", "status": "pass", "title": "complete", "version": "2",
                      "declaration": "today", **more})


@pytest.mark.parametrize(("status", "expected"), [
    ("pass", Status.PASS), ("warn", Status.WARN), ("fail", Status.FAIL), ("unknown", Status.UNKNOWN),
    ("nonsense", Status.UNKNOWN)])
def test_the_newest_finding_of_the_version_answers(history, status, expected):
    history.add(card(status="fail"))
    history.add(card(status=status))
    found = of_finding(case(history), history.entries, CARD)
    assert (found.status, found.detail, found.evidence) == (expected, "complete", "entry 2")
    assert found.next == (() if expected is Status.PASS else CARD.next)


@pytest.mark.parametrize("other", [{"version": "1"}, {"version": ""}, {"subject": "other"}, {"check": "impact"},
                                   {"declaration": "yesterday's"}])
def test_a_finding_about_something_else_proves_nothing(history, other):
    history.add(card(**other))
    found = of_finding(case(history), history.entries, CARD)
    assert (found.status, found.next) == (Status.UNKNOWN, CARD.next)


def test_an_old_finding_is_not_known_any_more(history):
    history.add(card())
    history.now += timedelta(days=2)
    assert of_finding(case(history), history.entries, CARD).status is Status.PASS
    history.now += timedelta(seconds=1)
    found = of_finding(case(history), history.entries, CARD)
    assert (found.status, found.detail) == (Status.UNKNOWN, "older than 2 d")
