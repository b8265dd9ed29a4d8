"""How the dashboard itself stands, as every screen's first and last line tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from mlops_tui.view import Cell


@dataclass(frozen=True)
class Mode:
    """A part of the dashboard with a number key and a stack of screens of its own."""

    digit: str
    id: str
    title: str
    short: str


MODES = (Mode("1", "home", "Home", "Home"), Mode("2", "pipelines", "Pipelines", "Pipe"),
         Mode("3", "models", "Models", "Mod"), Mode("4", "monitoring", "Monitoring", "Mon"),
         Mode("5", "governance", "Governance", "Gov"), Mode("6", "incidents", "Incidents", "Inc"),
         Mode("7", "data", "Data", "Data"), Mode("8", "activity", "Activity", "Act"))


@dataclass(frozen=True)
class Standing:
    """The project's facts as of the last look, what waits, and whether refreshing is paused (`news` counts then).

    `mark`: the moment that somebody marked, to see what changed between it and another.
    """

    facts: Mapping[str, Cell] = field(default_factory=dict)
    now: datetime | None = None
    needs: int | None = None
    stale: bool = False
    news: int | None = None
    mode: str = "home"
    mark: datetime | None = None

    @property
    def project(self) -> str:
        return str(self.facts.get("project") or "…")

    @property
    def as_of(self) -> datetime | None:
        """The moment that is seen; None where that is now."""
        then = self.facts.get("as_of")
        return then if isinstance(then, datetime) else None

    @property
    def zone(self) -> tzinfo:
        return ZoneInfo(str(self.facts["zone"])) if self.facts.get("zone") else UTC
