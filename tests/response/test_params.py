"""What a runbook asks for: typed, within its ends, from the incident where that knows it."""

import pytest

from mlops_tui.errors import BadInput
from mlops_tui.response import _params
from mlops_tui.response._params import Param


def read(**given):
    wrong = []
    found = _params.declared(given, lambda key, what, better: wrong.append((what, better)))
    return found, wrong


@pytest.mark.parametrize(("param", "right", "wrong"), [
    (Param("n", "number", None, "0", "5"), ["0", "2.5", "5"], ["-1", "6", "many", "nan", "inf", ""]),
    (Param("d", "duration", None, "1h", "14d"), ["1h", "24h", "2w"], ["30m", "15d", "soon", "5"]),
    (Param("c", "choice", of=("low", "high")), ["low"], ["medium", "LOW", ""]),
    (Param("t", "text"), ["it's (all) the feed; $HOME", "ü"], ["--yes", "", "a\nb", "x" * 301]),
    (Param("m", "model"), ["flights-delay", "flights-delay@6"], ["--all", "a;b", "$(x)"]),
])
def test_a_value_is_of_its_type_and_lies_between_its_ends(param, right, wrong):
    for value in right:
        assert _params.checked(param, value) == value.strip()
    for value in wrong:
        with pytest.raises(BadInput):
            _params.checked(param, value)


def test_a_name_is_looked_up_in_the_project(session):
    project = session("ana").project
    assert _params.checked(Param("m", "model"), "flights-delay", project) == "flights-delay"
    with pytest.raises(Exception, match="No model 'flihgts-delay'"):
        _params.checked(Param("m", "model"), "flihgts-delay", project)


@pytest.mark.parametrize(("given", "said"), [
    ({"n": {"type": "nummber"}}, "the type 'nummber'"), ({"N!": {"type": "text"}}, "cannot be a parameter's name"),
    ({"n": {"type": "number", "defualt": 3}}, "Unknown key 'defualt'"),
    ({"n": {"type": "number", "default": 9, "max": 5}}, "lies to 5, and 9 does not"),
    ({"n": {"type": "number", "min": "low"}}, "is a number, and 'low' is none"),
    ({"c": {"type": "choice"}}, "says of what"), ({"t": {"type": "text", "of": ["a"]}}, "says of what"),
    ({"t": {"type": "text", "max": 3}}, "has no ends"), ({"m": {"type": "model", "from": "alert.labels"}}, "tells no"),
    ({"n": 3}, "the type '3'"),
])
def test_a_declaration_that_makes_no_sense_is_named(given, said):
    _, wrong = read(**given)
    assert len(wrong) == 1
    assert said in wrong[0][0]
    assert wrong[0][1] or "lies" in wrong[0][0]


def test_what_was_said_goes_before_the_incident_and_that_before_the_default(session):
    project = session("ana").project
    params, _ = read(a={"type": "text", "from": "alert.check", "default": "d"}, b={"type": "text"},
                     model={"type": "model"}, c={"type": "number", "default": 3})
    around = {"alert.check": "drift", "model": "flights-delay"}
    found, asked = _params.resolved(params, {}, around, project)
    assert found == {"a": "drift", "model": "flights-delay", "c": "3"}
    assert [each.name for each in asked] == ["b"]
    said = _params.given(params, ["a=x=y", "b=why not"])
    assert _params.resolved(params, said, around, project)[0] == {**found, "a": "x=y", "b": "why not"}


@pytest.mark.parametrize(("word", "said"), [("c", "sets nothing"), ("c=", "sets nothing"), ("d=1", "no parameter 'd'")])
def test_what_sets_nothing_is_refused(word, said):
    with pytest.raises(BadInput, match=said):
        _params.given([Param("c")], [word])
