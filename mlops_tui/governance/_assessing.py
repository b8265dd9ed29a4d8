"""The impact of a model assessed: typed answers beside those that evidence gives, the score, and the class."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from mlops_tui import folds
from mlops_tui.assurance import evidence
from mlops_tui.assurance.euact import Act, Branch, Classed, classed
from mlops_tui.assurance.evidence import COMPUTED, Known
from mlops_tui.assurance.questions import Questionnaire
from mlops_tui.assurance.scoring import Score, scored, unfit
from mlops_tui.declarations import declare
from mlops_tui.declarations.impacts import Impact
from mlops_tui.errors import BadInput, nearest
from mlops_tui.project import Project
from mlops_tui.session import Session
from store.facts import Assessed

SHIPPED, ACT = "canada-aia", "eu-ai-act"
OTHERS = "eu-others"  # answered no: none of the branches that nobody has answered holds
SEEN = ("trained", "promotion", "finding", "snapshot", "vote", "assessed", "board", "optout")
YES, NO = "yes", "no"


@dataclass(frozen=True)
class Answered:
    """An answer that counts: what was chosen, whether evidence or a person says so, and what shows it.

    `instead`: what a person typed that the evidence denies; `worse`: whether it denies it to the worse.
    """

    id: str
    choices: tuple[str, ...]
    origin: str
    shown: str
    why: str = ""
    instead: tuple[str, ...] = ()
    worse: bool = False


@dataclass(frozen=True)
class Assessment:
    """Everything that was answered about a model, and what follows from it."""

    model: str
    version: str
    asked: Questionnaire
    act: Act
    declared: Impact
    answers: Mapping[str, Answered]
    score: Score
    classed: Classed
    changes: tuple[str, ...]
    basis: Mapping[str, object]

    @property
    def denied(self) -> list[Answered]:
        """Typed answers that the evidence denies."""
        return [each for each in self.answers.values() if each.instead]

    @property
    def open(self) -> tuple[str, ...]:
        """What is still to be answered before level and class are known."""
        return (*self.classed.open, *self.score.open)

    @property
    def prohibited(self) -> bool:
        return self.classed.lowest == "prohibited"

    def document(self) -> dict[str, Any]:
        """All of it as JSON values: what is kept beside the history."""
        best, worst = self.score.best, self.score.worst
        return {"model": self.model, "version": self.version, "questions": self.asked.name, "act": self.act.version,
                "risk": [best.risk, worst.risk], "mitigation": [worst.mitigation, best.mitigation],
                "left": [best.left, worst.left], "levels": list(self.score.levels),
                "maxima": [self.score.risk_most, self.score.mitigation_most], "classes": list(self.classed.classes),
                "article": self.classed.article, "open": list(self.open), "basis": dict(self.basis),
                "changes": list(self.changes), "contradictions": [each.why for each in self.score.contradictions],
                "answers": [{"question": each.id, "answer": list(each.choices), "from": each.origin,
                             "shown": each.shown, "why": each.why, "instead": list(each.instead)}
                            for each in self.answers.values()]}


@cache
def shipped(name: str) -> Path | None:
    """A questionnaire that comes with the product; None where there is none of that name."""
    place = files("templates") / "impact" / f"{name}.yaml"
    with as_file(place) as path:
        return path if path.is_file() else None


def questions(project: Project, name: str) -> Questionnaire:
    """The questionnaire of that name: shipped, or the project's own in impact/questions/."""
    own = project.root / "impact" / "questions" / f"{name}.yaml"
    if own.is_file():
        return declare.read(Questionnaire, own)
    found = shipped(name) if name != ACT else None
    if found is None:
        known = [SHIPPED, *(path.stem for path in sorted(own.parent.glob("*.yaml")))]
        raise BadInput(f"No questionnaire '{name}'.", where=f"impact/questions/{name}.yaml",
                       next=nearest(name, known) or f"Known: {', '.join(known)}.")
    return declare.read(Questionnaire, found)


@cache
def act() -> Act:
    """The tree of the EU AI Act, as it is shipped."""
    path = shipped(ACT)
    assert path is not None
    return declare.read(Act, path)


def words(asked: Questionnaire, of: Act) -> dict[str, str]:
    """What each question asks, by id."""
    return {each.id: each.ask for each in asked.questions} | {id: each.ask for id, each in of.questions.items()} | {
        OTHERS: "Does any other branch of the Act hold?"}


def known_of(session: Session, project: Project, name: str) -> Known:
    """What evidence is looked for in."""
    made = session.made_of(name)
    inputs = sorted({origin for origins in made.values() for origin in origins})
    return Known(name, project.model(name), inputs, project.datasets, project.monitors, project.endpoints,
                 project.team.people, session.ledger.entries(*SEEN), sorted(project.names("access")))


