"""What a runbook would do before anybody begins it: every command line with its own plan, and what cannot be known."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_tui.errors import BadInput, Refusal
from mlops_tui.response import _conditions, _running, _steps
from mlops_tui.response._keys import ACTS, BY_ITSELF
from mlops_tui.response._steps import Runbook, RunbookStep
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Row, Status, Table, View


@dataclass
class Trial:
    """A runbook gone through without beginning it. `looks`: its checks and queries are really run."""

    session: Session
    book: Runbook
    values: Mapping[str, str]
    looks: bool = False
    answers: dict[str, _conditions.Answer] = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)  # what an earlier step would change, and which step
    ahead: int = 0                                         # the step that a check has led to
    planned: _conditions.Answer = field(default_factory=dict)  # what the plan of the step at hand has found

    def rows(self) -> list[Row]:
        """One row for each step, in the order in which they would come."""
        return [self._row(step) for step in self.book.steps]

    def _row(self, step: RunbookStep) -> Row:
        line = _steps.known(step.command or " ".join(step.lines), self._known())
        self.planned = {}
        status, said = self._standing(step)
        known = _running.known(self.values, {**self.answers, "answer": self.planned})
        return {"step": step.number, "title": step.title, "kind": step.kind, "command": line, "status": status,
                "plan": said, "undo": _steps.known(step.undo, known) or step.kept_because}

    def _known(self) -> dict[str, str]:
        return _running.known(self.values, self.answers)

    def _standing(self, step: RunbookStep) -> tuple[str, str]:
        if step.number < self.ahead:
            return "skipped", f"a check leads on to step {self.ahead}"
        condition = step.says.get("when", "")
        verdict = _running.holds(self.book, condition, self.values, self.answers) if condition else True
        if verdict is False:
            return "skipped", f"not needed: {condition} is not so"
        status, said = self._would(step)
        return (status, said) if verdict else ("unknown", f"only if {condition}: {said}")

    def _would(self, step: RunbookStep) -> tuple[str, str]:
        if step.kind == "manual":
            return "asks", "a person says what was done" if not step.choices else f"choose: {', '.join(step.choices)}"
        if step.kind == "notify":
            return "tells", "into the incident's timeline"
        if step.kind == "wait" and not step.command:
            return "waits", step.lines[0]
        missing = [name for name in _steps.lacking(step, self._known()) if "." in name]
        if missing:
            return "unknown", f"it needs {', '.join(missing)}, which an earlier step finds out"
        try:
            argv = _steps.filled(step, self._known())
        except BadInput as problem:
            return "error", f"{problem.what} {problem.next}"
        about = {each.partition("@")[0] for each in self.values.values()}
        words = {word.partition("@")[0] for word in argv[1:]} & about
        earlier = next((self.touched[word] for word in words if word in self.touched), None)
        if step.kind in ACTS:
            self.touched.update(dict.fromkeys(words, step.number))
        if earlier is not None:
            return "unknown", f"depends on what step {earlier} leaves"
        return self._act(argv, step) if step.kind in ACTS else self._look(argv, step)

    def _act(self, argv: tuple[str, ...], step: RunbookStep) -> tuple[str, str]:
        try:
            plan = _running.prepared(self.session, argv)
        except Refusal as problem:
            return "error", f"would be refused: {problem.what}"
        self.planned = _conditions.answer(plan.view)
        votes = f" after {step.quorum} votes" if step.quorum else ""
        gate = plan.view.status in (Status.FAIL, Status.UNKNOWN)
        return (str(plan.view.status) if gate else "acts"), f"{plan.view.title}{votes}"

    def _look(self, argv: tuple[str, ...], step: RunbookStep) -> tuple[str, str]:
        if not self.looks or step.kind not in BY_ITSELF:
            return "looks", f"after {step.lines[0]}" if step.kind == "wait" else ""
        view = _running.looked(self.session, step, argv, lambda answer: _running.holds(
            self.book, step.expects, self.values, {**self.answers, "answer": answer}))
        status = _running.ANSWERS[view.status]
        if step.name:
            self.answers[step.name] = {**_conditions.answer(view), "status": status}
        if step.goto is not None and status == "fail":
            self.ahead = step.goto
        informs = step.kind == "query" and status not in _running.HAPPENED  # only a check stands in the way
        return "warn" if informs else status, view.title


def summary(book: Runbook, rows: list[Row], *, tried: bool) -> View:
    """The heading over the rows: how many steps, how many act, and what stands in the way."""
    acting = sum(row["kind"] in ACTS and row["status"] != "skipped" for row in rows)
    refused = [row for row in rows if row["status"] == "error"]
    said = f"{book.title}: {len(rows)} steps, {acting} of them {'acts' if acting == 1 else 'act'}"
    if refused:
        said = f"{said}; step {refused[0]['step']} would be refused"
    return View(f"{said}{'; nothing was done' if tried else ''}", Status.WARN if refused else Status.DONE)


def tried(trial: Trial, start: tuple[str, ...]) -> View:
    rows = trial.rows()
    view = summary(trial.book, rows, tried=trial.looks)
    table = Table.of("steps", rows, "step", "title", "kind", "status", "plan", "command", "undo")
    text = trial.session.declared().fingerprint("runbook", trial.book.name)
    facts = Facts({"runbook": trial.book.name, "text": text[:12],
                   **{each.name: trial.values[each.name] for each in trial.book.params}})
    return View(view.title, view.status, (table, facts), (Action("Begin it", start),))
