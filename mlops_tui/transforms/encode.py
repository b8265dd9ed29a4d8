"""Target encoding: a level's value is what its rows came to, shrunk towards all of them, never from the row itself."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import duckdb

from mlops_tui.errors import BadInput
from mlops_tui.transforms import Made, frozen, rows
from mlops_tui.transforms.frozen import Document
from store.quoting import literal, quote

Task = Literal["auto", "binary", "multiclass", "regression"]
KIND, MOST_CLASSES = "encode", 50
TABLE = "=encoded"


@dataclass(frozen=True)
class Encoding:
    """How columns are encoded by a target.

    `smoothing`: the weight m of the prior in rows, or `auto` for empirical Bayes. Folds go by the values of `key`, or
    of `groups` (whose rows then stay together), else by row number. With `time`, a row is encoded from the rows whose
    label was known (column `known`, else `time`) at least `gap` units before; microseconds where it is a timestamp.
    """

    target: str
    columns: tuple[str, ...]
    smoothing: float | Literal["auto"] = "auto"
    folds: int = 5
    seed: int = 0
    key: tuple[str, ...] = ()
    groups: str = ""
    time: str = ""
    known: str = ""
    gap: int = 0
    task: Task = "auto"

    def __post_init__(self) -> None:
        if not self.columns:
            raise BadInput("No column to encode.", next="Name some: columns a,b.")
        if self.target in self.columns:
            raise BadInput(f"The target '{self.target}' cannot be encoded by itself.")
        if self.smoothing != "auto" and not 0 <= float(self.smoothing) < float("inf"):
            raise BadInput(f"smoothing is a number of rows from 0, or auto, not {self.smoothing}.")
        if self.folds < 2 and not self.time:
            raise BadInput(f"With {self.folds} fold each row would be encoded from its own outcome.",
                           next="Give 2 folds or more.")
        if self.time and self.groups:
            raise BadInput("Folds go by time or by groups, not both.", next="Leave one of them out.")


@dataclass(frozen=True)
class _Target:
    """What is added up of each row: SQL of the terms by class, the task, and the units of the sums."""

    task: str
    classes: tuple[str, ...]
    known: str
    terms: tuple[str, ...]
    squares: tuple[str, ...]
    unit: float = 1.0
    square_unit: float = 1.0
    centre: float = 0.0

    @property
    def names(self) -> list[str]:
        return [f"_{name}" for name in self.classes] if self.task == "multiclass" else [""]

    def sums(self) -> str:
        """SQL of the aggregates of some rows: n, then s and (where it is not s itself) q of each class."""
        listed = [f"count({self.known}) AS n"]
        for number, term in enumerate(self.terms):
            listed.append(f"sum({term}) AS s{number}")
            if self.squares:
                listed.append(f"sum({self.squares[number]}) AS q{number}")
        return ", ".join(listed)

    def columns(self) -> list[str]:
        return ["n", *(f"{letter}{number}" for number in range(len(self.terms))
                       for letter in ("sq" if self.squares else "s"))]

    def mean(self, n: str, s: str) -> str:
        return f"(CAST({s} AS DOUBLE) / {self.unit!r} / {n})"

    def deviations(self, n: str, s: str, q: str) -> str:
        """SQL of Σ(y − ȳ)²: of zeros and ones s − s²/n, else Σ(y − c)² − n(ȳ − c)² about the centre c of all."""
        if not self.squares:
            return f"(CAST({s} AS DOUBLE) - CAST({s} AS DOUBLE) * {s} / {n})"
        return (f"greatest(0, CAST({q} AS DOUBLE) / {self.square_unit!r} - {n} * "
                f"({self.mean(n, s)} - {self.centre!r}) * ({self.mean(n, s)} - {self.centre!r}))")


def smoothed(smoothing: float | str, target: _Target, own: Sequence[str], every: Sequence[str]) -> str:
    """SQL of a level's value from sums over its own rows and over every row: (n, s, q) and (N, S, Q).

    With m: (s + m·p)/(n + m), the m-estimate of Cestnik 1990 (ECAI-90, 147) and Micci-Barreca 2001 (SIGKDD Explor.
    3:27, eq. 3), p = S/N. With auto: λȳ + (1 − λ)p with λ = n·v/(n·v + d/n), where v is the variance of y and d the
    sum of squared deviations within the level: empirical Bayes as scikit-learn's TargetEncoder has it (Micci-Barreca
    2001, eq. 5–6). A level without rows, and 0/0, get p; no rows at all give NULL.
    """
    (n, s, q), (total, all_s, all_q) = own, every
    prior = f"CASE WHEN {total} > 0 THEN {target.mean(total, all_s)} END"
    if smoothing != "auto":
        m = float(smoothing)
        value = f"(CAST({s} AS DOUBLE) / {target.unit!r} + {m!r} * {prior}) / ({n} + {m!r})"
        return f"CASE WHEN {n} > 0 THEN {value} ELSE {prior} END"
    weight = f"({target.deviations(total, all_s, all_q)} / {total}) * {n}"
    whole = f"({weight} + {target.deviations(n, s, q)} / {n})"
    return (f"CASE WHEN {n} > 0 AND {whole} > 0 THEN ({weight} / {whole}) * {target.mean(n, s)} + "
            f"(1 - {weight} / {whole}) * {prior} ELSE {prior} END")


# -- fitting --------------------------------------------------------------------------------------------------------


def fit(cursor: duckdb.DuckDBPyConnection, relation: str, how: Encoding) -> dict[str, Any]:
    """The map of all rows that have a label: what later rows are encoded by. BadInput where nothing can be learnt."""
    types = rows.types_of(cursor, relation)
    target = _checked(cursor, relation, types, how)
    total = cursor.execute(f"SELECT count(*), {target.sums()} FROM {relation}").fetchall()[0]
    prior = [float(s) / target.unit / total[1] for s in total[2::2 if target.squares else 1]]
    columns = [_fitted(cursor, relation, types, how, target, name) for name in how.columns]
    return {"kind": KIND, "edition": 1, "target": how.target, "task": target.task, "classes": list(target.classes),
            "smoothing": how.smoothing, "rows": total[1], "prior": prior, "columns": columns,
            "crossing": {key: value for key, value in asdict(how).items()
                         if key in ("folds", "seed", "key", "groups", "time", "known", "gap")}}


def _fitted(cursor: duckdb.DuckDBPyConnection, relation: str, types: Mapping[str, str], how: Encoding,
            target: _Target, name: str) -> dict[str, Any]:
    """One column's levels in order of their text, with rows and value of each; the nulls' apart."""
    values = ", ".join(f"{each} AS v{number}" for number, each in enumerate(_values(how, target, "l.", "t.")))
    found = cursor.execute(
        f"WITH l AS (SELECT {rows.level(name, types[name])} AS level, {target.sums()} FROM {relation} GROUP BY 1), "
        f"t AS (SELECT {', '.join(f'sum({each}) AS {each}' for each in target.columns())} FROM l) "
        f"SELECT l.level, l.n, {values} FROM l, t WHERE l.n > 0 ORDER BY l.level").fetchall()
    known = [row for row in found if row[0] is not None]
    nulls = next((row for row in found if row[0] is None), None)
    return {"column": name, "levels": [row[0] for row in known], "rows": [row[1] for row in known],
            "values": [[row[2 + number] for row in known] for number in range(len(target.terms))],
            "null": {"rows": nulls[1], "values": list(nulls[2:])} if nulls else None}


def _values(how: Encoding, target: _Target, own: str, every: str) -> list[str]:
    """SQL of the value for each class, from columns of two tables."""
    letter = "q" if target.squares else "s"
    return [smoothed(how.smoothing, target, (f"{own}n", f"{own}s{number}", f"{own}{letter}{number}"),
                     (f"{every}n", f"{every}s{number}", f"{every}{letter}{number}"))
            for number in range(len(target.terms))]


def _checked(cursor: duckdb.DuckDBPyConnection, relation: str, types: Mapping[str, str], how: Encoding) -> _Target:
    named = [*how.columns, *how.key, *(each for each in (how.groups, how.time, how.known) if each)]
    rows.need(types, list(dict.fromkeys(named)))
    rows.need(types, how.columns)
    rows.need(types, [how.target], "target")
    kind, y = types[how.target], quote(how.target)
    labelled = int(cursor.execute(f"SELECT count({y}) FROM {relation}").fetchall()[0][0])
    if not labelled:
        raise BadInput(f"No row has a target: '{how.target}' is null in every row.", next="Join the outcomes first.")
    task = how.task if how.task != "auto" else _task(cursor, relation, kind, y)
    return _regression(cursor, relation, kind, how.target) if task == "regression" else \
        _classes(cursor, relation, how.target, task, kind)


def _task(cursor: duckdb.DuckDBPyConnection, relation: str, kind: str, y: str) -> str:
    """Numbers other than 0 and 1 are a regression's; anything else has classes."""
    if not rows.is_number(kind):
        return "classes"
    odd = cursor.execute(f"SELECT count(*) FROM {relation} WHERE {y} NOT IN (0, 1)").fetchall()[0][0]
    return "regression" if odd else "classes"


