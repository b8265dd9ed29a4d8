"""Proof that a person is gone: every read path and every file of the project looked through again."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from mlops_tui.capability import Said, measure
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.governance import _reach as reach
from mlops_tui.governance._erasing import databases, flagged
from mlops_tui.governance.optout import moved, optout, request_of
from mlops_tui.models.shelf import shelf_of
from mlops_tui.privacy import kept
from mlops_tui.privacy.requests import suppressed
from mlops_tui.privacy.subjects import column_of, pseudonym
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Row, Status, Table, Text, View, counted
from store import scrubbing
from store.erasing import Match, located_in
from store.facts import Finding
from store.garbage import manifests
from store.lake import Lake, read_manifest

ANSWER = ("What the person is told, whatever was found: what was kept under the given id was erased, as far as there "
          "was anything; a keyed hash of the id is kept to leave it out of what comes in later.")

MISSED = ("Where a dataset has the person in a column of which its contract does not say so, declare it, and erase "
          "again: customProperties: [{property: dataSubject, value: COLUMN}]")


@dataclass(frozen=True)
class ReadPath:
    """One way to read the project: what was looked at, how much of it, and where the person still is."""

    name: str
    looked_at: int
    there: tuple[str, ...] = ()
    outside: bool = False


@measure(of=optout)
@click.argument("request")
@click.option("--person", type=Said(), default="", help="The id, once more: after it was attested nobody knows it.")
def attest(session: Session, request: str, person: str) -> View:
    """Prove that whoever made REQUEST is in no file, snapshot, cache, queue, log or text of the project any more.

    Once nothing is found, the id that was kept for the search, or for a link, goes too, and the request is closed.

    \b
    Example: mlops-tui optout attest OO-1
    """
    asked = request_of(session, request)
    if asked.right != "erasure" or asked.state not in ("actioned", "attested"):
        raise Conflict(f"{asked.id}: {asked.right} is {asked.state}.", next=f"Try: mlops-tui optout show {asked.id}")
    who = person or kept.known(session, asked.id)
    if not who:
        raise BadInput("Who made the request is not known any more.", next="Give --person ID")
    if pseudonym(session, who) != asked.person:
        raise BadInput("That is not who made the request.", where="--person")
    paths = list(_paths(session, who, asked.id))
    models = flagged(session, reach.Found(), (asked.id,))
    bad = [each for each in paths if each.there and not each.outside]
    outside = [place for each in paths if each.outside for place in each.there]
    outside += [place for place in asked.detail.get("by_hand", ()) if place not in outside and Path(place).exists()]
    rows: list[Row] = [{"read_path": each.name, "looked_at": each.looked_at, "found": len(each.there),
                        "where": ", ".join(each.there[:3]), "status": Status.PASS if not each.there else
                        Status.WARN if each.outside else Status.FAIL} for each in paths]
    status = Status.FAIL if bad else Status.WARN if outside else Status.PASS
    title = f"{asked.id}: still found in {counted(len(bad), 'place')}" if bad else \
        f"{asked.id}: nothing is left in data and history" + (
            f"; {counted(len(outside), 'file is', 'files are')} to be deleted by hand" if outside else "")
    session.ledger.append(Finding(subject=asked.id, check="absence", status=str(status), title=title,
                                  value=float(sum(len(each.there) for each in bad)), limit=0.0, unit="places",
                                  n=sum(each.looked_at for each in paths),
                                  detail={each.name: each.looked_at for each in paths}))
    if not bad and asked.state == "actioned":
        moved(session, asked.id, "attested", ("actioned",), detail={"by_hand": outside, "models": models})
    if not bad:
        kept.forget(session, asked.id)
        kept.let_go(session, session.now().timestamp(), who)
    text = [Text(ANSWER if not bad else MISSED)]
    by_hand: list[Row] = [{"place": each} for each in outside]
    return View(title, status, (
        Facts({"request": asked.id, "models_to_train_again": tuple(models), "by_hand": len(outside)}),
        Table.of("read_paths", rows, "status", "read_path", "looked_at", "found", "where"),
        *([Table.of("by_hand", by_hand, "place", title="To be deleted by hand")] if by_hand else []), *text),
        (*([Action("Erase what is left", ("optout", "erase", asked.id))] if bad and asked.state == "actioned" else []),
         Action("The request", ("optout", "show", asked.id))))


def _paths(session: Session, who: str, request: str) -> Iterable[ReadPath]:
    """Every way in which somebody could come to read of the person."""
    lake, cursor, root = reach.whole(session), reach.whole(session).connect(), session.declared().root
    found = reach.found(session, cursor, [who])
    ours = {name: [each for each in files if not each.elsewhere] for name, files in found.held.items()}
    yield ReadPath("rows by their person or key, in every file of every dataset",
                len(list(lake.root.glob("[!_]*/"))), tuple(f"{name}: {sum(len(each.rows) for each in files)} rows"
                                                            for name, files in ours.items() if files))
    yield _snapshots(lake, request)
    parquet = [path for path in lake.root.rglob("*.parquet") if path.is_file()]
    names = tuple(dict.fromkeys(str(column_of(each)) for each in reach.of_people(session).values()))
    match = Match(columns=names, values=reach.PEOPLE, inside=(reach.ANY,))
    yield ReadPath("texts of every Parquet file of the lake, decoded", len(parquet),
                tuple(_named(root, located_in(cursor, parquet, [match]))))
    own = kept.folder(session)
    files = [path for path in root.rglob("*") if path.is_file() and own not in path.parents]
    inside = [path for path in files if root / ".mlops" in path.parents or lake.root in path.parents]
    yield ReadPath("bytes of every file of ours", len(inside), tuple(_named(root, scrubbing.holding(inside, [who]))))
    others = [path for path in files if path not in set(inside)]
    beyond = [path for path in others if path.suffix == ".parquet"]
    yield ReadPath("other files of the project's folder", len(others), tuple(dict.fromkeys(
        [*_named(root, scrubbing.holding(others, [who])), *_named(root, located_in(cursor, beyond, [match]))])),
        outside=True)
    yield ReadPath("texts in databases", len(databases(session)), tuple(
        f"{path.name}: {table}" for path in databases(session)
        for table in scrubbing.tables_with(path, scrubbing.pattern([who]))))
    columns = {name: [who] for name in names}
    yield ReadPath("entities online", len(shelf_of(session).standing()), tuple(shelf_of(session).holding(columns)))
    yield from _history(session, who)


def _named(root: Path, paths: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(root)) if path.is_relative_to(root) else str(path) for path in paths]


def _snapshots(lake: Lake, request: str) -> ReadPath:
    """Whether every snapshot that rows were taken out of can be read."""
    buried = [state for path in manifests(lake) for state in [read_manifest(path)]
              if any(request in each["requests"] for each in state.erased)]
    return ReadPath("snapshots from which rows were erased, readable", len(buried),
                 tuple(f"{state.dataset}@{state.id[:12]} lacks a file" for state in buried if not lake.has(state)))


def _history(session: Session, who: str) -> Iterable[ReadPath]:
    """Whether the chain holds, no entry says who it is, and the list leaves the person out."""
    broken = session.ledger.verify()
    words = scrubbing.pattern([who])
    entries = session.ledger.entries()
    said = tuple(f"entry {entry.seq}" for entry in entries if words.search(str(entry.fact)))
    yield ReadPath("entries of the history", len(entries), said)
    yield ReadPath("the chain of the history", session.ledger.head_seq(), (broken.why,) if broken else ())
    kept_out = suppressed(session.ledger.entries("optout"))
    missing = pseudonym(session, who) not in kept_out
    yield ReadPath("the list of who is kept out", len(kept_out), ("is not on it",) if missing else ())

