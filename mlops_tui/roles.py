"""Who may what: the only place that compares roles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Shape(StrEnum):
    """What a command does to the world; the shape decides role, consent and audit."""

    LOOK = "look"
    MEASURE = "measure"
    ACT = "act"
    DECIDE = "decide"


LADDER = ("viewer", "operator", "engineer")
APART = ("approver", "oncall", "legal", "steward", "admin")
ROLES = LADDER + APART

_USUAL = {
    Shape.LOOK: ("viewer", *APART),
    Shape.MEASURE: ("operator", "oncall", "admin"),
    Shape.ACT: ("operator", "oncall", "admin"),
    Shape.DECIDE: ("approver", "admin"),
}

# noun (or "noun verb") -> roles, where they differ from the usual ones of the shape
_SPECIAL: dict[str, tuple[str, ...]] = {
    "promote": ("engineer", "approver", "oncall", "admin"),
    "adopt": ("engineer", "admin"),
    "init": ("viewer", "admin"),
    "demo": ("viewer", "admin"),
    "train": ("engineer", "oncall", "admin"),
    "footprint run": ("engineer", "admin"),  # it runs what it is told to
    "tune": ("engineer", "admin"),
    "ingest": ("operator", "admin"),
    "log add": ("operator", "admin"),
    "log label": ("operator", "admin"),
    "quarantine replay": ("operator", "admin"),
    "quarantine discard": ("engineer", "steward", "admin"),
    "snapshot take": ("operator", "admin"),
    "alert resolve": ("operator", "oncall", "admin"),
    "incident resolve": ("operator", "oncall", "admin"),
    "incident reopen": ("operator", "oncall", "admin"),
    "incident correct": ("operator", "oncall", "admin"),
    "checklist decline": ("engineer", "approver", "admin"),
    "stability retire": ("engineer", "steward", "admin"),
    "catalog sign": ("steward", "admin"),
    "checklist sign": ("approver", "legal", "steward", "admin"),
    "snapshot gc": ("engineer", "admin"),
    "samples purge": ("engineer", "steward", "admin"),
    "partition compact": ("engineer", "admin"),
    "snapshot hold": ("legal", "admin"),
    "optout": ("operator", "legal", "steward", "admin"),  # whoever sits at the desk
    **{f"optout {verb}": ("legal", "steward", "admin")
       for verb in ("verify", "erase", "extend", "refuse", "withdraw", "answer")},
    "snapshot release": ("legal", "admin"),
    "vault sign": ("engineer", "admin"),
    "vault seal": ("engineer", "admin"),
    "vault rotate": ("engineer", "admin"),
    "vault destroy-key": ("admin",),
    "vault export": ("engineer", "admin"),
    "archive take": ("engineer", "admin"),
    "archive restore": ("engineer", "oncall", "admin"),
    "archive purge": ("engineer", "admin"),
    "archive hold": ("legal", "admin"),
    "archive release": ("legal", "admin"),
    "connect write": ("engineer", "admin"),
    "digest": ("viewer", *APART),  # what one wants to be told oneself
    "remind": ("viewer", *APART),  # what reminds oneself
    "board": ("viewer", *APART),  # who may vote, the board says
    "board close": ("operator", *APART),
    "board open": ("operator", "approver", "legal", "oncall", "admin"),
    "approve": APART,  # which of them is asked, the approval says
    "ask feedback": ("viewer", *APART),
    "approve withdraw": ("operator", *APART),  # whoever asked may take it back
    "postmortem tell": ("viewer", *APART),  # whoever was there says what he saw
    "bias": ("operator", "oncall", "legal", "admin"),  # whoever answers for it may look for himself
    "impact": ("operator", "oncall", "legal", "steward", "admin"),  # whoever answers for it may assess it
    "card publish": ("engineer", "legal", "admin"),
    "impact answer": ("operator", *APART),  # an answer is a proposal, which engineers adopt
    "access grant": ("steward", "admin"),
    "access revoke": ("viewer", *APART),  # whoever holds a grant may lay it down; the others', the verb itself says
    "access keep": ("steward", "legal", "admin"),
    "access break-glass": ("oncall", "admin"),
    "provenance export": ("operator", "oncall", "legal", "steward", "admin"),
    "provenance report": ("legal", "steward", "admin"),  # it opens all that is held of a person
    "aggregate release": ("viewer", *APART),  # what it answers tells of nobody
}

# What somebody who is bound to some partitions may run: it reads data through the session, which leaves the others out.
BOUND = frozenset({"profile", "sql", "snapshot diff", "snapshot verify"})

# What somebody may run besides from whom some columns, or whole datasets, are kept: rows are read through the session,
# which leaves those out, and of the history nothing is shown that was found in them.
NARROWED = frozenset({
    "access", "alert", "approve", "audit", "board", "card", "catalog", "checklist", "dictionary", "doctor", "drift",
    "evaluate", "handover", "health", "impact", "incident", "metric", "model", "monitor", "oncall", "performance",
    "postmortem", "promote", "remind", "runbook", "snapshot log", "stability", "status", "train", "triggers", "tune",
    "validate", "why", "windows"})
SHOWING_NO_DATA = frozenset({"doctor"})
NAMING = frozenset({"train", "tune", "evaluate", "windows"})  # they read the columns that a model declares, by name


# What cannot be taken back by anybody: the parameter whose value a person types before it is done; nothing means the
# project's name.
DESTROYS: Mapping[str, str] = {
    "archive purge": "",
    "optout erase": "request",
    "samples purge": "model",
    "snapshot gc": "",
    "vault destroy-key": "key",
}

LOCAL_SOURCES = frozenset({"terminal", "demo"})  # doors on this machine, where nobody else reads along
SIMULATED = " (simulated)"  # how the history marks who is played


def person_of(actor: str) -> str:
    """A person as team.yaml names him, whether or not the history says that he is simulated."""
    return actor.removesuffix(SIMULATED)


@dataclass(frozen=True)
class Actor:
    """Who is asking, and through which door."""

    name: str
    roles: frozenset[str]
    source: str = "terminal"
    simulated: bool = False

    def has(self, role: str) -> bool:
        """Whether the actor holds the role; a higher rung of the ladder holds the lower ones."""
        if role in self.roles:
            return True
        return role in LADDER and any(own in LADDER and LADDER.index(own) >= LADDER.index(role) for own in self.roles)


def allowed_roles(command: str, shape: Shape) -> tuple[str, ...]:
    """The roles that may run the command (`"incident resolve"`, falling back to the noun, then to its shape)."""
    noun = command.split(" ")[0]
    if shape is Shape.LOOK:
        return _SPECIAL.get(command, _USUAL[shape])
    return _SPECIAL.get(command) or _SPECIAL.get(noun) or _USUAL[shape]


def bound_to(only: Mapping[str, Sequence[str]]) -> str:
    """The partitions somebody is bound to, in words.

    >>> bound_to({"tenant": ["acme", "globex"], "region": ["eu"]})
    'tenant=acme|globex, region=eu'
    """
    return ", ".join(f"{key}={'|'.join(values)}" for key, values in only.items())
