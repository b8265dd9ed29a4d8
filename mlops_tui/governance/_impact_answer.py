"""Answers about a model's impact, as a proposal of impact/MODEL.yaml that is reviewed where git can see it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import unified_diff
from functools import partial

import click
import yaml

from mlops_tui import folds
from mlops_tui.assurance.scoring import unfit
from mlops_tui.capability import Field, measure
from mlops_tui.declarations import declare
from mlops_tui.declarations.impacts import Answer, Impact
from mlops_tui.errors import BadInput, Refusal, nearest
from mlops_tui.governance._assessing import NO, OTHERS, YES, act, questions
from mlops_tui.governance._impact_ask import AT_ONCE
from mlops_tui.governance.impact import impact
from mlops_tui.project import Project
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, Text, View, counted
from store.facts import Fact, Proposal
from store.ledger import Entry


@measure(of=impact)
@click.argument("model")
@click.option("--set", "given", multiple=True, metavar="QUESTION=CHOICE",
              help="An answer; several choices are joined by a plus.")
@click.option("--evidence", default="", help="What shows it: a file, an entry, a decision.")
@click.option("--why", default="", help="Why, in a sentence.")
def answer(session: Session, model: str, given: tuple[str, ...], evidence: str, why: str) -> View:
    """Propose answers about MODEL; `adopt` writes them into impact/MODEL.yaml.

    \b
    Example: mlops-tui impact answer flights-delay --set impact6=easily --evidence decisions/0001
    """
    project = Project(session.declared().root)
    name = project.subject(model, "model").name
    answers = {id: Answer(choices, evidence, why) for id, choices in _said(project, name, given).items()}
    if not answers:
        raise BadInput("Nothing is answered.", next=f"Try: mlops-tui impact ask {name}")
    path = f"impact/{name}.yaml"
    file = project.root / path

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        content = file.read_bytes() if file.is_file() else b""
        before = hashlib.sha256(content).hexdigest() if file.is_file() else ""
        for each in folds.proposals(entries).values():  # what waits already is built upon
            if each.state == "open" and (each.path, each.before) == (path, before):
                content, before = each.content.encode(), hashlib.sha256(each.content.encode()).hexdigest()
        number = folds.next_id("P", folds.proposals(entries))
        return [Proposal(subject=number, event="proposed", path=path, before=before, origin=f"impact of {name}",
                         content=with_answers(content.decode("utf-8"), answers, path),
                         why=f"{counted(len(answers), 'answer')} about {name} by {session.actor.name}")]

    fact = session.ledger.transact(decided)[-1].fact if session.ledger.recording else None
    if not isinstance(fact, Proposal):
        raise BadInput("Nothing can be proposed here: this session records nothing.")
    now = file.read_text(encoding="utf-8") if file.is_file() else ""
    diff = "".join(unified_diff(now.splitlines(keepends=True), fact.content.splitlines(keepends=True), path,
                                f"{path} ({fact.subject})"))
    facts: dict[str, Cell] = {"proposal": fact.subject, "path": path, "answers": tuple(answers)}
    return View(f"{fact.subject}: {fact.why}", Status.DONE, (Facts(facts), Text(diff, "code")),
                (Action("Write it into the project", ("adopt", fact.subject)),
                 Action("What is left", ("impact", "ask", name))))


def _fields(project: Project, given: Mapping[str, object]) -> list[Field]:
    """What a form asks next: questions of weight that nobody has answered and no record could."""
    name = str(given.get("model") or "").partition("@")[0]
    if name not in project.models:
        return []
    declared = project.impact.get(name, Impact())
    words = given.get("given")
    said = {str(word).partition("=")[0] for word in words} if isinstance(words, (list, tuple)) else set()
    asked = [each for each in questions(project, declared.questions).questions
             if each.id not in declared.answers and each.id not in said and not each.computed and not each.when]
    return [Field("set", each.id, each.ask, "", () if each.many else tuple(each.choices), False,
                  partial(_wrong, project, name, each.id)) for each in asked[:AT_ONCE]]


answer.fields = _fields


def _wrong(project: Project, name: str, id: str, value: str) -> str:
    try:
        _said(project, name, (f"{id}={value}",))
    except Refusal as problem:
        return str(problem)
    return ""


def _said(project: Project, name: str, given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What was chosen by question; BadInput for a question that is not asked, or a choice that there is not."""
    asked = questions(project, project.impact.get(name, Impact()).questions)
    known, found = {each.id: each for each in asked.questions}, dict[str, tuple[str, ...]]()
    for word in given:
        id, equals, said = word.partition("=")
        choices = tuple(each.strip() for each in said.split("+") if each.strip())
        if not equals or id not in {*known, *act().questions, OTHERS}:
            raise BadInput(f"'{word}' answers no question of {asked.name}.",
                           next=nearest(id, [*known, *act().questions]) or f"Try: mlops-tui impact ask {name}")
        wrong = unfit(known[id], choices) if id in known else \
            "" if choices in ((YES,), (NO,)) and (id != OTHERS or choices == (NO,)) else "it is yes or no"
        if wrong:
            raise BadInput(f"'{id}': {wrong}.", next=f"Try: mlops-tui impact ask {name}")
        found[id] = choices
    return found


# -- the file -------------------------------------------------------------------------------------------------------


def with_answers(text: str, answers: Mapping[str, Answer], path: str) -> str:
    """The file with these answers, all else as it was; BadInput where it is not written as a block of lines."""
    before = declare.parse(Impact, text, path) if text.strip() else Impact()
    for id, each in answers.items():
        text = _with(text, id, _line(id, each))
    wanted = replace(before, answers={**before.answers, **answers})
    found = declare.parse(Impact, text, path)
    if _plain(found) != _plain(wanted):
        raise BadInput("The answers cannot be put into the file.", where=path, next="Write them by hand, a line each.")
    return text


def _plain(each: Impact) -> Impact:
    return replace(each, answers={id: replace(found, is_=found.choices) for id, found in each.answers.items()})


def _line(id: str, each: Answer) -> str:
    said: dict[str, object] = {"is": each.choices[0] if len(each.choices) == 1 else list(each.choices)}
    said |= {key: value for key, value in (("evidence", each.evidence), ("why", each.why)) if value}
    return yaml.safe_dump({id: said}, default_flow_style=None, allow_unicode=True, width=10**6,
                          sort_keys=False).strip().replace("\n", "\n  ")


def _with(text: str, id: str, line: str) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader) if text.strip() else None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next((value for key, value in pairs if key.value == "answers"), None)
    if not isinstance(found, yaml.MappingNode) or not found.value:
        kept = "".join(part for part in text.splitlines(keepends=True) if not part.startswith("answers:"))
        return f"{kept.rstrip()}\nanswers:\n  {line}\n".lstrip("\n")
    old = next(((key, value) for key, value in found.value if key.value == id), None)
    if old is not None:
        start, end = old[0].start_mark.index, old[1].end_mark.index
        return text[:start] + line + text[start:end][len(text[start:end].rstrip()):] + text[end:]
    key, value = found.value[-1]
    end = value.end_mark.index
    body = text[:end].rstrip()
    indent = " " * key.start_mark.column
    return f"{body}\n{indent}{line}\n{text[end:].lstrip(chr(10)) if text[end:].strip() else ''}"
