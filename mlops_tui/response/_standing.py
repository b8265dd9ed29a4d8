"""What people work from while a runbook runs: the step whose turn it is first, its buttons, and what was found."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo

from mlops_tui.errors import BadInput
from mlops_tui.folds import RunbookRun, StepState
from mlops_tui.inputs.moments import local
from mlops_tui.response import _steps
from mlops_tui.response._keys import ACTS
from mlops_tui.response._running import HAPPENED, Case
from mlops_tui.response._steps import RunbookStep
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View

ROWS = 5      # of a table that a look has left: the whole of it is a key away
BUTTONS = 5   # choices of a decision that are offered as buttons
SHOWN = (Column("step", worth=3), Column("title", worth=2), Column("kind"), Column("status", worth=3),
         Column("note", cut=80, worth=1))
STATUS = {"pass": Status.PASS, "warn": Status.WARN, "done": Status.DONE, "skipped": Status.DONE,
          "diverted": Status.DONE, "fail": Status.FAIL, "error": Status.FAIL, "unknown": Status.UNKNOWN,
          "interrupted": Status.UNKNOWN}


def standing(case: Case) -> View:
    """How far a run has come, what the person who looks should do next, and what was found out."""
    run, found, zone = case.run, case.current(), case.session.declared().zone
    known = case.known()
    facts: dict[str, Cell] = {"run": run.id, "runbook": run.runbook, "incident": run.incident, "about": run.about,
                              "state": run.state, "by": run.by, "started_at": run.started_at, "text": run.digest[:12],
                              **{f"set_{name}": value for name, value in run.params.items()}}
    rows = [row(step, run, known, zone) for step in case.book.steps]
    steps = Table.of("steps", rows, *SHOWN, title="Steps")
    if found is None or not run.open:
        return View(f"{run.id} {run.state.replace('_', ' ')}: {case.book.title}", _end(run),
                    (*_left(case), steps, Facts(facts)), _after(case))
    step, state = found
    facts |= {"stands_at": step.number}
    status = STATUS.get(state.status, Status.RUNNING) if state else Status.RUNNING
    said = f"{run.id} stands at step {step.number} of {len(case.book.steps)}: {step.title}"
    return View(said[:100], status, (Text(_prose(step, state, known, zone), "markdown"), *_found(case, step), steps,
                                     Facts(facts)), _choices(case, step, state))


def row(step: RunbookStep, run: RunbookRun | None, known: Mapping[str, str], zone: tzinfo) -> Row:
    """One step as a row: what it is, how it stands, who did it, and what came of it."""
    state = run.steps.get(step.number) if run else None
    undone = run.undone.get(step.number) if run else None
    last = undone or state
    return {"step": step.number, "title": step.title, "kind": step.kind, "status": last.status if last else "",
            "command": _steps.known(step.command or " ".join(step.lines), known),
            "note": local(last.note, zone) if last else "", "by": last.actor if last else "",
            "at": last.at if last else None, "evidence": last.evidence if last else "",
            "began_at": last.began_at if last else None, "stands": STATUS.get(last.status) if last else None,
            "text": _steps.known(step.prose, known), "undo": _steps.known(step.undo, known) or step.kept_because,
            "votes": step.quorum or None, "choices": step.choices}


def evidence(case: Case, number: int) -> View:
    """The answer that a step has left; BadInput where it left none."""
    state = case.run.steps.get(number)
    if state is None or not state.evidence or state.status == "intent":
        raise BadInput(f"Step {number} of {case.id} has left no evidence.",
                       next=f"Try: mlops-tui runbook show {case.id}")
    return case.evidence(state).with_status(Status.DONE)


def _prose(step: RunbookStep, state: StepState | None, known: Mapping[str, str], zone: tzinfo) -> str:
    """The text of the step whose turn it is, what it would run, and why it stands still."""
    line = f"`{_steps.known(step.command, known)}`" if step.command else ""
    said = "\n".join(step.lines) if step.kind in ("manual", "notify") else line
    why = f"**{state.status.capitalize()}**: {local(state.note, zone)}" if state is not None and state.note else ""
    return "\n\n".join(part for part in (_steps.known(step.prose, known), _steps.known(said, known), why) if part)


def _found(case: Case, step: RunbookStep) -> tuple[Part, ...]:
    """What the looks just before this step have found, a line each, and the newest one's first table."""
    run, lines, table = case.run, list[str](), list[Part]()
    for each in reversed(case.book.steps[:step.number]):
        state = run.steps.get(each.number)
        if state is None or not state.evidence or each.kind not in ("check", "query", "wait"):
            if each.number != step.number and state is not None and state.status != "skipped":
                break
            continue
        if not lines:
            table += [replace(part, rows=part.rows[:ROWS], total=part.total or len(part.rows))
                     for part in case.evidence(state).parts if isinstance(part, Table) and part.rows][:1]
        verdict = "" if state.status in ("pass", "done") else f" **{state.status}**"
        lines.append(f"- {each.number} {each.title}{verdict} {state.note}")
    return (Text("\n".join(reversed(lines)), "markdown"), *table) if lines else ()


