"""The rows of some files, held against a contract in one pass."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import duckdb

from mlops_tui.contracts import Place, compiled
from mlops_tui.data._places import placed
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.kinds import Contract
from mlops_tui.logicaltypes import raw
from mlops_tui.rowrules import AT, Compiled, Rule, key_alias
from mlops_tui.session import Session
from store.files import Opened, open_file, reading, written_form
from store.lake import MEMORY, Manifest, columns_of
from store.quoting import file_list, literal, quote

FILE = 1 << 40   # a row's number in its batch is that many times its file's, and its own
BROKEN = quote("#broken rows")
WRITE = {"parquet": "FORMAT parquet, COMPRESSION zstd", "csv": "FORMAT csv, HEADER", "json": "FORMAT json"}


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
                 rules: Compiled, references: "References", place: Place) -> None:
        self.cursor, self.files, self.columns, self.rules = cursor, files, columns, rules
        self.references, self.place = references, place
        self.paths = [file.path for file in files]
        self.rows = sum(file.rows for file in files)

    @cached_property
    def _rows(self) -> str:
        """What follows FROM: each row as it is in the file (`"=a"`) and as the contract sees it (`"a"`)."""
        kept = [f"{quote(name)} AS {raw(name)}" for name in self.columns]
        seen = [f"{value.sql} AS {quote(name)}" for name, value in self.rules.values.items()]
        source = self._numbered() if self.files else self._nothing()
        return f"(SELECT {', '.join([AT, *kept, *seen])} FROM ({source}))"

    def _numbered(self) -> str:
        """All rows as they are in the files, numbered."""
        return _source(self.files)

    def _nothing(self) -> str:
        """No rows, where no file has columns of its own."""
        columns = [f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in self.columns.items()]
        return f"SELECT CAST(NULL AS BIGINT) AS {AT}, {', '.join(columns)} WHERE false"

    # -- judging ------------------------------------------------------------------------------------------------

    def judged(self, bad: Callable[[Rule], bool]) -> Judged:
        """Every rule on every row in one pass; bad rows are then kept aside. `bad`: whether a rule makes rows bad."""
        counts = self._counts()
        failed = tuple(rule for rule in self.rules.rules if rule.broken is None and rule.bound is not None
                       and not rule.bound.holds(self.rows, self.rows))
        counts |= {rule.id: int(rule in failed) for rule in self.rules.rules if rule.id not in counts}
        meant = tuple(rule for rule in self.rules.row_rules
                      if rule.bound is None or not rule.bound.holds(counts[rule.id], self.rows))
        broken = [rule for rule in meant if counts[rule.id]]
        bad_rows = self._set_aside([rule for rule in broken if bad(rule)],
                                   [rule for rule in self.rules.row_rules if counts[rule.id]])
        warned_rows = self._warned([rule for rule in broken if not bad(rule)], bad_rows)
        return Judged(self.rows, counts, meant, failed, bad_rows, warned_rows)

    def _counts(self) -> dict[str, int]:
        """How many rows break each rule."""
        rules = self.rules.row_rules
        if not rules or not self.rows:
            return {rule.id: 0 for rule in rules}
        asked = [_repeated(rule.key) if rule.key else f"count_if({rule.broken})" for rule in rules]
        with self._blaming():
            query = f"SELECT {', '.join(asked)} FROM {self._rows} t {self._looked_up(rules)}"
            [found] = self.cursor.execute(query).fetchall()
        return {rule.id: int(count or 0) for rule, count in zip(rules, found, strict=True)}

    def _set_aside(self, harmful: Sequence[Rule], broken: Sequence[Rule]) -> int:
        """Keep the rows that break a harmful rule, with a mark for every rule each broke; how many there are."""
        if not harmful:
            return 0
        marks = ", ".join(f"{rule.broken} AS {quote(f'#{rule.id}')}" for rule in broken)
        some = " OR ".join(f"{quote(f'#{rule.id}')}" for rule in harmful)
        rows = f"SELECT t.*, {marks} FROM {self._rows} t {self._joins(broken)}"
        with self._blaming():
            self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE {BROKEN} AS SELECT * FROM ({rows}) WHERE {some}")
            return int(self.cursor.execute(f"SELECT count(*) FROM {BROKEN}").fetchall()[0][0])

    def _warned(self, doubtful: Sequence[Rule], bad_rows: int) -> int:
        """How many rows break a rule that only warns, and are not bad."""
        if not doubtful:
            return 0
        some = " OR ".join(f"({rule.broken})" for rule in doubtful)
        with self._blaming():
            return int(self.cursor.execute(f"SELECT count(*) FROM {self._rows} t {self._joins(doubtful)} WHERE ({some})"
                                           f"{f' AND {self._unbroken}' if bad_rows else ''}").fetchall()[0][0])

    _unbroken = f"t.{AT} NOT IN (SELECT {AT} FROM {BROKEN})"

    def _joins(self, rules: Sequence[Rule]) -> str:
        """What the rules need to know of other rows: the first of each repeated key, the values of other datasets."""
        joins = []
        for names in dict.fromkeys(rule.key for rule in rules if rule.key):
            columns, alias = [quote(name) for name in names], key_alias(names)
            there = " AND ".join(f"{column} IS NOT NULL" for column in columns)
            same = " AND ".join(f't.{column} = {alias}."#{number}"' for number, column in enumerate(columns))
            parts = [f'{column} AS "#{number}"' for number, column in enumerate(columns)]
            joins.append(f'LEFT JOIN (SELECT {", ".join(parts)}, min({AT}) AS "#first" FROM {self._rows} '
                         f"WHERE {there} GROUP BY {', '.join(columns)} HAVING count(*) > 1) {alias} ON {same}")
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
                self._try(rule)
            if isinstance(problem, Refusal):
                raise
            raise BadInput(f"The contract cannot be checked: {_first_line(problem)}",
                           where=", ".join(map(str, self.paths))) from problem

    def _try(self, rule: Rule) -> None:
        try:
            self.cursor.execute(f"SELECT {rule.broken} FROM {self._rows} t {self._joins([rule])} LIMIT 0")
        except duckdb.Error as problem:
            raise BadInput(f"The rule {rule.id} does not run: {_first_line(problem)}", where=self.place(rule.column),
                           next="Change the contract.") from problem

    # -- what becomes of the rows -------------------------------------------------------------------------------

    def good(self, judged: Judged) -> str:
        """The good rows as the contract sees them, with the derived partition columns."""
        columns = [quote(name) for name in self.rules.values]
        columns += [f"{sql} AS {quote(name)}" for name, sql in self.rules.derived.items()]
        return f"SELECT {', '.join(columns)} FROM {self._rows} t{self._without(judged)}"

    def good_as_read(self, judged: Judged) -> str:
        """The good rows as they are in the files, in their order."""
        columns = ", ".join(f"{raw(name)} AS {quote(name)}" for name in self.columns)
        return f"SELECT {columns} FROM {self._rows} t{self._without(judged)} ORDER BY {AT}"

    def quarantine(self, judged: Judged, *, more: Sequence[str] = (), as_text: bool = False) -> str:
        """The bad rows as they are in the files, with `_row` and `_rules`; `more` adds columns."""
        marks = [f"CASE WHEN {quote(f'#{rule.id}')} THEN {literal(rule.id)} END"
                 for rule in self.rules.row_rules if judged.counts[rule.id] and judged.bad_rows]
        listed = f"list_filter([{', '.join(marks)}], lambda x: x IS NOT NULL)" if marks else "CAST([] AS VARCHAR[])"
        own = [f"{raw(name)} AS {quote(name)}" for name in self.columns if name not in ("_row", "_rules")]
        added = [f"{AT} % {FILE} AS _row", f"{f'to_json({listed})' if as_text else listed} AS _rules", *more]
        rows = BROKEN if judged.bad_rows else f"{self._rows} WHERE false"
        return f"SELECT {', '.join([*own, *added])} FROM {rows} ORDER BY {AT}"

    def rows_of(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query by column."""
        found = self.cursor.execute(query)
        names = [str(column[0]) for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def name_of_file(self) -> str:
        """SQL of the name of a row's file."""
        names = ", ".join(literal(path.name) for path in self.paths)
        return f"([{names}])[CAST({AT} // {FILE} AS INTEGER) + 1]"

    def _without(self, judged: Judged) -> str:
        return f" WHERE {self._unbroken}" if judged.bad_rows else ""

    def check_target(self, target: Path, *, overwrite: bool) -> None:
        """Refuse a file that cannot be written, or in which there is something that would be lost."""
        written_form(target)
        if not target.parent.is_dir():
            raise BadInput(f"There is no folder '{target.parent}'.", where=str(target))
        if any(target.resolve() == path.resolve() for path in self.paths):
            raise BadInput(f"'{target.name}' is the file that is read.", where=str(target), next="Name another one.")
        if target.exists() and target.stat().st_size and not overwrite:
            raise BadInput(f"'{target.name}' exists already.", where=str(target),
                           next="Name another file, or add --overwrite.")

    def write(self, query: str, target: Path) -> None:
        """Let a file of rows appear whole, in the form that its ending asks for."""
        form = written_form(target)
        staged = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with reading(self.paths):
                self.cursor.execute(f"COPY ({query}) TO {literal(str(staged))} ({WRITE[form]})")
            staged.replace(target)
        finally:
            staged.unlink(missing_ok=True)


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
    project, place, references = session.project, placed(where), References(session)
    zone = str(project.zone) if project else ""
    rules = partial(compiled, contract, zone=zone, place=place, known=references.columns if project else None,
                    sparse=any(file.form == "json" for file in files))
    for file in {tuple(file.columns.items()): file for file in files[:0:-1]}.values():
        rules(file.columns, file=f"'{file.path.name}'")
    columns: Mapping[str, str] = files[0].columns if files else {item.name: "VARCHAR" for item in contract.properties}
    if any(file.columns != columns for file in files):
        with reading(paths):
            together = columns_of(cursor, _source(files))
        columns = {name: kind for name, kind in together.items() if quote(name) != AT}
    named = f"'{files[0].path.name}'" if files else "The file"
    return Batch(cursor, files, columns, rules(columns, file=named), references, place)


def alone() -> duckdb.DuckDBPyConnection:
    """A DuckDB where there is no project: UTC, bounded memory, spilling to the system's temporary folder."""
    connection = duckdb.connect(":memory:", config={"memory_limit": MEMORY, "temp_directory": gettempdir()})
    connection.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false")
    return connection


def _repeated(names: Sequence[str]) -> str:
    """How many rows repeat a key that an earlier row has: all that have one, less those that are the first."""
    columns = [quote(name) for name in names]
    there = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    key = columns[0] if len(columns) == 1 else f"({', '.join(columns)})"
    return f"count_if({there}) - count(DISTINCT {key}) FILTER ({there})"


def _first_line(problem: BaseException) -> str:
    line = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    return line.partition("Error: ")[2] or line
