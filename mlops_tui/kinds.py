"""The kinds of things a project declares; each frozen dataclass is the schema of its file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Literal

from mlops_tui.declare import Mistake, OutOf
from mlops_tui.errors import nearest
from mlops_tui.limits import METRICS, impossible

LogicalType = Literal["string", "date", "timestamp", "time", "number", "integer", "boolean", "object", "array"]
Check = Literal["drift", "performance", "calibration", "health", "ingest", "validate", "stability", "catalog"]
Severity = Literal["low", "medium", "high", "critical"]


@dataclass(frozen=True)
class Stores:
    ledger: str = "sqlite:///.mlops/ledger.db"
    lake: str = ".mlops/lake"
    mlflow: str = "sqlite:///.mlops/mlflow.db"
    online: str = "sqlite:///.mlops/online.db"  # or redis://HOST:PORT/DB


@dataclass(frozen=True)
class Slack:
    """Where the bot speaks, and when its digest comes (cron lines in the project's time zone; empty: never)."""

    channel: str
    api_base_url: str = ""
    digest: str = "0 8 * * *"
    weekly: str = ""


@dataclass(frozen=True)
class Approvals:
    """How many yes votes a promotion needs, from which role, and how long they may take."""

    quorum: int = 2
    role: str = "approver"
    expires: timedelta = timedelta(days=1)


@dataclass(frozen=True)
class Settings:
    """mlops.yaml"""

    project: str
    timezone: str = "UTC"
    clock: Literal["system", "replay"] = "system"
    stores: Stores = field(default_factory=Stores)
    slack: Slack | None = None
    approvals: Approvals = field(default_factory=Approvals)


@dataclass(frozen=True)
class Person:
    login: str = ""
    slack: str = ""
    roles: tuple[str, ...] = ("viewer",)
    name: str = ""
    simulated: bool = False
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # partition key -> the values that may be seen


@dataclass(frozen=True)
class Team:
    """team.yaml"""

    people: Mapping[str, Person] = field(default_factory=dict)


@dataclass(frozen=True)
class Quality:
    """One quality rule of a contract (ODCS library metrics, or SQL that counts bad rows)."""

    metric: Literal["nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"] | None = None
    type: Literal["library", "sql", "text", "custom"] = "library"
    name: str = ""
    id: str = ""
    description: str = ""
    dimension: str = ""
    severity: str = ""
    unit: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    rule: str = ""
    engine: str = ""
    implementation: Any = None
    businessImpact: str = ""
    method: str = ""
    schedule: str = ""
    scheduler: str = ""
    tags: tuple[str, ...] = ()
    authoritativeDefinitions: Any = None
    customProperties: Any = None
    mustBe: float | None = None
    mustNotBe: float | None = None
    mustBeBetween: tuple[float, ...] = ()
    mustNotBeBetween: tuple[float, ...] = ()
    mustBeLessThan: float | None = None
    mustBeLessOrEqualTo: float | None = None
    mustBeGreaterThan: float | None = None
    mustBeGreaterOrEqualTo: float | None = None


@dataclass(frozen=True)
class CustomProperty:
    property: str
    value: Any = None
    description: str = ""
    id: str = ""


@dataclass(frozen=True)
class Relationship:
    """A foreign key: this property's values must be among another dataset's."""

    to: str = ""
    from_: str = ""
    type: str = "foreignKey"
    customProperties: tuple[CustomProperty, ...] = ()


@dataclass(frozen=True)
class TypeOptions:
    minimum: float | str | None = None
    maximum: float | str | None = None
    exclusiveMinimum: float | str | None = None
    exclusiveMaximum: float | str | None = None
    multipleOf: float | None = None
    minLength: int | None = None
    maxLength: int | None = None
    pattern: str | None = None
    format: str | None = None
    timezone: bool | None = None
    defaultTimezone: str = ""
    minItems: int | None = None
    maxItems: int | None = None
    uniqueItems: bool = False
    minProperties: int | None = None
    maxProperties: int | None = None
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Property:
    """One column of a contract."""

    name: str
    logicalType: LogicalType = "string"
    physicalType: str = ""
    id: str = ""
    businessName: str = ""
    description: str = ""
    required: bool = False
    unique: bool = False
    primaryKey: bool = False
    primaryKeyPosition: int = -1
    classification: str = ""
    criticalDataElement: bool = False
    physicalName: str = ""
    partitioned: bool = False
    partitionKeyPosition: int = -1
    encryptedName: str = ""
    transformSourceObjects: tuple[str, ...] = ()
    transformLogic: str = ""
    transformDescription: str = ""
    authoritativeDefinitions: Any = None
    properties: Any = None
    items: Any = None
    examples: tuple[Any, ...] = ()
    tags: tuple[str, ...] = ()
    logicalTypeOptions: TypeOptions = field(default_factory=TypeOptions)
    quality: tuple[Quality, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    customProperties: tuple[CustomProperty, ...] = ()


@dataclass(frozen=True)
class SchemaObject:
    name: str
    properties: tuple[Property, ...]
    logicalType: str = "object"
    physicalType: str = ""
    physicalName: str = ""
    description: str = ""
    businessName: str = ""
    dataGranularityDescription: str = ""
    authoritativeDefinitions: Any = None
    id: str = ""
    quality: tuple[Quality, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    tags: tuple[str, ...] = ()
    customProperties: tuple[CustomProperty, ...] = ()


@dataclass(frozen=True)
class Server:
    """Where the data of a contract already are; `snapshot take` reads local, postgres, postgresql and custom ones."""

    type: str
    server: str = ""
    id: str = ""
    description: str = ""
    environment: str = ""
    format: str = ""
    path: str = ""
    location: str = ""
    delimiter: str = ""
    host: str = ""
    port: int = 0
    database: str = ""
    schema: str = ""
    catalog: str = ""
    dataset: str = ""
    account: str = ""
    project: str = ""
    endpointUrl: str = ""
    region: str = ""
    regionName: str = ""
    serviceName: str = ""
    stagingDir: str = ""
    stream: str = ""
    warehouse: str = ""
    roles: Any = None
    customProperties: tuple[CustomProperty, ...] = ()

    def custom(self, name: str, default: str = "") -> str:
        """One of our own keys of a server: user, userEnv, passwordEnv, urlEnv, incremental."""
        return next((str(item.value) for item in self.customProperties if item.property == name), default)


@dataclass(frozen=True)
class Agreement:
    """One property of a service-level agreement; a latency is a rule: how old the newest event time may be."""

    UNITS: ClassVar[Mapping[str, int]] = {word: seconds for seconds, words in (
        (1, "s sec second seconds"), (60, "m min minute minutes"), (3600, "h hr hour hours"), (86400, "d day days"),
        (604800, "w week weeks"), (31557600, "y yr year years")) for word in words.split()}

    property: str
    value: Any = None
    valueExt: Any = None
    unit: str = ""
    element: str = ""
    driver: str = ""
    description: str = ""
    id: str = ""
    scheduler: str = ""
    schedule: str = ""

    def span(self) -> timedelta | None:
        """The span of time that it states; None where it states none, or in an unknown unit."""
        unit = self.UNITS.get(self.unit.lower())
        if unit is None or isinstance(self.value, bool) or not isinstance(self.value, int | float):
            return None
        return timedelta(seconds=self.value * unit)


@dataclass(frozen=True)
class Contract:
    """datasets/*.yaml: an Open Data Contract Standard v3.1 document."""

    kind: Literal["DataContract"]
    apiVersion: str
    id: str
    version: str
    status: str
    schema: tuple[SchemaObject, ...]
    name: str = ""
    domain: str = ""
    tenant: str = ""
    dataProduct: str = ""
    description: Any = None
    tags: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()
    price: Any = None
    team: Any = None
    roles: Any = None
    slaDefaultElement: str = ""
    slaProperties: tuple[Agreement, ...] = ()
    support: Any = None
    authoritativeDefinitions: Any = None
    contractCreatedTs: Any = None
    customProperties: tuple[CustomProperty, ...] = ()

    def __post_init__(self) -> None:
        if len(self.schema) != 1:
            raise ValueError(f"a dataset has one schema object, this one has {len(self.schema)}")

    @property
    def properties(self) -> tuple[Property, ...]:
        return self.schema[0].properties

    def custom(self, name: str, default: Any = None) -> Any:
        """One of our own keys: entity, eventTime, partitionBy, calendar, onViolation, sortBy, source, shared."""
        return next((item.value for item in self.customProperties if item.property == name), default)

    @property
    def partition_by(self) -> tuple[str, ...]:
        """The columns whose values tell partitions apart: our own partitionBy, else the standard's `partitioned`."""
        value = self.custom("partitionBy")
        if value is None:
            keys = [item for item in self.properties if item.partitioned]
            return tuple(item.name for item in sorted(keys, key=lambda item: item.partitionKeyPosition))
        return (value,) if isinstance(value, str) else tuple(value)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row, and by which files are sorted."""
        keys = tuple(item.name for item in self.properties if item.primaryKey)
        return keys or tuple(item.name for item in self.properties)

    @property
    def ordered(self) -> bool:
        """Whether the contract says how rows are sorted, by a key or by itself."""
        return bool(self.custom("sortBy")) or any(item.primaryKey for item in self.properties)

    @property
    def on_violation(self) -> str:
        return str(self.custom("onViolation", "quarantine"))


@dataclass(frozen=True)
class Feature:
    """features/*.sql: a view of (entity, time, values); the front comment says which column is what.

    `lookback`: so much history gives the same row as all of it (none given: all of it is read). `ttl`: a value older
    than that is not used (none given: it holds until the next row of its entity, so all history is read for it).
    """

    name: str
    sql: str
    entity: tuple[str, ...]
    time: str
    available_after: timedelta
    lookback: timedelta | None
    ttl: timedelta | None
    description: str
    path: str


@dataclass(frozen=True)
class StepDecl:
    """One step: SQL, a function of the project's Python, or a built-in that is applied.

    `retries`: how often Python that failed is tried again, after `backoff`, then twice that, and so on.
    """

    name: str
    sql: str = ""
    python: str = ""
    apply: str = ""
    inputs: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    partition_by: tuple[str, ...] = ()
    retries: int = 0
    backoff: timedelta = timedelta(seconds=1)
    timeout: timedelta | None = None

    def __post_init__(self) -> None:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", self.name) is None:
            raise ValueError(f"a step is named by letters, digits, hyphens and underscores, not '{self.name}'")
        if sum(map(bool, (self.sql, self.python, self.apply))) != 1:
            raise ValueError(f"step '{self.name}' needs either sql, python or apply")

    def mistakes(self) -> Iterator[Mistake]:
        """Retries of what would fail in the same way again; a time in which nothing could be done."""
        if self.retries < 0:
            yield Mistake(f"retries is a number of further attempts, not {self.retries}.", ("retries",))
        if self.retries and not self.python:
            yield Mistake(f"Step '{self.name}' would fail in the same way again: only Python is retried.", ("retries",),
                          "Leave retries out.")
        if self.timeout is not None and not self.timeout:
            yield Mistake("A step needs some time.", ("timeout",), "Write 10m.")

    @property
    def kind(self) -> str:
        """`sql`, `python` or `apply`."""
        return "python" if self.python else "apply" if self.apply else "sql"

    @property
    def code(self) -> str:
        """What the declaration names: an SQL file, a function, a built-in."""
        return self.sql or self.python or self.apply


@dataclass(frozen=True)
class Pipeline:
    """pipelines/*.yaml"""

    steps: tuple[StepDecl, ...]
    every: str = ""
    description: str = ""


@dataclass(frozen=True)
class Label:
    dataset: str
    column: str
    delay: timedelta = timedelta(0)
    known_at: str = ""


@dataclass(frozen=True)
class Stopping:
    """When a fit ends early, by its error on the last `validation` of its training rows; its best stage is kept.

    `refit`: then fit so many stages on all training rows, the validation rows too.
    """

    validation: timedelta
    patience: int = 5
    min_delta: float = 0.0
    relative: bool = False
    warm_up: int = 0
    rule: Literal["patience", "gl", "pq", "up"] = "patience"
    alpha: float = 5.0
    strip: int = 5
    strips: int = 3
    refit: bool = False

    def mistakes(self) -> Iterator[Mistake]:
        """Numbers under which nothing would stop, or everything."""
        if not self.validation:
            yield Mistake("A validation stretch of no time has no rows.", ("validation",), "Write 14d.")
        for key, least in (("patience", 1), ("strip", 1), ("strips", 1), ("warm_up", 0), ("min_delta", 0)):
            if getattr(self, key) < least:
                yield Mistake(f"{key} is {least} or more, not {getattr(self, key):g}.", (key,))
        if self.alpha <= 0:
            yield Mistake(f"alpha is above 0, not {self.alpha:g}.", ("alpha",))


@dataclass(frozen=True)
class Candidate:
    estimator: str = ""
    factory: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    stopping: Stopping | None = None

    def __post_init__(self) -> None:
        if bool(self.estimator) == bool(self.factory):
            raise ValueError("a candidate needs either an estimator or a factory")


@dataclass(frozen=True)
class Split:
    time: str
    gap: timedelta = timedelta(0)
    test: timedelta = timedelta(days=30)


@dataclass(frozen=True)
class Value:
    """What a right or wrong answer is worth, in business units."""

    kpi: str
    per: str
    worth: str
    false_alarm: str = ""


@dataclass(frozen=True)
class Criterion:
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    min_rows: int = 100
    slice: str = ""

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a criterion needs either at_least or at_most")

    def mistakes(self) -> Iterator[Mistake]:
        """A metric that we do not have, a limit it cannot reach, a number of rows below none."""
        if self.metric not in METRICS:
            hint = nearest(self.metric, METRICS) or f"Metrics: {', '.join(METRICS)}."
            yield Mistake(f"No metric '{self.metric}'.", ("metric",), hint)
            return
        for key, limit in (("at_least", self.at_least), ("at_most", self.at_most)):
            if limit is not None and limit not in METRICS[self.metric]:
                yield Mistake(f"{self.metric} lies {METRICS[self.metric]}, so {key} cannot be {limit:g}.", (key,))
        if self.min_rows < 0:
            yield Mistake(f"min_rows is a number of rows, not {self.min_rows}.", ("min_rows",))


@dataclass(frozen=True)
class EncodeStep:
    """Columns encoded by the label: by time from the outcomes known before each row, or by folds of rows."""

    columns: tuple[str, ...]
    smoothing: float | str = "auto"
    by: Literal["time", "rows"] = "time"
    folds: int = 5
    groups: str = ""
    keep: bool = False

    def mistakes(self) -> Iterator[Mistake]:
        """A smoothing that is neither a number of rows nor auto; folds that leave nothing to encode by."""
        if self.smoothing != "auto" and (isinstance(self.smoothing, str) or self.smoothing < 0):
            yield Mistake(f"smoothing is a number of rows from 0, or auto, not {self.smoothing}.", ("smoothing",))
        if self.folds < 2:
            yield Mistake(f"With {self.folds} fold each row would be encoded from its own outcome.", ("folds",))


@dataclass(frozen=True)
class ScalingStep:
    columns: tuple[str, ...]
    method: Literal["auto", "standard", "robust", "winsorised", "uniform", "normal"] = "auto"
    keep: bool = False


@dataclass(frozen=True)
class CardinalityStep:
    """The `top` most frequent levels of at least `min_rows` rows are kept; 0: all of them."""

    columns: tuple[str, ...]
    top: int = 0
    min_rows: int = 1
    buckets: int = 0
    keep: bool = False


@dataclass(frozen=True)
class Preparation:
    """One step between features and estimator, fitted on training rows alone and kept with the version."""

    encode: EncodeStep | None = None
    scaling: ScalingStep | None = None
    cardinality: CardinalityStep | None = None

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.encode, self.scaling, self.cardinality)) != 1:
            raise ValueError("a step of `prepare` is one of encode, scaling, cardinality")


@dataclass(frozen=True)
class Interaction:
    """A term of two columns that is a feature of its own, and why the domain says so."""

    columns: tuple[str, ...]
    reason: str
    term: Literal["auto", "product", "ratio", "joint"] = "auto"

    def mistakes(self) -> Iterator[Mistake]:
        """Other than two columns; no reason."""
        if len(set(self.columns)) != 2:
            yield Mistake("An interaction is of two columns.", ("columns",))
        if not self.reason.strip():
            yield Mistake("An interaction needs its reason in the domain.", ("reason",))


GateRule = Literal["beats_baseline", "no_worse_than_champion", "calibrated", "checklist"]


@dataclass(frozen=True)
class Model:
    """models/*.yaml"""

    task: Literal["binary"]
    label: Label
    features: tuple[str, ...]
    candidates: Mapping[str, Candidate]
    split: Split
    columns: tuple[str, ...] = ()
    prepare: tuple[Preparation, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    entity: tuple[str, ...] = ()
    train: tuple[str, str] | None = None
    value: Value | None = None
    threshold: float = 0.5
    criteria: tuple[Criterion, ...] = ()
    gate: tuple[GateRule, ...] = ("beats_baseline", "no_worse_than_champion", "checklist")
    checklist: str = "standard"
    margin: float = 0.005
    ece_at_most: float = 0.05
    seed: int = 20130101
    owner: str = ""
    description: str = ""

    def mistakes(self) -> Iterator[Mistake]:
        """Numbers between which nothing could be decided."""
        for key in ("threshold", "margin", "ece_at_most"):
            value = getattr(self, key)
            if not 0 <= value <= 1:
                yield Mistake(f"{key} lies from 0 to 1, not at {value:g}.", (key,))


def looking(check: str, subject: str, monitor: str) -> tuple[str, ...]:
    """The command line that looks as a monitor of that name does."""
    return (*(("catalog", "check") if check == "catalog" else (check,)), subject, "--monitor", monitor)


@dataclass(frozen=True)
class AlertPolicy:
    after: OutOf = field(default_factory=lambda: OutOf(1, 1))
    severity: Severity = "medium"
    route: str = ""
    runbook: str = ""


@dataclass(frozen=True)
class Monitor:
    """monitors/*.yaml"""

    check: Check
    subject: str
    every: str = ""
    window: timedelta = timedelta(days=7)
    reference: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    min_rows: int = 0
    alert: AlertPolicy | None = None
    description: str = ""

    def command(self, name: str) -> tuple[str, ...]:
        """The command line that looks as this monitor does."""
        return looking(self.check, self.subject, name)

    def mistakes(self) -> Iterator[Mistake]:
        """Limits that the check does not know or that make no sense; a window or a number of rows that is none."""
        yield from impossible(self.check, self.limits, "limits")
        if self.min_rows < 0:
            yield Mistake(f"min_rows is a number of rows, not {self.min_rows}.", ("min_rows",))
        if not self.window:
            yield Mistake("A window of no time has no rows.", ("window",), "Write 7d.")


@dataclass(frozen=True)
class Item:
    """A checklist item: answered by a finding, or by a person's sign-off."""

    id: str
    finding: str = ""
    sign_off: str = ""
    max_age: timedelta | None = None
    title: str = ""
    lesson_of: str = ""

    def __post_init__(self) -> None:
        if bool(self.finding) == bool(self.sign_off):
            raise ValueError(f"item '{self.id}' needs either a finding or a sign_off")


@dataclass(frozen=True)
class Checklist:
    """checklists/*.yaml"""

    items: tuple[Item, ...]
    description: str = ""


@dataclass(frozen=True)
class Endpoint:
    """endpoints/*.yaml"""

    model: str
    description: str = ""


@dataclass(frozen=True)
class Document:
    """decisions/*.md and runbooks/*.md: Markdown with a front matter."""

    name: str
    front: Mapping[str, Any]
    body: str
    path: str
    body_line: int = 1


@dataclass(frozen=True)
class StreamDecl:
    """A dataset's customProperties `stream`: where its events come from, and when one is late.

    One of `redis` (an address), `kafka` (bootstrap servers) or `server` (a name among the contract's `servers`).
    `event_id` is the column by which an event is known (the primary key by default), `event_time` the one that says
    when it happened (the contract's eventTime). `payload`: the field of a Redis entry that holds the event as JSON; an
    entry without it is the event itself. `claim`: after so long what a dead consumer held is taken over.
    """

    stream: str
    redis: str = ""
    kafka: str = ""
    server: str = ""
    group: str = "mlops"
    payload: str = "event"
    event_id: str = ""
    event_time: str = ""
    lateness: timedelta = timedelta(hours=1)
    late: Literal["accept", "dead"] = "accept"
    batch: int = 10_000
    every: timedelta = timedelta(seconds=5)
    claim: timedelta = timedelta(minutes=1)
    username: str = ""
    password_env: str = ""

    def mistakes(self) -> Iterator[Mistake]:
        """More than one place, or none; a batch of nothing."""
        if sum(map(bool, (self.redis, self.kafka, self.server))) != 1:
            yield Mistake("A stream comes from one of redis, kafka or server.", (),
                          "Write redis: redis://127.0.0.1:6379/0")
        if self.batch < 1:
            yield Mistake(f"A batch has at least one event, not {self.batch}.", ("batch",))
        if not self.claim:
            yield Mistake("What a live consumer holds would be taken from it.", ("claim",), "Write claim: 1m")


@dataclass(frozen=True)
class Budget:
    """What may be spent on a dataset's private answers: by everybody together, and by each role.

    With `period` only what was spent within it counts, so that answers over a longer time add up to more.
    """

    epsilon: float
    delta: float = 0.0
    per_role: Mapping[str, float] = field(default_factory=dict)
    period: timedelta | None = None

    def mistakes(self) -> Iterator[Mistake]:
        """Budgets that protect nobody or nothing."""
        if not self.epsilon > 0:
            yield Mistake(f"epsilon is more than 0, not {self.epsilon:g}.", ("epsilon",))
        if not 0 <= self.delta < 1e-3:
            yield Mistake(f"delta lies from 0 to 0.001, not at {self.delta:g}.", ("delta",),
                          "It is the chance of a breach; write less than one by the number of persons.")
        for role, epsilon in self.per_role.items():
            if not 0 < epsilon <= self.epsilon:
                yield Mistake(f"The budget of {role} lies above 0 and up to {self.epsilon:g}, not at {epsilon:g}.",
                              ("per_role", role))


@dataclass(frozen=True)
class Privacy:
    """A dataset's customProperties `privacy`: who is protected, how much of each person counts, what may be spent.

    `unit` is the column that names the person, `contributions` how many rows of one count, `bounds` what a column's
    values are clamped to, `groups` the values of a column that are known to everybody.
    """

    unit: str
    contributions: int
    budget: Budget | None = None
    bounds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def mistakes(self) -> Iterator[Mistake]:
        """Nobody's rows counted, or bounds between which there is nothing."""
        if self.contributions < 1:
            yield Mistake(f"Of each person at least one row counts, not {self.contributions}.", ("contributions",))
        for column, pair in self.bounds.items():
            if len(pair) != 2 or not pair[0] < pair[1]:
                yield Mistake(f"The bounds of {column} are no range: {', '.join(f'{each:g}' for each in pair)}.",
                              ("bounds", column), "Write two numbers, the lower one first.")
