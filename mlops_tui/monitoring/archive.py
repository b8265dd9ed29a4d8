"""Models that nobody needs any more: found, packed away, given back to the byte, and MLflow's clutter removed."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

import click

from mlops_tui.capability import Plan, Shut, act, decide, look, noun
from mlops_tui.errors import BadInput, Conflict, NotFound, Unreadable, nearest
from mlops_tui.inputs.moments import span
from mlops_tui.monitoring import _stale as stale
from mlops_tui.monitoring._stale import EVERY, FORMER, Version
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.archives import Archives
from store.clutter import Clutter, clutter, places, size_of
from store.facts import Archived, Fact, Hold
from store.ledger import Entry
from store.quoting import quote
from store.vault import renewed

archive = noun("archive", __doc__ or "", bare="list")
KINDS = ("trained", "promotion", "approval", "vote", "incident", "archive", "hold")
PLAIN = ("What was sealed is archived sealed; other archives are not encrypted: they lie in .mlops/archive as plainly "
         "as the models did.")
SHOWN = 20  # pieces of clutter
WAITS = timedelta(days=1)  # somebody may be training: what is younger is not clutter yet
UNREGISTERED = ("unregistered run", "unregistered model")


@look(of=archive)
@click.option("--idle", default="90d", show_default=True, help="Not used: no answer for so long.")
def list_(session: Session, idle: str) -> View:
    """Versions that nobody needs, with why, size and cost a month; what is archived; what MLflow keeps of nothing.

    A version is stale when it gave no answer for so long, was superseded, or its declared day (`expires` of the model)
    has come. What must be kept is said so: legal hold, champion, challenger, what one falls back to, an open approval
    or incident, and what was a champion once.

    \b
    Example: mlops-tui archive list --idle 30d
    """
    found = _versions(session, idle)
    folders, packed = _places(session), _archives(session)
    rates = session.declared().settings.compute
    rows: list[Row] = []
    for each in found:
        here = _size(folders.get((each.model, each.version)))
        there = packed.path(each.archived).stat().st_size if _is_there(packed, each.archived) else None
        rows.append({
            "version": each.name, "status": _standing(each), "why": each.stale or None, "kept": each.kept or None,
            "last_answer": str(each.last_seen) if each.last_seen else None, "bytes": here or there,
            "cost": rates.keeping(here or there or 0), "archive": each.archived or None, "made": each.made})
    lost = [each.name for each in found if each.archived and not _is_there(packed, each.archived)]
    rows.sort(key=lambda row: row["status"] is not Status.WARN)
    pieces = _pieces(session)
    free = [each for each in found if each.stale and not each.kept and not each.archived]
    size = sum(_size(folders.get((each.model, each.version))) for each in free)
    facts: dict[str, Cell] = {
        "versions": len(found), "stale": sum(bool(each.stale) for each in found), "may_go": len(free), "bytes": size,
        "archived": sum(bool(each.archived) for each in found),
        "clutter": len(pieces), "clutter_bytes": sum(each.bytes for each in pieces),
        **({"cost_a_month": rates.keeping(size + sum(each.bytes for each in pieces)), "currency": rates.currency}
           if rates.gib_month is not None else {})}
    table = Table.of("versions", rows, "status", "version", "why", Column("kept", "kept: it is"), "bytes",
                     *([Column("cost", "cost a month", unit=rates.currency, digits=4)] if rates.gib_month else []),
                     *([Column("archive", cut=12)] if any(row["archive"] for row in rows) else []))
    parts: tuple[Part, ...] = (Facts(facts), table, *([_clutter_table(pieces)] if pieces else []), Text(PLAIN))
    actions = (*(Action(f"Archive {each.name}", ("archive", "take", each.name)) for each in free[:3]),
               *([Action("Remove the clutter", ("archive", "purge"))] if pieces else []))
    if lost:
        return View(f"The archive of {', '.join(lost)} is not there", Status.FAIL, parts, actions)
    held = sum(bool(each.stale and each.kept) for each in found)
    title = f"{counted(len(free), 'version is', 'versions are')} needed by nobody" if free else \
        f"{counted(held, 'stale version', 'stale versions')}, and all must be kept" if held else "No version is stale"
    return View(title + (f"; MLflow keeps {counted(len(pieces), 'thing')} of nothing" if pieces else ""),
                Status.WARN if free or pieces else Status.PASS, parts, actions)


def _standing(each: Version) -> Status:
    if each.archived:
        return Status.DONE
    return Status.RUNNING if each.begun else Status.WARN if each.stale and not each.kept else Status.PASS


# -- packing away -------------------------------------------------------------------------------------------------


@act(of=archive)
@click.argument("version")
@click.option("--was-champion", is_flag=True, help="Archive it although it served once.")
def take(session: Session, version: str, *, was_champion: bool) -> Plan | Shut:
    """Pack VERSION (model@number) into an archive, and remove its files once that was read back.

    It can be given back to the byte. Refused for what must be kept; a former champion needs --was-champion.

    \b
    Example: mlops-tui archive take flights-delay@3
    """
    each = _one(session, version)
    folder = _folder(session, each)
    against = [why for why in each.kept if not (was_champion and why == FORMER)]
    facts: dict[str, Cell] = {"version": each.name, "made": each.made, "why": each.stale or "it is not stale",
                              "bytes": _size(folder), "artifact": each.artifact}
    if against:
        advice = (Action("Archive it all the same", ("archive", "take", each.name, "--was-champion")),) \
            if against == [FORMER] else ()
        return Shut(View(f"{each.name} must be kept: {', '.join(against)}", Status.FAIL,
                         (Facts({**facts, "kept": tuple(against)}),), advice), ())
    if each.archived:
        raise BadInput(f"{each.name} is archived already.", next=f"Try: mlops-tui archive restore {each.name}")
    if not folder.is_dir() and not each.begun:
        raise NotFound(f"The files of {each.name} are not there.", where=str(folder),
                       next="Try: mlops-tui archive list")
    if folder.is_dir() and session.tracking().vault.digest(folder) != each.artifact:
        raise Unreadable(f"The files of {each.name} are not the ones that were registered.", where=str(folder),
                         next="Look what changed them before they are packed away.")
    view = View(f"{each.name} would be archived", Status.CONFIRM, (Facts(facts), Text(PLAIN)))
    return Plan(view, lambda: _taken(session, each, was_champion=was_champion))


def _taken(session: Session, each: Version, *, was_champion: bool) -> View:
    """Pack, read back, say so in the history, and only then remove: whoever is killed loses nothing, and it can be
    begun again."""
    with session.tracking().vault.keys.held():  # no header is put under another key while it is packed
        return _packed(session, each, was_champion=was_champion)


def _packed(session: Session, each: Version, *, was_champion: bool) -> View:
    archives, folder = _archives(session), _folder(session, each)
    if folder.is_dir():
        id, held = archives.keep(folder, {"model": each.model, "version": each.version, "artifact": each.artifact})
    else:  # somebody was killed between the removal and the last word
        id, held = each.begun, archives.checked(each.begun)
    fact = Archived(subject=each.model, event="began", version=each.version, archive=id, artifact=each.artifact,
                    files=len(held.files), bytes=held.bytes)

    def decide(entries: Sequence[Entry]) -> Iterable[Fact]:
        against = [why for why in stale.kept(entries, each.model, each.version, session.now())
                   if not (was_champion and why == FORMER)]
        if against:
            raise Conflict(f"{each.name} must be kept by now: {', '.join(against)}.", next="Look at the plan again.")
        return () if each.begun == id else (fact,)

    session.ledger.transact(decide)
    archives.let_go(folder)
    session.ledger.append(Archived(subject=each.model, event="taken", version=each.version, archive=id,
                                   artifact=each.artifact, files=len(held.files), bytes=held.bytes))
    facts: dict[str, Cell] = {"version": each.name, "archive": id, "files": len(held.files), "bytes": held.bytes,
                              "where": str(archives.path(id))}
    return View(f"{each.name} is archived", Status.DONE, (Facts(facts), Text(PLAIN)),
                (Action("Give it back", ("archive", "restore", each.name)),))


@act(of=archive)
@click.argument("version")
def restore(session: Session, version: str) -> Plan:
    """Give the files of VERSION (model@number) back, the same to the byte.

    \b
    Example: mlops-tui archive restore flights-delay@3
    """
    each, archives = _one(session, version), _archives(session)
    folder = _folder(session, each)
    made = stale.archive_of(session.ledger.entries("archive"), each.model, each.version)
    if made is None:
        raise NotFound(f"{each.name} was never archived.", next="Try: mlops-tui archive list")
    if folder.exists() and not each.archived:
        raise BadInput(f"The files of {each.name} are in their place.", where=str(folder))
    held = archives.checked(made.archive)
    facts: dict[str, Cell] = {"version": each.name, "archive": made.archive, "files": len(held.files),
                              "bytes": held.bytes, "to": str(folder)}

    def apply() -> View:
        if not folder.exists():
            with session.tracking().vault.keys.held():
                archives.give_back(made.archive, folder, renewed(archives.path(made.archive)))
        if session.tracking().vault.digest(folder) != each.artifact:
            raise Unreadable(f"What was given back is not {each.name}.", where=str(folder))
        session.ledger.append(Archived(subject=each.model, event="restored", version=each.version, archive=made.archive,
                                       artifact=each.artifact, files=len(held.files), bytes=held.bytes))
        return View(f"{each.name} is back, the same to the byte", Status.DONE, (Facts(facts),))

    return Plan(View(f"{each.name} would be given back", Status.CONFIRM, (Facts(facts),)), apply)


# -- what MLflow keeps of nothing -----------------------------------------------------------------------------------


@act(of=archive)
@click.option("--unregistered", is_flag=True, help="Runs and models that were never registered, too.")
def purge(session: Session, *, unregistered: bool) -> Plan | Shut:
    """Remove for good what MLflow keeps of nothing: deleted runs and experiments with their files, files of no run.

    Nothing that a registered version is of is touched, nor what the history calls a version. What is less than a day
    old is left: somebody may be training.

    \b
    Example: mlops-tui archive purge --unregistered
    """
    pieces = [each for each in _pieces(session) if unregistered or each.kind not in UNREGISTERED]
    facts: dict[str, Cell] = {"pieces": len(pieces), "bytes": sum(each.bytes for each in pieces)}
    if not pieces:
        return Shut(View("MLflow keeps nothing that could be removed", Status.PASS, (Facts(facts),)), ())
    view = View(f"{counted(len(pieces), 'thing')} would be removed for good", Status.CONFIRM,
                (Facts(facts), _clutter_table(pieces)))
    return Plan(view, lambda: _purged(session, pieces))


def _purged(session: Session, pieces: Sequence[Clutter]) -> View:
    """The records first, then the files: files without a record are found again as such."""
    still = {(each.kind, each.id) for each in _pieces(session)}
    chosen = [each for each in pieces if (each.kind, each.id) in still]
    archives, tracking = _archives(session), session.tracking()
    runs, models, experiments = ([each.id for each in chosen if each.kind.endswith(kind)]
                                 for kind in ("run", "model", "experiment"))
    tracking.purge(runs, models, experiments)
    for each in chosen:
        for folder in each.folders:
            archives.let_go(folder)
    size = sum(each.bytes for each in chosen)
    session.ledger.append(Archived(subject="mlflow", event="purged", files=len(chosen), bytes=size,
                                   detail={kind: sum(each.kind == kind for each in chosen)
                                           for kind in dict.fromkeys(each.kind for each in chosen)}))
    return View(f"{counted(len(chosen), 'thing is', 'things are')} gone for good", Status.DONE,
                (Facts({"pieces": len(chosen), "bytes": size}),), (Action("What is left", ("archive", "list")),))


def _clutter_table(pieces: Sequence[Clutter]) -> Table:
    rows: list[Row] = [{"kind": each.kind, "name": each.name, "id": each.id, "since": each.since, "bytes": each.bytes}
                       for each in sorted(pieces, key=lambda each: -each.bytes)]
    return Table.of("clutter", rows[:SHOWN], "kind", "name", Column("id", cut=12), "since", "bytes", total=len(rows),
                    title="What MLflow keeps of nothing")


def _pieces(session: Session) -> list[Clutter]:
    """The clutter, without what is young, and without the run of anything that the history calls a version."""
    tracking, now = session.tracking(), session.now()
    ours = {str(getattr(entry.fact, "run_id", "")) for entry in session.ledger.entries("trained")}
    return [each for each in clutter(_database(session), tracking.artifacts)
            if each.id not in ours and each.run not in (ours or {""}) - {""}
            and (each.since is None or now - each.since > WAITS)]


# -- legal hold -----------------------------------------------------------------------------------------------------


@decide(of=archive)
@click.argument("subject")
def hold(session: Session, subject: str, reason: str) -> View:
    """Keep SUBJECT, a model or one version of it (model@number), whoever wants it gone: a legal hold.

    \b
    Example: mlops-tui archive hold flights-delay@3 --reason "case 4711"
    """
    model, number = _held(session, subject)
    session.ledger.append(Hold(subject=model, event="held", version=number, reason=reason))
    facts = Facts({"model": model, "version": number})
    return View(f"{_named(model, number)} is under legal hold", Status.DONE, (facts,))


@decide(of=archive)
@click.argument("subject")
def release(session: Session, subject: str, reason: str) -> View:
    """End the legal hold on SUBJECT, named as it was when it was held.

    \b
    Example: mlops-tui archive release flights-delay@3 --reason "case 4711 is closed"
    """
    model, number = _held(session, subject)
    standing = stale.held(session.ledger.entries("hold"), model)
    if number not in standing:
        known = ", ".join(_named(model, each) for each in standing)
        raise NotFound(f"'{subject}' is under no legal hold.", next=f"There are: {known}." if known else "None is.")
    session.ledger.append(Hold(subject=model, event="released", version=number, reason=reason))
    return View(f"{_named(model, number)} is under legal hold no more", Status.DONE,
                (Facts({"model": model, "version": number}),))


def _held(session: Session, subject: str) -> tuple[str, str]:
    if "@" not in subject:
        return session.declared().subject(subject, "model").name, EVERY
    each = _one(session, subject)
    return each.model, each.version


def _named(model: str, number: str) -> str:
    return f"Every version of {model}" if number == EVERY else f"{model}@{number}"


# -- what there is --------------------------------------------------------------------------------------------------


def _versions(session: Session, idle: str) -> list[Version]:
    entries = session.ledger.entries(*KINDS)
    declared = session.declared().models
    expires = {name: date.fromisoformat(each.expires) for name, each in declared.items() if each.expires}
    names = dict.fromkeys(entry.subject for entry in entries if entry.kind == "trained")
    seen = {(name, number): day for name in names for number, day in _last_answers(session, name)}
    return stale.versions(entries, seen, expires, session.now(), span(idle, none=True))


def _last_answers(session: Session, model: str) -> list[tuple[str, date]]:
    """The last day on which each version of a model answered."""
    log = session.current(f"{model}.predictions")
    if log is None or not {"version", "day"} <= set(log.columns):
        return []
    lake = session.data()
    query = f"SELECT version, max(CAST({quote('day')} AS DATE)) FROM {lake.scan(log)} GROUP BY 1"
    return [(str(number), day) for number, day in lake.connect().execute(query).fetchall() if day is not None]


def _one(session: Session, subject: str) -> Version:
    """The version that `model@number` names."""
    name, _, number = subject.rpartition("/")[2].partition("@")
    found = {each.name: each for each in _versions(session, "90d")}
    if not number:
        raise BadInput("Which version?", next=f"Name it: {name}@NUMBER. Try: mlops-tui archive list")
    if f"{name}@{number}" not in found:
        raise NotFound(f"No version '{name}@{number}'.", next=nearest(f"{name}@{number}", found)
                       or f"There are: {', '.join(list(found)[-8:]) or 'none'}.")
    return found[f"{name}@{number}"]


def _database(session: Session) -> Path:
    """MLflow's own file; BadInput where models lie on a server, of which nothing is removed."""
    tracking = session.tracking()
    if not tracking.local:
        raise BadInput("The models lie on an MLflow server, of which nothing is removed from here.",
                       where="mlops.yaml, stores: mlflow", next="Archive them where they lie.")
    return Path(tracking.uri.removeprefix("sqlite:///"))


def _places(session: Session) -> dict[tuple[str, str], Path]:
    return places(_database(session), session.tracking().artifacts)


def _folder(session: Session, each: Version) -> Path:
    found = _places(session).get((each.model, each.version))
    root = session.tracking().artifacts.resolve()
    if found is None or not found.resolve().is_relative_to(root):
        raise NotFound(f"MLflow knows no place for {each.name}.", where=str(root), next="Try: mlops-tui doctor")
    return found


def _size(folder: Path | None) -> int:
    return size_of((folder,)) if folder is not None and folder.is_dir() else 0


def _archives(session: Session) -> Archives:
    return Archives(session.declared().root / ".mlops" / "archive")


def _is_there(archives: Archives, id: str) -> bool:
    try:
        return archives.path(id).is_file()
    except NotFound:
        return False
