"""What came in and what is to go out, kept in work tables beside the history: nothing acknowledged is lost."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, or_, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import col

from store.refusal import Conflict, NotFound
from store.rows import CardRow, InboxRow, OutboxRow
from store.writing import locked

ROUTE = "route"  # the method of what goes out by a route, which is no business of Slack's sender
PATIENCE = 1.5  # seconds that whoever asks from outside can wait until it is kept: Slack gives up after three


@dataclass(frozen=True)
class Asked:
    """One thing that somebody asked for from outside; `status` is new, begun (as a job), done or failed."""

    id: int
    key: str
    kind: str
    person: str
    body: Mapping[str, Any]
    status: str
    seen: int
    tries: int
    job: int | None
    error: str


@dataclass(frozen=True)
class Said:
    """One thing to be said outside; `status` is new, sending (perhaps said), sent or dead."""

    id: int
    key: str
    method: str
    channel: str
    body: Mapping[str, Any]
    status: str
    tries: int
    not_before: float
    reference: str
    error: str
    put_at: str
    ended_at: str


@dataclass(frozen=True)
class Card:
    """A living message: where it stands, the digest of what it shows, and the last entry its thread has told."""

    name: str
    channel: str
    reference: str
    shown: str
    shown_at: float
    told: int


class Inbox:
    """Filled before the acknowledgement, emptied in the transaction that holds the effect."""

    def __init__(self, engine: Engine, patience: float = PATIENCE) -> None:
        self.engine, self.patience = engine, patience

    def put(self, key: str, kind: str, person: str, body: Mapping[str, Any]) -> bool:
        """Keep it; False where it is here already (a second delivery has no effect, and is counted).

        Unreadable where it cannot be kept while whoever asks still waits for the acknowledgement.
        """
        values = {"key": key, "kind": kind, "person": person, "body": _text(body), "received_at": _now()}
        with locked(self.engine, self.patience, eager=True) as connection:
            added = connection.execute(upsert(InboxRow).values(**values).on_conflict_do_nothing()).rowcount == 1
            if not added:
                again = update(InboxRow).where(col(InboxRow.key) == key).values(seen=col(InboxRow.seen) + 1)
                connection.execute(again)
        return added

    def waiting(self, *, status: str = "new", limit: int = 100) -> list[Asked]:
        """What waits to be dealt with, oldest first."""
        query = _ASKED.where(col(InboxRow.status) == status).order_by(col(InboxRow.id)).limit(limit)
        with self.engine.connect() as connection:
            return [_asked(row) for row in connection.execute(query)]

    def tried(self, id: int, error: str, *, dead: bool) -> None:
        """It could not be dealt with; `dead` where nobody tries again by himself."""
        changed = {"tries": col(InboxRow.tries) + 1, "error": error[:500]}
        changed |= {"status": "failed", "ended_at": _now()} if dead else {}
        with self.engine.begin() as connection:
            connection.execute(update(InboxRow).where(col(InboxRow.id) == id).values(**changed))

    def prune(self, before: datetime) -> int:
        """Let go what was done before then; how much that was. What failed stays until somebody has seen to it."""
        newest = select(func.max(col(InboxRow.id))).scalar_subquery()  # its number is not given a second time
        old = delete(InboxRow).where(col(InboxRow.status) == "done", col(InboxRow.ended_at) < _stamp(before),
                                     col(InboxRow.id) < newest)
        with locked(self.engine) as connection:
            return int(connection.execute(old).rowcount)

    def numbered(self, id: int) -> Asked | None:
        with self.engine.connect() as connection:
            row = connection.execute(_ASKED.where(col(InboxRow.id) == id)).first()
        return _asked(row) if row is not None else None

    def again(self, id: int) -> bool:
        """A person wants one dealt with that was given up; False where it was not."""
        given_up = (col(InboxRow.id) == id, col(InboxRow.status) == "failed")
        with self.engine.begin() as connection:
            changed = update(InboxRow).where(*given_up).values(status="new", tries=0, ended_at="")
            return connection.execute(changed).rowcount == 1

    def oldest(self) -> str:
        """When the oldest that still waits came in; empty where nothing waits."""
        query = select(func.min(col(InboxRow.received_at))).where(col(InboxRow.status) == "new")
        with self.engine.connect() as connection:
            return str(connection.execute(query).scalar() or "")

    @staticmethod
    def settle(connection: Connection, id: int, status: str, *, before: str = "new", job: int | None = None) -> None:
        """Within the effect's transaction: it is done, or begun as a job; Conflict where somebody else did it."""
        values: dict[str, Any] = {"status": status, "ended_at": _now() if status == "done" else ""}
        values |= {"job": job} if job is not None else {}
        changed = connection.execute(update(InboxRow).where(
            col(InboxRow.id) == id, col(InboxRow.status) == before).values(**values))
        if changed.rowcount != 1:
            raise Conflict(f"Request {id} was dealt with by somebody else.")


