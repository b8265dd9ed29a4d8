"""A data contract of the Open Data Contract Standard v3.1, as frozen dataclasses: datasets/*.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Literal

LogicalType = Literal["string", "date", "timestamp", "time", "number", "integer", "boolean", "object", "array"]


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
        """One of our own keys: entity, eventTime, partitionBy, calendar, onViolation, sortBy, source, shared,
        dataSubject."""
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
