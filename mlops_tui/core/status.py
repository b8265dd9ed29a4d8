"""How everything stands: models, alerts, incidents, approvals, and what needs you."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from mlops_tui import folds
from mlops_tui.capability import look
from mlops_tui.folds import ModelState
from mlops_tui.kinds import Model
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, worst
from store.facts import Finding
from store.ledger import Entry

# what a column of the models' table is judged by: the checks, and whether they are about the model or its label's data
HEALTH: Mapping[str, tuple[bool, tuple[str, ...]]] = {
    "data": (False, ("health", "ingest", "validate")), "features": (True, ("drift",)),
    "performance": (True, ("performance",)), "calibration": (True, ("calibration",)), "fairness": (True, ("bias",)),
    "serving": (True, ("traffic",))}
GRAVE = ("critical", "high")
KINDS = ("trained", "promotion", "finding", "alert", "incident", "approval", "vote", "proposal", "runbook",
         "postmortem")


@look(fold=True)
def status(session: Session) -> View:
    """Everything at a glance, and first what needs you.

    \b
    Example: mlops-tui status
    Example: mlops-tui status --as-of 2013-09-14
    """
    project = session.declared()
    entries = session.ledger.entries(*KINDS)
    needs = sorted(_needs(session, entries), key=lambda row: (row["rank"], str(row["since"])))
    models = [_model(entries, name, declared) for name, declared in project.models.items()]
    alerts, incidents, approvals = _alerts(session, entries), _incidents(entries), _approvals(session, entries)
    facts: dict[str, Cell] = {
        "project": project.settings.project, "now": session.now(), "you": session.actor.name,
        "roles": tuple(sorted(session.actor.roles)), "needs_you": len(needs), "alerts": len(alerts.rows),
        "incidents": len(incidents.rows), "approvals": len(approvals.rows), "entries": session.ledger.head_seq()}
    shown = [_stripped(row) for row in needs]
    parts = (Facts(facts), Table.of("needs_you", shown, "status", "kind", "id", "title", "since", title="Needs you"),
             _table(models), alerts, incidents, approvals)
    return View(_title(needs, models), Status.WARN if needs else Status.PASS, parts, tuple(_actions(needs)))


def _title(needs: Sequence[Row], models: Sequence[Row]) -> str:
    if not needs:
        return "Nothing needs you" if models else "Nothing is declared yet, and nothing needs you"
    first = needs[0]
    rest = f", and {len(needs) - 1} more" if len(needs) > 1 else ""
    return f"{first['id']} needs you: {first['title']}{rest}"


def _actions(needs: Sequence[Row]) -> Iterator[Action]:
    for row in needs[:4]:
        yield Action(f"{row['kind']} {row['id']}", tuple(str(row["action"]).split(" ")))


def _stripped(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "rank"}


# -- the tables ---------------------------------------------------------------------------------------------------


def _model(entries: Sequence[Entry], name: str, declared: Model) -> Row:
    state = folds.model_state(entries, name)
    row: dict[str, Cell] = {"model": name, "version": state.champion or None, "alias": "champion" if state.champion else
                            "not promoted", "challenger": state.challenger or None, "since": state.champion_since,
                            "versions": len(state.versions), "owner": declared.owner}
    for column, (about_model, checks) in HEALTH.items():
        row[column] = _standing(entries, name if about_model else declared.label.dataset, checks, state)
    return row


def _standing(entries: Sequence[Entry], subject: str, checks: Sequence[str], state: ModelState) -> Status:
    """The worst of the newest findings of each check, as far as they are about what serves; else unknown."""
    newest = {entry.fact.check: entry.fact for entry in entries if isinstance(entry.fact, Finding)
              and entry.subject == subject and entry.fact.check in checks
              and entry.fact.version in ("", state.champion)}
    return worst([Status(fact.status) for fact in newest.values()])


def _table(models: Sequence[Row]) -> Table:
    return Table.of("models", models, "model", "version", "alias", *HEALTH, title="Models")


def _alerts(session: Session, entries: Sequence[Entry]) -> Table:
    rows: list[Row] = [{"alert": each.id, "state": each.standing(session.now()), "severity": each.severity,
                        "title": each.title, "about": each.about, "since": each.opened_at, "owner": each.owner,
                        "monitor": each.monitor, "fired": each.fired}
                       for each in folds.alerts(entries).values() if each.open]
    return Table.of("alerts", rows, "alert", "state", "severity", "title", "about", "since", "owner", title="Alerts")


def _incidents(entries: Sequence[Entry]) -> Table:
    rows: list[Row] = [{"incident": each.id, "severity": each.severity, "title": each.title, "about": each.about,
                        "since": each.opened_at, "lead": each.roles.get("lead", ""), "alerts": each.alerts}
                       for each in folds.incidents(entries).values() if each.open]
    return Table.of("incidents", rows, "incident", "severity", "title", "about", "since", "lead", title="Incidents")


def _approvals(session: Session, entries: Sequence[Entry]) -> Table:
    rows: list[Row] = [{"approval": each.id, "state": each.state, "title": each.title, "votes": each.count,
                        "requester": each.requester, "role": each.role, "since": each.asked_at,
                        "expires_at": each.expires_at}
                       for each in folds.approvals(entries, session.now()).values() if each.state in ("open", "met")]
    return Table.of("approvals", rows, "approval", "title", "votes", "role", "requester",
                    Column("expires_at", "expires"), title="Approvals")


# -- what needs you -----------------------------------------------------------------------------------------------


def _needs(session: Session, entries: Sequence[Entry]) -> Iterator[Row]:
    """Everything that waits for this person, by what the roles allow, the gravest first."""
    if session.actor.has("operator") or session.actor.has("oncall"):
        yield from _on_call(session, entries)
    for each in folds.approvals(entries, session.now()).values():
        mine = session.actor.name in (each.requester, *each.votes)
        if each.state == "open" and not mine and session.actor.has(each.role):
            yield _row(Status.WARN, 2, "approval", each.id, f"{each.title}, {each.count}", each.asked_at,
                       f"approve show {each.id}")
    if session.actor.has("engineer"):
        for proposal in folds.proposals(entries).values():
            if proposal.state == "open":
                kind = "lesson" if proposal.lesson else "proposal"
                yield _row(Status.UNKNOWN if proposal.lesson else Status.WARN, 3, kind, proposal.id,
                           proposal.why or proposal.path, proposal.at, f"adopt {proposal.id}")
    yield from _promised(session, entries)


def _on_call(session: Session, entries: Sequence[Entry]) -> Iterator[Row]:
    for alert in folds.alerts(entries).values():
        if alert.state == "firing" and not alert.silent(session.now()):
            grave = alert.severity in GRAVE
            yield _row(Status.FAIL if grave else Status.WARN, 0 if grave else 2, "alert", alert.id, alert.title,
                       alert.opened_at, f"alert show {alert.id}")
    written = folds.postmortems(entries)
    for incident in folds.incidents(entries).values():
        if incident.open:
            grave = incident.severity in GRAVE
            yield _row(Status.FAIL if grave else Status.WARN, 1, "incident", incident.id, incident.title,
                       incident.opened_at, f"incident show {incident.id}")
        elif incident.id not in written:
            yield _row(Status.WARN, 4, "post-mortem", incident.id, f"no post-mortem yet: {incident.title}",
                       incident.resolved_at, f"postmortem draft {incident.id}")
    for run in folds.runbook_runs(entries).values():
        if run.open:
            yield _row(Status.WARN, 2, "runbook", run.id, f"{run.runbook} goes on with a person", run.started_at,
                       f"runbook resume {run.id}")


def _promised(session: Session, entries: Sequence[Entry]) -> Iterator[Row]:
    """The person's own actions that are overdue."""
    today = f"{session.now().astimezone(session.declared().zone):%Y-%m-%d}"
    for item in folds.action_items(entries).values():
        if item.owner == session.actor.name and item.standing(today) == "overdue":
            yield _row(Status.UNKNOWN, 3, "action", item.id, f"due {item.due}: {item.title}", None,
                       f"postmortem show {item.incident}")


def _row(status: Status, rank: int, kind: str, id: str, title: str, since: datetime | None, action: str) -> Row:
    return {"status": status, "rank": rank, "kind": kind, "id": id, "title": title, "since": since, "action": action}
