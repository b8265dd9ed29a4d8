"""What was promised after incidents, whose it is, and how well promises are kept."""

import click

from mlops_tui import folds
from mlops_tui.capability import look
from mlops_tui.errors import BadInput
from mlops_tui.incidents.actions import kept
from mlops_tui.response import _people
from mlops_tui.response.postmortem import postmortem
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, counted

ORDER = ("overdue", "open", "adopted", "done", "declined")


@look(of=postmortem, fold=True)
@click.option("--mine", is_flag=True, help="Only yours.")
@click.option("--owner", default=None, help="Only those of this person.")
@click.option("--overdue", is_flag=True, help="Only those whose day has passed.")
@click.option("--all", "everything", is_flag=True, help="Those that are done, adopted or declined too.")
def actions(session: Session, mine: bool, owner: str | None, overdue: bool, everything: bool) -> View:
    """The actions of all incidents, the longest overdue first, and how many were done by their day.

    \b
    Example: mlops-tui postmortem actions --mine
    Example: mlops-tui postmortem actions --overdue
    """
    if mine and owner:
        raise BadInput("Give --mine or --owner, not both.")
    zone, now = session.declared().zone, session.now()
    who = _people.person(session, owner or "me") if mine or owner else ""
    items = [each for each in folds.action_items(session.ledger.entries("postmortem", "proposal")).values()
             if who in ("", each.owner)]
    today, stand = f"{now.astimezone(zone):%Y-%m-%d}", kept(items, now, zone)
    shown = [each for each in items if (each.standing(today) == "overdue" if overdue else everything
                                        or each.state == "open")]
    shown.sort(key=lambda each: (ORDER.index(each.standing(today)), each.due, each.id))
    rows: list[Row] = [{"action": each.id, "state": each.standing(today), "title": each.title, "type": each.type,
                        "owner": each.owner, "due": each.due, "proposal": each.proposal,
                        "promised_at": each.promised_at, "closed_at": each.closed_at} for each in shown]
    table = Table.of("actions", rows, Column("action", worth=2), Column("state", worth=2), Column("title", cut=60),
                     "type", "owner", "due")
    facts: dict[str, Cell] = {
        "open": stand.open, "overdue": stand.overdue, "due_by_now": stand.due, "closed_by_their_day": stand.in_time,
        "share_closed_by_their_day": stand.share_in_time,
        "median_age_of_open_days": None if stand.median_age is None else round(stand.median_age, 1)}
    whose = f" of {who}" if who else ""
    verb = "is" if stand.overdue == 1 else "are"
    title = f"{counted(stand.open, 'action')}{whose} open, none overdue" if not stand.overdue else \
        f"{counted(stand.overdue, 'action')}{whose} {verb} overdue, {stand.open} open"
    steps = [Action(f"{each.id}: adopt or decline", ("adopt", each.proposal)) if each.proposal else
             Action(f"{each.id} is done", ("postmortem", "done", each.id)) for each in shown if each.state == "open"]
    return View(title, Status.WARN if stand.overdue else Status.PASS, (Facts(facts), table), tuple(steps[:3]))
