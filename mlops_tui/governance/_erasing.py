"""People erased from a project, step by step: each can be done again, and nobody sees half of one."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_tui import folds
from mlops_tui.errors import NotFound, Refusal
from mlops_tui.governance import _reach as reach
from mlops_tui.models.shelf import shelf_of
from mlops_tui.privacy import kept
from mlops_tui.privacy.requests import Request
from mlops_tui.privacy.subjects import column_of
from mlops_tui.session import Session
from store import scrubbing
from store.erasing import dropped, forget_work, rewritten, swapped
from store.facts import Fact, Hold, Snapshot, Trained
from store.lake import Manifest
from store.ledger import Ledger
from store.queues import Outbox

if TYPE_CHECKING:
    from store.ledger import Entry

ROUNDS = 3  # after which something goes on writing rows of these people


def people_of(session: Session, asked: Iterable[Request]) -> list[str]:
    """Who made the requests; NotFound where that is known no more."""
    found = {each.id: kept.known(session, each.id) for each in asked}
    lost = [id for id, person in found.items() if not person]
    if lost:
        raise NotFound(f"Who made {lost[0]} is not known any more.", where=str(kept.folder(session)),
                       next="Take it down again: mlops-tui optout take --person ID")
    return list(dict.fromkeys(found.values()))


def holds(session: Session, datasets: Iterable[str]) -> list[Hold]:
    """The legal holds that stand on any of these datasets."""
    standing: dict[tuple[str, str], Hold] = {}
    for entry in session.ledger.entries("hold"):
        if isinstance(fact := entry.fact, Hold) and not fact.version and not fact.origin:
            standing.pop((fact.subject, fact.snapshot), None)
            if fact.event == "held":
                standing[fact.subject, fact.snapshot] = fact
    wanted = set(datasets)
    return [fact for (dataset, _), fact in standing.items() if dataset in wanted]


def flagged(session: Session, found: "reach.Found", requests: Sequence[str] = ()) -> list[str]:
    """The versions of models whose training rows had some of these people, or had some erased by these requests."""
    lake, names = reach.whole(session), []
    for entry in session.ledger.entries("trained"):
        if not isinstance(fact := entry.fact, Trained):
            continue
        dataset = f"{fact.subject}.training"
        try:
            state = lake.manifest(dataset, fact.training)
        except Refusal:
            continue
        going = {each.path for each in found.held.get(dataset, ())}
        had = any(each["rows"] and set(requests) & set(each["requests"]) for each in state.erased)
        if had or any(lake.place_of(file) in going for file in state.files):
            names.append(f"{fact.subject}@{fact.version}")
    return list(dict.fromkeys(names))


def erased(session: Session, requests: Sequence[Request], people: Sequence[str],
           begun: Iterable[str], found: "reach.Found") -> dict[str, Any]:
    """Take the people out of the lake, the online store, queues, texts, logs and objects; what that came to.

    `begun`: the datasets of an erasure that somebody was killed in, whose caches may still be there; `found`: the rows
    as they were when it was agreed to. It is looked again until nothing is found.
    """
    ids = [each.id for each in requests]
    rows, touched, by_hand = dict[str, int](), dict.fromkeys(begun), dict[str, None]()
    cursor = reach.whole(session).connect()
    for _ in range(ROUNDS):
        by_hand |= dict.fromkeys(path for paths in found.outside.values() for path in paths)
        new = sum(_dataset(session, name, files, ids, rows) for name, files in found.held.items())
        touched |= dict.fromkeys(found.held)
        found = reach.found(session, cursor, people)
        if not new:
            break
    for name in touched:
        dropped(reach.whole(session), name, ())
    forget_work(reach.whole(session))
    online = _offline(session, people)
    texts = _texts(session, ids, people)
    return {"rows": rows, "models": flagged(session, reach.Found(), ids), "by_hand": list(by_hand), "online": online,
            "texts": texts}


def _dataset(session: Session, name: str, files: Sequence[Any], ids: Sequence[str], rows: dict[str, int]) -> bool:
    """Rewrite a dataset's files, let its snapshots be what is left, and remove the old ones; whether any was there."""
    lake = reach.whole(session)
    session.progress(len(rows), len(rows) + 1, name)
    erasure = rewritten(lake, name, files)
    said = {"requests": list(ids), "at": session.now().isoformat()}

    def decided(entries: "Sequence[Entry]") -> Iterable[Fact]:
        swapped(lake, erasure, said)
        yield from announced(session, name, ids, entries)

    session.ledger.transact(decided)
    gone = dropped(lake, name, erasure.old)
    rows[name] = rows.get(name, 0) + sum(len(each.rows) for each in files if not each.elsewhere)
    return bool(gone or any(erasure.rows.values()))


