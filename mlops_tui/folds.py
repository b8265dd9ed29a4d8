"""Current state, folded from the entries of the history: pure, so that any moment can be looked at."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_tui.alerts import alertstate
from mlops_tui.errors import NotFound, nearest
from mlops_tui.incidents import incidentstate
from store.facts import (
    Approval,
    Finding,
    Postmortem,
    Promotion,
    Proposal,
    RunbookEvent,
    SignOff,
    Snapshot,
    Trained,
    Vote,
)

if TYPE_CHECKING:
    from store.ledger import Entry

Alert = alertstate.Alert
alerts = alertstate.alerts
Incident = incidentstate.Incident
incidents = incidentstate.incidents


def next_id(prefix: str, taken: Iterable[str]) -> str:
    """`INC-4` after `INC-3`; call it under the ledger's lock."""
    numbers = [int(name.removeprefix(f"{prefix}-")) for name in taken if name.startswith(f"{prefix}-")]
    return f"{prefix}-{max(numbers, default=0) + 1}"


T = TypeVar("T")


def known(found: Mapping[str, T], name: str, what: str, listing: str = "") -> T:
    """The one of that id (small letters will do); NotFound says which there are, or which command lists them."""
    state = found.get(name) or found.get(name.upper())
    if state is None:
        hint = _which(list(found)) or nearest(name, found) or f"Try: mlops-tui {listing or f'{what} list --all'}"
        raise NotFound(f"No {what} '{name}'.", next=hint)
    return state


def _which(ids: Sequence[str]) -> str:
    """Which numbered ids there are; nothing where they are no numbers of one kind."""
    numbers = sorted(int(id.rpartition("-")[2]) for id in ids if id.rpartition("-")[2].isdecimal())
    kinds = {id.rpartition("-")[0] for id in ids}
    if not ids or len(numbers) < len(ids) or len(kinds) > 1:
        return ""
    kind, whole = kinds.pop(), numbers == list(range(numbers[0], numbers[-1] + 1))
    if len(numbers) == 1:
        return f"There is {kind}-{numbers[0]} only."
    if whole:
        return f"There are {kind}-{numbers[0]} to {kind}-{numbers[-1]}."
    return f"There are {', '.join(f'{kind}-{number}' for number in numbers[-5:])}."


# -- data and models --------------------------------------------------------------------------------------------


def current_snapshot(entries: "Sequence[Entry]", dataset: str = "") -> str:
    """The id of the newest snapshot among a dataset's entries, or among all of them where it is named; tags do not
    count. Empty where none."""
    for entry in reversed(entries):
        if isinstance(entry.fact, Snapshot) and not entry.fact.tag and (not dataset or entry.subject == dataset):
            return entry.fact.snapshot
    return ""


def tagged_snapshot(entries: "Sequence[Entry]", tag: str) -> str:
    """The snapshot that carries the tag now; empty where none does."""
    for entry in reversed(entries):
        if isinstance(entry.fact, Snapshot) and entry.fact.tag == tag:
            return entry.fact.snapshot
    return ""


@dataclass(frozen=True)
class ModelState:
    """The versions of a model, which one serves, and which ones were taken back and have not served since."""

    name: str
    versions: Mapping[str, "Entry"] = field(default_factory=dict)
    champions: tuple[str, ...] = ()
    champion_since: datetime | None = None
    taken_back: Mapping[str, "Entry"] = field(default_factory=dict)

    @property
    def champion(self) -> str:
        """The version that serves; empty where none was promoted."""
        return self.champions[-1] if self.champions else ""

    @property
    def previous(self) -> str:
        """The version to fall back to: the champion before this one, leaving out what was rolled back."""
        return self.champions[-2] if len(self.champions) > 1 else ""

    @property
    def challenger(self) -> str:
        """The newest version that is not the champion and is newer than it; empty where there is none."""
        newest = list(self.versions)[-1:] if self.versions else []
        return newest[0] if newest and newest[0] != self.champion else ""

    def resolve(self, version: str) -> str:
        """The version number behind `champion`, `challenger`, a number, or nothing (the champion). May be empty."""
        return {"": self.champion, "champion": self.champion, "challenger": self.challenger}.get(version, version)

    def trained(self, version: str) -> Trained | None:
        """How the version was made; None where there is no such version."""
        entry = self.versions.get(self.resolve(version))
        return entry.fact if entry is not None and isinstance(entry.fact, Trained) else None


