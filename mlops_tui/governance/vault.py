"""Models encrypted at rest and signed: which versions are, under which key, and whether they are whole."""

from pathlib import Path

import click

from mlops_tui.capability import LocalPath, act, look, measure, noun
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.governance._vaulted import KEEP, Standing, standing
from mlops_tui.models import sealing
from mlops_tui.models.sealing import Version
from mlops_tui.privacy.transit import Connection, connections
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Part, Row, Status, Table, Text, View, counted, worst
from store.archives import Archives
from store.facts import Finding
from store.modelfiles import SIGNATURE
from store.signing import Unsigned

vault = noun("vault", __doc__ or "", bare="status", package=__package__)
ID = Column("key", cut=8)


@look(of=vault)
def status(session: Session) -> View:
    """Which versions are sealed and signed, under which key; and which connections are encrypted on the way.

    What to back up: the models (.mlops/artifacts, .mlops/archive), and apart from them the keys (.mlops/keys, or what
    the variable named in mlops.yaml holds). Without its key a sealed model is unreadable for good, to us as to anybody.

    \b
    Example: mlops-tui vault status
    """
    found, joined = standing(session), connections(session.declared())
    clear = [each for each in joined if each.status in (Status.FAIL, Status.WARN)]
    parts: list[Part] = [Facts(found.facts()), *_keys(found), *_versions(found), *_connections(joined)]
    parts += [Text(KEEP)] if found.keys else []
    status = worst([found.status, Status.WARN]) if clear else found.status
    return View(found.title, status, tuple(parts), found.actions)


def _keys(found: Standing) -> list[Table]:
    rows: list[Row] = [{"key": key, "state": "active" if key == found.active else "old", "from": found.origins[key],
                        "versions": len(found.on(key))} for key in found.keys]
    rows += [{"key": key, "state": "not here", "from": "", "versions": len(found.on(key))}
             for key in dict.fromkeys(each.kek for each in found.lost)]
    columns = (ID, "state", Column("versions", worth=1), Column("from", worth=-1))
    return [Table.of("keys", rows, *columns, title="Keys")] if rows else []


def _versions(found: Standing) -> list[Table]:
    rows: list[Row] = [{"version": each.version.name, "state": each.state, "key": each.key or None,
                        "signed": each.signed, "artifact": each.version.artifact} for each in found.versions]
    rows += [{"version": str(each.path), "state": each.why, "key": None, "signed": None, "artifact": None}
             for each in found.broken]
    columns = ("version", "state", Column("signed", worth=1), ID)
    return [Table.of("versions", rows, *columns, title="Versions")] if rows else []


def _connections(found: list[Connection]) -> list[Table]:
    rows: list[Row] = [{"status": each.status, "connection": each.what, "to": each.place or None,
                        "protection": each.said} for each in found]
    return [Table.of("connections", rows, "status", "connection", "to", "protection", title="On the way")] \
        if rows else []


@measure(of=vault)
@click.argument("subject", required=False)
def verify(session: Session, subject: str | None) -> View:
    """Read every file of SUBJECT (a model, model@number, or all): whole, as registered, and signed where it must be.

    Archived versions are read as well. What is damaged is named, with the place to restore.

    \b
    Example: mlops-tui vault verify
             mlops-tui vault verify flights-delay@3
    """
    chosen, rows = sealing.chosen(session, subject), []
    where: list[str] = []
    findings: list[Finding] = []
    for done, each in enumerate(chosen):
        session.progress(done, len(chosen), each.name)
        if each.archive:
            rows.append(_archived(session, each, where))
            continue
        found = sealing.judged(session, each.model, each.number, each.artifact)
        if found.detail.get("code") == Unsigned.code and not sealing.signs(session):
            rows.append(_row(each, Status.PASS, "whole, not signed"))
            continue
        findings.append(found)
        where += [str(found.detail["where"])] if "where" in found.detail else []
        rows.append(_row(each, Status(found.status), found.title.partition(": ")[2]))
    session.ledger.append(*findings)
    bad = [row for row in rows if row["status"] is not Status.PASS]
    title = f"{bad[0]['version']}: {bad[0]['what']}" if len(bad) == 1 else \
        f"{len(bad)} of {counted(len(rows), 'version')} are not as they should be" if bad else \
        f"{counted(len(rows), 'version is', 'versions are')} whole" if rows else "There is no version to read"
    status = Status.FAIL if bad else Status.PASS if rows else Status.UNKNOWN
    return View(title, status, (Facts({"versions": len(rows), "damaged": len(bad), "where": tuple(where)}),
                                Table.of("versions", rows, "status", "version", "what")))


def _archived(session: Session, each: Version, where: list[str]) -> Row:
    """An archived version, every byte of its archive read."""
    try:
        Archives(session.declared().root / ".mlops" / "archive").checked(each.archive)
    except Refusal as problem:
        where.append(problem.where)
        return _row(each, Status.FAIL, problem.what)
    return _row(each, Status.PASS, "archived, whole")


def _row(each: Version, status: Status, what: str) -> Row:
    return {"status": status, "version": each.name, "what": what, "artifact": each.artifact}


@act(of=vault, confirm=False)
@click.argument("subject")
@click.option("--key", type=LocalPath(), default=None, help="A private key in PEM, such as one on a stick; else ours.")
def sign(session: Session, subject: str, key: Path | None) -> View:
    """Sign the files of SUBJECT, model@number or every version of a model, as OpenSSF model-signing does.

    The signature is over the plain files, whether or not they are sealed, and lies beside them as model.sig; `vault
    export` gives out both for others to verify. It counts where its public key is trusted: the project's own
    (.mlops/keys/signing), or those named in mlops.yaml, vault: signers.

    \b
    Example: mlops-tui vault sign flights-delay@3
    """
    vault, tracking = sealing.local(session), session.tracking()
    findings: list[Finding] = []
    for each in sealing.chosen(session, subject):
        if each.archive:
            continue
        files = tracking.hashes(each.model, each.number, digest=each.artifact)
        vault.sign(tracking.place(each.model, each.number), each.name, files, key)
        findings.append(sealing.judged(session, each.model, each.number, each.artifact))
        session.ledger.append(findings[-1])
    if not findings:
        raise BadInput(f"Every version of '{subject}' is archived.", next="Try: mlops-tui archive list")
    rows: list[Row] = [{"status": Status(each.status), "version": f"{each.subject}@{each.version}",
                        "files": each.n, "key": each.detail.get("key"), "what": each.title.partition(": ")[2]}
                       for each in findings]
    status = worst([Status(each.status) for each in findings])
    title = f"{counted(len(findings), 'version is', 'versions are')} signed" if status is Status.PASS else \
        findings[-1].title
    return View(title, Status.DONE if status is Status.PASS else status,
                (Facts({"versions": len(findings), "signature": SIGNATURE}),
                 Table.of("versions", rows, "status", "version", "files", ID, "what")),
                (Action("Read every file", ("vault", "verify", subject)),))
