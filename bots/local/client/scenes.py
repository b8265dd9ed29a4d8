"""What one person sees in the workspace: places to go, a conversation, a thread, the app's first page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, tzinfo

from rich.text import Text

from bots.local.client.drawn import foot, head, pieces
from bots.local.client.rows import Item
from bots.local.state import Channel, Json
from bots.local.workspace import LocalSlack
from mlops_tui.render.cells import clean

HOME = "home"
MOST = 120  # messages of a conversation that are drawn


@dataclass(frozen=True)
class Spot:
    """A place to go: a channel by its id, the talk with the app, or its first page."""

    key: str
    label: str
    joined: bool = True


@dataclass(frozen=True)
class Eyes:
    """Who looks, and in which time zone they read."""

    slack: LocalSlack
    who: str
    zone: tzinfo = UTC

    @property
    def user(self) -> str:
        return self.slack.state.user_id(self.who)

    def spots(self) -> list[Spot]:
        """Channels, the talk with the app, its first page."""
        state = self.slack.state
        with state.lock:
            found = [Spot(each.id, f"{'🔒' if each.kind == 'group' else '#'} {each.name}"
                                   f"{'  (over)' if each.archived else ''}", self.user in each.members)
                     for each in state.channels.values()
                     if each.kind == "channel" or (each.kind == "group" and self.user in each.members)]
            direct = state.direct(self.user).id
        return [*found, Spot(direct, f"● {state.bot_name}"), Spot(HOME, "⌂ App Home")]

    def title(self, key: str) -> Text:
        if key == HOME:
            return Text("App Home", "bold")
        channel = self.slack.state.channels[key]
        if channel.kind == "im":
            return Text.assemble((clean(self.slack.state.bot_name), "bold"), ("  you and the app", "dim"))
        return Text.assemble((f"# {clean(channel.name)}", "bold"), (f"  {clean(channel.topic)}", "dim"))

    def items(self, key: str) -> list[Item]:
        """A conversation without what is said in its threads, oldest first; or the app's first page."""
        if key == HOME:
            return list(self.page())
        state = self.slack.state
        with state.lock:
            channel = state.channels[key]
            top = [each for each in channel.messages.values()
                   if each.get("thread_ts", each["ts"]) == each["ts"] or each.get("subtype") == "thread_broadcast"]
            return [self.item(channel, each) for each in self.sorted([*top, *self.hidden(key, "")])[-MOST:]]

    def thread(self, key: str, ts: str) -> list[Item]:
        """A message and what was answered to it."""
        state = self.slack.state
        with state.lock:
            channel = state.channels[key]
            if ts not in channel.messages:
                return []
            said = [*state.replies(channel, ts), *self.hidden(key, ts)]
            return [self.item(channel, each, within=True) for each in [channel.messages[ts], *self.sorted(said)]]

    def page(self) -> Iterator[Item]:
        shown = self.slack.home(self.who)
        if shown is None:
            yield Item(HOME, HOME, Text(""), (Text("Nothing yet: the app makes this page when it is at work.", "dim"),),
                       Text(""))
        else:
            yield Item(HOME, HOME, Text(""), tuple(pieces(self.slack.state, shown)), Text(""))

    def hidden(self, key: str, thread: str) -> list[Json]:
        """What only this person sees here."""
        return [each for each in self.slack.state.ephemerals if each["to"] == self.user and each["channel"] == key
                and each.get("thread_ts", "") == thread]

    def sorted(self, messages: list[Json]) -> list[Json]:
        return sorted(messages, key=lambda each: float(each["ts"]))

    def item(self, channel: Channel, shown: Json, *, within: bool = False) -> Item:
        state = self.slack.state
        pinned = any(each["ts"] == shown["ts"] for each in channel.pins)
        replies = [] if within else state.replies(channel, shown["ts"])
        mark = "-hidden" if shown.get("is_ephemeral") else "-notice" if shown.get("subtype", "").startswith(
            ("channel_", "group_")) else ""
        return Item(shown["ts"], shown["ts"], head(state, shown, self.zone), tuple(pieces(state, shown)),
                    foot(shown, pinned, replies), mark)

    def message(self, key: str, ts: str) -> Json | None:
        """A message that everybody here sees."""
        with self.slack.state.lock:
            channel = self.slack.state.channels.get(key)
            found: Json | None = self.slack.state.snapshot(channel.messages.get(ts)) if channel else None
            return found

    def pinned(self, key: str, ts: str) -> bool:
        with self.slack.state.lock:
            return any(each["ts"] == ts for each in self.slack.state.channels[key].pins)
