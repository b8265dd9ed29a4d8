"""The post-mortem in a person's own editor: his text is kept until it stands in the project."""

import os
import shlex
import subprocess
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import SuspendNotSupported

from mlops_tui.errors import Refusal, Unreadable
from mlops_tui.tui.messages import Answered, Edited, EditWanted, FromDesk, Perform
from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.screens.ask import Ask
from mlops_tui.view import refused

if TYPE_CHECKING:
    from mlops_tui.tui.cases import Editing
    from mlops_tui.tui.feed import Feed

GO_ON = (("leave", "Leave it for now"),
         ("go", "Go on with what I wrote"),
         ("anew", "Begin anew from the file, and drop what I wrote"),
         ("write", "It is done: put it into the project"))


def _to_edit(message: EditWanted, feed: "Feed") -> FromDesk:
    cases: Any = import_module("mlops_tui.tui.cases")
    try:
        return Edited(cases.editing(feed.session, message.id, anew=message.anew))
    except (Refusal, OSError) as problem:
        why = problem if isinstance(problem, Refusal) else Unreadable(f"The text cannot be kept: {problem}.")
        return Answered(("postmortem", "show", message.id), refused(why), looked=True)


def _ran(argv: list[str]) -> tuple[int, str]:
    """How it ended, and why it could not be run: said, not raised, since the screen comes back only in peace."""
    try:
        return subprocess.run(argv, check=False).returncode, ""
    except OSError as problem:
        return 0, problem.strerror or str(problem)


class Post(Desked):
    """An app that hands the terminal to an editor for a while."""

    @on(EditWanted)
    def _wants_to_edit(self, message: EditWanted) -> None:
        if self._locked:
            self._say("It is locked: nothing can be written. The post-mortem is read on i.", bad=True)
            return
        self._ask(partial(_to_edit, message))

    @on(Edited)
    def _can_edit(self, message: Edited) -> None:
        if message.editing.writing is None:
            self._say("It is drafted first, from what is known: m again opens it then.")
            self.post_message(Perform(("postmortem", "draft", message.editing.id)))
        else:
            self._edit_it(message.editing)

    @work(exclusive=True, group="edit")
    async def _edit_it(self, editing: "Editing") -> None:
        assert editing.writing is not None
        text, since = editing.writing.text, editing.since
        if since is not None:
            when = f"{since.astimezone(self._standing.zone):%-d %b %H:%M %Z}"
            said = await self.push_screen_wait(Ask(f"You wrote on it until {when}; it is not in the project.", GO_ON))
            if said == "leave":
                return
            if said == "anew":
                self.post_message(EditWanted(editing.id, anew=True))
                return
            if said == "write":
                self.post_message(Perform(("postmortem", "write", editing.id)))
                return
        opened, done = self._open_editor(text)
        if not opened:
            return
        if not text.is_file():
            editing.writing.end()
            self._say("The editor left no text behind: nothing is written into the project.", bad=True)
        elif since is None and text.read_bytes() == editing.fresh.encode():
            editing.writing.end()
            self._say("Nothing was changed.")
        elif done:
            self.post_message(Perform(("postmortem", "write", editing.id)))

    def _open_editor(self, text: Path) -> tuple[bool, bool]:
        """Whether somebody had it in an editor, and edited it to the end; what he wrote lies there in any case."""
        try:
            editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "") or ["vi"]
            with self.suspend():
                ended, problem = _ran([*editor, str(text)])
        except SuspendNotSupported:
            self._say(f"No editor can be opened here. Your text is {text}; m takes it in when it is done.")
            return False, False
        except ValueError as wrong:
            self._say(f"What EDITOR says is no command: {wrong}.", bad=True)
            return True, False
        if problem:
            self._say(f"{editor[0]} cannot be run: {problem}. Set EDITOR.", bad=True)
            return True, False
        if ended:
            self._say(f"{editor[0]} ended with {ended}: nothing is written into the project. What you wrote is kept; m "
                      "goes on with it.", bad=True)
        return True, not ended
