"""The digest goes out when its hour has come: once a period, whichever daemon is at work."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bots import blocks
from bots.identity import SOURCE
from bots.sender import LOOKED_UP, Say
from mlops_tui.alerts import habits
from mlops_tui.alerts.habits import Due, Habit
from mlops_tui.daemon import fresh, ledger_of
from mlops_tui.oversight import digests
from mlops_tui.roles import Actor, Shape
from mlops_tui.running.cronlines import cron
from mlops_tui.session import Session
from mlops_tui.view import View
from store.periods import Periods
from store.queues import Outbox

FARTHEST = timedelta(days=14)  # so far back goes one that follows on days of silence


@dataclass
class Digests:
    """Puts a digest into the outbox for each period that has come since the first one was seen."""

    session: Session
    channel: str
    say: Say
    charts: bool = True

    def __post_init__(self) -> None:
        self.ledger = ledger_of(self.session)
        self.outbox, self.periods = Outbox(self.ledger.engine), Periods(self.ledger.engine)

    def round(self) -> None:
        session = fresh(self.session)
        self._people(session)
        slack = session.declared().settings.slack
        for name, line, argv in (("day", slack.digest, ("digest",)),
                                 ("week", slack.weekly, ("digest", "--period", "week"))) if slack else ():
            at = cron(line, session.declared().zone).newest(session.now()) if line else None
            if at is None:
                continue
            schedule, period = f"digest/{name}", at.astimezone(UTC).isoformat(timespec="minutes")
            newest = self.periods.newest([schedule]).get(schedule, "")
            if newest and period > newest:
                view = session.perform(argv).view
                message = blocks.message(view, zone=session.declared().zone, command=argv, charts=self.charts)
                self.outbox.put(f"{schedule}/{period}", LOOKED_UP, self.channel, message)
            if period > newest:  # the first one that is seen only begins the row of them
                self.periods.claim(schedule, period, session.now())

    # -- to each person, in his own morning -----------------------------------------------------------------------

    def _people(self, session: Session) -> None:
        project, now = session.declared(), session.now()
        known = habits.habits(project.team, session.ledger.entries("subscribed"), project.zone)
        for person, habit in known.items():
            who = project.team.people[person]
            if not who.slack or who.only or habit.asleep(now):  # bound to partitions, he may not see what is of all
                continue
            for period in habits.PERIODS:
                if (due := habit.due(period, now)) is not None:
                    self._personal(session, person, habit, period, due)

    def _personal(self, session: Session, person: str, habit: Habit, period: str, due: Due) -> None:
        """One for the day that it is where the reader is; what was missed is left out, but for the newest."""
        schedule = f"digest/{person}/{period}"
        newest = self.periods.newest([schedule]).get(schedule, "")
        if due.day <= newest:
            return
        said = self._said(schedule)
        wanted = due.at >= habit.said if habit.said is not None else bool(newest)  # who asks at nine waits for tomorrow
        view = self._view(session, person, period, due, said[0] if said else None) if wanted else None
        if view is not None and said is not None and not digests.new(view, said[1]):
            shown = None if habit.wishes.only_if_changed else digests.unchanged(view, said[0], habit.zone)
        else:
            shown = view
        with self.ledger.locked() as connection:
            if not self.periods.take(connection, schedule, due.day, session.now()) or shown is None:
                return  # another has sent it; or it is none to be sent, and only begins the row of them
            assert view is not None
            message = blocks.message(shown, zone=habit.zone, command=("digest", "preview", "--period", period),
                                     charts=self.charts)
            to = session.declared().team.people[person].slack
            self.outbox.put(f"{schedule}/{due.day}", LOOKED_UP, to, message, connection)
            if shown is view:  # the silent days count from the last one that said something
                mark = f"{due.at.astimezone(UTC).isoformat()} {digests.standing(view)}"
                self.periods.take(connection, f"{schedule}/said", mark, session.now())

    def _said(self, schedule: str) -> tuple[datetime, str] | None:
        """When the last one was for that was sent, and what stood on its day."""
        mark = self.periods.newest([f"{schedule}/said"]).get(f"{schedule}/said", "")
        at, _, stood = mark.partition(" ")
        return (datetime.fromisoformat(at), stood) if mark else None

    def _view(self, session: Session, person: str, period: str, due: Due, since: datetime | None) -> View:
        """From the last one that was sent on, so that days without one are not lost; of the history, what the reader
        may know."""
        who = session.declared().team.people[person]
        reader = session.acting_as(Actor(person, frozenset(who.roles), SOURCE, who.simulated))
        reader.serve("digest", Shape.LOOK)
        return digests.personal(session.declared(), reader.ledger.entries(), session.now(), person, period,
                                max(since, due.at - FARTHEST) if since is not None else None)
