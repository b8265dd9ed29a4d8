"""What the desk looks up: home as one view, the answer to a command, jobs and how they stand."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from mlops_tui import asking, jobs
from mlops_tui.capability import Call, Field
from mlops_tui.commands import names_file, root, summary
from mlops_tui.core._helptext import commands
from mlops_tui.core.audit import row as entry_row
from mlops_tui.declarations import keymap, known
from mlops_tui.errors import Denied, Refusal
from mlops_tui.opening import open_project
from mlops_tui.project import Project
from mlops_tui.roles import Shape, bound_to
from mlops_tui.session import Session
from mlops_tui.tui import firstview, jobtables, several
from mlops_tui.tui.cache import FORM, keep, rules
from mlops_tui.tui.history import NAMED, History
from mlops_tui.tui.messages import (
    Again,
    Answered,
    Begun,
    Counted,
    Detailed,
    Elsewhere,
    Fresh,
    FromDesk,
    JobsSeen,
    Keymapped,
    Listed,
    NoSuchTime,
    Nouns,
    Paged,
    PerformAll,
    Planned,
    PlannedAll,
    Reasonless,
    Ticked,
    Travelled,
    Wanted,
)
from mlops_tui.tui.sections import SECTIONS
from mlops_tui.tui.times import Times
from mlops_tui.tui.turns import Seen
from mlops_tui.tui.widgets.source import Sift
from mlops_tui.view import Status, Table, View, refused
from store.facts import Command, Fact, Finding
from store.ledger import Ledger


class Feed:
    """Lives on the desk's thread, and nowhere else."""

    def __init__(self, folder: Path, person: str, read_only: bool | None, then: datetime | None = None, *,
                 sealed: bool = False) -> None:
        """`read_only`: None leaves it to the project, of which one in production starts locked. `sealed`: for good."""
        locked = Project(folder).settings.environment == "production" if read_only is None else read_only
        self._opened, self._sealed = partial(open_project, folder, person=person, source="dashboard",
                                             read_only=locked), sealed
        self.times, self._rules, self._person = Times(self._open(), then), rules(folder), person
        self.admit()
        self._known_as = self._enlisted()
        self._project, self._wrong = self.session.declared(), tuple[Refusal, ...]()
        self._head = -1
        self._open_jobs: frozenset[int] = frozenset()
        self._told = datetime.min.replace(tzinfo=UTC)
        self._history: History | None = None

    @property
    def session(self) -> Session:
        """The one that is asked: as of the moment that is seen."""
        return self.times.session

    def _open(self) -> Session:
        session = self._opened()
        if not self._sealed:
            session.unlocking = "press L to unlock it"
        return session

    def close(self) -> None:
        """Let go of the history's file."""
        if isinstance(ledger := self.session.ledger, Ledger):
            ledger.close()

    def admit(self) -> None:
        """Refuse from whom something is kept: now, since rules change and grants end while the dashboard is open."""
        stand = rules(self.session.declared().root)
        if stand != self._rules:
            self.times, self._rules = Times(self._open(), self.times.then, self.times.seen), stand
            self._told = datetime.min.replace(tzinfo=UTC)  # who one is, and what waits for one, are others now
        if only := self.session.only:
            raise Denied(f"{self.session.actor.name} is bound to {bound_to(only)}; the dashboard shows what is made of "
                         "all.", where="team.yaml, only", next="Try: mlops-tui sql --help")
        if self.session.bounds():
            raise Denied(f"Some data are kept from {self.session.actor.name}; the dashboard shows what is made of all.",
                         where="access/", next=f"Try: mlops-tui access show {self.session.actor.name}")

    def _enlisted(self) -> str:
        """The name that links call the project by: from now on it is on the list of those that were opened."""
        project = self.session.declared()
        with suppress(Refusal, OSError):  # a list that cannot be read is told where it is looked at
            if self._sealed:
                return known.name_of(project.root) or project.settings.project
            return known.add(project.settings.project, project.root, project.settings.environment or "")
        return project.settings.project

    def held(self) -> bool:
        """Whether another program writes the history just now, and nobody else can."""
        ledger = self.session.ledger
        return isinstance(ledger, Ledger) and not self.session.read_only and ledger.connections.held()

    # -- home -----------------------------------------------------------------------------------------------------

    def look(self, *, anyway: bool = False, paused: bool = False) -> FromDesk:
        """Home, where anything has changed since the last look; the time of day otherwise, or where that is paused."""
        head = self.session.ledger.head_seq()
        if paused:
            return Ticked(self.session.now(), head)
        running = jobs.running(self.session) if self.times.then is None else []
        open_now = frozenset(job.id for job in running)
        aged = datetime.now(UTC) - self._told > timedelta(seconds=30)
        if not (anyway or aged or running or self._wrong or open_now != self._open_jobs or head != self._head):
            return Ticked(self.session.now(), head)
        view = self.home(head)  # where this fails, the next look tries again
        if head != self._head and not self._sealed and self.times.then is None:
            with suppress(OSError, Refusal):  # a folder of somebody else's: the next first picture is an empty one
                keep(self.session.declared().root, self._person, view)
        self._head, self._open_jobs, self._told = head, open_now, datetime.now(UTC)
        return Fresh(view, firstview.places(self.session, self._project))

    # -- another moment -------------------------------------------------------------------------------------------

    def step(self, by: int, mode: str = "home", names: tuple[str, ...] = ()) -> FromDesk:
        """So many changes on, or back, of the part that is seen, or of the things of these names."""
        if not self.times.step(by, Seen(mode, names)):
            return NoSuchTime("Nothing changed before that." if by < 0 else "That is the newest: it is now.")
        return self._travelled()

    def at(self, text: str, mode: str = "home", names: tuple[str, ...] = ()) -> FromDesk:
        """To a moment, as a person writes it."""
        try:
            self.times.at(text, Seen(mode, names))
        except Refusal as problem:
            return NoSuchTime(f"{problem.what} {problem.next}".strip())
        return self._travelled()

    def _travelled(self) -> FromDesk:
        found = self.look(anyway=True)
        return Travelled(found.view, found.places) if isinstance(found, Fresh) else found

    def home(self, head: int) -> View:
        """The first screen as one view."""
        self._project, self._wrong = self.session.declared().readable()
        running = jobtables.running(self.session) if self.times.then is None else Table.of("jobs", (), title="Running")
        return firstview.home(self.session, self._project, self._wrong, running, {
            "known_as": self._known_as, "entries": head, "form": FORM, "rules": self._rules, **self.times.facts()})

    # -- sections -------------------------------------------------------------------------------------------------

    def listing(self, id: str) -> Listed:
        """The rows of a section, from the answers of its commands."""
        section = SECTIONS[id]
        views = [self.times.perform(argv) for argv in section.looks]
        problem = next((view for view in views if view.status in (Status.ERROR, Status.DENIED)), None)
        return Listed(id, (), problem) if problem is not None else Listed(id, section.rows(views))

    def detail(self, id: str, argv: tuple[str, ...]) -> Detailed:
        """What a row leads to; with the steps of a pipeline, its jobs."""
        view = self.times.perform(argv)
        if argv[:2] == ("pipeline", "status") and self.times.then is None:
            view = replace(view, parts=(*view.parts, jobtables.of_pipeline(self.session, argv[-1])))
        return Detailed(id, argv, view)

    def again(self, argv: tuple[str, ...]) -> Again:
        """What a look answers by now."""
        return Again(argv, self.times.perform(argv))

    # -- the history, page by page --------------------------------------------------------------------------------

    def activity(self, sift: Sift) -> Counted:
        """How long the history is by now, and what of it is wanted, searched one piece further."""
        known, ledger = self._history, self.session.ledger
        history = known if known is not None and known.shows(sift, ledger) else History(
            ledger, sift, self.session.now())
        self._history, restart = history, history is not known and not history.continues(known)
        return Counted(sift, history.look(), history.head, restart, history.more, history.waiting, NAMED)

    def page(self, sift: Sift, number: int) -> Paged:
        """A page of what was wanted last."""
        if self._history is None or sift != self._history.sift:
            return Paged(sift, number, 0, ())
        first, found = self._history.page(number)
        return Paged(sift, number, first, [{**entry_row(entry), "status": _status(entry.fact)} for entry in found])

    # -- commands -------------------------------------------------------------------------------------------------

    def nouns(self) -> Nouns:
        return Nouns({stem.rstrip("_").replace("_", "-"): summary(path) for stem, path in root.files.items()}, {
            words: (each.first, each.examples[0] if each.examples else "") for words, each in commands().items()},
            frozenset(words for words, each in commands().items() if each.shape == "look"))

    def keymap(self) -> Keymapped:
        """One's own keys; the shipped ones where something is wrong with them."""
        try:
            return Keymapped(keymap.mine().changed())
        except Refusal as problem:
            return Keymapped({}, f"{problem.what} ({problem.where}) The keys are as shipped; see: mlops-tui keys")

    def offered(self, argv: tuple[str, ...]) -> FromDesk:
        """What becomes of a next step that was chosen: one that names a file is for the terminal."""
        return Elsewhere(argv) if names_file(argv) else self.perform(argv)

    def perform(self, argv: tuple[str, ...], consent: str | None = None, reason: str | None = None, *,
                filled: bool = False) -> FromDesk:
        """What became of a command line, as the screen wants to hear it; what it lacks is asked for once."""
        argv = tuple(asking.worded(self.session, argv))
        if (closed := self.times.closed(argv)) is not None:
            return Answered(argv, closed, looked=True)
        call = asking.call_of(self.session, argv)
        if call is not None and call.command == "job log":
            return self._log(call, argv)
        if call is not None and call.shape is Shape.LOOK:
            return Answered(argv, self.session.perform(argv).view, looked=True)
        if call is not None and not filled and (lacks := self._lacking(call)):
            return Wanted(argv, tuple(field.asked for field in lacks), lacks)
        told, unsaid = (call.told(argv), call.unsaid) if call is not None else (argv, ())
        try:
            reply = asking.ask(self.session, argv, consent, reason)
        except Refusal as problem:
            return Answered(told, refused(problem), unsaid=unsaid)
        match reply:
            case asking.Answer():
                return Answered(told, reply.view, unsaid=unsaid)
            case asking.Plan():
                return Planned(argv, reply.view, reply.digest, reply.named)
            case asking.ReasonWanted():
                return Reasonless(argv)
            case asking.Begun():
                return Begun(argv, reply.job)

    def _lacking(self, call: Call) -> tuple[Field, ...]:
        """What has to be said before it can begin, of whoever may say it."""
        if self.session.read_only or not asking.may(self.session, call):
            return ()
        return tuple(field for field in call.fields() if field.needed)

    def plan_all(self, asked: PerformAll) -> FromDesk:
        """What several commands would do; where nothing may be changed, the first of them says so."""
        if self.session.read_only:
            return self.perform(asked.argvs[0], reason=asked.reason)
        return PlannedAll(asked, several.planned(self.session, asked.argvs, asked.reason, asked.left_out))

    def do_all(self, plans: several.Plans, reason: str | None) -> Answered:
        """Do what several commands were agreed to do, and say what came of each."""
        view = several.done(self.session, plans.every, reason)
        return Answered(tuple(plans.every[0].argv[:2]), view)

    def wanted(self, argv: tuple[str, ...], asks: tuple[str, ...]) -> Wanted:
        """What is to be filled in, in the words of the declarations where they ask for it."""
        call = asking.call_of(self.session, argv)
        return Wanted(argv, asks, tuple(call.fields()) if call is not None else ())

    def job(self, id: int) -> FromDesk:
        """What a job answered, or its log where it has not."""
        view = jobs.answer(self.session, id)
        argv = jobs.rows(self.session).one(id).argv
        return Answered(argv, view) if view is not None else self.perform(("job", "log", str(id)))

    def jobs(self) -> JobsSeen:
        return jobtables.seen(self.session)

    def _log(self, call: Call, argv: tuple[str, ...]) -> FromDesk:
        """Where a job's log lies; what is wrong with the number is said as every command says it."""
        try:
            return jobtables.log(self.session, getattr(call.run, "keywords", {})["number"])
        except Refusal as problem:
            return Answered(argv, refused(problem), looked=True)

    def stop(self, id: int) -> FromDesk:
        """Stop a job, and say how home stands then."""
        if not self.session.read_only:
            jobs.cancel(self.session, id)
        return self.look(anyway=True)


def _status(fact: Fact) -> Status | None:
    """How a finding or a command ended, where it says so."""
    word = fact.status if isinstance(fact, (Finding, Command)) else ""
    return Status(word) if word in set(Status) else None
