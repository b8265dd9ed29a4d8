"""Runbooks: what to do at three in the morning, step by step, with the evidence kept."""

from collections.abc import Callable, Mapping, Sequence

import click

from mlops_tui import folds
from mlops_tui.alerts.coverage import covered
from mlops_tui.capability import Plan, act, look, noun
from mlops_tui.errors import BadInput, Conflict, Unreadable
from mlops_tui.response import _conditions, _running, _standing, _steps, _voting
from mlops_tui.response._beginning import fields, meant, said, start, values
from mlops_tui.response._manual import answered
from mlops_tui.response._params import Param
from mlops_tui.response._planning import Trial, tried
from mlops_tui.response._running import Case, Prepared
from mlops_tui.response._standing import standing
from mlops_tui.response._steps import RunbookStep
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, Text, View, counted
from store.facts import Fact, IncidentEvent, RunbookEvent
from store.ledger import Entry

runbook = noun("runbook", __doc__ or "", bare="list", subject="show", package=__package__ or "")


@look(of=runbook, fold=True)
def list_(session: Session) -> View:
    """Every runbook, what it is for, and how often it was worked through.

    \b
    Example: mlops-tui runbook list
    """
    project = session.declared()
    runs = list(folds.runbook_runs(session.ledger.entries("runbook")).values())
    rows: list[Row] = []
    for name, document in sorted(project.runbooks.items()):
        own = (project.root / "runbooks" / f"{name}.md").is_file()
        row: dict[str, Cell] = {"runbook": name, "from": "project" if own else "shipped",
                                "runs": sum(run.runbook == name for run in runs)}
        try:
            book = _steps.read(document)
        except Unreadable as problem:
            rows.append({**row, "title": str(problem), "status": Status.FAIL})
            continue
        rows.append({**row, "title": book.title, "when": book.when, "severity": book.severity, "steps": len(book.steps),
                     "asks": tuple(each.name for each in book.params), "status": Status.PASS})
    table = Table.of("runbooks", rows, "runbook", "title", "when", "steps", "from", "runs", "status")
    bare = [each for each in covered(project.monitors, project.runbooks) if each.standing != "named"]
    actions = [Action(f"Go on with {run.id}", ("runbook", "resume", run.id)) for run in runs if run.open][:3]
    actions += [Action("Alerts without one", ("runbook", "coverage"))] if bare else []
    wrong = any(row["status"] is Status.FAIL for row in rows)
    actions += [Action("What is wrong", ("runbook", "lint"))] if wrong else []
    return View(counted(len(rows), "runbook"), Status.WARN if bare or wrong else Status.PASS, (table,), tuple(actions))


@look(of=runbook, fold=True)
@click.argument("name")
@click.option("--incident", default="", help="Show the command lines as they would be in this incident.")
@click.option("--about", default="", help="Show them as they would be for this model or dataset.")
@click.option("--step", "number", type=int, default=None, help="Of a run: the evidence that this step left.")
def show(session: Session, name: str, incident: str, about: str, number: int | None) -> View:
    """A runbook's text and command lines, or the step at which the run RUN-1 stands.

    \b
    Example: mlops-tui runbook show data-drift
    Example: mlops-tui runbook show RUN-1 --step 2
    """
    project = session.declared()
    if name.upper().startswith("RUN-"):
        case = _running.opened(session, name)
        return standing(case) if number is None else _standing.evidence(case, number)
    book = _steps.read(project.one("runbook", name))
    found, asked = values(session, book, *meant(session, incident, about), {})
    rows = [_standing.row(step, None, found, project.zone) for step in book.steps]
    facts: dict[str, Cell] = {"runbook": book.name, "when": book.when, "severity": book.severity, "owner": book.owner,
                              "needs": book.needs}
    table = Table.of("steps", rows, "step", "title", "kind", "command")
    asks = Table.of("params", [_asking(each, found) for each in book.params], "param", "type", "value", "help",
                    title="It asks for")
    return View(book.title, Status.DONE, (Facts(facts), table, *((asks,) if book.params else ()),
                                          Text(project.runbooks[name].body, "markdown")),
                (Action("Work through it", start(name, incident, about), tuple(f"set:{each.name}" for each in asked)),
                 Action("What it would do", ("runbook", "plan", *start(name, incident, about)[2:]))))


