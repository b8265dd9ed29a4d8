"""The present state of a dataset's source becomes a snapshot: in place where it can be, judged by the contract."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import duckdb

from mlops_tui.data import _catalogued as catalogued
from mlops_tui.data._aside import KEY, batch_of, quarantine_of
from mlops_tui.data._batch import BROKEN, FILE, Batch, Judged, References, opened
from mlops_tui.data._keptout import kept_out
from mlops_tui.data._landing import Landed, land
from mlops_tui.data._places import placed
from mlops_tui.data._source import Source, source_of
from mlops_tui.data._verdict import advice, finding, rules_table, summary, verdict
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.logs.logguard import guard_of
from mlops_tui.oversight.watching import monitor_of
from mlops_tui.quality.contracts import compiled
from mlops_tui.quality.rowrules import AT
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Status, Table, Text, View, counted, worst
from store.facts import Snapshot
from store.files import Opened, reading
from store.lake import NULL, FileRef, Manifest, columns_of, partition_text
from store.placed import Placed, Rows
from store.quoting import file_list, literal, quote
from store.seen import Seen

AGAIN = "2"  # another number where the same files would now give another snapshot


class InPlace(Batch):
    """A batch of Parquet files that stay where they are; what their folders say is a column like the others."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, lies: Placed, digests: Sequence[str],
                 contract: Contract, session: Session, where: Path) -> None:
        self.lies, self.digests = lies, digests
        self.keys = tuple(next(iter(lies.files.values())))
        listed = file_list([str(path) for path in lies.paths])
        self._scanned = f"read_parquet({listed}, union_by_name = true, hive_partitioning = false)"
        with reading(lies.paths):
            own = columns_of(cursor, f"SELECT * FROM {self._scanned}")
            counts = dict(cursor.execute(f"SELECT file_name, num_rows FROM parquet_file_metadata({listed})").fetchall())
        columns = {**own, **dict.fromkeys(self.keys, "VARCHAR")}
        files = [Opened(path, "parquet", "", "file_row_number", columns, int(counts[str(path)])) for path in lies.paths]
        references = References(session)
        zone = str(session.declared().zone)
        rules = compiled(contract, columns, zone=zone, place=placed(where), known=references.columns,
                         file=f"'{lies.base.name}'")
        super().__init__(cursor, files, columns, rules, references, placed(where), session.now(), contract)

    def _numbered(self) -> str:
        own = ", ".join(quote(name) for name in self.columns if name not in self.keys)
        said = "".join(f", {self._said(key)} AS {quote(key)}" for key in self.keys)
        return f"SELECT CAST(file_index * {FILE} + file_row_number AS BIGINT) AS {AT}, {own}{said} FROM {self._scanned}"

    def _said(self, key: str) -> str:
        values = ", ".join("NULL" if part[key] == NULL else literal(part[key]) for part in self.lies.files.values())
        return f"CAST([{values}] AS VARCHAR[])[CAST(file_index AS BIGINT) + 1]"

    def name_of_file(self) -> str:
        """SQL of a row's file, below the source's folder."""
        return self._by_file(list(self.lies.files))

    def digest_of_file(self) -> str:
        """SQL of the first part of the digest of a row's file."""
        return self._by_file([each[:16] for each in self.digests])

    def _by_file(self, texts: Sequence[str]) -> str:
        return f"([{', '.join(map(literal, texts))}])[{AT} // {FILE} + 1]"

    def state(self, session: Session, dataset: str, judged: Judged) -> Manifest:
        """The files where they are, less the bad rows of each."""
        base = str(self.lies.base)
        files = [FileRef(name, digest, file.rows, file.path.stat().st_size, self._as_written(said), base=base)
                 for (name, said), digest, file in zip(self.lies.files.items(), self.digests, self.files, strict=True)]
        going = [f"SELECT {AT} FROM {BROKEN}"] if judged.bad_rows else []
        those = kept_out(session, self.contract, self.columns, self.cursor)
        going += [f"SELECT {AT} FROM ({self._numbered()}) WHERE {those}"] if those else []
        if going:
            self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE \"#going\" AS {' UNION '.join(going)}")
            found = self.cursor.execute(f"SELECT DISTINCT {AT} // {FILE} FROM \"#going\"").fetchall()
            for number in sorted(int(row[0]) for row in found):
                rows = f"SELECT {AT} % {FILE} FROM \"#going\" WHERE {AT} // {FILE} = {number}"
                files[number] = session.data().without(files[number], dataset, rows, self.cursor)
        columns = {name: value.type for name, value in self.rules.values.items()}
        columns |= {name: "VARCHAR" for name in self.rules.derived if name in self.keys}
        return Manifest(dataset, columns, tuple(sorted(files, key=lambda file: file.path)))


    def _as_written(self, said: Mapping[str, str]) -> dict[str, str]:
        """The partition as one of the lake is named: `month=06` is month 6, else its rows could be there twice."""
        return {name: self._texts[name][text] if name in self._texts else text for name, text in said.items()}

    @cached_property
    def _texts(self) -> dict[str, dict[str, str]]:
        """By key that the contract declares: what its folders say, and how that is written as a value of its type."""
        found = {}
        for name in self.keys:
            if name in self.rules.values:
                texts = list({said[name] for said in self.lies.files.values()} - {NULL})
                asked = f"SELECT t, TRY_CAST(t AS {self.rules.values[name].type}) FROM (SELECT unnest(?) AS t)"
                read = self.cursor.execute(asked, [texts]).fetchall() if texts else []
                found[name] = {NULL: NULL} | {text: text if value is None else partition_text(value)
                                              for text, value in read}
        return found


