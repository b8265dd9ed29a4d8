"""The side of the dashboard that fills sections: lists, details and pages are looked up, the newest wish first."""

from textual import on

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import Broken, Counted, Detailed, Listed, Paged, Sifted, Sought
from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.parts.newest import Newest
from mlops_tui.tui.screens.section import SectionScreen
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.tui.widgets.source import Sift

HISTORY = "activity"


class Sectioned(Desked):
    """An app with sections."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._sections: dict[str, SectionScreen] = {}
        self._lists = Newest[str](lambda section: self._ask(lambda feed: feed.listing(section)))
        self._details = Newest[tuple[str, tuple[str, ...]]](lambda wish: self._ask(lambda feed: feed.detail(*wish)))
        self._sifts = Newest[Sift](lambda sift: self._ask(lambda feed: feed.activity(sift)))

    def _fill(self, section: SectionScreen) -> None:
        if not section.is_mounted:  # on a busy machine it may not be there yet
            self.call_after_refresh(self._fill, section)
            return
        id = section.id or ""
        if id == HISTORY:
            self._sifts.want(section.list.sift)
            return
        self._lists.want(id)
        if section.wanted:
            self._details.want((id, section.wanted))

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
        for wishes in (self._lists, self._details, self._sifts):
            wishes.forget()

    @on(Listed)
    def _listed(self, message: Listed) -> None:
        self._lists.answered(message.section)
        section = self._sections[message.section]
        if message.problem is not None:
            section.fail(message.problem)
        else:
            section.fill(message.rows)

    @on(Sought)
    def _seek_it(self, message: Sought) -> None:
        self._details.want((message.section, message.argv))

    @on(Detailed)
    def _detailed(self, message: Detailed) -> None:
        self._sections[message.section].detail(message.argv, message.view)
        self._details.answered((message.section, message.argv))

    @on(Sifted)
    def _sift(self, message: Sifted) -> None:
        self._sifts.want(message.sift)

    @on(Counted)
    def _counted(self, message: Counted) -> None:
        self._sections[HISTORY].counted(message)
        if self._sifts.answered(message.sift) and message.more:
            self._sifts.want(message.sift)

    @on(Rows.Missing)
    def _missing(self, message: Rows.Missing) -> None:
        sift = message.rows.sift
        self._ask(lambda feed: feed.page(sift, message.page))

    @on(Paged)
    def _paged(self, message: Paged) -> None:
        rows = self._sections[HISTORY].list
        if message.sift == rows.sift:
            rows.take(message.page, message.first, message.rows)
