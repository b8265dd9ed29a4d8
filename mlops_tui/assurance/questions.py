"""A versioned questionnaire about impact: questions with weights, and which answers contradict each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlops_tui.declarations.declare import Mistake
from mlops_tui.errors import nearest


@dataclass(frozen=True)
class Question:
    """One question and what each choice weighs: of a `risk` the points, of a `mitigation` what is done about it.

    `many`: several choices add up. It is asked only `when` others are answered so. `computed` names the evidence that
    answers it.
    """

    id: str
    ask: str
    choices: Mapping[str, int]
    part: Literal["risk", "mitigation"] = "risk"
    area: str = ""
    many: bool = False
    when: Mapping[str, str] = field(default_factory=dict)
    computed: str = ""

    @property
    def most(self) -> int:
        """What it can weigh at most: its heaviest choice, or all together."""
        return sum(self.choices.values()) if self.many else max(self.choices.values())

    @property
    def least(self) -> int:
        """What it weighs at least once it is answered."""
        return min(self.choices.values())


@dataclass(frozen=True)
class Contradiction:
    """Answers that cannot all be true, and why."""

    all: Mapping[str, str]
    why: str


@dataclass(frozen=True)
class Maxima:
    risk: int
    mitigation: int


@dataclass(frozen=True)
class Questionnaire:
    """A version of the questions, and how they are scored.

    `edges`: percent of the largest risk up to which levels I, II and III reach. Where measures come to `enough`
    percent of one of the `forks`, `reduced_to` percent of the risk count. `maxima` are what the file's weights must
    add up to, so that a slip in it is seen.
    """

    id: str
    version: str
    questions: tuple[Question, ...]
    maxima: Maxima
    source: str = ""
    forks: int = 1
    enough: int = 80
    reduced_to: int = 85
    edges: tuple[int, ...] = (25, 50, 75)
    obligations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contradictions: tuple[Contradiction, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.id} {self.version}"

    def most(self, part: str) -> int:
        return sum(each.most for each in self.questions if each.part == part)

    def mistakes(self) -> Iterator[Mistake]:
        """Weights that do not add up; questions twice, without a choice, or depending on what is not asked."""
        known: dict[str, Question] = {}
        for place, each in enumerate(self.questions):
            if each.id in known:
                yield Mistake(f"The question '{each.id}' is there twice.", ("questions", place, "id"))
            if not each.choices or min(each.choices.values()) < 0:
                yield Mistake("A question has choices that weigh 0 or more.", ("questions", place, "choices"))
                return
            known[each.id] = each
        named = [*((each.when, ("questions", place, "when")) for place, each in enumerate(self.questions)),
                 *((each.all, ("contradictions", place, "all")) for place, each in enumerate(self.contradictions))]
        for answers, path in named:
            for id, choice in answers.items():
                if id not in known:
                    yield Mistake(f"No question '{id}'.", path, nearest(id, known))
                elif choice not in known[id].choices:
                    yield Mistake(f"'{id}' cannot be '{choice}'.", path, nearest(choice, known[id].choices))
        sums = Maxima(self.most("risk"), self.forks * self.most("mitigation"))
        if sums != self.maxima:
            yield Mistake(f"The weights add up to {sums.risk} and {sums.mitigation}, not to {self.maxima.risk} and "
                          f"{self.maxima.mitigation}.", ("maxima",))
        if len(self.edges) != 3 or sorted(self.edges) != list(self.edges) or self.forks < 1:
            yield Mistake("edges are three percentages that grow; there is one fork or more.", ("edges",))