def _end(run: RunbookRun) -> Status:
    failed = any(state.status in ("rollback_failed", "interrupted") for state in run.undone.values())
    return Status.FAIL if failed else Status.RUNNING if run.state == "rolling_back" else Status.DONE


def _left(case: Case) -> tuple[Part, ...]:
    """What a run that was taken back has left as it is."""
    run = case.run
    if run.state not in ("rolling_back", "rolled_back"):
        return ()
    stays = [f"- step {step.number}, {step.title}: {step.kept_because or 'the runbook names no way back'}"
             for step in case.book.steps if step.kind in ACTS and step.number in run.steps
             and run.steps[step.number].status in HAPPENED and not step.undo]
    return (Text("\n".join(["Not taken back:", *stays]), "markdown"),) if stays else ()


def _after(case: Case) -> tuple[Action, ...]:
    run = case.run
    acted = any(step.kind in ACTS and step.undo and step.number in run.steps
                and run.steps[step.number].status in HAPPENED for step in case.book.steps)
    going = [Action("The incident", ("incident", "show", run.incident))] if run.incident else []
    votes = [Action("Who has voted?", ("approve", "show", state.note)) for state in run.undone.values()
             if state.status == "undoing" and state.note.startswith("AP-")]
    word = "Go on taking it back" if run.state == "rolling_back" else "Take it back"
    back = [Action(word, ("runbook", "rollback", run.id))] if acted and run.state != "rolled_back" else []
    return (*votes, *going, *back)


def _choices(case: Case, step: RunbookStep, state: StepState | None) -> tuple[Action, ...]:
    """What can be done now, the most likely first."""
    this = ("runbook", "step", case.id, str(step.number))
    status = state.status if state is not None else ""
    asked = state.note if state is not None and status == "waiting" and state.note.startswith("AP-") else ""
    choices = [Action("Who has voted?", ("approve", "show", asked))] if asked else []
    if status in ("intent", "waiting"):
        choices.append(Action("Go on", ("runbook", "resume", case.id)))
    elif status == "interrupted":
        choices += [Action("It was done", (*this, "--done"), asks=("note",)), Action("Do it again", this)]
    elif step.kind in ("check", "query", "wait") and state is not None:
        choices.append(Action("Look again", ("runbook", "resume", case.id)))
    elif step.kind != "manual":
        choices.append(Action(f"Do step {step.number}", this))
    if step.kind == "manual":
        choices += [Action(choice.capitalize(), (*this, "--note", choice)) for choice in step.choices[:BUTTONS]]
    if step.kind != "notify" and not step.choices:
        choices.append(Action("It is done" if step.kind == "manual" else "Pass over it", this, asks=("note",)))
    if status and state is not None and state.evidence and status != "intent":
        choices.append(Action("What it found", ("runbook", "show", case.id, "--step", str(step.number))))
    return (*choices, Action("Stop here", ("runbook", "stop", case.id)))
