"""What can be done at once about what waits."""

import pytest

from mlops_tui.oversight.inbox import at_once
from mlops_tui.view import Action, Row


@pytest.mark.parametrize(("row", "first"), [
    ({"kind": "incident", "id": "INC-3", "lead": None, "runbook": ""}, ("incident", "role", "INC-3", "lead", "me")),
    ({"kind": "incident", "id": "INC-3", "lead": "bo", "runbook": "data-drift"},
     ("runbook", "run", "data-drift", "--incident", "INC-3")),
    ({"kind": "incident", "id": "INC-3", "lead": "bo", "runbook": "RUN-2"}, ("runbook", "resume", "RUN-2")),
    ({"kind": "incident", "id": "INC-3", "lead": "bo", "runbook": ""}, ("incident", "note", "INC-3")),
    ({"kind": "alert", "id": "AL-7", "runbook": "data-drift", "about": ""}, ("alert", "ack", "AL-7")),
    ({"kind": "sign-off", "id": "late@8 limits-reviewed"}, ("checklist", "sign", "limits-reviewed", "late@8"))])
def test_what_comes_first_is_what_it_waits_for(row: Row, first: tuple[str, ...]) -> None:
    assert at_once(row)[0].argv == first


def test_an_alert_with_a_runbook_is_worked_through_after_it_is_taken() -> None:
    row: Row = {"kind": "alert", "id": "AL-7", "runbook": "data-drift", "about": "flights"}
    assert at_once(row) == (Action("I am on it", ("alert", "ack", "AL-7")),
                            Action("Work through data-drift", ("runbook", "run", "data-drift", "--about", "flights")))


def test_what_nobody_has_steps_for_is_only_looked_at() -> None:
    assert at_once({"kind": "board case", "id": "BC-1"}) == ()
