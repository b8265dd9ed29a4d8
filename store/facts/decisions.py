"""What is proposed, asked, voted on and decided, and what is carried out of it."""

from dataclasses import dataclass, field
from typing import ClassVar

from store.facts.fact import Detail, Fact


@dataclass(frozen=True, kw_only=True)
class Promotion(Fact):
    """A version became champion; the subject is the model.

    `reason`: why it was rolled back, or came without votes. `deployment`: the one that brought it.
    """

    kind: ClassVar[str] = "promotion"
    version: str
    previous: str
    approval: str
    evidence: str
    event: str = "promoted"
    reason: str = ""
    deployment: str = ""


@dataclass(frozen=True, kw_only=True)
class Approval(Fact):
    """What happened to an approval; the subject is its id (AP-2).

    `asked`, then `met`, `done`, `rejected`, `void`, `expired` or `withdrawn`; `more`: a voter wants to know more, and
    nothing else changes. `glass`: it was done without gate or votes, and is `reviewed` afterwards. `seats` are roles of
    which each wants a yes of somebody else.
    """

    kind: ClassVar[str] = "approval"
    event: str
    argv: tuple[str, ...] = ()
    plan: str = ""
    quorum: int = 0
    role: str = ""
    requester: str = ""
    expires_at: str = ""
    title: str = ""
    reason: str = ""
    evidence: str = ""
    seats: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Vote(Fact):
    """Somebody's yes or no, bound to the plan that was shown; the subject is the approval.

    The newest one of a voter counts; `withdrawn` takes it back. `roles`: those asked for that the voter held then.
    """

    kind: ClassVar[str] = "vote"
    voter: str
    choice: str
    plan: str
    reason: str
    simulated: bool = False
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SignOff(Fact):
    """A person answered a checklist item; the subject is `model@version`.

    `evidence` is the item as it read then, `digest` that of the version's files.
    """

    kind: ClassVar[str] = "sign_off"
    item: str
    checklist: str
    choice: str
    reason: str
    evidence: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Proposal(Fact):
    """A change to the project's files, put forward; the subject is its number (P-4). `branched`: it was committed to
    the git branch that `reason` names, and waits to be merged.

    With a `document` the new text is not in the history, but in the object of that digest: people wrote part of it.
    """

    kind: ClassVar[str] = "proposal"
    event: str
    path: str = ""
    content: str = ""
    before: str = ""
    why: str = ""
    origin: str = ""
    lesson: bool = False
    reason: str = ""
    document: str = ""


@dataclass(frozen=True, kw_only=True)
class Assessed(Fact):
    """The impact of a model was assessed; the subject is the model.

    `levels`: the lowest and highest impact level (1 to 4) that the answers so far allow; `classes`: the same of the EU
    AI Act. They are alike where everything that decides them is answered. `questions` is the version of the questions,
    `declaration` the digest of the typed answers, `answers` of the object that holds every answer with its evidence.
    """

    kind: ClassVar[str] = "assessed"
    levels: tuple[int, int]
    classes: tuple[str, str]
    questions: str
    answers: str
    declaration: str = ""
    version: str = ""
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Deployment(Fact):
    """A version is being brought to serve; the subject is the model.

    `began` stands before the first effect, `undoing` before anything is taken back; it ends as `done`, `undone`, or
    `stuck` where it could not be taken back. `followed`, without an id: the registry's alias was seen at the version.
    `way`: promote, rollback or glass. `holder`: the process at work, as host:pid:born. `log`: what the programs said.
    """

    kind: ClassVar[str] = "deployment"
    event: str
    id: str = ""
    version: str = ""
    previous: str = ""
    way: str = ""
    deployer: str = ""
    approval: str = ""
    evidence: str = ""
    reason: str = ""
    holder: str = ""
    log: str = ""


@dataclass(frozen=True, kw_only=True)
class BoardEvent(Fact):
    """What happened to a case of a review board; the subject is its id (BC-2).

    `opened`, `voted`, `recused`, then `closed` with its `outcome`; `reopened`: the guidelines have a new version, and
    no vote counts any more. `about` is `model@version`, `parts` the digests of all that an approval is bound to,
    `rules` the board as it was declared, `authors` who made it or asked for it, `out` the members who are among them
    and so may not vote. `member` is whose vote it is, `voter` who gave it.
    """

    kind: ClassVar[str] = "board"
    event: str
    board: str = ""
    about: str = ""
    parts: Detail = field(default_factory=dict)
    rules: Detail = field(default_factory=dict)
    guidelines: str = ""
    out: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    expires_at: str = ""
    member: str = ""
    voter: str = ""
    choice: str = ""
    reason: str = ""
    answers: Detail = field(default_factory=dict)
    digest: str = ""
    simulated: bool = False
    outcome: str = ""


@dataclass(frozen=True, kw_only=True)
class CardPublished(Fact):
    """The card of a version was published; the subject is the model.

    `digest` is of all that does not move by itself: a card whose digest is another one is stale. `card` is the digest
    of the object that holds the whole record, `gaps` what it could not say.
    """

    kind: ClassVar[str] = "card"
    version: str
    digest: str
    card: str
    gaps: tuple[str, ...] = ()
