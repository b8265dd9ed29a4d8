"""A questionnaire's file is held against itself."""

import pytest

from mlops_tui.assurance.questions import Questionnaire
from mlops_tui.declarations import declare
from mlops_tui.errors import Unreadable

GOOD = """\
id: own
version: "1"
maxima: {risk: 3, mitigation: 0}
questions:
  - {id: a, ask: "A?", choices: {yes: 3, no: 0}}
"""


def test_an_own_questionnaire_reads() -> None:
    found = declare.parse(Questionnaire, GOOD, "own.yaml")
    assert (found.name, found.most("risk"), found.questions[0].choices) == ("own 1", 3, {"yes": 3, "no": 0})


@pytest.mark.parametrize(("change", "line", "words"), [
    (("risk: 3", "risk: 4"), 3, "add up to 3 and 0, not to 4 and 0"),
    (("no: 0", "no: -1"), 5, "weigh 0 or more"),
    (("{yes: 3, no: 0}", "{}"), 5, "has choices"),
    (("}}\n", "}}\n  - {id: a, ask: again, choices: {yes: 0}}\n"), 6, "there twice"),
    (("}}\n", "}}\n  - {id: b, ask: B, choices: {yes: 0}, when: {aa: yes}}\n"), 6, "No question 'aa'"),
    (("}}\n", "}}\n  - {id: b, ask: B, choices: {yes: 0}, when: {a: yess}}\n"), 6, "cannot be 'yess'"),
    (("}}\n", "}}\ncontradictions:\n  - {all: {a: maybe}, why: x}\n"), 7, "cannot be 'maybe'"),
    (("id: own", "id: own\nedges: [50, 25, 75]"), 2, "that grow"),
    (("ask: \"A?\"", "aks: \"A?\""), 5, "aks")])
def test_a_slip_in_it_is_named_with_its_line(change: tuple[str, str], line: int, words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        declare.parse(Questionnaire, GOOD.replace(*change), "own.yaml")
    assert (words in str(caught.value), caught.value.where) == (True, f"own.yaml:{line}"), str(caught.value)
