"""What the demo's people do, given what they see: nothing is scripted to a date, everything follows from the ledger."""

from datetime import date

from mlops_tui import folds
from mlops_tui.core._cast import Cast
from mlops_tui.view import Status

URGENT = ("high", "critical")
MODEL = "flights-delay"
CONFIRMED = "the figures of the plan hold"


def react(cast: Cast, day: date) -> None:
    """One morning's round: page, incident, runbook, retraining, promotion, post-mortem, lesson."""
    answer_alerts(cast, day)
    work_incidents(cast, day)


def answer_alerts(cast: Cast, day: date) -> None:
    """Whoever is on call acknowledges, and opens an incident for what is urgent, or adds to the one that is open."""
    for alert in folds.alerts(cast.session.ledger.entries()).values():
        if alert.state != "firing":
            continue
        cast.does("bo", "alert", "ack", alert.id)
        if alert.severity not in URGENT:
            continue
        open_now = [incident for incident in folds.incidents(cast.session.ledger.entries()).values()
                    if incident.open and incident.about == alert.about]
        if open_now:
            cast.does("bo", "incident", "link", open_now[-1].id, "--alert", alert.id)
            continue
        cast.does("bo", "incident", "open", "--alert", alert.id)
        made = list(folds.incidents(cast.session.ledger.entries()).values())[-1]
        cast.does("bo", "incident", "role", made.id, "lead", "ana")
        cast.tell(f"{day}: {made.id} from {alert.id}", alert.title, Status.FAIL)


def work_incidents(cast: Cast, day: date) -> None:
    """The lead works through the runbook of the incident's first alert, once."""
    entries = cast.session.ledger.entries()
    alerts, runs = folds.alerts(entries), folds.runbook_runs(entries)
    for incident in folds.incidents(entries).values():
        if not incident.open or any(run.incident == incident.id for run in runs.values()) or not incident.alerts:
            continue
        book = alerts[incident.alerts[0]].runbook
        view = cast.does("ana", "runbook", "run", book, "--incident", incident.id, "--about", incident.about)
        cast.tell(f"{day}: runbook {book}", view.title, view.status)


def promote(cast: Cast, subject: str) -> None:
    """Sign what has to be signed, ask for the promotion, vote twice; the second vote carries it out."""
