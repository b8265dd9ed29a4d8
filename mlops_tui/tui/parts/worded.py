"""What is typed after `:`, done: a word of the dashboard's own, or a command."""

import inspect
import shlex
from collections.abc import Sequence

from textual import on

from mlops_tui.errors import BadInput, Refusal
from mlops_tui.tui.links import read
from mlops_tui.tui.parts.helped import Helped
from mlops_tui.tui.parts.words import WORDS, Word
from mlops_tui.tui.widgets.command_line import CommandLine


class Worded(Helped):
    """An app with a line for commands."""

    @on(CommandLine.Typed)
    def _typed(self, message: CommandLine.Typed) -> None:
        try:
            words = shlex.split(message.text)
        except ValueError as problem:  # an apostrophe, in a question
            words = message.text.split()
            if words[0] in self._nouns or words[0] in WORDS:
                self._say(f"{message.text}: {problem}", bad=True)
                return
        words = words[1:] if words[:1] == ["mlops-tui"] else words
        if words and words[0] in WORDS:
            self.call_next(self._do, WORDS[words[0]], words[1:])
        elif words:
            self.go(read(words))

    async def _do(self, word: Word, words: Sequence[str]) -> None:
        """What a word of the dashboard's own asks for, or why it cannot be."""
        action = getattr(self, f"action_{word.action}")
        try:
            given = _given(word, inspect.signature(action), words)
            done = action(*given.args)
            if inspect.isawaitable(done):
                await done
        except Refusal as problem:
            self._say(" ".join(filter(None, (problem.what, problem.next))), bad=True)

    def action_command(self) -> None:
        self.write("")


def _given(word: Word, takes: inspect.Signature, words: Sequence[str]) -> inspect.BoundArguments:
    try:
        return takes.bind(*words)
    except TypeError:
        raise BadInput(f"It is typed :{word.usage}", next=word.effect) from None
