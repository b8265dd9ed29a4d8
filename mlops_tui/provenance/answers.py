"""One answer of a model and what it rests on: the version, the files of rows it was made from, the outcome."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlops_tui import folds
from mlops_tui.errors import BadInput, NotFound, Refusal, nearest
from mlops_tui.logs.predictionlog import ID, LABEL, PredictionLog, labels_of, log_of, needed_log
from mlops_tui.provenance.graph import Graph
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.tracing.ancestry import Node
from store.facts import Snapshot
from store.lake import FileRef, Manifest
from store.quoting import quote

if TYPE_CHECKING:
    from store.ledger import Entry


@dataclass(frozen=True)
class Part:
    """One file of the lake that rows were read from, and the entry that brought it in: the source files stand there."""

    dataset: str
    file: FileRef
    entry: "Entry"

    @property
    def state(self) -> Node:
        return Node("state", self.dataset, self.entry.fact.snapshot if isinstance(self.entry.fact, Snapshot) else "")


@dataclass(frozen=True)
class Answer:
    """A row of a prediction log: `part` holds it, `parts` are those it was made from, `outcome` what became of it."""

    model: str
    id: str
    at: datetime | None
    version: str
    values: dict[str, Any]
    part: Part
    parts: tuple[Part, ...] = ()
    outcome: Any = None
    known_at: datetime | None = None
    outcome_part: Part | None = None

    @property
    def node(self) -> Node:
        return Node("prediction", f"{self.model}/{self.id}")


def answer(session: Session, text: str) -> Answer:
    """The answer that `ID`, or `MODEL/ID`, names; NotFound where no log has it, BadInput where several have."""
    models = session.declared().models
    first, _, rest = text.partition("/")
    found = [each for name, id in ([(first, rest)] if first in models and rest else [(each, text) for each in models])
             if (log := _log(session, name, only=first in models)) is not None
             for each in _rows(session, log, id)]
    if not found:
        raise NotFound(f"No prediction '{text[:80]}' is in a log.", where=", ".join(models),
                       next=nearest(first, models) or "Say prediction/MODEL/ID, by the key of the log's rows.")
    if len({each.model for each in found}) > 1:
        raise BadInput(f"{' and '.join(sorted({each.model for each in found}))} have a prediction '{text[:80]}'.",
                       next=f"Say prediction/{found[0].model}/{text[:80]}.")
    return _whole(session, found[-1])


def _log(session: Session, model: str, *, only: bool) -> PredictionLog | None:
    return needed_log(session, model) if only else log_of(session, model)


def _rows(session: Session, log: PredictionLog, id: str) -> list[Answer]:
    """The rows of a log that have the id, in order of time."""
    lake, name = session.data(), log.manifest.dataset
    key = f"concat_ws('/', {', '.join(f'CAST({quote(each)} AS VARCHAR)' for each in log.key)})"
    which = f"{key} = $id" + (f" OR CAST({quote(ID)} AS VARCHAR) = $id" if log.has(ID) and log.key != (ID,) else "")
    order = quote(log.time) if log.time in log.columns else "1"
    read = lake.connect().execute(f"SELECT * FROM {lake.scan(log.manifest)} WHERE {which} ORDER BY {order}", {"id": id})
    columns = [each[0] for each in read.description or ()]
    found = []
    for row in read.fetchall():
        values = dict(zip(columns, row, strict=True))
        file = _holding(session, log.manifest.within(day=(str(values["day"]), str(values["day"]))), which, id)
        found.append(Answer(log.model, id, values.get(log.time), str(values["version"]), values,
                            Part(name, file, introduced(session, name, file))))
    return found


def _holding(session: Session, manifest: Manifest, which: str, id: str) -> FileRef:
    """The file of a day that has the row."""
    lake = session.data()
    for file in manifest.files[:-1]:
        scan = lake.scan(Manifest(manifest.dataset, manifest.columns, (file,)))
        if lake.connect().execute(f"SELECT 1 FROM {scan} WHERE {which} LIMIT 1", {"id": id}).fetchall():
            return file
    return manifest.files[-1]


def introduced(session: Session, dataset: str, file: FileRef) -> "Entry":
    """The entry that made the file part of its dataset: the first state in a row of those that have it, up to now.

    A file comes once and stays until its rows are replaced, so the states are halved; one whose manifest was let go
    counts as not having it.
    """
    states = [entry for entry in session.ledger.entries("snapshot", subject=dataset)
              if isinstance(entry.fact, Snapshot) and not entry.fact.tag]
    last = next(place for place in reversed(range(len(states))) if _has(session, dataset, states[place], file))
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _has(session, dataset, states[middle], file) else (middle + 1, high)
    return states[low]


def _has(session: Session, dataset: str, entry: "Entry", file: FileRef) -> bool:
    assert isinstance(entry.fact, Snapshot)
    try:
        manifest = session.data().manifest(dataset, entry.fact.snapshot)
    except Refusal:
        return False
    return any(each.sha256 == file.sha256 and each.partition == file.partition for each in manifest.files)


def _whole(session: Session, found: Answer) -> Answer:
    """The answer with the files that its features were read from, and its outcome where one came."""
    project, name = session.declared(), found.model
    at = found.part.entry
    before = _as_of(session, at.seq)
    day = str(found.values["day"])
    parts: list[Part] = []
    features = before(f"{name}.features")
    if features is not None:
        own = features.within(day=(day, day))
        made = [Part(features.dataset, file, introduced(session, features.dataset, file)) for file in own.files]
        parts += made
        read_at = _as_of(session, made[0].entry.seq) if made else before
        model = project.model(name)
        views = pointintime.declared_views(model, project.features, str(project.path_of("model", name)))
        for reading in pointintime.readings(model, views, list(project.datasets)):
            parts += _read(session, reading, read_at, day)
    return _with_outcome(session, replace(found, parts=tuple(parts)), day)


def _read(session: Session, reading: pointintime.Reading, read_at: "Callable[[str], Manifest | None]",
          day: str) -> list[Part]:
    """The files of a dataset that a day's features are read from: those of the days that they look back at."""
    source = read_at(reading.dataset)
    if source is None:
        return []
    if "day" in session.declared().dataset(reading.dataset).partition_by and reading.back is not None:
        first = datetime.fromisoformat(day) - reading.back - timedelta(days=1)
        source = source.within(day=(f"{first:%Y-%m-%d}", day))
    return [Part(source.dataset, file, introduced(session, source.dataset, file)) for file in source.files]


