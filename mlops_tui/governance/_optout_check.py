"""Whether anybody waits too long for an answer, and whether a model was trained on somebody who opted out."""

from collections.abc import Sequence

import click

from mlops_tui import folds
from mlops_tui.assurance.consent import CHECK
from mlops_tui.capability import measure
from mlops_tui.errors import NotFound, Refusal
from mlops_tui.governance import _reach as reach
from mlops_tui.governance.optout import optout
from mlops_tui.privacy.requests import TRAINING, fingerprint, requests, suppressed
from mlops_tui.privacy.subjects import column_of, suppressing
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.view import Action, Column, Facts, Part, Row, Status, Table, View, counted
from store.facts import Finding, Trained
from store.quoting import quote

OVERDUE = "optout"


@measure(of=optout)
@click.argument("subject", metavar="[MODEL[@VERSION]]", required=False)
def check(session: Session, subject: str | None) -> View:
    """Judge what is due, and look through the training rows of MODEL (else of every champion and challenger).

    A gate with the rule `consent` reads the finding; one of before somebody opted out does not count.

    \b
    Example: mlops-tui optout check
    """
    project = session.declared()
    names = [project.subject(subject, "model")] if subject else [project.subject(f"model/{each}") for each in
                                                                project.models]
    rows: list[Row] = []
    for each in names:
        state = folds.model_state(session.ledger.entries("trained", "promotion"), each.name)
        versions = [state.resolve(each.version)] if each.version else [state.champion, state.challenger]
        known = [version for version in dict.fromkeys(versions) if version in state.versions]
        if subject and not known:
            raise NotFound(f"'{each.name}' has no version {each.version or 'yet'}.",
                           next=f"Try: mlops-tui train {each.name}")
        for version in known:
            fact = state.versions[version].fact
            assert isinstance(fact, Trained)
            rows.append(_looked(session, fact))
    late = _overdue(session) if subject is None else []
    bad = sum(row["status"] is not Status.PASS for row in rows)
    status = Status.FAIL if late or any(row["status"] is Status.FAIL for row in rows) else \
        Status.UNKNOWN if bad else Status.PASS
    title = f"{counted(len(late), 'request is', 'requests are')} overdue, " if subject is None else ""
    title += f"{counted(bad, 'version does', 'versions do')} not stand" if bad else \
        f"{counted(len(rows), 'version was', 'versions were')} trained on nobody who opted out"
    parts: list[Part] = [Facts({"overdue": tuple(late), "not_trained_on": len(_people(session))}),
                         Table.of("models", rows, "status", "model", "detail", Column("rows", digits=0))]
    retrain = dict.fromkeys(str(row["model"]).partition("@")[0] for row in rows if row["status"] is Status.FAIL)
    actions = [Action(f"Train {name} again", ("train", name)) for name in retrain][:3]
    return View(title, status, tuple(parts), (*actions, Action("Requests", ("optout", "list"))))


def _people(session: Session) -> Sequence[str]:
    return suppressed(session.ledger.entries("optout"), TRAINING)


def _overdue(session: Session) -> list[str]:
    """The requests of which the last day is over, and a finding that says so."""
    zone = session.declared().zone
    today = session.now().astimezone(zone).date()
    known = requests(session.ledger.entries("optout"), zone)
    late = [each.id for each in known.values() if each.overdue(today)]
    title = f"{counted(len(late), 'request is', 'requests are')} overdue" if late else "No request is overdue"
    session.ledger.append(Finding(subject="requests", check=OVERDUE, status=str(Status.FAIL if late else Status.PASS),
                                  title=title, value=float(len(late)), limit=0.0, unit="requests", n=len(known),
                                  detail={"requests": late}))
    return late


def _looked(session: Session, fact: Trained) -> Row:
    """The finding of one version, as a row."""
    people = _people(session)
    status, detail, count = _judged(session, fact, people)
    name = f"{fact.subject}@{fact.version}"
    session.ledger.append(Finding(
        subject=fact.subject, check=CHECK, status=str(status), title=detail, limit=0.0, unit="rows",
        value=None if count is None else float(count), version=fact.version, data=(fact.training,),
        declaration=session.declaration("model", fact.subject), detail={"list": fingerprint(people)}))
    return {"status": status, "model": name, "detail": detail, "rows": count}


def _judged(session: Session, fact: Trained, people: Sequence[str]) -> tuple[Status, str, int | None]:
    """How many of a version's training rows were erased, or are of people who object."""
    project, lake = session.declared(), reach.whole(session)
    declared = project.model(fact.subject)
    contract = project.datasets.get(declared.label.dataset)
    column = column_of(contract) if contract is not None else None
    if contract is None or column is None:
        return Status.UNKNOWN, f"{declared.label.dataset} does not say whose its rows are (dataSubject)", None
    try:
        state = lake.manifest(f"{fact.subject}.training", fact.training)
        labels = lake.manifest(declared.label.dataset, str(fact.detail.get("labels") or ""))
    except Refusal:
        return Status.UNKNOWN, "what it was trained on is not there any more", None
    erased = sum(int(each["rows"]) for each in state.erased)
    if erased:
        return Status.FAIL, f"{counted(erased, 'row')} that it was trained on were erased since", erased
    keys = [quote(key) for key in pointintime.key_columns(declared, contract)]
    cursor = lake.connect()
    out = suppressing(session, cursor, f"l.{quote(column)}", people)
    same = " AND ".join(f"t.{key} = l.{key}" for key in keys)
    [(count,)] = cursor.execute(f"SELECT count(*) FROM {lake.scan(state)} t JOIN {lake.scan(labels)} l ON {same} "
                                f"WHERE {out}").fetchall()
    if count:
        return Status.FAIL, f"{counted(count, 'row')} that it was trained on are of people who opted out", int(count)
    return Status.PASS, f"none of its {state.rows:,} training rows is of somebody who opted out", 0