def _classes(cursor: duckdb.DuckDBPyConnection, relation: str, name: str, task: str, kind: str) -> _Target:
    text = rows.level(name, kind)
    found = [row[0] for row in cursor.execute(
        f"SELECT DISTINCT {text} AS c FROM {relation} WHERE {text} IS NOT NULL ORDER BY c LIMIT {MOST_CLASSES + 1}"
    ).fetchall()]
    if len(found) > MOST_CLASSES:
        raise BadInput(f"The target '{name}' has more than {MOST_CLASSES} classes.", next="Name another target.")
    if len(found) < 2:
        raise BadInput(f"The target '{name}' is the same in every row: {found[0]}.",
                       next="Choose rows in which more than one outcome occurs.")
    if task == "binary" and len(found) > 2:
        raise BadInput(f"The target '{name}' has {len(found)} classes, not two.", next="Leave the task to auto.")
    binary = len(found) == 2 and task != "multiclass"
    positive = found[1:] if binary else found
    known = f"({text})"
    terms = tuple(f"CAST({known} = {literal(each)} AS INTEGER)" for each in positive)
    if kind == "BOOLEAN":
        terms, known = (f"CAST({quote(name)} AS INTEGER)",), quote(name)
    elif kind in rows.WHOLE and binary and found == ["0", "1"]:
        terms, known = (quote(name),), quote(name)
    return _Target("binary" if binary else "multiclass", tuple(found), known, terms, ())


