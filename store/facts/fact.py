"""What every kind of entry in the history has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

Detail = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that happened; `subject` says to what."""

    kind: ClassVar[str]
    subject: str
