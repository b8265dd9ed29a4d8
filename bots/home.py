"""The app's first page for one person: what needs him and what he can do about it, what is red, what runs."""

import hashlib
import json
import math
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from slack_sdk import WebClient

from bots import blocks, identity
from bots.buttons import button, encode
from bots.richtext import Block, context, heading, plain, rich, run, section, shown
from bots.sender import SETTLE, NotSaid, PerhapsSaid, Say, called
from mlops_tui.daemon import fresh, ledger_of
from mlops_tui.oversight import inbox
from mlops_tui.render.cells import GLYPHS
from mlops_tui.session import Session
from mlops_tui.view import Action, Row, Status, View, counted, refused
from store.homes import Home, Homes

PAGE = "home:"       # of the buttons that turn the page
EACH = 8             # things of each kind on a page
LOOKED_AT = 1800.0   # seconds for which a page that was opened is kept up to date
PACE = 5.0           # seconds between two changes of one person's page
AGAIN = 30.0         # seconds after which time alone may have changed something
EACH_MINUTE = 40     # changes of pages in all
UNSURE = "?"         # what a page shows whose change was begun, until Slack has said that it is so
TITLE, DETAIL, BUTTONS = 200, 300, 3  # of what can be done at once; what opens it comes after these


def page_of(value: str) -> int:
    """The page that a button turns to."""
    return int(value) if value.isdecimal() and len(value) < 5 else 0


def page(status: View, jobs: View | None, number: int) -> Block:
    """The view for `views.publish`: of what there is, the part that belongs on that page; the last one where there are
    fewer."""
    needs = list(status.rows("needs_you"))
    waiting = {str(row["id"]) for row in needs}
    red = [each for each in _red(status) if each[2].argv[-1] not in waiting]  # said above, with more one can do
    running = [row for row in jobs.rows("jobs") if row["state"] in ("queued", "running")] if jobs is not None else []
    pages = max(1, *(math.ceil(len(each) / EACH) for each in (needs, red, running)))
    number = min(max(number, 0), pages - 1)
    part = slice(number * EACH, (number + 1) * EACH)
    title = shown(status.title, TITLE) or "–"
    made = [rich(section(run(f"{GLYPHS[status.status][0]} "), run(title, bold=True)))]
    made += [*_headed("Needs you", len(needs)), *(each for row in needs[part] for each in _need(row))]
    made += [*_headed("Red", len(red)), *(_line(*each) for each in red[part])]
    made += [*_headed("Running", len(running)), *(_line(*_job(row)) for row in running[part])]
    return {"type": "home", "blocks": [*_told_apart(made), *_turning(number, pages)]}


def _told_apart(made: list[Block]) -> list[Block]:
    """Buttons are numbered over the whole page, so that each can be named."""
    pressable = [each for block in made for each in (block.get("accessory"), *block.get("elements", ()))
                 if each is not None and each.get("type") == "button"]
    for number, each in enumerate(pressable):
        each["action_id"] = f"do:{number}"
    return made


def _headed(title: str, count: int) -> list[Block]:
    return [{"type": "divider"}, rich(*heading(f"{title} ({count})"))] if count else [context(f"{title}: nothing")]


def _need(row: Row) -> Iterator[Block]:
    """One thing that waits, and what he can do about it."""
    glyph = GLYPHS[row["status"]][0] if isinstance(row["status"], Status) else ""
    yield rich(section(run(f"{glyph} "), run(shown(f"{row['id']} · {row['title']}", TITLE) or "–", bold=True),
                       run(f"\n{shown(str(row['detail']), DETAIL)}")))
    opens = Action("Look", tuple(shlex.split(str(row["action"]))))
    offered = [each for each in inbox.at_once(row) if each.argv != opens.argv][:BUTTONS]
    made = [button(each.label, "do", value) for each in (*offered, opens)
            if (value := encode(each.argv, asks=each.asks)) is not None]
    if made:
        yield {"type": "actions", "elements": made}


def _red(status: View) -> Iterator[tuple[Status, str, Action]]:
    """The incidents and alerts that are open, and the models of which something is not right."""
    for row in status.rows("incidents"):
        look = Action("Look", ("incident", "show", str(row["incident"])))
        yield _graded(row), f"{row['incident']} · {row['title']}", look
    for row in status.rows("alerts"):
        said = f"{row['alert']} · {row['title']} ({row['state']})"
        yield _graded(row), said, Action("Look", ("alert", "show", str(row["alert"])))
    for row in status.rows("models"):
        sick = [f"{name} {value.value}" for name, value in row.items()
                if name != "status" and value in (Status.FAIL, Status.WARN) and isinstance(value, Status)]
        if sick:
            worst = Status.FAIL if any("fail" in each for each in sick) else Status.WARN
            yield worst, f"{row['model']}: {', '.join(sick)}", Action("Look", ("model", "show", str(row["model"])))


