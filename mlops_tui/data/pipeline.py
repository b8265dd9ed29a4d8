"""Pipelines of SQL and Python steps; a step whose code, parameters and inputs are as before is not run again."""

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from mlops_tui.capability import look, measure, noun
from mlops_tui.data._course import Course
from mlops_tui.data._past import Foreseen, Past, folder_of, foreseen, frozen_in
from mlops_tui.data._steps import Ready, first_inputs, made_ready
from mlops_tui.data._workshop import Workshop, folders_of, hands
from mlops_tui.errors import Cancelled, NotFound, nearest
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Steps, Table, Text, View, counted
from store.facts import Run
from store.lake import Manifest

pipeline = noun("pipeline", __doc__ or "", bare="status", subject="status")


# -- run --------------------------------------------------------------------------------------------------------


@measure(of=pipeline)
@click.argument("name")
@click.option("--workers", type=click.IntRange(min=1), default=None,
              help="How many steps at the same time; as many as there are cores, at most 4.")
def run(session: Session, name: str, workers: int | None) -> View:
    """Run the steps of pipeline NAME that are not as before, those that do not wait for each other side by side.

    Results are the same with any number of workers. What a run that was stopped or killed had finished is kept.

    \b
    Example: mlops-tui pipeline run daily
    """
    session.declared()
    steps = made_ready(session, name)
    states, past = first_inputs(session, steps), Past(session, name)
    course = Course(session, past, foreseen(past, steps, states), states)
    try:
        with Workshop(session, workers or hands(), folders_of(states)) as workshop:
            while course.open:
                course.advance(workshop)
                session.progress(len(course.shown), len(steps), ", ".join(course.at_work) or name)
                for work in workshop.ended():
                    course.settle(work)
        course.finished()
    except (KeyboardInterrupt, Cancelled) as stop:
        course.stopped()
        done = sum(step.status is Status.DONE for step in course.told())
        raise Cancelled(f"{name} was stopped: {done} of {counted(len(steps), 'step is', 'steps are')} done, and kept.",
                        next=f"Try: mlops-tui pipeline run {name}") from stop
    finally:
        course.begun.close()
    return _run_view(course)


def _run_view(course: Course) -> View:
    name, shown = course.past.name, course.told()
    rows: list[Row] = []
    for ready in course.steps:
        state = course.states.get(ready.step.name)
        if state is not None:
            rows.append({"step": ready.step.name, "dataset": ready.dataset, "snapshot": state.id, "rows": state.rows,
                         "bytes": state.bytes, "frozen": course.frozen[ready.step.name]})
    failed, same = course.failed, sum(step.detail == "as before" for step in shown)
    ran = sum(step.seconds is not None for step in shown)
    title = f"{name}: {failed[0]} failed" if failed else f"{name}: nothing to do" if same == len(shown) else \
        f"{name}: {ran} of {len(shown)} steps run"
    learned = [Column("frozen", cut=12)] if any(row["frozen"] for row in rows) else []
    outputs = Table.of("outputs", rows, "step", "dataset", "rows", Column("snapshot", cut=12), *learned)
    facts = Facts({"run": course.begun.id or None, "steps_run": ran, "seconds": course.seconds, "steps_same": same})
    return View(title, Status.FAIL if failed else Status.DONE, (Steps(tuple(shown)), facts, outputs),
                (Action("What it printed", ("pipeline", "log", name, failed[0])),) if failed else ())


# -- looks ------------------------------------------------------------------------------------------------------


@look(of=pipeline)
@click.argument("name")
def plan(session: Session, name: str) -> View:
    """Which steps of pipeline NAME would run now, and why.

    \b
    Example: mlops-tui pipeline plan daily
    """
    steps, past = _known(session, name)
    rows = _planned(past, steps)
    count = sum(row["runs"] != "no" for row in rows)
    table = Table.of("plan", rows, "step", "runs", "why", "inputs")
    return View(f"{name}: {count} of {len(rows)} steps would run", Status.DONE, (table,),
                (Action("Run them", ("pipeline", "run", name)),) if count else ())


def _known(session: Session, name: str) -> tuple[list[Ready], Past]:
    session.declared()
    return made_ready(session, name), Past(session, name)


def _planned(past: Past, steps: Sequence[Ready]) -> list[Row]:
    return [{"step": each.ready.step.name, "runs": each.runs, "why": each.why, "inputs": tuple(each.ready.step.inputs),
             "dataset": each.ready.dataset, "snapshot": each.state.id if each.state else None}
            for each in _foreseen(past, steps)]