def _asking(param: Param, found: Mapping[str, str]) -> Row:
    ends = [f"from {param.least}"] * bool(param.least) + [f"to {param.most}"] * bool(param.most)
    return {"param": param.name, "type": param.type, "value": found.get(param.name, "ask"),
            "help": "; ".join(part for part in (param.help, " ".join(ends), " | ".join(param.of)) if part)}


# -- working through one ----------------------------------------------------------------------------------------


@act(of=runbook, confirm=False)
@click.argument("name")
@click.option("--incident", default="", help="The incident that it is for.")
@click.option("--about", default="", help="The model or dataset; the incident's own by default.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A value that the runbook asks for.")
@click.option("--dry-run", "dry_run", is_flag=True, help="Run its checks and queries, plan what acts, begin nothing.")
def run(session: Session, name: str, incident: str, about: str, given: tuple[str, ...], dry_run: bool) -> View:
    """Begin a runbook: its checks and queries run by themselves, up to the step that needs a person.

    Nothing acts before somebody says so; `runbook plan NAME --about SUBJECT` shows every command line beforehand.

    \b
    Example: mlops-tui runbook run data-drift --incident INC-1
    Example: mlops-tui runbook run data-drift --about flights-delay --dry-run
    """
    book, subject, case_of, found = said(session, name, incident, about, given)
    if dry_run:
        return tried(Trial(session, book, found, looks=True), start(name, incident, about))
    digest, chosen = session.declaration("runbook", name), {each.name: found[each.name] for each in book.params}

    def decided(entries: Sequence[Entry]) -> tuple[Fact, ...]:
        known = folds.runbook_runs(entries)
        going = next((each for each in known.values() if each.open and each.runbook == name
                      and (each.incident, each.about) == (case_of, subject)), None)
        if going is not None:
            raise Conflict(f"{going.id} works through it already.", next=f"Try: mlops-tui runbook resume {going.id}")
        return (RunbookEvent(subject=folds.next_id("RUN", known), event="started", runbook=name, digest=digest,
                             incident=case_of, about=subject, params=chosen),)

    [entry] = session.ledger.transact(decided)
    case = _running.opened(session, entry.subject)
    _running.advance(case)
    return standing(case)


run.fields = fields


@act(of=runbook, confirm=False)
@click.argument("run")
def resume(session: Session, run: str) -> View:
    """Go on with a run, after a pause or a crash: what acted is not done again, failed checks are looked at again.

    \b
    Example: mlops-tui runbook resume RUN-1
    """
    case = _running.opened(session, run)
    if not case.run.open:
        raise Conflict(f"{case.id} is {case.run.state.replace('_', ' ')}.",
                       next=f"Try: mlops-tui runbook show {case.id}")
    _running.settle(case)
    _running.advance(case)
    return standing(case)


