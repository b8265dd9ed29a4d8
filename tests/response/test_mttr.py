"""Time to resolve with a runbook and without: by severity, with a test, and unknown where nobody can tell."""

from datetime import timedelta

import pytest

from mlops_tui.view import Status
from store.facts import IncidentEvent, RunbookEvent


@pytest.fixture
def happened(session, clock):
    """Incidents of so many hours, with a runbook or without."""
    opened = session("ana")

    def add(hours, helped, severity="high"):
        for each in hours:
            number = 1 + sum(entry.fact.event == "opened" for entry in opened.ledger.entries("incident"))
            facts = [IncidentEvent(subject=f"INC-{number}", event="opened", title="t", severity=severity)]
            facts += [RunbookEvent(subject=f"RUN-{number}", event="started", runbook="data-drift",
                                   incident=f"INC-{number}")] if helped else []
            opened.ledger.append(*facts)
            clock.advance(clock() + timedelta(hours=each))
            opened.ledger.append(IncidentEvent(subject=f"INC-{number}", event="resolved"))
        return opened

    return add


def mttr(session, *words):
    return session.perform(("runbook", "mttr", *words))


def test_the_difference_is_told_with_its_interval_and_is_no_cause(happened):
    happened([2, 3, 4, 5, 6], True)
    session = happened([9, 10, 11, 12, 13], False)
    outcome = mttr(session)
    [row] = outcome.view.table("severities").rows
    assert outcome.view.title == "high incidents with a runbook were 7.0 h shorter"
    assert (row["with_runbook"], row["without"], row["median_with"], row["median_without"]) == (5, 5, 4, 11)
    assert (row["shift"], row["low"], row["high"], row["method"]) == (-7, -10, -4, "exact")
    assert row["p_value"] == pytest.approx(2 / 252)
    assert "not caused by it" in outcome.view.parts[1].body


def test_grave_and_slight_ones_are_not_mixed(happened):
    happened([2, 3, 4, 5], True, "high")
    session = happened([50, 60, 70, 80], False, "low")
    outcome = mttr(session)
    assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)
    assert [(row["severity"], row["reason"]) for row in outcome.view.table("severities").rows] == [
        ("high", "none without"), ("low", "none with one")]


def test_three_and_three_could_tell_nothing(happened):
    happened([1, 2, 3], True)
    session = happened([7, 8, 9], False)
    view = mttr(session).view
    assert view.title == "Too few incidents to tell: 6 were resolved, 3 of them with a runbook"
    assert view.table("severities").rows[0]["reason"].startswith("so few")


def test_only_the_runbook_that_is_asked_for_counts(happened):
    session = happened([1], True)
    assert mttr(session, "--runbook", "missing-batch").view.table("severities").rows[0]["with_runbook"] == 0
    assert mttr(session, "--runbook", "missing-bacth").error["next"] == "Did you mean 'missing-batch'?"


def test_no_difference_is_no_equality(happened):
    happened([5, 6, 7, 8], True)
    session = happened([5.5, 6.5, 7.5, 5.2], False)
    assert mttr(session).view.title == \
        "Whether high incidents are shorter with a runbook is unknown: no difference was found"


def test_a_runbook_for_one_that_was_merged_was_one_for_what_it_is_now(happened):
    """It is timed as `incident trends` does: from the first alert, and as corrected."""
    session = happened([3], False)
    session.ledger.append(
        IncidentEvent(subject="INC-2", event="opened", title="t", severity="high"),
        IncidentEvent(subject="INC-3", event="opened", title="t", severity="high"),
        RunbookEvent(subject="RUN-3", event="started", runbook="data-drift", incident="INC-3"),
        IncidentEvent(subject="INC-3", event="merged", reference="INC-2"))
    [row] = mttr(session).view.table("severities").rows
    assert (row["with_runbook"], row["without"], row["open_with"], row["open_without"]) == (0, 1, 1, 0)
    session.ledger.append(IncidentEvent(subject="INC-2", event="resolved"))
    [opened] = [entry for entry in session.ledger.entries("incident") if entry.subject == "INC-2"][:1]
    session.ledger.append(IncidentEvent(subject="INC-2", event="corrected", point="detected", note="x",
                                        at=(opened.recorded_at - timedelta(hours=2)).isoformat()))
    [row] = mttr(session).view.table("severities").rows
    assert (row["with_runbook"], row["without"], row["median_with"]) == (1, 1, 2.0)
