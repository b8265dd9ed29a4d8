"""Transformations that a pipeline step or a command applies: rules that give SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Made:
    """What a built-in step does: the SQL of its rows, and the parameters that it froze on the way."""

    sql: str
    frozen: Mapping[str, Any] | None = None
