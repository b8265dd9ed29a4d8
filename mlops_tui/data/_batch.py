"""The rows of some files, held against a contract in one pass."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import gettempdir

import duckdb

from mlops_tui.contracts import Place, compiled
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.kinds import Contract
from mlops_tui.logicaltypes import raw
from mlops_tui.rowrules import AT, Compiled, Reference, Rule, key_alias
from mlops_tui.session import Session
from store.files import Opened, open_file, reading, written_form
from store.lake import MEMORY, Manifest, columns_of
from store.quoting import file_list, literal, quote

FILE = 1 << 40   # a row's number in its batch is that many times its file's, and its own
WORD = 62        # rules in one integer of a row's bitmask
FEW = 200_000    # so many rows are held in a table; more are streamed from their files
ROWS, BROKEN = quote("#rows"), quote("#broken rows")
WRITE = {"parquet": "FORMAT parquet, COMPRESSION zstd", "csv": "FORMAT csv, HEADER", "json": "FORMAT json"}


@dataclass(frozen=True)
class Judged:
    """How many rows a batch has, how many break which rule, which rules make a row bad, and how many rows are."""

    rows: int
    counts: Mapping[str, int]
    bad_rules: tuple[Rule, ...]
    bad_rows: int
    warned_rows: int
    failed: tuple[Rule, ...]

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
        self.small = self.rows <= FEW

    @cached_property
    def _rows(self) -> str:
        """What follows FROM: each row as it is in the file (`"=a"`) and as the contract sees it (`"a"`)."""
        kept = [f"{quote(name)} AS {raw(name)}" for name in self.columns]
        seen = [f"{value.sql} AS {quote(name)}" for name, value in self.rules.values.items()]
        source = _source(self.files) if self.files else self._nothing()
        query = f"SELECT {', '.join([AT, *kept, *seen])} FROM ({source})"
        if not self.small:
            return f"({query})"
        with self._blaming():
            self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE {ROWS} AS {query}")
        return ROWS

    def _nothing(self) -> str:
        """No rows, where no file has columns of its own."""
        columns = [f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in self.columns.items()]
        return f"SELECT CAST(NULL AS BIGINT) AS {AT}, {', '.join(columns)} WHERE false"

    # -- judging ------------------------------------------------------------------------------------------------

    def judged(self, bad: Callable[[Rule], bool]) -> Judged:
        """Every rule on every row; `bad`: whether breaking a rule makes a row bad."""
        if not self.rows:
            return Judged(0, {rule.id: 0 for rule in self.rules.rules}, (), 0, 0, self._failed())
        rules = self.rules.row_rules
        masks = self._masks()
        counts = {rule.id: sum(n for mask, n in masks if mask >> bit & 1) for bit, rule in enumerate(rules)}
        meant = [rule for rule in rules if rule.bound is None or not rule.bound.holds(counts[rule.id], self.rows)]
        bad_rules, failed = tuple(rule for rule in meant if bad(rule)), self._failed()
        harmful, doubtful = _mask(rules, bad_rules), _mask(rules, meant)
        bad_rows = sum(n for mask, n in masks if mask & harmful)
        warned_rows = sum(n for mask, n in masks if mask & doubtful) - bad_rows
        counts |= {rule.id: int(rule in failed) for rule in self.rules.rules if rule not in rules}
        if bad_rows and self.small:
            self._keep_broken()
        return Judged(self.rows, counts, bad_rules, bad_rows, warned_rows, failed)

    def _masks(self) -> list[tuple[int, int]]:
        """The sets of rules that rows break, as bitmasks, and how many rows break exactly those.

        Few rows are looked at twice where some are bad; many only once, and the broken ones kept aside as they pass.
        """
        if not self._words:
            return []
        words = ", ".join(self._words)
        if not self.small:
            self._keep_broken()
        relation = f"({self._masked()})" if self.small else BROKEN
        with self._blaming():
            found = self.cursor.execute(f"SELECT {words}, count(*) FROM {relation} GROUP BY ALL").fetchall()
        return [(sum(word << WORD * place for place, word in enumerate(row[:-1])), row[-1]) for row in found]

    def _keep_broken(self) -> None:
        some = " OR ".join(f"{word} <> 0" for word in self._words)
        with self._blaming():
            self.cursor.execute(
                f"CREATE OR REPLACE TEMP TABLE {BROKEN} AS SELECT * FROM ({self._masked()}) WHERE {some}")

    def _failed(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules.rules if rule.broken is None and rule.bound is not None
                     and not rule.bound.holds(self.rows, self.rows))

    @property
    def _words(self) -> list[str]:
        return [quote(f"#broken {place}") for place in range(-(-len(self.rules.row_rules) // WORD))]

    def _masked(self) -> str:
        """The rows with a bit for each rule they break."""
        rules, masks = self.rules.row_rules, []
        for place, word in enumerate(self._words):
            bits = [f"CASE WHEN {rule.broken} THEN {1 << bit} ELSE 0 END"
                    for bit, rule in enumerate(rules[place * WORD:(place + 1) * WORD])]
            masks.append(f"CAST({' | '.join(bits)} AS BIGINT) AS {word}")
        return f"SELECT {', '.join(['t.*', *masks])} FROM {self._rows} t {self._joins()}"

    def _joins(self) -> str:
        joins = []
        for names in self.rules.keys:
            columns, alias = [quote(name) for name in names], key_alias(names)
            there = " AND ".join(f"{column} IS NOT NULL" for column in columns)
            same = " AND ".join(f't.{column} = {alias}."#{number}"' for number, column in enumerate(columns))
            parts = [f'{column} AS "#{number}"' for number, column in enumerate(columns)]
            joins.append(f'LEFT JOIN (SELECT {", ".join(parts)}, min({AT}) AS "#first" FROM {self._rows} '
                         f"WHERE {there} GROUP BY {', '.join(columns)} HAVING count(*) > 1) {alias} ON {same}")
        return " ".join([*joins, *map(self._reference, self.rules.references)])

    def _reference(self, each: Reference) -> str:
        scan = self.references.scans[each.dataset]
        keys = f'SELECT DISTINCT TRY_CAST({quote(each.to)} AS {each.type}) AS "#key" FROM {scan}'
        return f'LEFT JOIN ({keys}) {each.alias} ON t.{quote(each.column)} = {each.alias}."#key"'

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
            self.cursor.execute(f"SELECT {rule.broken} FROM {self._rows} t {self._joins()} LIMIT 0")
        except duckdb.Error as problem:
            raise BadInput(f"The rule {rule.id} does not run: {_first_line(problem)}", where=self.place(rule.column),
                           next="Change the contract.") from problem

    # -- what becomes of the rows -------------------------------------------------------------------------------

    def good(self, judged: Judged) -> str:
        """The good rows as the contract sees them, with the derived partition columns."""
        columns = [quote(name) for name in self.rules.values]
        columns += [f"{sql} AS {quote(name)}" for name, sql in self.rules.derived.items()]
        return f"SELECT {', '.join(columns)} FROM {self._rows}{self._without(judged)}"

    def good_as_read(self, judged: Judged) -> str:
        """The good rows as they are in the files, in their order."""
        columns = ", ".join(f"{raw(name)} AS {quote(name)}" for name in self.columns)
        return f"SELECT {columns} FROM {self._rows}{self._without(judged)} ORDER BY {AT}"

    def quarantine(self, judged: Judged, *, more: Sequence[str] = (), as_text: bool = False) -> str:
        """The bad rows as they are in the files, with `_row` and `_rules`; `more` adds columns."""
        rules = [f"CASE WHEN {self._words[bit // WORD]} & {1 << bit % WORD} <> 0 THEN {literal(rule.id)} END"
                 for bit, rule in enumerate(self.rules.row_rules)]
        listed = f"list_filter([{', '.join(rules)}], lambda x: x IS NOT NULL)" if rules else "[]"
        own = [f"{raw(name)} AS {quote(name)}" for name in self.columns if name not in ("_row", "_rules")]
        added = [f"{AT} % {FILE} AS _row", f"{f'to_json({listed})' if as_text else listed} AS _rules", *more]
        return f"SELECT {', '.join([*own, *added])} FROM {self._bad(judged)} ORDER BY {AT}"

    def name_of_file(self) -> str:
        """SQL of the name of a row's file."""
        names = ", ".join(literal(path.name) for path in self.paths)
        return f"([{names}])[CAST({AT} // {FILE} AS INTEGER) + 1]"

    def _bad(self, judged: Judged) -> str:
        if not judged.bad_rows:
            return f"({self._masked()}) WHERE false"
        wanted = _mask(self.rules.row_rules, judged.bad_rules)
        parts = [wanted >> WORD * place & ((1 << WORD) - 1) for place in range(len(self._words))]
        return f"{BROKEN} WHERE " + (" OR ".join(
            f"{word} & {part} <> 0" for word, part in zip(self._words, parts, strict=True) if part) or "false")

    def _without(self, judged: Judged) -> str:
        return f" WHERE {AT} NOT IN (SELECT {AT} FROM {self._bad(judged)})" if judged.bad_rows else ""

    def write(self, query: str, target: Path) -> None:
        """Let a file of rows appear whole, in the form that its ending asks for."""
        form = written_form(target)
        if not target.parent.is_dir():
            raise BadInput(f"There is no folder '{target.parent}'.", where=str(target))
        if any(target.resolve() == path.resolve() for path in self.paths):
            raise BadInput(f"'{target.name}' is the file that is read.", where=str(target), next="Name another one.")
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
    for file in files[1:]:
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


def placed(path: Path) -> Place:
    """Where a contract's file declares a property: `path:line`, as far as it can be found."""

    def place(name: str) -> str:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        wanted = re.compile(rf"""\b(?:name|property):\s*["']?{re.escape(name.split(",")[0])}["']?\s*(?:[,}}#]|$)""")
        found = next((number for number, line in enumerate(lines, start=1) if wanted.search(line)), None)
        return f"{path}:{found}" if found else str(path)

    return place


def _mask(rules: Sequence[Rule], chosen: Sequence[Rule]) -> int:
    return sum(1 << bit for bit, rule in enumerate(rules) if rule in chosen)


def _first_line(problem: BaseException) -> str:
    line = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    return line.partition("Error: ")[2] or line
