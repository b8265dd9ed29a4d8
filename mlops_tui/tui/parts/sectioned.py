"""The side of the dashboard that fills sections: lists, details and pages are looked up, the newest wish first."""

from textual import on

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import Counted, Detailed, Listed, Paged, Sifted, Sought
from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.screens.section import SectionScreen
from mlops_tui.tui.widgets.rows import Rows

HISTORY = "activity"


class Sectioned(Desked):
    """An app with sections."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._sections: dict[str, SectionScreen] = {}
        self._sought: dict[str, tuple[str, ...]] = {}  # each section's newest wish
        self._waiting: set[str] = set()
        self._sifted: str | None = None

    def _fill(self, section: SectionScreen) -> None:
        if not section.is_mounted:  # on a busy machine it may not be there yet
            self.call_after_refresh(self._fill, section)
            return
        id = section.id or ""
        if id == HISTORY:
            self._ask(lambda feed: feed.activity(section.typed))
        else:
            self._ask(lambda feed: feed.listing(id))
        if section.wanted and id != HISTORY:
            self._seek(id, section.wanted)

    def action_mode(self, id: str) -> None:
        """To another part of the dashboard, as it was left."""
        if id != self.current_mode:
            self.switch_mode(id)
            self._stand(self._standing)
            if id in self._sections:
                self.call_after_refresh(self._fill, self._sections[id])

    @on(Listed)
    def _listed(self, message: Listed) -> None:
        section = self._sections[message.section]
        if message.problem is not None:
            section.fail(message.problem)
        else:
            section.fill(message.rows)

    @on(Sought)
    def _seek_it(self, message: Sought) -> None:
        self._seek(message.section, message.argv)

    def _seek(self, section: str, argv: tuple[str, ...]) -> None:
        """Look a detail up; while one is looked up, only the newest wish waits."""
        self._sought[section] = argv
        if section not in self._waiting:
            self._waiting.add(section)
            self._ask(lambda feed: feed.detail(section, argv))

    @on(Detailed)
    def _detailed(self, message: Detailed) -> None:
        self._waiting.discard(message.section)
        self._sections[message.section].detail(message.argv, message.view)
        newest = self._sought.get(message.section, message.argv)
        if newest != message.argv:
            self._seek(message.section, newest)

    @on(Sifted)
    def _sift(self, message: Sifted) -> None:
        """Count what holds the words; while that goes on, only the newest words wait."""
        if self._sifted is None:
            self._ask(lambda feed: feed.activity(message.typed, restart=True))
        self._sifted = message.typed

    @on(Counted)
    def _counted(self, message: Counted) -> None:
        newest, self._sifted = self._sifted, None
        if newest is not None and newest != message.typed:
            self._sift(Sifted(newest))
        self._sections[HISTORY].count(message.typed, message.total, message.every, restart=message.restart)

    @on(Rows.Missing)
    def _missing(self, message: Rows.Missing) -> None:
        typed = self._sections[HISTORY].typed
        self._ask(lambda feed: feed.page(typed, message.page))

    @on(Paged)
    def _paged(self, message: Paged) -> None:
        section = self._sections[HISTORY]
        if message.typed == section.typed:
            section.list.take(message.page, message.rows)
