"""Cases of review boards, folded from the history: what was asked, what it is bound to, who voted, what came of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlops_tui import folds
from mlops_tui.assurance.ballots import CHOICES, Count, Roll, count, decided
from mlops_tui.assurance.requirement import Asked, Case, newest
from mlops_tui.declarations.boards import Board, Member
from mlops_tui.roles import person_of
from mlops_tui.view import Action
from store.facts import Assessed, BoardEvent, Finding, Trained

if TYPE_CHECKING:
    from store.ledger import Entry


@dataclass(frozen=True)
class Ballot:
    """A member's vote, as it was given."""

    member: str
    voter: str
    choice: str
    reason: str
    answers: Mapping[str, str]
    at: datetime
    simulated: bool = False


@dataclass(frozen=True)
class BoardCase:
    """A case before a board; `open`, or what came of it: approved, rejected, no_quorum, expired, invalidated.

    `noted`: the history says so, not only the clock. `rules` is the board as it was when the case was opened.
    """

    id: str
    board: str
    about: str
    rules: Board
    parts: Mapping[str, str]
    guidelines: str
    opened_by: str
    authors: tuple[str, ...]
    opened_at: datetime
    expires_at: datetime
    out: tuple[str, ...] = ()
    votes: Mapping[str, Ballot] = field(default_factory=dict)
    recused: Mapping[str, str] = field(default_factory=dict)
    state: str = "open"
    why: str = ""
    noted: bool = False
    ended_at: datetime | None = None
    reopened: int = 0

    @property
    def digest(self) -> str:
        """What every vote is bound to."""
        return digest_of(self.parts)

    @property
    def asked_by(self) -> str:
        """Who asked, as team.yaml names him."""
        return person_of(self.opened_by)

    @property
    def roll(self) -> Roll:
        return Roll({name: each.choice for name, each in self.votes.items()}, frozenset((*self.out, *self.recused)))

    @property
    def count(self) -> Count:
        return count(self.rules, self.roll)

    @property
    def decided(self) -> Count | None:
        """What the votes come to, where nothing can change it any more."""
        return decided(self.rules, self.roll)

    def changed(self, parts: Mapping[str, str]) -> tuple[str, ...]:
        """What is not any more as it was when the case was opened."""
        return tuple(name for name in sorted({*parts, *self.parts}) if parts.get(name, "") != self.parts.get(name, ""))


def offered(case: BoardCase, questions: Sequence[str]) -> tuple[Action, ...]:
    """What a member can do about an open case: vote, bound to what he looked at, or leave it."""
    asks, seen = (*(f"answers:{name}" for name in questions), "reason"), f"{case.board}:{case.digest[:12]}"
    votes = (Action(choice.capitalize(), ("board", "vote", case.id, choice, "--seen", seen), asks=asks)
             for choice in CHOICES)
    return (*votes, Action("Recuse myself", ("board", "recuse", case.id), asks=("reason",)))


def digest_of(parts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(parts), sort_keys=True).encode()).hexdigest()


def bound(case: Case, entries: "Sequence[Entry]", board: str) -> dict[str, str]:
    """The digests of all that an approval by the board is of: the version, its declaration, its card, the board, the
    guidelines, and what is at stake. What is not there has none."""
    trained = folds.model_state(entries, case.name).trained(case.version)
    card = newest(case, entries, Asked("card", ""))
    told = card.fact.detail.get("digest", "") if card is not None and isinstance(card.fact, Finding) else ""
    return {"version": trained.artifact if isinstance(trained, Trained) else "",
            "declaration": case.fingerprints.get(f"model {case.name}", ""), "card": str(told),
            "impact": _assessed(entries, case.name),
            "board": case.fingerprints.get(f"board {board}", ""),
            "guidelines": case.fingerprints.get(f"guidelines of {board}", "")}


def _assessed(entries: "Sequence[Entry]", model: str) -> str:
    """The digest of what is at stake with the model, and of what people answered about it; empty where nobody did."""
    last = next((entry.fact for entry in reversed(entries) if isinstance(entry.fact, Assessed)
                 and entry.subject == model), None)
    return digest_of({"levels": str(last.levels), "eu": str(last.classes), "answers": last.declaration}) if last else ""


def cases(entries: "Sequence[Entry]", now: datetime) -> dict[str, BoardCase]:
    """Every case by id, oldest first; one whose time is over has ended, whether or not anybody noted it."""
    found: dict[str, BoardCase] = {}
    for entry in entries:
        fact = entry.fact
        if not isinstance(fact, BoardEvent):
            continue
        if fact.event == "opened":
            found[fact.subject] = _opened(fact, entry)
        elif fact.subject in found:
            found[fact.subject] = _after(found[fact.subject], fact, entry)
    return {id: _run_out(each) if each.state == "open" and now >= each.expires_at else each
            for id, each in found.items()}


def _opened(fact: BoardEvent, entry: "Entry") -> BoardCase:
    return BoardCase(fact.subject, fact.board, fact.about, _board(fact.rules), fact.parts, fact.guidelines, entry.actor,
                     fact.authors, entry.recorded_at, datetime.fromisoformat(fact.expires_at), fact.out)


def _board(rules: Mapping[str, Any]) -> Board:
    """The board as it was declared then; what it has learned since is as usual."""
    known = {each.name for each in fields(Board)}
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in rules.items()
                             if name in known}
    members = {name: Member(**each) for name, each in rules["members"].items()}
    return Board(**{**given, "members": members, "expires": timedelta(seconds=rules["expires"])})


def _after(before: BoardCase, fact: BoardEvent, entry: "Entry") -> BoardCase:
    at = entry.recorded_at
    if fact.event == "voted":
        cast = Ballot(fact.member, fact.voter, fact.choice, fact.reason, fact.answers, at, fact.simulated)
        return replace(before, votes={**before.votes, fact.member: cast})
    if fact.event == "recused":
        return replace(before, recused={**before.recused, fact.member: fact.reason})
    if fact.event == "reopened":
        return replace(before, parts=fact.parts, guidelines=fact.guidelines, votes={}, rules=_board(fact.rules),
                       expires_at=datetime.fromisoformat(fact.expires_at), reopened=before.reopened + 1)
    return replace(before, state=fact.outcome, why=fact.reason, noted=True, ended_at=at)


def _run_out(each: BoardCase) -> BoardCase:
    found = each.count
    return replace(each, state=found.outcome, why=found.why, ended_at=each.expires_at)
