"""The local workspace from one time to the next: what was said in it is there again, cards stand where they stood."""

import itertools
import json
from dataclasses import asdict
from pathlib import Path
from threading import Event, Thread

from bots.local.state import Channel, Json, State
from mlops_tui.errors import BadInput

EVERY = 2.0  # seconds between two looks whether there is something new to keep
NAME = "slack-local.json"


def told(state: State) -> Json:
    """All that is worth keeping; open forms and addresses of answers are over when the workspace is."""
    with state.lock:
        channels = [{**asdict(each), "members": sorted(each.members)} for each in state.channels.values()]
        made: Json = state.snapshot({"channels": channels, "ephemerals": state.ephemerals, "homes": state.homes,
                                     "last_ts": state.last_ts, "count": next(state.count)})
        return made


def remembered(state: State, kept: Json) -> None:
    """Put back what was kept; people and channels that are declared now are there as well."""
    with state.lock:
        for each in kept["channels"]:
            here = state.channels.get(each["id"])
            named = {} if here is None else {"name": here.name, "kind": here.kind}
            members = {*each["members"], *(here.members if here else ())}
            state.channels[each["id"]] = Channel(**{**each, **named, "members": members})
        state.ephemerals, state.homes = kept["ephemerals"], kept["homes"]
        state.last_ts, state.count = kept["last_ts"], itertools.count(kept["count"])


class Memory:
    """Keeps the workspace in a file from `start()` to `stop()`; a file that cannot be read is BadInput."""

    def __init__(self, state: State, path: Path) -> None:
        self.state, self.path = state, path
        self.over = Event()
        self.thread = Thread(target=self.watch, name="local-slack-memory", daemon=True)

    def start(self) -> None:
        if self.path.exists():
            try:
                remembered(self.state, json.loads(self.path.read_text(encoding="utf-8")))
            except (ValueError, LookupError, TypeError) as problem:
                raise BadInput("What the local Slack kept cannot be read.", where=str(self.path),
                               next="Delete the file; it begins anew then.") from problem
        self.thread.start()

    def stop(self) -> None:
        self.over.set()
        self.thread.join()
        self.keep()

    def watch(self) -> None:
        last = -1
        while not self.over.wait(EVERY):
            if (now := self.state.last_ts) != last:
                self.keep()
                last = now

    def keep(self) -> None:
        """Whole or not at all: whoever is killed meanwhile leaves the file before."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(told(self.state), ensure_ascii=False), encoding="utf-8")
        fresh.replace(self.path)
