"""Where rows lead, which letters do what, and what a person must still say."""

import pytest

from mlops_tui.tui.places import RESERVED, blank, leads, letters
from mlops_tui.view import Action, Row


@pytest.mark.parametrize(("row", "argv"), [
    ({"alert": "AL-3", "title": "x"}, ("alert", "show", "AL-3")), ({"run": "RUN-1"}, ("runbook", "show", "RUN-1")),
    ({"argv": ("job", "log", "3"), "alert": "AL-3"}, ("job", "log", "3")), ({"run": "daily-3"}, ()),
    ({"title": "AL-3"}, ()), ({"subject": "INC-2", "alert": None}, ("incident", "show", "INC-2"))])
def test_a_row_leads_where_its_id_does(row: Row, argv: tuple[str, ...]) -> None:
    assert leads(row) == argv


def test_each_action_has_a_letter_of_its_own_that_does_nothing_else() -> None:
    actions = [Action("I am on it", ("alert", "ack", "AL-1")), Action("Its incident", ("incident", "show", "INC-1")),
               Action("Look now", ("drift", "x", "--monitor", "m")), Action("Also", ("alert", "assign", "AL-1", "bo"))]
    found = letters(actions)
    assert found[:3] == ["a", "s", "d"]
    assert len(set(found)) == len(found)
    assert not set(found) & RESERVED


def test_where_letters_run_out_the_rest_has_none() -> None:
    found = letters([Action(f"Do {number}", ("do", str(number))) for number in range(40)])
    assert found[-1] == ""
    assert len({letter for letter in found if letter}) == 26 - len(RESERVED)


@pytest.mark.parametrize(("argv", "left", "option"), [
    (("approve", "AP-1", "--reason", "why"), ("approve", "AP-1"), "--reason"),
    (("runbook", "step", "RUN-1", "2", "--note", "why"), ("runbook", "step", "RUN-1", "2"), "--note"),
    (("approve", "AP-1", "--no", "--reason", "why"), ("approve", "AP-1", "--no"), "--reason"),
    (("approve", "AP-1", "--reason", "rain"), ("approve", "AP-1", "--reason", "rain"), ""),
    (("why", "flights-delay"), ("why", "flights-delay"), ""), (("x", "--note"), ("x", "--note"), "")])
def test_a_word_to_be_filled_in_is_asked_for(argv: tuple[str, ...], left: tuple[str, ...], option: str) -> None:
    assert blank(argv) == (left, option)
