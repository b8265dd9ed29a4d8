"""How everything stands: models, alerts, incidents, approvals, and what needs you."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime

from mlops_tui import folds, health
from mlops_tui.capability import look
from mlops_tui.oversight import aliases
from mlops_tui.project import Project
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.backlog import backlog
from store.facts import Finding, Run
from store.ledger import Entry, Ledger

KINDS = ("run", "trained", "promotion", "finding", "alert", "incident", "approval", "vote", "proposal", "runbook",
         "postmortem", "sign_off", "assessed", "board", "optout")


@look(fold=True)
def status(session: Session) -> View:
    """Everything at a glance, and first what needs you.

    \b
    Example: mlops-tui status
    Example: mlops-tui status --as-of 2013-09-14
    """
    project, wrong = session.declared().readable()
    entries, now = session.ledger.entries(*KINDS), session.now()
    declared = health.Declared.of(project, wrong)
    models = _models(health.models(declared, entries, now))
    needs = [_need(row) for row in health.needs(declared, entries, now, session.actor).rows if row["yours"]]
    alerts, incidents, approvals = _alerts(entries, now), _incidents(entries), _approvals(entries, now)
    facts: dict[str, Cell] = {
        "project": project.settings.project, "now": now, "you": session.actor.name,
        "roles": tuple(sorted(session.actor.roles)), "needs_you": len(needs), "alerts": len(alerts.rows),
        "incidents": len(incidents.rows), "approvals": len(approvals.rows), "entries": session.ledger.head_seq()}
    waiting = Table.of("needs_you", needs, "status", "kind", "id", "title", "detail", title="Needs you")
    mute = dict(_mute(session))
    mute |= _astray(session, entries)
    title, calm = _title(needs, (models, alerts, incidents), [*_broken(project, entries), *_stopped(project, entries),
                                                              *mute], _declared(project))
    return View(title, Status.PASS if calm else Status.WARN,
                (Facts(facts), *(Text(f"■ {each}: mlops-tui {see}") for each, see in mute.items()),
                 waiting, models, alerts, incidents, approvals), tuple(_actions(needs)))


def _mute(session: Session) -> Iterator[tuple[str, str]]:
    """What nobody will hear of by itself, in words, and what says more: what Slack or a route did not take, and a bot
    that gives no sign."""
    if session.as_of is None and session.project is not None and isinstance(session.ledger, Ledger):
        found = backlog(session.ledger.connections)
        if found.silent is not None:
            yield f"the Slack bot has given no sign for {found.silent / 60:,.0f} min", "slack doctor"
        elif found.apart:
            yield "Slack does not reach its bot", "slack doctor"
        if found.unsaid:
            yield _given_up(counted(found.unsaid, "message"), "to Slack", found.unsaid), "letter list"
        if found.undone:
            yield _given_up(counted(found.undone, "request"), "from Slack", found.undone), "letter list"
        if found.unsent:
            yield _given_up(counted(found.unsent, "message"), "by routes", found.unsent), "route list"


def _astray(session: Session, entries: Sequence[Entry]) -> dict[str, str]:
    """The aliases in the registry that are not where they belong, in words, and what puts them back: as they are now,
    or, of a server and of another time, as they were found last."""
    if session.as_of is None and aliases.uri_of(session).startswith("sqlite:"):
        found = [(each.said, each.model, each.champion) for each in aliases.looked(session) if each.state != "follows"]
    else:
        found = [(fact.title, name, fact.version) for name, fact in aliases.moved_away(entries).items()]
    return {said: shlex.join(aliases.put_back(model, champion).argv) for said, model, champion in found}


def _given_up(what: str, where: str, number: int) -> str:
    return f"{what} {where} {'was' if number == 1 else 'were'} given up"


def _broken(project: Project, entries: Sequence[Entry]) -> Iterator[str]:
    """The datasets whose last file broke the contract, in words."""
    newest = {entry.subject: entry.fact for entry in entries
              if isinstance(entry.fact, Finding) and entry.fact.check == "ingest"}
    bad = [name for name, found in newest.items() if found.status == Status.FAIL and name in project.datasets]
    if bad:
        yield f"the last data of {', '.join(bad)} broke the contract"


def _stopped(project: Project, entries: Sequence[Entry]) -> Iterator[str]:
    """The pipelines whose last run failed, in words."""
    newest = {entry.subject: entry.fact for entry in entries if isinstance(entry.fact, Run) and not entry.fact.step}
    bad = [name for name, run in newest.items() if run.status == "failed" and name in project.pipelines]
    if bad:
        yield f"{counted(len(bad), 'pipeline')} failed: {', '.join(bad)}"


def _title(needs: Sequence[Row], tables: tuple[Table, Table, Table], data: Sequence[str],
           declared: str) -> tuple[str, bool]:
    """What is worst in one line, and whether all is calm: nothing waits, fails or is open."""
    if needs:
        first = needs[0]
        rest = f", and {len(needs) - 1} more" if len(needs) > 1 else ""
        return f"{first['id']} needs you: {first['title']}{rest}", False
    models, alerts, incidents = tables
    open_ = [counted(len(table.rows), f"{one} is open", f"{one}s are open")
             for table, one in ((alerts, "alert"), (incidents, "incident")) if table.rows]
    sick = [*filter(None, map(_sick, models.rows)), *open_, *data]
    if sick:
        return f"Nothing needs you, but {'; '.join(sick)}", False
    return f"{declared}, and nothing needs you" if declared else "Nothing needs you", True


def _sick(row: Row) -> str:
    """Which parts of a model that serves are known to be bad, in words; empty where none is."""
    if row["alias"] != "champion":
        return ""
    said = []
    for status, verb in ((Status.FAIL, "fails"), (Status.WARN, "warns")):
        if bad := [facet for facet in health.FACETS if row[facet] is status]:
            said.append(f"{verb} in {', '.join(bad)}")
    return f"{row['model']} {' and '.join(said)}" if said else ""


def _declared(project: Project) -> str:
    """What a project without models has instead; empty where it has some."""
    if project.models:
        return ""
    found = [counted(len(each), one) for each, one in (
        (project.datasets, "dataset"), (project.features, "feature"), (project.pipelines, "pipeline"),
        (project.monitors, "monitor")) if each]
    return f"No model is declared yet, only {', '.join(found)}" if found else "Nothing is declared yet"


def _actions(needs: Sequence[Row]) -> Iterator[Action]:
    """What opens the first four, each once: two sign-offs of a version are one checklist."""
    opened = {str(row["action"]): f"{row['kind']} {row['id']}" for row in reversed(needs[:4])}
    for action, label in reversed(opened.items()):
        yield Action(label, tuple(shlex.split(action)))


# -- the tables ---------------------------------------------------------------------------------------------------


def _need(row: Row) -> Row:
    """What waits for this person, with the command that opens it as one types it."""
    kept = {key: value for key, value in row.items() if key not in ("argv", "yours", "label")}
    return kept | {"action": shlex.join(row["argv"])}  # type: ignore[arg-type]


def _models(found: Table) -> Table:
    rows = [row | {"version": row["version"] or None, "alias": "champion" if row["version"] else "not promoted"}  # type: ignore[operator]
            for row in found.rows]
    facets = [column for column in found.columns if column.id in health.FACETS]
    return Table.of("models", rows, "model", "version", "alias", *facets, title="Models")


def _alerts(entries: Sequence[Entry], now: datetime) -> Table:
    rows: list[Row] = [{"alert": each.id, "state": each.standing(now), "severity": each.severity,
                        "title": each.title, "about": each.about, "since": each.opened_at, "owner": each.owner,
                        "monitor": each.monitor, "fired": each.fired}
                       for each in folds.alerts(entries).values() if each.open]
    return Table.of("alerts", rows, "alert", "state", "severity", "title", "about", "since", "owner", title="Alerts")


def _incidents(entries: Sequence[Entry]) -> Table:
    rows: list[Row] = [{"incident": each.id, "severity": each.severity, "title": each.title, "about": each.about,
                        "since": each.opened_at, "lead": each.roles.get("lead", ""), "alerts": each.alerts}
                       for each in folds.incidents(entries).values() if each.open]
    return Table.of("incidents", rows, "incident", "severity", "title", "about", "since", "lead", title="Incidents")


def _approvals(entries: Sequence[Entry], now: datetime) -> Table:
    rows: list[Row] = [{"approval": each.id, "state": each.state, "title": each.title, "votes": each.count,
                        "requester": each.requester, "role": each.role, "since": each.asked_at,
                        "expires_at": each.expires_at}
                       for each in folds.approvals(entries, now).values() if each.state in ("open", "met")]
    return Table.of("approvals", rows, "approval", "title", "votes", "role", "requester",
                    Column("expires_at", "expires"), title="Approvals")
