"""The course of a run: which step is next, what came of it, and what the history keeps of it."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_tui import folds
from mlops_tui.data._past import FROZEN, Begun, Foreseen, Past
from mlops_tui.data._steps import Ready, inputs_of
from mlops_tui.data._workshop import Result, Work, Workshop
from mlops_tui.errors import Refusal
from mlops_tui.running import dag
from mlops_tui.session import Session
from mlops_tui.view import Status, Step
from store.facts import Fact, Run, Snapshot
from store.lake import Manifest

if TYPE_CHECKING:
    from store.ledger import Entry


@dataclass(frozen=True)
class Made:
    """What a step that was begun is made of, and why it runs."""

    key: str
    parts: Mapping[str, Any]
    why: str


class Course:
    """A run from its first step to its last. One thread writes the history; steps are at work in others.

    `states`: what the steps may read, by name; each result is added.
    """

    def __init__(self, session: Session, past: Past, plan: Sequence[Foreseen], states: dict[str, Manifest]) -> None:
        self.session, self.past, self.states = session, past, states
        self.steps = [each.ready for each in plan]
        self.kept = {each.ready.step.name: each for each in plan if each.state is not None}
        self.begun = Begun(session, past.name)
        self.shown: dict[str, Step] = {}
        self.at_work: dict[str, Made] = {}
        self.frozen: dict[str, str] = {}
        self._lost_to: dict[str, str] = {}  # a step that failed or could not run: the one that failed
        self.began = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    @property
    def open(self) -> bool:
        return len(self.shown) < len(self.steps)

    @property
    def failed(self) -> list[str]:
        return [step.step for step in self.told() if step.status is Status.FAIL]

    def told(self) -> list[Step]:
        """What came of the steps so far, in their order."""
        return [self.shown[ready.step.name] for ready in self.steps if ready.step.name in self.shown]

    def advance(self, workshop: Workshop) -> None:
        """Settle what is as before or can no longer run, and begin what is ready, as long as a bench is free."""
        for ready in self.steps:
            name = ready.step.name
            if name in self.shown or name in self.at_work:
                continue
            lost_to = next((self._lost_to[each] for each in ready.step.inputs if each in self._lost_to), "")
            if lost_to:
                self._lost_to[name] = lost_to
                self.shown[name] = Step(name, Status.UNKNOWN, None, f"not run: {lost_to} failed")
            elif all(each in self.states for each in ready.step.inputs):
                self._met(ready, workshop)

    def _met(self, ready: Ready, workshop: Workshop) -> None:
        """A step whose inputs are there: kept as it was, or begun."""
        name = ready.step.name
        known = self.kept.get(name)
        if known is not None and known.state is not None:
            self._keep(ready, known.key, known.state)
            return
        inputs = inputs_of(ready, self.states)
        parts = ready.depends_on(inputs)
        key = dag.key_of(parts)
        there = self.past.result(ready, key)
        if there is not None:
            self._keep(ready, key, there)
        elif workshop.free:
            ready.checked(self.session.data().connect())
            self.at_work[name] = Made(key, parts, self.past.why(ready, parts))
            self.begun.begin()
            workshop.begin(ready, inputs, self.begun.folder / f"{name}.log")

    def _keep(self, ready: Ready, key: str, state: Manifest) -> None:
        """The result of the same parts; where a step of another name made it, it becomes this one's too."""
        name, (dataset, made) = ready.step.name, self.past.done[key]
        self.states[name], self.frozen[name] = state, self.past.frozen(key)
        if dataset != ready.dataset:
            lake = self.session.data()
            self.states[name] = lake.taken_over(lake.manifest(dataset, state.id), ready.dataset)
            self._announce(ready, self.states[name], replace(made, subject=self.past.name, step=name, run=""))
        elif self.past.current.get(ready.dataset) != state.id:
            self._announce(ready, state, replace(made, step="", run=""))
        self.shown[name] = Step(name, Status.DONE, None, "as before")

    def settle(self, work: Work) -> None:
        """A step has ended: its result becomes the state that later steps read, or its error is kept."""
        ready, name = work.ready, work.ready.step.name
        made, seconds = self.at_work.pop(name), work.seconds
        ended = Run(subject=self.past.name, run=self.begun.id, step=name, key=made.key, seconds=seconds)
        try:
            result = work.result()
        except Refusal as problem:
            self.session.ledger.append(replace(ended, status="failed", detail=str(problem)))
            self.shown[name], self._lost_to[name] = Step(name, Status.FAIL, seconds, str(problem)), name
            return
        self.states[name], self.frozen[name] = result.state, result.frozen
        self.session.data().put_object(dag.document(made.parts))
        tried = _tried(ready, result)
        self._announce(ready, result.state, replace(ended, status="done", snapshot=result.state.id, detail=tried))
        detail = "; ".join(filter(None, (f"{result.state.rows:,} rows", made.why, tried[:len(FROZEN) + 12])))
        self.shown[name] = Step(name, Status.DONE, seconds, detail)

    def _announce(self, ready: Ready, state: Manifest, done: Run) -> None:
        """The result becomes the dataset's current state, and the step is done: both or neither."""

        def decide(entries: "Sequence[Entry]") -> Iterable[Fact]:
            parent = folds.current_snapshot(entries, ready.dataset)
            if parent != state.id:
                self.session.data().require(state)
                self.session.data().keep(state)
                yield Snapshot(subject=ready.dataset, snapshot=state.id, parent=parent, rows=state.rows,
                               bytes=state.bytes, source=f"pipeline {self.past.name}", run=done.run, key=done.key)
            if done.step:
                yield done

        self.session.ledger.transact(decide)

    def finished(self) -> None:
        """The run has come to its end; nothing is kept of one that had nothing to do."""
        if self.begun.id:
            self.session.ledger.append(Run(subject=self.past.name, run=self.begun.id, seconds=self.seconds,
                                           status="failed" if self.failed else "done"))

    def stopped(self) -> None:
        """The run was stopped, and so were the steps at work; what had ended before is kept."""
        if self.begun.id:
            mine = Run(subject=self.past.name, run=self.begun.id, status="cancelled")
            at_work = (replace(mine, step=name, key=made.key) for name, made in self.at_work.items())
            self.session.ledger.append(*at_work, replace(mine, seconds=self.seconds))


def _tried(ready: Ready, result: Result) -> str:
    """What is worth keeping of how it was made."""
    if result.frozen:
        return f"{FROZEN}{result.frozen}"
    return f"attempt {result.attempts} of {ready.step.retries + 1}" if result.attempts > 1 else ""