def _regression(cursor: duckdb.DuckDBPyConnection, relation: str, kind: str, name: str) -> _Target:
    """Sums are integers in units that are powers of two, so that they depend on no order of adding."""
    if not rows.is_number(kind):
        raise BadInput(f"The target '{name}' is no number: the column is {kind}.", next="Leave the task to auto.")
    x = f"CAST({quote(name)} AS DOUBLE)"
    n, odd, most, low = cursor.execute(f"SELECT count({x}), count(*) FILTER (NOT isfinite({x})), max(abs({x})), "
                                       f"min({x}) FROM {relation}").fetchall()[0]
    if odd:
        raise BadInput(f"The target '{name}' is NaN or infinite in {odd} rows.", next="Leave them out, or mend them.")
    if not most < 1e150:
        raise BadInput(f"The target '{name}' reaches {most:g}, whose square is no number.", next="Rescale it.")
    unit = rows.scale_for(most)
    total = cursor.execute(f"SELECT {rows.exact(x, unit)} FROM {relation}").fetchall()[0][0]
    centre = float(total) / unit / n
    square_unit = rows.scale_for(max(most - centre, centre - low, 0.0) ** 2 or 1.0)
    square = f"({x} - {centre!r}) * ({x} - {centre!r})"
    return _Target("regression", (), x, (f"CAST({x} * {unit!r} AS HUGEINT)",),
                   (f"CAST({square} * {square_unit!r} AS HUGEINT)",), unit, square_unit, centre)


# -- applying -------------------------------------------------------------------------------------------------------


def names(document: Document) -> dict[str, list[str]]:
    """The columns that a map makes of each column that it encodes: one, or one for each of several classes."""
    classes = [f"_{each}" for each in document["classes"]] if document["task"] == "multiclass" else [""]
    return {each["column"]: [f"{each['column']}_encoded{end}" for end in classes] for each in document["columns"]}


def applied(cursor: duckdb.DuckDBPyConnection, relation: str, document: Document, *, keep: bool = True) -> str:
    """SQL of the relation with the frozen values; a level that the map has not seen gets the prior."""
    types = rows.types_of(cursor, relation)
    rows.need(types, [each["column"] for each in document["columns"]])
    _free(types, document)
    joins, shown = [], []
    for place, each in enumerate(document["columns"]):
        null = each["null"]
        listed = {"level": [*each["levels"], *([None] if null else [])]}
        listed |= {f"v{number}": [*values, *([null["values"][number]] if null else [])]
                   for number, values in enumerate(each["values"])}
        kinds = {name: "VARCHAR" if name == "level" else "DOUBLE" for name in listed}
        text = rows.level(each["column"], types[each["column"]])
        joins.append(f"LEFT JOIN {frozen.table(listed, kinds)} m{place} ON m{place}.level IS NOT DISTINCT FROM "
                     f"({_of('r', text, each['column'])})")
        shown += [f"coalesce(m{place}.v{number}, {prior!r}) AS {quote(name)}" for number, (name, prior)
                  in enumerate(zip(names(document)[each["column"]], document["prior"], strict=True))]
    return f"SELECT {_kept('r', document, keep)}, {', '.join(shown)} FROM {relation} r {' '.join(joins)}"