def model_state(entries: "Sequence[Entry]", name: str) -> ModelState:
    """A model's versions and champion, from `trained` and `promotion` entries."""
    state, versions = ModelState(name), {}
    for entry in entries:
        if entry.subject != name:
            continue
        if isinstance(entry.fact, Trained):
            versions[entry.fact.version] = entry
        elif isinstance(entry.fact, Promotion):
            back = {entry.fact.previous or state.champion: entry} if entry.fact.event == "rolled_back" else {}
            champions = _champions_after(state.champions, entry.fact)
            state = replace(state, champions=champions, champion_since=entry.recorded_at,
                            taken_back={name: each for name, each in {**state.taken_back, **back}.items()
                                        if name != champions[-1]})
    return replace(state, versions=versions)


def _champions_after(champions: tuple[str, ...], fact: Promotion) -> tuple[str, ...]:
    """A promotion goes on top; a rollback takes the top off, so that two of them do not swing back and forth."""
    if fact.event == "rolled_back" and champions[-2:-1] == (fact.version,):
        return champions[:-1]
    return champions if champions[-1:] == (fact.version,) else (*champions, fact.version)


def findings_of(entries: "Sequence[Entry]", *, check: str = "", subject: str = "", monitor: str = "") -> "list[Entry]":
    """The findings that match, oldest first."""
    return [entry for entry in entries if isinstance(entry.fact, Finding)
            and (not check or entry.fact.check == check) and (not subject or entry.subject == subject)
            and (not monitor or entry.fact.monitor == monitor)]


def latest_finding(entries: "Sequence[Entry]", check: str, subject: str) -> "Entry | None":
    """The newest finding of a check about a subject."""
    found = findings_of(entries, check=check, subject=subject)
    return found[-1] if found else None


# -- approvals, sign-offs, proposals, runbook runs ----------------------------------------------------------------


@dataclass(frozen=True)
class ApprovalState:
    """What is asked for, and who has said what.

    `open`, `met`, `done`, `rejected`, `expired`, `void` or `withdrawn`; `review` where it was done without gate or
    votes, then `reviewed`. `noted`: the history says so, not only the clock. `ended_by` is who ended it; `questions`
    are what voters want to know: who, what and when.
    """

    id: str
    title: str
    argv: tuple[str, ...]
    plan: str
    quorum: int
    role: str
    requester: str
    asked_at: datetime
    expires_at: datetime
    state: str = "open"
    votes: Mapping[str, Vote] = field(default_factory=dict)
    reason: str = ""
    evidence: str = ""
    seats: tuple[str, ...] = ()
    noted: bool = False
    ended_by: str = ""
    ended_at: datetime | None = None
    questions: tuple[tuple[str, str, datetime], ...] = ()

    @property
    def pending(self) -> bool:
        """Whether it can still come to something by itself."""
        return self.state in ("open", "met")

    @property
    def yes(self) -> int:
        return sum(vote.choice == "yes" for vote in self.votes.values())

    @property
    def asks(self) -> tuple[str, ...]:
        """The roles of which one is enough to vote."""
        return tuple(dict.fromkeys((self.role, *self.seats)))

    @property
    def vacant(self) -> tuple[str, ...]:
        """The seats that nobody's yes fills yet."""
        return vacant(self.seats, [vote.roles for vote in self.votes.values() if vote.choice == "yes"])

    @property
    def enough(self) -> bool:
        return self.yes >= self.quorum and not self.vacant

    @property
    def count(self) -> str:
        lacking = f", {' and '.join(self.vacant)} missing" if self.vacant else ""
        return f"{self.yes} of {self.quorum} votes{lacking}"

    def after(self, vote: Vote) -> "ApprovalState":
        """As it stands with that vote counted."""
        others = {name: each for name, each in self.votes.items() if name != vote.voter}
        return replace(self, votes=others if vote.choice == "withdrawn" else {**others, vote.voter: vote})


