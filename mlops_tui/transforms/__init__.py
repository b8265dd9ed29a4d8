"""Built-in steps: what is fitted once, frozen as one document, and applied as SQL wherever such rows are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Made:
    """The SQL whose rows are a step's result, valid on the cursor that it was made with, and what was fitted for it."""

    sql: str
    frozen: Mapping[str, Any] | None
