"""A first contract of a dataset, read off a file that keeps it: a beginning to be looked over, line by line."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_tui.data._batch import Batch, opened
from mlops_tui.declarations import declare
from mlops_tui.declarations.odcs import Contract
from mlops_tui.quality.logicaltypes import family_of
from mlops_tui.session import Session
from mlops_tui.view import Cell, Row
from store.scan import engine

_LOGICAL = {"integer": "integer", "float": "number", "decimal": "number", "boolean": "boolean", "date": "date",
            "time": "time", "naive": "timestamp", "zoned": "timestamp", "object": "object", "array": "array"}
_ID = re.compile(r"(?:^|_)(?:id|key|code|uuid|guid|no|number)$", re.IGNORECASE)
WIDTH = 80  # of a terminal, in which a longer line breaks
_PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")  # which YAML takes for something else


@dataclass(frozen=True)
class _Column:
    """What is declared of one column, and what is only noted."""

    name: str
    logical: str
    zoned: bool | None = None
    required: bool = False
    unique: bool = False
    note: str = ""
    apart: bool = False
    primary: bool = False

    def without(self, rule: str) -> "_Column":
        """The column without what the file itself breaks; a value of no such type leaves a text."""
        required, unique = self.required and rule != "required", self.unique and rule != "unique"
        if rule in ("type", "time_zone"):
            return _Column(self.name, "string", None, required, unique, apart=self.apart)
        return replace(self, required=required, unique=unique, primary=self.primary and rule != "unique")

    def line(self) -> str:
        said = [f"name: {_word(self.name)}", f"logicalType: {self.logical}"]
        said += ["primaryKey: true"] * self.primary
        said += ["required: true"] * self.required + ["unique: true"] * self.unique
        if self.zoned is not None:
            said.append(f"logicalTypeOptions: {{timezone: {str(self.zoned).lower()}}}")
        line, note = f"      - {{{', '.join(said)}}}", f"# {self.note}" if self.note else ""
        if len(line) >= WIDTH:
            at = 3 if self.primary else -1
            line = f"      - {{{', '.join(said[:at])},\n         {', '.join(said[at:])}}}"
        beside = f"{line}  {note}".rstrip()
        return beside if max(map(len, beside.splitlines())) < WIDTH else f"      {note}\n{line}"


def name_for(file: Path) -> str:
    """The name of a dataset that a file could be of."""
    stem = file.name.lower().removesuffix(".gz").rpartition(".")[0]
    return re.sub(r"[^a-z0-9_]+", "-", stem).strip("-_") or "data"


def contract_of(session: Session, file: Path, rows: Sequence[Row]) -> str:
    """The YAML of a contract that the file keeps; `rows` describe its columns as `profile` does.

    Types are those of the values; required where none is missing, unique where no value is there twice and the name is
    that of an id. The first such column, or else one without a value twice, is put forward as the primary key. Ranges
    and values are comments: a file does not say what may come.
    """
    columns = _keyed({str(row["column"]): _column(row) for row in rows})
    text = _written(file, columns)
    batch = opened(session, declare.parse(Contract, text, str(file)), file, [file], engine())
    for name, rule in _broken(batch):
        columns[name] = columns[name].without(rule)
    return _written(file, columns)


def _keyed(columns: Mapping[str, _Column]) -> dict[str, _Column]:
    """The columns with one of them, that tells every row of the file apart, as the primary key; or none."""
    able = sorted((each for each in columns.values() if each.apart), key=lambda each: not each.unique)
    said = "the key of a row?"
    return {**columns, **{each.name: replace(each, primary=True, note=f"{each.note}; {said}" if each.note else said)
                          for each in able[:1]}}


def _broken(batch: Batch) -> Iterator[tuple[str, str]]:
    """The rules that rows of the file break all the same: a date may be written in a way that only people read."""
    judged = batch.judged(lambda rule: not rule.warns)
    yield from ((rule.column, rule.name) for rule in batch.rules.rules if judged.counts[rule.id])


def _column(row: Row) -> _Column:
    family = family_of(str(row["type"]))
    counted = "reason" not in row or row["kind"] == "category"  # numbers may be estimated
    full, apart = row["nulls"] == 0 and not row.get("nans"), counted and row["distinct"] == row["rows"] != 1
    apart = full and apart and family in ("integer", "text")
    identifies = apart and bool(_ID.search(str(row["column"])))
    zoned = family == "zoned" if family in ("naive", "zoned") else None
    return _Column(str(row["column"]), _LOGICAL.get(family, "string"), zoned, full, identifies, _note(row), apart)


def _note(row: Row) -> str:
    """What the values were, for people: the range of numbers and times, how many different texts."""
    low, high, distinct = row["min"], row["max"], row["distinct"]
    if row["kind"] in ("numeric", "time") and low is not None:
        return f"{_short(low)} to {_short(high)}"
    return f"{distinct:,} different values" if row["kind"] == "category" and isinstance(distinct, int) else ""


def _short(value: Cell) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _word(text: str) -> str:
    """The text as YAML reads it back."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)


def _written(file: Path, columns: Mapping[str, _Column]) -> str:
    name = name_for(file)
    time = next((each.name for each in columns.values() if each.logical == "timestamp"), "COLUMN")
    keyed = any(each.primary for each in columns.values())
    return "\n".join([
        f"# Read off {json.dumps(file.name)}: look over every line.", f"# Its place is datasets/{name}.yaml.",
        "kind: DataContract", "apiVersion: v3.1.0", f"id: {_word(name)}", "version: 1.0.0", "status: draft", "schema:",
        f"  - name: {_word(name)}", "    properties:", *(each.line() for each in columns.values()),
        *([] if keyed else ["# No column tells every row apart. Mark the one(s) that identify a row:",
                            "# primaryKey: true. A model's rows are joined by it."]),
        "# What a number may be is yours to say: logicalTypeOptions: {minimum: 0}",
        "# Without partitionBy, an ingest replaces all rows; day is that of eventTime.",
        "# customProperties:", f"#   - {{property: eventTime, value: {_word(time)}}}",
        "#   - {property: partitionBy, value: [day]}", "#   - {property: onViolation, value: quarantine}", ""])
