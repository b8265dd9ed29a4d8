"""Where rows lead, which letters do what, and what a person must still say."""

import pytest

from mlops_tui.tui.places import RESERVED, leads, letters, question, step
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
    assert found[:3] == ["a", "i", "d"]
    assert len(set(found)) == len(found)
    assert not set(found) & RESERVED


def test_where_letters_run_out_the_rest_has_none() -> None:
    found = letters([Action(f"Do {number}", ("do", str(number))) for number in range(40)])
    assert found[-1] == ""
    assert len({letter for letter in found if letter}) == 26 - len(RESERVED)


def test_what_only_a_person_can_say_is_asked_for_in_words() -> None:
    assert question("reason").startswith("Why?")
    assert question("real-cause") == "Real cause?"


def test_a_step_keeps_its_letter_while_others_come_and_go() -> None:
    ack, quiet = Action("I am on it", ("alert", "ack", "AL-1")), Action("Ask for quiet", ("alert", "ask", "AL-1"))
    before = letters([ack])
    kept = {step(ack): before[0]}
    assert letters([quiet, ack], kept)[1] == before[0]
    assert letters([quiet], kept) != before, "the letter of a step that has gone does nothing for a while"
    assert letters([Action("I am on it", ("alert", "ack", "AL-2"))], kept) == before, "of another row it is the same"
    assert letters([ack], reserved={*RESERVED, "a"}) != ["a"]
