"""What people do, say, ask for, and may see."""

from dataclasses import dataclass, field
from typing import ClassVar

from store.facts.fact import Detail, Fact


@dataclass(frozen=True, kw_only=True)
class Command(Fact):
    """A command that changed or measured something: attempted, done, refused or failed."""

    kind: ClassVar[str] = "command"
    argv: tuple[str, ...]
    shape: str
    phase: str
    status: str
    source: str
    reason: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Note(Fact):
    """Something that happened outside and matters to the story: a replay began, a file was seen."""

    kind: ClassVar[str] = "note"
    text: str
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Subscribed(Fact):
    """When somebody wants to hear from us, in his own words; the subject is the person. The last word counts.

    `declared`: as team.yaml has it, whatever was said before.
    """

    kind: ClassVar[str] = "subscribed"
    daily: str = ""
    weekly: str = ""
    zone: str = ""
    quiet: str = ""
    only_if_changed: bool = True
    declared: bool = False


@dataclass(frozen=True, kw_only=True)
class Questioned(Fact):
    """Somebody said whether a question in words was understood; the subject is the question's number.

    The question is short and without what looks like a person's address or number; `understood` are the command lines
    that it was taken for, one where that was `certain`.
    """

    kind: ClassVar[str] = "question"
    question: str
    choice: str
    certain: bool
    understood: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Granted(Fact):
    """Somebody, or everybody of a role, may do something with a resource until then; the subject is its id (G-3).

    `event`: `granted`, or `glass` where somebody took it himself, at once, over whatever is denied. `review_by`: when
    somebody has to say that it is needed still.
    """

    kind: ClassVar[str] = "granted"
    who: str
    action: str
    resource: str
    until: str
    event: str = "granted"
    purpose: str = ""
    reason: str = ""
    review_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Revoked(Fact):
    """A grant was `revoked`, `kept` (it is needed still, somebody said), or, where the glass was broken, `reviewed`."""

    kind: ClassVar[str] = "revoked"
    event: str = "revoked"
    reason: str = ""
    review_by: str = ""


@dataclass(frozen=True, kw_only=True)
class OptOut(Fact):
    """What happened to a person's request (`OO-1`): `received`, `verified`, `extended`, `located`, `began`, `actioned`,
    `attested`; or `held` (must be kept by law), `refused`, `withdrawn`.

    `person` is a pseudonym; who it is lies beside the history until it is attested. `right` is erasure, access,
    objection or optout-automated; `purposes` what the person's rows are not to be used for any more. `token` is the
    number of the signed link that it came by.
    """

    kind: ClassVar[str] = "optout"
    event: str
    person: str = ""
    right: str = ""
    jurisdiction: str = ""
    purposes: tuple[str, ...] = ()
    via: str = ""
    reason: str = ""
    token: str = ""
    detail: Detail = field(default_factory=dict)
