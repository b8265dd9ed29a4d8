"""When a monitor's findings wake somebody: what `alert:` in a monitor's file may say."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from mlops_tui.declarations.declare import Mistake, OutOf, Within

Severity = Literal["low", "medium", "high", "critical"]
GRAVE = ("critical", "high", "medium", "low")  # the gravest first


@dataclass(frozen=True)
class Escalation:
    """Who is told next where nobody has taken it up for so long."""

    after: timedelta
    to: str


@dataclass(frozen=True)
class AlertPolicy:
    """When a monitor's findings wake somebody, whom, and how often.

    `after`: how many of the last findings must fail. `route`: a person, a role, a rotation or a route; by default
    whoever owns the model. `escalate`: who is told besides while nobody has taken it up, and after how long.
    `page`: it may wake people up at night, which, like `critical`, takes a back-test of the present rule and a runbook.
    `repeat`: told again while nobody has taken it up. `group`: what its alerts share a card with. `flap`: one that
    fires so often is told once and held until it is calm. `inhibit`: muted while a table behind its subject is late.
    """

    after: OutOf = field(default_factory=lambda: OutOf(1, 1))
    severity: Severity = "medium"
    route: str = ""
    runbook: str = ""
    page: bool = False
    repeat: timedelta | None = None
    group: Literal["subject", "monitor", "check", "project"] = "subject"
    flap: Within | None = None
    inhibit: bool = True
    escalate: tuple[Escalation, ...] = ()

    def mistakes(self) -> Iterator[Mistake]:
        """Reminders without a pause between them; a flapping that begins with the first alert."""
        if self.repeat is not None and self.repeat < timedelta(minutes=5):
            yield Mistake("An alert is repeated every five minutes at most.", ("repeat",), "Write 12h.")
        spans = [each.after for each in self.escalate]
        if spans and (min(spans) < timedelta(minutes=1) or spans != sorted(set(spans))):
            yield Mistake("Each step comes later than the one before, the first after a minute or more.", ("escalate",),
                          "Write [{after: 15m, to: secondary}, {after: 30m, to: ana}].")
        if self.flap is not None and self.flap.count < 2:
            yield Mistake("What fires once does not flap.", ("flap",), "Write 3 in 2d.")
