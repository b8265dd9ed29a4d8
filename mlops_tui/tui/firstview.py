"""The first screen as one view: how it all stands, what needs whom, what runs, what comes next; and what has a name."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from mlops_tui import folds, health, timetable
from mlops_tui.core.status import KINDS
from mlops_tui.errors import Refusal
from mlops_tui.project import Project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.tui.messages import Place
from mlops_tui.view import Cell, Facts, Row, Status, Table, View, worst


def home(session: Session, project: Project, wrong: Sequence[Refusal], running: Table,
         more: Mapping[str, Cell]) -> View:
    """`project` is as far as it can be read, `wrong` what cannot; `more` is told beside what the session knows."""
    if isinstance(session.clock, ReplayClock):
        for newest in session.ledger.page(0, 1, upto=session.ledger.head_seq()):
            session.clock.advance(newest.recorded_at)
    entries = session.ledger.entries(*KINDS)
    now = session.now()
    declared = health.Declared.of(project, wrong)
    models = health.models(declared, entries, now)
    settings = session.declared().settings
    facts: dict[str, Cell] = {
        "project": settings.project, "environment": settings.environment, "zone": settings.timezone,
        "clock": settings.clock, "now": now, "actor": session.actor.name, "roles": tuple(sorted(session.actor.roles)),
        "single_user": session.single_user, "read_only": session.read_only, **more}
    return View(project.settings.project, worst((row["status"] for row in models.rows), Status.UNKNOWN), (  # type: ignore[misc]
        Facts(facts), models, health.needs(declared, entries, now, session.actor), *health.shares(declared, entries),
        running, _next(project, now)))


def _next(project: Project, now: datetime) -> Table:
    """What the timetable does next."""
    try:
        planned = timetable.upcoming(timetable.schedules(project), now)
        rows: list[Row] = [{"at": each.at, "what": each.schedule.name, "argv": each.schedule.argv}
                           for each in planned[:12]]
    except Refusal as problem:
        rows = [{"at": None, "what": str(problem), "argv": (), "status": Status.FAIL}]
    return Table.of("next", rows, "at", "what", title="Next")


def places(session: Session, project: Project) -> list[Place]:
    """What has a name, and the command that shows it: what is open first."""
    entries = session.ledger.entries("incident", "alert", "approval", "vote")
    found: list[Place] = [(f"{each.id} {each.title or each.about}", ("incident", "show", each.id))
                          for each in reversed(folds.incidents(entries).values())]
    found += [(f"{each.id} {each.title}", ("alert", "show", each.id))
              for each in reversed(folds.alerts(entries).values())]
    found += [(f"{each.id} {each.title}", ("approve", "show", each.id))
              for each in reversed(folds.approvals(entries, session.now()).values())]
    for kind, verb in (("model", "show"), ("monitor", "show"), ("pipeline", "status")):
        found += [(f"{kind} {name}", (kind, verb, name)) for name in project.every(kind)]
    return found + [(f"runbook {name}", ("runbook", "show", name)) for name in project.runbooks]
