"""Days replayed in the project's clock: data arrive, rows are scored, what is due is checked, people react."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

from mlops_tui import timetable
from mlops_tui.core._cast import Cast
from mlops_tui.session import ReplayClock
from store.facts import Note

MORNING = time(6)
SUBJECT = "replay"


def morning(cast: Cast, day: date) -> datetime:
    """Six o'clock of the day after, when the day's last flights have landed."""
    return datetime.combine(day + timedelta(days=1), MORNING, cast.session.declared().zone)


def set_clock(cast: Cast, moment: datetime) -> None:
    """Move the replayed world on."""
    clock = cast.session.clock
    if isinstance(clock, ReplayClock):
        clock.advance(moment)


def last_day(cast: Cast) -> date | None:
    """The last day that was replayed to its end; None before the first."""
    days = [entry.fact.detail["day"] for entry in cast.session.ledger.entries("note", subject=SUBJECT)
            if isinstance(entry.fact, Note) and "day" in entry.fact.detail]
    return date.fromisoformat(days[-1]) if days else None


def replay(cast: Cast, model: str, days: list[date], landing: Path, react: Callable[[Cast, date], None]) -> None:
    """Replay the days that were not replayed yet; a day that was cut short is done again, to the same result."""
    done = last_day(cast)
    for number, day in enumerate(days):
        cast.session.progress(number, len(days), f"Replaying live traffic: {day}")
        if done is not None and day <= done:
            continue
        set_clock(cast, morning(cast, day))
        arrive(cast, day, landing)
        cast.does("machine", "windows", model, "--day", day.isoformat())
        cast.does("machine", "score", model, "--day", day.isoformat())
        timetable.run_due(cast.machine)
        react(cast, day)
        cast.session.ledger.append(Note(subject=SUBJECT, text=f"replayed {day}", detail={"day": day.isoformat()}))
    cast.session.progress(len(days), len(days), "Replaying live traffic: done")


def arrive(cast: Cast, day: date, landing: Path) -> None:
    """Ingest the day's files of every dataset that has one."""
    for dataset in ("weather", "flights"):
        file = landing / dataset / f"{day}.parquet"
        if file.exists():
            cast.does("machine", "ingest", dataset, "--file", str(file))
