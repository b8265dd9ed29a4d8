"""People who promote, and a registry that remembers its aliases without MLflow's two seconds of start-up."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from mlops_tui.errors import Refusal
from mlops_tui.session import Session


@dataclass
class Registry:
    """Aliases as MLflow keeps them; it can be away for a while."""

    aliases: dict[str, str] = field(default_factory=dict)
    moves: int = 0
    away: bool = False

    def alias(self, model: str, name: str, version: str) -> None:
        if self.away:
            raise Refusal("The MLflow server does not answer.")
        if self.aliases.get(name) != str(version):
            self.moves += 1
            self.aliases[name] = str(version)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def person(session: Callable[..., Session], registry: Registry) -> Callable[[str], Session]:
    """A session of the person named, whose registry is the stand-in."""

    def opened(name: str) -> Session:
        found = session(name)
        found.open_tracking = lambda: registry
        return found

    return opened


@pytest.fixture
def ready(person, made) -> Session:
    """Ana's session on a project whose version 1 has everything that its gate asks for."""
    ana = person("ana")
    ana.ledger.append(made.trained(), made.finding())
    assert person("bo").perform(("checklist", "sign", "limits-reviewed", "flights-delay@1"), reason="read").exit == 0
    return ana
