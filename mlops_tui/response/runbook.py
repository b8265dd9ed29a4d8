"""Runbooks: what to do at three in the morning, step by step, with the evidence kept."""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo

import click

from mlops_tui import folds
from mlops_tui.capability import Plan, act, look, noun
from mlops_tui.errors import BadInput, Conflict, Unreadable
from mlops_tui.folds import RunbookRun, StepState
from mlops_tui.inputs.moments import local
from mlops_tui.render import keep
from mlops_tui.response import _running, _steps
from mlops_tui.response._running import Case, Prepared
from mlops_tui.response._steps import Runbook, RunbookStep
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Fact, IncidentEvent, RunbookEvent
from store.ledger import Entry

runbook = noun("runbook", __doc__ or "", bare="list", subject="show")
SHOWN = ("step", "title", "kind", "status", "command", "note")
STATUS = {"pass": Status.PASS, "warn": Status.WARN, "done": Status.DONE, "skipped": Status.DONE, "fail": Status.FAIL,
          "error": Status.FAIL, "unknown": Status.UNKNOWN, "interrupted": Status.UNKNOWN}


@look(of=runbook, fold=True)
def list_(session: Session) -> View:
    """Every runbook, what it is for, and what has none.

    \b
    Example: mlops-tui runbook list
    """
    project = session.declared()
    entries = session.ledger.entries("runbook", "alert")
    runs = list(folds.runbook_runs(entries).values())
    rows: list[Row] = []
    books: list[Runbook] = []
    for name, document in sorted(project.runbooks.items()):
        own = (project.root / "runbooks" / f"{name}.md").is_file()
        row: dict[str, Cell] = {"runbook": name, "from": "project" if own else "shipped",
                                "runs": sum(run.runbook == name for run in runs)}
        try:
            book = _steps.read(document)
        except Unreadable as problem:
            rows.append({**row, "title": str(problem), "status": Status.FAIL})
            continue
        books.append(book)
        rows.append({**row, "title": book.title, "when": book.when, "severity": book.severity, "steps": len(book.steps),
                     "status": Status.PASS})
    table = Table.of("runbooks", rows, "runbook", "title", "when", "steps", "from", "runs", "status")
    bare = _uncovered(session, books)
    going = [Action(f"Go on with {run.id}", ("runbook", "resume", run.id)) for run in runs if run.open]
    return View(counted(len(rows), "runbook"), Status.WARN if bare.rows or len(books) < len(rows) else Status.PASS,
                (table, bare), tuple(going[:3]))


def _uncovered(session: Session, books: Sequence[Runbook]) -> Table:
    """The monitors whose alerts lead to no runbook."""
    named = {book.name for book in books}
    rows: list[Row] = [{"monitor": name, "check": monitor.check, "fitting": tuple(
        book.name for book in books if monitor.check in book.when)}
        for name, monitor in session.declared().monitors.items()
        if monitor.alert is not None and monitor.alert.runbook not in named]
    return Table.of("uncovered", rows, "monitor", "check", "fitting", title="Alerts without a runbook")


@look(of=runbook, fold=True)
@click.argument("name")
@click.option("--incident", default="", help="Show the command lines as they would be in this incident.")
@click.option("--about", default="", help="Show them as they would be for this model or dataset.")
@click.option("--step", "number", type=int, default=None, help="Of a run: the evidence that this step left.")
def show(session: Session, name: str, incident: str, about: str, number: int | None) -> View:
    """A runbook's plan, or how far the run RUN-1 has come.

    \b
    Example: mlops-tui runbook show data-drift
    Example: mlops-tui runbook show RUN-1 --step 2
    """
    project = session.declared()
    if name.upper().startswith("RUN-"):
        case = _running.opened(session, name)
        return _standing(case) if number is None else _evidence(case, number)
    book = _steps.read(project.one("runbook", name))
    found = _running.values(session, *_meant(session, incident, about))
    rows = [_row(step, None, found, project.zone) for step in book.steps]
    facts: dict[str, Cell] = {"runbook": book.name, "when": book.when, "severity": book.severity, "owner": book.owner,
                              "needs": book.needs}
    table = Table.of("steps", rows, "step", "title", "kind", "command")
    return View(book.title, Status.DONE, (Facts(facts), table, Text(project.runbooks[name].body, "markdown")),
                (Action("Work through it", _start(name, incident, about)),))


def _start(name: str, incident: str, about: str) -> tuple[str, ...]:
    return ("runbook", "run", name, *(("--incident", incident) if incident else ()),
            *(("--about", about) if about else ()))


