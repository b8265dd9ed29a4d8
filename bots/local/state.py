"""What a Slack workspace remembers: people, channels, messages, modals, triggers and response hooks."""

import copy
import itertools
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Clock = Callable[[], float]

TRIGGER_SECONDS = 3.0
HOOK_SECONDS, HOOK_USES = 1800.0, 5
MODALS = 3

# what DESIGN §7 asks for, and nothing more
SCOPES = ("chat:write", "commands", "app_mentions:read", "reactions:read", "pins:read", "users:read", "im:history",
          "channels:history", "groups:history")
PEOPLE = {"ana": "U01", "bo": "U02", "cy": "U03", "dee": "U04", "vera": "U05"}
CHANNELS = {"ml-flights": "C01"}
ZONE = "America/New_York"  # of everybody whose own is not told

CONTROL = re.compile(r"<(?:[@#!][^<>\s]+|(?:https?|mailto):[^<>\s]+)>")


class Refused(Exception):
    """Slack's `ok: false` with its error code."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass
class Channel:
    """A conversation; messages by their ts, replies among them."""

    id: str
    name: str
    kind: str = "channel"
    members: set[str] = field(default_factory=set)
    messages: dict[str, Json] = field(default_factory=dict)
    pins: list[Json] = field(default_factory=list)
    topic: str = ""
    creator: str = ""
    archived: bool = False


@dataclass
class Trigger:
    """Permission to open one modal, for three seconds."""

    user: str
    expires: float
    view: str = ""
    used: bool = False


@dataclass
class Hook:
    """A response_url: where it answers, and what it may replace."""

    user: str
    channel: str
    expires: float
    original: str = ""
    ephemeral: bool = False
    left: int = HOOK_USES


@dataclass(frozen=True)
class Call:
    """One request of the app: when, which method, what it asked and what it was told."""

    at: float
    method: str
    payload: Json
    answer: Json
    status: int = 200
    lost: bool = False

    @property
    def ok(self) -> bool:
        return bool(self.answer.get("ok"))


class State:
    """The workspace's memory; every public reader gives copies, so a test may keep what it saw."""

    team_id, app_id, bot_id, bot_user, bot_name = "T0LOCAL", "A0LOCAL", "B0LOCAL", "U0BOT", "mlops"
    domain = "local"

    def __init__(self, people: Mapping[str, str], channels: Mapping[str, str], private: Sequence[str],
                 clock: Clock) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.people = dict(people)
        self.channels: dict[str, Channel] = {}
        everyone = {*self.people.values(), self.bot_user}
        for name, given in channels.items():
            kind = "group" if name in private else "channel"
            self.channels[given] = Channel(given, name.removeprefix("#"), kind, set(everyone))
        self.zones: dict[str, str] = {}
        self.ephemerals: list[Json] = []
        self.stacks: dict[str, list[Json]] = {}
        self.homes: dict[str, Json] = {}
        self.triggers: dict[str, Trigger] = {}
        self.hooks: dict[str, Hook] = {}
        self.calls: list[Call] = []
        self.happened: list[Json] = []
        self.last_ts = 0
        self.count = itertools.count(1)

    def now(self) -> float:
        return self.clock()

    def next_ts(self) -> str:
        """A time in seconds that no other message has."""
        self.last_ts = max(self.last_ts + 1, round(self.now() * 1_000_000))
        return f"{self.last_ts // 1_000_000}.{self.last_ts % 1_000_000:06d}"

    def fresh(self, letter: str) -> str:
        return f"{letter}{next(self.count):07d}"

    def user_id(self, who: str) -> str:
        """The id of a person given by name or id."""
        found = self.people.get(who.removeprefix("@"), who)
        if found not in self.people.values():
            raise LookupError(f"nobody is called {who!r} here; people: {', '.join(self.people)}")
        return found

    def user_name(self, user: str) -> str:
        if user == self.bot_user:
            return self.bot_name
        return next((name for name, each in self.people.items() if each == user), user)

    def direct(self, user: str) -> Channel:
        """The direct conversation of a person with the app."""
        given = "D" + user[1:]
        if given not in self.channels:
            self.channels[given] = Channel(given, user, "im", {user, self.bot_user})
        return self.channels[given]

    def channel(self, ref: str) -> Channel:
        """A channel by id or name; a person's id means the direct conversation."""
        if ref in self.channels:
            return self.channels[ref]
        named = [each for each in self.channels.values() if each.kind != "im" and each.name == ref.removeprefix("#")]
        if named:
            return named[0]
        if ref in self.people.values():
            return self.direct(ref)
        raise Refused("channel_not_found")

    def message(self, channel: Channel, ts: str) -> Json:
        if ts not in channel.messages:
            raise Refused("message_not_found")
        return channel.messages[ts]

    def trigger(self, user: str, view: str = "") -> str:
        given = f"{next(self.count)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self.triggers[given] = Trigger(user, self.now() + TRIGGER_SECONDS, view)
        return given

    def use_trigger(self, given: str) -> Trigger:
        """Spend a trigger; raises Refused when it is unknown, spent or older than three seconds."""
        found = self.triggers.get(given)
        if found is None:
            raise Refused("invalid_trigger_id")
        if found.used:
            raise Refused("exchanged_trigger_id")
        if self.now() > found.expires:
            raise Refused("expired_trigger_id")
        found.used = True
        return found

    def hook(self, user: str, channel: str, original: str = "", ephemeral: bool = False) -> str:
        given = secrets.token_urlsafe(18)
        self.hooks[given] = Hook(user, channel, self.now() + HOOK_SECONDS, original, ephemeral)
        return given

    def replies(self, channel: Channel, ts: str) -> list[Json]:
        return [each for each in channel.messages.values() if each.get("thread_ts") == ts and each["ts"] != ts]

    def typed(self, text: str, names: bool = False) -> str:
        """Text as Slack passes on what a person typed: escaped, with names turned into mentions."""
        kept: list[str] = []

        def keep(found: re.Match[str]) -> str:
            kept.append(found.group(0))
            return f"\0{len(kept) - 1}\0"

        text = CONTROL.sub(keep, text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for name, user in sorted([*self.people.items(), (self.bot_name, self.bot_user)], reverse=True):
            mention = f"<@{user}|{name}>" if names else f"<@{user}>"
            text = re.sub(rf"(?<!\w)@{re.escape(name)}\b", mention, text)
        return re.sub("\0(\\d+)\0", lambda found: kept[int(found.group(1))], text)

    def find_view(self, given: str) -> tuple[list[Json], int]:
        """The stack and the place in it of an open modal, by id or external id."""
        for stack in self.stacks.values():
            for place, view in enumerate(stack):
                if given and given in (view["id"], view["external_id"]):
                    return stack, place
        raise Refused("not_found")

    def snapshot(self, value: Any) -> Any:
        with self.lock:
            return copy.deepcopy(value)
