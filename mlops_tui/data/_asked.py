"""What a person asks privately, made whole with what the dataset declares; refused where anything is unbounded."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mlops_tui.analysis.privacy import Range, in_steps
from mlops_tui.data._answered import Question, combinations
from mlops_tui.data._bounded import Bounded
from mlops_tui.declarations.datasetkeys import Privacy
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, nearest
from mlops_tui.quality.logicaltypes import family_of

MEASURES = {"count": 1, "sum": 2, "mean": 2, "histogram": 2, "quantile": 3}
NUMBERS = ("integer", "float", "decimal")
MOST_KEYS = 100_000
MOST_STEPS = 2**53  # beyond, a number is not the whole number that it was
LARGEST = 20.0  # an ε that protects nobody


@dataclass(frozen=True)
class Table:
    """What is asked about: its columns with their types, what is declared of it, and where."""

    name: str
    columns: Mapping[str, str]
    privacy: Privacy
    where: str
    contract: Contract | None = None


def question(table: Table, measure: str, by: Sequence[str], epsilon: float, delta: float, cells: int) -> Question:
    """The question; BadInput says what is to be declared first."""
    words = measure.split(":")
    if words[0] not in MEASURES or len(words) != MEASURES[words[0]]:
        hint = nearest(words[0], MEASURES) if words[0] not in MEASURES else ""
        raise BadInput(f"'{measure}' is no measure.", where="--measure",
                       next=hint or "Write count, sum:COLUMN, mean:COLUMN, histogram:COLUMN or quantile:COLUMN:0.5.")
    if not 0 < epsilon <= LARGEST:
        raise BadInput(f"ε lies above 0 and up to {LARGEST:g}, not at {epsilon:g}.", where="--epsilon",
                       next="Usual are 0.1 to 1 for one answer.")
    column = words[1] if len(words) > 1 else ""
    for name in filter(None, (table.privacy.unit, column, *by)):
        if name not in table.columns:
            raise BadInput(f"'{table.name}' has no column '{name}'.", where=table.where,
                           next=nearest(name, table.columns) or f"It has {', '.join(table.columns)}.")
    if table.privacy.unit in by or len(set(by)) < len(by):
        raise BadInput("An answer is not by person, nor twice by one column.", where="--by", next="Name other columns.")
    edges = _range(table, column) if column else None
    known = {name: tuple(str(value) for value in table.privacy.groups[name]) for name in by
             if name in table.privacy.groups}
    keys = combinations(known, by) if len(known) == len(by) else None
    _check_keys(table, keys, by, known, delta)
    cut = cells if words[0] in ("histogram", "quantile") else 0
    kept = Bounded(table.privacy.unit, table.privacy.contributions, tuple(by), known, column, edges,
                   min(cut, edges.high - edges.low) if edges is not None else 0, _choice(table))
    return Question(words[0], kept, keys, epsilon, delta if keys is None else 0.0, _share(words))


def _range(table: Table, column: str) -> Range:
    """The declared bounds of a column; the refusal proposes what the contract says of it, never what the rows say."""
    family = family_of(table.columns[column])
    if family not in NUMBERS:
        raise BadInput(f"'{column}' holds no numbers ({table.columns[column]}).", where=table.where,
                       next="Ask for count, by that column.")
    if column not in table.privacy.bounds:
        raise BadInput(f"'{column}' has no bounds: one person's value might be anything.", where=table.where,
                       next=_proposed(table, column))
    low, high = table.privacy.bounds[column]
    edges = in_steps(low, high, whole=family == "integer")
    if edges.reach > MOST_STEPS:
        raise BadInput(f"The bounds of '{column}', {low:g} and {high:g}, are too wide to count exactly between them.",
                       where=table.where, next="Declare what values can be in the world.")
    if edges.high <= edges.low:
        raise BadInput(f"No whole number lies between the bounds of '{column}', {low:g} and {high:g}.",
                       where=table.where, next="Declare wider ones.")
    return edges


def _proposed(table: Table, column: str) -> str:
    item = next((each for each in table.contract.properties if each.name == column), None) if table.contract else None
    options = item.logicalTypeOptions if item is not None else None
    low, high = (None, None) if options is None else (
        options.minimum if options.minimum is not None else options.exclusiveMinimum,
        options.maximum if options.maximum is not None else options.exclusiveMaximum)
    if table.contract is None:
        return f"Say what values can be, from what you know of the world: --bounds {column}=LOW:HIGH"
    if low is None and high is None:
        return (f"Declare what values can be, from what you know of the world and not from these rows: privacy: "
                f"{{bounds: {{{column}: [LOW, HIGH]}}}}")
    ends = ", ".join("LOW" if edge is None and place == 0 else "HIGH" if edge is None else f"{edge:g}"
                     for place, edge in enumerate((low, high)))
    return f"The contract knows its limits; declare privacy: {{bounds: {{{column}: [{ends}]}}}}"


def _check_keys(table: Table, keys: Sequence[Any] | None, by: Sequence[str], known: Mapping[str, Any],
                delta: float) -> None:
    if keys is not None and len(keys) > MOST_KEYS:
        raise BadInput(f"That makes {len(keys):,} groups, most of them of noise alone.", where=table.where,
                       next="Ask by fewer columns.")
    if keys is None and not delta:
        missing = ", ".join(name for name in by if name not in known)
        raise BadInput(f"Which values {missing} has is not declared: that a group is there might tell of one person.",
                       where=table.where, next=f"Declare privacy: {{groups: {{{missing.split(',')[0]}: [...]}}}}, or "
                       "give --delta 1e-6 to have groups found above a threshold.")
    if not 0 <= delta <= 1e-3:
        raise BadInput(f"δ lies from 0 to 0.001, not at {delta:g}.", where="--delta",
                       next="Write less than one by the number of persons, such as 1e-6.")


def _share(words: Sequence[str]) -> Fraction:
    if len(words) < 3:
        return Fraction(1, 2)
    at = Fraction(words[2]) if re.fullmatch(r"0?\.[0-9]{1,4}", words[2]) else Fraction(0)
    if not 0 < at < 1:
        raise BadInput(f"A quantile lies between 0 and 1, not at '{words[2]}'.", where="--measure",
                       next="Write quantile:COLUMN:0.5 for the median.")
    return at


def _choice(table: Table) -> tuple[str, ...]:
    keys = [item.name for item in table.contract.properties if item.primaryKey] if table.contract else []
    return tuple(name for name in keys if name in table.columns)
