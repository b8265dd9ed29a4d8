"""Who is behind a Slack id: a person of team.yaml with the roles written there, or nobody."""

from mlops_tui.declarations.kinds import Team
from mlops_tui.errors import Denied
from mlops_tui.roles import ROLES, Actor

SOURCE = "slack"


def actor_of(team: Team, user: str) -> Actor | None:
    """The person whose `slack:` is this id, with the roles he has now; None where there is none, or two."""
    found = [(name, person) for name, person in team.people.items() if user and person.slack == user]
    if len(found) != 1:
        return None
    [(name, person)] = found
    return Actor(name, frozenset(person.roles) & frozenset(ROLES), SOURCE, person.simulated)


def unknown(user: str) -> Denied:
    """What somebody is told whom team.yaml does not name."""
    return Denied("You are not in this project's team.yaml.", where=f"Slack id {user}",
                  next=f"Ask an engineer to add you there, with slack: {user}")