class Outbox:
    """Filled with the decision; one sender empties it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def put(self, key: str, method: str, channel: str, body: Mapping[str, Any],
            connection: Connection | None = None) -> bool:
        """Keep it to be sent, with whatever else the transaction holds; False where it was put before."""
        values = {"key": key, "method": method, "channel": channel, "body": _text(body), "put_at": _now()}
        with self._writing(connection) as writer:
            return writer.execute(upsert(OutboxRow).values(**values).on_conflict_do_nothing()).rowcount == 1

    def has(self, key: str) -> bool:
        with self.engine.connect() as connection:
            return connection.execute(select(col(OutboxRow.id)).where(col(OutboxRow.key) == key)).first() is not None

    def waits(self, key: str) -> bool:
        """Whether something of that key, or of one that goes on from it, is still to be sent."""
        named = (col(OutboxRow.key) == key) | col(OutboxRow.key).startswith(f"{key}/", autoescape=True)
        query = select(col(OutboxRow.id)).where(named, col(OutboxRow.status).in_(("new", "sending"))).limit(1)
        with self.engine.connect() as connection:
            return connection.execute(query).first() is not None

    def due(self, now: float, limit: int = 50, *, held: Collection[str] = (), routes: bool = False) -> list[Said]:
        """What may be sent at `now` (seconds), in the order it was put; `sending` rows were interrupted.

        In a channel nothing is due before what was put there earlier; and nothing for a channel, or by a method, that
        is `held`: however much waits there, others get their turn. With `routes` it is what goes by those, without it
        everything else.
        """
        open_ = col(OutboxRow.status).in_(("new", "sending"))
        later = select(col(OutboxRow.channel), func.min(col(OutboxRow.id)).label("first")).where(
            open_, col(OutboxRow.not_before) > now, col(OutboxRow.channel) != "").group_by(
                col(OutboxRow.channel)).subquery()
        query = _SAID.outerjoin(later, later.c.channel == col(OutboxRow.channel)).where(
            open_, col(OutboxRow.not_before) <= now, or_(later.c.first.is_(None), col(OutboxRow.id) < later.c.first),
            col(OutboxRow.channel).not_in(held), col(OutboxRow.method).not_in(held),
            (col(OutboxRow.method) == ROUTE) if routes else (col(OutboxRow.method) != ROUTE))
        with self.engine.connect() as connection:
            return [_said(row) for row in connection.execute(query.order_by(col(OutboxRow.id)).limit(limit))]

    def one(self, key: str) -> Said:
        with self.engine.connect() as connection:
            row = connection.execute(_SAID.where(col(OutboxRow.key) == key)).first()
        if row is None:
            raise NotFound(f"Nothing of that key is to be said: {key}")
        return _said(row)

    def sent_ones(self) -> list[Said]:
        """What was said and is known to stand there, oldest first."""
        query = _SAID.where(col(OutboxRow.status) == "sent", col(OutboxRow.reference) != "",
                            col(OutboxRow.method) != ROUTE).order_by(col(OutboxRow.id))
        with self.engine.connect() as connection:
            return [_said(row) for row in connection.execute(query)]

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin so, oldest first, of whatever was put, sent or not."""
        query = select(col(OutboxRow.key)).where(col(OutboxRow.key).startswith(prefix, autoescape=True))
        with self.engine.connect() as connection:
            return [str(key) for (key,) in connection.execute(query.order_by(col(OutboxRow.id)))]

    def naming(self, text: str) -> list[Said]:
        """What was put under a key that holds the text, oldest first."""
        query = _SAID.where(col(OutboxRow.key).contains(text, autoescape=True)).order_by(col(OutboxRow.id))
        with self.engine.connect() as connection:
            return [_said(row) for row in connection.execute(query)]

    def by_route(self, route: str, limit: int = 20) -> list[Said]:
        """What was put on a route, the newest first."""
        query = _SAID.where(col(OutboxRow.method) == ROUTE, col(OutboxRow.channel) == route)
        with self.engine.connect() as connection:
            return [_said(row) for row in connection.execute(query.order_by(col(OutboxRow.id).desc()).limit(limit))]

    def by_status(self) -> dict[str, dict[str, int]]:
        """How many are in each status, by route."""
        query = select(col(OutboxRow.channel), col(OutboxRow.status), func.count()).where(
            col(OutboxRow.method) == ROUTE).group_by(col(OutboxRow.channel), col(OutboxRow.status))
        found: dict[str, dict[str, int]] = {}
        with self.engine.connect() as connection:
            for channel, status, count in connection.execute(query):
                found.setdefault(str(channel), {})[str(status)] = int(count)
        return found

    def numbered(self, id: int) -> Said | None:
        with self.engine.connect() as connection:
            row = connection.execute(_SAID.where(col(OutboxRow.id) == id)).first()
        return _said(row) if row is not None else None

    def given_up(self) -> list[Said]:
        """The dead letters, oldest first."""
        query = _SAID.where(col(OutboxRow.status) == "dead").order_by(col(OutboxRow.id))
        with self.engine.connect() as connection:
            return [_said(row) for row in connection.execute(query)]

    def prune(self, before: datetime) -> int:
        """Empty what was said before then; how much that was. Its key stays, so that it is never said a second time."""
        old = update(OutboxRow).where(col(OutboxRow.status) == "sent", col(OutboxRow.ended_at) < _stamp(before),
                                      col(OutboxRow.body) != "{}").values(body="{}")
        with locked(self.engine) as connection:
            return int(connection.execute(old).rowcount)

    def oldest(self) -> Said | None:
        """What waits longest to be said in Slack; None where nothing waits."""
        waits = col(OutboxRow.status).in_(("new", "sending")), col(OutboxRow.method) != ROUTE
        query = _SAID.where(*waits).order_by(col(OutboxRow.id)).limit(1)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        return _said(row) if row is not None else None

    def counts(self) -> dict[str, int]:
        """How many rows there are in each status."""
        query = text("SELECT status, count(*) FROM outbox GROUP BY status")
        with self.engine.connect() as connection:
            return {str(status): int(count) for status, count in connection.execute(query)}

    def place_of(self, channel: str) -> str:
        """What stands before the slash in the newest reference from that channel: its id. Empty where none is known."""
        query = select(col(OutboxRow.reference)).where(
            col(OutboxRow.channel) == channel, col(OutboxRow.reference) != "").order_by(col(OutboxRow.id).desc())
        with self.engine.connect() as connection:
            found = connection.execute(query.limit(1)).scalar()
        return str(found or "").partition("/")[0]

    def sending(self, id: int, until: float = 0.0) -> bool:
        """From now on it may have been said; False where another sender has it, or it is settled.

        Whoever finds it so after a crash looks for it no sooner than `until` (seconds): what is under way may still
        come to stand.
        """
        return self._change(id, ("new",), status="sending", not_before=until)

    def sent(self, id: int, reference: str, connection: Connection | None = None) -> None:
        self._change(id, ("new", "sending"), connection, status="sent", reference=reference, ended_at=_now(), error="")

    def later(self, id: int, at: float, error: str, *, said: bool, counted: bool = True) -> None:
        """Try again at `at`; `said` where it may have been said already."""
        self._change(id, ("new", "sending"), status="sending" if said else "new", not_before=at, error=error[:500],
                     tries=col(OutboxRow.tries) + (1 if counted else 0))

    def dead(self, id: int, error: str) -> None:
        """Nobody sends it any more unless a person says so."""
        self._change(id, ("new", "sending"), status="dead", error=error[:500], ended_at=_now())

    def again(self, id: int) -> bool:
        """A person wants a dead one sent; where it may have been said already, that is looked up first."""
        return self._change(id, ("dead",), status="sending", not_before=0.0, tries=0, ended_at="")

    def _change(self, id: int, before: Sequence[str], connection: Connection | None = None, **values: Any) -> bool:
        statement = update(OutboxRow).where(col(OutboxRow.id) == id, col(OutboxRow.status).in_(before))
        with self._writing(connection) as writer:
            return writer.execute(statement.values(**values)).rowcount == 1

    def _writing(self, connection: Connection | None) -> AbstractContextManager[Connection]:
        return nullcontext(connection) if connection is not None else self.engine.begin()


