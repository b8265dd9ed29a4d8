"""What a test may look at: messages with their threads, ephemerals, modals, Home tabs and every call."""

import time
from collections.abc import Callable
from typing import Any

from bots.local import transcript
from bots.local.state import Call, Channel, Json, State


class Watching:
    """Copies of what the workspace holds; people and channels by name or id."""

    def __init__(self, state: State) -> None:
        self.state = state

    def place(self, channel: str = "") -> Channel:
        """A channel by name or id; a person's name means their direct conversation, nothing the first channel."""
        if channel:
            return self.state.channel(self.state.people.get(channel, channel))
        return next(iter(self.state.channels.values()))

    def messages(self, channel: str = "") -> list[Json]:
        """The messages of a channel, oldest first, each with its `replies`."""
        with self.state.lock:
            found = self.place(channel)
            return [{**self.state.snapshot(each), "replies": self.state.snapshot(self.state.replies(found, each["ts"]))}
                    for each in found.messages.values() if each.get("thread_ts", each["ts"]) == each["ts"]]

    def ephemerals(self, user: str) -> list[Json]:
        """What only this person was shown, oldest first."""
        who = self.state.user_id(user)
        shown: list[Json] = self.state.snapshot([each for each in self.state.ephemerals if each["to"] == who])
        return shown

    def modals(self, user: str) -> list[Json]:
        """The person's stack of open modals, the visible one last."""
        stack: list[Json] = self.state.snapshot(self.state.stacks.get(self.state.user_id(user), []))
        return stack

    def home(self, user: str) -> Json | None:
        """The person's Home tab as last published."""
        found: Json | None = self.state.snapshot(self.state.homes.get(self.state.user_id(user)))
        return found

    @property
    def calls(self) -> list[Call]:
        """Every request of the app so far, in the order of the answers."""
        with self.state.lock:
            return list(self.state.calls)

    def called(self, method: str) -> list[Call]:
        """The requests of one method."""
        return [each for each in self.calls if each.method == method]

    def text(self, channel: str = "") -> str:
        """A channel as a person would read it: who, text, blocks drawn as text, threads indented."""
        return "\n".join(transcript.channel(self.state, self.messages(channel)))

    def until(self, holds: Callable[[], Any], seconds: float = 5.0) -> Any:
        """Wait until something holds and give it; raises TimeoutError after some real seconds."""
        end = time.monotonic() + seconds
        while not (found := holds()):
            if time.monotonic() > end:
                raise TimeoutError(f"still not so after {seconds:g} s")
            time.sleep(0.005)
        return found
