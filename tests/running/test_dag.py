"""The order of steps, the key of what they make, and why one must run again."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.declarations.kinds import StepDecl
from mlops_tui.errors import BadInput
from mlops_tui.running.dag import key_of, ordered, why


def step(name: str, *inputs: str) -> StepDecl:
    return StepDecl(name=name, sql=f"{name}.sql", inputs=inputs)


def order(*steps: StepDecl) -> list[str]:
    return [each.name for each in ordered(steps, ["flights", "weather"], lambda name: f"p.yaml, {name}")]


def test_steps_run_after_what_they_wait_for_and_otherwise_as_declared() -> None:
    assert order(step("c", "b"), step("a", "flights"), step("b", "a"), step("d")) == ["a", "b", "c", "d"]


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30))
def test_every_step_comes_after_its_inputs_or_the_circle_is_named(edges: list[tuple[int, int]]) -> None:
    inputs = {number: sorted({a for a, b in edges if b == number}) for number in range(12)}
    steps = [step(f"s{number}", *(f"s{a}" for a in before)) for number, before in inputs.items()]
    reach = {(a, b) for a, b in edges}
    for middle in range(12):
        reach |= {(a, b) for a in range(12) for b in range(12) if (a, middle) in reach and (middle, b) in reach}
    if any(a == b for a, b in reach):
        with pytest.raises(BadInput, match="wait for each other"):
            order(*steps)
        return
    found = order(*steps)
    assert sorted(found) == sorted(each.name for each in steps)
    assert all(found.index(f"s{a}") < found.index(f"s{b}") for a, b in edges)


@pytest.mark.parametrize(("steps", "said"), [
    ((step("a", "c"), step("b", "a"), step("c", "b")), "The steps wait for each other: "),
    ((step("a", "a"),), "The steps wait for each other: a → a"),
    ((step("a", "flihgts"),), "Did you mean 'flights'"), ((step("clean"), step("b", "claen")), "Did you mean 'clean'"),
    ((step("a"), step("a")), "Two steps are named 'a'"), ((step("flights"),), "is a step and a dataset"),
])
def test_a_graph_that_cannot_run_is_refused_with_its_place(steps: tuple[StepDecl, ...], said: str) -> None:
    with pytest.raises(BadInput) as problem:
        order(*steps)
    assert said in f"{problem.value.what} {problem.value.next}"
    assert problem.value.where.startswith("p.yaml, ")


def test_the_circle_is_told_in_the_order_of_waiting() -> None:
    with pytest.raises(BadInput) as problem:
        order(step("a", "c"), step("b", "a"), step("c", "b"))
    names = problem.value.what.removeprefix("The steps wait for each other: ").rstrip(".").split(" → ")
    waits = {"a": "c", "b": "a", "c": "b"}
    assert names[0] == names[-1]
    assert all(waits[one] == next for one, next in pairwise(names))


def test_the_key_is_that_of_the_content() -> None:
    one = {"code": "x", "params": {"a": 1, "b": [1, 2]}, "inputs": {"f": "1"}}
    same = {"inputs": {"f": "1"}, "params": {"b": [1, 2], "a": 1}, "code": "x"}
    assert key_of(one) == key_of(same)
    assert len({key_of(one), key_of({**one, "params": {"a": 2, "b": [1, 2]}}), key_of({**one, "code": "y"})}) == 3


BEFORE = {"code": "x", "engine": "2.0", "params": {"a": 1}, "inputs": {"flights": "1", "weather": "1"}, "sort": ["id"]}


@pytest.mark.parametrize(("change", "said"), [
    ({}, ""), ({"code": "y"}, "code changed"), ({"engine": "2.1"}, "another DuckDB"),
    ({"params": {"a": 2}}, "parameter a changed"), ({"params": {}}, "parameter a is gone"),
    ({"params": {"a": 1, "b": None}}, "parameter b is new"),
    ({"inputs": {"flights": "2", "weather": "1"}}, "input flights changed"),
    ({"inputs": {"flights": "1"}, "code": "y"}, "code changed, input weather is gone"),
    ({"sort": []}, "another sort key"),
])
def test_why_says_what_differs(change: dict[str, Any], said: str) -> None:
    assert why({**BEFORE, **change}, BEFORE) == said


def test_a_step_without_a_past_was_never_run() -> None:
    assert why(BEFORE, None) == "never run"
