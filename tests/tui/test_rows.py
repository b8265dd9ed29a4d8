"""Lists: a cursor that stays on its row whatever comes above it, and a history of which only pages are read."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from mlops_tui.tui.filtering import Wish
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.tui.widgets.source import KEPT, SIZE, Extent, Pages
from mlops_tui.view import Row

LINES = 10


class Long(App[None]):
    """One list, and a history that answers with pages when it is told to."""

    CSS = f"Rows {{ height: {LINES}; }}"

    def __init__(self, *, tall: int = 1) -> None:
        super().__init__()
        self.rows = Rows("name", lambda row, width: [Text(f"{row['name']}/{part}") for part in range(tall)], tall=tall)
        self.asked: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.rows

    def on_rows_missing(self, event: Rows.Missing) -> None:
        self.asked.append(event.page)

    def answer(self, total: int) -> None:
        """Every page that was asked for: entries are named by their number, from 0."""
        while self.asked:
            page = self.asked.pop()
            first, end = max(page * SIZE, 1), min((page + 1) * SIZE, total + 1)
            self.rows.take(page, first, [{"name": number} for number in range(first, end)])

    @property
    def seen(self) -> list[str]:
        return [strip.text[:30].strip() for strip in self.screen._compositor.render_strips()][:LINES]


def tried(app: Long, story: Any) -> None:
    async def run() -> None:
        async with app.run_test(size=(40, LINES + 2)) as pilot:
            app.rows.focus()
            await story(pilot)

    coroutine: Coroutine[Any, Any, None] = run()
    asyncio.run(coroutine)


def words(*texts: str) -> tuple[Wish, ...]:
    return tuple(Wish((text,)) for text in texts)


def named(*names: int) -> list[Row]:
    return [{"name": name} for name in names]


def test_what_comes_above_moves_neither_the_cursor_nor_what_one_reads() -> None:
    app = Long()

    async def story(pilot: Pilot[None]) -> None:
        app.rows.show(named(*range(100)))
        await pilot.press("pagedown", "pagedown", "pagedown")
        before = app.rows.row
        await pilot.pause()
        seen = app.seen
        app.rows.show(named(*range(-7, 100)))
        await pilot.pause()
        assert app.rows.row == before
        assert app.seen == seen

    tried(app, story)


def test_at_the_top_what_is_new_is_seen_and_the_cursor_goes_down_with_its_row() -> None:
    app = Long(tall=2)

    async def story(pilot: Pilot[None]) -> None:
        app.rows.show(named(1, 2, 3))
        app.rows.show(named(0, 1, 2, 3))
        await pilot.pause()
        assert app.seen[:4] == ["0/0", "0/1", "▌1/0", "▌1/1"]
        assert app.rows.row == {"name": 1}

    tried(app, story)


def test_where_its_row_is_gone_the_cursor_stands_near_by() -> None:
    app = Long()

    async def story(pilot: Pilot[None]) -> None:
        app.rows.show(named(1, 2, 3))
        await pilot.press("down")
        app.rows.show(named(1, 3))
        assert app.rows.row == {"name": 3}
        app.rows.show([])
        assert app.rows.row is None
        await pilot.pause()
        assert app.seen[0] == "nothing"

    tried(app, story)


def test_a_filter_keeps_the_cursor_on_its_row_and_gives_all_back() -> None:
    app = Long()

    async def story(pilot: Pilot[None]) -> None:
        app.rows.show(named(10, 11, 20, 21))
        await pilot.press("end")
        app.rows.keep(words("1"))
        assert (app.rows.count, app.rows.every, app.rows.row) == (3, 4, {"name": 21})
        app.rows.keep(words("7"))
        await pilot.pause()
        assert app.seen[0] == "nothing holds all of these wo"
        app.rows.keep(())
        assert app.rows.count == 4

    tried(app, story)


def test_what_a_refresh_changed_is_lit_for_a_moment_and_what_a_filter_shows_is_not() -> None:
    app = Long()

    def lit() -> list[str]:
        return [segment.text for strip in app.screen._compositor.render_strips()[:LINES] for segment in strip
                if segment.style is not None and segment.style.reverse and segment.text.strip()]

    def shown(*values: object) -> list[Row]:
        return [{"name": number, "says": f"state {value} since 6"} for number, value in enumerate(values)]

    async def story(pilot: Pilot[None]) -> None:
        app.rows._paint = lambda row, width: [Text(f"{row['name']} {row['says']}")]
        app.rows.show(shown("firing", "open"))
        await pilot.pause()
        assert lit() == [], "at first all is new"
        app.rows.show(shown("acked", "open", "late"))
        await pilot.pause()
        assert lit() == ["acked", "2 state late since 6"], "the word that changed, and the row that came"
        app.rows._dim()
        app.rows.keep(words("open"))
        app.rows.keep(())
        await pilot.pause()
        assert lit() == []
        app.animation_level = "none"
        app.rows.show(shown("firing", "open", "late"))
        await pilot.pause()
        assert lit() == [], "not where nothing shall move"

    tried(app, story)


def test_rows_that_did_not_change_are_not_painted_again() -> None:
    app = Long()
    painted: list[object] = []

    async def story(pilot: Pilot[None]) -> None:
        app.rows._paint = lambda row, width: [Text(str(painted.append(row["name"]) or row["name"]))]
        app.rows.show(named(1, 2, 3))
        await pilot.pause()
        app.rows.show(named(0, 1, 2, 3))
        await pilot.pause()
        assert painted == [1, 2, 3, 0]

    tried(app, story)


def test_a_history_may_grow_at_its_end_and_shrink_where_another_time_is_seen() -> None:
    app = Long()

    async def story(pilot: Pilot[None]) -> None:
        app.rows.restart(Extent(-3, 0), 1000)
        await pilot.press("end")
        app.rows.grow(Extent(-30, 0), 1000)
        assert (app.rows.count, app.rows.every, app.rows.key) == (31, 1000, "-3")
        app.rows.restart(Extent(1, 50), 50)
        await pilot.press("down")
        app.rows.grow(Extent(1, 20), 20)
        assert app.rows.key == "20", "the newest there was then"
        app.rows.restart(Extent(1, 50, down=False), 50)
        assert app.rows.key == "1"
        app.rows.grow(Extent(1, 60, down=False), 60)
        assert (app.rows.key, app.rows.count) == ("1", 60)

    tried(app, story)


def test_of_a_long_history_only_what_is_seen_is_read() -> None:
    app, total = Long(), 100_049

    async def story(pilot: Pilot[None]) -> None:
        app.rows.restart(Extent(1, total), total)
        await pilot.pause()
        assert app.asked == [total // SIZE]
        assert "·····" in app.seen[1]
        app.answer(total)
        await pilot.pause()
        assert app.seen[0] == f"▌{total}/0"
        await pilot.press("end")
        await pilot.pause()
        assert app.asked == [0]
        assert app.rows.row is None
        app.answer(total)
        await pilot.pause()
        assert (app.seen[-1], app.rows.row) == ("▌1/0", {"name": 1})
        await pilot.press("home", "pagedown", "down")
        assert app.rows.row == {"name": total - (LINES - 1) - 1}

    tried(app, story)


def test_a_history_that_grows_leaves_the_cursor_and_the_screen_where_they_are() -> None:
    app = Long()

    async def story(pilot: Pilot[None]) -> None:
        app.rows.restart(Extent(1, 1000), 1000)
        await pilot.pause()
        app.answer(1000)
        await pilot.press(*["pagedown"] * 3)
        await pilot.pause()
        seen, row = app.seen, app.rows.row
        assert row is not None
        for total in range(1001, 1200, 13):
            app.rows.grow(Extent(1, total), total)
            await pilot.pause()
            app.answer(total)
        await pilot.pause()
        assert (app.seen, app.rows.row) == (seen, row)
        await pilot.press("home")
        await pilot.pause()
        app.answer(1196)
        await pilot.pause()
        assert app.rows.row == {"name": 1196}

    tried(app, story)


def test_pages_that_nobody_looks_at_are_forgotten() -> None:
    pages = Pages(Extent(0, SIZE * (KEPT + 10) - 1))
    for number in range(KEPT + 10):
        pages.take(number, number * SIZE, named(*range(number * SIZE, (number + 1) * SIZE)))
    assert pages.row(0) == {"name": len(pages) - 1}
    assert pages.row(len(pages) - 1) is None
    assert pages.missing == {0}
