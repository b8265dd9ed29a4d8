"""Versions that lie there plainly, encrypted where they lie."""

import click

from mlops_tui.capability import Plan, Shut, act
from mlops_tui.governance._vaulted import HALF, KEEP, PLAIN, SEALED, Held, standing
from mlops_tui.governance.vault import vault
from mlops_tui.models import sealing
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, Text, View, counted
from store.facts import Kept

BACKUPS = "What backups and the disk's free blocks still hold of the plain files is beyond this command."


@act(of=vault)
@click.argument("subject", required=False)
def seal(session: Session, subject: str | None) -> Plan | Shut:
    """Encrypt the versions of SUBJECT (a model, model@number, or all) that lie there plainly.

    Each is read back before its plain files go; who reads meanwhile is not disturbed, and a killed command is begun
    again. The digest of a version stays what it was. Without the key nobody can read them, ever: back up .mlops/keys.

    \b
    Example: mlops-tui vault seal flights-delay
    """
    sealing.local(session)
    names = {each.name for each in sealing.chosen(session, subject)}
    todo = [each for each in standing(session).versions if each.version.name in names
            and (each.state in (PLAIN, HALF) or (each.state == SEALED and not each.version.archive
                                                 and not _recorded(session, each)))]
    facts: dict[str, Cell] = {"versions": len(todo), "models": tuple(sorted({each.version.model for each in todo}))}
    if not todo:
        return Shut(View("Every version that is there is sealed", Status.PASS, (Facts(facts),)), ())
    rows: list[Row] = [{"version": each.version.name, "state": each.state, "where": str(each.version.folder)}
                       for each in todo]
    view = View(f"{counted(len(todo), 'version')} would be sealed", Status.CONFIRM,
                (Facts(facts), Table.of("versions", rows, "version", "state"), Text(KEEP)))
    return Plan(view, lambda: _sealed(session, todo), idempotent=True)


def _recorded(session: Session, each: Held) -> bool:
    """Whether the history knows that it is sealed: who sealed it may have been killed before he could say so."""
    return any(isinstance(entry.fact, Kept) and (entry.fact.event, entry.fact.version) == ("sealed",
                                                                                         each.version.number)
               for entry in session.ledger.entries("vault", subject=each.version.model))


def _sealed(session: Session, todo: list[Held]) -> View:
    keys = sealing.local(session).keys
    keys.ready()
    sealing.told(session)
    for done, each in enumerate(todo):
        version = each.version
        session.progress(done, len(todo), version.name)
        sealing.local(session).seal(version.folder, version.artifact)
        session.ledger.append(Kept(subject=version.model, event="sealed", version=version.number,
                                   artifact=version.artifact,
                                   key=sealing.local(session).header(version.folder).kek))
    return View(f"{counted(len(todo), 'version is', 'versions are')} sealed", Status.DONE,
                (Facts({"versions": len(todo), "key": keys.active()}), Text(f"{KEEP} {BACKUPS}")),
                (Action("How it stands", ("vault", "status")),))
