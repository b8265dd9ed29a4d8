"""Checklists: what a version must show besides its numbers, and who signs for what no number shows."""

from collections.abc import Sequence
from dataclasses import replace

import click

from mlops_tui import gates
from mlops_tui.assurance import checklist as rule
from mlops_tui.assurance import tier
from mlops_tui.capability import decide, look, noun
from mlops_tui.declarations.kinds import Item
from mlops_tui.errors import BadInput, Denied, NotDeclared, nearest
from mlops_tui.gates import Requirement
from mlops_tui.governance._evidence import case_of
from mlops_tui.governance._standing import unreal
from mlops_tui.governance._triggered import triggered
from mlops_tui.project import Project
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, counted, lasting
from store.facts import SignOff

checklist = noun("checklist", __doc__ or "", subject="show")
KINDS = ("finding", "sign_off", "proposal", "incident", "trained", "assessed")


@look(of=checklist)
@click.argument("subject", metavar="MODEL[@VERSION]")
def show(session: Session, subject: str) -> View:
    """Every item of the checklist, how it stands for this version, how old its answer is, and the lessons that wait.

    \b
    Example: mlops-tui checklist show flights-delay@8
    """
    case, _ = case_of(session, subject)
    entries = session.ledger.entries(*KINDS)
    required = [*rule.checklist(case, entries), *rule.lessons(case, entries)]
    items = {item.id: item for item in case.checklist.items} if case.checklist else {}
    rows: list[Row] = [_row(each, items.get(each.id), case) for each in required]
    table = Table.of("items", rows, Column("status", worth=3), Column("requirement", worth=3),
                     Column("detail", "how it stands", worth=3), Column("age", worth=2), Column("proof", worth=-1))
    asked = gates.counting(required)
    open_ = [each for each in asked if each.status not in (Status.PASS, Status.WARN)]
    stand = "stands" if len(open_) == 1 else "stand"
    said = f"{len(open_)} of {counted(len(asked), 'item')} {stand} in the way of {case.subject}" if open_ else \
        f"Every item stands for {case.subject}"
    risk = tier.of(entries, case.name)
    facts: dict[str, Cell] = {"model": case.name, "version": case.version, "checklist": case.model.checklist,
                              "risk": risk.words if risk else "not assessed",
                              **({"not_asked": len(required) - len(asked)} if len(required) > len(asked) else {})}
    then = () if open_ else (Action("Look at the whole gate", ("promote", case.subject)),)
    return View(said, gates.verdict(required), (Facts(facts), table), (*_next(open_), *then))


def _row(each: Requirement, item: Item | None, case: gates.Case) -> Row:
    kind = "lesson" if item is None else "finding" if item.finding else "sign-off"
    return {"item": each.id, "status": each.status, "requirement": each.title, "detail": each.detail,
            "evidence": each.evidence, "proof": ", ".join(filter(None, (each.evidence, each.fingerprint[:8]))),
            "kind": kind, "role": item.sign_off if item else "",
            "lesson_of": item.lesson_of if item else "", "at": each.at, "fingerprint": each.fingerprint,
            "age": lasting(case.now - each.at) if each.at is not None else "",
            "max_age": lasting(item.max_age) if item and item.max_age is not None else "",
            "expires": item.expires if item else "",
            "applies_when": item.applies_when.words if item and item.applies_when else ""}


def _next(open_: Sequence[Requirement]) -> tuple[Action, ...]:
    return tuple({each.next: Action(each.title, each.next) for each in open_ if each.next}.values())[:5]


@look(of=checklist)
@click.argument("name", metavar="CHECKLIST", default="standard")
def prune(session: Session, name: str) -> View:
    """Which items never stood in anybody's way, and which are not asked for any more: what could be left out.

    \b
    Example: mlops-tui checklist prune standard
    """
    project = Project(session.declared().root)
    declared = project.one("checklist", name)
    models = [each for each, model in project.models.items() if model.checklist == name]
    found = triggered(session.ledger.entries("finding", "promotion"), declared, models,
                      session.now().astimezone(session.declared().zone))
    idle = [each for each in found if each.idle]
    rows: list[Row] = [{"item": each.item.id, "stood_in_the_way": each.stopped, "asked": each.asked, "last": each.last,
                        "lesson_of": each.item.lesson_of, "expires": each.item.expires, "advice": each.advice}
                       for each in sorted(found, key=lambda each: (not each.idle, each.stopped))]
    table = Table.of("items", rows, Column("item", worth=2), Column("advice", worth=2),
                     Column("stood_in_the_way", "stopped", digits=0, worth=1), Column("asked", digits=0, worth=1),
                     "last", "lesson_of", "expires")
    said = f"{counted(len(idle), 'item')} of {len(found)} could be left out of '{name}'" if idle else \
        f"Every item of '{name}' has stopped something, or was asked too seldom to tell"
    return View(said, Status.DONE, (Facts({"checklist": name, "models": tuple(models)}), table))


@decide(of=checklist)
@click.argument("item")
@click.argument("subject", metavar="MODEL[@VERSION]")
def sign(session: Session, item: str, subject: str, reason: str) -> View:
    """Answer for ITEM of this very version, with what convinced you.

    \b
    Example: mlops-tui checklist sign limits-reviewed flights-delay@8 --reason "read with the airport team"
    """
    return _answered(session, item, subject, "yes", reason)


@decide(of=checklist)
@click.argument("item")
@click.argument("subject", metavar="MODEL[@VERSION]")
def decline(session: Session, item: str, subject: str, reason: str) -> View:
    """Refuse to answer for ITEM; the gate is shut for this version until somebody signs it after all.

    \b
    Example: mlops-tui checklist decline limits-reviewed flights-delay@8 --reason "the night flights are not covered"
    """
    return _answered(session, item, subject, "no", reason)


def _answered(session: Session, name: str, subject: str, choice: str, reason: str) -> View:
    case, _ = case_of(session, subject)
    where = f"checklists/{case.model.checklist}.yaml"
    known = {each.id: each for each in case.checklist.items} if case.checklist else {}
    if name not in known:
        raise NotDeclared(f"No item '{name}' in {where}.",
                          next=nearest(name, known) or f"Items: {', '.join(known) or 'none'}.")
    item = known[name]
    if not item.sign_off:
        raise BadInput(f"'{name}' is answered by the finding '{item.finding}', not by a person.", where=where,
                       next=f"Try: mlops-tui {item.finding} {case.name}")
    if choice == "yes" and not session.actor.has(item.sign_off):
        raise Denied(f"{session.actor.name} does not hold the role '{item.sign_off}' that '{name}' asks for.",
                     where=where, next=f"Ask somebody who is {item.sign_off}.")
    if choice == "yes" and (said := unreal(session, session.actor.name)):
        raise Denied(said, where=where)
    files = rule.artifact(case, session.ledger.entries("trained", "promotion"))
    session.ledger.append(SignOff(subject=case.subject, item=name, checklist=case.model.checklist, choice=choice,
                                  reason=reason, evidence=rule.worded(item), digest=files))
    view = session.perform(("checklist", "show", case.subject)).view
    said = "signed" if choice == "yes" else "declined"
    return replace(view, title=f"'{name}' is {said} for {case.subject}", status=Status.DONE)
