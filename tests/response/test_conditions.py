"""Conditions on what steps found: what is true, what is false, what nobody knows, and what is not a condition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.response import _conditions
from mlops_tui.view import Facts, Status, Table, View

WORLD = {"limit": 3.0, "moved": _conditions.answer(View("t", Status.FAIL, (
    Facts({"drifted": 2, "nan": float("nan"), "share": None, "who": "ana", "tags": ("a", "b"), "sure": True}),
    Table.of("none", []), Table.of("columns", [
        {"column": "x", "psi": 0.3, "low": 1}, {"column": "y", "psi": 0.1, "low": None}]))))}


def holds(text):
    return _conditions.holds(_conditions.read(text), WORLD)


@pytest.mark.parametrize("text", [
    "moved.drifted == 2", "moved.drifted < limit", "moved.status == 'fail'", "not moved.drifted > limit",
    "max(moved.columns.psi) > 0.25 and count(moved.columns) == 2", "moved.who in ['ana', 'bo']", "'b' in moved.tags",
    "first(moved.columns.column) == 'x'", "moved.share > 1 or moved.drifted == 2", "moved.sure == true", "moved.sure",
    "moved.drifted > -1", "any([false, true])", "moved.who != 'bo'", "'z' not in moved.tags",
])
def test_what_is_so_is_true(text):
    assert holds(text) is True


@pytest.mark.parametrize("text", ["moved.drifted > 2", "moved.share > 1 and moved.drifted == 1", "moved.who == 'bo'",
                                  "min(moved.columns.psi) > 0.1", "not moved.sure", "'z' in moved.who"])
def test_what_is_not_so_is_false(text):
    assert holds(text) is False


@pytest.mark.parametrize("text", [
    "moved.share > 1", "not moved.share > 1", "moved.nothing == 1", "nobody.status == 'pass'", "moved.who > 1",
    "moved.drifted == '2'", "max(moved.columns.low) > 0", "moved.share == moved.share", "moved.drifted", "moved.who",
    "moved.share > 1 or moved.drifted == 1", "unknown", "moved.columns > 1", "sum(moved.columns.column) > 1",
    "moved.nan > 1", "not moved.nan > 1", "all(moved.none.ok)", "moved.nan in moved.tags",
    "moved.who.deeper == 1", "max(moved.who) == 'n'", "1 in moved.who", "moved.tags == 'a'",
])
def test_what_nobody_knows_is_unknown_and_never_true(text):
    assert holds(text) is None


@pytest.mark.parametrize("text", [
    "", "moved.", "__import__('os')", "open('x')", "moved.drifted ** 9", "lambda: 1", "[x for x in moved]",
    "f'{moved}'",
    "moved['drifted']", "1 < moved.drifted < 3", "moved.drifted if 1 else 2", "max(moved.a, 1)", "moved.drifted is 2",
    "None", "b'x' == b'x'", "1j > 2", "max(*moved)", "moved := 1", "'\\x41' == 'A'", "(" * 300 + "1" + ")" * 300,
    "x" * 500, "-moved.drifted > 1", "str(moved) == 'x'", "moved.__class__()",
])
def test_what_is_a_program_is_no_condition(text):
    with pytest.raises(ValueError):
        _conditions.read(text)


def test_an_attribute_leads_into_the_answer_and_nowhere_else():
    assert holds("moved.__class__ == 'dict'") is None
    assert holds("moved.status.__len__ == 4") is None


def test_the_names_that_a_condition_looks_at():
    tree = _conditions.read("max(moved.columns.psi) > limit and (health.status == 'pass' or true)")
    assert _conditions.names(tree) == ["moved", "limit", "health"]


THREE = st.sampled_from([True, False, None])


@given(THREE, THREE)
def test_and_or_not_are_kleenes(a, b):
    world = {"a": a, "b": b}
    order = {False: 0, None: 1, True: 2}
    both, either = (_conditions.holds(_conditions.read(f"a {word} b"), world) for word in ("and", "or"))
    assert order[both] == min(order[a], order[b])
    assert order[either] == max(order[a], order[b])
    assert order[_conditions.holds(_conditions.read("not a"), world)] == 2 - order[a]
