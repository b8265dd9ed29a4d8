"""Whose vote a board's case waits for is told so, twice; whoever asked hears what came of it."""

from datetime import timedelta

import pytest

from mlops_tui.alerts.convened import convened
from mlops_tui.declarations.boards import Board, Member
from mlops_tui.oversight.boards import rules
from mlops_tui.project import Project
from store.facts import BoardEvent

BOARD = Board({"bo": Member("credit"), "cy": Member("law")}, quorum=2, expires=timedelta(days=8))


@pytest.fixture
def opened(history, project):
    history.add(BoardEvent(subject="BC-1", event="opened", board="credit", about="m@2", rules=rules(BOARD),
                           parts={"version": "a"}, expires_at=(history.now + timedelta(days=8)).isoformat()))
    return history, Project(project)


def told(opened):
    history, project = opened
    return {(each.key, each.to, each.turn) for each in convened(project, history.entries, history.now)}


def test_each_member_who_is_silent_is_asked_twice(opened):
    assert told(opened) == {("board/BC-1", who, turn) for who in ("bo", "cy") for turn in ("", "soon")}
    opened[0].add(BoardEvent(subject="BC-1", event="voted", member="bo", voter="bo", choice="yes"))
    assert {who for _, who, _ in told(opened)} == {"cy"}


def test_a_case_that_was_opened_anew_asks_anew(opened):
    history, _ = opened
    history.add(BoardEvent(subject="BC-1", event="reopened", rules=rules(BOARD), parts={"version": "b"},
                           expires_at=(history.now + timedelta(days=8)).isoformat()))
    assert told(opened) == {("board/BC-1", who, turn) for who in ("bo", "cy") for turn in ("1", "soon1")}


def test_whoever_asked_hears_what_came_of_it_for_a_day(opened):
    history, project = opened
    history.add(BoardEvent(subject="BC-1", event="closed", outcome="rejected", reason="cy has a veto"))
    [nudge] = convened(project, history.entries, history.now)
    assert (nudge.to, nudge.view.title) == ("ana", "BC-1, credit about m@2: rejected: cy has a veto")
    history.now += timedelta(days=1)
    assert told(opened) == set()


def test_time_that_ran_out_is_told_though_nobody_noted_it(opened):
    opened[0].now += timedelta(days=8)
    assert told(opened) == {("board-decided/BC-1", "ana", "no_quorum")}
