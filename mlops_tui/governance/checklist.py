"""Checklists: what a version must show besides its numbers, and who signs for what no number shows."""

from collections.abc import Sequence
from dataclasses import replace

import click

from mlops_tui import gates
from mlops_tui.capability import decide, look, noun
from mlops_tui.declarations.kinds import Item
from mlops_tui.errors import BadInput, Denied, NotDeclared, nearest
from mlops_tui.gates import Requirement
from mlops_tui.governance._evidence import case_of
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, View, counted
from store.facts import SignOff

checklist = noun("checklist", __doc__ or "", subject="show")


@look(of=checklist)
@click.argument("subject", metavar="MODEL[@VERSION]")
def show(session: Session, subject: str) -> View:
    """Every item of the checklist, how it stands for this version, and the lessons that wait.

    \b
    Example: mlops-tui checklist show flights-delay@8
    """
    case, _ = case_of(session, subject)
    entries = session.ledger.entries("finding", "sign_off", "proposal", "incident")
    required = [*gates.checklist(case, entries), *gates.lessons(case, entries)]
    items = {item.id: item for item in case.checklist.items} if case.checklist else {}
    rows: list[Row] = [_row(each, items.get(each.id)) for each in required]
    table = Table.of("items", rows, "status", "item", "requirement", "detail", "evidence")
    asked = gates.counting(required)
    open_ = [each for each in asked if each.status not in (Status.PASS, Status.WARN)]
    stand = "stands" if len(open_) == 1 else "stand"
    said = f"{len(open_)} of {counted(len(asked), 'item')} {stand} in the way of {case.subject}" if open_ else \
        f"Every item stands for {case.subject}"
    facts: dict[str, Cell] = {"model": case.name, "version": case.version, "checklist": case.model.checklist}
    return View(said, gates.verdict(required), (Facts(facts), table), _next(open_))


def _row(each: Requirement, item: Item | None) -> Row:
    kind = "lesson" if item is None else "finding" if item.finding else "sign-off"
    return {"item": each.id, "status": each.status, "requirement": each.title, "detail": each.detail,
            "evidence": each.evidence, "kind": kind, "role": item.sign_off if item else "",
            "lesson_of": item.lesson_of if item else ""}


def _next(open_: Sequence[Requirement]) -> tuple[Action, ...]:
    return tuple({each.next: Action(each.title, each.next) for each in open_ if each.next}.values())[:5]


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
    session.ledger.append(SignOff(subject=case.subject, item=name, checklist=case.model.checklist, choice=choice,
                                  reason=reason, evidence=gates.worded(item)))
    view = session.perform(("checklist", "show", case.subject)).view
    said = "signed" if choice == "yes" else "declined"
    return replace(view, title=f"'{name}' is {said} for {case.subject}", status=Status.DONE)