@dataclass(frozen=True)
class Taking:
    """What is taken: the dataset, its contract, and its source as it was found.

    `strays`: what came in by other ways since the source was taken last, and is not in it.
    """

    session: Session
    name: str
    contract: Contract
    where: Path
    source: Source
    strays: tuple[str, ...] = ()

    @property
    def bad(self) -> "Callable[..., bool]":
        policy = self.contract.on_violation
        return lambda rule: rule.hard or (policy != "warn" and not rule.warns)

    @property
    def adds(self) -> bool:
        """Whether rows are added to those that are there, which stay."""
        return isinstance(self.source.lies, Rows) and bool(self.source.lies.since)

    def key(self, digests: Mapping[Path, str]) -> str:
        """What the state depends on: the files, where they are, the contract, and the datasets it refers to."""
        lies = self.source.lies
        assert isinstance(lies, Placed)
        links = [link for item in self.contract.properties for link in item.relationships]
        targets = sorted({link.to.partition(".")[0] for link in links})
        known = [each.id if (each := self.session.current(name)) else "" for name in targets]
        project = self.session.declared()
        content = [AGAIN, project.fingerprint("dataset", self.name), str(project.zone), known, self.source.form,
                   [[str(path), digests[path], sorted(said.items())]
                    for path, said in zip(lies.paths, lies.files.values(), strict=True)]]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def taken(session: Session, dataset: str) -> View:
    """Take what lies at the dataset's source; a view of what came of it."""
    project = session.declared()
    name = project.subject(dataset, "dataset").name
    contract, where = project.dataset(name), project.path_of("dataset", name)
    if guard_of(session, name):
        raise BadInput(f"'{name}' has classified columns: what lies elsewhere would stay as it is.", where=str(where),
                       next="Add it with log add, ingest or stream, which hash or leave out what is personal.")
    source = source_of(contract, project.root, placed(where))
    taking = Taking(session, name, contract, where, source, _strays(session, name, source))
    return _from_files(taking, taking.source.lies) if isinstance(taking.source.lies, Placed) else _from_rows(taking)


def _strays(session: Session, name: str, source: Source) -> tuple[str, ...]:
    """What made the states since the source was taken last, with how many rows each added; merging files adds none."""
    facts = [entry.fact for entry in session.ledger.entries("snapshot", subject=name)
             if isinstance(entry.fact, Snapshot) and not entry.fact.tag]
    rows = {fact.snapshot: fact.rows for fact in facts}
    taken = [number for number, fact in enumerate(facts) if fact.source.startswith(f"{source.called} (")]
    others = facts[taken[-1] + 1:] if taken else facts
    return tuple(f"{fact.source} ({_more(fact.rows - rows.get(fact.parent, 0))})" for fact in others
                 if fact.source != "compact")