def _row(step: RunbookStep, state: StepState | None, found: Mapping[str, str], zone: tzinfo) -> Row:
    return {"step": step.number, "title": step.title, "kind": step.kind, "status": state.status if state else "",
            "command": _line(step, found), "note": local(state.note, zone) if state else "",
            "by": state.actor if state else "", "at": state.at if state else None,
            "evidence": state.evidence if state else ""}


def _line(step: RunbookStep, found: Mapping[str, str]) -> str:
    """The step's command line or text as far as its placeholders are known."""
    return _known(step.command or " ".join(step.lines), found)


def _known(text: str, found: Mapping[str, str]) -> str:
    for name, value in found.items():
        text = text.replace(f"{{{name}}}", value) if value else text
    return text


def _evidence(case: Case, number: int) -> View:
    state = case.run.steps.get(number)
    if state is None or not state.evidence:
        raise BadInput(f"Step {number} of {case.id} has left no evidence.",
                       next=f"Try: mlops-tui runbook show {case.id}")
    return keep.read(case.session.data().object(state.evidence).decode()).with_status(Status.DONE)


def _standing(case: Case) -> View:
    """How far a run has come, what the person who looks should do next, and what was found out."""
    run, found = case.run, case.current()
    facts: dict[str, Cell] = {"run": run.id, "runbook": run.runbook, "incident": run.incident, "about": run.about,
                              "state": run.state, "by": run.by, "started_at": run.started_at}
    zone = case.session.declared().zone
    rows = [_row(step, run.steps.get(step.number), case.values, zone) for step in case.book.steps]
    parts: tuple[Part, ...] = (Facts(facts), Table.of("steps", rows, *SHOWN))
    if found is None or not run.open:
        return View(f"{run.id} {run.state}: {case.book.title}", Status.DONE, parts, _after(run))
    step, state = found
    status = STATUS.get(state.status, Status.RUNNING) if state else Status.RUNNING
    said = f"{run.id} stands at step {step.number} of {len(case.book.steps)}: {step.title}"
    prose = "\n\n".join(part for part in (f"**{step.number}. {step.title}**", step.prose,
                                          "\n".join(step.lines) if step.kind == "manual" else "") if part)
    return View(said, status, (*parts, Text(_known(prose, case.values), "markdown")), _choices(case, step, state))


def _after(run: RunbookRun) -> tuple[Action, ...]:
    return (Action("The incident", ("incident", "show", run.incident)),) if run.incident else ()


def _choices(case: Case, step: RunbookStep, state: StepState | None) -> tuple[Action, ...]:
    this = ("runbook", "step", case.id, str(step.number))
    asked = state.note if state is not None and state.status == "waiting" and state.note.startswith("AP-") else ""
    choices = [Action("Who has voted?", ("approve", "show", asked))] if asked else []
    if state is not None and state.status in ("intent", "waiting"):
        choices.append(Action("Go on", ("runbook", "resume", case.id)))
    elif step.kind != "manual":
        choices.append(Action(f"Do step {step.number}", this))
    if step.kind != "notify":
        choices.append(Action("It is done" if step.kind == "manual" else "Pass over it", this, asks=("note",)))
    return (*choices, Action("Stop here", ("runbook", "stop", case.id)))


# -- working through one ----------------------------------------------------------------------------------------


def _meant(session: Session, incident: str, about: str) -> tuple[str, str]:
    """The subject and the incident of a run; the incident says what it is about where nobody else does."""
    found = folds.known(folds.incidents(session.ledger.entries("incident")), incident, "incident") if incident else None
    subject = str(session.declared().subject(about)) if about else found.about if found else ""
    return subject, found.id if found else ""


@act(of=runbook, confirm=False)
@click.argument("name")
@click.option("--incident", default="", help="The incident that it is for.")
@click.option("--about", default="", help="The model or dataset; the incident's own by default.")
def run(session: Session, name: str, incident: str, about: str) -> View:
    """Begin a runbook: its checks and queries run by themselves, up to the step that needs a person.

    Nothing acts before somebody says so; `runbook show NAME --about SUBJECT` shows every command line beforehand.

    \b
    Example: mlops-tui runbook run data-drift --incident INC-1
    """
    book = _steps.read(session.declared().one("runbook", name))
    subject, case_of = _meant(session, incident, about)
    _running.resolvable(book, _running.values(session, subject, case_of))
    digest = session.declaration("runbook", name)

    def decided(entries: Sequence[Entry]) -> tuple[Fact, ...]:
        known = folds.runbook_runs(entries)
        going = next((each for each in known.values() if each.open and each.runbook == name
                      and (each.incident, each.about) == (case_of, subject)), None)
        if going is not None:
            raise Conflict(f"{going.id} works through it already.", next=f"Try: mlops-tui runbook resume {going.id}")
        return (RunbookEvent(subject=folds.next_id("RUN", known), event="started", runbook=name, digest=digest,
                             incident=case_of, about=subject),)

    [entry] = session.ledger.transact(decided)
    case = _running.opened(session, entry.subject)
    _running.advance(case)
    return _standing(case)