class Cards:
    """Where the living messages stand."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def all(self) -> dict[str, Card]:
        with self.engine.connect() as connection:
            return {row.name: Card(*row) for row in connection.execute(_CARD)}

    def keep(self, card: Card, connection: Connection | None = None) -> None:
        """What is known of it from now on."""
        values = {field.name: getattr(card, field.name) for field in fields(Card)}
        with nullcontext(connection) if connection is not None else self.engine.begin() as writer:
            writer.execute(upsert(CardRow).values(**values).on_conflict_do_update(index_elements=["name"], set_=values))


_ASKED = select(*(getattr(InboxRow, field.name) for field in fields(Asked)))
_SAID = select(*(getattr(OutboxRow, field.name) for field in fields(Said)))
_CARD = select(*(getattr(CardRow, field.name) for field in fields(Card)))


def _asked(row: Any) -> Asked:
    values = dict(zip((field.name for field in fields(Asked)), row, strict=True))
    return Asked(**{**values, "body": json.loads(values["body"])})


def _said(row: Any) -> Said:
    values = dict(zip((field.name for field in fields(Said)), row, strict=True))
    return Said(**{**values, "body": json.loads(values["body"])})


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _now() -> str:
    """The machine's time: Slack lives in it, whatever time the project replays."""
    return _stamp(datetime.now(UTC))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
