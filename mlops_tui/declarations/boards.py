"""Who decides together about a model, and by which ethical guidelines: boards/*.yaml and guidelines/*.yaml."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Literal

from mlops_tui.declarations.declare import Mistake
from mlops_tui.errors import nearest
from mlops_tui.roles import ROLES

Majority = Literal["simple", "2/3", "unanimous"]
Abstention = Literal["present", "absent", "against"]


@dataclass(frozen=True)
class Member:
    """One who votes: the seat he has, the role of team.yaml that he must hold, and who may vote in his place."""

    seat: str
    role: str = "approver"
    delegate: str = ""

    def mistakes(self) -> Iterator[Mistake]:
        """A role that nobody can hold."""
        if self.role not in ROLES:
            yield Mistake(f"No role '{self.role}'.", ("role",),
                          nearest(self.role, ROLES) or f"Roles: {', '.join(ROLES)}.")


@dataclass(frozen=True)
class Board:
    """boards/*.yaml

    `quorum`: how many, or which share of those who may vote (`60%`, `2/3`), rounded up, must vote without objecting:
    who votes no completes no quorum and no required seat, so nothing is ever approved because somebody was against it.
    `majority`: of the votes, `simple` is more than half. `required`: seats without which nothing is approved. `veto`:
    seats whose no ends it. `abstention`: whether one counts for the quorum (`present`), for nothing (`absent`), or as a
    no (`against`). `expires`: how long the votes may take.
    """

    members: Mapping[str, Member]
    quorum: int | str = "1/2"
    majority: Majority = "simple"
    required: tuple[str, ...] = ()
    veto: tuple[str, ...] = ()
    abstention: Abstention = "present"
    expires: timedelta = timedelta(days=14)
    guidelines: str = ""
    description: str = ""

    @property
    def seats(self) -> tuple[str, ...]:
        """Every seat, once."""
        return tuple(dict.fromkeys(each.seat for each in self.members.values()))

    def needed(self, eligible: int) -> int:
        """How many make a quorum of so many who may vote; at least one."""
        return max(self.quorum if isinstance(self.quorum, int) else math.ceil(share(self.quorum) * eligible), 1)

    def mistakes(self) -> Iterator[Mistake]:
        """A quorum that is none or can never be reached; seats that nobody has; one person for two votes."""
        if not self.members:
            yield Mistake("A board has members.", ("members",), "Write members: {ana: {seat: credit}}.")
        try:
            needed = self.needed(len(self.members))
            if needed > max(len(self.members), 1) or (isinstance(self.quorum, int) and self.quorum < 1):
                yield Mistake(f"A quorum of {self.quorum} cannot be had of {len(self.members)} members.", ("quorum",))
        except (ValueError, ZeroDivisionError):
            yield Mistake(f"quorum is a number, or a share such as 60% or 2/3, not '{self.quorum}'.", ("quorum",))
        for key in ("required", "veto"):
            for number, seat in enumerate(getattr(self, key)):
                if seat not in self.seats:
                    yield Mistake(f"Nobody has the seat '{seat}'.", (key, number),
                                  nearest(seat, self.seats) or f"Seats: {', '.join(self.seats)}.")
        taken = [*self.members, *filter(None, (each.delegate for each in self.members.values()))]
        for name, member in self.members.items():
            if member.delegate and taken.count(member.delegate) > 1:
                yield Mistake(f"{member.delegate} has a vote already.", ("members", name, "delegate"),
                              "One person, one vote: name somebody else.")
        if not self.expires:
            yield Mistake("Votes need some time.", ("expires",), "Write 14d.")


def share(text: str) -> Fraction:
    """`60%` or `2/3`, exactly; ValueError where it is no share above 0 and up to 1.

    >>> share("60%"), share("2/3")
    (Fraction(3, 5), Fraction(2, 3))
    """
    found = Fraction(text[:-1].strip()) / 100 if text.endswith("%") else Fraction(text)
    if not 0 < found <= 1:
        raise ValueError(f"'{text}' is no share")
    return found


@dataclass(frozen=True)
class Question:
    """What every vote answers: yes, no or unsure."""

    id: str
    text: str


@dataclass(frozen=True)
class Guidelines:
    """guidelines/*.yaml: what is asked about every model, as it reads in this version."""

    version: str
    questions: tuple[Question, ...] = field(default=())
    description: str = ""

    def mistakes(self) -> Iterator[Mistake]:
        """Guidelines that ask nothing; a question that is asked twice, or whose name would not stay one word."""
        if not self.questions:
            yield Mistake("Guidelines ask something.", ("questions",), "Write questions: [{id: purpose, text: Why?}].")
        ids = [each.id for each in self.questions]
        for number, id in enumerate(ids):
            if ids.index(id) < number:
                yield Mistake(f"The question '{id}' is there twice.", ("questions", number, "id"))
            if not id.replace("-", "").replace("_", "").isalnum():
                yield Mistake(f"'{id}' is no name of a question.", ("questions", number, "id"),
                              "Write such as purpose.")
