"""A runbook run under way: what its history says, what runs by itself, and how an act happens once at most."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from mlops_tui import folds
from mlops_tui.errors import BadInput, Conflict, Denied, Refusal
from mlops_tui.folds import Incident, RunbookRun, StepState
from mlops_tui.project import read_document
from mlops_tui.render import keep
from mlops_tui.response import _conditions, _steps
from mlops_tui.response._keys import BY_ITSELF
from mlops_tui.response._steps import Runbook, RunbookStep
from mlops_tui.running.holder import lives, this_process
from mlops_tui.session import Session
from mlops_tui.view import Facts, Status, View
from store.facts import Approval, Command, Fact, RunbookEvent
from store.ledger import Entry, Ledger

SETTLED = ("pass", "warn", "done", "skipped", "diverted")
HAPPENED = ("pass", "warn", "done")
ANSWERS = {Status.PASS: "pass", Status.WARN: "warn", Status.DONE: "done", Status.FAIL: "fail",
           Status.UNKNOWN: "unknown", Status.RUNNING: "done", Status.CONFIRM: "error", Status.DENIED: "error",
           Status.ERROR: "error"}
VERDICTS = {True: "pass", False: "fail", None: "unknown"}
AGAIN = "it began and did not end; doing it twice is like doing it once, so do it again"


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

    def answers(self) -> dict[str, _conditions.Answer]:
        """What the steps that have a name found, with the verdict of the step itself; a skipped one found nothing."""
        found, steps = dict[str, _conditions.Answer](), self.run.steps
        for step in self.book.steps:
            state = steps.get(step.number)
            if step.name and state is not None and state.evidence and state.status not in ("skipped", "intent"):
                view = self.evidence(state)
                verdict = str(view.status) if step.kind == "query" else "fail" if state.status == "diverted" else \
                    state.status
                found[step.name] = {**_conditions.answer(view), "status": verdict}
        return found

    def evidence(self, state: StepState) -> View:
        """The answer that a step left."""
        return keep.read(self.session.data().object(state.evidence).decode())

    def known(self, **own: _conditions.Answer) -> dict[str, str]:
        """What the placeholders stand for by now: the run's own values, and the facts that its steps found."""
        return known(self.values, {**self.answers(), **own})

    def holds(self, condition: str, **own: _conditions.Answer) -> bool | None:
        """Whether a condition holds by what is known now; None where that is unknown."""
        return holds(self.book, condition, self.values, {**self.answers(), **own})

    def note(self, step: RunbookStep, seen: StepState | None, status: str, note: str = "", evidence: str = "",
             until: datetime | None = None, more: Iterable[Fact] = ()) -> None:
        """Append how a step stands now, unless somebody else has taken it on since it was `seen`."""
        def decided(entries: Sequence[Entry]) -> list[Fact]:
            run = open_run(entries, self.id)
            now = run.steps.get(step.number)
            if now is not None and now.seq != (seen.seq if seen else 0):
                raise Conflict(f"{now.actor} took step {step.number} of {run.id} on at the same time; it is "
                               f"{now.status}.", next=f"Try: mlops-tui runbook show {run.id}")
            return [*more, self.event(step, status, note, evidence, until=until.isoformat() if until else "")]

        self.session.ledger.transact(decided)

    def event(self, step: RunbookStep, status: str, note: str = "", evidence: str = "", **more: Any) -> RunbookEvent:
        return RunbookEvent(subject=self.id, event="step", step=step.number, status=status, note=note,
                            evidence=evidence, **more)

    def kept(self, view: View) -> str:
        """Put an answer aside as evidence; its address."""
        return self.session.data().put_object(keep.written(view).encode())


def known(values: Mapping[str, str], answers: Mapping[str, _conditions.Answer]) -> dict[str, str]:
    """What placeholders stand for: values, and `name.fact` for whatever of an answer is one word."""
    facts = {f"{name}.{fact}": str(value) for name, answer in answers.items() for fact, value in answer.items()
             if isinstance(value, str | int | float) and str(value)}
    return {**facts, **values}


