"""A runbook run under way: what its history says, what runs by itself, and how an act happens once at most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from mlops_tui import folds
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.folds import RunbookRun, StepState
from mlops_tui.project import read_document
from mlops_tui.render import keep
from mlops_tui.response import _steps
from mlops_tui.response._steps import BY_ITSELF, Runbook, RunbookStep
from mlops_tui.session import Session
from mlops_tui.view import Status, View
from store.facts import Approval, Command, Fact, RunbookEvent
from store.ledger import Entry, Ledger

SETTLED = ("pass", "warn", "done", "skipped")
ANSWERS = {Status.PASS: "pass", Status.WARN: "warn", Status.DONE: "done", Status.FAIL: "fail",
           Status.UNKNOWN: "unknown", Status.RUNNING: "done", Status.CONFIRM: "error", Status.DENIED: "error",
           Status.ERROR: "error"}


@dataclass(frozen=True)
class Case:
    """A run with the text that it began with; a runbook that is edited meanwhile does not change it."""

    session: Session
    id: str
    book: Runbook
    values: Mapping[str, str]

    @property
    def run(self) -> RunbookRun:
        """Where it stands now."""
        return folds.runbook_runs(self.session.ledger.entries("runbook"))[self.id]

    def current(self) -> tuple[RunbookStep, StepState | None] | None:
        """The first step that is not settled; None where all are."""
        steps = self.run.steps
        return next(((step, steps.get(step.number)) for step in self.book.steps
                     if step.number not in steps or steps[step.number].status not in SETTLED), None)

    def note(self, step: RunbookStep, status: str, note: str = "", evidence: str = "", *more: Fact) -> None:
        """Append how a step stands now."""
        self.session.ledger.append(*more, self.event(step, status, note, evidence))

    def event(self, step: RunbookStep, status: str, note: str = "", evidence: str = "") -> RunbookEvent:
        return RunbookEvent(subject=self.id, event="step", step=step.number, status=status, note=note,
                            evidence=evidence)


def opened(session: Session, name: str) -> Case:
    """The run of that id, with the text it began with; NotFound where there is none."""
    session.declared()
    run = folds.known(folds.runbook_runs(session.ledger.entries("runbook")), name, "run", "runbook list")
    with session.data().staging() as folder:
        path = folder / f"{run.runbook}.md"
        path.write_bytes(session.data().object(run.digest))
        document = replace(read_document(path), path=f"runbooks/{path.name}")
    return Case(session, run.id, _steps.read(document), values(session, run.about, run.incident))


def values(session: Session, about: str, incident: str) -> dict[str, str]:
    """What the placeholders stand for; one that stands for nothing, or for one of several, is empty."""
    project = session.declared()
    name = about.partition("@")[0]
    found = folds.incidents(session.ledger.entries("incident")).get(incident)
    models = [model for model, declared in project.models.items() if name in (model, declared.label.dataset)]
    models = models or list(project.models)  # another dataset: the project's model, where it has one
    dataset = name if name in project.datasets else project.models[name].label.dataset if name in project.models else ""
    return {"about": about, "incident": incident, "alert": found.alerts[0] if found and found.alerts else "",
            "model": name if name in models else models[0] if len(models) == 1 else "", "dataset": dataset}


# -- what runs by itself ----------------------------------------------------------------------------------------


def advance(case: Case) -> None:
    """Do every step that needs nobody, until one does; a run whose steps are all settled is finished."""
    while (found := case.current()) is not None:
        step, state = found
        if state is not None and state.status == "waiting":
            _wait_for(case, step, state)
        elif step.kind in BY_ITSELF:
            _look(case, step)
        elif step.kind == "wait" and (state is None or state.status in ("fail", "unknown", "error")):
            _begin_wait(case, step, state)
        else:
            return
        if case.run.steps[step.number].status not in SETTLED:
            return
    if case.run.open:
        case.session.ledger.append(RunbookEvent(subject=case.id, event="finished"))


def _look(case: Case, step: RunbookStep) -> None:
    """Run a step's command line and keep its answer as evidence; what asks for consent is not run."""
    argv = _argv(case, step)
    outcome = case.session.perform(argv)
    status = ANSWERS[outcome.view.status]
    if outcome.view.status is Status.CONFIRM:
        outcome = replace(outcome, view=View(f"'{' '.join(argv)}' acts: it belongs into a command step", Status.ERROR))
    elif step.kind == "query" and status in ("fail", "unknown", "error"):
        status = "warn"  # a query informs whoever reads it; only a check stands in the way
    case.note(step, status, outcome.view.title, _kept(case, outcome.view))


def _argv(case: Case, step: RunbookStep) -> tuple[str, ...]:
    return _steps.filled(step, case.values)


def _kept(case: Case, view: View) -> str:
    return case.session.data().put_object(keep.written(view).encode())


def _begin_wait(case: Case, step: RunbookStep, state: StepState | None) -> None:
    if state is None:
        due = case.session.now() + step.span
        case.note(step, "waiting", f"until {due.isoformat()}")
        if step.span > timedelta(0):
            return
    _after_wait(case, step)


def _wait_for(case: Case, step: RunbookStep, state: StepState) -> None:
    """Look whether what is waited for has come: a time, or the votes of an approval."""
    if step.kind == "wait":
        if case.session.now() >= state.began_at + step.span:
            _after_wait(case, step)
        return
    session = case.session
    asked = folds.approvals(session.ledger.entries("approval", "vote"), session.now()).get(state.note)
    if asked is None or asked.state == "done":
        case.note(step, "done", state.note, state.evidence)
    elif asked.state not in ("open", "met"):
        case.note(step, "fail", f"{asked.id} is {asked.state}", state.evidence)


