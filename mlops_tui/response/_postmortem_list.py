"""Which incidents have a post-mortem, who was heard, and what was promised."""

from mlops_tui import folds
from mlops_tui.capability import look
from mlops_tui.incidents.answers import asked
from mlops_tui.response.postmortem import postmortem
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Row, Status, Table, View, counted


@look(of=postmortem, fold=True)
def list_(session: Session) -> View:
    """Every resolved incident with how far its post-mortem has come, the newest first.

    \b
    Example: mlops-tui postmortem list
    """
    project, entries = session.declared(), session.ledger.entries()
    today = f"{session.now().astimezone(project.zone):%Y-%m-%d}"
    written, items = folds.postmortems(entries), list(folds.action_items(entries).values())
    rows: list[Row] = []
    for each in reversed(folds.incidents(entries).values()):
        if each.state != "resolved":
            continue
        people = asked(entries, each, project.team.people).values()
        mine = [item for item in items if item.incident == each.id]
        rows.append({
            "incident": each.id, "state": written[each.id].state if each.id in written else "not drafted",
            "heard": f"{sum(one.state != 'waiting' for one in people)} of {len(people)}",
            "not_heard": tuple(one.who for one in people if one.state == "waiting"),
            "actions": len(mine), "open": sum(item.state == "open" for item in mine),
            "overdue": sum(item.standing(today) == "overdue" for item in mine), "resolved_at": each.resolved_at,
            "title": each.title})
    table = Table.of("postmortems", rows, Column("incident", worth=3), Column("state", worth=3), "heard", "actions",
                     "open", "overdue", "not_heard", Column("resolved_at", "resolved"), "title")
    lacks = [str(row["incident"]) for row in rows if row["state"] != "finished"]
    title = f"{counted(len(rows), 'incident is', 'incidents are')} over; " + \
        (f"{counted(len(lacks), 'post-mortem is', 'post-mortems are')} not finished" if lacks else
         "every post-mortem is finished") if rows else "No incident is over yet"
    return View(title, Status.WARN if lacks else Status.PASS, (table,), tuple(
        Action(f"Draft that of {name}" if row["state"] == "not drafted" else f"Look at that of {name}",
               ("postmortem", "draft" if row["state"] == "not drafted" else "show", name))
        for row in rows[:3] if (name := str(row["incident"])) in lacks))
