"""Versions that lie there plainly, encrypted where they lie."""

from dataclasses import replace

import click

from mlops_tui.capability import Plan, Shut, act
from mlops_tui.errors import Unreadable
from mlops_tui.governance._vaulted import HALF, KEEP, PLAIN, SEALED, Held, standing
from mlops_tui.governance.vault import vault
from mlops_tui.models import sealing
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, Text, View, counted
from store.archives import Archives, unpacked
from store.facts import Archived, Kept
from store.rooms import room

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
    found = standing(session)
    todo = [each for each in found.versions if each.version.name in names
            and (each.state in (PLAIN, HALF) or (each.state == SEALED and not each.version.archive
                                                 and not _recorded(session, each)))]
    packed = [each for each in found.packed_plain if f"{each.subject}@{each.version}" in names]
    facts: dict[str, Cell] = {"versions": len(todo), "archives": len(packed),
                              "models": tuple(sorted({each.version.model for each in todo}
                                                     | {each.subject for each in packed}))}
    if not todo and not packed:
        return Shut(View("Every version that is there is sealed", Status.PASS, (Facts(facts),)), ())
    rows: list[Row] = [{"version": each.version.name, "state": each.state} for each in todo]
    rows += [{"version": f"{each.subject}@{each.version}", "state": "archived plain"} for each in packed]
    view = View(f"{counted(len(rows), 'version')} would be sealed", Status.CONFIRM,
                (Facts(facts), Table.of("versions", rows, "version", "state"), Text(KEEP)))
    return Plan(view, lambda: _sealed(session, todo, packed), idempotent=True)


def _recorded(session: Session, each: Held) -> bool:
    """Whether the history knows that it is sealed: who sealed it may have been killed before he could say so."""
    return any(isinstance(entry.fact, Kept) and (entry.fact.event, entry.fact.version) == ("sealed",
                                                                                         each.version.number)
               for entry in session.ledger.entries("vault", subject=each.version.model))


def _sealed(session: Session, todo: list[Held], packed: list[Archived]) -> View:
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
    for done, old in enumerate(packed):
        session.progress(done, len(packed), f"archive of {old.subject}@{old.version}")
        _repacked(session, old)
    count = len(todo) + len(packed)
    return View(f"{counted(count, 'version is', 'versions are')} sealed", Status.DONE,
                (Facts({"versions": len(todo), "archives": len(packed), "key": keys.active()}),
                 Text(f"{KEEP} {BACKUPS}")), (Action("How it stands", ("vault", "status")),))


def _repacked(session: Session, old: Archived) -> None:
    """A plain archive replaced by a sealed one: that is there and told of before the plain one goes."""
    archives = Archives(session.declared().root / ".mlops" / "archive")
    vault = sealing.local(session)
    strict = replace(vault, policy=replace(vault.policy, seal=True))
    archives.checked(old.archive)
    with room(vault.work) as work:
        unpacked(archives.path(old.archive), work / "plain")
        if vault.digest(work / "plain") != old.artifact:
            raise Unreadable(f"The archive of {old.subject}@{old.version} is not what was registered.",
                             where=str(archives.path(old.archive)))
        with strict.prepared(work / "plain", f"{old.subject}@{old.version}") as folder:
            id, held = archives.keep(folder, {"model": old.subject, "version": old.version, "artifact": old.artifact})
            made = replace(old, archive=id, files=len(held.files), bytes=held.bytes)
            away = next(each.archive for each in sealing.versions(session)
                        if (each.model, each.number) == (old.subject, old.version))
            session.ledger.append(made, replace(made, event="taken"), *(
                [] if away else [replace(made, event="restored")]),
                Kept(subject=old.subject, event="sealed", version=old.version, artifact=old.artifact,
                     key=vault.header(folder).kek))
    archives.remove(old.archive)