def holds(book: Runbook, condition: str, values: Mapping[str, str],
          answers: Mapping[str, _conditions.Answer]) -> bool | None:
    """Whether a condition holds of values and answers; a number that a person gave counts as a number."""
    numbers = {each.name for each in book.params if each.type == "number"}
    given = {name: float(value) if name in numbers else value for name, value in values.items() if value}
    return _conditions.holds(_steps.condition(condition), {**given, **answers})


def opened(session: Session, name: str) -> Case:
    """The run of that id, with the text it began with; NotFound where there is none."""
    session.declared()
    run = folds.known(folds.runbook_runs(session.ledger.entries("runbook")), name, "run", "runbook list")
    with session.data().staging() as folder:
        path = folder / f"{run.runbook}.md"
        path.write_bytes(session.data().object(run.digest))
        document = replace(read_document(path), path=f"runbooks/{path.name}")
    return Case(session, run.id, _steps.read(document), {**values(session, run.about, run.incident), **run.params})


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


def around(session: Session, incident: Incident | None) -> dict[str, str]:
    """What an incident and its first alert tell of the values that a runbook asks for."""
    if incident is None:
        return {}
    found = {"incident.id": incident.id, "incident.about": incident.about, "incident.severity": incident.severity}
    alert = folds.alerts(session.ledger.entries("alert")).get(incident.alerts[0]) if incident.alerts else None
    if alert is not None:
        found |= {"alert.id": alert.id, "alert.about": alert.about, "alert.check": alert.check,
                  "alert.monitor": alert.monitor, "alert.severity": alert.severity}
    return found


# -- what runs by itself ----------------------------------------------------------------------------------------


def advance(case: Case) -> None:
    """Do every step that needs nobody, until one does; a run whose steps are all settled is finished."""
    while (found := case.current()) is not None:
        step, state = found
        if state is not None and state.status == "waiting":
            _wait_for(case, step, state)
        elif not _needed(case, step, state):
            pass
        elif step.kind in BY_ITSELF:
            _look(case, step, state)
        elif step.kind == "wait" and (state is None or state.status in ("fail", "unknown", "error")):
            _begin_wait(case, step, state)
        else:
            return
        if case.run.steps[step.number].status not in SETTLED:
            return
    case.session.ledger.transact(lambda entries: [RunbookEvent(subject=case.id, event="finished")]
                                 if folds.runbook_runs(entries)[case.id].open else [])


def _needed(case: Case, step: RunbookStep, state: StepState | None) -> bool:
    """Whether a step that has not begun is to be done; where its condition is unknown, a person says so."""
    condition = step.says.get("when", "")
    if not condition or (state is not None and state.evidence):
        return True
    verdict = case.holds(condition)
    if verdict is False:
        case.note(step, state, "skipped", f"not needed: {condition} is not so")
    elif verdict is None and state is None:
        case.note(step, state, "unknown", f"nobody knows whether {condition}: do it, or pass over it")
    return verdict is True


def _look(case: Case, step: RunbookStep, state: StepState | None) -> None:
    """Run a step's command line and keep its answer as evidence; what asks for consent is not run."""
    argv = _steps.filled(step, case.known())
    view = looked(case.session, step, argv, lambda answer: case.holds(step.expects, answer=answer))
    status, note, evidence = ANSWERS[view.status], view.title, case.kept(view)
    if status in HAPPENED or step.kind == "query":  # a query informs whoever reads it; only a check stands in the way
        case.note(step, state, status if status in HAPPENED else "warn", note, evidence)
        return
    began = state.began_at if state else case.session.now()
    again = case.session.now() + step.span("every")
    if step.says.get("every") and status != "error" and again <= began + step.span() + step.span("timeout"):
        case.note(step, state, "waiting", f"not yet: {note}", evidence, again)
    elif step.goto is not None and status == "fail":
        _divert(case, step, state, note, evidence)
    else:
        late = f"not so within {step.says['timeout']}: " if step.says.get("timeout") and status != "error" else ""
        case.note(step, state, status, f"{late}{note}", evidence)


