"""Pipelines of SQL and Python steps; a step whose code, parameters and inputs are as before is not run again."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from mlops_tui import dag, folds
from mlops_tui.capability import look, measure, noun
from mlops_tui.data._steps import Ready, Workshop, first_inputs, inputs_of, made_ready
from mlops_tui.errors import NotFound, Refusal
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Step, Steps, Table, View, counted
from store.facts import Fact, Run, Snapshot
from store.lake import Manifest

if TYPE_CHECKING:
    from store.ledger import Entry

Foreseen = tuple[Ready, str, str, Manifest | None]

pipeline = noun("pipeline", __doc__ or "", bare="status", subject="status")


@dataclass
class Past:
    """What the history knows of a pipeline's steps."""

    session: Session
    name: str
    done: dict[tuple[str, str], Run] = field(default_factory=dict)
    last: dict[str, "Entry"] = field(default_factory=dict)
    runs: "list[Entry]" = field(default_factory=list)

    def __post_init__(self) -> None:
        for entry in self.session.ledger.entries("run", subject=self.name):
            fact = entry.fact
            if isinstance(fact, Run) and fact.step:
                self.last[fact.step] = entry
                if fact.status == "done":
                    self.done.pop((fact.step, fact.key), None)
                    self.done[fact.step, fact.key] = fact  # the newest is the last
            elif isinstance(fact, Run):
                self.runs.append(entry)

    def result(self, ready: Ready, key: str) -> Manifest | None:
        """What the step made with that key, as long as its files are there."""
        fact = self.done.get((ready.step.name, key))
        if fact is None:
            return None
        try:
            state = self.session.data().manifest(ready.dataset, fact.snapshot)
        except Refusal:
            return None
        return state if self.session.data().has(state) else None

    def why(self, ready: Ready, parts: Mapping[str, Any]) -> str:
        """Why the step has to run, compared with the last time it ended well."""
        before = [fact for (step, _), fact in self.done.items() if step == ready.step.name]
        if not before:
            return "failed the last time" if ready.step.name in self.last else "never run"
        try:
            known = json.loads(self.session.data().object(before[-1].key))
        except (Refusal, ValueError):
            return "what it was made from is no longer known"
        plain = json.loads(dag.document(parts))
        return dag.why(plain, known) or "its files are gone"


# -- run --------------------------------------------------------------------------------------------------------


@measure(of=pipeline)
@click.argument("name")
def run(session: Session, name: str) -> View:
    """Run the steps of pipeline NAME that are not as before.

    \b
    Example: mlops-tui pipeline run daily
    """
    session.declared()
    steps = made_ready(session, name)
    states, past, shown = first_inputs(session, steps), Past(session, name), list[Step]()
    _foreseen(session, steps, past, states)
    began, failed, begun = time.perf_counter(), "", Begun(session, name)
    with Workshop(session, begun) as workshop:
        for place, ready in enumerate(steps):
            session.progress(place, len(steps), ready.step.name)
            if failed:
                shown.append(Step(ready.step.name, Status.UNKNOWN, None, f"not run: {failed} failed"))
                continue
            shown.append(_stepped(workshop, past, ready, states))
            failed = ready.step.name if shown[-1].status is Status.FAIL else ""
    session.progress(len(steps), len(steps), name)
    seconds = time.perf_counter() - began
    if begun.id:
        session.ledger.append(Run(subject=name, run=begun.id, status="failed" if failed else "done", seconds=seconds))
    ran = sum(step.seconds is not None for step in shown)
    return _run_view(name, steps, states, shown, {"run": begun.id or None, "steps_run": ran, "seconds": seconds})


class Begun:
    """A run, which begins and gets its number when the first step needs it."""

    def __init__(self, session: Session, pipeline: str) -> None:
        self.session, self.pipeline, self.id = session, pipeline, ""

    def __call__(self) -> str:
        if not self.id:
            self.session.ledger.transact(self._numbered)
        return self.id

    def _numbered(self, entries: "Sequence[Entry]") -> Iterable[Fact]:
        taken = {entry.fact.run for entry in entries if entry.subject == self.pipeline and isinstance(entry.fact, Run)}
        self.id = folds.next_id(self.pipeline, taken)
        return (Run(subject=self.pipeline, run=self.id),)


