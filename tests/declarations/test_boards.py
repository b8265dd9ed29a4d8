"""Boards and guidelines as they are declared; what could never decide anything is refused with its line."""

import pytest

from mlops_tui.declarations.boards import Board, Guidelines
from mlops_tui.declarations.declare import read
from mlops_tui.errors import Unreadable

BOARD = "members:\n  ana: {seat: credit}\n  bo: {seat: law, role: legal}\n"


def board(tmp_path, text):
    path = tmp_path / "credit.yaml"
    path.write_text(text)
    return read(Board, path)


def test_a_board_has_its_usual_rules(tmp_path):
    found = board(tmp_path, BOARD)
    assert (found.needed(2), found.majority, found.seats) == (1, "simple", ("credit", "law"))
    assert board(tmp_path, BOARD + "quorum: 60%\n").needed(2) == 2


@pytest.mark.parametrize(("more", "what", "line"), [
    ("quorum: 3", "A quorum of 3 cannot be had of 2 members", 4), ("quorum: 0", "A quorum of 0 cannot be had", 4),
    ("quorum: half", "not 'half'", 4), ("quorum: 120%", "not '120%'", 4), ("quorum: 1/0", "not '1/0'", 4),
    ("majority: most", "'majority' is 'most'", 4), ("required: [privacy]", "Nobody has the seat 'privacy'", 4),
    ("veto: [lwa]", "Nobody has the seat 'lwa'", 4), ("expires: 0s", "Votes need some time", 4),
    ("  cy: {seat: x, delegate: ana}", "ana has a vote already", 4),
    ("  cy: {seat: x, role: boss}", "No role 'boss'", 4),
    ("qorum: 2", "Unknown key 'qorum'", 4)])
def test_what_could_never_decide_is_refused_with_its_line(tmp_path, more, what, line):
    with pytest.raises(Unreadable, match=what) as problem:
        board(tmp_path, BOARD + more + "\n")
    assert problem.value.where.endswith(f"credit.yaml:{line}")


@pytest.mark.parametrize(("text", "what"), [
    ("version: '1'", "Guidelines ask something"), ("questions: [{id: a, text: b}]", "'version' is missing"),
    ("version: '1'\nquestions: [{id: a, text: b}, {id: a, text: c}]", "is there twice"),
    ("version: '1'\nquestions: [{id: 'a=b', text: c}]", "no name of a question")])
def test_guidelines_that_ask_nothing_are_none(tmp_path, text, what):
    path = tmp_path / "lending.yaml"
    path.write_text(text)
    with pytest.raises(Unreadable, match=what):
        read(Guidelines, path)
