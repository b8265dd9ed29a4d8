"""What happens to data: states, runs, what is set aside, held, let go of, and what others tell of it."""

from dataclasses import dataclass, field
from typing import ClassVar

from store.facts.fact import Detail, Fact


@dataclass(frozen=True, kw_only=True)
class Snapshot(Fact):
    """A dataset got a new state; the subject is the dataset."""

    kind: ClassVar[str] = "snapshot"
    snapshot: str
    parent: str
    rows: int
    bytes: int
    source: str = ""
    run: str = ""
    key: str = ""
    tag: str = ""


@dataclass(frozen=True, kw_only=True)
class Run(Fact):
    """A pipeline run or one step of it, begun or ended; the subject is the pipeline."""

    kind: ClassVar[str] = "run"
    run: str
    step: str = ""
    status: str = "running"
    key: str = ""
    snapshot: str = ""
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Quarantined(Fact):
    """Rows left the quarantine: they were taken in, or given up; the subject is the dataset."""

    kind: ClassVar[str] = "quarantine"
    event: str
    batch: str
    rows: int
    left: int
    file: str = ""
    reason: str = ""
    rules: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Hold(Fact):
    """A state of a dataset, or all of them where `snapshot` is empty, must be kept, or need not any more.

    With a `version` the subject is a model: that version of it, or `every` one. With an `origin` it is no legal hold:
    the rows of that incident are kept, to be replayed.
    """

    kind: ClassVar[str] = "hold"
    event: str
    snapshot: str = ""
    reason: str = ""
    version: str = ""
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Collected(Fact):
    """States of a dataset that nothing needed were let go: `began` before a file is removed, `ended` afterwards."""

    kind: ClassVar[str] = "collected"
    event: str
    snapshots: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Streamed(Fact):
    """A micro-batch of events was taken in, once; the subject is the dataset.

    `positions` is where each part of the stream is to be read on (Kafka), `newest` the latest event time so far,
    `arrived` when the last of the events came to the stream. `again`: they were dead letters. `unnamed` are
    values that events had and the contract does not name.
    """

    kind: ClassVar[str] = "streamed"
    stream: str
    events: int
    taken: int
    bad: int = 0
    dead: int = 0
    twice: int = 0
    late: int = 0
    newest: str = ""
    arrived: str = ""
    positions: Detail = field(default_factory=dict)
    again: bool = False
    unnamed: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Spent(Fact):
    """Privacy budget was spent, before the noise was drawn; the subject is the dataset.

    `fresh`: new noise was drawn, which counts for the dataset; otherwise a role was told what another one had asked.
    """

    kind: ClassVar[str] = "spent"
    role: str
    epsilon: float
    delta: float
    query: str
    key: str
    snapshot: str
    fresh: bool = True


@dataclass(frozen=True, kw_only=True)
class Released(Fact):
    """A private answer exists: the object that holds it; the subject is the dataset."""

    kind: ClassVar[str] = "released"
    key: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Foreign(Fact):
    """An OpenLineage event of somebody else; the subject is its job (`NAMESPACE NAME`). Nothing of ours rests on it.

    `event` is its type in capitals, or `job` where it is of no run, or `dataset` where it is of a dataset alone. `at`
    is when it says that it happened. `inputs` and `outputs` are datasets as `NAMESPACE NAME`, `versions` what it says
    of their versions, `parent` the run that it belongs to. `key` is the digest of the event, `document` that of the
    object that holds the file it came in, with all that is not said here.
    """

    kind: ClassVar[str] = "foreign"
    event: str
    run: str = ""
    at: str = ""
    key: str = ""
    document: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    versions: Detail = field(default_factory=dict)
    parent: str = ""
