"""What the desk looks up about jobs: those that run, those of a pipeline, all of them, and where a log lies."""

from datetime import UTC, datetime, timedelta

from mlops_tui import jobs
from mlops_tui.core.job import rows
from mlops_tui.session import Session
from mlops_tui.tui.messages import JobsSeen, LogFound
from mlops_tui.view import Column, Table

SHOWN_AFTER = timedelta(minutes=10)  # how long an ended job stays on the first screen
SHOWN = 12    # there, those that run first
LISTED = 200  # of the newest, where all are shown


def running(session: Session) -> Table:
    """What runs, and what ended a moment ago."""
    moment = datetime.now(UTC)
    shown = [job for job in jobs.newest(session, 20)
             if job.open or (job.ended_at is not None and moment - job.ended_at < SHOWN_AFTER)]
    shown.sort(key=lambda job: (not job.open, -job.id))
    return Table.of("jobs", rows(session, shown[:SHOWN]), "command", Column("done", share=True), "left",
                    title="Running")


def of_pipeline(session: Session, name: str) -> Table:
    """The newest runs of a pipeline; each leads to its log."""
    mine = [job for job in jobs.newest(session, 50) if job.argv[:3] == ("pipeline", "run", name)]
    found = [{**row, "argv": ("job", "log", str(row["job"]))} for row in rows(session, mine[:8])]
    return Table.of("jobs", found, Column("job", digits=0), "status", Column("done", share=True, digits=0), "left",
                    Column("seconds", "took", unit="s", digits=1), "who", title="Its jobs")


def seen(session: Session) -> JobsSeen:
    """The newest jobs, whoever began them, and in whichever dashboard."""
    return JobsSeen(rows(session, jobs.newest(session, LISTED)), jobs.log_path(session, 0).parent)


def log(session: Session, number: int) -> LogFound:
    """A job and where its log lies; NotFound where there is no such job."""
    [row] = rows(session, [jobs.rows(session).one(number)])
    return LogFound(row, jobs.log_path(session, number))
