"""The points of a search: every combination of lists, seeded draws from spans, and how steps are named."""

import math
from typing import Any

import pytest

from mlops_tui.declarations.kinds import Span
from mlops_tui.declarations.searchspace import at_the_edge, declared, pointed, points, spelled
from mlops_tui.errors import BadInput

LISTS = {"C": (1, 10), "kernel": ("rbf", None)}


def test_lists_are_tried_in_every_combination() -> None:
    assert points(LISTS) == ([{"C": 1, "kernel": "rbf"}, {"C": 1, "kernel": None}, {"C": 10, "kernel": "rbf"},
                              {"C": 10, "kernel": None}], "grid")


def test_fewer_points_than_combinations_are_drawn_all_different() -> None:
    found, how = points(LISTS, most=3, seed=1)
    assert (len(found), how) == (3, "random")
    assert all(found.count(each) == 1 for each in found)
    assert found == points(LISTS, most=3, seed=1)[0] != points(LISTS, most=3, seed=2)[0]


def test_spans_are_drawn_within_their_ends_and_evenly_in_the_logarithm_where_asked() -> None:
    spans = {"rate": Span(0.001, 1, log=True), "depth": Span(2, 5, int_=True), "share": Span(0.2, 0.4)}
    found, _ = points(spans, most=400, seed=3)
    assert {point["depth"] for point in found} == {2, 3, 4, 5}
    assert all(isinstance(point["depth"], int) for point in found)
    assert all(0.001 <= point["rate"] <= 1 and 0.2 <= point["share"] <= 0.4 for point in found)
    below = sum(point["rate"] < math.sqrt(0.001) for point in found)
    assert abs(below - 200) < 4 * math.sqrt(100)  # the middle of the logarithm halves them
    ends = [sum(point["depth"] == depth for point in found) for depth in (2, 5)]
    assert all(abs(each - 100) < 4 * math.sqrt(75) for each in ends)  # ends as often as the others


def test_a_span_with_few_values_gives_what_there_are() -> None:
    assert sorted(point["n"] for point in points({"n": Span(1, 3, int_=True)}, most=50)[0]) == [1, 2, 3]
    assert len(points({"n": Span(0, 1)})[0]) == 20


STEPS: dict[str, Any] = {"steps": [{"estimator": "sklearn.preprocessing.SplineTransformer", "params": {"degree": 2}},
                                   {"estimator": "sklearn.linear_model.Ridge"}]}


def test_a_point_takes_the_place_of_declared_parameters() -> None:
    plain = {"estimator": "x", "params": {"C": 1, "tol": 2}}
    assert pointed(plain, {"C": 5})["params"] == {"C": 5, "tol": 2}
    made = pointed(STEPS, {"step_1__degree": 3, "model__alpha": 1})
    assert [step["params"] for step in made["steps"]] == [{"degree": 3}, {"alpha": 1}]
    assert STEPS["steps"][0]["params"] == {"degree": 2}
    assert declared(STEPS, ("step_1__degree", "model__alpha")) == {"step_1__degree": 2}
    assert declared(plain, ("C", "gamma")) == {"C": 1}
    with pytest.raises(BadInput, match="the parameter of no step"):
        pointed(STEPS, {"alpha": 1})


def test_a_best_value_at_an_end_is_told() -> None:
    tried = [{"C": value, "kernel": "rbf"} for value in (1, 10, 100)]
    assert [at_the_edge(tried, "C", value) for value in (1, 10, 100)] == ["the smallest", "", "the largest"]
    assert at_the_edge(tried, "kernel", "rbf") == ""
    assert at_the_edge(tried[:2], "C", 1) == ""  # of two values both are ends
    assert spelled({"C": 1, "kernel": None}) == "C=1, kernel=None"
    assert spelled({}) == "as it is"