def looked(session: Session, step: RunbookStep, argv: Sequence[str], expected: Any) -> View:
    """The answer to a look, with the verdict of the step, which may expect something else than a pass."""
    outcome = session.perform(argv)
    if outcome.view.status is Status.CONFIRM:
        return View(f"'{' '.join(argv)}' acts: it belongs into a command step", Status.ERROR)
    view = outcome.view
    if step.expects and outcome.error is None:
        verdict = expected(_conditions.answer(view))
        said = {True: "as expected", False: "not so", None: "unknown whether"}[verdict]
        return replace(view, title=f"{view.title} ({said}: {step.expects})", status=Status(VERDICTS[verdict]))
    return view


def _divert(case: Case, step: RunbookStep, state: StepState | None, note: str, evidence: str) -> None:
    """Go on at the step that the check leads to; those between are passed over in the same breath."""
    over = [case.event(each, "skipped", f"passed over: step {step.number} leads to step {step.goto}")
            for each in case.book.steps if step.number < each.number < (step.goto or 0)]
    case.note(step, state, "diverted", f"{note}: on to step {step.goto}", evidence, more=over)


def _begin_wait(case: Case, step: RunbookStep, state: StepState | None) -> None:
    if state is None and step.span() > timedelta(0):
        due = case.session.now() + step.span()
        case.note(step, state, "waiting", f"until {due.isoformat()}", until=due)
    else:
        _after_wait(case, step, state)


def _wait_for(case: Case, step: RunbookStep, state: StepState) -> None:
    """Look whether what is waited for has come: a time, or the votes of an approval."""
    session = case.session
    if step.kind in ("wait", "check"):
        due = datetime.fromisoformat(state.until) if state.until else state.began_at + step.span()
        if session.now() >= due:
            _after_wait(case, step, state)
        return
    asked = folds.approvals(session.ledger.entries("approval", "vote"), session.now()).get(state.note)
    if asked is None or (asked.state == "done" and not step.quorum):
        case.note(step, state, "done", state.note, state.evidence)
    elif asked.state not in ("open", "met", "done"):
        case.note(step, state, "fail", f"{asked.id} is {asked.state}", state.evidence)


def _after_wait(case: Case, step: RunbookStep, state: StepState | None) -> None:
    if step.command:
        _look(case, step, state)
    else:
        case.note(step, state, "done")


# -- what a person starts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """An act as it would be done: its command line, its plan, and the digest that consents to it."""

    argv: tuple[str, ...]
    view: View
    consent: str | None
    idempotent: bool = False


def reading(session: Session) -> Session:
    """The same session, which records nothing."""
    ledger: object = session.ledger
    return replace(session, ledger=ledger.closed()) if isinstance(ledger, Ledger) else session


def prepared(session: Session, argv: tuple[str, ...]) -> Prepared:
    """Plan a command line without doing or recording anything; refused where it is."""
    outcome = reading(session).perform(argv, dry_run=True)
    if outcome.plan is not None:
        return Prepared(argv, outcome.view, outcome.plan, outcome.idempotent)
    if outcome.error is None and outcome.view.status in (Status.FAIL, Status.UNKNOWN):
        return Prepared(argv, outcome.view, None)  # a gate that says no has no plan; doing the step says so again
    if outcome.error is not None and outcome.error["next"] != "Drop --dry-run.":  # has none, and needs no consent
        kind = {"conflict": Conflict, "denied": Denied}.get(outcome.error["code"], BadInput)
        raise kind(outcome.error["what"], where=outcome.error["where"], next=outcome.error["next"])
    return Prepared(argv, View(f"Runs: mlops-tui {' '.join(argv)}", Status.DONE), None)


def do(case: Case, step: RunbookStep, plan: Prepared, *more: Fact) -> View:
    """Say that it will be done, do it, say what came of it. A second hand that comes meanwhile is refused."""
    claim(case, step, "intent", "", plan.consent or "", *more, holder=this_process())
    outcome = case.session.perform(plan.argv, consent=plan.consent)
    status, note = ANSWERS[outcome.view.status], outcome.view.title
    approval = outcome.view.facts().get("approval")
    if outcome.view.status is Status.RUNNING and isinstance(approval, str):
        status, note = "waiting", approval
    facts = Facts({**plan.view.facts(), **outcome.view.facts()})  # an undoing may need what the plan found before
    answer = replace(outcome.view, parts=(facts, *(part for part in outcome.view.parts if not isinstance(part, Facts))))
    case.session.ledger.append(case.event(step, status, note, case.kept(answer)))
    return outcome.view