def _more(rows: int) -> str:
    return f"{'+' * (rows > 0)}{counted(rows, 'row')}"


# -- from files -------------------------------------------------------------------------------------------------


def _from_files(taking: Taking, lies: Placed) -> View:
    session, name = taking.session, taking.name
    lake = session.data()
    seen = lake.seen(name)
    session.progress(0, len(lies.files), "reading files")
    digests = seen.digests(lies.paths)
    key, now = taking.key(digests), session.current(name)
    known = lake.result(name, key)
    if known is not None and now is not None and known.id == now.id:
        seen.save(lies.paths)
        return _unchanged(taking, lies, known)
    session.progress(len(lies.files), len(lies.files), "judging rows")
    with _judged(taking, lies, [digests[path] for path in lies.paths]) as (batch, judged):
        made = _made(taking, batch, judged)
        _still(taking, lies, digests, seen)
        landed = _landed(taking, batch, judged, made, lies.version)
        if made and made[0].dataset == name:
            lake.keep(made[0])
            lake.keep_result(key, made[0])
        seen.save(lies.paths)
        return _view(taking, batch, judged, landed, lies.version)


@contextmanager
def _judged(taking: Taking, lies: Placed, digests: Sequence[str]) -> Iterator[tuple[Batch, Judged]]:
    cursor = taking.session.data().connect()
    batch = (InPlace(cursor, lies, digests, taking.contract, taking.session, taking.where) if _stays(taking.source)
             else opened(taking.session, taking.contract, taking.where, lies.paths, cursor))
    yield batch, batch.judged(taking.bad)


def _stays(source: Source) -> bool:
    return source.form not in ("csv", "json")


def _still(taking: Taking, lies: Placed, digests: Mapping[Path, str], seen: Seen) -> None:
    """Conflict where a file is not what it was when the taking began; a table's newer version is no change of this."""
    root = taking.session.declared().root
    again = lies if lies.version else source_of(taking.contract, root, placed(taking.where)).lies
    assert isinstance(again, Placed)
    now = seen.digests(again.paths)
    changed = [path for path in (*now, *digests) if now.get(path) != digests.get(path)]
    if changed:
        path = changed[0]
        raise Conflict(f"'{path.name}' changed while {taking.name} was taken: nothing was taken.", where=str(path),
                       next=f"Take it when nobody writes there. Try: mlops-tui snapshot take {taking.name}")


# -- from what has to be copied ---------------------------------------------------------------------------------


def _from_rows(taking: Taking) -> View:
    lies, session = taking.source.lies, taking.session
    assert isinstance(lies, Rows)
    with session.data().staging() as folder:
        path = folder / "rows.parquet"
        session.progress(0, 0, f"reading {taking.source.called}")
        before, value = _high_water(taking, lies)
        version = lies.write_since(path, lies.since, value) if before and lies.write_since else lies.write(path)
        session.progress(0, 0, "judging rows")
        batch = opened(session, taking.contract, taking.where, [path], session.data().connect())
        judged = batch.judged(taking.bad)
        landed = _landed(taking, batch, judged, _made(taking, batch, judged, before, value), version)
        return _view(taking, batch, judged, landed, version)


def _high_water(taking: Taking, lies: Rows) -> tuple[Manifest | None, object]:
    """The state to which rows are added, and the highest value that it has; None where all rows are to be read."""
    session, before = taking.session, taking.session.current(taking.name)
    if not lies.since:
        return None, None
    keyed = [item.name for item in taking.contract.properties if item.primaryKey]
    named = {item.name for item in taking.contract.properties}
    if not keyed or lies.since not in named:
        raise BadInput(f"incremental needs a primaryKey, and '{lies.since}' among the properties of the contract.",
                       where=placed(taking.where)("incremental"), next="Declare them, or drop incremental.")
    if before is None or lies.since not in before.columns:
        return None, None
    scan = session.data().scan(before)
    [(value,)] = session.data().connect().execute(f"SELECT max({quote(lies.since)}) FROM {scan}").fetchall()
    return (before, value) if value is not None else (None, None)


