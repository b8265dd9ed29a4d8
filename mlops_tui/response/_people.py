"""Who is meant by a word: a person of the team, or the one who says it."""

from mlops_tui.errors import NotDeclared, nearest
from mlops_tui.session import Session


def person(session: Session, word: str) -> str:
    """The id in team.yaml for `bo`, `@bo` or `me`; NotDeclared names the nearest."""
    people = {*session.declared().team.people, session.actor.name}
    who = session.actor.name if word == "me" else word.removeprefix("@")
    if who not in people:
        raise NotDeclared(f"No person '{who}' in team.yaml.",
                          next=nearest(who, people) or f"There are {', '.join(sorted(people))}.")
    return who