def vacant(seats: Sequence[str], holders: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The seats that stay empty when as many as can be are filled, each by somebody else; a maximum matching, by
    augmenting paths.

    >>> vacant(["approver", "legal"], [["approver", "legal"], ["approver"]])
    ()
    >>> vacant(["approver", "legal"], [["approver"], ["approver"]])
    ('legal',)
    """
    taken: dict[int, int] = {}

    def seated(seat: int, tried: set[int]) -> bool:
        for person, roles in enumerate(holders):
            if seats[seat] in roles and person not in tried:
                tried.add(person)
                if person not in taken or seated(taken[person], tried):
                    taken[person] = seat
                    return True
        return False

    return tuple(role for seat, role in enumerate(seats) if not seated(seat, set()))


def approvals(entries: "Sequence[Entry]", now: datetime) -> dict[str, ApprovalState]:
    """Every approval by id; one whose time ran out before it was used is `expired`, whether or not anybody noted it."""
    found: dict[str, ApprovalState] = {}
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, Approval) and fact.event in ("asked", "glass"):
            found[fact.subject] = _asked(fact, entry)
        elif isinstance(fact, Approval) and fact.subject in found:
            found[fact.subject] = _approval_after(found[fact.subject], fact, entry)
        elif isinstance(fact, Promotion) and fact.approval in found:
            found[fact.approval] = replace(found[fact.approval], evidence=fact.evidence)
        elif isinstance(fact, Vote) and fact.subject in found:
            found[fact.subject] = found[fact.subject].after(fact)
    return {name: replace(state, state="expired", noted=False) if state.pending and now >= state.expires_at else state
            for name, state in found.items()}


def _asked(fact: Approval, entry: "Entry") -> ApprovalState:
    broken = fact.event == "glass"  # nothing of it expires
    expires = entry.recorded_at if broken else datetime.fromisoformat(fact.expires_at)
    return ApprovalState(fact.subject, fact.title, fact.argv, fact.plan, fact.quorum, fact.role, fact.requester,
                         entry.recorded_at, expires, "review" if broken else "open", reason=fact.reason,
                         evidence=fact.evidence, seats=fact.seats)


def _approval_after(before: ApprovalState, fact: Approval, entry: "Entry") -> ApprovalState:
    if fact.event == "more":
        return replace(before, questions=(*before.questions, (entry.actor, fact.reason, entry.recorded_at)))
    return replace(before, state=fact.event, reason=fact.reason, noted=True, ended_by=entry.actor,
                   ended_at=entry.recorded_at)


def lapsed(entries: "Sequence[Entry]", now: datetime) -> list[Approval]:
    """What is to be noted of approvals whose time has run out and of which the history does not say so yet."""
    return [Approval(subject=each.id, event="expired", reason=f"it had {each.count}")
            for each in approvals(entries, now).values() if each.state == "expired" and not each.noted]


def sign_offs(entries: "Sequence[Entry]", subject: str) -> "dict[str, Entry]":
    """The newest answer to each checklist item about `model@version`."""
    return {entry.fact.item: entry for entry in entries if isinstance(entry.fact, SignOff) and entry.subject == subject}


@dataclass(frozen=True)
class ProposalState:
    """A proposed change of a project file; `open`, on a `branch` or not, `adopted` or `declined`."""

    id: str
    path: str
    content: str
    before: str
    why: str
    origin: str
    lesson: bool
    at: datetime
    state: str = "open"
    reason: str = ""
    decided_at: datetime | None = None
    document: str = ""
    branch: str = ""


def proposals(entries: "Sequence[Entry]") -> dict[str, ProposalState]:
    """Every proposal by id, oldest first."""
    found: dict[str, ProposalState] = {}
    for entry in entries:
        fact = entry.fact
        if not isinstance(fact, Proposal):
            continue
        if fact.event == "proposed":
            found[fact.subject] = ProposalState(fact.subject, fact.path, fact.content, fact.before, fact.why,
                                                fact.origin, fact.lesson, entry.recorded_at,
                                                document=fact.document)
        elif fact.subject in found and fact.event == "branched":
            found[fact.subject] = replace(found[fact.subject], branch=fact.reason)
        elif fact.subject in found:
            found[fact.subject] = replace(found[fact.subject], state=fact.event, reason=fact.reason,
                                          decided_at=entry.recorded_at)
    return found


@dataclass(frozen=True)
class StepState:
    """How far one step has come: `intent` (about to act), or what came of it, with its evidence."""

    status: str
    evidence: str
    note: str
    began_at: datetime
    at: datetime
    actor: str
    seq: int
    until: str = ""
    holder: str = ""


@dataclass(frozen=True)
class RunbookRun:
    """A runbook being worked through: which step stands where, with which evidence.

    It is `running`, `finished`, `stopped`, `rolling_back` or `rolled_back`; `undone`: how far each step is taken back.
    """

    id: str
    runbook: str
    digest: str
    incident: str
    about: str
    started_at: datetime
    by: str = ""
    state: str = "running"
    ended_at: datetime | None = None
    steps: Mapping[int, StepState] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    undone: Mapping[int, StepState] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.state == "running"

    @property
    def due(self) -> datetime | None:
        """When the step that waits is looked at again by itself; None where none waits for a time."""
        waits = [step.until for step in self.steps.values() if step.status == "waiting" and step.until]
        return datetime.fromisoformat(waits[-1]) if self.open and waits else None


def runbook_runs(entries: "Sequence[Entry]") -> dict[str, RunbookRun]:
    """Every runbook run by id, oldest first."""
    found: dict[str, RunbookRun] = {}
    for entry in entries:
        fact = entry.fact
        if not isinstance(fact, RunbookEvent):
            continue
        if fact.event == "started":
            found[fact.subject] = RunbookRun(fact.subject, fact.runbook, fact.digest, fact.incident, fact.about,
                                             entry.recorded_at, entry.actor, params=fact.params)
        elif fact.subject in found:
            found[fact.subject] = _run_after(found[fact.subject], fact, entry)
    return found


def _run_after(run: RunbookRun, fact: RunbookEvent, entry: "Entry") -> RunbookRun:
    if fact.step is None:
        return replace(run, state=fact.event, ended_at=entry.recorded_at)
    of = run.undone if fact.event == "undo" else run.steps
    began = of[fact.step].began_at if fact.step in of else entry.recorded_at
    state = StepState(fact.status, fact.evidence, fact.note, began, entry.recorded_at, entry.actor, entry.seq,
                      fact.until, fact.holder)
    after = {**of, fact.step: state}
    return replace(run, undone=after) if fact.event == "undo" else replace(run, steps=after)


# -- post-mortems -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ActionItem:
    """Something somebody promised to do after an incident; one that is a lesson follows its proposal."""

    id: str
    incident: str
    title: str
    type: str
    owner: str
    due: str
    proposal: str = ""
    state: str = "open"
    promised_at: datetime | None = None
    closed_at: datetime | None = None

    def standing(self, today: str) -> str:
        """Its state, `overdue` included."""
        return "overdue" if self.state == "open" and self.due < today else self.state


@dataclass(frozen=True)
class PostmortemState:
    """How far the post-mortem of an incident has come: `drafted` or `finished`."""

    incident: str
    state: str
    document: str
    at: datetime


def postmortems(entries: "Sequence[Entry]") -> dict[str, PostmortemState]:
    """The newest state of each post-mortem, by incident; what was finished and is drafted anew stays finished."""
    found: dict[str, PostmortemState] = {}
    for entry in entries:
        if isinstance(fact := entry.fact, Postmortem) and fact.event in ("drafted", "finished") and not (
                fact.event == "drafted" and fact.subject in found and found[fact.subject].state == "finished"):
            found[fact.subject] = PostmortemState(fact.subject, fact.event, fact.document, entry.recorded_at)
    return found


def action_items(entries: "Sequence[Entry]") -> dict[str, ActionItem]:
    """Every action by id (`INC-1/2`), oldest first; `open`, `done`, `adopted` or `declined`."""
    found: dict[str, ActionItem] = {}
    known = proposals(entries)
    for entry in entries:
        if isinstance(fact := entry.fact, Postmortem) and fact.event in ("action", "done"):
            for item in fact.actions:
                name = str(item["id"])
                found[name] = _action_after(found.get(name), fact, item, entry.recorded_at)
    return {name: _as_proposed(item, known[item.proposal]) if item.proposal in known else item
            for name, item in found.items()}


def _as_proposed(item: ActionItem, proposal: ProposalState) -> ActionItem:
    """A lesson stands as its proposal does."""
    return replace(item, state=proposal.state, closed_at=proposal.decided_at)


def _action_after(before: ActionItem | None, fact: Postmortem, item: Mapping[str, Any], at: datetime) -> ActionItem:
    if before is not None and fact.event == "done":
        return replace(before, state="done", closed_at=at)
    given = {key: str(item.get(key, "")) for key in ("id", "title", "type", "owner", "due", "proposal")}
    return ActionItem(given["id"], fact.subject, given["title"], given["type"], given["owner"], given["due"],
                      given["proposal"], promised_at=at)
