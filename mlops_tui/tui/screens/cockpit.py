"""An incident being worked on: its runbook's steps, the text of one, what was found, and what came of it."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget

from mlops_tui.tui import cockpitlines as lines
from mlops_tui.tui.cases import EVERY, Case
from mlops_tui.tui.messages import CaseWanted, FoundWanted, Perform
from mlops_tui.tui.paint import titled
from mlops_tui.tui.places import leads
from mlops_tui.tui.screens.saying import Saying
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.body import NOTHING, Body
from mlops_tui.tui.widgets.drawing import Drawing
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Action, Row, Status, View

SAID = ("open", "role", "accept", "update", "note", "handover", "resolve")  # of an incident: verbs on a key
ON_KEYS = (*(("incident", verb) for verb in SAID), ("alert", "ack"), ("runbook", "resume"), ("runbook", "list"))
WHY = ("why",)
SIDES = ("", "-reading", "-past")  # what is seen where one side has room: the steps, the text and findings, what came


class Cockpit(Saying):
    """Enter does the step whose turn it is; letters say what people say."""

    AUTO_FOCUS = "#steps"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["cockpit.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", show=False, id="cockpit.back"),
        Binding("tab", "turn(1)", "Next panel", show=False, id="cockpit.next"),
        Binding("shift+tab", "turn(-1)", "Panel before", show=False, id="cockpit.previous"),
        Binding("right,right_square_bracket", "turn(1)", "Next panel", show=False, id="cockpit.side"),
        Binding("left,left_square_bracket", "turn(-1)", "Panel before", show=False, id="cockpit.side-back"),
        Binding("e", "evidence", "All that the step has found", show=False, id="cockpit.evidence"),
        Binding("w", "why", "Why: what kind of change it is, and what moved", show=False, id="cockpit.why"),
        Binding("c", "choose", "What else can be done now", show=False, id="cockpit.choose"),
        Binding("b", "runbooks", "Another runbook", show=False, id="cockpit.runbooks"),
        Binding("i", "all", "All that is known of it", show=False, id="cockpit.all"),
    ]

    def __init__(self, case: Case, standing: Standing) -> None:
        super().__init__(case, standing)
        self._headline, self._hints = Drawing("headline"), Drawing("hints")
        self.steps = Rows("key", lambda row, width: lines.step(row, width, self.standing.now), empty="no runbook",
                          id="steps")
        self._text, self._found_text = Body(NOTHING, id="text"), Body(NOTHING, id="found")
        self._timeline = Rows("key", lambda row, width: lines.event(row, width, self.standing.zone),
                              empty="nothing has happened yet", id="timeline")
        self._timeline.border_title = "Timeline, the newest first"
        self.chosen = ""
        self._drawn_at = standing.as_of
        self._found: tuple[tuple[str, ...], View] = ((), NOTHING)
        self._told: View | None = None  # what was answered last, until the cursor moves
        self.job = 0                    # that does the step whose turn it is

    @property
    def crumbs(self) -> tuple[str, ...]:
        return "Incidents", self.case.id

    @property
    def command(self) -> tuple[str, ...]:
        return self.case.command

    def within(self) -> Iterable[Widget]:
        yield self._headline
        with Horizontal(id="working"):
            yield self.steps
            with Vertical(id="reading"):
                yield self._text
                yield self._found_text
        yield self._timeline
        yield self._hints

    def on_mount(self) -> None:
        self.show(self.case, first=True)

    @property
    def step(self) -> Row | None:
        """The step under the cursor."""
        return self.steps.row

    # -- what is shown --------------------------------------------------------------------------------------------

    @property
    def timed(self) -> bool:
        return self._drawn_at == self.standing.as_of

    @property
    def again(self) -> Message | None:
        return CaseWanted(self.case.id, self.chosen)

    def show(self, case: Case, job: int = 0, *, first: bool = False) -> None:
        """The case as it is now; a cursor that stood at the step whose turn it was goes on with it. `job` does what was
        asked for here."""
        before, row = self.case, self.step
        follows = first or row is None or (before.runbook, before.run) != (case.runbook, case.run) or (
            before.stands_at != case.stands_at and row["key"] == before.stands_at)
        self.case, self.job = case, job
        if case is not before:
            self._drawn_at = self.standing.as_of
        self.steps.border_title = titled(lines.steps_title(case))
        self.steps.show([{**row, "runs": bool(self.job and row.get("here"))} for row in case.steps])
        if follows:
            self.steps.stand(case.stands_at or (str(case.steps[-1]["key"]) if case.run else ""))
        self._timeline.show(lines.timeline(case))
        self._draw()

    def _draw(self) -> None:
        case, row = self.case, self.step
        now = self.standing.now
        self._headline.show(lambda width, height: lines.headline(case, now, width))
        self._say_keys()
        self._text.border_title = titled(f"{row['step']} {row['title']}") if row is not None and "step" in row else \
            titled(str(row["title"])) if row is not None else case.id
        key = str(row["key"]) if row is not None else ""
        self._text.show(lines.text_of(case, row), self.standing.zone, (case.id, key))
        self._show_found()

    def _say_keys(self) -> None:
        """The keys that do something by now, where the focus is."""
        offered = self._offered()
        self._hints.show(lambda width, height: [lines.hints(offered, width)])

    def on_descendant_focus(self) -> None:
        self._say_keys()

    def _show_found(self) -> None:
        argv = self.case.finds(self.step)
        if self._told is not None:
            title, view = "Answer", replace(self._told, actions=())
        elif argv and self._found[0] == argv:
            title, view = "What it found", lines.found(self._found[1])
        elif argv:
            self.post_message(FoundWanted(argv))
            return
        else:
            title, view = "What is known", lines.so_far(self.case, self.step)
        self._found_text.border_title = title
        twin = ("runbook", "show", self.case.run) if self.case.run else self.command
        self._found_text.show(view, self.standing.zone, argv or twin)

    def find(self, argv: tuple[str, ...], view: View) -> None:
        """What a step has found."""
        self._found = argv, view
        self._draw()

    def takes(self, argv: tuple[str, ...], view: View) -> bool:
        """The answer to what was done here stays here; an incident that was opened for the alert is gone on with."""
        self._told = view
        name = view.facts().get("incident")
        bad = view.status in (Status.ERROR, Status.DENIED)
        if not bad and argv[:2] == ("incident", "open") and isinstance(name, str):
            self._told = None
            self.post_message(CaseWanted(name))
        elif not bad and argv[:1] == ("runbook",):
            self._told = None  # the steps say it
        self.show(self.case)
        return True

    @on(Rows.Moved, "#steps")
    def _moved(self, event: Rows.Moved) -> None:
        event.stop()
        self._told = None
        self._draw()
        self._text.scroll_home(animate=False)
        self._found_text.scroll_home(animate=False)

    # -- what is done ---------------------------------------------------------------------------------------------

    def _offered(self) -> list[tuple[str, str]]:
        """The keys that do something by now, the likeliest first."""
        case, enters = self.case, self._enters
        evidence = [("e", "evidence")] if case.finds(self.step) else []
        evidence += [("w", "why")] if self._why else []
        if self.standing.facts.get("read_only"):
            back = (">", "now") if self.standing.as_of is not None else ("L", "unlock: it is read-only")
            return [*evidence, ("i", "all of it"), back]
        does = [("Enter", "choose" if self._chooses else enters.label.lower())] if enters is not None else []
        if self.focused is not self.steps:
            does = [("Esc", "to the steps")]
        return [*does, *evidence, *lines.said(case, given=self._given), *([("c", "what else")] if self._else else []),
                *([("b", "runbooks")] if not case.running and not case.over else []), ("i", "all of it")]

    @property
    def _chooses(self) -> bool:
        """Whether the step under the cursor asks for one of several answers, and now."""
        row = self.step
        offers = row is not None and bool(self.case.choices and row.get("choices"))
        return offers and row is not None and row["key"] == self.case.stands_at and not self.job

    @property
    def _enters(self) -> Action | None:
        """What Enter does at the step under the cursor."""
        row, case = self.step, self.case
        if self.job:
            return None
        if case.choices and row is not None and row["key"] == case.stands_at:
            return case.choices[0]
        if case.incident and not case.over and not case.running and not case.finds(row):
            return case.begins(row) or next(iter(self._further), None)
        return case.begins(row)

    @on(Rows.Opened, "#steps")
    def _opened(self, event: Rows.Opened) -> None:
        event.stop()
        row, case, action = event.row, self.case, self._enters
        if row is None:
            return
        if self.job and row.get("runs"):
            self.app.notify(f"It is being done, by job {self.job}.", markup=False)
        elif self._chooses:
            self._choose(f"{row['step']} {row['title']}", case.choices)
        elif action is not None and action.argv[:2] == ("runbook", "show"):
            self.chosen = str(row["runbook"])
            self.post_message(CaseWanted(case.id, self.chosen))
        elif action is not None:
            self._do(action)
        elif case.finds(row):
            self.action_evidence()
        elif case.running:
            self.app.notify(f"Step {case.stands_at} comes first.", markup=False)

    @on(Rows.Opened, "#timeline")
    def _past(self, event: Rows.Opened) -> None:
        event.stop()
        argv = leads(event.row) if event.row is not None else ()
        if argv and argv[-1] != self.case.id:
            self.post_message(Perform(argv))

    @on(Body.Entered)
    def _entered(self, event: Body.Entered) -> None:
        event.stop()
        self.post_message(Perform(event.argv))

    def action_choose(self) -> None:
        """Whatever can be done about the step whose turn it is, and about the incident."""
        self._choose("What next?", self._else)

    @property
    def _else(self) -> tuple[Action, ...]:
        """What follows from the last answer, the choices of the step, and what is on no key."""
        told = self._told.actions if self._told is not None else ()
        return (*told, *self.case.choices, *self._further)

    @property
    def _further(self) -> tuple[Action, ...]:
        """What can be done about the incident and is on no key."""
        return tuple(each for each in self.case.shown.actions
                     if each.argv[:2] not in ON_KEYS and each.argv[:1] != WHY)

    @property
    def _why(self) -> tuple[str, ...]:
        """The command that says why; nothing where none is offered."""
        return next((each.argv for each in self.case.shown.actions if each.argv[:1] == WHY), ())

    def action_why(self) -> None:
        if self._why:
            self.post_message(Perform(self._why))

    def action_evidence(self) -> None:
        if argv := self.case.finds(self.step):
            self.post_message(Perform(argv))

    def action_all(self) -> None:
        self.post_message(Perform(self.command))

    def action_runbooks(self) -> None:
        if not self.case.running and not self.case.over:
            self.post_message(CaseWanted(self.case.id, EVERY))

    # -- where one is ---------------------------------------------------------------------------------------------

    def action_back(self) -> None:
        """All rows again; from a runbook that was chosen to the one that was named; to the steps; then away."""
        if self.unsift():
            return
        if self.chosen and not self.case.running:
            self.post_message(CaseWanted(self.case.id))
        elif self.focused is not self.steps:
            self._turn_to("")
            self.steps.focus()
        else:
            self.dismiss()

    @property
    def _narrow(self) -> bool:
        return self.has_class("-narrow")

    def action_turn(self, by: int) -> None:
        """The next panel; where only one side has room, the next side."""
        if not self._narrow:
            self.focus_next() if by > 0 else self.focus_previous()
            return
        seen = next((side for side in SIDES[1:] if self.has_class(side)), "")
        self._turn_to(SIDES[(SIDES.index(seen) + by) % len(SIDES)])

    def _turn_to(self, side: str) -> None:
        for each in SIDES[1:]:
            self.set_class(each == side, each)
        {"": self.steps, "-reading": self._found_text, "-past": self._timeline}[side].focus()
