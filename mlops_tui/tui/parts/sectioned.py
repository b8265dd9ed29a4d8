"""The side of the dashboard that fills sections: lists, details and pages are looked up, the newest wish first."""

from textual import on

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import Broken, Counted, Detailed, Listed, Paged, Sifted, Sought
from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.screens.section import SectionScreen
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.tui.widgets.source import Sift

HISTORY = "activity"


class Sectioned(Desked):
    """An app with sections."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._sections: dict[str, SectionScreen] = {}
        self._sought: dict[str, tuple[str, ...]] = {}  # each section's newest wish
        self._waiting: set[str] = set()
        self._sifted: Sift | None = None

    def _fill(self, section: SectionScreen) -> None:
        if not section.is_mounted:  # on a busy machine it may not be there yet
            self.call_after_refresh(self._fill, section)
            return
        id = section.id or ""
        if id == HISTORY:
            self._sift(Sifted(section.list.sift))
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

    @on(Broken)
    def _nothing_comes(self, message: Broken) -> None:
        """What was asked for may be asked for again."""
        self._sifted = None
        self._waiting.clear()

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
        """Search what is wanted; while a piece is searched, only the newest wish waits."""
        if self._sifted is None:
            self._ask(lambda feed: feed.activity(message.sift))
        self._sifted = message.sift

    @on(Counted)
    def _counted(self, message: Counted) -> None:
        newest, self._sifted = self._sifted, None
        self._sections[HISTORY].counted(message)
        if newest is not None and newest != message.sift:
            self._sift(Sifted(newest))
        elif message.more:
            self._sift(Sifted(message.sift))

    @on(Rows.Missing)
    def _missing(self, message: Rows.Missing) -> None:
        sift = message.rows.sift
        self._ask(lambda feed: feed.page(sift, message.page))

    @on(Paged)
    def _paged(self, message: Paged) -> None:
        rows = self._sections[HISTORY].list
        if message.sift == rows.sift:
            rows.take(message.page, message.first, message.rows)
