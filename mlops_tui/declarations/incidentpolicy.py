"""How a team works on incidents: its roles, and what each severity means. What `incidents:` in mlops.yaml may say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from mlops_tui.declarations.alertpolicy import GRAVE
from mlops_tui.declarations.declare import Mistake

ROLES: Mapping[str, str] = {
    "lead": "Decide what is done next and by whom, and give the next status update before it is due. Do not debug.",
    "scribe": "Write down what is seen and done as it happens, with its time: in Slack by 📌, else by a note.",
    "communications": "Tell those outside what they notice of it, and when the next word comes.",
    "operations": "Carry out what the lead decides, one change at a time, and say when each is done.",
}


@dataclass(frozen=True)
class Level:
    """What a severity means, whom it tells in private, and how often somebody says how it stands.

    `tells`: people of team.yaml, or roles: each who holds one.
    """

    means: str
    tells: tuple[str, ...] = ()
    update: timedelta | None = None


LEVELS: Mapping[str, Level] = {
    "critical": Level("people or money are hurt now, and nothing holds it back", ("oncall", "approver"),
                      timedelta(minutes=30)),
    "high": Level("a model in service decides worse than was promised", ("oncall",), timedelta(hours=2)),
    "medium": Level("something is wrong that can wait until people are at work", (), timedelta(days=1)),
    "low": Level("worth knowing; nobody is hurt", ()),
}


@dataclass(frozen=True)
class Incidents:
    """The roles somebody may have in an incident with what each does, and what the severities mean.

    Severities that are not declared mean what they usually do.
    """

    roles: Mapping[str, str] = field(default_factory=lambda: dict(ROLES))
    severities: Mapping[str, Level] = field(default_factory=dict)

    def mistakes(self) -> Iterator[Mistake]:
        """Nobody who leads; a role of several words; a severity that no alert has; updates without a pause."""
        if "lead" not in self.roles:
            yield Mistake("An incident needs somebody who leads.", ("roles",), "Add lead: what the lead does.")
        for name in self.roles:
            if name != name.lower() or " " in name:
                yield Mistake(f"A role is one word in small letters, not '{name}'.", ("roles", name))
        for name, level in self.severities.items():
            if name not in GRAVE:
                yield Mistake(f"There is no severity '{name}'.", ("severities", name), f"Write {', '.join(GRAVE)}.")
            elif level.update is not None and level.update < timedelta(minutes=5):
                yield Mistake("Updates are five minutes apart at least.", ("severities", name, "update"), "Write 30m.")

    def level(self, severity: str) -> Level:
        """What a severity means to this team."""
        return self.severities.get(severity) or LEVELS.get(severity) or LEVELS[GRAVE[2]]
