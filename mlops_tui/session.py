"""What a command works with: who asks, in which project, with which history, data, models and clock."""

import os
import pwd
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from re import Pattern
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mlops_tui import folds, health
from mlops_tui.access import Decision, Policy, Request, decide, derived, doors, seeing, standing
from mlops_tui.access.grants import grants
from mlops_tui.access.resources import Resource, resource
from mlops_tui.access.seeing import Asked, Bounds
from mlops_tui.alerts import reactions, upstream
from mlops_tui.errors import Denied, NotDeclared, NotFound
from mlops_tui.project import Project, Subject
from mlops_tui.roles import NAMING, ROLES, SHOWING_NO_DATA, SIMULATED, Actor, Shape
from store.facts import AlertEvent, Collected, Command, Fact, Finding, Snapshot

if TYPE_CHECKING:
    from mlops_tui.capability import Call
    from mlops_tui.commands import Outcome
    from store.lake import Lake, Manifest
    from store.ledger import Broken, Entry, Term
    from store.tracking import Tracking


class Clock(Protocol):
    """Where the session's time comes from."""

    def __call__(self) -> datetime: ...


class SystemClock:
    """The time of this machine."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class ReplayClock:
    """The time of a replayed world: it stands still until it is moved on."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, moment: datetime) -> None:
        """Move on; never backwards."""
        self.moment = max(self.moment, moment)


class NullLedger:
    """No project, no history: nothing is recorded."""

    recording = False

    def append(self, *facts: Fact, effective_at: datetime | None = None) -> "list[Entry]":
        return []

    def transact(self, decide: "Callable[[Sequence[Entry]], Iterable[Fact]]", *,
                 effective_at: datetime | None = None) -> "list[Entry]":
        return []

    def entries(self, *kinds: str, subject: str | None = None) -> "list[Entry]":
        return []

    def numbers(self, terms: "Sequence[Term]" = (), *, above: int = 0, upto: int, by: str = "seq") -> list[int]:
        return []

    def at(self, numbers: Sequence[int]) -> "list[Entry]":
        return []

    def page(self, offset: int, limit: int, *, upto: int) -> "list[Entry]":
        return []

    def head_seq(self) -> int:
        return 0

    def head(self) -> str:
        return ""

    def verify(self, anchor: str | None = None) -> "Broken | None":
        return None

    def forget(self, pattern: "Pattern[str]") -> int:
        return 0

    def acting_as(self, actor: str) -> "NullLedger":
        return self

    def rights(self) -> "list[Entry]":
        return []


class History(Protocol):
    """What a session needs of a ledger."""

    recording: bool

    def append(self, *facts: Fact, effective_at: datetime | None = None) -> "list[Entry]": ...
    def transact(self, decide: "Callable[[Sequence[Entry]], Iterable[Fact]]", *,
                 effective_at: datetime | None = None) -> "list[Entry]": ...
    def entries(self, *kinds: str, subject: str | None = None) -> "list[Entry]": ...
    def numbers(self, terms: "Sequence[Term]" = (), *, above: int = 0, upto: int, by: str = "seq") -> list[int]: ...
    def at(self, numbers: Sequence[int]) -> "list[Entry]": ...
    def page(self, offset: int, limit: int, *, upto: int) -> "list[Entry]": ...
    def head_seq(self) -> int: ...
    def head(self) -> str: ...
    def verify(self, anchor: str | None = None) -> "Broken | None": ...
    def forget(self, pattern: "Pattern[str]") -> int: ...
    def acting_as(self, actor: str) -> "History": ...
    def rights(self) -> "list[Entry]": ...


@runtime_checkable
class Limitable(Protocol):
    """A history that can be cut down to what says nothing of anybody's rows."""

    def limited(self) -> "Any": ...
    def redacted(self, columns: frozenset[str], datasets: frozenset[str]) -> "Any": ...


Progress = Callable[[int, int, str], None]
PARTIAL = ("", "named", "look")  # how what is not seen whole may be read, the least first


def quiet(done: int, total: int, label: str) -> None:
    """Nobody is listening."""


