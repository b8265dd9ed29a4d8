"""Review boards: members who vote on a version by quorum, majority and ethical guidelines, bound to what they saw."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from mlops_tui import folds
from mlops_tui.assurance.ballots import APPROVED, CHOICES, Roll, count
from mlops_tui.assurance.boardcases import BoardCase, cases, digest_of, offered
from mlops_tui.capability import Field, act, decide, look, noun
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.governance._boarding import ANSWERS, answered, asked, must_be_as_asked, must_be_open, named, seat_of
from mlops_tui.governance._evidence import case_of
from mlops_tui.governance._minutes import minutes_of, proposed, recorded
from mlops_tui.governance._standing import same_person
from mlops_tui.oversight import boards
from mlops_tui.project import Project
from mlops_tui.roles import person_of
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, View, counted
from store.facts import BoardEvent, Fact
from store.ledger import Entry

board = noun("board", __doc__ or "", bare="list", subject="show")
STATUS = {"open": Status.WARN, APPROVED: Status.DONE, "rejected": Status.FAIL}


@look(of=board, fold=True)
@click.option("--all", "everything", is_flag=True, help="Decided cases too.")
def list_(session: Session, everything: bool) -> View:
    """What waits for a board's votes.

    \b
    Example: mlops-tui board list
    """
    session.declared()
    shown = [each for each in reversed(boards.known(session).values()) if everything or each.state == "open"]
    rows: list[Row] = [_row(each) for each in shown]
    table = Table.of("cases", rows, "case", "board", "about", "state", "votes", "expires_at")
    waiting = [each for each in shown if each.state == "open"]
    many = counted(len(waiting), "case waits", "cases wait") if waiting else "No case waits"
    said = f"{many} for a board's votes"
    return View(said, Status.WARN if waiting else Status.PASS, (table,),
                tuple(Action(f"Look at {each.id}", ("board", "show", each.id)) for each in waiting[:3]))


def _row(each: BoardCase) -> dict[str, Cell]:
    found = each.count
    return {"case": each.id, "board": each.board, "about": each.about, "state": each.state, "votes": found.said,
            "yes": found.yes, "no": found.no, "abstained": found.abstained, "quorum": found.quorum,
            "may_vote": found.eligible, "silent": found.silent, "majority": each.rules.majority,
            "opened_by": each.opened_by, "opened_at": each.opened_at,
            "expires_at": each.expires_at if each.state == "open" else None, "guidelines": each.guidelines,
            "digest": each.digest, "reason": each.why}


def _facts(each: BoardCase) -> Facts:
    """What of it belongs on the first screen."""
    shown = ("case", "board", "about", "state", "votes", "silent", "opened_by", "expires_at", "guidelines", "digest",
             "reason")
    return Facts({name: value for name, value in _row(each).items() if name in shown and value not in ("", None, ())})


@look(of=board, fold=True)
@click.argument("case")
def show(session: Session, case: str) -> View:
    """What a board is asked, who has voted, what it takes, and what the votes are bound to.

    \b
    Example: mlops-tui board show BC-1
    """
    found = named(session, case)
    parts = minutes_of(session, found)
    if found.state != "open":
        return View(_came(found), STATUS.get(found.state, Status.WARN), (_facts(found), *parts),
                    (Action("The minutes", ("board", "minutes", found.id)),))
    if session.as_of is not None:  # what it is about is declared, and may have changed since
        return View(f"{found.id}: {found.board} about {found.about}, {found.count.said}", Status.WARN,
                    (_facts(found), *parts))
    changed = found.changed(boards.parts(session, found.about, found.board))
    if changed:
        return View(f"{found.id} is not any more about what it was: {', '.join(changed)} changed", Status.FAIL,
                    (_facts(found), *parts), _again(found))
    return View(f"{found.id}: {found.board} about {found.about}, {found.count.said}", Status.WARN,
                (_facts(found), *parts), offered(found, tuple(asked(session.declared(), found))))


def _again(found: BoardCase) -> tuple[Action, ...]:
    return (Action("Ask again", ("board", "open", found.about, "--board", found.board)),)


def _came(found: BoardCase) -> str:
    return f"{found.id}, {found.board} about {found.about}: {found.state.replace('_', ' ')}: {found.why}"[:100]


@look(of=board, fold=True)
@click.argument("case")
def minutes(session: Session, case: str) -> View:
    """The minutes: who was there, how each voted and why, how the guidelines were answered, what it came to.

    \b
    Example: mlops-tui board minutes BC-1
    """
    found = named(session, case)
    came = _came(found) if found.state != "open" else f"{found.id} is open: {found.count.said}"
    return View(came, Status.DONE, (_facts(found), *minutes_of(session, found)),
                (Action("The case", ("board", "show", found.id)),))


@act(of=board, confirm=False)
@click.argument("subject", metavar="MODEL[@VERSION]")
@click.option("--board", "name", metavar="BOARD", help="Which board; the model's own where none is named.")
def open_(session: Session, subject: str, name: str | None) -> View:
    """Ask a review board about a version, as it, its card, the board and the guidelines are at this moment.

    Whoever made the version or asks for it does not vote. Anything that changes meanwhile ends the case.

    \b
    Example: mlops-tui board open credit-risk@3 --board credit
    """
    case, state = case_of(session, subject, name or "")
    project = Project(session.declared().root)
    asked_of = name or case.model.board
    if not asked_of:
        raise BadInput(f"{case.name} names no board.", where=f"models/{case.name}.yaml",
                       next=f"Say --board NAME. Boards: {', '.join(project.boards) or 'none in boards/'}.")
    rules = project.one("board", asked_of)
    edition = project.one("guideline", rules.guidelines).version if rules.guidelines else ""
    parts = boards.parts(session, case.subject, asked_of)
    trained = state.versions[case.version]
    authors = tuple(dict.fromkeys((person_of(trained.actor), session.actor.name)))
    out = tuple(each for each in rules.members if any(same_person(session, each, author) for author in authors))
    first = count(rules, Roll({}, frozenset(out)))
    if first.quorum > first.eligible or "required seat" in first.why:
        raise BadInput(f"The board '{asked_of}' cannot decide about {case.subject}: {first.why}, since "
                       f"{' and '.join(out)} made it or ask for it.", where=f"boards/{asked_of}.yaml",
                       next="Let somebody else ask, or name more members.")

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        known = cases(entries, session.now())
        before = [each for each in known.values() if (each.board, each.about) == (asked_of, case.subject)]
        same = [each for each in before if each.digest == digest_of(parts)]
        if settled := next((each for each in same if each.state in ("open", APPROVED, "rejected")), None):
            raise Conflict(f"{settled.id} is {settled.state} about exactly this.", where=case.subject,
                           next=f"Try: mlops-tui board show {settled.id}")
        stale: list[Fact] = [BoardEvent(subject=each.id, event="closed", outcome="invalidated", digest=each.digest,
                                        reason="asked anew about what it has become")
                             for each in before if each.state == "open"]
        return [*stale, BoardEvent(
            subject=folds.next_id("BC", known), event="opened", board=asked_of, about=case.subject, parts=parts,
            rules=boards.rules(rules), guidelines=edition, out=out, authors=authors, digest=digest_of(parts),
            expires_at=(session.now() + rules.expires).isoformat())]

    found = named(session, session.ledger.transact(decided)[-1].subject)
    return View(f"{found.id}: the board '{asked_of}' is asked about {case.subject}", Status.RUNNING,
                (_facts(found), *minutes_of(session, found)),
                (Action("The case", ("board", "show", found.id)),))


@act(of=board, confirm=False)
@click.argument("case")
def close(session: Session, case: str) -> View:
    """Count the votes of a case whose time is over, and propose its decision record.

    \b
    Example: mlops-tui board close BC-1
    """
    found = named(session, case)
    if found.noted and recorded(session, found):
        raise Conflict(f"{_came(found)}.", next=f"Try: mlops-tui board minutes {found.id}")
    boards.noted(session, found.id)
    if named(session, case).state == "open":
        raise Conflict(f"{found.id} is open: {found.count.said}.", next=f"Try: mlops-tui board show {found.id}")
    return _afterwards(session, found.id, "The votes are counted")


def _first(session: Session, case: str, seen: str = "", **_: Any) -> None:
    """Refuse who may not vote on it, or not any more, before he is asked why."""
    found = named(session, case)
    must_be_open(session, found, seen)
    seat_of(session, found)


@decide(of=board, first=_first)
@click.argument("case")
@click.argument("choice", type=click.Choice(CHOICES))
@click.option("--answers", multiple=True, metavar="QUESTION=yes|no|unsure", help="What the guidelines ask.")
@click.option("--seen", default="", metavar="BOARD:DIGEST", help="What you looked at; refused where it changed.")
def vote(session: Session, case: str, choice: str, answers: tuple[str, ...], seen: str, reason: str) -> View:
    """Vote yes, no or abstain on BC-1, once, having answered each question of the guidelines.

    \b
    Example: mlops-tui board vote BC-1 yes --answers purpose=yes,harm=no --reason "fair, and it can be explained"
    """
    found = named(session, case)
    must_be_as_asked(session, found)
    said = answered(session, found, answers)

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        now = cases(entries, session.now())[found.id]
        must_be_open(session, now, seen or f"{found.board}:{found.digest}")
        return [BoardEvent(subject=now.id, event="voted", board=now.board, about=now.about, digest=now.digest,
                           member=seat_of(session, now), voter=session.actor.name, choice=choice, answers=said,
                           reason=reason, simulated=session.actor.simulated)]

    session.ledger.transact(decided)
    return _afterwards(session, found.id, f"{session.actor.name} votes {choice}")


def _fields(project: Project, given: Mapping[str, object]) -> list[Field]:
    """What a form asks for: an answer to each question of the guidelines of the board that the button names."""
    words, seen = given.get("answers"), str(given.get("seen") or "").partition(":")[0]
    said = {str(word).partition("=")[0] for word in words} if isinstance(words, (list, tuple)) else set()
    named = project.boards[seen].guidelines if seen in project.boards else ""
    found = project.guidelines[named].questions if named in project.guidelines else ()
    return [Field("answers", each.id, each.text, choices=ANSWERS) for each in found if each.id not in said]


vote.fields = _fields


@decide(of=board, first=_first)
@click.argument("case")
def recuse(session: Session, case: str, reason: str) -> View:
    """Leave a case because you are not impartial: you count neither for the quorum nor for the majority.

    \b
    Example: mlops-tui board recuse BC-1 --reason "the applicant is a relative of mine"
    """
    found = named(session, case)
    must_be_as_asked(session, found)

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        now = cases(entries, session.now())[found.id]
        must_be_open(session, now)
        return [BoardEvent(subject=now.id, event="recused", board=now.board, about=now.about, digest=now.digest,
                           member=seat_of(session, now), voter=session.actor.name, reason=reason)]

    session.ledger.transact(decided)
    return _afterwards(session, found.id, f"{session.actor.name} is recused")


def _afterwards(session: Session, id: str, said: str) -> View:
    """How the case stands after somebody spoke; decided where nothing can change it any more."""
    boards.noted(session, id)
    found = named(session, id)
    if found.state == "open":
        return View(f"{said}; {found.id}: {found.count.said}", Status.RUNNING, (_facts(found),),
                    (Action("The case", ("board", "show", found.id)),))
    proposal = proposed(session, found)
    actions = (Action("The minutes", ("board", "minutes", found.id)),
               *((Action("Write the decision record", ("adopt", proposal)),) if proposal else ()))
    return View(f"{said}; {_came(found)}"[:100], Status.DONE, (_facts(found),), actions)
