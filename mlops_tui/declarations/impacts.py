"""What people answer about the impact of a model: impact/MODEL.yaml."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mlops_tui.declarations.declare import Mistake


@dataclass(frozen=True)
class Answer:
    """A typed answer: the choice (or choices), what shows it (a file, an entry, a decision), and why."""

    is_: tuple[str, ...] | str
    evidence: str = ""
    why: str = ""

    @property
    def choices(self) -> tuple[str, ...]:
        return (self.is_,) if isinstance(self.is_, str) else self.is_


@dataclass(frozen=True)
class Ethics:
    """Something that may harm people, and what is done about it."""

    risk: str
    measure: str = ""


@dataclass(frozen=True)
class Impact:
    """impact/*.yaml, named as its model is.

    `questions`: a shipped questionnaire (canada-aia), or `impact/questions/NAME.yaml`. `use`, `users`, `limits`,
    `tradeoffs` and `ethics` are told in the model card; `annex` holds texts that only people can write, by the number
    of the item of Annex IV (`"7"`, `"1(d)"`). `reviewed`: when somebody went through the answers again, and why.
    """

    answers: Mapping[str, Answer] = field(default_factory=dict)
    questions: str = "canada-aia"
    use: str = ""
    users: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    tradeoffs: tuple[str, ...] = ()
    ethics: tuple[Ethics, ...] = ()
    annex: Mapping[str, str] = field(default_factory=dict)
    reviewed: str = ""

    def mistakes(self) -> Iterator[Mistake]:
        """An answer that says nothing, or the same twice."""
        for name, answer in self.answers.items():
            if not answer.choices or len(set(answer.choices)) < len(answer.choices):
                yield Mistake(f"'{name}' has no answer, or one twice.", ("answers", name, "is"), "Write is: yes.")
