"""Slack in a terminal, for trying the bot: channels at the left, messages, threads, forms, and who one is."""

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from functools import partial
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from bots.local.client.choose import Choose, Told, Type
from bots.local.client.drawn import EMOJI, emoji
from bots.local.client.form import Form
from bots.local.client.rows import Item, Pressed, Row
from bots.local.client.scenes import HOME, Eyes
from bots.local.people import PRESSED, Seen
from bots.local.state import Refused
from bots.local.workspace import LocalSlack
from mlops_tui.render.cells import clean
from mlops_tui.tui.themes import THEMES

SOON = 0.05  # seconds in which changes are drawn together
KEYS = """\
Tab, Shift+Tab   from one thing to the next: messages, their buttons, what you write
Up, Down         from message to message; in the line you write, what you wrote before
Enter, t         the thread of a message         Esc   back
r  p  m          react (again: take it back), pin, more: shortcuts, edit, delete
/                a command, such as /mlops status   i   write
F2               be somebody else                F3    the places at the left
F4               what went wrong on purpose      Ctrl+Q  quit
@mlops           in a message asks the bot; names of people after @ are mentions"""


class Line(Input):
    """A line to write in, with what was written before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "past(-1)", "Before", show=False), Binding("down", "past(1)", "After", show=False)]

    def __init__(self, **how: Any) -> None:
        super().__init__(compact=True, **how)
        self.past: list[str] = []
        self.at = 0

    def keep(self) -> str:
        """What stands here; the line is empty then."""
        text = self.value.strip()
        if text and text not in self.past[-1:]:
            self.past.append(text)
        self.at, self.value = len(self.past), ""
        return text

    def action_past(self, by: int) -> None:
        self.at = min(max(self.at + by, 0), len(self.past))
        self.value = self.past[self.at] if self.at < len(self.past) else ""
        self.cursor_position = len(self.value)


class Changed(Message):
    """Something happened in the workspace."""


class Happened(Message):
    """What a person did came to this."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen


