"""What is found, and what happens to models: trained, tuned, tried, archived, sealed."""

from dataclasses import dataclass, field
from typing import ClassVar

from store.facts.fact import Detail, Fact


@dataclass(frozen=True, kw_only=True)
class Finding(Fact):
    """A judged measurement: the digests of the data and of the declaration make it reproducible."""

    kind: ClassVar[str] = "finding"
    check: str
    status: str
    title: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    unit: str = ""
    n: int | None = None
    window: tuple[str, str] = ("", "")
    data: tuple[str, ...] = ()
    declaration: str = ""
    monitor: str = ""
    version: str = ""
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Trained(Fact):
    """A version of a model exists; the subject is the model."""

    kind: ClassVar[str] = "trained"
    version: str
    candidate: str
    key: str
    run_id: str
    artifact: str
    training: str
    declaration: str
    seed: int
    window: tuple[str, str]
    metrics: Detail
    scores: str = ""
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Looked(Fact):
    """A version was compared on its test rows; the subject is the model.

    `question` is the metric, with the threshold of a decision; `rival` the other version where it was not the champion.
    Whoever asks the same rows again pays for it: the verdict counts the looks.
    """

    kind: ClassVar[str] = "looked"
    version: str
    question: str
    rival: str = ""
    against: str = ""
    n: int = 0
    p_value: float | None = None
    verdict: str = ""
    data: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tuned(Fact):
    """A candidate's search was carried through by nested cross-validation; the subject is the model.

    `params` are those for all rows; `detail` holds the scores of every point in every fold.
    """

    kind: ClassVar[str] = "tuned"
    candidate: str
    key: str
    training: str
    declaration: str
    seed: int
    window: tuple[str, str]
    metric: str
    params: Detail
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Backtested(Fact):
    """A monitor's rule was replayed over history; the subject is the monitor.

    `declaration` is the monitor's as it was replayed: a rule that was changed since has no back-test. `looks` are the
    times it would have looked, `judged` those at which it could say something, `alerts` how often it would have fired;
    `real` and `false` tell these apart where `truth` says by what (planted faults, days known, alerts judged by
    people). `missed` are events that no alert followed, `delay` the median seconds from an event to its alert.
    """

    kind: ClassVar[str] = "backtest"
    declaration: str
    window: tuple[str, str]
    looks: int
    judged: int
    alerts: int
    truth: str = ""
    real: int | None = None
    false: int | None = None
    missed: int | None = None
    delay: float | None = None
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Drilled(Fact):
    """A named fault was put into a copy of the data to see who notices; the subject is the model.

    `meant` are the monitors that ought to see it, `seen` the seconds until each monitor that did see it failed.
    """

    kind: ClassVar[str] = "drill"
    fault: str
    size: float | None = None
    meant: tuple[str, ...] = ()
    seen: Detail = field(default_factory=dict)
    window: tuple[str, str] = ("", "")
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Replayed(Fact):
    """A version answered the rows of an old incident, and was judged as the incident's alert was; the subject is the
    model.

    `key` is the digest of all that the answer follows from: the version, the rows, their outcomes, the rule. `rows` is
    the state of the model's inputs, `against` the version that served when it happened. `verdict`: survives, fails,
    unknown, or trained on it.
    """

    kind: ClassVar[str] = "replayed"
    version: str
    incident: str
    key: str
    verdict: str
    rows: str = ""
    reason: str = ""
    check: str = ""
    against: str = ""
    n: int = 0
    window: tuple[str, str] = ("", "")
    data: tuple[str, ...] = ()
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Archived(Fact):
    """A version's files were packed away, or given back; or MLflow's clutter was removed. The subject is the model.

    `began` stands before the first file is removed, `taken` after the last; `restored`; `purged`.
    """

    kind: ClassVar[str] = "archive"
    event: str
    version: str = ""
    archive: str = ""
    artifact: str = ""
    files: int = 0
    bytes: int = 0
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Kept(Fact):
    """What happened to a master key of the vault (`created`, `rotated`, `destroyed`), whose id is the subject; or a
    version was `sealed`, under `key`, and the subject is the model. Nothing of a key itself is ever here.

    `previous`: the key that was active before; `count`: how many versions were put under the new one.
    """

    kind: ClassVar[str] = "vault"
    event: str
    key: str = ""
    previous: str = ""
    origin: str = ""
    version: str = ""
    artifact: str = ""
    count: int = 0