def _after_wait(case: Case, step: RunbookStep) -> None:
    if step.command:
        _look(case, step)
    else:
        case.note(step, "done")


# -- what a person starts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """An act as it would be done: its command line, its plan, and the digest that consents to it."""

    argv: tuple[str, ...]
    view: View
    consent: str | None


def prepared(case: Case, step: RunbookStep) -> Prepared:
    """Plan a command step without doing or recording anything; refused where its command line is."""
    argv = _argv(case, step)
    session = case.session
    ledger: object = session.ledger
    reading = replace(session, ledger=ledger.closed()) if isinstance(ledger, Ledger) else session
    outcome = reading.perform(argv, dry_run=True)
    if outcome.plan is not None:
        return Prepared(argv, outcome.view, outcome.plan)
    if outcome.error is None and outcome.view.status in (Status.FAIL, Status.UNKNOWN):
        return Prepared(argv, outcome.view, None)  # a gate that says no has no plan; doing the step says so again
    if outcome.error is not None and outcome.error["next"] != "Drop --dry-run.":  # has none, and needs no consent
        kind = Conflict if outcome.error["code"] == "conflict" else BadInput
        raise kind(outcome.error["what"], where=outcome.error["where"], next=outcome.error["next"])
    return Prepared(argv, View(f"Runs: mlops-tui {' '.join(argv)}", Status.DONE), None)


def do(case: Case, step: RunbookStep, plan: Prepared) -> View:
    """Say that it will be done, do it, say what came of it. A second hand that comes meanwhile is refused."""
    claim(case, step, "intent", evidence=plan.consent or "")
    outcome = case.session.perform(plan.argv, consent=plan.consent)
    status, note = ANSWERS[outcome.view.status], outcome.view.title
    approval = outcome.view.facts().get("approval")
    if outcome.view.status is Status.RUNNING and isinstance(approval, str):
        status, note = "waiting", approval
    case.note(step, status, note, _kept(case, outcome.view))
    return outcome.view


def claim(case: Case, step: RunbookStep, status: str, note: str = "", evidence: str = "", *more: Fact) -> None:
    """Append how a step stands, unless somebody settled or began it in the meantime."""
    def decided(entries: Sequence[Entry]) -> list[Fact]:
        run = folds.runbook_runs(entries)[case.id]
        if not run.open:
            raise Conflict(f"{run.id} is {run.state}.", next=f"Try: mlops-tui runbook show {run.id}")
        state = run.steps.get(step.number)
        if state is not None and state.status in SETTLED:
            raise Conflict(f"Step {step.number} of {run.id} is {state.status} already, by {state.actor}.",
                           next=f"Try: mlops-tui runbook show {run.id}")
        if state is not None and state.status == "intent":
            raise Conflict(f"{state.actor} began step {step.number} of {run.id} and it has not ended.",
                           next=f"Try: mlops-tui runbook resume {run.id}")
        return [*more, case.event(step, status, note, evidence)]

    case.session.ledger.transact(decided)


def settle(case: Case) -> None:
    """After a crash: what the history says about an act that was about to happen. Nothing is done again here."""
    found = case.current()
    if found is None:
        return
    step, state = found
    if state is None or state.status != "intent":
        return
    argv = _argv(case, step)
    later = [entry.fact for entry in case.session.ledger.entries("command", "approval") if entry.seq > state.seq]
    traces = [fact for fact in later if isinstance(fact, Command) and fact.argv == argv]
    ended = next((fact for fact in traces if fact.phase != "attempt"), None)
    asked = next((fact.subject for fact in later if isinstance(fact, Approval) and fact.event == "asked"), "")
    if ended is None and traces:
        case.note(step, "interrupted", "it began and did not end: look what was done before you repeat it")
    elif ended is None:
        case.note(step, "pending", "it was not begun before the interruption")
    elif ended.phase != "outcome":
        case.note(step, "error", f"it was {ended.phase} before the interruption: {ended.error}")
    elif ended.status == Status.RUNNING and asked:
        case.note(step, "waiting", asked)
    else:
        case.note(step, ANSWERS[Status(ended.status)], "it was done before the interruption, as the history says")


def first_of(case: Case, number: int) -> tuple[RunbookStep, StepState | None]:
    """The step of that number, which must be the one whose turn it is."""
    if not 1 <= number <= len(case.book.steps):
        raise BadInput(f"{case.id} has steps 1 to {len(case.book.steps)}.",
                       next=f"Try: mlops-tui runbook show {case.id}")
    found = case.current()
    step, state = case.book.steps[number - 1], case.run.steps.get(number)
    if not case.run.open or found is None or number < found[0].number:
        raise Conflict(f"Step {number} of {case.id} is {state.status if state else case.run.state} already.",
                       next=f"Try: mlops-tui runbook show {case.id}")
    if number > found[0].number:
        first = found[0]
        raise Conflict(f"Step {first.number}, '{first.title}', comes first.",
                       next=f"Do it, or pass over it: mlops-tui runbook step {case.id} {first.number} --note 'why'")
    return step, state


def resolvable(book: Runbook, found: Mapping[str, str]) -> None:
    """Refuse before anything starts where a placeholder would stand for nothing."""
    for step in book.steps:
        if step.command:
            _steps.filled(step, found)
        if step.kind == "notify":
            _steps.message(step, found)