@dataclass
class Session:
    """Built once by a surface and passed in; nothing below it reads the clock or the environment."""

    actor: Actor
    project: Project | None = None
    ledger: History = field(default_factory=NullLedger)
    lake: "Lake | None" = None
    clock: Clock = field(default_factory=SystemClock)
    read_only: bool = False
    unlocking: str = "open it without --read-only"
    as_of: datetime | None = None
    progress: Progress = quiet
    door: "Callable[..., Outcome] | None" = None
    opener: "Callable[..., Session] | None" = None
    open_tracking: "Callable[[], Tracking] | None" = None
    directory: Path = field(default_factory=Path.cwd)
    single_user: bool = True

    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    purpose: str = doors.USUAL
    kept_back: Bounds = field(default_factory=Bounds)
    partial: str = "look"
    reads: set[str] = field(default_factory=set)
    narrowed: set[str] = field(default_factory=set)
    depth: int = 0
    retold: bool = False
    outer: "Session | None" = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """`only`: the partitions that the actor is bound to, by key, as team.yaml says; empty for who may see all.

        Without a project it is what the session was made with. `purpose` is what the command that runs uses data for;
        `kept_back`, what whoever reads its answers may not see, beside what the actor may not. `partial`: how it may
        read a dataset that the actor does not see whole (see `serve`); `reads` are the datasets it read, `narrowed`
        those of them that he does not see whole.
        `unlocking`: what is to be done so that a read-only session writes after all.
        """
        if self.project is not None:
            person = self.project.team.people.get(self.actor.name)
            self.only = person.only if person is not None else {}
        if self.only and isinstance(self.ledger, Limitable):
            self.ledger = self.ledger.limited()

    def now(self) -> datetime:
        """The session's time: aware, UTC."""
        return self.as_of or self.clock()

    def perform(self, argv: Sequence[str], **how: Any) -> "Outcome":
        """Run another command line through the one door, as this session's actor."""
        if self.door is None:
            raise RuntimeError("this session was built without a door")
        return self.door(self, argv, **how)

    def opened(self, root: Path, **how: Any) -> "Session":
        """A session on another project (one that was just written), with this one's progress listener."""
        if self.opener is None:
            raise RuntimeError("this session was built without an opener")
        return self.opener(root, progress=self.progress, **how)

    def acting_as(self, actor: Actor) -> "Session":
        """The same session for somebody else (a simulated person, the timetable). What is kept from who looks stays
        kept from him, whoever looks in his stead."""
        reads_along = self.depth and self.partial == "look"
        return replace(self, actor=actor, ledger=self.ledger.acting_as(shown_name(actor)),
                       kept_back=self.bounds() if reads_along else self.kept_back)

    # -- who may what -------------------------------------------------------------------------------------------

    def policy(self) -> Policy:
        """Every rule that stands: what is declared, and what was granted."""
        owner = self.actor.name if self.single_user and self.project is not None and \
            self.actor.name not in self.project.team.people else ""
        found = standing.policy_of(self.project, self.ledger.rights(), owner)
        return found.beside(seeing.barred(self.kept_back)) if self.kept_back else found

    def may(self, action: str, wanted: str | Resource, *, author: str = "") -> Decision:
        """Whether the actor may do something with a resource such as `model/flights-delay`, now, and why.

        `author`: whose work it is that he would judge.
        """
        of = resource(wanted) if isinstance(wanted, str) else wanted
        return decide(self.policy(), self._request(action, of, author))

    def _request(self, action: str, of: Resource, author: str = "") -> Request:
        return Request(self.actor, action, of, self.clock(), self.purpose, author)  # time travel revives no grant

    def admit(self, command: str, shape: Shape) -> None:
        """Refuse a command that the actor may not run, or that shows or changes what is made of what is kept from
        him."""
        silent = command in SHOWING_NO_DATA  # it looks on where a declaration cannot be read
        kept_back = Bounds() if silent else self.bounds(doors.purpose_of(command, self.purpose))
        ruled = not silent and self.project is not None and self.project.access  # else nothing has to be read
        doors.check(self.policy() if ruled else standing.UNDECLARED, self.actor, command, shape, self.clock())
        doors.keep_within(self.actor, command, self.only, kept_back)

    def entered(self) -> "Session":
        """The same session for one command, which then has a purpose of its own; several may run at once."""
        made = copy(self)  # it is made already: nothing is looked up again
        made.depth, made.outer = self.depth + 1, self
        if not self.depth:  # what another command reads for this one, this one reads
            made.reads, made.narrowed = set(), set()
        return made

    def read_anew(self) -> None:
        """Read the project's files again, for whatever comes after this command, too."""
        self.project = Project(self.declared().root)
        if self.outer is not None:
            self.outer.read_anew()

    def serve(self, command: str, shape: Shape) -> None:
        """From now on data are read for the purpose of the command, and nothing is told of what is kept from the actor.

        Who does not see a dataset whole makes nothing of it: he looks at what he sees, or names the columns he reads.
        """
        own = "look" if shape is Shape.LOOK else "named" if command in NAMING else ""
        self.purpose, self.partial = doors.purpose_of(command, self.purpose), min(self.partial, own, key=PARTIAL.index)
        self._retell(Bounds() if command in SHOWING_NO_DATA else self.bounds())

    def _retell(self, kept_back: Bounds) -> None:
        """The history as the actor may know it from now on."""
        if (kept_back or self.retold) and not self.only and isinstance(self.ledger, Limitable):
            self.retold = True
            limited = self.ledger.limited() if kept_back.parts else self.ledger
            self.ledger = limited.redacted(kept_back.columns, kept_back.datasets)

    def hindered(self, problem: Exception) -> Denied | None:
        """Why a command that failed for want of a column could not be done; None where nothing was kept from it."""
        if not self.narrowed or type(problem).__name__ not in ("BinderException", "KeyError"):
            return None
        return Denied(f"It needs a column of {', '.join(sorted(self.narrowed))} that is kept from {self.actor.name}.",
                      where="access/", next=f"Try: mlops-tui access show {self.actor.name}")

    def bounds(self, purpose: str = "") -> Bounds:
        """What is kept from the actor, or from whoever reads along, of the datasets that are declared."""
        if self.project is None or not self.project.access:
            return self.kept_back
        schema = {name: tuple(dict.fromkeys((*(item.name for item in contract.properties), *contract.partition_by)))
                  for name, contract in self.project.datasets.items()}
        asked = replace(self._request("read", Resource("dataset", "")), purpose=purpose or self.purpose)
        return self.kept_back | seeing.bounds(self.policy(), asked, schema)

    def shows(self, dataset: str, column: str) -> bool:
        """Whether the values of a column that is read are shown where the actor is: not classified ones where others
        read along."""
        if self.project is None:
            return True
        derived = dataset not in self.project.datasets
        return self.may(standing.SHOW, Resource("dataset", dataset, column, derived=derived)).allowed

    def _see(self, manifest: "Manifest") -> "Manifest":
        """What the actor sees of a snapshot; Forbidden where that is nothing, or where it cannot be told apart."""
        if any(file.kept_back for file in manifest.files):
            return manifest
        declared = manifest.dataset in self.declared().datasets
        asked = Asked(self._request("read", Resource("dataset", manifest.dataset, derived=not declared)),
                      tuple(manifest.columns))
        for key in self.only if not self._shared(manifest.dataset) else ():
            if any(key not in file.partition for file in manifest.files):
                raise Denied(f"'{manifest.dataset}' is not partitioned by {key}, to which you are bound.",
                             where="team.yaml, only", next="It is for everybody once its contract says "
                             "customProperties: [{property: shared, value: true}]")
        kept_back = self.bounds() if not declared else Bounds()
        besides = derived.rules(self.declared(), manifest.dataset, kept_back, self.made_of) if kept_back else ()
        found = seeing.seen(self.policy().beside(besides), asked, manifest)
        self.reads.add(manifest.dataset)
        if found is manifest or self.only:
            return found
        self.narrowed.add(manifest.dataset)
        if not (self.partial == "look" or (
                self.partial == "named" and len(found.files) == len(manifest.files)
                and not any(file.emptied for file in found.files))):
            raise Denied(f"{self.actor.name} does not see '{manifest.dataset}' whole, and makes nothing of it that is "
                         "for all.", where="access/", next="Ask somebody who sees all of it.")
        return found

    # -- the project --------------------------------------------------------------------------------------------

    def declared(self) -> Project:
        """The project; NotDeclared where there is none."""
        if self.project is None:
            raise NotDeclared("There is no project here.", where=str(self.directory), next="Try: mlops-tui init")
        return self.project

    def data(self) -> "Lake":
        """The project's lake; NotDeclared where there is no project."""
        self.declared()
        if self.lake is None:
            raise NotDeclared("This session has no lake.")
        if not self.only and not self.kept_back and not self.declared().names("access"):
            return self.lake
        return self.lake.bounded(self._see, lambda: not self.only and not self.bounds())

    def _shared(self, dataset: str) -> bool:
        """Whether a dataset is for everybody, whatever they are bound to: its contract says `shared: true`."""
        declared = self.declared().datasets
        return dataset in declared and declared[dataset].custom("shared") is True

    def spoken_to(self, finding: Finding) -> list[str]:
        """The parts of models whose standing a finding tells, such as `features of flights-delay`."""
        entries = self.ledger.entries("finding", "trained", "promotion")
        return health.spoken_to(health.Declared.of(self.declared()), entries, finding)

    def made_of(self, model: str) -> "Mapping[str, Sequence[tuple[str, str]]]":
        """The raw columns of each feature of a model. Only who asks waits for the parser of SQL, 0.1 s of CPU."""
        from mlops_tui.declarations import featurelist

        return featurelist.made_of(self.declared(), model)

    def tracking(self) -> "Tracking":
        """The project's model registry, opened when it is first needed."""
        self.declared()
        if self.open_tracking is None:
            raise NotDeclared("This session has no model registry.")
        found = self.open_tracking()
        if not self.declared().names("access") or self.actor.name in standing.OURSELVES:
            return found
        from store.guarded import Guarded

        return Guarded(found, self._check_load)

    def _check_load(self, model: str) -> None:
        decision = self.may("load", Resource("model", model))
        if not decision.allowed:
            raise Denied(f"{self.actor.name} may not load '{model}': {decision.why}.", where="access/",
                         next=f"Try: mlops-tui access can {self.actor.name} load model/{model}")

    def declaration(self, kind: str, name: str) -> str:
        """The fingerprint of a declaration, whose text is kept so that a finding can be reproduced."""
        content = self.declared().declaration(kind, name)
        return self.data().put_object(content) if not self.read_only else self.declared().fingerprint(kind, name)

    # -- the data -----------------------------------------------------------------------------------------------

    def current(self, dataset: str) -> "Manifest | None":
        """The dataset's newest snapshot; None where nothing was ever committed."""
        snapshot = folds.current_snapshot(self.ledger.entries("snapshot", subject=dataset))
        return self.data().manifest(dataset, snapshot) if snapshot else None

    def snapshot(self, subject: Subject | str) -> "Manifest":
        """`dataset[@snapshot]`; NotFound says what to run where there is none yet."""
        name, _, version = str(subject).rpartition("/")[2].partition("@")
        if version:
            tagged = folds.tagged_snapshot(self.ledger.entries("snapshot", subject=name), version)
            return self._stored(name, tagged or version)
        found = self.current(name)
        if found is None:
            raise NotFound(f"'{name}' has no data yet.", next=f"Try: mlops-tui ingest {name} --file FILE")
        return found

    def _stored(self, name: str, version: str) -> "Manifest":
        """A snapshot by its id; NotFound says so where it was let go."""
        try:
            return self.data().manifest(name, version)
        except NotFound as problem:
            for entry in reversed(self.ledger.entries("collected", subject=name)):
                if isinstance(entry.fact, Collected) and any(each.startswith(version) for each in entry.fact.snapshots):
                    when = f"{entry.recorded_at:%-d %b %Y}"
                    raise NotFound(f"{name}@{version[:12]} was let go by {entry.actor} on {when}: nothing needed it.",
                                   next=problem.next) from problem
            raise

    def commit(self, manifest: "Manifest", *, source: str = "", run: str = "",
               key: str = "") -> "tuple[Manifest, bool]":
        """Make written files part of their dataset: partitions replace their like, others stay.

        Returns the new state and whether anything changed. Two processes at once both land.
        """
        lake, landed = self.data(), [manifest]

        def decide(entries: "Sequence[Entry]") -> Iterable[Fact]:
            parent = folds.current_snapshot(entries, manifest.dataset)
            merged = manifest
            if parent and any(file.partition for file in manifest.files):
                merged = lake.manifest(manifest.dataset, parent).replacing(manifest)
            landed[0] = merged
            if merged.id == parent:
                return ()
            lake.require(manifest)
            lake.keep(merged)
            return (Snapshot(subject=manifest.dataset, snapshot=merged.id, parent=parent or "", rows=merged.rows,
                             bytes=merged.bytes, source=source, run=run, key=key),)

        added = self.ledger.transact(decide)
        return landed[0], bool(added)

    # -- the history --------------------------------------------------------------------------------------------

    def record(self, argv: Sequence[str], call: "Call", phase: str, status: str, *, reason: str | None = None,
               error: str = "") -> None:
        """One entry for a command that was attempted, done or refused; a read-only session appends nothing."""
        if self.read_only or not self.ledger.recording:
            return
        self.ledger.append(Command(subject=call.command, argv=call.told(argv), shape=str(call.shape), phase=phase,
                                   status=status, source=self.actor.source, reason=reason or "", error=error))

    def react(self, since: int = 0) -> None:
        """Append what follows from what nobody reacted to yet: alerts fire, wait behind others, fire again, recover."""
        if self.project is None or self.read_only or not self.ledger.recording:
            return
        marks: dict[str, int] = getattr(self.ledger, "marks", {})  # how far this process has looked
        start, kinds = max(since, marks.get("reacted", 0)), ("finding", "alert")
        newest = max((entry.seq for kind in kinds for entry in self.ledger.entries(kind)[-1:]), default=0)
        if newest <= start:
            return
        monitors, around = self.project.monitors, upstream.around(self.project)

        def steps(entries: "Iterable[Entry]") -> "list[AlertEvent]":
            return reactions.react(monitors, entries, start, self.clock(), around)

        if steps(self.ledger.entries(*kinds, "backtest")):
            self.ledger.transact(steps)
        if start == marks.get("reacted", 0):
            marks["reacted"] = newest

    def passed_over(self, since: int) -> "tuple[Finding, str] | None":
        """The newest finding after entry `since` that this person made by hand, with the monitor that watches it, or
        none. Taking rows in is no check that somebody runs."""
        if self.project is None or not self.ledger.recording:
            return None
        watched: dict[tuple[str, str], str] = {
            (each.check, each.subject): name for name, each in self.project.monitors.items()}
        found = [(entry.fact, watched.get((entry.fact.check, entry.subject), ""))
                 for entry in self.ledger.entries("finding") if entry.seq > since and isinstance(entry.fact, Finding)
                 and not entry.fact.monitor and entry.actor == shown_name(self.actor)]
        return next((each for each in reversed(found) if each[1] or each[0].check != "ingest"), None)

    def note_look(self, command: str, error: str = "") -> None:
        """One entry for a look that was refused, or that read something by a grant; of what was asked, only of which
        data. Other looks leave none."""
        if not (self.reads or error) or self.read_only or not self.ledger.recording:
            return
        if self.project is None or not self.project.access:
            return
        mine = {resource(each.resource).name for each in grants(self.ledger.rights()).values()
                if each.holds(self.clock()) and (each.who == self.actor.name or self.actor.has(each.who))}
        used = {name for name in self.reads if name in mine or name.partition(".")[0] in mine}
        if error or used:
            words = (*command.split(" "), *sorted(used or self.reads))
            self.ledger.append(Command(subject=command, argv=words, shape=str(Shape.LOOK), source=self.actor.source,
                                       phase="refused" if error else "outcome", status=error or "done", error=error))

    def keep_traceback(self, text: str) -> str:
        """Write a traceback where a report can find it, and say where."""
        root = self.project.root / ".mlops" if self.project and not self.read_only else Path(gettempdir())
        root.mkdir(parents=True, exist_ok=True)
        path = root / f"error-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.txt"
        path.touch(mode=0o600, exist_ok=False)  # it may quote what its user alone may see; in a shared folder, too
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        return str(path)


def login() -> str:
    """The operating system's name for the user, never the environment's; the number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def without_project(directory: Path, door: "Callable[..., Outcome]", *, source: str = "terminal",
                    progress: Progress = quiet, opener: "Callable[..., Session] | None" = None,
                    read_only: bool = False, actor: Actor | None = None,
                    only: Mapping[str, tuple[str, ...]] | None = None) -> Session:
    """A session where there is no project: what works on files works, nothing is recorded."""
    return Session(actor=actor or Actor(login(), frozenset(ROLES), source), progress=progress, door=door,
                   opener=opener, directory=directory, read_only=read_only, only=only or {})


def shown_name(actor: Actor) -> str:
    """The actor as the history names him; a simulated person is called so."""
    return f"{actor.name}{SIMULATED}" if actor.simulated else actor.name
