"""What is personal in a prediction log, taken out before anything of it is written, whichever way it comes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from mlops_tui.logs.predictionlog import ID, OWN, classes_of, keys_of
from mlops_tui.privacy.redaction import FREE, PERSONAL, SECRET, kept_of
from mlops_tui.privacy.subjects import key_of_people
from mlops_tui.session import Session
from store.lake import columns_of
from store.quoting import quote

HIDDEN = (*PERSONAL, *SECRET, *FREE)


@dataclass(frozen=True)
class Guard:
    """The data class of each column (in lower case) that is personal, secret or free text, and the key for hashes."""

    classes: Mapping[str, str]
    key: bytes

    def __bool__(self) -> bool:
        return bool(self.classes)

    def hides(self, column: str) -> bool:
        """Whether the values of a column may not be told."""
        return column.lower() in self.classes

    def calling(self, names: Mapping[str, str]) -> "Guard":
        """The same where a server calls columns by other names: `names` gives the column by its name there."""
        more = {said.lower(): self.classes[column.lower()] for said, column in names.items() if self.hides(column)}
        return replace(self, classes={**self.classes, **more})

    def value(self, column: str, value: Any) -> Any:
        """What may be kept of a value."""
        return kept_of(value, self.classes.get(column.lower(), ""), self.key)

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row as it may be kept."""
        return {name: self.value(name, value) for name, value in row.items()}

    def text(self, text: str) -> str:
        """What may be kept of an event that was not taken in: its fields as they may be, nothing where it has none."""
        if not self:
            return text
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return ""
        return json.dumps(self._within(found), ensure_ascii=False) if isinstance(found, dict) else ""

    def _within(self, found: Any) -> Any:
        if isinstance(found, dict):
            return {name: self.value(name, self._within(each)) for name, each in found.items()}
        if isinstance(found, list):
            return [self._within(each) for each in found]
        if isinstance(found, str) and found.lstrip()[:1] in ("{", "["):  # a body within the event
            return self.text(found)
        return found

    def query(self, cursor: duckdb.DuckDBPyConnection, query: str) -> str:
        """SQL of the rows of a query as they may be kept."""
        hidden = [name for name in columns_of(cursor, query) if self.hides(name)] if self else []
        changed, joined = list[str](), list[str]()
        for place, name in enumerate(hidden):
            column, seen, there = quote(name), f"CAST(t.{quote(name)} AS VARCHAR)", quote(f"#kept {place}")
            if self.classes[name.lower()] in SECRET:
                changed.append(f"CAST(NULL AS VARCHAR) AS {column}")
                continue
            clear = [str(value) for value, in cursor.execute(
                f"SELECT DISTINCT {seen} FROM ({query}) t WHERE t.{column} IS NOT NULL").fetchall()]
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {there} AS "
                           "SELECT unnest(CAST(? AS VARCHAR[])) AS clear, unnest(CAST(? AS VARCHAR[])) AS kept",
                           [clear, [self.value(name, each) for each in clear]])
            changed.append(f"{there}.kept AS {column}")
            joined.append(f"LEFT JOIN {there} ON {there}.clear = {seen}")
        if not hidden:
            return query
        return f"SELECT t.* REPLACE ({', '.join(changed)}) FROM ({query}) t {' '.join(joined)}"


OPEN = Guard({}, b"")


def guard_of(session: Session, dataset: str, *, known: Iterable[str] = ()) -> Guard:
    """The guard of a dataset: nothing is hidden where it is no prediction log or its columns are not classified.

    What a row is known by stays (the keys of the model, the id, the time, and what is `known` beside them), for
    outcomes are joined by it, and so does what the log says of its own.
    """
    project, model = session.project, dataset.removesuffix(".predictions")
    if project is None or model == dataset or model not in project.models:
        return OPEN
    own = {*OWN, *keys_of(session, model), project.model(model).split.time, ID, *known} - {"caller", "endpoint"}
    stays = {name.lower() for name in own}
    classes = {name.lower(): data_class.lower() for name, data_class in classes_of(session, model).items()
               if data_class.lower() in HIDDEN and name.lower() not in stays}
    return Guard(classes, key_of_people(session) if set(classes.values()) & set(PERSONAL) else b"")
