"""Long work as rows: who asked for what, which process does it, how far it is; a work table outside the chain."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlmodel import col

from store.refusal import NotFound
from store.rows import JobRow

OPEN = ("queued", "running")
LARGEST = 2**31 - 1  # number that every database can hold


@dataclass(frozen=True)
class Job:
    """One row, read; times are aware UTC of the machine, None where it has not come to that."""

    id: int
    argv: tuple[str, ...]
    actor: str
    source: str
    roles: frozenset[str]
    simulated: bool
    consent: str
    reason: str
    status: str
    host: str
    pid: int | None
    born: float | None
    done: int
    total: int
    label: str
    cancel: bool
    exit: int | None
    outcome: str
    title: str
    asked_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def share(self) -> float | None:
        """How much is done, from 0 to 1; None where nothing was counted yet. What is done is done wholly."""
        if self.status == "done":
            return 1.0
        return min(self.done / self.total, 1.0) if self.total > 0 else None


class Jobs:
    """The only reader and writer of job rows. Each change is one statement, so two processes may make them at once."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add(self, argv: Sequence[str], *, actor: str, source: str, roles: frozenset[str], simulated: bool = False,
            consent: str = "", reason: str = "", connection: Connection | None = None) -> int:
        """A new job that waits for its process, within a transaction where one is given; its number."""
        values = {"argv": json.dumps(list(argv), ensure_ascii=False), "actor": actor, "source": source,
                  "roles": " ".join(sorted(roles)), "simulated": simulated, "consent": consent, "reason": reason,
                  "status": "queued", "asked_at": _now()}
        with nullcontext(connection) if connection is not None else self.engine.begin() as writer:
            found = writer.execute(insert(JobRow).values(**values).returning(col(JobRow.id)))
            return int(found.scalar_one() or 0)

    def one(self, id: int) -> Job:
        """The job of that number; NotFound otherwise."""
        with self.engine.connect() as connection:
            row = connection.execute(_SELECT.where(col(JobRow.id) == id)).first() if id <= LARGEST else None
        if row is None:
            raise NotFound(f"No job {id}.", next="Try: mlops-tui job list")
        return _job(row)

    def newest(self, limit: int = 50) -> list[Job]:
        """The newest jobs, newest first."""
        with self.engine.connect() as connection:
            return [_job(row) for row in connection.execute(_SELECT.order_by(col(JobRow.id).desc()).limit(limit))]

    def open(self) -> list[Job]:
        """The jobs that have not ended, oldest first."""
        with self.engine.connect() as connection:
            found = connection.execute(_SELECT.where(col(JobRow.status).in_(OPEN)).order_by(col(JobRow.id)))
            return [_job(row) for row in found]

    def took(self, argv: Sequence[str], limit: int = 9) -> list[float]:
        """The seconds that the same command line took the last times it was done, newest first."""
        words = json.dumps(list(argv), ensure_ascii=False)
        wanted = _SELECT.where(col(JobRow.argv) == words, col(JobRow.status) == "done")
        with self.engine.connect() as connection:
            found = [_job(row) for row in connection.execute(wanted.order_by(col(JobRow.id).desc()).limit(limit))]
        return [(job.ended_at - job.started_at).total_seconds() for job in found if job.ended_at and job.started_at]

    def born(self, id: int, *, host: str, pid: int, born: float) -> None:
        """It was given a process; the birth time tells it from another process that gets the number later."""
        self._set(id, waiting_for=("queued",), host=host, pid=pid, born=born)

    def claim(self, id: int, *, host: str, pid: int, born: float) -> bool:
        """The process begins; False where another has begun it before, or it was ended before it began.

        Where it was given two processes, the one that claims it is the one that is watched.
        """
        return self._set(id, waiting_for=("queued",), status="running", started_at=_now(), host=host, pid=pid,
                         born=born) == 1

    def progress(self, id: int, done: int, total: int, label: str) -> bool:
        """How far it is; True where somebody asked it to stop."""
        self._set(id, done=done, total=total, label=label[:200])
        with self.engine.connect() as connection:
            return bool(connection.execute(select(col(JobRow.cancel)).where(col(JobRow.id) == id)).scalar_one())

    def ask_to_stop(self, id: int) -> bool:
        """Leave word that it should stop; False where it has ended already."""
        return self._set(id, cancel=True) == 1

    def end(self, id: int, status: str, *, exit: int | None = None, outcome: str = "", title: str = "") -> bool:
        """How it ended; False where that was known already: the first to say so is right."""
        return self._set(id, status=status, exit=exit, outcome=outcome, title=title[:500], ended_at=_now()) == 1

    def _set(self, id: int, waiting_for: Sequence[str] = OPEN, **values: Any) -> int:
        """Change an open row; how many rows that were."""
        statement = update(JobRow).where(col(JobRow.id) == id, col(JobRow.status).in_(waiting_for)).values(**values)
        with self.engine.begin() as connection:
            return connection.execute(statement).rowcount


_NAMES = tuple(field.name for field in fields(Job))
_TIMES = ("asked_at", "started_at", "ended_at")
_SELECT = select(*(getattr(JobRow, name) for name in _NAMES))


def _job(row: Row[Any]) -> Job:
    values = dict(zip(_NAMES, row, strict=True))
    values["argv"], values["roles"] = tuple(json.loads(values["argv"])), frozenset(values["roles"].split())
    for name in _TIMES:
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    return Job(**values)


def _now() -> str:
    """The machine's time: a process lives in it, whatever time the project replays."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
