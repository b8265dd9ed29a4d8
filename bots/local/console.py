"""The local Slack in a terminal or a pipe: its transcript as it grows, and lines in which people act."""

import contextlib
import shlex
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TextIO

from bots.local import inputs, shapes, transcript
from bots.local.people import PRESSED, Seen, label
from bots.local.state import Json, Refused
from bots.local.workspace import LocalSlack

HELP = """\
ana: /mlops status            ana types a command
bo: click 3                   bo presses button 3
bo: choose 4 high             bo chooses from menu 4, by its text
bo: submit reason='too late'  bo fills in the fields of the modal and sends it; close cancels it
cy: hello @mlops              cy writes; reply TEXT answers in the last thread
cy: react eyes                cy reacts to the last message; pin pins it
cy: home                      cy opens the app's Home tab
wait                          until the app is connected, or wait 2 seconds
down 10 · up · rotate         Slack is away for 10 seconds; is back; asks its sockets to refresh
show · help · quit"""


@dataclass(frozen=True)
class Spot:
    """A numbered button or menu: what a person may press, and where it is."""

    where: str
    action_id: str
    block_id: str


class Console:
    """Reads lines, lets people act, and writes what changed since it last looked."""

    def __init__(self, slack: LocalSlack, out: TextIO) -> None:
        self.slack, self.out = slack, out
        self.spots: dict[int, Spot] = {}
        self.numbers: dict[Spot, int] = {}
        self.drawn: dict[str, list[str]] = {}
        self.lock = threading.Lock()
        self.news, self.over = threading.Event(), False
        self.watcher = threading.Thread(target=self.watch, name="local-slack-console", daemon=True)

    def write(self, *lines: str) -> None:
        self.out.write("".join(f"{line}\n" for line in lines))
        self.out.flush()

    def run(self, lines: Iterable[str]) -> None:
        """Until the lines end or one says quit."""
        self.write(*(f"export {name}={value}" for name, value in self.slack.environment.items()),
                   f"# made-up tokens, this machine only. People: {', '.join(self.slack.state.people)}. "
                   "Try: ana: /mlops status, or help")
        self.slack.server.changed = self.news.set
        self.watcher.start()
        try:
            for line in lines:
                if line.strip() == "quit":
                    break
                self.obey(line.strip())
            with contextlib.suppress(TimeoutError):
                self.slack.settle()
        finally:
            self.over = True
            self.news.set()
            self.watcher.join()
            self.redraw()

    def watch(self) -> None:
        while not self.over:
            self.news.wait()
            self.news.clear()
            self.redraw()

    def obey(self, line: str) -> None:
        if not line or line.startswith("#"):
            return
        try:
            who, colon, rest = line.partition(":")
            if colon and who.strip() in self.slack.state.people:
                self.told(who.strip(), self.act(who.strip(), rest.strip()))
            else:
                self.command(line)
        except (LookupError, ValueError, TimeoutError) as error:
            self.write(f"? {error.args[0] if error.args else error}")
        except Refused as refused:
            self.write(f"? {refused.error}")
        self.redraw()

    def command(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        does: Mapping[str, Callable[[str], object]] = {
            "help": lambda _: self.write(HELP),
            "show": lambda _: self.write(*transcript_of(self.slack)),
            "wait": self.wait,
            "down": lambda rest: self.slack.faults.down(float(rest) if rest else None),
            "up": lambda _: self.slack.faults.up(),
            "rotate": lambda _: self.slack.faults.rotate_sockets(),
        }
        if word not in does:
            raise LookupError(f"nobody called {word.strip(':')!r}; say NAME: what they do, or help")
        does[word](rest.strip())

    def wait(self, rest: str) -> None:
        if rest:
            with contextlib.suppress(TimeoutError):
                self.slack.until(lambda: False, float(rest))
        else:
            self.slack.until(lambda: self.slack.sockets or self.slack.wire.url, 60)
            self.slack.settle()

    def act(self, who: str, line: str) -> Seen:
        """One thing a person does; what is no verb of ours is said."""
        word, _, rest = line.partition(" ")
        does: Mapping[str, Callable[[str, str], Seen]] = {
            "click": self.click, "choose": self.choose, "submit": self.submit, "reply": self.reply,
            "close": lambda who, _: self.slack.close(who),
            "home": lambda who, _: self.slack.open_home(who),
            "react": lambda who, rest: self.slack.react(who, rest or "eyes", self.last()),
            "pin": lambda who, _: self.slack.pin(who, self.last()),
            "say": self.slack.say,
        }
        if line.startswith("/"):
            return self.slack.slash(who, line)
        return does[word](who, rest.strip()) if word in does else self.slack.say(who, line)

    def spot(self, number: str) -> Spot:
        if not number.isdigit() or int(number) not in self.spots:
            raise LookupError(f"no button {number!r}; numbers stand below each message")
        return self.spots[int(number)]

    def click(self, who: str, rest: str) -> Seen:
        spot = self.spot(rest)
        return self.slack.click(who, spot.where, spot.action_id, block_id=spot.block_id)

    def choose(self, who: str, rest: str) -> Seen:
        number, _, given = rest.partition(" ")
        spot = self.spot(number)
        return self.slack.choose(who, spot.where, spot.action_id, given)

    def submit(self, who: str, rest: str) -> Seen:
        pairs = [each.partition("=") for each in shlex.split(rest)]
        return self.slack.submit(who, values={name: value for name, _, value in pairs})

    def reply(self, who: str, rest: str) -> Seen:
        return self.slack.say(who, rest, thread_ts=self.last())

    def last(self) -> str:
        found = self.slack.messages()
        if not found:
            raise LookupError("there is no message yet")
        return str(found[-1]["ts"])

    def told(self, who: str, seen: Seen) -> None:
        if seen.error:
            self.write(f"{who} sees: {seen.error}")
        self.write(*(f"{who} sees at {name}: {error}" for name, error in seen.errors.items()))

    def redraw(self) -> None:
        """Write every message, answer, modal and Home tab that is new or changed."""
        with self.lock:
            for key, where, lines, blocks in shown(self.slack):
                if self.drawn.get(key) != lines:
                    self.drawn[key] = lines
                    self.write(*lines, *self.keys(where, blocks))

    def keys(self, where: str, blocks: list[Json]) -> list[str]:
        """The numbers of what can be pressed; the same button keeps its number."""
        found = []
        for block, each in shapes.elements(blocks):
            if block["type"] == "input":
                continue
            spot = Spot(where, each["action_id"], block["block_id"])
            number = self.numbers.setdefault(spot, len(self.numbers) + 1)
            self.spots[number] = spot
            options = " | ".join(option["text"]["text"] for option in inputs.offered(each))
            found.append(f"{number} [{label(each)}]" if each["type"] in PRESSED else f"{number} [{options} ▾]")
        return ["  " + "  ".join(found)] if found else []


def transcript_of(slack: LocalSlack) -> list[str]:
    return [line for _, _, lines, _ in shown(slack) for line in lines]


def shown(slack: LocalSlack) -> Iterable[tuple[str, str, list[str], list[Json]]]:
    """Everything there is to see: a key, where to press, the lines and the blocks."""
    state = slack.state
    with state.lock:
        for channel in state.channels.values():
            for each in slack.messages(channel.id):
                yield from ((f"{channel.id} {one['ts']}", one["ts"],
                             [f"{indent}#{channel.name} {line}" for line in transcript.message(state, one)],
                             one.get("blocks", []))
                            for indent, one in [("", each), *(("    ", reply) for reply in each["replies"])])
        for name in state.people:
            for each in slack.ephemerals(name):
                lines = transcript.message(state, each, f" (only {name} sees this)")
                yield f"{name} {each['ts']}", each["ts"], lines, each.get("blocks", [])
            views = [*slack.modals(name), *filter(None, [slack.home(name)])]
            for view in views:
                what = "Home" if view["type"] == "home" else "modal"
                where = "home" if view["type"] == "home" else view["id"]
                yield (f"{name} {view['id']}", where, [f"{name}'s {what}:", *transcript.view(view)], view["blocks"])