@act(of=runbook)
@click.argument("run")
@click.argument("number", type=int)
@click.option("--note", default="", help="What you did or saw. A step that is not manual is passed over with a note.")
@click.option("--done", is_flag=True, help="Of an act that was interrupted: it did happen.")
def step(session: Session, run: str, number: int, note: str, done: bool) -> Plan:
    """Do step NUMBER of RUN: its plan is shown first, and is done when you agree.

    \b
    Example: mlops-tui runbook step RUN-1 3
    Example: mlops-tui runbook step RUN-1 2 --note "the gap is known, go on"
    Example: mlops-tui runbook step RUN-1 4 --done --note "the version serves, I looked"
    """
    case = _running.opened(session, run)
    found, state = _running.first_of(case, number)
    facts: dict[str, Cell] = {"run": case.id, "step": number, "kind": found.kind, **({"note": note} if note else {})}
    title = f"Step {number} of {case.id}: {found.title}"
    if done and (state is None or state.status not in ("interrupted", "error")):
        raise BadInput(f"Step {number} of {case.id} was not interrupted.", next="Drop --done.")
    if found.kind == "notify":
        text = note or _steps.message(found, case.known())
        return _then(case, View(title, Status.CONFIRM, (Facts({**facts, "note": text}),)),
                     lambda: _tell(case, found, text))
    if note or done or found.kind == "manual":
        kept = answered(found, note) if found.kind == "manual" else None
        if not note.strip():
            raise BadInput("What did you do, or see?", next="Add: --note 'what'", where=found.title)
        status = "done" if found.kind == "manual" or done else "skipped"
        return _then(case, View(title, Status.CONFIRM, (Facts(facts),)), lambda: _running.claim(
            case, found, status, note, case.kept(kept) if kept else state.evidence if done and state else ""))
    if state is not None and state.status == "waiting" and not found.quorum:
        raise Conflict(f"Step {number} waits: {state.note}.", next=f"Try: mlops-tui runbook resume {case.id}")
    if not found.command or found.kind in ("check", "query", "wait"):
        shown = Facts({**facts, "command": _steps.known(found.command, case.known())})
        return _then(case, View(title, Status.CONFIRM, (shown,)), lambda: None)
    return _command(case, found, View(title, Status.CONFIRM, (Facts(facts),)))


def _command(case: Case, found: RunbookStep, asked: View) -> Plan:
    plan = _running.prepared(case.session, _steps.filled(found, case.known()))
    known = case.known(answer=_conditions.answer(plan.view))
    shown: dict[str, Cell] = {**asked.facts(), "command": " ".join(plan.argv), "plan": plan.view.title,
                              "undo": _steps.known(found.undo, known) or found.kept_because,
                              "text": case.run.digest[:12]}
    if found.quorum:
        shown |= {"votes_needed": found.quorum, "votes_from": found.says.get("role", "")}
    view = View(asked.title, asked.status,
                (Facts(shown), *(part for part in plan.view.parts if not isinstance(part, Facts))))
    if found.quorum:
        return _then(case, view, lambda: _voting.voted(case, found, plan, view))
    return _then(case, view, lambda: _done(case, found, plan))


def _done(case: Case, found: RunbookStep, plan: Prepared) -> None:
    _running.do(case, found, plan)


def _then(case: Case, view: View, apply: Callable[[], None]) -> Plan:
    """The plan of one step; once it is done, whatever needs nobody follows."""
    def applied() -> View:
        apply()
        _running.advance(case)
        return standing(case)

    return Plan(view, applied)


def _tell(case: Case, found: RunbookStep, text: str) -> None:
    """The message enters the incident's timeline, from where each surface takes it to its people."""
    told = [IncidentEvent(subject=case.run.incident, event="note", note=text)] if case.run.incident else []
    _running.claim(case, found, "done", text, "", *told)


# -- ending one ---------------------------------------------------------------------------------------------------


@act(of=runbook, confirm=False)
@click.argument("run")
@click.option("--note", default="", help="Why.")
def stop(session: Session, run: str, note: str) -> View:
    """End a run where it stands; what it did stays as it is.

    \b
    Example: mlops-tui runbook stop RUN-1 --note "it was a false alarm"
    """
    case = _running.opened(session, run)

    def decided(entries: Sequence[Entry]) -> tuple[Fact, ...]:
        found = folds.runbook_runs(entries)[case.id]
        if not found.open:
            raise Conflict(f"{found.id} is {found.state.replace('_', ' ')} already.",
                           next=f"Try: mlops-tui runbook show {found.id}")
        return (RunbookEvent(subject=found.id, event="stopped", note=note),)

    session.ledger.transact(decided)
    return standing(case)
