"""Events from a Redis stream, read as one consumer of a group."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from store.refusal import Refusal
from store.streams import Away, Event, Standing

ANSWER = 10.0  # seconds for one answer
COUNTED = 10_000  # so many entries are counted one by one
FORGOTTEN = timedelta(hours=1)  # a consumer that asked for nothing so long is not alive


class NoGroup(Exception):
    """The stream has no such group, or there is no such stream."""


class RedisReader:
    """XREADGROUP, and XAUTOCLAIM of what consumers held that are not alive any more.

    `claim`: so long after it was given out, an entry that was not acknowledged is taken over.
    """

    def __init__(self, url: str, stream: str, group: str, *, payload: str, claim: timedelta, username: str = "",
                 password: str = "", known: bool = False) -> None:
        self.where, self.stream, self.group = url, stream, group
        self.payload, self.claim, self.note = payload.encode(), claim, ""
        self.consumer = f"{socket.gethostname()}-{os.getpid()}"
        self._own, self._from, self._known = True, "0-0", known
        try:
            self._redis: Any = redis.Redis.from_url(
                url, socket_timeout=ANSWER, socket_connect_timeout=ANSWER, retry=Retry(NoBackoff(), 0),
                **{name: value for name, value in (("username", username), ("password", password)) if value})
        except ValueError as problem:
            raise Refusal(f"'{url}' is no address of a Redis.", next="Write redis://127.0.0.1:6379/0") from problem

    # -- reading ------------------------------------------------------------------------------------------------

    def read(self, limit: int) -> Sequence[Event]:
        """What this consumer was given and did not acknowledge, then what dead ones held, then what is new."""
        try:
            return self._read(limit)
        except NoGroup:
            self._make_group()
            return self._read(limit)

    def _read(self, limit: int) -> Sequence[Event]:
        with self._asking():
            if self._own:  # also after an answer was lost on its way
                found = self._given(self._redis.xreadgroup(self.group, self.consumer, {self.stream: "0"}, count=limit))
                if found:
                    return found
                self._own = False
            return self._claimed(limit) or self._given(self._redis.xreadgroup(
                self.group, self.consumer, {self.stream: ">"}, count=limit))

    def _claimed(self, limit: int) -> list[Event]:
        idle = int(self.claim / timedelta(milliseconds=1))
        while True:
            place, entries, *gone = self._redis.xautoclaim(
                self.stream, self.group, self.consumer, idle, self._from, limit)
            self._from = _text(place)
            found = [*self._events(entries), *(Event(_text(each)) for each in (gone[0] if gone else ()))]
            if found or self._from == "0-0":
                return found

    def _given(self, answer: Any) -> list[Event]:
        return [event for _, entries in (answer.items() if isinstance(answer, dict) else answer or ())
                for event in self._events(entries[0] if isinstance(answer, dict) else entries)]

    def _events(self, entries: Any) -> Iterator[Event]:
        for position, fields in entries:
            place = _text(position)
            if not fields:  # it was trimmed away before it was read
                yield Event(place)
            elif self.payload in fields:
                yield Event(place, body=fields[self.payload], arrived=_moment(place))
            else:
                yield Event(place, fields=fields, arrived=_moment(place))

    def done(self, events: Sequence[Event]) -> None:
        """Acknowledge them, so that nobody gets them again."""
        if events:
            with self._asking():
                self._redis.xack(self.stream, self.group, *(event.position for event in events))

    def offsets(self, events: Sequence[Event]) -> dict[str, int]:
        return {}

    # -- how it stands ------------------------------------------------------------------------------------------

    def standing(self) -> Standing:
        with self._asking():
            if not self._redis.exists(self.stream):
                return Standing(0, 0, 0, 0)
            length = int(self._redis.xlen(self.stream))
            groups = {_text(each["name"]): each for each in self._redis.xinfo_groups(self.stream)}
            if self.group not in groups:
                return Standing(length, length, 0, 0, self._first("-"))
            mine = groups[self.group]
            pending, last = int(mine["pending"]), _text(mine["last-delivered-id"])
            held = self._redis.xpending(self.stream, self.group)["min"] if pending else None
            unread = mine.get("lag")
            if unread is None:  # a Redis that came back from its log does not know
                found = len(self._redis.xrange(self.stream, min=f"({last}", count=COUNTED))
                unread = found if found < COUNTED else None
            times = [_moment(_text(held)) if held else None, self._first(f"({last}") if unread != 0 else None]
            return Standing(length, unread, pending, int(mine["consumers"]),
                            min((each for each in times if each is not None), default=None))

    def _first(self, after: str) -> datetime | None:
        found = self._redis.xrange(self.stream, min=after, count=1)
        return _moment(_text(found[0][0])) if found else None

    def close(self) -> None:
        """Leave the group as it was found: consumers that hold nothing and are not alive are taken off its list."""
        with suppress(redis.RedisError):
            for each in self._redis.xinfo_consumers(self.stream, self.group):
                mine = _text(each["name"]) == self.consumer
                if not each["pending"] and (mine or timedelta(milliseconds=each["idle"]) > FORGOTTEN):
                    self._redis.xgroup_delconsumer(self.stream, self.group, each["name"])
        self._redis.close()

    # -- what can go wrong --------------------------------------------------------------------------------------

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Away where there is no answer, NoGroup where the group is not there."""
        try:
            yield
        except redis.AuthenticationError as problem:
            raise Refusal(f"The Redis does not let us in: {problem}.", where=self.where,
                          next="Name the variable that holds the password: stream: {password_env: NAME}") from problem
        except (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError) as problem:
            self._own, self._from = True, "0-0"
            raise Away(f"The Redis does not answer: {problem}", where=self.where) from problem
        except redis.ResponseError as problem:
            if "NOGROUP" in str(problem):
                raise NoGroup from problem
            raise Refusal(f"The Redis refuses: {problem}.", where=f"{self.where} {self.stream}") from problem

    def _make_group(self) -> None:
        with suppress(redis.ResponseError):  # somebody else has made it meanwhile
            self._redis.xgroup_create(self.stream, self.group, id="0", mkstream=True)
        if self._known:
            self.note = (f"The group '{self.group}' of the stream '{self.stream}' was gone: its Redis came back "
                         "without what it had, or somebody removed it. It is read from its beginning; events that were "
                         "taken in are recognised, those that the Redis lost before they were read are lost.")
        self._known, self._own, self._from = True, True, "0-0"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _moment(position: str) -> datetime:
    """When an entry was added: its place begins with the milliseconds."""
    return datetime.fromtimestamp(int(position.partition("-")[0]) / 1000, UTC)
