"""What to know in the morning: what waits for somebody, what is red and since when, and what happened."""


import click

from mlops_tui import health
from mlops_tui.alerts import habits
from mlops_tui.alerts.habits import Habit
from mlops_tui.capability import act, look, noun
from mlops_tui.declarations.wishes import Wishes
from mlops_tui.errors import BadInput
from mlops_tui.oversight import digests
from mlops_tui.response import _people
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, View
from store.facts import Subscribed

digest = noun("digest", __doc__ or "", bare="show", package="mlops_tui.response")
PERIOD = click.Choice(tuple(digests.PERIODS))
MORNING = "08:00"


@look(of=digest, fold=True)
@click.option("--period", type=PERIOD, default="day", show_default=True, help="How far back.")
def show(session: Session, period: str) -> View:
    """What waits, what is red, and what happened in the last day or week.

    \b
    Example: mlops-tui digest
    Example: mlops-tui digest --period week --html
    """
    declared = health.Declared.of(session.declared())
    entries = session.ledger.entries()
    head = entries[-1].hash if entries else session.ledger.head()
    return digests.digest(declared, entries, session.now(), digests.PERIODS[period], head)


@look(of=digest, fold=True)
@click.option("--for", "person", default="me", help="Whose; yours by default.")
@click.option("--period", type=PERIOD, default="day", show_default=True, help="The one of the day or of the week.")
def preview(session: Session, person: str, period: str) -> View:
    """The digest as a person would get it now, and when it comes.

    \b
    Example: mlops-tui digest preview
    """
    who = _declared(session, person)
    view = digests.personal(session.declared(), session.ledger.entries(), session.now(), who, period)
    habit = _habit(session, who)
    comes = any(habit.line(each) is not None for each in habits.PERIODS)
    change = Action("None for me", ("digest", "unsubscribe")) if comes else \
        Action("Daily at eight", ("digest", "subscribe", "--daily", MORNING))
    return View(view.title, view.status, (*view.parts, Facts(_facts(session, habit))),
                (*view.actions, *((change,) if who == session.actor.name else ())))


@act(of=digest, confirm=False)
@click.option("--daily", default="", help="At what time, such as 08:00.")
@click.option("--weekly", default="", help="On which day and at what time, such as 'mon 08:00'.")
@click.option("--zone", default="", help="Where you are, such as Europe/Berlin; the project's zone by default.")
@click.option("--quiet", default="", help="When nothing reaches you that does not page, such as 22:00-07:00.")
@click.option("--always", is_flag=True, help="Also when nothing has changed since the last one.")
@click.option("--declared", is_flag=True, help="As team.yaml says, whatever you said before.")
def subscribe(session: Session, daily: str, weekly: str, zone: str, quiet: str, always: bool, declared: bool) -> View:
    """Have a digest sent to you alone, in your own morning; your last word goes before team.yaml.

    \b
    Example: mlops-tui digest subscribe --daily 08:00 --zone Europe/Berlin --quiet 22:00-07:00
    """
    if declared == bool(daily or weekly):
        raise BadInput("When is it to come?" if not declared else "Give --declared alone.",
                       next="Give --daily 08:00, --weekly 'mon 08:00' or both.")
    wishes = Wishes(daily, weekly, zone, quiet, not always)
    for mistake in wishes.mistakes():
        raise BadInput(mistake.what, where=f"--{mistake.path[0]}", next=mistake.next)
    return _say(session, wishes, declared=declared)


@act(of=digest, confirm=False)
def unsubscribe(session: Session) -> View:
    """Have no digest sent to you, whatever team.yaml says; your quiet hours stay.

    \b
    Example: mlops-tui digest unsubscribe
    """
    before = _habit(session, _declared(session, "me")).wishes
    return _say(session, Wishes(zone=before.zone, quiet=before.quiet), declared=False)


def _say(session: Session, wishes: Wishes, *, declared: bool) -> View:
    who = _declared(session, "me")
    session.ledger.append(Subscribed(subject=who, daily=wishes.daily, weekly=wishes.weekly, zone=wishes.zone,
                                     quiet=wishes.quiet, only_if_changed=wishes.only_if_changed, declared=declared))
    habit = _habit(session, who)
    coming = [line for period in habits.PERIODS if (line := habit.line(period)) is not None]
    title = "Your digest comes from now on" if coming else "No digest is sent to you"
    without = bool(coming) and not session.declared().team.people[who].slack
    return View(f"{title}; but team.yaml has no Slack id of yours" if without else title,
                Status.WARN if without else Status.DONE, (Facts(_facts(session, habit)),),
                (Action("Look at it", ("digest", "preview")),
                 Action("As team.yaml says", ("digest", "subscribe", "--declared"))))


def _declared(session: Session, person: str) -> str:
    """Somebody of team.yaml: others cannot be reached."""
    who = _people.person(session, person)
    if who not in session.declared().team.people:
        raise BadInput(f"{who} is not in team.yaml.", next="Add the person there, with a Slack id.")
    return who


def _habit(session: Session, who: str) -> Habit:
    project = session.declared()
    return habits.habits(project.team, session.ledger.entries("subscribed"), project.zone)[who]


def _facts(session: Session, habit: Habit) -> dict[str, Cell]:
    """When it comes, where, and who says so."""
    coming = [at for period in habits.PERIODS
              if (line := habit.line(period)) is not None and (at := line.next(session.now())) is not None]
    wishes = habit.wishes
    return {"next": min(coming, default=None), "daily": wishes.daily or None, "weekly": wishes.weekly or None,
            "zone": str(habit.zone), "quiet": wishes.quiet or None, "only_if_changed": wishes.only_if_changed,
            "said_by": "the reader" if habit.said else "team.yaml" if wishes != Wishes() else "nobody yet"}
