"""Feature values in Redis: a hash of packed rows for each version of a view, and a key that says which one is read."""

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from typing import Any

import redis

from store.online import BATCH, Standing, names_one
from store.refusal import Refusal

TRIES = 3
UNFINISHED = 86_400  # seconds after which what a dead writer left is gone
# One step on the server: the version appears unless one of later data is there; the one before it stays, older ones go.
_SWAP = """
local now = redis.call('HGET', KEYS[1], 'as_of')
if now and tonumber(now) > tonumber(ARGV[2]) then redis.call('UNLINK', KEYS[2]); return 0 end
local before = redis.call('HGET', KEYS[1], 'before')
if before then redis.call('UNLINK', before) end
local current = redis.call('HGET', KEYS[1], 'rows')
if current then redis.call('HSET', KEYS[1], 'before', current) end
redis.call('HSET', KEYS[1], 'rows', KEYS[2], 'as_of', ARGV[2], 'standing', ARGV[1])
redis.call('PERSIST', KEYS[2])
redis.call('SADD', KEYS[3], ARGV[3])
return 1
"""


class Away(Refusal):
    """The server does not answer."""

    code = "unreadable"


class RedisShelf:
    """Whatever a Redis of that URL keeps for one project."""

    def __init__(self, url: str, project: str) -> None:
        self.url, self.prefix = url, f"mlops-tui:{project}"
        with self._told():
            self.client = redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=3)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OSError, ValueError) as problem:
            shown = self.url.rpartition("@")[2] if "@" in self.url else self.url
            raise Away(f"Redis does not answer: {problem}", where=shown,
                       next="Start it, or name another in mlops.yaml (stores.online). Offline features need none."
                       ) from problem

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()

    def _name(self, view: str) -> str:
        return f"{self.prefix}:view:{view}"

    def standing(self) -> dict[str, Standing]:
        with self._told():
            views = sorted(each.decode() for each in self._answer(self.client.smembers(f"{self.prefix}:views")))
            return {view: standing for view, (standing, _) in self._current(views).items()}

    def _current(self, views: Sequence[str]) -> dict[str, tuple[Standing, bytes]]:
        """The standing of each view that is there, and the key of its rows."""
        pipeline = self.client.pipeline(transaction=False)
        for view in views:
            pipeline.hmget(self._name(view), ["standing", "rows"])
        found = pipeline.execute()
        return {view: (Standing.read(text.decode()), rows)
                for view, (text, rows) in zip(views, found, strict=True) if text is not None}

    def fetch(self, keys: Mapping[str, Sequence[str]]) -> dict[str, tuple[Standing, list[bytes | None]]]:
        for _ in range(TRIES):  # between the two questions, two newer versions may have come
            with self._told():
                current = self._current([view for view in keys if keys[view]])
                pipeline = self.client.pipeline(transaction=False)
                for view, (_, rows) in current.items():
                    pipeline.exists(rows)
                    pipeline.hmget(rows, list(keys[view]))
                answers = iter(pipeline.execute())
            found = {view: (standing, next(answers), next(answers)) for view, (standing, _) in current.items()}
            gone = [view for view, (standing, there, _) in found.items() if standing.entities and not there]
            if not gone:
                return {view: (standing, blobs) for view, (standing, _, blobs) in found.items()}
        raise Away(f"Redis has lost the rows of '{gone[0]}'.", where=self.prefix,
                   next=f"Try: mlops-tui feature materialize {gone[0]}")

    def put(self, standing: Standing, rows: Iterable[tuple[str, bytes]]) -> tuple[Standing, bool]:
        generation = uuid.uuid4().hex
        name, entities, pending = f"{self._name(standing.view)}:{generation}", 0, iter(rows)
        with self._told():
            while batch := list(islice(pending, BATCH)):
                self.client.hset(name, mapping=dict(batch))
                self.client.expire(name, UNFINISHED)
                entities += len(batch)
            filled = Standing(**{**asdict(standing), "entities": entities, "generation": generation})
            swapped = self._answer(self.client.eval(
                _SWAP, 3, self._name(standing.view), name, f"{self.prefix}:views",
                filled.document(), str(standing.as_of), standing.view))
        return filled, bool(swapped)

    def forget(self, people: Mapping[str, Collection[str]]) -> dict[str, int]:
        found: dict[str, int] = {}
        with self._told():
            for view, standing in self.standing().items():
                for name in self.client.scan_iter(f"{self._name(view)}:*"):
                    keys = [key for key, _ in self.client.hscan_iter(name)
                            if names_one(standing.entity, key.decode(), people)]
                    if keys:
                        self.client.hdel(name, *keys)
                        found[view] = max(found.get(view, 0), len(keys))
        return found

    def holding(self, people: Mapping[str, Collection[str]]) -> list[str]:
        with self._told():
            return [view for view, standing in self.standing().items() if any(
                names_one(standing.entity, key.decode(), people)
                for name in self.client.scan_iter(f"{self._name(view)}:*") for key, _ in self.client.hscan_iter(name))]

    @staticmethod
    def _answer(value: Any) -> Any:
        """redis-py types every answer as one that may have to be awaited."""
        return value