def assessed(session: Session, text: str, other: Path | None = None) -> Assessment:
    """MODEL[@VERSION] assessed by the project as its files are now; `other`: a file of questions to try."""
    project = Project(session.declared().root)
    subject = project.subject(text, "model")
    known = known_of(session, project, subject.name)
    declared = project.impact.get(subject.name, Impact())
    asked = declare.read(Questionnaire, other) if other is not None else questions(project, declared.questions)
    _refuse_unknown(project, subject.name, declared, asked)
    answers = dict(_answers(declared, asked, known))
    score = scored(asked, {id: each.choices for id, each in answers.items()})
    of_act = {id: answers[id].choices == (YES,) for id in act().questions if id in answers}
    if OTHERS in answers:
        of_act = dict.fromkeys((each.id for each in act().branches), False) | of_act
    now = evidence.basis(known, asked.name)
    return Assessment(subject.name, _version(known, subject.name, subject.version), asked, act(), declared, answers,
                      score, classed(act(), of_act), tuple(_changes(project, known, now)), now)


def _version(known: Known, name: str, said: str) -> str:
    """The version that is meant: the challenger, else the champion; empty where none was trained."""
    state = folds.model_state(known.entries, name)
    if said and state.resolve(said) not in state.versions:
        raise BadInput(f"'{name}' has no version {said}.", where=f"versions: {', '.join(state.versions) or 'none'}",
                       next=f"Try: mlops-tui model show {name}")
    return state.resolve(said) if said else state.challenger or state.champion


def _refuse_unknown(project: Project, name: str, declared: Impact, asked: Questionnaire) -> None:
    """Answers to questions that are not asked, or that are no choice, at their line."""
    path = project.path_of("impact", name)
    choices = {each.id: each for each in asked.questions}
    for id, answer in declared.answers.items():
        if id in choices:
            wrong = unfit(choices[id], answer.choices)
        elif id == OTHERS:
            wrong = "" if answer.choices == (NO,) else "it can only be answered no"
        elif id in act().questions:
            wrong = "" if answer.choices in ((YES,), (NO,)) else f"'{'+'.join(answer.choices)}' is none of yes, no"
        else:
            raise BadInput(f"{asked.name} asks no '{id}'.", where=declare.place_of(path, "answers", id),
                           next=nearest(id, [*choices, *act().questions]) or f"Try: mlops-tui impact ask {name}")
        if wrong:
            raise BadInput(f"'{id}': {wrong}.", where=declare.place_of(path, "answers", id))


def _answers(declared: Impact, asked: Questionnaire, known: Known) -> Iterator[tuple[str, Answered]]:
    """What counts for each question: the evidence where it answers, else what a person says."""
    for id, computed in (*((each.id, each.computed) for each in asked.questions), *_of_act()):
        typed = declared.answers.get(id)
        if computed and computed not in COMPUTED:
            raise BadInput(f"'{id}' is to be computed from '{computed}', which we do not know.",
                           where=asked.name, next=nearest(computed, COMPUTED) or f"Known: {', '.join(COMPUTED)}.")
        found = COMPUTED[computed](known) if computed else None
        if found is not None:
            denied = typed.choices if typed is not None and typed.choices != (found.choice,) else ()
            yield id, Answered(id, (found.choice,), "evidence", found.shown, typed.why if typed else "", denied,
                               bool(denied) and _worse(asked, id, found.choice, denied))
        elif typed is not None:
            yield id, Answered(id, typed.choices, "a person", typed.evidence, typed.why)


def _worse(asked: Questionnaire, id: str, evidence: str, typed: Sequence[str]) -> bool:
    """Whether more is at stake, or less is done about it, than was typed."""
    question = next((each for each in asked.questions if each.id == id), None)
    if question is None:
        return evidence == YES
    more = question.choices[evidence] - sum(question.choices[choice] for choice in typed)
    return more > 0 if question.part == "risk" else more < 0


def _of_act() -> Iterator[tuple[str, str]]:
    yield OTHERS, ""
    for id, each in act().questions.items():
        yield id, "" if isinstance(each, Branch) else each.computed


def _changes(project: Project, known: Known, now: Mapping[str, object]) -> Sequence[str]:
    """What is other than when these typed answers were first assessed; nothing where nothing is typed."""
    if known.name not in project.impact:
        return ()
    today = project.fingerprint("impact", known.name)
    first = next((entry.fact for entry in known.entries if isinstance(entry.fact, Assessed)
                  and entry.subject == known.name and entry.fact.declaration == today), None)
    return evidence.material(first.detail.get("basis", {}), now) if first is not None else ()


def kept(session: Session, found: Assessment) -> Assessed:
    """The assessment as it enters the history; all answers go into an object."""
    content = json.dumps(found.document(), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    project = Project(session.declared().root)
    typed = found.model in project.impact
    return Assessed(
        subject=found.model, levels=found.score.levels, classes=found.classed.classes, questions=found.asked.name,
        answers=session.data().put_object(content), version=found.version,
        declaration=session.data().put_object(project.declaration("impact", found.model)) if typed else "",
        detail={"risk": found.score.worst.risk, "mitigation": found.score.worst.mitigation,
                "left": found.score.worst.left, "risk_most": found.score.risk_most,
                "mitigation_most": found.score.mitigation_most, "article": found.classed.article,
                "open": len(found.open), "basis": dict(found.basis)})