def _stepped(workshop: Workshop, past: Past, ready: Ready, states: dict[str, Manifest]) -> Step:
    """One step: run, or found as it was; its result becomes the state that later steps read."""
    session, name, inputs = workshop.session, ready.step.name, inputs_of(ready, states)
    parts = ready.depends_on(inputs)
    key = dag.key_of(parts)
    there = past.result(ready, key)
    if there is not None:
        states[name] = there
        if session.current(ready.dataset) != there:
            _announce(session, past.name, ready, there, Run(subject=past.name, run="", key=key))
        return Step(name, Status.DONE, None, "as before")
    why, began, id = past.why(ready, parts), time.perf_counter(), workshop.begin()
    try:
        states[name] = workshop.make(ready, inputs)
    except Refusal as problem:
        seconds = time.perf_counter() - began
        session.ledger.append(Run(subject=past.name, run=id, step=name, status="failed", key=key, seconds=seconds,
                                  detail=str(problem)))
        return Step(name, Status.FAIL, seconds, str(problem))
    seconds = time.perf_counter() - began
    session.data().put_object(dag.document(parts))
    _announce(session, past.name, ready, states[name], Run(
        subject=past.name, run=id, step=name, status="done", key=key, snapshot=states[name].id, seconds=seconds))
    return Step(name, Status.DONE, seconds, f"{states[name].rows:,} rows; {why}")


def _announce(session: Session, name: str, ready: Ready, state: Manifest, done: Run) -> None:
    """The result becomes the dataset's current state, and the step is done: both or neither."""

    def decide(entries: "Sequence[Entry]") -> Iterable[Fact]:
        mine = [entry for entry in entries if entry.kind == "snapshot" and entry.subject == ready.dataset]
        parent = folds.current_snapshot(mine)
        if parent != state.id:
            session.data().require(state)
            session.data().keep(state)
            yield Snapshot(subject=ready.dataset, snapshot=state.id, parent=parent, rows=state.rows, bytes=state.bytes,
                           source=f"pipeline {name}", run=done.run, key=done.key)
        if done.step:
            yield done

    session.ledger.transact(decide)


def _run_view(name: str, steps: Sequence[Ready], states: Mapping[str, Manifest], shown: Sequence[Step],
              facts: Mapping[str, Cell]) -> View:
    made = [(ready, states[ready.step.name]) for ready in steps if ready.step.name in states]
    rows: list[Row] = [{"step": ready.step.name, "dataset": ready.dataset, "snapshot": state.id, "rows": state.rows,
                        "bytes": state.bytes} for ready, state in made]
    failed = [step.step for step in shown if step.status is Status.FAIL]
    same = sum(step.detail == "as before" for step in shown)
    title = f"{name}: {failed[0]} failed" if failed else f"{name}: nothing to do" if same == len(shown) else \
        f"{name}: {facts['steps_run']} of {len(shown)} steps run"
    parts = (Steps(tuple(shown)), Facts({**facts, "steps_same": same}),
             Table.of("outputs", rows, "step", "dataset", "rows", Column("snapshot", cut=12)))
    return View(title, Status.FAIL if failed else Status.DONE, parts,
                (Action("Why", ("pipeline", "plan", name)),) if failed else ())


# -- looks ------------------------------------------------------------------------------------------------------


@look(of=pipeline)
@click.argument("name")
def plan(session: Session, name: str) -> View:
    """Which steps of pipeline NAME would run now, and why.

    \b
    Example: mlops-tui pipeline plan daily
    """
    session.declared()
    rows = _planned(session, name)
    count = sum(row["runs"] != "no" for row in rows)
    table = Table.of("plan", rows, "step", "runs", "why", "inputs")
    return View(f"{name}: {count} of {len(rows)} steps would run", Status.DONE, (table,),
                (Action("Run them", ("pipeline", "run", name)),) if count else ())


def _planned(session: Session, name: str) -> list[Row]:
    steps, past = made_ready(session, name), Past(session, name)
    made = {ready.step.name for ready in steps}
    current = {each: session.current(each) for ready in steps for each in ready.step.inputs if each not in made}
    foreseen = _foreseen(session, steps, past, {each: state for each, state in current.items() if state is not None})
    return [{"step": ready.step.name, "runs": runs, "why": why, "inputs": tuple(ready.step.inputs),
             "dataset": ready.dataset, "snapshot": state.id if state else None} for ready, runs, why, state in foreseen]