@act(of=runbook, confirm=False)
@click.argument("run")
def resume(session: Session, run: str) -> View:
    """Go on with a run, after a pause or a crash: what acted is not done again, failed checks are looked at again.

    \b
    Example: mlops-tui runbook resume RUN-1
    """
    case = _running.opened(session, run)
    _open(case)
    _running.settle(case)
    _running.advance(case)
    return _standing(case)


def _open(case: Case) -> None:
    if not case.run.open:
        raise Conflict(f"{case.id} is {case.run.state}.", next=f"Try: mlops-tui runbook show {case.id}")


@act(of=runbook)
@click.argument("run")
@click.argument("number", type=int)
@click.option("--note", default="", help="What you did or saw. A step that is not manual is passed over with a note.")
def step(session: Session, run: str, number: int, note: str) -> Plan:
    """Do step NUMBER of RUN: its plan is shown first, and is done when you agree.

    \b
    Example: mlops-tui runbook step RUN-1 3
    Example: mlops-tui runbook step RUN-1 2 --note "the gap is known, go on"
    """
    case = _running.opened(session, run)
    found, state = _running.first_of(case, number)
    facts: dict[str, Cell] = {"run": case.id, "step": number, "kind": found.kind, "note": note}
    title = f"Step {number} of {case.id}: {found.title}"
    if found.kind == "notify":
        text = note or _steps.message(found, case.values)
        return _then(case, View(title, Status.CONFIRM, (Facts({**facts, "note": text}),)),
                     lambda: _tell(case, found, text))
    if note or found.kind == "manual":
        if not note.strip():
            raise BadInput("What did you do, or see?", next="Add: --note 'what'", where=found.title)
        status = "done" if found.kind == "manual" else "skipped"
        return _then(case, View(title, Status.CONFIRM, (Facts(facts),)),
                     lambda: _running.claim(case, found, status, note))
    if state is not None and state.status == "waiting":
        raise Conflict(f"Step {number} waits: {state.note}.", next=f"Try: mlops-tui runbook resume {case.id}")
    if not found.command or found.kind in ("check", "query", "wait"):
        shown = Facts({**facts, "command": _line(found, case.values)})
        return _then(case, View(title, Status.CONFIRM, (shown,)), lambda: None)
    return _command(case, found, View(title, Status.CONFIRM, (Facts(facts),)))


def _command(case: Case, found: RunbookStep, asked: View) -> Plan:
    plan = _running.prepared(case, found)
    shown = Facts({**asked.facts(), "command": " ".join(plan.argv), "plan": plan.view.title})
    view = View(asked.title, asked.status, (shown, *(part for part in plan.view.parts if not isinstance(part, Facts))))
    return _then(case, view, lambda: _done(case, found, plan))


def _done(case: Case, found: RunbookStep, plan: Prepared) -> None:
    _running.do(case, found, plan)


def _then(case: Case, view: View, apply: Callable[[], None]) -> Plan:
    """The plan of one step; once it is done, whatever needs nobody follows."""
    def applied() -> View:
        apply()
        _running.advance(case)
        return _standing(case)

    return Plan(view, applied)


def _tell(case: Case, found: RunbookStep, text: str) -> None:
    """The message enters the incident's timeline, from where each surface takes it to its people."""
    told = [IncidentEvent(subject=case.run.incident, event="note", note=text)] if case.run.incident else []
    _running.claim(case, found, "done", text, "", *told)


@act(of=runbook, confirm=False)
@click.argument("run")
@click.option("--note", default="", help="Why.")
def stop(session: Session, run: str, note: str) -> View:
    """End a run where it stands.

    \b
    Example: mlops-tui runbook stop RUN-1 --note "it was a false alarm"
    """
    case = _running.opened(session, run)

    def decided(entries: Sequence[Entry]) -> tuple[Fact, ...]:
        found = folds.runbook_runs(entries)[case.id]
        if not found.open:
            raise Conflict(f"{found.id} is {found.state} already.", next=f"Try: mlops-tui runbook show {found.id}")
        return (RunbookEvent(subject=found.id, event="stopped", note=note),)

    session.ledger.transact(decided)
    return _standing(case)
