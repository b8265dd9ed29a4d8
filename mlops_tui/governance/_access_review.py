"""What access waits for a review, and which columns may be read that nothing uses."""

from collections.abc import Mapping
from datetime import datetime

import click

from mlops_tui.access import Request, decide, doors
from mlops_tui.access.grants import Grant, grants
from mlops_tui.access.minimal import used
from mlops_tui.access.resources import Resource
from mlops_tui.capability import look
from mlops_tui.governance.access import access, columns_of, person
from mlops_tui.inputs.moments import span
from mlops_tui.roles import ROLES, SIMULATED
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Command

KEEP = ("steward", "admin")  # who reads on, so that somebody can look after it
HOW = ("A column is used where a model, a feature, a pipeline's step or its own contract names it, or takes all. What "
       "people asked in words of their own is not recorded, so it is not counted. Who does not see a dataset whole "
       "makes nothing of it that is for all: pipelines and monitors are then the timetable's, or a steward's.")


@look(of=access)
@click.option("--last", default="90d", show_default=True, help="A model counts that was trained since then.")
@click.option("--dataset", default="", help="Only the columns of this one.")
def review(session: Session, last: str, dataset: str) -> View:
    """Grants that are overdue or were never used, glass that was broken and not looked at, columns nothing uses.

    \b
    Example: mlops-tui access review
             mlops-tui access review --dataset flights --last 30d
    """
    project = session.declared()
    if dataset:
        project.dataset(dataset)
    since, now = session.clock() - span(last), session.clock()
    uses = _uses(session)
    waiting = [each for each in grants(session.ledger.rights()).values() if each.holds(now) or each.overdue(now)]
    rows: list[Row] = [_grant(each, now, uses.get(each.id, 0)) for each in waiting]
    due = [each for each in waiting if each.overdue(now)]
    unused = _unused(session, since, dataset)
    may = sum(bool(row["may_read"]) for row in unused)
    waits = counted(len(due), "access waits", "accesses wait") if due else "No access waits"
    said = f"{waits} for a review; {counted(may, 'column')} may be read that nothing uses"
    parts: list[Part] = [
        Facts({"overdue": len(due), "open": sum(each.holds(now) for each in waiting), "unused_columns": may,
               "since": since}),
        Table.of("grants", rows, "status", "grant", "state", "who", "resource", "used", "until", "review_by"),
        Table.of("unused", unused, "dataset", "column", "class", "may_read", title="Columns that nothing uses"),
        Text(HOW)]
    parts += [Text(_rule(unused), "code")] if may and project.access else []
    status = Status.FAIL if due else Status.WARN if may and project.access else Status.PASS
    actions = [Action(f"Answer for {each.id}", ("access", "keep", each.id), asks=("reason",)) for each in due[:3]]
    actions += [Action(f"Take {each.id} back", ("access", "revoke", each.id), asks=("reason",)) for each in waiting
                if each.holds(now) and not uses.get(each.id)][:2]
    return View(said, status, tuple(parts), tuple(actions))


def _grant(each: Grant, now: datetime, times: int) -> dict[str, Cell]:
    status = Status.FAIL if each.overdue(now) else Status.PASS if times else Status.WARN
    return {"status": status, "grant": each.id, "state": each.state(now), "who": each.who, "action": each.action,
            "resource": each.resource, "used": times, "until": each.until, "review_by": each.review_by,
            "reason": each.reason, "glass": each.glass}


def _uses(session: Session) -> Mapping[str, int]:
    """How often each grant was read by, as far as looks and commands that name its dataset tell."""
    found: dict[str, int] = {}
    given = grants(session.ledger.rights()).values()
    for entry in session.ledger.entries("command"):
        if isinstance(fact := entry.fact, Command) and fact.phase == "outcome":
            for each in given:
                of = each.resource.split("/")[1]
                by = entry.actor.removesuffix(SIMULATED)
                if of in fact.argv and (each.who in (by, *_roles(session, by))) \
                        and each.since <= entry.recorded_at < each.ends:
                    found[each.id] = found.get(each.id, 0) + 1
    return found


def _roles(session: Session, name: str) -> tuple[str, ...]:
    people = session.declared().team.people
    return people[name].roles if name in people else ()


def _unused(session: Session, since: datetime, only: str) -> list[Row]:
    """The columns that nothing uses, with the roles that may read them all the same."""
    project = session.declared()
    known = used(project, session.ledger.entries("trained"), since, session.made_of)
    rows: list[Row] = []
    for name, contract in project.datasets.items():
        classes = {item.name: item.classification for item in contract.properties}
        for column in columns_of(session, name) if only in ("", name) else ():
            by = known.get((name, column), frozenset())
            if not [each for each in by if "not trained since" not in each]:
                rows.append({"dataset": name, "column": column, "class": classes.get(column, ""),
                             "may_read": _readers(session, name, column), "used_by": tuple(sorted(by))})
    return rows


def _readers(session: Session, dataset: str, column: str) -> tuple[str, ...]:
    policy, of = session.policy(), Resource("dataset", dataset, column)
    held = dict.fromkeys(role for each in session.declared().team.people.values() for role in each.roles)
    return tuple(role for role in (held or ROLES) if role in ROLES and role not in KEEP and decide(
        policy, Request(person(session, role), "read", of, session.clock(), doors.USUAL)).allowed)


def _rule(rows: list[Row]) -> str:
    """The rule that would take them away, to be put into a file of access/."""
    wanted = [row for row in rows if row["may_read"]]
    roles = sorted({role for row in wanted for role in row["may_read"]})  # type: ignore[union-attr]
    lines = "".join(f"    - dataset/{row['dataset']}/column/{row['column']}\n" for row in wanted)
    return (f"  - effect: deny\n    who: [{', '.join(roles)}]\n    actions: [read]\n    reason: nothing uses them\n"
            f"    resources:\n{lines}")
