"""An incident being worked on: its runbook's steps, the text of one, what was found, and what came of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.markup import escape
from textual.message import Message
from textual.widget import Widget

from mlops_tui.tui import cockpitlines as lines
from mlops_tui.tui.cases import EVERY, Case
from mlops_tui.tui.messages import CaseWanted, EditWanted, FoundWanted, Perform
from mlops_tui.tui.places import leads
from mlops_tui.tui.screens.ask import Ask, Why
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.body import NOTHING, Body
from mlops_tui.tui.widgets.drawing import Drawing
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Action, Facts, Row, Status, Text, View

ON_KEYS = ("role", "update", "note", "handover", "resolve", "ack", "open")  # verbs that have a letter of their own
SIDES = ("", "-reading", "-past")  # what is seen where one side has room: the steps, the text and findings, what came


class Cockpit(Framed):
    """Enter does the step whose turn it is; letters say what people say."""

    AUTO_FOCUS = "#steps"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["cockpit.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", show=False, id="cockpit.back"),
        Binding("tab", "turn(1)", "Next panel", show=False, id="cockpit.next"),
        Binding("shift+tab", "turn(-1)", "Panel before", show=False, id="cockpit.previous"),
        Binding("right,right_square_bracket", "turn(1)", "Next panel", show=False, id="cockpit.side"),
        Binding("left,left_square_bracket", "turn(-1)", "Panel before", show=False, id="cockpit.side-back"),
        Binding("a", "take", "I am on it", show=False, id="cockpit.take"),
        Binding("e", "evidence", "All that the step has found", show=False, id="cockpit.evidence"),
        Binding("c", "choose", "What else can be done now", show=False, id="cockpit.choose"),
        Binding("b", "runbooks", "Another runbook", show=False, id="cockpit.runbooks"),
        Binding("i", "all", "All that is known of it", show=False, id="cockpit.all"),
        Binding("m", "postmortem", "Write the post-mortem in your editor", show=False, id="cockpit.post-mortem"),
        Binding("n", "note", "Note what you saw or did", show=False, id="cockpit.note"),
        Binding("u", "update", "Tell everybody how it stands", show=False, id="cockpit.update"),
        Binding("v", "severity", "Say how bad it is", show=False, id="cockpit.severity"),
        Binding("h", "handover", "Hand it over", show=False, id="cockpit.handover"),
        Binding("o", "over", "It is over", show=False, id="cockpit.over"),
    ]

    def __init__(self, case: Case, standing: Standing) -> None:
        super().__init__(standing, id="cockpit")
        self.case = case
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
        return ("incident" if self.case.incident else "alert", "show", self.case.id)

    def within(self) -> Iterable[Widget]:
        yield Drawing("headline")
        with Horizontal(id="working"):
            yield Rows("key", lambda row, width: lines.step(row, width, self.standing.now), empty="no runbook",
                       id="steps")
            with Vertical(id="reading"):
                yield Body(NOTHING, id="text")
                yield Body(NOTHING, id="found")
        yield Rows("key", lambda row, width: lines.event(row, width, self.standing.zone),
                   empty="nothing has happened yet", id="timeline")
        yield Drawing("hints")

    def on_mount(self) -> None:
        self.query_one("#timeline").border_title = "Timeline, the newest first"
        self.show(self.case, first=True)

    @property
    def steps(self) -> Rows:
        return self.query_one("#steps", Rows)

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
        self.steps.border_title = escape(lines.steps_title(case))
        self.steps.show([{**row, "runs": bool(self.job and row.get("here"))} for row in case.steps])
        if follows and case.stands_at:
            self.steps.to(case.stands_at)
        self.query_one("#timeline", Rows).show(lines.timeline(case))
        self._draw()

    def _draw(self) -> None:
        case, row = self.case, self.step
        now = self.standing.now
        self.query_one("#headline", Drawing).show(lambda width, height: lines.headline(case, now, width))
        self._hint()
        text, found = self.query_one("#text", Body), self.query_one("#found", Body)
        text.border_title = escape(f"{row['step']} {row['title']}") if row is not None and "step" in row else \
            escape(str(row["title"])) if row is not None else case.id
        text.show(lines.text_of(case, row), self.standing.zone, (case.id, str(row["key"]) if row is not None else ""))
        self._show_found(found)

    def _hint(self) -> None:
        """The keys that do something by now, where the focus is."""
        offered = list(self._offered())
        self.query_one("#hints", Drawing).show(lambda width, height: [lines.hints(offered, width)])

    def on_descendant_focus(self) -> None:
        self._hint()

    def _show_found(self, found: Body) -> None:
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
        found.border_title = title
        twin = ("runbook", "show", self.case.run) if self.case.run else self.command
        found.show(view, self.standing.zone, argv or twin)

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
        for body in self.query(Body):
            body.scroll_home(animate=False)

    # -- what is done ---------------------------------------------------------------------------------------------

    def _offered(self) -> Iterator[tuple[str, str]]:
        """The keys that do something by now, the likeliest first."""
        case = self.case
        if self.standing.as_of is not None or self.standing.facts.get("read_only"):  # there it is only looked at
            yield from (("e", "evidence"),) if case.finds(self.step) else ()
            yield "i", "all of it"
            yield from (("L", "unlock: it is read-only"),) if self.standing.as_of is None else ()
            return
        if self.focused is not self.steps:
            yield "Esc", "to the steps"
        elif self._enters is not None:
            yield "Enter", "choose" if self._chooses else self._enters.label.lower()
        if case.finds(self.step):
            yield "e", "evidence"
        if not case.over and (not case.incident or not case.facts.get("lead")):
            yield "a", "I am on it"
        if case.incident and not case.over:
            yield from (("n", "note"), ("u", "update"), ("h", "hand over"), ("v", "severity"), ("o", "over"))
        if case.incident and case.over:
            yield "m", "post-mortem"
        if case.choices or self._further or (self._told is not None and self._told.actions):
            yield "c", "what else"
        if not case.running and not case.over:
            yield "b", "runbooks"
        yield "i", "all of it"

    @property
    def _chooses(self) -> bool:
        """Whether the step under the cursor asks for one of several answers, and now."""
        row = self.step
        return row is not None and bool(self.case.choices and row.get("choices")) and row["key"] == self.case.stands_at

    @property
    def _enters(self) -> Action | None:
        """What Enter does at the step under the cursor."""
        row, case = self.step, self.case
        if case.choices and row is not None and row["key"] == case.stands_at:
            return case.choices[0]
        return case.begins(row)

    @on(Rows.Opened, "#steps")
    def _opened(self, event: Rows.Opened) -> None:
        event.stop()
        row, case, action = event.row, self.case, self._enters
        if row is None:
            return
        if self._chooses:
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

    def _do(self, action: Action) -> None:
        self.post_message(Perform(action.argv, asks=action.asks, offered=True))

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
        told = self._told.actions if self._told is not None else ()
        self._choose("What next?", (*told, *self.case.choices, *self._further))

    @property
    def _further(self) -> tuple[Action, ...]:
        """What can be done about the incident and is on no key."""
        return tuple(each for each in self.case.shown.actions if each.argv[1] not in ON_KEYS
                     and each.argv[:2] not in (("runbook", "resume"), ("runbook", "list")))

    def _choose(self, question: str, offered: Sequence[Action]) -> None:
        if offered:
            choices = (("", "Nothing: leave it as it is"),
                       *((str(place), each.label) for place, each in enumerate(offered)))
            self.app.push_screen(Ask(question, choices), partial(self._chosen, offered))

    def _chosen(self, offered: Sequence[Action], said: str | None) -> None:
        if said:
            self._do(offered[int(said)])

    def action_evidence(self) -> None:
        if argv := self.case.finds(self.step):
            self.post_message(Perform(argv))

    def action_all(self) -> None:
        self.post_message(Perform(self.command))

    def action_runbooks(self) -> None:
        if not self.case.running and not self.case.over:
            self.post_message(CaseWanted(self.case.id, EVERY))

    def action_take(self) -> None:
        """Take the alert up; lead the incident."""
        case = self.case
        if case.incident and not case.over and not case.facts.get("lead"):
            self.post_message(Perform(("incident", "role", case.id, "lead", "me")))
        elif not case.incident and not case.over:
            self.post_message(Perform(("alert", "ack", case.id)))

    @property
    def _live(self) -> bool:
        return self.case.incident and not self.case.over and self.standing.as_of is None

    def action_note(self) -> None:
        if self.case.incident:
            self.post_message(Perform(("incident", "note", self.case.id), asks=("TEXT",)))

    def action_update(self) -> None:
        if self._live:
            self.post_message(Perform(("incident", "update", self.case.id), asks=("TEXT",)))

    def action_over(self) -> None:
        if self._live:
            self.post_message(Perform(("incident", "resolve", self.case.id), asks=("reason",)))

    def action_postmortem(self) -> None:
        if self.case.incident:
            self.post_message(EditWanted(self.case.id))

    def action_severity(self) -> None:
        if self._live:
            now = str(self.case.facts.get("severity") or "")
            choices = (("", f"Leave it {now}"), *((name, f"{name:9} {means}".rstrip())
                                                 for name, means in self.case.levels if name != now))
            self.app.push_screen(Ask("How bad is it by now?", choices), self._graver)

    def _graver(self, level: str | None) -> None:
        if level:
            self.post_message(Perform(("incident", "severity", self.case.id, level)))

    def action_handover(self) -> None:
        """To whom, and with which words."""
        if self._live:
            lead = self.case.facts.get("lead")
            choices = (("", "Nobody: leave it as it is"), *((name, name) for name in self.case.people if name != lead))
            said = {name: self.case.facts[name] for name in ("severity", "to_close", "update", "next_update")
                    if self.case.facts.get(name)}
            told = View("They are told this, with your words and what was tried, and lead it once they accept",
                        Status.CONFIRM, (Facts(said), Text(self.case.slack)))
            self.app.push_screen(Ask("Who takes it over?", choices, told, self.standing.zone), self._handing)

    def _handing(self, who: str | None) -> None:
        if who:
            argv = ("incident", "handover", self.case.id, who)
            self.app.push_screen(Why(argv, f"What is next, and what would {who} want to know?"),
                                 partial(self._handed, argv))

    def _handed(self, argv: tuple[str, ...], note: str | None) -> None:
        if note:
            self.post_message(Perform((*argv, "--note", note)))

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
        self.query_one({"": "#steps", "-reading": "#found", "-past": "#timeline"}[side]).focus()