def _added(taking: Taking, good: str, before: Manifest) -> str:
    """The good rows, and those that were there before under another key."""
    scan = taking.session.data().scan(before)
    keys = ", ".join(quote(item.name) for item in taking.contract.properties if item.primaryKey)
    return f"FROM ({good}) UNION ALL BY NAME SELECT * FROM {scan} old ANTI JOIN ({good}) new USING ({keys})"


# -- what becomes of it -----------------------------------------------------------------------------------------


def _refused(taking: Taking, judged: Judged) -> bool:
    policy = taking.contract.on_violation
    return bool(judged.failed and policy != "warn") or (policy == "reject" and judged.bad_rows > 0)


def _made(taking: Taking, batch: Batch, judged: Judged, before: Manifest | None = None,
          since: object = None) -> list[Manifest]:
    """The new state, and the rows that are set aside; nothing where the contract refuses it all."""
    if _refused(taking, judged) or not judged.rows:
        return []
    lake, rules, made = taking.session.data(), batch.rules, list[Manifest]()
    if judged.good_rows and isinstance(batch, InPlace):
        made.append(batch.state(taking.session, taking.name, judged))
        lake.keep(made[0])
    elif judged.good_rows:
        good = batch.good(judged)
        made.append(lake.write(taking.name, _added(taking, good, before) if before else good, sort=rules.sort,
                               partition_by=rules.partition, connection=batch.cursor))
    if judged.bad_rows:
        own = f"{batch.name_of_file()} AS _file" if isinstance(taking.source.lies, Placed) else \
            f"{literal(taking.source.called)} AS _file"
        # what is set aside of a source that is read whole takes the place of what was set aside of it before
        mark = batch.digest_of_file() if isinstance(batch, InPlace) else literal(
            batch_of(f"{taking.source.called} {since or ''}"))
        query = batch.quarantine(judged, more=(own, f"{mark} AS {KEY}"))
        made.append(lake.write(quarantine_of(taking.name), query, partition_by=(KEY,), connection=batch.cursor))
    return made


def _landed(taking: Taking, batch: Batch, judged: Judged, made: Sequence[Manifest], version: str) -> list[Landed]:
    session, name = taking.session, taking.name
    watching, monitor = monitor_of(session, "ingest", name)
    limit = monitor.limits.get("bad_share", 0.0) if monitor is not None else 0.0
    status, title = _said(taking, batch, judged, monitor, states=made)
    source = f"{taking.source.called} ({taking.source.form}{f', {version}' if version else ''})"

    def record(states: Sequence[Landed] = ()) -> "object":
        found = finding(session, "ingest", name, status, batch, judged, title=title, monitor=watching, limit=limit,
                        data=[each.after.id for each in states])
        detail = {**found.detail, "files": [taking.source.called], "source": source}
        return replace(found, detail=detail)

    if not made:
        session.ledger.append(record())  # type: ignore[arg-type]
    landed = land(session, made, source, record, whole=name) if made else []  # type: ignore[arg-type]
    catalogued.ping(session, name)
    return landed


def _said(taking: Taking, batch: Batch, judged: Judged, monitor: Monitor | None,
          states: Sequence[Manifest]) -> tuple[Status, str]:
    """How it stands, and a sentence; both say where rows that came in by other ways are no part of the state."""
    status, title = verdict(batch, judged, monitor), summary(batch, judged, taking.source.called)
    if not taking.strays or taking.adds or all(state.dataset != taking.name for state in states):
        return status, title
    return worst([status, Status.WARN]), f"{title}; what came in by other ways is not in {taking.source.called}"


