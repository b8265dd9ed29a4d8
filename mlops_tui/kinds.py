"""The kinds of things a project declares; each frozen dataclass is the schema of its file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from mlops_tui.declare import Mistake, OutOf
from mlops_tui.errors import nearest
from mlops_tui.limits import METRICS, impossible

LogicalType = Literal["string", "date", "timestamp", "time", "number", "integer", "boolean", "object", "array"]
Check = Literal["drift", "performance", "calibration", "health", "ingest", "validate"]
Severity = Literal["low", "medium", "high", "critical"]


@dataclass(frozen=True)
class Stores:
    ledger: str = "sqlite:///.mlops/ledger.db"
    lake: str = ".mlops/lake"
    mlflow: str = "sqlite:///.mlops/mlflow.db"


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
    mustBe: float | None = None
    mustBeLessThan: float | None = None
    mustBeLessOrEqualTo: float | None = None
    mustBeGreaterThan: float | None = None
    mustBeGreaterOrEqualTo: float | None = None


@dataclass(frozen=True)
class CustomProperty:
    property: str
    value: Any = None
    description: str = ""


@dataclass(frozen=True)
class Relationship:
    """A foreign key: this property's values must be among another dataset's."""

    to: str = ""
    from_: str = ""
    type: str = "foreignKey"
    customProperties: tuple[CustomProperty, ...] = ()


@dataclass(frozen=True)
class TypeOptions:
    minimum: float | None = None
    maximum: float | None = None
    exclusiveMinimum: float | None = None
    exclusiveMaximum: float | None = None
    minLength: int | None = None
    maxLength: int | None = None
    pattern: str | None = None
    format: str | None = None
    timezone: bool | None = None


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
    slaProperties: Any = None
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
        value = self.custom("partitionBy", ())
        return (value,) if isinstance(value, str) else tuple(value)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row, and by which files are sorted."""
        keys = tuple(item.name for item in self.properties if item.primaryKey)
        return keys or tuple(item.name for item in self.properties)

    @property
    def on_violation(self) -> str:
        return str(self.custom("onViolation", "quarantine"))


@dataclass(frozen=True)
class Feature:
    """features/*.sql: a view of (entity, time, values); the front comment says which column is what.

    `lookback`: so much history gives the same row as all of it (none given: all of it is read). `ttl`: a value older
    than that is not used (none given: it holds until the next row of its entity).
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
    name: str
    sql: str = ""
    python: str = ""
    inputs: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    partition_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", self.name) is None:
            raise ValueError(f"a step is named by letters, digits, hyphens and underscores, not '{self.name}'")
        if bool(self.sql) == bool(self.python):
            raise ValueError(f"step '{self.name}' needs either sql or python")


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
class Candidate:
    estimator: str = ""
    factory: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

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
