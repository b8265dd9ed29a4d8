"""A view with its next steps, each of which a letter does."""

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from mlops_tui.render.cells import clean, fit
from mlops_tui.tui.messages import Perform
from mlops_tui.tui.places import RESERVED, Step, letters, step
from mlops_tui.tui.widgets.body import NOTHING, Body
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Action, Row, View

LONG = 9  # from so many next steps on, they are a list of their own


class Pane(Vertical):
    """The parts of a view, and below them what can be done next."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.body, self.actions = Body(NOTHING, id="body"), Rows("place", _step, id="actions")
        self.actions.border_title, self.actions.display = "Next", False
        self._actions: tuple[Action, ...] = ()
        self._keys: dict[str, Action] = {}
        self._argv: tuple[str, ...] | None = None
        self._letters: dict[Step, str] = {}  # what each step had last: it has it again
        self._here: dict[Step, str] = {}  # of this answer: nobody else gets one while it is looked at

    def compose(self) -> ComposeResult:
        yield self.body
        yield self.actions

    def show(self, view: View, argv: tuple[str, ...], zone: tzinfo = UTC) -> None:
        """Show that view; where it is the answer to the same command again, nothing moves."""
        self.body.show(View(view.title, view.status, view.parts), zone, argv)
        if view.actions == self._actions:
            return
        self._actions = view.actions
        keys = self._lettering(view.actions, argv)
        self._keys = {key: action for key, action in zip(keys, view.actions, strict=True) if key}
        self.actions.display = bool(view.actions)
        self.actions.set_class(len(view.actions) > LONG, "-long")
        self.actions.show([{"place": place, "key": key, "label": action.label, "argv": action.shown}
                           for place, (action, key) in enumerate(zip(view.actions, keys, strict=True))])

    def _lettering(self, actions: Sequence[Action], argv: tuple[str, ...]) -> list[str]:
        """A step keeps its letter whatever comes and goes beside it, and whichever row it belongs to."""
        if argv != self._argv:
            self._argv = argv
            self._here = {key: self._letters[key] for key in map(step, actions) if key in self._letters}
        keys = letters(actions, self._here, getattr(self.app, "reserved", RESERVED))
        self._here |= {step(action): key for action, key in zip(actions, keys, strict=True) if key}
        self._letters |= self._here
        return keys

    @property
    def steps(self) -> Mapping[str, Action]:
        """What the letters do."""
        return self._keys

    def behind(self, key: str | None) -> Perform | None:
        """What a letter asks for; None where it does nothing."""
        found = self._keys.get(key or "")
        return Perform(found.argv, asks=found.asks, offered=True) if found is not None else None

    @on(Rows.Opened, "#actions")
    def _chosen(self, event: Rows.Opened) -> None:
        event.stop()
        place = event.row.get("place") if event.row is not None else None
        if isinstance(place, int):
            chosen = self._actions[place]
            self.post_message(Perform(chosen.argv, asks=chosen.asks, offered=True))

    @on(Body.Entered)
    def _entered(self, event: Body.Entered) -> None:
        event.stop()
        self.post_message(Perform(event.argv))


def _step(row: Row, width: int) -> list[Text]:
    argv = row.get("argv")
    typed = " ".join(argv) if isinstance(argv, tuple) else ""
    line = Text.assemble((f" {fit(str(row['key']), 1)} ", "bold cyan"), (clean(str(row["label"])), "bold"),
                         (f"   {clean(typed)}", "dim"))
    line.truncate(width, overflow="ellipsis")
    return [line]