def _foreseen(past: Past, steps: Sequence[Ready]) -> list[Foreseen]:
    made = {ready.step.name for ready in steps}
    wanted = dict.fromkeys(each for ready in steps for each in ready.step.inputs if each not in made)
    inputs: Mapping[str, Manifest] = {each: past.session.data().manifest(each, past.current[each]) for each in wanted
                                      if each in past.current}
    return foreseen(past, steps, inputs)


STATES = {"done": Status.DONE, "failed": Status.FAIL, "running": Status.RUNNING, "interrupted": Status.WARN,
          "cancelled": Status.WARN}


@look(of=pipeline, fold=True)
@click.argument("name", required=False)
def status(session: Session, name: str | None) -> View:
    """How the last run of each pipeline ended; with NAME, how each of its steps stands.

    \b
    Example: mlops-tui pipeline status daily
    """
    project = session.declared()
    if name is not None:
        return _status_of(session, name)
    rows = [_summary(Past(session, each), len(declared.steps)) for each, declared in project.pipelines.items()]
    table = Table.of("pipelines", rows, "pipeline", "state", Column("last_run", "last run"), "run", "steps",
                     Column("seconds", unit="s", digits=1))
    return View(counted(len(rows), "pipeline"), Status.DONE, (table,))


def _summary(past: Past, steps: int) -> Row:
    newest, state = past.newest, past.state_of(past.newest)
    return {"pipeline": past.name, "status": STATES.get(state, Status.UNKNOWN), "state": state,
            "last_run": past.runs[-1].recorded_at if past.runs else None, "run": newest.run if newest else None,
            "steps": steps, "seconds": newest.seconds if newest else None}


def _status_of(session: Session, name: str) -> View:
    if session.as_of is not None:
        return _as_it_was(session, name)
    steps, past = _known(session, name)
    shown = _standing(past, steps)
    stale, run_is = [row for row in shown if not row["fresh"]], past.state_of(past.newest)
    table = Table.of("steps", shown, "step", "state", "fresh", "why", Column("last_run", "last run"),
                     Column("seconds", unit="s", digits=1), Column("detail", cut=60))
    title = f"{name}: all {len(shown)} steps are fresh" if not stale else f"{name}: {len(stale)} of {len(shown)} stale"
    title += f"; {past.newest.run} {_IS[run_is]}" if past.newest is not None and run_is in _IS else ""
    return View(title, Status.RUNNING if run_is == "running" else Status.WARN if stale else Status.PASS, (table,),
                _next(name, run_is, bool(stale)))


def _as_it_was(session: Session, name: str) -> View:
    """How each step had ended: whether it was fresh depends on the code of then, which is not kept here."""
    past, steps = Past(session, name), session.declared().one("pipeline", name).steps
    rows: list[Row] = []
    for step in steps:
        last = past.last.get(step.name)
        fact = last.fact if last is not None and isinstance(last.fact, Run) else None
        state = fact.status if fact is not None else "never run"
        rows.append({"step": step.name, "state": state, "status": STATES.get(state, Status.UNKNOWN),
                     "last_run": last.recorded_at if last else None, "seconds": fact.seconds if fact else None,
                     "detail": fact.detail if fact and not frozen_in(fact) else ""})
    newest = past.newest
    ended = {**_IS, "done": "ended well", "failed": "failed"}.get(past.state_of(newest), "")
    title = f"{name}: {newest.run} {ended}" if newest is not None else f"{name}: never run"
    table = Table.of("steps", rows, "step", "state", Column("last_run", "last run"),
                     Column("seconds", unit="s", digits=1), Column("detail", cut=60))
    return View(title, STATES.get(past.state_of(newest), Status.UNKNOWN), (table,))


_IS = {"running": "is running", "interrupted": "was interrupted", "cancelled": "was stopped"}


def _next(name: str, run_is: str, stale: bool) -> tuple[Action, ...]:
    found = [Action("Run them", ("pipeline", "run", name))] if stale and run_is != "running" else []
    if run_is in ("running", "interrupted", "failed"):
        found.append(Action("What it printed", ("pipeline", "log", name)))
    return tuple(found)


