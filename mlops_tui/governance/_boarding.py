"""Who may vote on a board's case, for which member, and what every vote has to answer."""

from collections.abc import Mapping, Sequence

from mlops_tui import folds
from mlops_tui.assurance.boardcases import BoardCase
from mlops_tui.errors import BadInput, Conflict, Denied, nearest
from mlops_tui.governance._standing import same_person, unreal
from mlops_tui.oversight.boards import known, noted
from mlops_tui.oversight.settling import actor_named
from mlops_tui.project import Project
from mlops_tui.session import Session

ANSWERS = ("yes", "no", "unsure")


def named(session: Session, id: str) -> BoardCase:
    """The case of that id; NotFound says which there are."""
    session.declared()
    return folds.known(known(session), id, "case", "board list --all")


def seat_of(session: Session, case: BoardCase) -> str:
    """The member whose vote this person gives; Denied where he has none on this case, Conflict where it is given."""
    me = session.actor.name
    mine = next((name for name, each in case.rules.members.items() if me in (name, each.delegate)), "")
    if author := next((each for each in case.authors if same_person(session, me, each)), ""):
        raise Denied(f"{me} made {case.about} or asked for {case.id}, and does not vote on it.", where=case.id,
                     next=f"{author} leaves the count: neither the quorum nor the majority is of it.")
    if not mine:
        raise Denied(f"{me} is no member of the board '{case.board}'.", where=case.id,
                     next=f"Members: {', '.join(case.rules.members)}.")
    role = case.rules.members[mine].role
    if not (session.actor.has(role) and actor_named(session, me).has(role)):
        raise Denied(f"{me} does not hold the role '{role}' that {_possessive(me, mine)} seat asks for.",
                     where="team.yaml", next=f"Ask somebody else of the board: {', '.join(case.rules.members)}.")
    if said := unreal(session, me):
        raise Denied(said, where=case.id)
    return _free(session, case, mine)


def _free(session: Session, case: BoardCase, mine: str) -> str:
    """The seat, where nobody has voted in it, left it, or is the same person under another name."""
    me, look = session.actor.name, f"Try: mlops-tui board show {case.id}"
    if mine in case.recused or mine in case.out:
        raise Conflict(f"{mine} is recused from {case.id}.", where="nothing was counted", next=look)
    if mine in case.votes:
        before = case.votes[mine]
        raise Conflict(f"{before.voter} has voted {before.choice} on {case.id} already{_for(before.voter, mine)}.",
                       where="nothing was counted", next=look)
    if twin := next((each.voter for each in case.votes.values() if same_person(session, me, each.voter)), ""):
        raise Denied(f"{me} and {twin}, who has voted on {case.id}, are one person.", where=case.id, next=look)
    return mine


def _possessive(me: str, mine: str) -> str:
    return "the" if me == mine else f"{mine}'s"


def _for(voter: str, member: str) -> str:
    return "" if voter == member else f", for {member}"


def must_be_open(session: Session, case: BoardCase, seen: str = "") -> None:
    """Conflict where it is decided, or where the voter looked at it as it is not any more."""
    if case.state != "open":
        raise Conflict(f"{case.id} is {case.state.replace('_', ' ')}: {case.why}.", where="nothing was counted",
                       next=f"Try: mlops-tui board show {case.id}")
    if seen and not f"{case.board}:{case.digest}".startswith(seen):
        raise Conflict(f"{case.id} is not any more what you looked at: it was opened anew.",
                       where="nothing was counted", next=f"Try: mlops-tui board show {case.id}")


def must_be_as_asked(session: Session, case: BoardCase) -> None:
    """Note it and raise Conflict where what the case is about has changed, or time has ended it."""
    if not noted(session, case.id):
        return
    now = named(session, case.id)
    what = "has new guidelines" if now.state == "open" else f"is {now.state}: {now.why}"
    raise Conflict(f"{case.id} {what}.", where="nothing was counted", next=f"Try: mlops-tui board show {case.id}")


def answered(session: Session, case: BoardCase, words: Sequence[str]) -> dict[str, str]:
    """An answer to each question of the board's guidelines; BadInput names what is missing or is none."""
    questions, given = asked(Project(session.declared().root), case), dict[str, str]()
    for word in (part.strip() for each in words for part in each.split(",") if part.strip()):
        name, _, said = word.partition("=")
        if name not in questions:
            raise BadInput(f"No question '{name}' in the guidelines.", where=case.id,
                           next=nearest(name, questions) or f"Questions: {', '.join(questions) or 'none'}.")
        if said not in ANSWERS:
            raise BadInput(f"'{name}' is answered by {', '.join(ANSWERS)}, not by '{said}'.", where=case.id)
        given[name] = said
    if missing := [name for name in questions if name not in given]:
        raise BadInput(f"Every vote answers the guidelines; {missing[0]}: {questions[missing[0]]}", where=case.id,
                       next=f"Add: --answers {','.join(f'{name}=yes' for name in missing)} (or no, or unsure)")
    return given


def asked(project: Project, case: BoardCase) -> Mapping[str, str]:
    """The questions of the guidelines by id, as they read now."""
    found = project.guidelines.get(case.rules.guidelines)
    return {each.id: each.text for each in found.questions} if found else {}
