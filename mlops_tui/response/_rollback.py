"""Taking a runbook run back: what its steps did is undone in reverse order, each once, and what stays is said."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_tui import folds
from mlops_tui.errors import BadInput, Conflict, Refusal
from mlops_tui.folds import RunbookRun, StepState
from mlops_tui.response import _conditions, _running, _steps
from mlops_tui.response._keys import ACTS
from mlops_tui.response._running import ANSWERS, HAPPENED, Case
from mlops_tui.response._steps import RunbookStep
from mlops_tui.running.holder import this_process
from mlops_tui.view import Status, View
from store.facts import Fact, RunbookEvent
from store.ledger import Entry

OVER = "rolled_back"


@dataclass(frozen=True)
class Undo:
    """One step that acted, and how it is taken back: by a command line, or not, and why not."""

    step: RunbookStep
    state: StepState
    before: StepState | None
    argv: tuple[str, ...] = ()
    why_not: str = ""

    @property
    def done(self) -> bool:
        return self.before is not None and self.before.status == OVER


def undos(case: Case) -> list[Undo]:
    """What the run did, the last first; whether it happened is known of each, or Conflict."""
    run, found = case.run, list[Undo]()
    for step in reversed(case.book.steps):
        state = run.steps.get(step.number)
        if step.kind not in ACTS or state is None:
            continue
        if state.status in ("intent", "interrupted", "waiting"):
            raise Conflict(f"Nobody knows yet whether step {step.number} of {run.id} was done: it is {state.status}.",
                           next=f"Try: mlops-tui runbook show {run.id}")
        if state.status in HAPPENED:
            found.append(_undo(case, run, step, state))
    return found


def _undo(case: Case, run: RunbookRun, step: RunbookStep, state: StepState) -> Undo:
    before = run.undone.get(step.number)
    if not step.undo:
        return Undo(step, state, before, why_not=step.kept_because or "the runbook names no way back")
    answer = _conditions.answer(case.evidence(state)) if state.evidence else {}
    try:
        return Undo(step, state, before, _steps.filled(step, case.known(answer=answer), step.undo))
    except BadInput as problem:
        return Undo(step, state, before, why_not=problem.what)


def begin(case: Case) -> None:
    """From now on the run is taken back; Conflict where that is over."""
    def decided(entries: Sequence[Entry]) -> list[Fact]:
        run = folds.runbook_runs(entries)[case.id]
        if run.state == OVER:
            raise Conflict(f"{run.id} is rolled back already.", next=f"Try: mlops-tui runbook show {run.id}")
        return [] if run.state == "rolling_back" else [RunbookEvent(subject=run.id, event="rolling_back")]

    case.session.ledger.transact(decided)


def take_back(case: Case) -> str:
    """Undo what is not undone yet, the last first, until one fails or waits; why it stands still, empty at the end."""
    for undo in undos(case):
        if undo.argv and not undo.done and (stands := _taken_back(case, undo)):
            return stands
    case.session.ledger.transact(lambda entries: [RunbookEvent(subject=case.id, event=OVER)]
                                 if folds.runbook_runs(entries)[case.id].state != OVER else [])
    return ""


def _taken_back(case: Case, undo: Undo) -> str:
    step, before = undo.step, undo.before
    if before is not None and before.status == "interrupted":
        return (f"nobody knows whether step {step.number} was taken back: look, then say --by-hand {step.number} where "
                f"it was, --again {step.number} where it was not")
    status, note = _came_of(case, undo, before) if before is not None and before.status == "undoing" else ("", "")
    if status in HAPPENED:
        _note(case, step, before, OVER, note)
        return ""
    if status in ("waiting", "interrupted", "error", "fail", "unknown"):
        left = {"waiting": "undoing", "interrupted": "interrupted"}.get(status, "rollback_failed")
        _note(case, step, before, left, note)
        return f"step {step.number} is not taken back: {note}"
    _note(case, step, before, "undoing", holder=this_process())
    try:
        plan = _running.prepared(case.session, undo.argv)
        outcome = case.session.perform(plan.argv, consent=plan.consent)
        view = outcome.view
    except Refusal as problem:
        view = View(problem.what, Status.ERROR)
    status, asked = ANSWERS[view.status], view.facts().get("approval")
    begun = case.run.undone[step.number]
    if view.status is Status.RUNNING and isinstance(asked, str):
        _note(case, step, begun, "undoing", asked, case.kept(view))
        return f"step {step.number} waits for the votes of {asked}; then run this again"
    _note(case, step, begun, OVER if status in HAPPENED else "rollback_failed", view.title, case.kept(view))
    return "" if status in HAPPENED else f"step {step.number} could not be taken back: {view.title}"


def _came_of(case: Case, undo: Undo, before: StepState) -> tuple[str, str]:
    """What came of an undoing that was begun: by its approval, or by the history of a process that is gone."""
    session = case.session
    if before.note.startswith("AP-"):
        asked = folds.approvals(session.ledger.entries("approval", "vote"), session.now()).get(before.note)
        if asked is None or asked.state == "done":
            return "done", before.note
        return ("waiting", asked.id) if asked.state in ("open", "met") else ("fail", f"{asked.id} is {asked.state}")
    if _running.at_work(before, session.now()):
        raise Conflict(f"{before.actor} is taking step {undo.step.number} of {case.id} back right now.",
                       next=f"Try: mlops-tui runbook show {case.id}")
    return _running.came_of(case, before, undo.argv)


def by_hand(case: Case, number: int, note: str) -> None:
    """A person says that a step was taken back, or stays as it is."""
    undo = next((each for each in undos(case) if each.step.number == number), None)
    if undo is None or undo.done:
        raise BadInput(f"Step {number} of {case.id} has nothing to take back.",
                       next=f"Try: mlops-tui runbook show {case.id}")
    _note(case, undo.step, undo.before, OVER, note)


def anew(case: Case, number: int, note: str) -> None:
    """A person has looked: the undoing that was interrupted did not happen, and is done again."""
    undo = next((each for each in undos(case) if each.step.number == number), None)
    if undo is None or undo.before is None or undo.before.status != "interrupted":
        raise BadInput(f"Taking step {number} of {case.id} back was not interrupted.",
                       next=f"Try: mlops-tui runbook show {case.id}")
    _note(case, undo.step, undo.before, "pending", note)


def _note(case: Case, step: RunbookStep, seen: StepState | None, status: str, note: str = "", evidence: str = "", *,
          holder: str = "") -> None:
    """Append how far a step is taken back, unless somebody else has gone on since it was `seen`."""
    def decided(entries: Sequence[Entry]) -> list[Fact]:
        now = folds.runbook_runs(entries)[case.id].undone.get(step.number)
        if (now.seq if now else 0) != (seen.seq if seen else 0):
            who = now.actor if now else "somebody"
            raise Conflict(f"{who} is taking {case.id} back at the same time.",
                           next=f"Try: mlops-tui runbook show {case.id}")
        return [RunbookEvent(subject=case.id, event="undo", step=step.number, status=status, note=note,
                             evidence=evidence, holder=holder)]

    case.session.ledger.transact(decided)
