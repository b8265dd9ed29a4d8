"""The rows of some files, held against a contract in one pass."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import duckdb

from mlops_tui.data._keptout import kept_out
from mlops_tui.data._places import placed
from mlops_tui.data._repeats import FEW, repeated, repeats
from mlops_tui.data._values import by_value
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.quality.contracts import Place, compiled
from mlops_tui.quality.evolution import Change, file_changes
from mlops_tui.quality.logicaltypes import NEVER, raw
from mlops_tui.quality.rowrules import AT, Compiled, Rule, key_alias
from mlops_tui.session import Session
from store.files import Opened, open_file, reading
from store.lake import MEMORY, Manifest, columns_of
from store.quoting import file_list, literal, quote

FILE = 1 << 40   # a row's number in its batch is that many times its file's, and its own
_PARTED = {"array": "VARCHAR[]", "object": "STRUCT(value VARCHAR)"}
BROKEN = quote("#broken rows")


@dataclass(frozen=True)
class Judged:
    """How many rows a batch has, how many break which rule, which rules are meant to hurt, and how many rows are bad.

    `meant` leaves out the rules whose bound holds; `failed` are those about the number of rows that do not hold.
    """

    rows: int
    counts: Mapping[str, int]
    meant: tuple[Rule, ...]
    failed: tuple[Rule, ...]
    bad_rows: int = 0
    warned_rows: int = 0

    @property
    def good_rows(self) -> int:
        return self.rows - self.bad_rows


class Batch:
    """Files that were opened, and the rules for them."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, files: Sequence[Opened], columns: Mapping[str, str],
                 rules: Compiled, references: "References", place: Place, now: datetime, contract: Contract) -> None:
        self.cursor, self.files, self.columns, self.rules, self.now = cursor, files, columns, rules, now
        self.contract = contract
        self.references, self.place = references, place
        self.paths = [file.path for file in files]
        self.in_files = sum(file.rows for file in files)
        self.rows, self.left_out, self._kept_out = self.in_files, 0, ""
        self._repeated: dict[tuple[str, ...], bool] = {}
        self._marks: dict[str, str] = {}

    @cached_property
    def evolved(self) -> list[Change]:
        """How the columns of the files differ from what the contract says."""
        return file_changes(self.contract, self.columns) if self.files else []

    @property
    def read(self) -> str:
        """What follows FROM: all rows, each column as it is in the files (`"=a"`) and as the contract sees it."""
        return self._rows

    @cached_property
    def _rows(self) -> str:
        """What follows FROM: each row as it is in the file (`"=a"`) and as the contract sees it (`"a"`)."""
        kept = [f"{quote(name)} AS {raw(name)}" for name in self.columns]
        seen = [f"{value.sql} AS {quote(name)}" for name, value in self.rules.values.items()]
        source = self._numbered() if self.files else self._nothing()
        but = f" WHERE NOT ({self._kept_out})" if self._kept_out else ""
        return f"(SELECT {', '.join([AT, *kept, *seen])} FROM (SELECT * FROM ({source}){but}))"

    def keep_out(self, those: str) -> None:
        """Leave rows out, before they are judged, as if the files did not have them; `those` is SQL that is true of
        them."""
        with reading(self.paths):
            [(count,)] = self.cursor.execute(f"SELECT count(*) FROM ({self._numbered()}) WHERE {those}").fetchall()
        if count:
            self.left_out, self.rows, self._kept_out = int(count), self.in_files - int(count), those

    def _numbered(self) -> str:
        """All rows as they are in the files, numbered."""
        return _source(self.files)

    def _nothing(self) -> str:
        """No rows, where no file has columns of its own."""
        columns = [f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in self.columns.items()]
        return f"SELECT CAST(NULL AS BIGINT) AS {AT}, {', '.join(columns)} WHERE false"

    # -- judging ------------------------------------------------------------------------------------------------

    def judged(self, bad: Callable[[Rule], bool]) -> Judged:
        """How the rows keep the rules; bad ones are kept aside. `bad`: whether a rule makes rows bad.

        One pass over many rows finds those that break a rule for which each is bad. Rules that only warn, or that have
        a bound, are counted before, and so are all rules over few rows: a short query is soon made ready.
        """
        rules = self.rules.row_rules
        certain = [rule for rule in rules if rule.bound is None and bad(rule)] if self.rows > FEW else []
        counts = self._counts([rule for rule in rules if rule not in certain])
        failed = tuple(rule for rule in self.rules.rules if rule.broken is None and (
            self._late() if rule.bound is None else not rule.bound.holds(self.rows, self.rows)))
        counts |= {rule.id: int(rule in failed) for rule in self.rules.rules if rule not in rules}
        doubtful = [rule for rule in rules if rule not in certain and counts[rule.id]
                    and (rule.bound is None or not rule.bound.holds(counts[rule.id], self.rows))]
        harmful = [rule for rule in rules if rule in certain or (rule in doubtful and bad(rule))]
        bad_rows = self._set_aside(harmful, [rule for rule in rules if rule in certain or counts[rule.id]])
        counts |= self._counted_aside(certain, bad_rows)
        warned_rows = self._warned([rule for rule in doubtful if not bad(rule)], bad_rows)
        return Judged(self.rows, {rule.id: counts[rule.id] for rule in self.rules.rules},
                      tuple(rule for rule in rules if rule in certain or rule in doubtful), failed, bad_rows,
                      warned_rows)

    def _late(self) -> bool:
        """Whether the newest time is older than was agreed; without rows there is none."""
        latency = self.rules.latency
        if latency is None or not self.rows:
            return False
        with self._blaming():
            newest = self.cursor.execute(f"SELECT epoch(max({latency.sql})) FROM {self._rows} t").fetchall()[0][0]
        return newest is not None and self.now.timestamp() - float(newest) > latency.seconds

    def _counts(self, rules: Sequence[Rule]) -> dict[str, int]:
        """How many rows break each rule."""
        if not rules or not self.rows:
            return {rule.id: 0 for rule in rules}
        with self._blaming():
            asked = [repeated(rule.key) if rule.key else f"count_if({rule.broken})" for rule in rules]
            query = f"SELECT {', '.join(asked)} FROM {self._rows} t {self._looked_up(rules)}"
            [found] = self.cursor.execute(query).fetchall()
        counts = {rule.id: int(count or 0) for rule, count in zip(rules, found, strict=True)}
        self._repeated |= {rule.key: False for rule in rules if rule.key and not counts[rule.id]}
        return counts

    def _set_aside(self, harmful: Sequence[Rule], marked: Sequence[Rule]) -> int:
        """Keep the rows that break a harmful rule, with a mark for every rule each broke; how many there are."""
        if not harmful or not self.rows:
            return 0
        with self._blaming():
            kept = [f"t.{AT}", *(raw(name) for name in self.columns)]
            kept += [f"{self._mark(rule)} AS {quote(f'#{rule.id}')}" for rule in marked]
            some = " OR ".join(f"({self._mark(rule)})" for rule in harmful)
            self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE {BROKEN} AS SELECT {', '.join(kept)} "
                                f"FROM {self._rows} t {self._joins(marked)} WHERE {some}")
            return int(self.cursor.execute(f"SELECT count(*) FROM {BROKEN}").fetchall()[0][0])

    def _counted_aside(self, rules: Sequence[Rule], bad_rows: int) -> dict[str, int]:
        """How many rows break each of the rules that always make a row bad: all of those are set aside."""
        if not bad_rows or not rules:
            return {rule.id: 0 for rule in rules}
        asked = ", ".join(f"count_if({quote(f'#{rule.id}')})" for rule in rules)
        [found] = self.cursor.execute(f"SELECT {asked} FROM {BROKEN}").fetchall()
        return {rule.id: int(count or 0) for rule, count in zip(rules, found, strict=True)}

    def _warned(self, doubtful: Sequence[Rule], bad_rows: int) -> int:
        """How many rows break a rule that only warns, and are not bad."""
        if not doubtful:
            return 0
        some = " OR ".join(f"({self._mark(rule)})" for rule in doubtful)
        with self._blaming():
            return int(self.cursor.execute(f"SELECT count(*) FROM {self._rows} t {self._joins(doubtful)} WHERE ({some})"
                                           f"{f' AND {self._unbroken}' if bad_rows else ''}").fetchall()[0][0])

    _unbroken = f"t.{AT} NOT IN (SELECT {AT} FROM {BROKEN})"

    def _mark(self, rule: Rule) -> str:
        """SQL that is true where the row breaks the rule."""
        if rule.id not in self._marks:
            slow = rule.slow and self.rows > FEW
            self._marks[rule.id] = NEVER if rule.key and not self._repeats(rule.key) else (
                by_value(self.cursor, self._rows, rule) if slow else str(rule.broken))
        return self._marks[rule.id]

    def _repeats(self, names: tuple[str, ...]) -> bool:
        """Whether rows repeat a key that an earlier one has; a table named by the key has their numbers then."""
        if names not in self._repeated:
            self._repeated[names] = repeats(self.cursor, self._rows, names, self.rows)
        return self._repeated[names]

    def _joins(self, rules: Sequence[Rule]) -> str:
        """What the rules need to know of other rows: which repeat a key, and the values of other datasets."""
        keys = dict.fromkeys(rule.key for rule in rules if rule.key and self._repeats(rule.key))
        joins = [f'LEFT JOIN {key_alias(names)} ON t.{AT} = {key_alias(names)}."#again"' for names in keys]
        return " ".join([*joins, self._looked_up(rules)])

    def _looked_up(self, rules: Sequence[Rule]) -> str:
        joins = []
        for each in self.rules.references:
            if any(each.alias in str(rule.broken) for rule in rules):
                scan = self.references.scans[each.dataset]
                keys = f'SELECT DISTINCT TRY_CAST({quote(each.to)} AS {each.type}) AS "#key" FROM {scan}'
                joins.append(f'LEFT JOIN ({keys}) {each.alias} ON t.{quote(each.column)} = {each.alias}."#key"')
        return " ".join(joins)

    @contextmanager
    def _blaming(self) -> Iterator[None]:
        """Say which rule it was where SQL of the contract does not run; otherwise what is wrong with the file."""
        try:
            with reading(self.paths):
                yield
        except (duckdb.Error, Refusal) as problem:
            for rule in self.rules.row_rules:
                self.attempt(rule)
            if isinstance(problem, Refusal):
                raise
            raise BadInput(f"The contract cannot be checked: {_first_line(problem)}",
                           where=", ".join(map(str, self.paths))) from problem

    def attempt(self, rule: Rule) -> None:
        """BadInput where the SQL of a rule does not run."""
        if rule.key:
            return
        try:
            self.cursor.execute(f"SELECT {rule.broken} FROM {self._rows} t {self._looked_up([rule])} LIMIT 0")
        except duckdb.Error as problem:
            raise BadInput(f"The rule {rule.id} does not run: {_first_line(problem)}", where=self.place(rule.column),
                           next="Change the contract.") from problem

    # -- what becomes of the rows -------------------------------------------------------------------------------

    def good(self, judged: Judged, *, more: Sequence[str] = (), but: str = "") -> str:
        """The good rows as the contract sees them, with the derived partition columns; `more` adds columns.

        `but` follows FROM and gives numbers (`again`) of rows to leave out.
        """
        columns = [*(quote(name) for name in self.rules.values), *more]
        columns += [f"{sql} AS {quote(name)}" for name, sql in self.rules.derived.items()]
        kept = [self._unbroken] * bool(judged.bad_rows) + [f"t.{AT} NOT IN (SELECT again FROM {but})"] * bool(but)
        where = f" WHERE {' AND '.join(kept)}" if kept else ""
        return f"SELECT {', '.join(columns)} FROM {self._rows} t{where}"

    def good_as_read(self, judged: Judged) -> str:
        """The good rows as they are in the files, in their order: a mask of bits keeps it, where a join would not."""
        columns = ", ".join(f"{raw(name)} AS {quote(name)}" for name in self.columns)
        if not judged.bad_rows:
            return f"SELECT {columns} FROM {self._rows} t"
        self.cursor.execute(f"SET VARIABLE bad = (SELECT bitstring_agg({self._number}, 0, {self.in_files - 1}) "
                            f"FROM {BROKEN})")
        return f"SELECT {columns} FROM {self._rows} t WHERE get_bit(getvariable('bad'), {self._number}) = 0"

    @property
    def _number(self) -> str:
        """SQL of a row's number among the rows of all files."""
        before = [sum(file.rows for file in self.files[:place]) for place in range(len(self.files))]
        return f"CAST({before}[CAST({AT} // {FILE} AS INTEGER) + 1] + {AT} % {FILE} AS INTEGER)"

    def quarantine(self, judged: Judged, *, more: Sequence[str] = (), as_text: bool = False) -> str:
        """The bad rows as they are in the files, with `_row` and `_rules`; `more` adds columns."""
        marks = [f"CASE WHEN {quote(f'#{rule.id}')} THEN {literal(rule.id)} END"
                 for rule in self.rules.row_rules if judged.counts[rule.id] and judged.bad_rows]
        listed = f"list_filter([{', '.join(marks)}], lambda x: x IS NOT NULL)" if marks else "CAST([] AS VARCHAR[])"
        own = [f"{raw(name)} AS {quote(name)}" for name in self.columns if name not in ("_row", "_rules")]
        added = [f"{AT} % {FILE} AS _row", f"{f'to_json({listed})' if as_text else listed} AS _rules", *more]
        rows = BROKEN if judged.bad_rows else f"{self._rows} WHERE false"
        return f"SELECT {', '.join([*own, *added])} FROM {rows} ORDER BY {AT}"

    def seen(self, *columns: str) -> str:
        """The rows' numbers in the batch, and columns as the contract sees them; derived ones too."""
        named = [f"{self.rules.derived.get(name, quote(name))} AS {quote(name)}" for name in columns]
        return f"SELECT {', '.join([AT, *named])} FROM {self._rows}"

    def rows_of(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query by column."""
        found = self.cursor.execute(query)
        names = [str(column[0]) for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def name_of_file(self) -> str:
        """SQL of the name of a row's file."""
        names = ", ".join(literal(path.name) for path in self.paths)
        return f"([{names}])[CAST({AT} // {FILE} AS INTEGER) + 1]"


def _source(files: Sequence[Opened]) -> str:
    """All rows as they are in the files, numbered; columns that only some files have are null in the others."""
    if all(file.row == "file_row_number" for file in files):
        return (f"SELECT CAST(file_index * {FILE} + file_row_number AS BIGINT) AS {AT}, * FROM "
                f"read_parquet({file_list([str(file.path) for file in files])}, union_by_name = true)")
    return " UNION ALL BY NAME ".join(f"SELECT CAST({number * FILE} + {file.row} AS BIGINT) AS {AT}, * "
                                      f"FROM {file.relation}" for number, file in enumerate(files))


class References:
    """The datasets that foreign keys name, looked up once each."""

    def __init__(self, session: Session) -> None:
        self.session, self.found = session, dict[str, Manifest | None]()

    def columns(self, dataset: str) -> list[str] | None:
        """The columns of a declared dataset; None while it has no data."""
        if dataset not in self.found:
            self.session.declared().dataset(dataset)
            self.found[dataset] = self.session.current(dataset)
        manifest = self.found[dataset]
        return list(manifest.columns) if manifest is not None else None

    @property
    def scans(self) -> dict[str, str]:
        return {name: self.session.data().scan(manifest) for name, manifest in self.found.items() if manifest}

    @property
    def snapshots(self) -> list[str]:
        return [manifest.id for manifest in self.found.values() if manifest]


def opened(session: Session, contract: Contract, where: Path, paths: Sequence[Path],
           cursor: duckdb.DuckDBPyConnection) -> Batch:
    """The files, held ready against a contract that is declared in the file `where`."""
    files = [file for number, path in enumerate(paths)
             for file in [open_file(cursor, path, f"#file {number}")] if file.columns]
    return held(session, contract, where, files, cursor)


def held(session: Session, contract: Contract, where: Path, files: Sequence[Opened],
         cursor: duckdb.DuckDBPyConnection) -> Batch:
    """Opened files, held ready against a contract that is declared in the file `where`."""
    project, place, references = session.project, placed(where), References(session)
    zone = str(project.zone) if project else ""
    rules = partial(compiled, contract, zone=zone, place=place, known=references.columns if project else None,
                    sparse=any(file.form == "json" for file in files))
    for file in {tuple(file.columns.items()): file for file in files[:0:-1]}.values():
        rules(file.columns, file=f"'{file.path.name}'")
    columns: Mapping[str, str] = files[0].columns if files else stated(contract)
    if any(file.columns != columns for file in files):
        with reading([file.path for file in files]):
            together = columns_of(cursor, _source(files))
        columns = {name: kind for name, kind in together.items() if quote(name) != AT}
    named = f"'{files[0].path.name}'" if files else "The file"
    batch = Batch(cursor, files, columns, rules(columns, file=named), references, place, session.now(), contract)
    if project and files and (those := kept_out(session, contract, columns, cursor)):
        batch.keep_out(those)
    return batch


def stated(contract: Contract) -> dict[str, str]:
    """Columns as they are where no file says otherwise: texts, which can be read as any type that has no parts."""
    return {item.name: _PARTED.get(item.logicalType, "VARCHAR") for item in contract.properties}


def alone() -> duckdb.DuckDBPyConnection:
    """A DuckDB where there is no project: UTC, bounded memory, spilling to the system's temporary folder."""
    connection = duckdb.connect(":memory:", config={"memory_limit": MEMORY, "temp_directory": gettempdir()})
    connection.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false")
    return connection


def _first_line(problem: BaseException) -> str:
    line = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    return line.partition("Error: ")[2] or line
