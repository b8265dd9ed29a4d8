"""What people say of an incident: who is on it, how it stands, how bad it is, who goes on, that it is over."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType

from mlops_tui.tui import cockpitlines as lines
from mlops_tui.tui.cases import Case
from mlops_tui.tui.messages import EditWanted, Perform
from mlops_tui.tui.screens.ask import Why
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.screens.pick import Pick
from mlops_tui.tui.standing import Standing
from mlops_tui.view import Action, Facts, Status, Text, View


class Saying(Framed):
    """A screen of one incident or alert, on which letters say what people say; each goes through the one door."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "take", "I am on it", show=False, id="cockpit.take"),
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

    def _do(self, action: Action) -> None:
        self.post_message(Perform(action.argv, asks=action.asks, offered=True))

    def _choose(self, question: str, offered: Sequence[Action]) -> None:
        if offered:
            choices = [(str(place), each.label) for place, each in enumerate(offered)]
            self.app.push_screen(Pick(question, "Nothing: leave it as it is", choices), partial(self._chosen, offered))

    def _chosen(self, offered: Sequence[Action], said: str | None) -> None:
        if said:
            self._do(offered[int(said)])

    def action_take(self) -> None:
        """Take the alert up; lead the incident."""
        case = self.case
        if self._given:
            self.post_message(Perform(("incident", "accept", case.id)))
        elif case.incident and not case.over and not case.facts.get("lead"):
            self.post_message(Perform(("incident", "role", case.id, "lead", "me")))
        elif not case.incident and not case.over:
            self.post_message(Perform(("alert", "ack", case.id)))

    @property
    def _given(self) -> bool:
        """Whether it is handed over to whoever sits here."""
        return lines.given_to(self.case) == self.standing.facts.get("actor")

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
            choices = [(name, f"{name:9} {means}".rstrip()) for name, means in self.case.levels if name != now]
            self.app.push_screen(Pick("How bad is it by now?", f"Leave it {now}", choices), self._graver)

    def _graver(self, level: str | None) -> None:
        if level:
            self.post_message(Perform(("incident", "severity", self.case.id, level)))

    def action_handover(self) -> None:
        """To whom, and with which words."""
        if self._live:
            lead = self.case.facts.get("lead")
            choices = [(name, name) for name in self.case.people if name != lead]
            said = {name: self.case.facts[name] for name in ("severity", "to_close", "update", "next_update")
                    if self.case.facts.get(name)}
            told = View("They are told this, with your words and what was tried, and lead it once they accept",
                        Status.CONFIRM, (Facts(said), Text(self.case.slack)))
            self.app.push_screen(Pick("Who takes it over?", "Nobody: leave it as it is", choices, told,
                                      self.standing.zone), self._handing)

    def _handing(self, who: str | None) -> None:
        if who:
            argv = ("incident", "handover", self.case.id, who)
            self.app.push_screen(Why(argv, f"What is next, and what would {who} want to know?"),
                                 partial(self._handed, argv))

    def _handed(self, argv: tuple[str, ...], note: str | None) -> None:
        if note:
            self.post_message(Perform((*argv, "--note", note)))
