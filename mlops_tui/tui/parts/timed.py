"""Time travel: every screen as of another moment, from change to change or to a time that is typed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from textual import on

from mlops_tui.errors import BadInput
from mlops_tui.render.cells import moment as moment_of
from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import Broken, Fresh, FromDesk, LookedAt, NoSuchTime, Perform, Travelled
from mlops_tui.tui.parts.sectioned import Sectioned
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.standing import Standing


class Timed(Sectioned):
    """An app that shows what was known at another time; nothing can be changed there."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._steps = 0          # that wait until the one before has been taken
        self._travelling = False
        self._mark: datetime | None = None
        self._ids: tuple[str, ...] = ()

    def _here(self) -> Standing:
        return replace(super()._here(), mark=self._mark)

    def action_step(self, by: int) -> None:
        """To the moment of the change before of what is seen, or of the next one; after the last of them is now."""
        self._steps += by
        if not self._travelling and self._steps:
            by, self._steps, self._travelling = self._steps, 0, True
            where = self._seen_now()
            self._ask(lambda feed: feed.step(by, *where))

    def action_mode(self, id: str) -> None:
        """To another part of the dashboard, and to what had changed in it by the moment that is seen."""
        before, then = self.current_mode, self._standing.as_of
        super().action_mode(id)
        if then is not None and self.current_mode != before:
            self.action_at(then.isoformat())

    def action_now(self) -> None:
        """Back from another moment."""
        self.action_at("now")

    def action_at(self, *words: str) -> None:
        """To a time as `--as-of` reads it, to when INC-3 began, to the time of the row under the cursor, or to now."""
        wanted = " ".join(words) or self._time_of_row()
        if not wanted:
            raise BadInput("To which time?", next="Write :at 2013-09-14, :at 2h ago, :at INC-3 or :at now.")
        self._travelling, where = True, self._seen_now()
        self._ask(lambda feed: feed.at(wanted, *where))

    def moments(self) -> Iterator[str]:
        """What may follow `at`, to complete it."""
        yield from ("now", "1d ago", "7d ago")
        yield from self._ids

    def action_mark(self) -> None:
        """Mark the moment that is seen; at another one, show what changed between; at the same, take the mark back."""
        here = self._standing.as_of or self._standing.now
        if here is None:
            return
        mark, told = self._mark, moment_of(self._mark or here, self._standing.zone)
        if mark is None or mark == here:
            self._mark = here if mark is None else None
            self._say(f"Marked {told}: at another moment ; shows what changed between." if mark is None else
                      f"The mark of {told} is taken back.")
            self._stand(self._standing)
        elif mark < here:
            self.post_message(Perform(("changes", mark.isoformat())))
        else:  # what is seen is the later one of the two
            self.action_at(mark.isoformat())
            self.post_message(Perform(("changes", here.isoformat())))

    def _seen_now(self) -> tuple[str, tuple[str, ...]]:
        """What is seen: a part of the dashboard, and what an answer is about."""
        screen = self.screen
        seen = isinstance(screen, Framed) and (screen.id == "cockpit" or (isinstance(screen, Answer) and screen.looked))
        names = screen.command[1:] if isinstance(screen, Framed) and seen else ()
        return self.current_mode, tuple(name for name in names if not name.startswith("-"))

    def _time_of_row(self) -> str:
        row = self.screen.row if isinstance(self.screen, Framed) else None
        times = [value for value in row.values() if isinstance(value, datetime)] if row is not None else []
        return times[0].isoformat() if times else ""

    @on(Travelled)
    @on(Broken)
    def _arrived(self, message: FromDesk) -> None:
        self._travelling = False
        if isinstance(message, Travelled) and not message.view.facts().get("as_of"):
            self._ask(lambda feed: feed.jobs())  # those that ended meanwhile are heard of now
        self.action_step(0)

    @on(NoSuchTime)
    def _nowhere(self, message: NoSuchTime) -> None:
        self._steps, self._travelling = 0, False
        self._say(message.why, bad=True)

    @on(Fresh)
    def _known_by_name(self, message: Fresh) -> None:
        self._ids = tuple(argv[-1] for _, argv in message.places if argv[0] in ("incident", "alert", "approve"))

    @on(LookedAt)
    def _look_there(self, message: LookedAt) -> None:
        self._ask(lambda feed: feed.again(message.argv))