def crossed(cursor: duckdb.DuckDBPyConnection, relation: str, how: Encoding, document: Document, *,
            keep: bool = True) -> str:
    """SQL of the rows that a map was fitted on, each encoded without its own fold, prior included.

    With a time, each from earlier rows alone; before any label is known, the value is NULL.
    """
    types = rows.types_of(cursor, relation)
    target = _checked(cursor, relation, types, how)
    _free(types, document)
    own = rows.ROW not in types and bool(how.time or not (how.key or how.groups))
    if own:
        relation = rows.numbered(cursor, relation)
        types = rows.types_of(cursor, relation)
    hidden = (quote(rows.ROW),) if own else ()
    return (_earlier if how.time else _folded)(cursor, relation, types, how, target, document, keep, hidden)


def _folded(cursor: duckdb.DuckDBPyConnection, relation: str, types: Mapping[str, str], how: Encoding,
            target: _Target, document: Document, keep: bool, hidden: Sequence[str]) -> str:
    by = (how.groups,) if how.groups else how.key or (rows.ROW,)
    own = rows.fold(types, by, how.folds, how.seed)
    joins, shown, sums = [], [], target.columns()
    for place, name in enumerate(how.columns):
        rest = ", ".join(f"sum({each}) OVER (PARTITION BY level) - {each} AS {each}" for each in sums)
        every = ", ".join(f"(SELECT sum({each}) FROM l) - sum({each}) AS {each}" for each in sums)
        values = ", ".join(f"{each} AS v{number}" for number, each in enumerate(_values(how, target, "o.", "p.")))
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE {quote(f'{TABLE}{place}')} AS "
            f"WITH l AS MATERIALIZED (SELECT {rows.level(name, types[name])} AS level, {own} AS fold, {target.sums()} "
            f"FROM {relation} GROUP BY 1, 2), o AS (SELECT level, fold, {rest} FROM l), "
            f"p AS (SELECT fold, {every} FROM l GROUP BY fold) "
            f"SELECT o.level, o.fold, {values} FROM o JOIN p USING (fold)")
        joins.append(f"LEFT JOIN {quote(f'{TABLE}{place}')} m{place} ON m{place}.level IS NOT DISTINCT FROM "
                     f"r.{quote(f'=level{place}')} AND m{place}.fold = r.{quote('=fold')}")
        shown += [f"m{place}.v{number} AS {quote(each)}" for number, each in enumerate(names(document)[name])]
    levels = ", ".join(f"{rows.level(name, types[name])} AS {quote(f'=level{place}')}"
                       for place, name in enumerate(how.columns))
    inner = f"(SELECT *, {own} AS {quote('=fold')}, {levels} FROM {relation}) r"
    hidden = [*hidden, quote("=fold"), *(quote(f"=level{place}") for place in range(len(how.columns)))]
    return f"SELECT {_kept('r', document, keep, hidden)}, {', '.join(shown)} FROM {inner} {' '.join(joins)}"


def _earlier(cursor: duckdb.DuckDBPyConnection, relation: str, types: Mapping[str, str], how: Encoding,
             target: _Target, document: Document, keep: bool, hidden: Sequence[str]) -> str:
    """Each row from the labels that were known before it: rows are questions, labels answers on one line of time.

    An answer stands where it may first be used, `gap` after it was known, and before a question of that moment: then
    running sums are enough, which cost a sixth of sums over a range. No label counts before its row: one that is said
    to be known earlier would answer its own question.
    """
    at, known = (_instant(types, name) for name in (how.time, how.known or how.time))
    lost = cursor.execute(f"SELECT count(*) FROM {relation} WHERE {at} IS NULL").fetchall()[0][0]
    if lost:
        raise BadInput(f"{lost} rows have no '{how.time}'.", next="Leave them out, or fill them in.")
    before, gap = "ORDER BY moment, asks ROWS UNBOUNDED PRECEDING", max(how.gap, 1)
    used = f"least(greatest({known}, {at}), {2**63 - 1 - gap}) + {gap}"  # an endless time stays the last one
    terms = [f"{target.known} IS NOT NULL", *target.terms] if not target.squares else \
        [f"{target.known} IS NOT NULL", target.terms[0], target.squares[0]]
    sums = target.columns()
    nothing = ", ".join("0" for _ in sums)
    answer = ", ".join(f"CAST({term} AS {'BIGINT' if each == 'n' else 'HUGEINT'}) AS {each}"
                       for each, term in zip(sums, terms, strict=True))
    joins, shown = [], []
    for place, name in enumerate(how.columns):
        text = rows.level(name, types[name])
        own = ", ".join(f"coalesce(sum({each}) OVER (PARTITION BY level {before}), 0) AS {each}"
                        for each in sums)
        every = ", ".join(f"coalesce(sum({each}) OVER ({before}), 0) AS all_{each}" for each in sums)
        values = ", ".join(f"{each} AS v{number}" for number, each in enumerate(_values(how, target, "", "all_")))
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE {quote(f'{TABLE}{place}')} AS "
            f"SELECT row, {values} FROM (SELECT row, {own}, {every} FROM ("
            f"SELECT {quote(rows.ROW)} AS row, {text} AS level, {at} AS moment, true AS asks, {nothing} "
            f"FROM {relation} UNION ALL SELECT NULL, {text}, {used}, false, {answer} "
            f"FROM {relation} WHERE {target.known} IS NOT NULL AND {known} IS NOT NULL) "
            f"e(row, level, moment, asks, {', '.join(sums)})) "
            "WHERE row IS NOT NULL")
        joins.append(f"LEFT JOIN {quote(f'{TABLE}{place}')} m{place} ON m{place}.row = r.{quote(rows.ROW)}")
        shown += [f"m{place}.v{number} AS {quote(each)}" for number, each in enumerate(names(document)[name])]
    return f"SELECT {_kept('r', document, keep, hidden)}, {', '.join(shown)} FROM {relation} r {' '.join(joins)}"