def claim(case: Case, step: RunbookStep, status: str, note: str = "", evidence: str = "", *more: Fact,
          holder: str = "") -> None:
    """Append how a step stands, unless somebody settled or began it in the meantime."""
    def decided(entries: Sequence[Entry]) -> list[Fact]:
        run = open_run(entries, case.id)
        state = run.steps.get(step.number)
        if state is not None and state.status in SETTLED:
            raise Conflict(f"Step {step.number} of {run.id} is {state.status} already, by {state.actor}.",
                           next=f"Try: mlops-tui runbook show {run.id}")
        if state is not None and state.status == "intent":
            raise Conflict(f"{state.actor} began step {step.number} of {run.id} and it has not ended.",
                           next=f"Try: mlops-tui runbook resume {run.id}")
        return [*more, case.event(step, status, note, evidence, holder=holder)]

    case.session.ledger.transact(decided)


def open_run(entries: Sequence[Entry], id: str) -> RunbookRun:
    """The run as it stands; Conflict where it is over."""
    run = folds.runbook_runs(entries)[id]
    if not run.open:
        raise Conflict(f"{run.id} is {run.state}.", next=f"Try: mlops-tui runbook show {run.id}")
    return run


# -- after a crash ----------------------------------------------------------------------------------------------


def at_work(state: StepState, now: datetime) -> bool:
    """Whether the process that began the act still lives; one on another machine counts as alive for an hour."""
    return lives(state.holder, state.at, now)


def settle(case: Case) -> None:
    """After a crash: what the history says about an act that was about to happen. Nothing is done again here."""
    found = case.current()
    if found is None or found[1] is None or found[1].status != "intent":
        return
    step, state = found[0], found[1]
    if at_work(state, case.session.now()):
        raise Conflict(f"{state.actor} is doing step {step.number} of {case.id} right now.",
                       next=f"Try: mlops-tui runbook show {case.id}")
    status, note = came_of(case, state, _steps.filled(step, case.known()))
    if status == "interrupted" and step.idempotent:
        status, note = "pending", AGAIN
    case.note(step, state, status, note)


def came_of(case: Case, state: StepState, argv: Sequence[str]) -> tuple[str, str]:
    """What the history says came of an act after it was about to happen, and in words."""
    later = [entry for entry in case.session.ledger.entries("command", "approval")
             if entry.seq > state.seq and entry.actor == state.actor]
    traces = [(entry.seq, entry.fact) for entry in later
              if isinstance(entry.fact, Command) and entry.fact.argv == tuple(argv)]
    until, ended = next(((seq, fact) for seq, fact in traces if fact.phase != "attempt"), (0, None))
    asked = next((entry.fact.subject for entry in later if isinstance(entry.fact, Approval)
                  and entry.fact.event == "asked" and traces[0][0] < entry.seq < until), "") if traces else ""
    if ended is None and traces:
        with suppress(Refusal):  # what cannot be planned now is for a person to look at
            if prepared(case.session, tuple(argv)).idempotent:
                return "pending", AGAIN
        return "interrupted", "it began and did not end: look what was done before you repeat it"
    if ended is None:
        return "pending", "it was not begun before the interruption"
    if ended.phase != "outcome":
        return "error", f"it was {ended.phase} before the interruption: {ended.error}"
    if ended.status == Status.RUNNING:  # whose votes it waits for is known where it asked for them itself
        return ("waiting", asked) if asked else ("interrupted", "it waits for votes, or for a job: look which")
    return ANSWERS[Status(ended.status)], "it was done before the interruption, as the history says"


# -- whose turn it is ------------------------------------------------------------------------------------------------


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
    """Refuse before anything starts where a placeholder would stand for nothing; what steps find out comes later."""
    later = {name: "later" for step in book.steps for name in _steps.lacking(step, found) if "." in name}
    for step in book.steps:
        if step.command:
            _steps.filled(step, {**later, **found})
        if step.kind == "notify":
            _steps.message(step, {**later, **found})
