"""The gate rule: assessed for this very version, by today's answers, with a board where risk is high."""

from dataclasses import replace

import pytest

from mlops_tui.assurance.impact import impact
from mlops_tui.assurance.requirement import Case
from mlops_tui.declarations.kinds import Label, Model, Split
from mlops_tui.view import Status
from store.facts import Assessed, Finding


def case(history, *gate):
    model = Model("binary", Label("flights", "late"), {}, Split("at"), gate=gate or ("impact",))
    return Case("m", "2", model, "1", None, {"impact m": "today"}, history.now)


def put(history, levels=(1, 1), classes=("minimal", "minimal"), **more):
    history.add(Assessed(subject="m", levels=levels, classes=classes, questions="q", answers="a"),
                Finding(**{"check": "impact", "subject": "m", "status": "pass", "title": "level I", "version": "2",
                           "declaration": "today", **more}))
    return history.entries


def test_never_assessed_is_unknown_and_says_what_to_run(history):
    [found] = impact(case(history), [])
    assert (found.status, found.next) == (Status.UNKNOWN, ("impact", "assess", "m@2"))


def test_low_risk_that_is_assessed_passes(history):
    assert [each.status for each in impact(case(history), put(history))] == [Status.PASS]


@pytest.mark.parametrize(("levels", "classes"), [((3, 3), ("minimal", "minimal")), ((1, 1), ("high", "high")),
                                                 ((1, 4), ("minimal", "minimal")), ((1, 1), ("minimal", "high"))])
def test_high_risk_or_what_may_be_demands_a_board(history, levels, classes):
    entries = put(history, levels, classes)
    found = impact(case(history), entries)
    assert [(each.id, each.status) for each in found] == [("impact", Status.PASS), ("impact board", Status.UNKNOWN)]
    assert [each.id for each in impact(case(history, "impact", "board"), entries)] == ["impact"]


def test_what_is_prohibited_fails_board_or_not(history):
    entries = put(history, (1, 1), ("prohibited", "prohibited"), status="fail")
    found = impact(case(history, "impact", "board"), entries)
    assert [each.status for each in found] == [Status.FAIL, Status.FAIL]


@pytest.mark.parametrize("other", [{"version": "1"}, {"declaration": "yesterday's"}, {"status": "unknown"}])
def test_an_assessment_of_something_else_proves_nothing(history, other):
    assert impact(case(history), put(history, **other))[0].status is Status.UNKNOWN


def test_whatever_is_assessed_nothing_passes_for_a_version_that_was_not(history):
    entries = put(history, (1, 1))
    assert impact(replace(case(history), version="3"), entries)[0].status is Status.UNKNOWN