def _standing(past: Past, steps: Sequence[Ready]) -> list[Row]:
    """How each step stands, live where a run is alive."""
    states = past.states(ready.step.name for ready in steps)
    rows: list[Row] = []
    for row in _planned(past, steps):
        last = past.last.get(str(row["step"]))
        fact = last.fact if last is not None and isinstance(last.fact, Run) else None
        state, frozen = states[str(row["step"])], frozen_in(fact)
        why = "was interrupted" if (state, row["why"]) == ("interrupted", "never run") else row["why"]
        rows.append({**row, "why": why, "status": STATES.get(state, Status.UNKNOWN), "state": state,
                     "fresh": row["runs"] == "no", "last_run": last.recorded_at if last else None,
                     "seconds": fact.seconds if fact else None, "frozen": frozen,
                     "detail": fact.detail if fact and not frozen and fact.status == state else ""})
    return rows


@look(of=pipeline)
@click.argument("name")
def graph(session: Session, name: str) -> View:
    """What leads to what in pipeline NAME, and how each step stands; live while it runs.

    \b
    Example: mlops-tui pipeline graph daily
    """
    steps, past = _known(session, name)
    edges = [(each, ready.step.name) for ready in steps for each in ready.step.inputs]
    if not steps:
        raise NotFound(f"Pipeline '{name}' has no steps.")
    names = tuple(dict.fromkeys([*(start for start, _ in edges), *(ready.step.name for ready in steps)]))
    rows: list[Row] = [{**row, "kind": ready.step.kind, "code": ready.step.code}
                       for ready, row in zip(steps, _standing(past, steps), strict=True)]
    marks = {str(row["step"]): _mark(row) for row in rows}
    picture = Series("graph", "graph", tuple(start for start, _ in edges), tuple(end for _, end in edges), names=names,
                     other=tuple(marks.get(each) for each in names))
    run_is = past.state_of(past.newest)
    table = Table.of("steps", rows, "step", "state", "fresh", "kind", "code", Column("seconds", unit="s", digits=1))
    return View(f"{name}: {counted(len(steps), 'step')}", Status.RUNNING if run_is == "running" else Status.DONE,
                (picture, table), _next(name, run_is, any(not row["fresh"] for row in rows)))


def _mark(row: Row) -> Cell:
    """How a step stands at a glance: what is done may have to be done again."""
    return Status.WARN if row["status"] is Status.DONE and not row["fresh"] else row["status"]


@look(of=pipeline)
@click.argument("name")
@click.argument("step", required=False)
@click.option("--lines", default=100, show_default=True, help="How many of the last lines of each step.")
def log(session: Session, name: str, step: str | None, lines: int) -> View:
    """What the steps of pipeline NAME printed when they were last run; live while they run.

    \b
    Example: mlops-tui pipeline log daily enrich
    """
    declared = session.declared().one("pipeline", name)
    past, names = Past(session, name), [each.name for each in declared.steps]
    if step is not None and step not in names:
        raise NotFound(f"Pipeline '{name}' has no step '{step}'.",
                       next=nearest(step, names) or f"Steps: {', '.join(names)}.")
    states, rows, texts = past.states(names), list[Row](), list[Text]()
    for each in names if step is None else [step]:
        path = _log_of(past, each, states[each])
        said = _tail(path, lines)
        entry = past.last.get(each)
        fact = entry.fact if entry is not None and isinstance(entry.fact, Run) else None
        rows.append({"step": each, "status": STATES.get(states[each], Status.UNKNOWN), "state": states[each],
                     "run": path.parent.name if path is not None else None, "lines": len(said),
                     "detail": fact.detail if fact is not None and fact.status == states[each] else "",
                     "log": str(path) if path is not None else None})
        if said or step is not None:
            head = [f"── {each}"] if step is None else []
            texts.append(Text("\n".join([*head, *said]) or "It printed nothing.", "code"))
    table = Table.of("steps", rows, "step", "state", "run", "lines")
    title = f"{name}: what {step or counted(len(names), 'step')} printed"
    live = "running" in states.values()
    return View(title, Status.RUNNING if live else Status.DONE, (table, *texts),
                (Action("How it stands", ("pipeline", "status", name)),))


def _log_of(past: Past, step: str, state: str) -> Path | None:
    """The file of the run in which the step was last begun."""
    entry = past.last.get(step)
    run = past.newest if state in ("running", "interrupted") else entry.fact if entry is not None else None
    path = folder_of(past.session, run.run) / f"{step}.log" if isinstance(run, Run) else None
    return path if path is not None and path.is_file() else None


def _tail(path: Path | None, lines: int) -> list[str]:
    if path is None:
        return []
    with path.open(encoding="utf-8", errors="replace") as text:
        return list(deque((line.rstrip("\n") for line in text), maxlen=max(lines, 0)))
