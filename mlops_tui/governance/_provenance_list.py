"""Which models that serve are known down to their source files, as last checked."""

from mlops_tui import folds
from mlops_tui.assurance.lineage import CHECK, FRESH
from mlops_tui.capability import look
from mlops_tui.governance.provenance import provenance
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, counted, worst
from store.facts import Finding, Foreign


@look(of=provenance, fold=True)
def list_(session: Session) -> View:
    """Every model that serves, with what the newest check of its provenance said.

    \b
    Example: mlops-tui provenance list
    """
    project, entries = session.declared(), session.ledger.entries("trained", "promotion")
    champions = {name: folds.model_state(entries, name).champion for name in project.models}
    rows = [_row(session, name, version) for name, version in champions.items() if version]
    known = sum(row["status"] is Status.PASS for row in rows)
    foreign = [entry.fact for entry in session.ledger.entries("foreign") if isinstance(entry.fact, Foreign)]
    facts: dict[str, Cell] = {"models": len(rows), "unbroken": known, "foreign_events": len(foreign),
                              "foreign_jobs": len({each.subject for each in foreign})}
    title = f"{known} of {counted(len(rows), 'model in service', 'models in service')} known to their source files" \
        if rows else "No model serves yet"
    table = Table.of("models", rows, "status", "model", "version", Column("files", "source files"),
                     Column("share", "predictions known", share=True), Column("checked_at", "checked"), "why")
    unsure = [row for row in rows if row["status"] is not Status.PASS]
    actions = [Action("Check them", ("provenance", "check"))] if rows else []
    actions += [Action(f"Where {row['model']} comes from", ("provenance", "of", f"{row['model']}@{row['version']}"))
                for row in (unsure or rows)[:1]]
    return View(title, worst(Status(str(row["status"])) for row in rows), (Facts(facts), table), tuple(actions))


def _row(session: Session, model: str, version: str) -> Row:
    """What the newest check of the version said; unknown where there is none, or an old one."""
    found = [entry for entry in folds.findings_of(session.ledger.entries("finding", subject=model), check=CHECK)
             if isinstance(entry.fact, Finding) and entry.fact.version == version]
    row: dict[str, Cell] = {"model": model, "version": version, "status": Status.UNKNOWN, "why": "not checked yet"}
    if not found or not isinstance(fact := found[-1].fact, Finding):
        return row
    at, detail = found[-1].effective_at, fact.detail
    share = detail["whole"] / detail["predictions"] if detail.get("predictions") else None
    row |= {"files": detail.get("files"), "share": share, "checked_at": at}
    if session.now() - at > FRESH:
        return {**row, "why": f"checked more than {FRESH.days} days ago"}
    return {**row, "status": Status(fact.status), "why": "; ".join(detail.get("breaks", ())) or None}
