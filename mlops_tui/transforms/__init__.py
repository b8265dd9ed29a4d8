"""Built-in steps of pipelines: each module is one, with a function `step` that says what its result is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Made:
    """What `step(cursor, relations, params)` gives: the SQL of its rows, and what it learned from the data, if it did.

    `cursor` is a DuckDB, `relations` says for each input what may follow FROM, `params` are those of the step.
    """

    sql: str
    frozen: Mapping[str, Any] | None = None