def _foreseen(session: Session, steps: Sequence[Ready], past: Past, inputs: Mapping[str, Manifest]) -> list[Foreseen]:
    """What will become of each step; the code of those that may run is checked."""
    states, found = dict(inputs), list[Foreseen]()
    for ready in steps:
        found.append(_judged(ready, past, steps, states))
        state = found[-1][-1]
        if state is not None:
            states[ready.step.name] = state
        else:
            ready.checked(session.data().connect())
    return found


def _judged(ready: Ready, past: Past, steps: Sequence[Ready], states: Mapping[str, Manifest]) -> Foreseen:
    """`yes`, `no`, `maybe` (an earlier step will tell) or `cannot`, and why; the result that it would keep."""
    missing = [name for name in ready.step.inputs if name not in states]
    own = {each.step.name for each in steps}
    empty = [name for name in missing if name not in own]
    if empty:
        return ready, "cannot", f"{empty[0]} has no data yet", None
    if missing:
        known = any(step == ready.step.name for step, _ in past.done)
        return ready, "maybe" if known else "yes", f"waits for {', '.join(missing)}", None
    parts = ready.depends_on(inputs_of(ready, states))
    state = past.result(ready, dag.key_of(parts))
    return (ready, "no", "as before", state) if state else (ready, "yes", past.why(ready, parts), None)


@look(of=pipeline)
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
    table = Table.of("pipelines", rows, "pipeline", Column("status"), Column("last_run", "last run"), "run", "steps",
                     Column("seconds", unit="s", digits=1))
    return View(counted(len(rows), "pipeline"), Status.DONE, (table,))


def _ended(entry: "Entry | None") -> Status:
    """How a run or step ended; one that began and never ended was interrupted."""
    fact = entry.fact if entry is not None else None
    if not isinstance(fact, Run):
        return Status.UNKNOWN
    return {"done": Status.DONE, "failed": Status.FAIL}.get(fact.status, Status.UNKNOWN)


def _summary(past: Past, steps: int) -> Row:
    last = past.runs[-1] if past.runs else None
    fact = last.fact if last is not None and isinstance(last.fact, Run) else None
    return {"pipeline": past.name, "status": _ended(last), "last_run": last.recorded_at if last else None,
            "run": fact.run if fact else None, "steps": steps, "seconds": fact.seconds if fact else None}


def _status_of(session: Session, name: str) -> View:
    rows, past = _planned(session, name), Past(session, name)
    shown: list[Row] = []
    for row in rows:
        last = past.last.get(str(row["step"]))
        fact = last.fact if last is not None and isinstance(last.fact, Run) else None
        shown.append({**row, "status": _ended(last), "fresh": row["runs"] == "no",
                      "last_run": last.recorded_at if last else None, "seconds": fact.seconds if fact else None,
                      "detail": fact.detail if fact else ""})
    stale = [row for row in shown if not row["fresh"]]
    table = Table.of("steps", shown, "step", "status", "fresh", "why", Column("last_run", "last run"),
                     Column("seconds", unit="s", digits=1), "detail")
    title = f"{name}: all {len(shown)} steps are fresh" if not stale else f"{name}: {len(stale)} of {len(shown)} stale"
    return View(title, Status.WARN if stale else Status.PASS, (table,),
                (Action("Run them", ("pipeline", "run", name)),) if stale else ())


@look(of=pipeline)
@click.argument("name")
def graph(session: Session, name: str) -> View:
    """What leads to what in pipeline NAME.

    \b
    Example: mlops-tui pipeline graph daily
    """
    session.declared()
    steps = made_ready(session, name)
    edges = [(each, ready.step.name) for ready in steps for each in ready.step.inputs]
    if not steps:
        raise NotFound(f"Pipeline '{name}' has no steps.")
    names = tuple(dict.fromkeys([*(start for start, _ in edges), *(ready.step.name for ready in steps)]))
    picture = Series("graph", "graph", tuple(start for start, _ in edges), tuple(end for _, end in edges), names=names)
    rows: list[Row] = [{"step": ready.step.name, "kind": "python" if ready.step.python else "sql",
                        "code": ready.step.python or ready.step.sql, "inputs": ready.step.inputs} for ready in steps]
    return View(f"{name}: {len(steps)} steps", Status.DONE, (picture, Table.of("steps", rows, "step", "kind", "code",
                                                                               "inputs")))