def _unchanged(taking: Taking, lies: Placed, state: Manifest) -> View:
    facts: dict[str, Cell] = {"dataset": taking.name, "rows": state.rows, "files": len(lies.files),
                              "bytes": state.bytes, "source": taking.source.called, "version": lies.version or None,
                              "snapshot": state.id, "changed": False}
    return View(f"{taking.name} has not changed: {counted(len(lies.files), 'file')}, {state.rows:,} rows", Status.PASS,
                (Facts(facts),), (Action("What it has been", ("snapshot", "log", taking.name)),))


def _view(taking: Taking, batch: Batch, judged: Judged, landed: Sequence[Landed], version: str) -> View:
    _, monitor = monitor_of(taking.session, "ingest", taking.name)
    status, title = _said(taking, batch, judged, monitor, states=[each.written for each in landed])
    good = next((each for each in landed if each.written.dataset == taking.name), None)
    aside = next((each for each in landed if each.written.dataset != taking.name), None)
    in_place = isinstance(batch, InPlace)
    facts: dict[str, Cell] = {
        "dataset": taking.name, "rows": judged.rows, "good_rows": judged.good_rows, "bad_rows": judged.bad_rows,
        "warned_rows": judged.warned_rows, "source": taking.source.called,
        "version": version or None, "files": len(batch.files),
        "in_place": in_place, "rows_before": _before(taking, good),
        "snapshot": good.after.id if good else None, "quarantine": aside.after.id if aside else None,
        "changed": good.changed if good else False}
    notes = list(_notes(taking, batch, judged, good, aside))
    shown: list[Part] = [Facts(facts), *map(Text, notes), *_files(good), rules_table(batch, judged)]
    actions = [Action("What came in", ("snapshot", "log", taking.name))] if good else []
    batches = {file.partition[KEY] for file in aside.written.files} if aside else set()
    one = ("show", taking.name, *batches) if len(batches) == 1 else ("list", taking.name)
    actions += [Action("What was set aside", ("quarantine", *one))] if aside else []
    actions += [Action("Are the files still the same?", ("snapshot", "verify", taking.name))] if in_place else []
    return View(f"{taking.name}: {title}", status, tuple(shown), tuple(actions))


def _before(taking: Taking, good: Landed | None) -> int:
    """How many rows there were; where none came, they are there still."""
    state = good.before if good is not None else taking.session.current(taking.name)
    return state.rows if state is not None else 0


SHOWN = 20  # files that are named


def _files(good: Landed | None) -> list[Table]:
    """The files that are new, other or gone since the state before; the first ones by name."""
    if good is None or good.before is None:
        return []
    was, now = ({file.path: file for file in state.files} for state in (good.before, good.after))
    rows = [{"file": path, "change": "added" if path not in was else "gone" if path not in now else "changed",
             "rows_before": was[path].rows if path in was else 0, "rows": now[path].rows if path in now else 0}
            for path in sorted({*was, *now}) if path not in was or path not in now
            or was[path].digest != now[path].digest]
    return [Table.of("files", rows[:SHOWN], "file", "change", "rows_before", "rows", total=len(rows))] if rows else []


def _notes(taking: Taking, batch: Batch, judged: Judged, good: Landed | None, aside: Landed | None) -> Iterator[str]:
    """What a person should know before the tables."""
    name = taking.name
    if not judged.rows:
        yield f"{name} stays as it was."
    elif good is None and aside is None:
        yield f"Nothing was taken: {name} stays as it was."
    elif not any(each.changed for each in (good, aside) if each):
        yield "The same rows as before: nothing was appended."
    if isinstance(batch, InPlace) and good is not None:
        yield ("The files stay where they are and nothing is copied: whoever changes them changes this snapshot. "
               f"`snapshot verify {name}` names a file that was.")
    if taking.strays and good is not None and not taking.adds:
        yield (f"No part of this state, for {taking.source.called} does not have it: {', '.join(taking.strays)}. "
               "Put it right there as well; `snapshot restore` brings the state before back.")
    if aside and aside.changed:
        yield f"{aside.written.rows:,} rows were set aside in {aside.written.dataset}."
    if batch.rules.ignored:
        yield f"Left out, since the contract does not name them: {', '.join(batch.rules.ignored)}."
    yield from advice(batch, judged)
    for each in batch.rules.unchecked:
        yield f"Not checked: {each}."
