"""What the desk looks up: home as one view, the answer to a command, jobs and how they stand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlops_tui import asking, health, jobs, timetable
from mlops_tui.commands import root, summary
from mlops_tui.core.job import row as job_row
from mlops_tui.errors import Refusal
from mlops_tui.opening import open_project
from mlops_tui.render.keep import written
from mlops_tui.session import ReplayClock
from mlops_tui.tui.cache import FORM, path_of
from mlops_tui.tui.desk import refused
from mlops_tui.tui.messages import Answered, Begun, Fresh, FromDesk, Nouns, Planned, Reasonless, Ticked
from mlops_tui.view import Cell, Column, Facts, Row, Status, Table, View, worst

SHOWN_AFTER = timedelta(minutes=10)  # how long an ended job stays on the first screen


class Feed:
    """Lives on the desk's thread, and nowhere else."""

    def __init__(self, folder: Path, person: str, read_only: bool) -> None:
        self.session = open_project(folder, person=person, source="dashboard", read_only=read_only)
        self._head = -1
        self._open_jobs: frozenset[int] = frozenset()
        self._told = datetime.min.replace(tzinfo=UTC)

    # -- home -----------------------------------------------------------------------------------------------------

    def look(self, *, anyway: bool = False) -> FromDesk:
        """Home, where anything has changed since the last look; the time of day otherwise."""
        head, running = self.session.ledger.head_seq(), jobs.running(self.session)
        open_now = frozenset(job.id for job in running)
        aged = datetime.now(UTC) - self._told > timedelta(seconds=30)
        if not (anyway or aged or running or open_now != self._open_jobs or head != self._head):
            return Ticked(self.session.now())
        view = self.home(head)  # where this fails, the next look tries again
        if head != self._head and not self.session.read_only:
            self._keep(view)
        self._head, self._open_jobs, self._told = head, open_now, datetime.now(UTC)
        return Fresh(view)

    def home(self, head: int) -> View:
        """The first screen as one view."""
        session, project = self.session, self.session.declared()
        entries = session.ledger.entries()
        if entries and isinstance(session.clock, ReplayClock):
            session.clock.advance(entries[-1].recorded_at)
        now = session.now()
        declared = health.Declared.of(project)
        models = health.models(declared, entries, now)
        return View(project.settings.project, worst((row["status"] for row in models.rows), Status.UNKNOWN), (  # type: ignore[misc]
            Facts(self._facts(now, head)), models, health.needs(declared, entries, now, session.actor),
            *health.shares(declared, entries), self._jobs(), self._next(now)))

    def _facts(self, now: datetime, head: int) -> dict[str, Cell]:
        session, settings = self.session, self.session.declared().settings
        return {"project": settings.project, "zone": settings.timezone, "clock": settings.clock, "now": now,
                "actor": session.actor.name, "roles": tuple(sorted(session.actor.roles)),
                "single_user": session.single_user, "read_only": session.read_only, "entries": head,
                "form": FORM}

    def _jobs(self) -> Table:
        """What runs, and what ended a moment ago."""
        moment = datetime.now(UTC)
        shown = [job for job in jobs.newest(self.session, 20)
                 if job.open or (job.ended_at is not None and moment - job.ended_at < SHOWN_AFTER)]
        shown.sort(key=lambda job: (not job.open, -job.id))
        return Table.of("jobs", [job_row(job) for job in shown[:12]], "command", Column("done", share=True), "left",
                        title="Running")

    def _next(self, now: datetime) -> Table:
        """What the timetable does next."""
        try:
            planned = timetable.upcoming(timetable.schedules(self.session.declared()), now)
            rows: list[Row] = [{"at": each.at, "what": each.schedule.name, "argv": each.schedule.argv}
                               for each in planned[:12]]
        except Refusal as problem:
            rows = [{"at": None, "what": str(problem), "argv": (), "status": Status.FAIL}]
        return Table.of("next", rows, "at", "what", title="Next")

    def _keep(self, view: View) -> None:
        """Home for the next start, put in place whole."""
        path = path_of(self.session.declared().root)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(written(view), encoding="utf-8")
        fresh.replace(path)

    # -- commands -------------------------------------------------------------------------------------------------

    def nouns(self) -> Nouns:
        return Nouns({stem.rstrip("_").replace("_", "-"): summary(path) for stem, path in root.files.items()})

    def perform(self, argv: tuple[str, ...], consent: str | None = None, reason: str | None = None) -> FromDesk:
        """What became of a command line, as the screen wants to hear it."""
        try:
            reply = asking.ask(self.session, argv, consent, reason)
        except Refusal as problem:
            return Answered(argv, refused(problem))
        match reply:
            case asking.Answer():
                return Answered(argv, reply.view)
            case asking.Plan():
                return Planned(argv, reply.view, reply.digest)
            case asking.ReasonWanted():
                return Reasonless(argv)
            case asking.Begun():
                return Begun(argv, reply.job)

    def job(self, id: int) -> FromDesk:
        """What a job answered, or its log where it has not."""
        view = jobs.answer(self.session, id)
        argv = jobs.rows(self.session).one(id).argv
        return Answered(argv, view) if view is not None else self.perform(("job", "log", str(id)))

    def stop(self, ids: Sequence[int]) -> FromDesk:
        """Stop these jobs, and say how home stands then."""
        for id in ids:
            jobs.cancel(self.session, id)
        return self.look(anyway=True)
