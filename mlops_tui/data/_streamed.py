"""What a dataset's stream is declared to be, and how far the history says it was read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_tui.data._declared import custom
from mlops_tui.data._places import placed
from mlops_tui.declarations.datasetkeys import StreamDecl
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.session import Session
from store.facts import Streamed

if TYPE_CHECKING:
    from store.ledger import Entry

SHOW = 'customProperties: [{property: stream, value: {redis: "redis://127.0.0.1:6379/0", stream: NAME}}]'


@dataclass(frozen=True)
class Fed:
    """A dataset that a stream feeds: `id` and `time` are its columns; no time, no watermark."""

    name: str
    contract: Contract
    where: Path
    stream: StreamDecl
    id: str
    time: str


def fed(session: Session, dataset: str) -> Fed:
    """The dataset and its declared stream; NotDeclared or BadInput say what to write."""
    project = session.declared()
    name = project.subject(dataset, "dataset").name
    contract, where = project.dataset(name), project.path_of("dataset", name)
    stream = custom(project, name, "stream", StreamDecl, SHOW)
    keys = [item.name for item in contract.properties if item.primaryKey]
    id_column = stream.event_id or (keys[0] if len(keys) == 1 else "")
    time = stream.event_time or str(contract.custom("eventTime", "") or "")
    names = [item.name for item in contract.properties]
    for key, column in (("event_id", id_column), ("event_time", time)):
        if column and column not in names:
            hint = nearest(column, names) or f"Declared: {', '.join(names)}."
            raise BadInput(f"{key} names '{column}', which the contract does not declare.",
                           where=placed(where)("stream"), next=hint)
    if not id_column:
        raise BadInput(f"By which column is an event of '{name}' known?", where=placed(where)("stream"),
                       next="Write stream: {event_id: COLUMN}, or declare a primaryKey.")
    if contract.on_violation == "reject":
        raise BadInput("A stream cannot give back a batch that is rejected.", where=placed(where)("onViolation"),
                       next="Declare onViolation quarantine or warn.")
    return Fed(name, contract, where, stream, id_column, time)


def read_so_far(session: Session, dataset: str) -> "list[Entry]":
    """The micro-batches that were taken in, oldest first."""
    return session.ledger.entries("streamed", subject=dataset)


def fact_of(entry: "Entry") -> Streamed:
    assert isinstance(entry.fact, Streamed)
    return entry.fact


def newest_time(batches: "Sequence[Entry]") -> datetime | None:
    """The latest event time of all batches; None where none told."""
    times = [fact.newest for fact in map(fact_of, batches) if fact.newest]
    return max(map(datetime.fromisoformat, times), default=None)


def watermark(newest: datetime | None, lateness: timedelta) -> datetime | None:
    """What happened before that is late."""
    return newest - lateness if newest is not None else None


def positions(batches: "Sequence[Entry]", stream: str) -> dict[str, int]:
    """Where each part of a stream is to be read on, as the history knows."""
    found: dict[str, int] = {}
    for entry in batches:
        fact = fact_of(entry)
        if fact.stream == stream:
            found |= {part: int(offset) for part, offset in fact.positions.items()}
    return found


def dead_letters(session: Session, fed: Fed) -> str:
    """The name of the dataset of events that could not be taken in; NotFound where there never was one."""
    name = f"{fed.name}.dead"
    if session.current(name) is None:
        raise NotFound(f"No event of '{fed.name}' is among the dead letters.", where=fed.name,
                       next=f"Try: mlops-tui stream status {fed.name}")
    return name