def _as_of(session: Session, seq: int) -> "Callable[[str], Manifest | None]":
    """What a dataset's state was before an entry."""
    def state(dataset: str) -> Manifest | None:
        entries = [each for each in session.ledger.entries("snapshot", subject=dataset) if each.seq < seq]
        id = folds.current_snapshot(entries)
        return session.data().manifest(dataset, id) if id else None

    return state


def _with_outcome(session: Session, found: Answer, day: str) -> Answer:
    """The answer with what became of it: as it came by itself, or else as the label's dataset has it."""
    label, log = session.declared().model(found.model).label, needed_log(session, found.model)
    for dataset, column, known in ((labels_of(found.model), LABEL, "known_at"),
                                   (label.dataset, label.column, label.known_at)):
        state = session.current(dataset)
        if state is None or not {*log.key, column} <= set(state.columns):
            continue
        part = state.within(day=(day, day))
        said = f"{quote(column)}, {quote(known) if known in state.columns else 'NULL'}"
        same = " AND ".join(f"{quote(each)} = ${place}" for place, each in enumerate(log.key, 1))
        for file in part.files:
            scan = session.data().scan(Manifest(dataset, state.columns, (file,)))
            rows = session.data().connect().execute(f"SELECT {said} FROM {scan} WHERE {same}",
                                                    [found.values[each] for each in log.key]).fetchall()
            if rows and rows[-1][0] is not None:
                since = rows[-1][1] + label.delay if isinstance(rows[-1][1], datetime) else None
                return replace(found, outcome=rows[-1][0], known_at=since,
                               outcome_part=Part(dataset, file, introduced(session, dataset, file)))
    return found


def lead(graph: Graph, found: Answer) -> Node:
    """Put the answer into the graph: made by its version from exactly the states that brought its rows; after it its
    outcome."""
    node = found.node
    served = graph.promoted_at(found.model, found.part.entry.seq)
    graph.lead(node, [Node("model", found.model, found.version), *([served] if served is not None else []),
                      *(part.state for part in found.parts[:1])], found.part.entry)
    if found.outcome_part is not None:
        after = Node("outcome", f"{found.model}/{found.id}")
        graph.lead(after, [node, found.outcome_part.state])
    return node



def sources(graph: Graph, part: Part) -> list[Node]:
    """The source files of a file of rows: of those that came with it the one that bears its partition's name, where
    exactly one does; else all."""
    files = sorted(node for node in graph.parents.get(part.state, ()) if node.kind == "file")
    named = [node for node in files if node.name.split(".")[0] in part.file.partition.values()]
    return named if len(named) == 1 else files
