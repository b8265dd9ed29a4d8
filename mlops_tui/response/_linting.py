"""What is wrong with a runbook as it is written: all of it at once, each with file and line."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

from mlops_tui.declarations.alertpolicy import Severity
from mlops_tui.declarations.kinds import Check, Document
from mlops_tui.errors import nearest
from mlops_tui.response import _params, _steps
from mlops_tui.response._keys import ACTS
from mlops_tui.response._steps import Runbook, RunbookStep
from mlops_tui.roles import Shape
from mlops_tui.session import Session
from mlops_tui.view import Row, Status

CHECKS: tuple[str, ...] = get_args(Check)
SEVERITIES: tuple[str, ...] = get_args(Severity)



def problems(session: Session, document: Document) -> list[Row]:
    """One row for each mistake of a runbook: `fail` for what would not work, `warn` for what is lacking."""
    document = replace(document, path=f"runbooks/{document.name}.md")
    book, found = _steps.look_through(document)
    rows: list[Row] = [_row(each.where, Status.FAIL, each.what, each.next) for each in found]
    rows += [*_front(book, document), *_unused(book, document)]
    for step in book.steps:
        rows += _of_step(session, book, step)
    return sorted(rows, key=lambda row: (_line(str(row["where"])), row["status"] is Status.WARN))


def _line(where: str) -> int:
    line = where.rpartition(":")[2]
    return int(line) if line.isdecimal() else 0


def _row(where: str, status: Status, what: str, next: str = "") -> Row:
    return {"where": where, "status": status, "problem": what, "next": next}


def _front(book: Runbook, document: Document) -> Iterator[Row]:
    first = f"{document.path}:1"
    for check in book.when:
        if check not in CHECKS:
            yield _row(first, Status.FAIL, f"when: no check is called '{check}'.",
                       nearest(check, CHECKS) or f"Checks: {', '.join(CHECKS)}.")
    if book.severity and book.severity not in SEVERITIES:
        yield _row(first, Status.FAIL, f"'{book.severity}' is no severity.", f"One of {', '.join(SEVERITIES)}.")


def _unused(book: Runbook, document: Document) -> Iterator[Row]:
    text = "\n".join([document.body, *(param.source for param in book.params)])
    for param in book.params:
        conditions = " ".join(step.says.get(key, "") for step in book.steps for key in ("when", "expect", "until"))
        if f"{{{param.name}}}" not in text and param.name not in conditions:
            yield _row(f"{document.path}:1", Status.WARN, f"Nothing uses the parameter '{param.name}'.")


def _of_step(session: Session, book: Runbook, step: RunbookStep) -> Iterator[Row]:
    if not step.prose and step.kind != "notify" and not (step.kind == "manual" and step.lines):
        yield _row(step.where, Status.WARN, f"Step {step.number} says nothing to whoever reads it at night.",
                   "Write a sentence below its heading.")
    shape = ""
    for line, undoing in ((step.command, False), (step.undo, True)):
        if line:
            made, wrong, next = _parsed(session, book, step, line)
            if wrong:
                yield _row(step.where, Status.FAIL, wrong, next)
            shape = shape if undoing else made
    if step.kind in ACTS and shape == Shape.DECIDE:
        yield _row(step.where, Status.FAIL, f"'{step.command}' is a person's judgement and wants a reason.",
                   "Make it a manual step.")
    elif step.kind in ACTS and shape == Shape.ACT and not step.says.get("undo"):
        yield _row(step.where, Status.FAIL, f"Step {step.number} acts and says no way back.",
                   "Add: undo: COMMAND, or: undo: none because …")
    elif shape in (Shape.ACT, Shape.DECIDE) and step.kind not in ACTS:
        yield _row(step.where, Status.FAIL, f"'{step.command}' acts; a {step.kind} step runs by itself.",
                   "Make it a command step.")


def _parsed(session: Session, book: Runbook, step: RunbookStep, line: str) -> tuple[str, str, str]:
    """The shape of a command line, or what is wrong with it and what would be right; nothing is run."""
    try:
        words = shlex.split(line)
    except ValueError:
        return "", "", ""  # said where the text is read
    values = {**dict.fromkeys(_steps.NAMES, "a"), **{each.name: _params.stand_in(each) for each in book.params}}
    outcome = session.perform([_steps.stood_in(word, values) for word in words], parse_only=True)
    if outcome.error is not None:
        return "", f"'{line}': {outcome.error['what']}", outcome.error["next"]
    return str(outcome.view.facts()["shape"]), "", ""
