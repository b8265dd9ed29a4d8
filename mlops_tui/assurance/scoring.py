"""The impact score of answered questions: risk, what measures take off it, the level, and what may still change it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlops_tui.assurance.questions import Contradiction, Question, Questionnaire

Choices = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Total:
    """Points of risk and of measures, what is left of the risk, and the level 1 to 4."""

    risk: int
    mitigation: int
    left: int
    level: int


@dataclass(frozen=True)
class Score:
    """The best and the worst that the answers so far allow; alike where every question is answered."""

    best: Total
    worst: Total
    risk_most: int
    mitigation_most: int
    open: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]

    @property
    def levels(self) -> tuple[int, int]:
        return self.best.level, self.worst.level

    @property
    def known(self) -> bool:
        return self.best == self.worst


def total(asked: Questionnaire, risk: int, mitigation: int) -> Total:
    """The published rule in whole numbers: halves are rounded up, an edge belongs to the lower level.

    >>> from mlops_tui.assurance.questions import Maxima
    >>> canada = Questionnaire("aia", "2025", (), Maxima(167, 154), forks=2)
    >>> [total(canada, risk, 0).level for risk in (41, 42, 83, 84, 125, 126)]
    [1, 2, 2, 3, 3, 4]
    >>> [total(canada, 100, measures).left for measures in (61, 62)]
    [100, 85]
    """
    enough = mitigation * 100 * asked.forks >= asked.enough * asked.maxima.mitigation and asked.maxima.mitigation > 0
    left = (asked.reduced_to * risk + 50) // 100 if enough else risk
    return Total(risk, mitigation, left, 1 + sum(left * 100 > edge * asked.maxima.risk for edge in asked.edges))


def scored(asked: Questionnaire, answers: Choices) -> Score:
    """The score; answers that contradict each other count as none, and what is not asked then weighs nothing."""
    wrong = contradicted(asked, answers)
    void = {id for each in wrong for id in each.all}
    told = {id: choices for id, choices in answers.items() if id not in void}
    low, high, open_ = {"risk": 0, "mitigation": 0}, {"risk": 0, "mitigation": 0}, []
    for question in asked.questions:
        may = _asked(question, told)
        if may is False:
            continue
        if question.id in told and may:
            weight = sum(question.choices[choice] for choice in told[question.id])
            low[question.part] += weight
            high[question.part] += weight
            continue
        open_ += [question.id]
        low[question.part] += question.least if may else 0
        high[question.part] += question.most
    return Score(total(asked, low["risk"], high["mitigation"]), total(asked, high["risk"], low["mitigation"]),
                 asked.maxima.risk, asked.maxima.mitigation, tuple(open_), tuple(wrong))


def _asked(question: Question, answers: Choices) -> bool | None:
    """Whether the question is asked; None where that depends on an answer that is missing."""
    known = [None if id not in answers else choice in answers[id] for id, choice in question.when.items()]
    return False if False in known else None if None in known else True


def contradicted(asked: Questionnaire, answers: Choices) -> list[Contradiction]:
    """The answers that cannot all be true."""
    return [each for each in asked.contradictions
            if all(choice in answers.get(id, ()) for id, choice in each.all.items())]


def unfit(question: Question, choices: Sequence[str]) -> str:
    """Why choices are no answer to a question; empty where they are."""
    if not choices:
        return "nothing is chosen"
    if not question.many and len(choices) > 1:
        return "one choice only"
    if none := [each for each in choices if each not in question.choices]:
        return f"'{none[0]}' is none of {', '.join(question.choices)}"
    return ""


def next_questions(asked: Questionnaire, answers: Choices, missing: Iterable[str]) -> list[Question]:
    """Of the missing answers those to ask now, the heaviest first; what depends on another comes after it."""
    open_ = set(missing)
    ready = [each for each in asked.questions if each.id in open_ and _asked(each, answers)]
    return sorted(ready, key=lambda each: (each.part == "mitigation", each.least - each.most))