def announced(session: Session, name: str, ids: Sequence[str], entries: "Sequence[Entry]") -> Iterable[Fact]:
    """That the dataset's state is what is left of it, where that is not in the history yet."""
    lake, current = reach.whole(session), folds.current_snapshot(entries, name)
    if not current:
        return
    now = lake.manifest(name, current)
    if now.id != current:
        lake.keep(Manifest(now.dataset, now.columns, now.files))
        yield Snapshot(subject=name, snapshot=now.id, parent=current, rows=now.rows, bytes=now.bytes,
                       source=f"erase {', '.join(ids) if len(ids) < 4 else f'{ids[0]} and {len(ids) - 1} more'}")


# -- what is no dataset -----------------------------------------------------------------------------------------------


def _offline(session: Session, people: Sequence[str]) -> dict[str, int]:
    """Take the entities that are these people out of the online store, and those that are their rows."""
    columns: dict[str, list[str]] = {}
    for contract in reach.of_people(session).values():
        columns.setdefault(str(column_of(contract)), []).extend(people)
    return shelf_of(session).forget(columns)


def databases(session: Session) -> list[Path]:
    """The SQLite files of the project."""
    project = session.declared()
    stores = project.settings.stores
    found = (scrubbing.file_of(url, project.root) for url in (stores.ledger, stores.mlflow, stores.online))
    return [path for path in found if path is not None and path.exists()]


def logs(session: Session) -> list[Path]:
    """What jobs, runs and errors have written beside the history."""
    root = session.declared().root / ".mlops"
    return [path for part in ("logs", "runs", "tune", "error-*.txt", "*.log") for each in root.glob(part)
            for path in ([each] if each.is_file() else each.rglob("*")) if path.is_file() and path.suffix != ".parquet"]


def _texts(session: Session, ids: Sequence[str], people: Sequence[str]) -> dict[str, int]:
    """Rub the ids out of work tables, logs, kept documents and messages that were posted; how many of each."""
    words, lake = scrubbing.pattern(people), reach.whole(session)
    posted = _unposted(session, ids, words)
    going = list(scrubbing.holding(scrubbing.objects(lake), people))
    for path in going:
        path.unlink()
    lines = sum(scrubbing.rubbed_out(path, words) for path in scrubbing.holding(logs(session), people))
    said = session.ledger.forget(words)
    rows = sum(scrubbing.scrubbed(path, words) for path in databases(session))
    return {"messages": posted, "documents": len(going), "lines": lines, "words": said, "rows": rows}


def _unposted(session: Session, ids: Sequence[str], words: Any) -> int:
    """Let what was posted be posted anew without the words: what stands there is replaced, by the sender, once."""
    if not isinstance(session.ledger, Ledger):
        return 0
    outbox, count = Outbox(session.ledger.engine), 0
    for each in outbox.sent_ones():
        text = json.dumps(each.body, ensure_ascii=False)
        if words.search(text) and "/" in each.reference:
            channel, _, ts = each.reference.partition("/")
            clean = {key: value for key, value in json.loads(words.sub(scrubbing.ERASED, text)).items()
                     if key in ("text", "blocks", "attachments")}
            count += outbox.put(f"erase/{ids[0]}/{each.id}", "chat.update", channel,
                                {**clean, "channel": channel, "ts": ts})
    return count