def _instant(types: Mapping[str, str], name: str) -> str:
    """SQL of a time as a whole number: microseconds of a timestamp or date."""
    kind = types[name]
    if kind.startswith("TIMESTAMP"):
        return f"epoch_us({quote(name)})"
    if kind == "DATE":
        return f"epoch_us(CAST({quote(name)} AS TIMESTAMP))"
    if kind in rows.WHOLE:
        return f"CAST({quote(name)} AS BIGINT)"
    raise BadInput(f"'{name}' is no time: the column is {kind}.", next="Store it as a timestamp or a whole number.")


def _of(table: str, expression: str, name: str) -> str:
    return expression.replace(quote(name), f"{table}.{quote(name)}")


def _kept(table: str, document: Document, keep: bool, hidden: Sequence[str] = ()) -> str:
    """The columns that stay beside the new ones."""
    gone = [*hidden, *(() if keep else (quote(each["column"]) for each in document["columns"]))]
    return f"{table}.* EXCLUDE ({', '.join(gone)})" if gone else f"{table}.*"


def _free(types: Mapping[str, str], document: Document) -> None:
    taken = [name for made in names(document).values() for name in made if name in types]
    if taken:
        raise BadInput(f"There is a column '{taken[0]}' already.", next="Rename it, or leave it out.")


def fitted_on(cursor: duckdb.DuckDBPyConnection, relation: str, document: Document) -> bool:
    """Whether these are the rows that a map was fitted on, as far as its counts can tell: it knows their labels."""
    types = rows.types_of(cursor, relation)
    if document["target"] not in types or any(each["column"] not in types for each in document["columns"]):
        return False
    known = quote(document["target"])
    if cursor.execute(f"SELECT count({known}) FROM {relation}").fetchall()[0][0] != document["rows"]:
        return False
    for each in document["columns"]:
        text = rows.level(each["column"], types[each["column"]])
        found = dict(cursor.execute(f"SELECT {text}, count(*) FROM {relation} WHERE {known} IS NOT NULL GROUP BY 1")
                     .fetchall())
        null = {None: each["null"]["rows"]} if each["null"] else {}
        if found != dict(zip(each["levels"], each["rows"], strict=True)) | null:
            return False
    return True


def step(cursor: duckdb.DuckDBPyConnection, relations: Mapping[str, str], params: Mapping[str, Any]) -> Made:
    """A pipeline's step: `params` are those of `Encoding`, and `keep` (true: the encoded columns stay as well).

    The rows of the first input are encoded out of fold; where there is a second one, its rows by the frozen map.
    """
    how, keep = declared(params)
    first, *others = relations.values()
    document = fit(cursor, first, how)
    if others:
        return Made(applied(cursor, others[0], document, keep=keep), document)
    return Made(crossed(cursor, first, how, document, keep=keep), document)


def declared(params: Mapping[str, Any]) -> tuple[Encoding, bool]:
    """Parameters from a declaration, and whether the columns stay; BadInput names what is not known."""
    given = rows.plain(params)
    keep = bool(given.pop("keep", True))
    return rows.parameters(Encoding, given, KIND), keep
