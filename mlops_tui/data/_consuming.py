"""Micro-batch after micro-batch from a stream's server, which may be away for a while."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mlops_tui.data import _streamed
from mlops_tui.data._microbatch import take_in
from mlops_tui.data._places import placed
from mlops_tui.data._streamed import Fed
from mlops_tui.errors import BadInput, nearest, need_extra
from mlops_tui.session import Session
from store.connections import Locked
from store.facts import Streamed
from store.streams import Away, Reader

T = TypeVar("T")
FIRST, LONGEST = 0.2, 30.0  # seconds between two tries
SECRET = "A password does not belong into a declaration."


@dataclass
class Patience:
    """Asks again, ever more seldom, while a server is away or the ledger is held by somebody else."""

    limit: timedelta
    say: Callable[[str], None]
    waited: list[str] = field(default_factory=list)

    def until(self, asked: Callable[[], T]) -> T:
        """The answer, whenever it comes; the last error where it does not come within the limit."""
        began, pause = time.monotonic(), FIRST
        while True:
            try:
                found = asked()
            except (Away, Locked) as problem:
                gone = time.monotonic() - began
                if gone > self.limit.total_seconds():
                    raise
                self.say(f"{problem.what.rstrip('.')}: waiting for {gone:.0f} s")
                time.sleep(min(pause, LONGEST))
                pause *= 2
                self._note(problem.what)
                continue
            return found

    def _note(self, what: str) -> None:
        if what not in self.waited:
            self.waited.append(what)


def reader_of(session: Session, fed: Fed) -> Reader:
    """One consumer of the stream that feeds the dataset, by whichever server holds it."""
    kind, address = _server(fed)
    batches = _streamed.read_so_far(session, fed.name)
    password = _password(fed)
    need_extra("redis" if kind == "redis" else "confluent_kafka", kind)
    module: Any = import_module(f"store.{kind}_stream")
    reader: Reader
    if kind == "redis":
        reader = module.RedisReader(
            address, fed.stream.stream, fed.stream.group, payload=fed.stream.payload, claim=fed.stream.claim,
            username=fed.stream.username, password=password, known=bool(batches))
    else:
        reader = module.KafkaReader(
            address, fed.stream.stream, fed.stream.group, username=fed.stream.username, password=password,
            resume=lambda: _streamed.positions(_streamed.read_so_far(session, fed.name), fed.stream.stream))
    return reader


def _server(fed: Fed) -> tuple[str, str]:
    """`redis` or `kafka`, and the address: given with the stream, or among the contract's servers."""
    kind, address = _declared(fed)
    parts = urlsplit(address)
    if kind == "redis" and (parts.password or "password=" in parts.query):
        raise BadInput(SECRET, where=placed(fed.where)("stream"), next="Write password_env: NAME, and set that "
                       "variable.")
    return kind, address


def _declared(fed: Fed) -> tuple[str, str]:
    stream, where = fed.stream, placed(fed.where)
    if not stream.server:
        return ("redis", stream.redis) if stream.redis else ("kafka", stream.kafka)
    servers = {each.server or each.id: each for each in fed.contract.servers}
    if stream.server not in servers:
        raise BadInput(f"The contract has no server '{stream.server}'.", where=where("stream"),
                       next=nearest(stream.server, servers) or f"Servers: {', '.join(servers) or 'none'}.")
    server = servers[stream.server]
    if server.type == "kafka" and server.host:
        return "kafka", server.host
    if server.type == "custom" and server.location.startswith(("redis://", "rediss://")):
        return "redis", server.location
    raise BadInput(f"'{stream.server}' is neither a Kafka nor a Redis.", where=where("stream"),
                   next="Declare it with type: kafka and a host, or type: custom and location: redis://…")


def _password(fed: Fed) -> str:
    """What the declared variable holds; BadInput where it is not set."""
    name = fed.stream.password_env
    if name and name not in os.environ:
        raise BadInput(f"The variable {name} is not set.", where=placed(fed.where)("stream"),
                       next=f"Set {name} to the password of the server.")
    return os.environ.get(name, "") if name else ""


def consumed(session: Session, fed: Fed, reader: Reader, patience: Patience, *, once: bool,
             most: int | None) -> Iterator[Streamed]:
    """Each micro-batch once it is in the lake and acknowledged; until there is nothing left with `once`."""
    number, every = 0, fed.stream.every.total_seconds()
    while most is None or number < most:
        began = time.monotonic()
        events = patience.until(lambda: reader.read(fed.stream.batch))
        if not events and once:
            return
        if events:
            note, reader.note = reader.note, ""
            offsets = reader.offsets(events)
            taken = patience.until(lambda: take_in(session, fed, events, positions=offsets, note=note))  # noqa: B023
            patience.until(lambda: reader.done(events))  # noqa: B023
            number += 1
            yield taken
        if len(events) < fed.stream.batch and not once and (most is None or number < most):
            session.progress(0, 0, f"{fed.name}, waiting for events")
            time.sleep(max(0.0, every - (time.monotonic() - began)))