class Client(App[None]):
    """The workspace as the person `who` sees it."""

    CSS_PATH = "client.tcss"
    TITLE = "local Slack"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-one"), (72, "-two"), (112, "-three")]  # noqa: RUF012 Textual declares them
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "keys", "Keys", id="slack.keys"),
        Binding("f2", "who", "Who", id="slack.who"),
        Binding("f3", "places", "Places", id="slack.places"),
        Binding("f4", "mishaps", "Mishaps", id="slack.mishaps"),
        Binding("i", "write", "Write", id="slack.write"),
        Binding("slash", "write('/')", "Command", id="slack.command"),
        Binding("escape", "leave", "Back", id="slack.back"),
        Binding("ctrl+q", "quit", "Quit", id="slack.quit"),
    ]

    def __init__(self, slack: LocalSlack, zone: tzinfo = UTC) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name
        self.slack, self.eyes = slack, Eyes(slack, next(iter(slack.state.people)), zone)
        self.at, self.thread, self.said = next(iter(slack.state.channels)), "", ""
        self.told: list[str] = []
        self.followed: dict[str, float] = {}  # where each pane stood when it last followed: a slow paint is begun anew
        slack.faults.zone = zone
        self.soon = False

    # -- what is on the screen ------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield Static(id="bar")
        with Horizontal(id="panes"):
            yield OptionList(id="places", compact=True)
            with Vertical(id="middle"):
                yield Static(id="title")
                yield VerticalScroll(id="messages")
                yield Line(id="say", placeholder="/mlops status, @mlops, or anything")
            with Vertical(id="side"):
                yield Static(Text("Thread", "bold"), id="thread-title")
                yield VerticalScroll(id="replies")
                yield Line(id="reply", placeholder="answer here")
        yield Static(id="said")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.slack.server.changed = self.changed
        self.look_at("-messages")
        self.here("#say").focus()
        self.changed()
        self.set_interval(1.0, self.changed)

    def changed(self) -> None:
        """Something may be new; from any thread."""
        self.post_message(Changed())

    def on_unmount(self) -> None:
        self.slack.server.changed = lambda: None

    @on(Changed)
    def on_changed(self) -> None:
        if not self.soon:
            self.soon = True
            self.set_timer(SOON, self.paint)

    @work(exclusive=True, group="paint", exit_on_error=False)
    async def paint(self) -> None:
        """Draw what is new; what did not change is left alone."""
        self.soon = False
        self.paint_bar()
        self.paint_places()
        self.here("#title", Static).update(self.eyes.title(self.at))
        await self.fill("#messages", self.eyes.items(self.at))
        replies = self.eyes.thread(self.at, self.thread) if self.thread else []
        self.screen_stack[0].set_class(bool(replies), "-threaded")
        await self.fill("#replies", replies)
        self.here("#say", Line).disabled = self.at == HOME
        self.show_form()

    def here(self, where: str, kind: type[Any] = Widget) -> Any:
        """Of the workspace, whatever stands in front of it."""
        return self.screen_stack[0].query_one(where, kind)

    def paint_bar(self) -> None:
        faults, listens = self.slack.faults, self.slack.sockets or self.slack.wire.url
        away = "■ Slack is away" if faults.dark else "● the bot listens" if listens else "○ no bot listens"
        found = Text.assemble((" local Slack ", "bold reverse"), ("  you are ", "dim"), (clean(self.eyes.who), "bold"),
                              (f"   {away}", "red" if faults.dark else "green" if listens else "dim"), no_wrap=True,
                              overflow="ellipsis")
        if faults.mishaps:
            found.append(f"   ⚡ {clean(faults.mishaps[-1])}", "yellow")
        self.here("#bar", Static).update(found)
        said = self.here("#said", Static)
        said.update(Text(clean(self.said), no_wrap=True, overflow="ellipsis"))
        said.display = bool(self.said)

    def paint_places(self) -> None:
        places, spots = self.here("#places", OptionList), self.eyes.spots()
        shown = [(" ".join(("▸" if each.key == self.at else " ", clean(each.label), "" if each.joined else " join")),
                  each.key) for each in spots]
        if [(str(each.prompt), each.id) for each in places.options] != shown:
            cursor = places.highlighted
            places.clear_options().add_options(Option(Content(told), key) for told, key in shown)
            places.highlighted = min(cursor or 0, len(spots) - 1)

    async def fill(self, where: str, items: Sequence[Item]) -> None:
        """Bring the rows of a pane to these items; who reads the end goes on with what comes, from its first line."""
        pane = self.here(where, VerticalScroll)
        follow = pane.is_vertical_scroll_end or pane.scroll_y == self.followed.get(where, 0.0)
        rows = {row.item.key: row for row in pane.query(Row)}
        kept = {item.key for item in items}
        for key, row in rows.items():
            if key not in kept:
                await row.remove()
        before: Row | None = None
        for item in items:
            row = rows.get(item.key) or Row(item)
            if item.key in rows:
                await row.show(item)
            elif before is not None:
                await pane.mount(row, after=before)
            else:
                await pane.mount(row, before=0 if pane.children else None)
            before = row
        if follow and self.at != HOME:
            self.call_after_refresh(self.follow, where)

    def follow(self, where: str) -> None:
        """Show the end of a pane; of a last row that is too long for it, the beginning."""
        pane = self.here(where, VerticalScroll)
        rows = list(pane.query(Row))
        end = pane.max_scroll_y
        if rows and rows[-1].virtual_region.height > pane.size.height:
            end = min(end, rows[-1].virtual_region.y)
        pane.scroll_to(y=end, animate=False)
        self.followed[where] = float(end)

    def show_form(self) -> None:
        """The modal on top of this person's stack, if there is one, and no other."""
        stack = self.slack.modals(self.eyes.who)
        front = self.screen if isinstance(self.screen, Form) else None
        if front and (not stack or front.key != (stack[-1]["id"], stack[-1]["hash"])):
            front.end()
            front = None
        if stack and front is None and len(self.screen_stack) == 1:
            self.push_screen(Form(self.slack.state, stack[-1]))
        elif stack and front is None:
            self.post_message(Changed())  # once what stands in front is gone

    # -- what a person does ---------------------------------------------------------------------------------------

    def do(self, act: Callable[[], Seen]) -> None:
        """In a thread, since the app has three seconds to answer."""
        self.said = "◌ …"
        self.run_worker(partial(self.done, act), thread=True, exit_on_error=False, group="acts")

    def done(self, act: Callable[[], Seen]) -> None:
        try:
            seen = act()
        except (LookupError, ValueError, TimeoutError) as problem:
            seen = Seen(error=str(problem.args[0] if problem.args else problem))
        except Refused as problem:
            seen = Seen(error=problem.error)
        self.post_message(Happened(seen))

    @on(Happened)
    def on_happened(self, event: Happened) -> None:
        seen = event.seen
        self.said = f"■ {seen.error}" if seen.error else f"⚠ not delivered yet: {seen.undelivered}" if (
            seen.undelivered) else ""
        if isinstance(self.screen, Form) and not seen.ok:
            self.screen.refused(seen.errors, seen.error)
        self.changed()

    @on(Input.Submitted, "#say")
    def on_say(self) -> None:
        text = self.here("#say", Line).keep()
        if text.startswith("/"):
            word = text.split()[0]
            if word not in self.slack.commands:
                self.done(partial(Seen, error=f"{word} is no command here; there is {', '.join(self.slack.commands)}"))
            else:
                self.do(partial(self.slack.slash, self.eyes.who, text, self.at))
        elif text:
            self.do(partial(self.slack.say, self.eyes.who, text, self.at))

    @on(Input.Submitted, "#reply")
    def on_reply(self) -> None:
        text = self.here("#reply", Line).keep()
        if text.startswith("/"):
            self.done(partial(Seen, error="Slack takes commands in channels, not in threads"))
        elif text:
            self.do(partial(self.slack.say, self.eyes.who, text, self.at, self.thread))

    @on(Pressed)
    def on_pressed(self, event: Pressed) -> None:
        block, element = str(event.block["block_id"]), event.element
        if element["type"] not in PRESSED:
            self.do(partial(self.slack.choose, self.eyes.who, event.where, element["action_id"], event.given))
            return
        target = event.given if element["type"] == "feedback_buttons" else element["action_id"]
        press = partial(self.slack.click, self.eyes.who, event.where, target, block_id=block)
        sure = element.get("confirm")
        if sure is None:
            self.do(press)
            return
        words = [(sure[name] or {}).get("text", "") for name in ("title", "text", "deny", "confirm")]
        self.push_screen(Choose(f"{words[0]} {words[1]}", [("", words[2]), ("yes", words[3])]),
                         lambda given: self.do(press) if given else None)

    @on(Form.Sent)
    def on_sent(self, event: Form.Sent) -> None:
        self.do(partial(self.slack.submit, self.eyes.who, event.view_id, event.values))

    @on(Form.Left)
    def on_left(self, event: Form.Left) -> None:
        self.do(partial(self.slack.close, self.eyes.who, event.view_id))

    @on(OptionList.OptionSelected, "#places")
    def on_place(self, event: OptionList.OptionSelected) -> None:
        self.go(str(event.option.id))

    def go(self, key: str) -> None:
        """Stand in another place; who is not in it goes in."""
        spot = next((each for each in self.eyes.spots() if each.key == key), None)
        if spot is None:
            return
        self.at, self.thread = key, ""
        self.followed.clear()
        if key == HOME:
            self.here("#messages").scroll_home(animate=False)
        if not spot.joined:
            self.do(partial(self.slack.join, self.eyes.who, key))
        if key == HOME:
            self.do(partial(self.slack.open_home, self.eyes.who))
        self.look_at("-messages")
        self.here("#messages" if key == HOME else "#say").focus()
        self.changed()

    @on(Row.Wanted)
    def on_wanted(self, event: Row.Wanted) -> None:
        ts = event.row.item.key
        shown = self.eyes.message(self.at, ts) if self.at != HOME else None
        if shown is None:
            return
        match event.what:
            case "thread":
                self.thread = str(shown.get("thread_ts", ts))
                self.look_at("-thread")
                self.here("#reply").focus()
                self.changed()
            case "react":
                self.push_screen(Choose("React with", [(name, f"{emoji(name)} {name}") for name in EMOJI]),
                                 partial(self.react, ts))
            case "pin":
                pinned = self.eyes.pinned(self.at, ts)
                self.do(partial(self.slack.unpin if pinned else self.slack.pin, self.eyes.who, ts))
            case "more":
                own = shown["user"] == self.eyes.user and not shown.get("bot_id")
                more = [("edit", "Edit"), ("delete", "Delete")] if own else []
                given = [*((key, f"⚡ {name}") for key, name in self.slack.shortcuts.items()), *more]
                self.push_screen(Choose("This message" if given else "Nothing can be done with this message", given),
                                 partial(self.more, ts, str(shown.get("text") or "")))

    def react(self, ts: str, name: str | None) -> None:
        shown = self.eyes.message(self.at, ts) if name else None
        if shown and name:
            mine = any(each["name"] == name and self.eyes.user in each["users"] for each in shown.get("reactions", []))
            self.do(partial(self.slack.unreact if mine else self.slack.react, self.eyes.who, name, ts))

    def more(self, ts: str, text: str, what: str | None) -> None:
        if what == "edit":
            self.push_screen(Type("Change it to", text), lambda given: self.do(
                partial(self.slack.edit, self.eyes.who, ts, given)) if given else None)
        elif what == "delete":
            self.do(partial(self.slack.delete, self.eyes.who, ts))
        elif what:
            self.do(partial(self.slack.shortcut, self.eyes.who, what, ts))

    # -- where one is ---------------------------------------------------------------------------------------------

    def look_at(self, pane: str) -> None:
        """Which pane a narrow terminal shows."""
        for each in ("-places", "-messages", "-thread"):
            self.screen_stack[0].set_class(each == pane, each)

    def action_step(self, by: int) -> None:
        """To the next message of the pane."""
        row = self.focused
        pane = row.parent if isinstance(row, Row) else self.here("#messages")
        rows = list(pane.query(Row)) if pane is not None else []
        if rows:
            here = rows.index(row) if isinstance(row, Row) and row in rows else len(rows)
            rows[min(max(here + by, 0), len(rows) - 1)].focus()

    def action_write(self, text: str = "") -> None:
        line = self.here("#reply" if self.thread and not text else "#say", Line)
        if not line.disabled:
            self.look_at("-messages" if line.id == "say" else "-thread")
            line.focus()
            line.value = line.value or text
            line.cursor_position = len(line.value)

    def action_leave(self) -> None:
        """Out of the thread, or from what is written to the messages."""
        if self.thread and not isinstance(self.focused, OptionList):
            self.thread = ""
            self.look_at("-messages")
            self.here("#say").focus()
            self.changed()
            return
        self.look_at("-messages")
        if isinstance(self.focused, Row):
            self.here("#say").focus()
        else:
            self.action_step(0)

    def action_places(self) -> None:
        self.look_at("-places")
        self.here("#places").focus()

    def action_who(self) -> None:
        self.push_screen(Choose("Who are you?", [(name, name) for name in self.slack.state.people]), self.become)

    def become(self, name: str | None) -> None:
        if name:
            self.eyes = Eyes(self.slack, name, self.eyes.zone)
            direct = self.slack.state.channels.get(self.at)
            if direct is not None and self.eyes.user not in direct.members:
                self.at = next(iter(self.slack.state.channels))
            self.go(self.at)

    def action_keys(self) -> None:
        self.push_screen(Told(KEYS.splitlines()))

    def action_mishaps(self) -> None:
        told = self.slack.faults.mishaps or ["Nothing goes wrong on purpose. Try: mlops-tui slack local --chaos 1"]
        self.push_screen(Told([*told[-20:], *(["", *self.told[-8:]] if self.told else [])]))

    def tell(self, text: str) -> None:
        """What the bot's process says; from any thread."""
        self.told.append(text)
        if text.startswith("■"):
            self.said = text
        if self.is_running:
            self.changed()
