"""Every answer of the newest assessment, with what shows it."""

import json
from typing import Any

import click

from mlops_tui.assurance import tier
from mlops_tui.capability import look
from mlops_tui.errors import NotFound
from mlops_tui.governance._assessing import SHIPPED, act, questions, words
from mlops_tui.governance.impact import impact
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View
from store.facts import Assessed


@look(of=impact, fold=True)
@click.argument("model")
def show(session: Session, model: str) -> View:
    """Every answer about MODEL as it was last assessed, what gave it, and what shows it.

    \b
    Example: mlops-tui impact show flights-delay
    """
    name = session.declared().subject(model, "model").name
    entries = session.ledger.entries("assessed", subject=name)
    if not entries:
        return View(f"{name} was never assessed", Status.UNKNOWN,
                    actions=(Action("Assess it", ("impact", "assess", name)),))
    entry, found = entries[-1], tier.of(entries, name)
    assert isinstance(entry.fact, Assessed)
    assert found is not None
    try:
        document: dict[str, Any] = json.loads(session.data().object(entry.fact.answers))
    except NotFound:
        return View(f"{name}: {found.words}; its answers are not kept any more", Status.UNKNOWN, (),
                    (Action("Assess it again", ("impact", "assess", name)),))
    asks = _asks(session, name)
    rows: list[Row] = [{"question": asks.get(each["question"], each["question"]), "answer": tuple(each["answer"]),
                        "from": each["from"], "shown": each["shown"] or None, "why": each["why"] or None,
                        "instead": tuple(each["instead"]), "id": each["question"]} for each in document["answers"]]
    facts: dict[str, Cell] = {"model": name, "version": entry.fact.version or None, "tier": found.words,
                              "article": document["article"], "open": len(document["open"]), "at": entry.recorded_at,
                              "by": entry.actor, "entry": entry.seq, "answers": entry.fact.answers[:12]}
    table = Table.of("answers", rows, "question", "answer", "from", "shown", Column("why", worth=-1))
    return View(f"{name}: {found.words}, {len(rows)} answers", Status.DONE, (Facts(facts), table),
                (Action("Assess it again", ("impact", "assess", name)),
                 Action("Answer what is missing", ("impact", "ask", name))))


def _asks(session: Session, name: str) -> dict[str, str]:
    """The words of each question by id, of today's questionnaire."""
    declared = session.declared().impact.get(name)
    asked = questions(session.declared(), declared.questions if declared else SHIPPED)
    return words(asked, act())
