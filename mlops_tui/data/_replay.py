"""Rows that were set aside, judged again: those that are good now go to the others of their partition."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from mlops_tui.data._aside import KEY, Aside, only, quarantine_of, state_of, without
from mlops_tui.data._batch import Batch, Judged, opened
from mlops_tui.data._regrouped import regrouped
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.logs.logguard import guard_of
from mlops_tui.quality.logicaltypes import raw
from mlops_tui.quality.rowrules import AT, Rule
from mlops_tui.session import Session
from store.facts import Fact, Finding, Quarantined, Snapshot
from store.lake import FileRef, Lake, Manifest, columns_of, partition_text
from store.quoting import literal, quote

if TYPE_CHECKING:
    from store.ledger import Entry

TAKEN, CLASHES = quote("#taken"), quote("#clashes")
SHOWN = 5  # rows that are bad still
PLACE = ("_file", "_row", "_position")  # what tells a row of a batch from the others; a stream's has a position


@dataclass(frozen=True)
class Clash:
    """A row that is good but for its key, which the dataset has already."""

    row: int
    rule: str
    key: str


@dataclass(frozen=True)
class Replayed:
    """What a replay did, or why it did nothing: `again` rows had left the quarantine before."""

    judged: Judged
    taken: int
    left: int
    again: int
    clashes: tuple[Clash, ...]
    still_bad: tuple[Mapping[str, Any], ...]
    partitions: tuple[tuple[str, int, int], ...] = ()
    snapshot: str = ""
    unchecked: tuple[str, ...] = ()


class Replay:
    """One batch, read against the present contract; nothing is changed before `run` appends its outcome."""

    def __init__(self, session: Session, aside: Aside, mended: Path | None) -> None:
        self.session, self.aside, self.mended = session, aside, mended
        self.lake: Lake = session.data()
        self.name = aside.dataset
        project = session.declared()
        self.contract: Contract = project.dataset(self.name)
        self.where = project.path_of("dataset", self.name)
        self.aside_state = session.snapshot(quarantine_of(self.name))
        self.open: Manifest = only(self.aside_state, aside.batch)
        self.cursor: duckdb.DuckDBPyConnection = self.lake.connect()
        self.held = self.lake.scan(self.open)

    def run(self) -> Replayed:
        """Judge the rows, put the good ones into their partitions, keep the others: one entry of each, or none."""
        policy = self.contract.on_violation
        sources = [self.mended] if self.mended else [self.lake.bytes_of(file) for file in self.open.files]
        batch = opened(self.session, self.contract, self.where, sources, self.cursor)
        again = self._check_places(batch) if self.mended is not None else 0

        def bad(rule: Rule) -> bool:
            return rule.hard or (policy != "warn" and not rule.warns)

        judged = batch.judged(bad)
        state = self.session.current(self.name)
        moved = regrouped(self.lake, state, batch.rules, self.where) if judged.good_rows else None
        present = moved.now if moved is not None else state
        clashes = self._clashes(batch, judged, present, [rule for rule in batch.rules.row_rules if bad(rule)])
        taken = self._taken(batch, judged)
        bad_still = batch.quarantine(judged, more=(f"TRY_CAST({raw('_row')} AS BIGINT) AS place",))
        still = tuple(batch.rows_of(f"{bad_still} LIMIT {SHOWN}"))
        done = Replayed(judged, taken, self.open.rows - taken, again, clashes, still, unchecked=batch.rules.unchecked)
        if not taken:
            return done
        written, touched = self._written(batch, present)
        rest = self._rest(taken)
        after = self._landed(state, present, written, touched, rest, done, batch)
        parts = tuple((file.part_name, *_sizes(file, touched, after))
                      for file in written.files)
        return Replayed(judged, taken, done.left, again, clashes, still, parts, after.id, batch.rules.unchecked)

    # -- which rows are meant ---------------------------------------------------------------------------------------

    def _check_places(self, batch: Batch) -> int:
        """How many mended rows left the quarantine before: those are passed over. BadInput where others are strange."""
        columns = batch.columns
        where = str(self.mended)
        wanted = [name for name in PLACE if name in columns_of(self.cursor, f"SELECT * FROM {self.held}")]
        if len(self._ask(f"SELECT DISTINCT _file FROM {self.held} LIMIT 2")) < 2:
            wanted.remove("_file")
        for name in wanted:
            if name not in columns:
                raise BadInput(f"'{batch.paths[0].name}' does not say which rows it mends: it has no column '{name}'.",
                               where=where, next=f"Try: mlops-tui quarantine export {self.name} {self.aside.batch} "
                               f"--out {self.name}-bad.csv")
        given, by = f"(SELECT {self._given(columns)} FROM {batch.read})", ", ".join(self._by(columns))
        twice = self._ask(f"SELECT _row FROM {given} GROUP BY {by} HAVING count(*) > 1 LIMIT 1")
        if twice:
            raise BadInput(f"Row {twice[0][0]} is there twice.", where=where, next="One line mends one row.")
        strange = self._ask(f"SELECT _row FROM {given} ANTI JOIN {self._ever(by)} USING ({by}) LIMIT 1")
        if strange:
            raise BadInput(f"Row {strange[0][0]} was never set aside in batch {self.aside.batch}.", where=where,
                           next="Keep the column '_row' as the export wrote it.")
        return int(self._ask(f"SELECT count(*) FROM {given} ANTI JOIN {self.held} USING ({by})")[0][0])

    def _by(self, columns: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(name for name in PLACE if name in columns)

    def _given(self, columns: Mapping[str, str]) -> str:
        return ", ".join(f"TRY_CAST({raw(name)} AS {'BIGINT' if name == '_row' else 'VARCHAR'}) AS {name}"
                         for name in self._by(columns))

    def _ever(self, by: str) -> str:
        """The places of all rows that the batch ever had."""
        seen = {file.digest: file for entry in self.session.ledger.entries(
            "snapshot", subject=quarantine_of(self.name)) if isinstance(entry.fact, Snapshot)
            for file in self.lake.manifest(quarantine_of(self.name), entry.fact.snapshot).files
            if file.partition[KEY] == self.aside.batch}
        state = Manifest(self.aside_state.dataset, self.aside_state.columns, tuple(seen.values()))
        return f"(SELECT DISTINCT {by} FROM {self.lake.scan(state)})"

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        return self.cursor.execute(query).fetchall()

    # -- which of them may come in ----------------------------------------------------------------------------------

    def _clashes(self, batch: Batch, judged: Judged, state: Manifest | None,
                 rules: Sequence[Rule]) -> tuple[Clash, ...]:
        """Good rows whose key a row of the dataset has; kept in a table with those that left the quarantine before."""
        self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE {CLASHES} (again BIGINT, place BIGINT, rule VARCHAR, "
                            "key VARCHAR)")
        place = f"TRY_CAST({raw('_row')} AS BIGINT)"
        if self.mended is not None:
            by = self._by(batch.columns)
            places = batch.good(judged, more=(f"{AT} AS again", self._given(batch.columns)))
            self.cursor.execute(f"INSERT INTO {CLASHES} SELECT again, _row, '', '' FROM ({places}) "
                                f"ANTI JOIN {self.held} USING ({', '.join(by)})")
        for rule in rules:
            if not rule.key or state is None or any(name not in state.columns for name in rule.key):
                continue
            same = " AND ".join(f"g.{quote(name)} = s.{quote(name)}" for name in rule.key)
            said = " || ', ' || ".join(f"{literal(f'{name} = ')} || CAST(g.{quote(name)} AS VARCHAR)"
                                       for name in rule.key)
            good = batch.good(judged, more=(f"{AT} AS again", f"{place} AS place"), but=CLASHES)
            self.cursor.execute(f"INSERT INTO {CLASHES} SELECT g.again, g.place, {literal(rule.id)}, {said} "
                                f"FROM ({good}) g SEMI JOIN {self.lake.scan(state)} s ON {same}")
        found = self._ask(f"SELECT place, rule, key FROM {CLASHES} WHERE rule <> '' ORDER BY place")
        return tuple(Clash(*row) for row in found)

    def _taken(self, batch: Batch, judged: Judged) -> int:
        """Keep the rows that may come in, with their places in the batch; how many there are."""
        more = [self._given(batch.columns)]
        self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE {TAKEN} AS "
                            f"{batch.good(judged, more=more, but=CLASHES)}")
        return int(self._ask(f"SELECT count(*) FROM {TAKEN}")[0][0])

    # -- where they go ----------------------------------------------------------------------------------------------

    def _written(self, batch: Batch, state: Manifest | None) -> tuple[Manifest, list[FileRef]]:
        """The partitions that rows come into, as files with the rows that they have, or with the new ones alone where
        those lie elsewhere; and their files before."""
        rules, files = batch.rules, state.files if state is not None else ()
        keys = [quote(name) for name in rules.partition]
        found = self._ask(f"SELECT DISTINCT {', '.join(keys)} FROM {TAKEN}") if keys else [()]
        parts = [dict(zip(rules.partition, map(partition_text, row), strict=True)) for row in found]
        touched = [file for file in files if not keys or dict(file.partition) in parts]
        own = [*rules.values, *rules.derived]
        query = guard_of(self.session, self.name, known=rules.partition).query(
            self.cursor, f"SELECT {', '.join(map(quote, own))} FROM {TAKEN}")
        if touched and state is not None and not _beside(touched, rules.partition):
            there = self.lake.scan(Manifest(self.name, state.columns, tuple(touched)))
            query = f"SELECT * FROM {there} UNION ALL BY NAME {query}"
        sort = [name for name in rules.sort if name in columns_of(self.cursor, query)]
        made = self.lake.write(self.name, query, sort=sort, partition_by=rules.partition, connection=self.cursor)
        return made, touched

    def _rest(self, taken: int) -> tuple[FileRef, ...]:
        """The rows of the batch that stay, as they came."""
        if taken == self.open.rows:
            return ()
        by = ", ".join(name for name in PLACE if name in columns_of(self.cursor, f"SELECT * FROM {TAKEN}"))
        query = f"SELECT * FROM {self.held} WHERE ({by}) NOT IN (SELECT ({by}) FROM {TAKEN}) ORDER BY _file, _row"
        return self.lake.write(quarantine_of(self.name), query, partition_by=(KEY,), connection=self.cursor).files

    def _landed(self, before: Manifest | None, base: Manifest | None, written: Manifest, touched: Sequence[FileRef],
                rest: Sequence[FileRef], done: Replayed, batch: Batch) -> Manifest:
        """Both datasets' new states and what became of the rows, in one transaction; the dataset's state."""
        landed: list[Manifest] = []
        finding = self._finding(batch, done)

        def decide(entries: "Sequence[Entry]") -> Iterable[Fact]:
            now, aside = (state_of(self.session, dataset, entries) for dataset in (self.name, quarantine_of(self.name)))
            same = (now.id if now else "") == (before.id if before else "")
            if aside is None or only(aside, self.aside.batch).files != self.open.files or \
                    not (same or _untouched(now, written, touched)):
                raise Conflict(f"'{self.name}' has changed meanwhile.", next="Try again.")
            start = base if same else now
            keys = batch.rules.partition
            landed[:] = [written if start is None or not (keys or _beside(touched, keys)) else
                         start.appending(written) if _beside(touched, keys) else start.replacing(written)]
            left = without(aside, self.aside.batch, rest)
            for each in (landed[0], left):
                self.lake.require(each)
                self.lake.keep(each)
            source = f"replay of batch {self.aside.batch}"
            yield _snapshot(landed[0], now, source)
            yield _snapshot(left, aside, source)
            yield Quarantined(subject=self.name, event="replayed", batch=self.aside.batch, rows=done.taken,
                              left=done.left, file=self.mended.name if self.mended else "")
            yield finding

        self.session.ledger.transact(decide)
        return landed[0]

    def _finding(self, batch: Batch, done: Replayed) -> Finding:
        status = "pass" if not done.left else "fail"
        return Finding(check="replay", subject=self.name, status=status, value=float(done.left), limit=0.0,
                       unit="bad rows", n=self.open.rows, declaration=self.session.declaration("dataset", self.name),
                       title=f"{done.taken:,} of {self.open.rows:,} rows of batch {self.aside.batch} were taken in",
                       data=(self.aside_state.id,),
                       detail={"batch": self.aside.batch, "unchecked": list(done.unchecked)})


def _beside(touched: Sequence[FileRef], keys: Sequence[str]) -> bool:
    """Whether new rows get files of their own, since what is there lies elsewhere and is not copied for them."""
    return any(file.base for file in touched) and all(set(file.partition) == set(keys) for file in touched)


def _sizes(file: FileRef, touched: Sequence[FileRef], after: Manifest) -> tuple[int, int]:
    """The rows of a file's partition, before and now."""
    was = sum(each.rows for each in touched if not file.partition or each.partition == file.partition)
    return was, sum(each.rows for each in after.files if each.partition == file.partition)


def _untouched(now: Manifest | None, written: Manifest, touched: Sequence[FileRef]) -> bool:
    """Whether the partitions that were written anew are still as they were read."""
    parts = [dict(file.partition) for file in written.files]
    there = [file for file in now.files if {} in parts or dict(file.partition) in parts] if now is not None else []
    return sorted(file.digest for file in there) == sorted(file.digest for file in touched)


def _snapshot(state: Manifest, before: Manifest | None, source: str) -> Snapshot:
    return Snapshot(subject=state.dataset, snapshot=state.id, parent=before.id if before else "", rows=state.rows,
                    bytes=state.bytes, source=source)
