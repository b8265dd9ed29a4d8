"""The simulated people of the demo: each acts through the same door as a real one, and is labelled."""

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from mlops_tui.errors import Refusal
from mlops_tui.roles import Actor
from mlops_tui.session import Session
from mlops_tui.view import Status, Step, View


@dataclass
class Cast:
    """The session seen as each of the people, and the story so far."""

    session: Session
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        people = self.session.declared().team.people
        self.machine = replace(self.session, actor=Actor("timetable", frozenset({"engineer"}), "demo"),
                               ledger=self.session.ledger.acting_as("timetable"))  # it works for all
        self.people = {name: self.machine.acting_as(Actor(name, frozenset(person.roles), "demo", simulated=True))
                       for name, person in people.items()}

    def does(self, who: str, *argv: str, consent: bool = False, expect: tuple[Status, ...] = (), **how: Any) -> View:
        """Let somebody run a command line; who is asked looks at the plan and agrees. Refusal where it fails."""
        session = self.people.get(who, self.machine)
        outcome = session.perform(argv, **how)
        if consent and outcome.view.status is Status.CONFIRM and outcome.plan:
            outcome = session.perform(argv, consent=outcome.plan, **how)
        wanted = expect or (Status.PASS, Status.WARN, Status.DONE, Status.FAIL, Status.UNKNOWN, Status.RUNNING)
        if outcome.error is not None or outcome.view.status not in wanted:
            told = outcome.error or {"what": outcome.view.title, "where": "", "next": ""}
            raise Refusal(f"The demo stopped at '{' '.join(argv)}': {told['what']}", where=told["where"],
                          next=told["next"] or "Run mlops-tui demo again: it goes on where it stopped.")
        return outcome.view

    def tell(self, step: str, detail: str, status: Status = Status.DONE, since: float | None = None) -> None:
        """Add a line to the story."""
        self.steps.append(Step(step, status, None if since is None else perf_counter() - since, detail))

    def stage(self, name: str, who: str, *argv: str, **how: Any) -> View:
        """One stage of the story, with its time and the title of what came out."""
        at = perf_counter()
        self.session.progress(0, 0, name)
        view = self.does(who, *argv, **how)
        self.tell(name, view.title, view.status, since=at)
        return view
