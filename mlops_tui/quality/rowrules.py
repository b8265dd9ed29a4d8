"""What a row of a file must keep: rules whose SQL is true where it does not, and bounds on how many rows may."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mlops_tui.quality.logicaltypes import NEVER, Value
from store.quoting import quote

Comparison = Literal["=", "!=", "<", "<=", ">", ">="]
AT = quote("#at")  # the number of a row in its batch


@dataclass(frozen=True)
class Bound:
    """How many rows there may be: of those that break a rule, or of all."""

    comparison: Comparison
    value: float
    percent: bool = False

    def holds(self, count: int, rows: int) -> bool:
        """Whether so many rows, of so many, are within the bound.

        >>> Bound("<", 1, percent=True).holds(9, 1000), Bound("<", 1, percent=True).holds(10, 1000)
        (True, False)
        """
        measured = 100 * count / max(rows, 1) if self.percent else count
        return {"=": measured == self.value, "!=": measured != self.value, "<": measured < self.value,
                "<=": measured <= self.value, ">": measured > self.value, ">=": measured >= self.value}[self.comparison]

    def __str__(self) -> str:
        return f"{self.comparison} {self.value:g}{' %' if self.percent else ''}"


@dataclass(frozen=True)
class Rule:
    """One thing a row may break. `broken` is SQL, true where it does; None for a rule about the number of rows.

    A rule that `warns` counts rows and leaves them good. A `hard` one never only warns: such a row cannot be stored.
    A `slow` one is about the texts of its column alone. A `bound` says how many rows may break the rule before they are
    bad. A rule with a `key` is broken by each row that repeats the values an earlier row has there.
    """

    column: str
    name: str
    broken: str | None
    says: str = ""
    warns: bool = False
    hard: bool = False
    bound: Bound | None = None
    key: tuple[str, ...] = ()
    slow: bool = False

    @property
    def id(self) -> str:
        return f"{self.column}:{self.name}"


@dataclass(frozen=True)
class Reference:
    """A foreign key: the column's values, cast to `type`, must be among those of another dataset's column."""

    column: str
    type: str
    dataset: str
    to: str

    @property
    def alias(self) -> str:
        return quote(f"#key {self.column} {self.dataset}.{self.to}")


@dataclass(frozen=True)
class Latency:
    """How many seconds old the newest time may be; `rule` is what fails where it is older. `sql` gives the time."""

    rule: Rule
    sql: str
    seconds: float


@dataclass(frozen=True)
class Compiled:
    """A contract, made ready for files with certain columns."""

    values: Mapping[str, Value]
    rules: tuple[Rule, ...]
    references: tuple[Reference, ...]
    partition: tuple[str, ...]
    derived: Mapping[str, str]
    sort: tuple[str, ...]
    unchecked: tuple[str, ...]
    ignored: tuple[str, ...]
    latency: Latency | None = None

    @property
    def row_rules(self) -> tuple[Rule, ...]:
        """The rules that single rows can break."""
        return tuple(rule for rule in self.rules if rule.broken not in (None, NEVER))


def key_alias(names: tuple[str, ...]) -> str:
    """The table of the rows that repeat a key: their numbers, in the column `#again`."""
    return quote(f"#again {','.join(names)}")
