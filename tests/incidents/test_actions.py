"""Promises: which are open, how many were kept by their day."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mlops_tui.folds import action_items
from mlops_tui.incidents.actions import kept, open_actions_of
from store.facts import Postmortem, Proposal

NEW_YORK = ZoneInfo("America/New_York")


def promise(name, due, proposal=""):
    return Postmortem(subject=name.partition("/")[0], event="action", actions=(
        {"id": name, "title": name, "type": "detect", "owner": "bo", "due": due, "proposal": proposal},))


def done(name):
    return Postmortem(subject=name.partition("/")[0], event="done", actions=({"id": name, "note": ""},))


def test_of_those_due_by_now_the_share_that_was_closed_by_its_day(history):
    """History starts on 14 September at 10:00 UTC, and goes on by an hour with every entry."""
    history.add(promise("INC-1/1", "2013-09-14"), done("INC-1/1"))   # in time
    history.add(promise("INC-1/2", "2013-09-15"), promise("INC-1/3", "2013-09-20"))
    history.add(Proposal(subject="P-1", event="proposed"), promise("INC-2/1", "2013-09-16", "P-1"))
    history.now = datetime(2013, 9, 17, 10, tzinfo=UTC)
    history.add(done("INC-1/2"), Proposal(subject="P-1", event="declined", reason="no"))  # both too late
    items, now = action_items(history.entries), datetime(2013, 9, 18, 10, tzinfo=UTC)
    found = kept(items.values(), now, NEW_YORK)
    assert (found.open, found.overdue, found.due, found.in_time) == (1, 0, 3, 1)
    assert found.share_in_time == pytest.approx(1 / 3)
    assert found.median_age == pytest.approx((now - items["INC-1/3"].promised_at) / timedelta(days=1))
    assert [each.id for each in open_actions_of(history.entries, "INC-1")] == ["INC-1/3"]
    assert open_actions_of(history.entries, "INC-2") == [], "a lesson that was declined is closed"


def test_a_day_ends_at_midnight_where_the_project_is(history):
    history.add(promise("INC-1/1", "2013-09-14"))
    late_evening = datetime(2013, 9, 15, 3, 59, tzinfo=UTC)
    assert kept(action_items(history.entries).values(), late_evening, NEW_YORK).overdue == 0
    assert kept(action_items(history.entries).values(), late_evening + timedelta(minutes=1), NEW_YORK).overdue == 1
    history.now = late_evening - timedelta(minutes=30)
    history.add(done("INC-1/1"), after=timedelta(0))
    assert kept(action_items(history.entries).values(), late_evening + timedelta(days=1), NEW_YORK).share_in_time == 1


def test_nothing_promised_is_no_share(history):
    assert kept([], history.now, NEW_YORK).share_in_time is None
    assert kept([], history.now, NEW_YORK).median_age is None
