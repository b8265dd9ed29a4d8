"""The tables: one of history that only grows, and the work tables beside it."""

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel


class EntryRow(SQLModel, table=True):
    """One entry of the history, chained to the one before by its hash."""

    __tablename__ = "entry"
    __table_args__ = (Index("entry_kind_subject", "kind", "subject"),)
    seq: int = Field(primary_key=True)
    kind: str
    subject: str
    effective_at: str
    recorded_at: str
    actor: str
    body: str
    prev: str
    hash: str


class SaidRow(SQLModel, table=True):
    """What people said in an entry of that number, as JSON by field: it can be erased, the entry stays as it is."""

    __tablename__ = "said"
    number: int = Field(primary_key=True)
    salt: str
    words: str


class JobRow(SQLModel, table=True):
    """Long work in a process of its own: who asked for what, which process does it, how far it is."""

    __tablename__ = "job"
    id: int | None = Field(default=None, primary_key=True)
    argv: str
    actor: str
    source: str = ""
    roles: str = ""
    simulated: bool = False
    consent: str = ""
    reason: str = ""
    status: str = "queued"
    host: str = ""
    pid: int | None = None
    born: float | None = None
    done: int = 0
    total: int = 0
    label: str = ""
    cancel: bool = False
    exit: int | None = None
    outcome: str = ""
    title: str = ""
    asked_at: str = ""
    started_at: str = ""
    ended_at: str = ""


class PeriodRow(SQLModel, table=True):
    """A schedule's period that somebody has claimed; unique, so it runs once."""

    __tablename__ = "period"
    __table_args__ = (UniqueConstraint("schedule", "period"),)
    id: int | None = Field(default=None, primary_key=True)
    schedule: str
    period: str
    claimed_at: str


class InboxRow(SQLModel, table=True):
    """What somebody asked for from outside, kept before it is acknowledged; the key tells a second delivery."""

    __tablename__ = "inbox"
    __table_args__ = (UniqueConstraint("key"), Index("inbox_status", "status"))
    id: int | None = Field(default=None, primary_key=True)
    key: str
    kind: str
    person: str
    body: str
    status: str = "new"
    seen: int = 1
    tries: int = 0
    job: int | None = None
    error: str = ""
    received_at: str
    ended_at: str = ""


class OutboxRow(SQLModel, table=True):
    """What is to be said outside; written with the decision to say it, sent by one sender, found again by its id."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("key"), Index("outbox_status", "status"))
    id: int | None = Field(default=None, primary_key=True)
    key: str
    method: str
    channel: str = ""
    body: str
    status: str = "new"
    tries: int = 0
    not_before: float = 0.0
    reference: str = ""
    error: str = ""
    put_at: str
    ended_at: str = ""


class CardRow(SQLModel, table=True):
    """A message that lives: where it stands, what it shows, and up to which entry its thread tells the story."""

    __tablename__ = "card"
    name: str = Field(primary_key=True)
    channel: str = ""
    reference: str = ""
    shown: str = ""
    shown_at: float = 0.0
    told: int = 0


class LeaseRow(SQLModel, table=True):
    """Who may do what only one may do, and until when."""

    __tablename__ = "lease"
    name: str = Field(primary_key=True)
    holder: str
    until: float


class PulseRow(SQLModel, table=True):
    """When something at work was last seen doing a thing, and what else it said of it; in the machine's time."""

    __tablename__ = "pulse"
    name: str = Field(primary_key=True)
    at: float
    detail: str = "{}"


class HomeRow(SQLModel, table=True):
    """Somebody's first page in an app: which page of it, the digest of what it shows, and when he last opened it."""

    __tablename__ = "home"
    user: str = Field(primary_key=True)
    page: int = 0
    shown: str = ""
    shown_at: float = 0.0
    opened_at: float = 0.0