def _graded(row: Row) -> Status:
    return Status.FAIL if row["severity"] in ("critical", "high") else Status.WARN


def _job(row: Row) -> tuple[Status, str, Action]:
    done = row.get("done")
    share = f" · {done:.0%}" if isinstance(done, float) else ""
    said = f"job {row['job']} · {row['command']}{share} · {row['who']}"
    return Status.RUNNING, said, Action("How far?", ("job", "log", str(row["job"])))


def _line(status: Status, said: str, action: Action) -> Block:
    """One line with one button beside it."""
    made: Block = {"type": "section", "text": plain(f"{GLYPHS[status][0]} {said}", DETAIL)}
    value = encode(action.argv)
    return made if value is None else made | {"accessory": button(action.label, "do", value)}


def _turning(number: int, pages: int) -> list[Block]:
    if pages == 1:
        return []
    turns = [(label, to) for label, to in (("Back", number - 1), ("More", number + 1)) if 0 <= to < pages]
    return [{"type": "actions", "elements": [button(label, f"{PAGE}{to}", str(to)) for label, to in turns]},
            context(f"Page {number + 1} of {counted(pages, 'page')}")]


@dataclass
class Pages:
    """Keeps the page of each person who has it open lately: made when asked for, and when something changed."""

    session: Session
    client: WebClient
    say: Say
    clock: Callable[[], float] = time.time
    pace: float = PACE
    _head: int = -1
    _free: float = 0.0
    _looked_at: dict[str, tuple[int, float]] = field(default_factory=dict)
    _changes: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = ledger_of(self.session)
        self.homes = Homes(self.ledger.engine)

    def round(self, stop: Callable[[], bool] = lambda: False) -> None:
        """One look at who looks, until `stop`."""
        now = self.clock()
        watched = self.homes.watched(now - LOOKED_AT) if now >= self._free else []
        if not watched:
            return
        head = self.ledger.head_seq()
        for home in watched:
            if stop():
                return
            if self._due(home, head, now):
                self._show(home, head)

    def _due(self, home: Home, head: int, now: float) -> bool:
        """What was asked for comes at once; what changed meanwhile, no more often than people can read."""
        if not home.shown:
            return True
        seen, at = self._looked_at.get(home.user, (-1, 0.0))
        self._changes = [each for each in self._changes if now - each < 60]
        return now - home.shown_at >= self.pace and len(self._changes) < EACH_MINUTE and (
            head != seen or now - at >= AGAIN)

    def _show(self, home: Home, head: int) -> None:
        view = self._page(home)
        digest = hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()
        self._looked_at[home.user] = (head, self.clock())
        if digest == home.shown:
            return
        self._changes.append(self.clock())
        if home.shown:
            self.homes.shown(home, UNSURE, self.clock())
        try:
            called(self.client, "views.publish", {"user_id": home.user, "view": view})
        except PerhapsSaid:
            self._free = self.clock() + SETTLE  # it may still come to stand, and must not take the place of the next
            self._looked_at.pop(home.user)
            return
        except NotSaid as problem:
            if problem.after is not None:
                self._free = self.clock() + problem.after
                self._looked_at.pop(home.user)
                return
            self.say(f"■ the first page of {home.user} cannot be shown: {problem}")
        self.homes.shown(home, digest, self.clock())

    def _page(self, home: Home) -> Block:
        session = fresh(self.session)
        actor = identity.actor_of(session.declared().team, home.user)
        if actor is None:  # who only looks in is told, and leaves no trace
            return self._told(refused(identity.unknown(home.user)))
        mine = session.acting_as(actor)
        status, jobs = mine.perform(("status",)), mine.perform(("job", "list"))
        if status.error is not None:
            return self._told(status.view)
        return page(status.view, None if jobs.error is not None else jobs.view, home.page)

    def _told(self, view: View) -> Block:
        made: Any = blocks.message(view, zone=self.session.declared().zone, charts=False)["blocks"]
        return {"type": "home", "blocks": made}
