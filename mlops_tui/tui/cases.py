"""What the cockpit knows of an incident or an alert: who is on it, its runbook's steps, and what was found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from mlops_tui.declarations.alertpolicy import GRAVE
from mlops_tui.response._people import who_may
from mlops_tui.response._writing import Writing, read, side_by_side, writing_of
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Row, Status, Table, Text, View, counted
from store.backlog import backlog
from store.ledger import Ledger

OVER = ("resolved", "merged", "recovered", "silenced")
SHOWS = {"INC": "incident", "AL": "alert", "RUN": "runbook"}
EVERY = "*"  # chosen where somebody wants to choose among all runbooks
Argv = tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """`shown`: how it stands. `alert`: the alert that it is about; `book`: the runbook's run, or the runbook that would
    be worked through, or all of them where none is named; None where there is nothing of the kind. `people`: who may
    take it over. `levels`: how bad it can be, and what each of that means. `slack`: whether who is told something by
    Slack will hear of it."""

    id: str
    shown: View
    alert: View | None = None
    book: View | None = None
    people: tuple[str, ...] = ()
    levels: tuple[tuple[str, str], ...] = ()
    slack: str = ""

    @cached_property
    def facts(self) -> Mapping[str, Cell]:
        return self.shown.facts()

    @cached_property
    def told(self) -> Mapping[str, Cell]:
        """What its alert says of itself."""
        return self.alert.facts() if self.alert is not None else {}

    @property
    def incident(self) -> bool:
        return self.id.startswith("INC-")

    @property
    def command(self) -> Argv:
        """The command that shows it in a terminal."""
        return SHOWS[self.id.partition("-")[0]], "show", self.id

    @property
    def known(self) -> bool:
        """Whether there is something to work on: not where it is not found, nor of a run that is for no incident."""
        return self.shown.status not in (Status.ERROR, Status.DENIED) and not self.id.startswith("RUN-")

    @property
    def over(self) -> bool:
        return self.facts.get("state") in OVER

    @property
    def refused(self) -> View | None:
        """Why its runbook cannot be looked up, where that is so."""
        return self.book if self.book is not None and self.book.status in (Status.ERROR, Status.DENIED) else None

    @cached_property
    def run(self) -> str:
        """The run of its runbook, such as RUN-2; empty where none has begun."""
        return str(self.book.facts().get("run") or "") if self.book is not None else ""

    @cached_property
    def runbook(self) -> str:
        return str(self.book.facts().get("runbook") or "") if self.book is not None else ""

    @cached_property
    def steps(self) -> tuple[Row, ...]:
        """The steps of its runbook, with the time since which the one whose turn it is waits; the runbooks there are,
        where it has none."""
        if self.book is None or self.refused is not None:
            return ()
        if self.runbook:
            rows = self.book.table("steps").rows
            last = max((at for row in rows if isinstance(at := row["at"], datetime)), default=None)
            since = last or self.book.facts().get("started_at")
            return tuple({**row, "key": str(row["step"]), "here": str(row["step"]) == self.stands_at, "since": since}
                         for row in rows)
        return tuple({**row, "key": str(row["runbook"])} for row in _fitting(self.book.table("runbooks"), self.told))

    @property
    def running(self) -> bool:
        """Whether somebody is in the middle of its runbook."""
        return self.book is not None and self.book.facts().get("state") == "running"

    @cached_property
    def stands_at(self) -> str:
        """The step whose turn it is; the first one of a runbook that nobody has begun."""
        at = self.book.facts().get("stands_at") if self.book is not None else None
        return str(at) if at else "1" if self.runbook and not self.run and not self.over else ""

    @property
    def choices(self) -> tuple[Action, ...]:
        """What can be done about the step whose turn it is, the most likely first."""
        return self.book.actions if self.book is not None and self.running else ()

    def begins(self, row: Row | None) -> Action | None:
        """How work on it begins: an incident is opened for an alert, a runbook is begun for an incident."""
        if self.over or self.running or self.book is None or self.refused is not None:
            return None
        if not self.incident:
            return Action("Open an incident", ("incident", "open", "--alert", self.id))
        if not self.runbook:
            name = str(row["runbook"]) if row is not None else ""
            return Action(f"Look at {name}", ("runbook", "show", name, "--incident", self.id)) if name else None
        return self.book.actions[0] if not self.run and self.book.actions else None

    def finds(self, row: Row | None) -> Argv:
        """The command that shows what a step has found; nothing where it has found nothing yet."""
        if row is None or not self.run or not row.get("evidence") or row.get("status") == "intent":
            return ()
        return "runbook", "show", self.run, "--step", str(row["step"])


def _fitting(table: Table, told: Mapping[str, Cell]) -> Iterator[Row]:
    """The runbooks, those first that answer the check that fired."""
    check = told.get("check")
    fits = [row for row in table.rows if isinstance(row.get("when"), tuple) and check in (row["when"] or ())]  # type: ignore[operator]
    yield from fits
    yield from (row for row in table.rows if row not in fits)


def look(session: Session, id: str, chosen: str = "") -> Case:
    """The incident of that id; of an alert that is in an open incident, and of a runbook's run, that incident. Where
    there is none, the case says so. `chosen`: the runbook that somebody would work through; EVERY for all of them."""
    shown = session.perform((SHOWS[id.partition("-")[0]], "show", id)).view
    if shown.status in (Status.ERROR, Status.DENIED):
        return Case(id, shown)
    people = tuple(who_may(session, "incident accept"))
    if id.startswith("RUN-"):
        incident = str(shown.facts().get("incident") or "")
        return look(session, incident, chosen) if incident else Case(id, shown)
    if id.startswith("AL-"):
        for name in _words(shown.facts().get("incidents")):
            of = session.perform(("incident", "show", name)).view
            if of.facts().get("state") == "open":
                return _incident(session, name, of, people, chosen)
        about = ("--about", str(shown.facts().get("about")))
        over = shown.facts().get("state") in OVER
        return Case(id, shown, shown, None if over else _offered(session, shown, about, chosen), people)
    return _incident(session, id, shown, people, chosen)


def _incident(session: Session, id: str, shown: View, people: tuple[str, ...], chosen: str) -> Case:
    if shown.facts().get("merged_into"):
        return Case(id, shown, people=people)
    alerts = shown.table("alerts").rows
    first = next((row for row in alerts if row["state"] in ("firing", "acked")), alerts[0] if alerts else None)
    alert = session.perform(("alert", "show", str(first["alert"]))).view if first is not None else None
    runs = shown.table("runs").rows
    run = next((row for row in reversed(runs) if row["state"] == "running"), runs[-1] if runs else None)
    begins = any(each.argv[:2] == ("runbook", "run") for each in shown.actions)
    book: View | None = None
    if run is not None and (run["state"] == "running" or not (begins or chosen)):
        book = session.perform(("runbook", "show", str(run["run"]))).view
    elif shown.facts()["state"] == "open":
        book = _offered(session, shown, ("--incident", id), chosen)
    policy = session.declared().settings.incidents
    return Case(id, shown, alert, book, people, tuple((name, policy.level(name).means) for name in GRAVE),
                _slack(session))


def _slack(session: Session) -> str:
    """Whether what is told in private arrives, and what to do where it does not."""
    if session.declared().settings.slack is None or not isinstance(session.ledger, Ledger):
        return "The project has no Slack: tell them yourself."
    found = backlog(session.ledger.connections)
    waits = f" {counted(found.to_say, 'message waits', 'messages wait')} already." if found.to_say else ""
    if found.connected:
        return f"Slack is connected: they are told in private, with a button to take it over.{waits}"
    why = "Slack does not answer the bot" if found.apart else "No bot is at work"
    return f"{why}: they are told once that is mended. Tell them yourself as well.{waits}"


def _offered(session: Session, shown: View, about: Argv, chosen: str) -> View:
    """The runbook that somebody chose, or that its alert names; all of them where there is none that can be read."""
    named = next((each.argv[2] for each in shown.actions if each.argv[:2] in (("runbook", "show"), ("runbook", "run"))
                  and len(each.argv) > 2), "")
    name = chosen or named
    book = session.perform(("runbook", "show", name, *about)).view if name not in ("", EVERY) else None
    readable = book is not None and book.status not in (Status.ERROR, Status.DENIED)
    return book if book is not None and readable else session.perform(("runbook", "list")).view


@dataclass(frozen=True)
class Editing:
    """A post-mortem to be edited. `fresh`: how it read when it was begun just now; of one that was begun earlier it is
    empty, and `since` says when that text was written last. None was drafted yet where there is no `writing`."""

    id: str
    writing: Writing | None = None
    fresh: str = ""
    since: datetime | None = None


def editing(session: Session, id: str, *, anew: bool = False) -> Editing:
    """The post-mortem of that incident, to be edited: somebody's own unfinished text, else as it stands."""
    shown = session.perform(("postmortem", "show", id)).view
    if shown.status in (Status.ERROR, Status.DENIED):
        return Editing(id)
    root = session.declared().root
    writing, file = writing_of(root, id, session.actor.name), root / str(shown.facts()["path"])
    now = read(file)
    if writing.text.is_file() and not anew:
        side_by_side(writing, now)
        return Editing(id, writing, since=datetime.fromtimestamp(writing.text.stat().st_mtime, UTC))
    text = next(part.body for part in reversed(shown.parts) if isinstance(part, Text))
    writing.begin(text, now)
    return Editing(id, writing, text)


def _words(value: Cell) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
