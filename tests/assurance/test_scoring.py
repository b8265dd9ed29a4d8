"""The published scoring rule at its edges, and what missing answers can still change."""

import math
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.assurance.questions import Contradiction, Maxima, Question, Questionnaire
from mlops_tui.assurance.scoring import next_questions, scored, total, unfit
from mlops_tui.governance._assessing import questions
from mlops_tui.project import Project

PUBLISHED = Questionnaire("aia", "as stored in 2025", (), Maxima(167, 154), forks=2)


@pytest.mark.parametrize(("risk", "level"), [(0, 1), (41, 1), (42, 2), (83, 2), (84, 3), (125, 3), (126, 4), (167, 4)])
def test_an_edge_belongs_to_the_lower_level(risk: int, level: int) -> None:
    assert total(PUBLISHED, risk, 0).level == level


def test_measures_count_from_80_percent_of_half_of_what_is_possible() -> None:
    assert [total(PUBLISHED, 100, measures).left for measures in (0, 61, 62, 77, 154)] == [100, 100, 85, 85, 85]
    assert total(replace(PUBLISHED, maxima=Maxima(167, 90)), 100, 36).left == 85, "exactly 80 % of 45"
    assert total(replace(PUBLISHED, maxima=Maxima(167, 0)), 100, 0).left == 100, "no measures, no reduction"


def test_measures_can_lower_the_level() -> None:
    assert [total(PUBLISHED, 97, measures).level for measures in (61, 62)] == [3, 2]


def test_the_rule_is_the_one_that_the_public_tool_computes_in_floating_point() -> None:
    """Math.round of 0.85 raw, and thresholds as fractions of the maximum, for every score that there is."""
    for risk in range(168):
        for measures in (61, 62):
            left = math.floor((1 - 0.15) * risk + 0.5) if measures >= 0.8 * (154 / 2) else risk
            level = 1 + sum(left > 167 * edge for edge in (0.25, 0.5, 0.75))
            found = total(PUBLISHED, risk, measures)
            assert (found.left, found.level) == (left, level), (risk, measures)


def test_halves_are_rounded_up() -> None:
    assert total(PUBLISHED, 10, 77).left == 9  # 8.5; rounding to even would say 8


# -- answers --------------------------------------------------------------------------------------------------------

A = Question("a", "A?", {"yes": 4, "no": 0})
B = Question("b", "B?", {"yes": 2, "no": 0}, when={"a": "yes"})
C = Question("c", "C?", {"x": 1, "y": 2, "z": 3}, many=True)
D = Question("d", "D?", {"yes": 3, "no": 0}, "mitigation")
SMALL = Questionnaire("small", "1", (A, B, C, D), Maxima(12, 3),
                      contradictions=(Contradiction({"a": "no", "d": "yes"}, "no need"),))
EVERY = [{"a": a, "b": b, "c": c, "d": d} for a, b, c, d in product(
    [("yes",), ("no",)], [("yes",), ("no",)], [("x",), ("y",), ("x", "y", "z")], [("yes",), ("no",)])]


def test_what_is_answered_adds_up_and_what_is_not_asked_weighs_nothing() -> None:
    found = scored(SMALL, {"a": ("yes",), "b": ("yes",), "c": ("x", "z"), "d": ("no",)})
    assert (found.best, found.known, found.open) == (found.worst, True, ())
    assert (found.best.risk, found.best.mitigation) == (10, 0)
    assert scored(SMALL, {"a": ("no",), "b": ("yes",), "c": ("x",), "d": ("no",)}).best.risk == 1


def test_nothing_answered_leaves_everything_open() -> None:
    found = scored(SMALL, {})
    assert (found.levels, found.open, found.known) == ((1, 4), ("a", "b", "c", "d"), False)
    assert (found.worst.risk, found.best.mitigation) == (12, 3)


@given(st.sampled_from(EVERY), st.sets(st.sampled_from("abcd")))
def test_best_and_worst_hold_whatever_the_missing_answers_turn_out_to_be(full: dict, told: set) -> None:
    end = scored(SMALL, full)
    if end.contradictions:
        return
    half = scored(SMALL, {id: choices for id, choices in full.items() if id in told})
    assert half.best.left <= end.best.left <= half.worst.left
    assert half.levels[0] <= end.levels[0] <= half.levels[1]


def test_answers_that_contradict_each_other_are_named_and_count_as_none() -> None:
    found = scored(SMALL, {"a": ("no",), "c": ("x",), "d": ("yes",)})
    assert [each.why for each in found.contradictions] == ["no need"]
    assert found.open == ("a", "b", "d")
    assert (found.best.risk, found.worst.risk) == (1, 7)


@pytest.mark.parametrize(("question", "choices", "why"), [
    (A, ("yes",), ""), (A, (), "nothing"), (A, ("yes", "no"), "one choice only"), (A, ("maybe",), "none of yes, no"),
    (C, ("x", "z"), ""), (C, ("w",), "none of")])
def test_what_is_no_answer_says_why(question: Question, choices: tuple[str, ...], why: str) -> None:
    assert why in unfit(question, choices) if why else unfit(question, choices) == ""


def test_the_heaviest_question_is_asked_first_and_measures_last() -> None:
    asked = next_questions(SMALL, {}, ("a", "b", "c", "d"))
    assert [each.id for each in asked] == ["c", "a", "d"], "b waits for a"
    assert [each.id for each in next_questions(SMALL, {"a": ("yes",)}, ("b", "d"))] == ["b", "d"]


def test_the_shipped_questionnaire_has_the_weights_of_the_published_one(project) -> None:
    shipped = questions(Project(project), "canada-aia")
    assert (shipped.version, shipped.most("risk"), shipped.forks * shipped.most("mitigation")) == ("0.9.1", 111, 90)
    by_part = {part: sum(each.part == part for each in shipped.questions) for part in ("risk", "mitigation")}
    assert by_part == {"risk": 32, "mitigation": 33}
    assert scored(shipped, {}).levels == (1, 4)
