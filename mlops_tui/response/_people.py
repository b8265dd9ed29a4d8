"""Who is meant by a word: a person of the team, or the one who says it."""

from mlops_tui.errors import Denied, NotDeclared, nearest
from mlops_tui.roles import Actor, Shape
from mlops_tui.session import Session


def person(session: Session, word: str) -> str:
    """The id in team.yaml for `bo`, `@bo` or `me`; NotDeclared names the nearest."""
    people = {*session.declared().team.people, session.actor.name}
    who = session.actor.name if word == "me" else word.removeprefix("@")
    if who not in people:
        raise NotDeclared(f"No person '{who}' in team.yaml.",
                          next=nearest(who, people) or f"There are {', '.join(sorted(people))}.")
    return who


def who_may(session: Session, command: str) -> list[str]:
    """The people of the team who may run a command that acts, as is declared and granted now."""
    return [name for name in session.declared().team.people if _may(session, name, command)]


def _may(session: Session, name: str, command: str) -> bool:
    known = session.declared().team.people[name]
    actor = Actor(name, frozenset(known.roles), session.actor.source, known.simulated)
    try:
        session.acting_as(actor).admit(command, Shape.ACT)
    except Denied:
        return False
    return True
