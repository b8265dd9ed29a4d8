"""Which raw columns each column of a query is made of, read off its SQL; what cannot be told is unknown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope, find_all_in_scope

from mlops_tui.errors import BadInput

DIALECT = "duckdb"
WHOLE = "*"  # in place of a column: the rows of a relation, as count(*) reads them

Origin = tuple[str, str]  # a relation that the query reads, and one of its columns
Schema = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Derived:
    """One column of a query: its expression, the raw columns it is made of, and what could not be told."""

    column: str
    expression: str
    sources: tuple[Origin, ...]
    unknown: tuple[str, ...] = ()
    comment: str = ""

    @property
    def copied(self) -> bool:
        """Whether it is a raw column as it stands, perhaps under another name."""
        return len(self.sources) == 1 and not self.unknown and self._plain

    _plain: bool = False


@dataclass(frozen=True)
class Lineage:
    """The columns of a query in order, the raw columns that decide which rows it gives, and each step between."""

    columns: tuple[Derived, ...]
    rows: tuple[Origin, ...]
    edges: tuple[tuple[str, str], ...]
    rows_unknown: tuple[str, ...] = ()

    def column(self, name: str) -> Derived | None:
        """The column of that name, small letters or large."""
        return next((each for each in self.columns if each.column.casefold() == name.casefold()), None)


@dataclass
class _Made:
    """What a value is made of: raw columns, what could not be told, and the nodes of the graph one step before."""

    origins: dict[Origin, None] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    before: dict[str, None] = field(default_factory=dict)

    def take(self, other: "_Made", node: str = "") -> None:
        self.origins |= other.origins
        self.unknown |= other.unknown
        self.before |= dict.fromkeys([node]) if node else other.before


def lineage(sql: str, schema: Schema, name: str = "result", where: str = "") -> Lineage:
    """What a query's columns are made of, down to the relations it reads.

    `schema` has the columns of the relations that are known. A value is made of every column in its expression, also
    where it only chooses (CASE, the window of an aggregate). Filters, join conditions and groupings decide about rows
    instead. `name` is the query's own in the graph. BadInput where the text is no single query.
    """
    written = _query(sql, where)
    known: dict[str, object] = {table: dict.fromkeys(columns, "") for table, columns in schema.items()}
    try:
        read = qualify(written.copy(), dialect=DIALECT, schema=known, validate_qualify_columns=False,
                       quote_identifiers=False, identify=False)
        scope = build_scope(read)
    except (SqlglotError, ValueError, KeyError, AttributeError, TypeError) as problem:  # whatever its rules stumble on
        return _untold(written, f"the query is not understood: {str(problem).splitlines()[0][:120]}")
    if scope is None:
        return _untold(written, f"{type(read).__name__.upper()} is not followed")
    return _Reader(schema, name).read(scope, written)


def _query(sql: str, where: str) -> exp.Expr:
    try:
        found = [each for each in sqlglot.parse(sql, dialect=DIALECT) if each is not None]
    except SqlglotError as problem:
        said = str(problem).splitlines()[0][:200]
        raise BadInput(f"The SQL cannot be read: {said}", where=where, next="Give one SELECT.") from problem
    empty = len(found) == 1 and isinstance(found[0], exp.Select) and not found[0].selects
    if len(found) != 1 or empty or not isinstance(found[0], exp.Query | exp.Pivot):
        raise BadInput(f"{len(found)} statements, or no query.", where=where, next="Give one SELECT.")
    return found[0]


def _untold(written: exp.Expr, why: str) -> Lineage:
    """Every column as far as it has a name, and nothing about any of them."""
    shown = written.selects if isinstance(written, exp.Query) else []
    return Lineage(tuple(Derived(each.alias_or_name or WHOLE, _text(each), (), (why,), _comment(each))
                         for each in shown) or (Derived(WHOLE, "", (), (why,)),), (), ())


def _text(expression: exp.Expr) -> str:
    bare = expression.unalias() if isinstance(expression, exp.Alias) else expression
    return str(bare.sql(DIALECT, comments=False))


def _comment(expression: exp.Expr) -> str:
    """What stands behind it as a comment."""
    said = [text.strip() for node in (expression, expression.unalias()) for text in node.comments or ()]
    return " ".join(dict.fromkeys(said))


def _after_the_columns(column: exp.Column) -> bool:
    """Whether it stands in a clause that may call a column as the query itself does."""
    clause = column.find_ancestor(exp.Order, exp.Group, exp.Having, exp.Qualify, exp.Where, exp.Select)
    return not isinstance(clause, exp.Select | None) and not isinstance(clause.parent, exp.Window)


class _Reader:
    """Walks from a query's columns inwards; each column of each part is looked into once."""

    def __init__(self, schema: Schema, name: str) -> None:
        self.known = {table.casefold(): (table, {column.casefold(): column for column in columns})
                      for table, columns in schema.items()}
        self.name = name
        self.done: dict[tuple[int, int], _Made] = {}
        self.turn: dict[tuple[int, int], int] = {}
        self.turns = 0
        self.parts: dict[int, Scope] = {}
        self.rows_of: dict[int, _Made] = {}
        self.labels: dict[int, str] = {}
        self.edges: dict[tuple[str, str], None] = {}

    def read(self, scope: Scope, written: exp.Expr) -> Lineage:
        self.labels[id(scope.expression)] = self.name
        self.parts = {id(part.expression): part for part in scope.traverse()}
        self._settle(scope)
        names = self.names(scope)
        shown = written.selects if isinstance(written, exp.Query) and len(written.selects) == len(names) else []
        columns = []
        for number, name in enumerate(names):
            made, projection = self.column(scope, number), self.projection(scope, number)
            text = _text(shown[number]) if shown and not shown[number].is_star else _text(projection)
            comment = _comment(shown[number]) if shown else ""
            columns.append(Derived(self._written(name, made, shown[number:number + 1]), text, tuple(made.origins),
                                   tuple(made.unknown), comment, isinstance(projection.unalias(), exp.Column)))
        rows = self.rows(scope)
        return Lineage(tuple(columns), tuple(sorted(rows.origins)), tuple(self.edges), tuple(rows.unknown))

    def _written(self, name: str, made: _Made, shown: Sequence[exp.Expr]) -> str:
        """The name in the letters of the query, or else of the raw column that it is."""
        if shown and not shown[0].is_star:
            return str(shown[0].alias_or_name)
        return next((column for _, column in made.origins if column.casefold() == name), name)

    def _settle(self, scope: Scope) -> None:
        """A recursive query reads itself: it is gone through again until nothing new is found."""
        recursive = any(each.args.get("recursive") for each in scope.expression.find_all(exp.With))
        before = -1
        while before < (before := sum(len(made.origins) + len(made.unknown) for made in self.done.values())):
            self.turns += 1
            for number in range(len(self.names(scope))):
                self.column(scope, number)
            if not recursive:
                break

    # -- the columns of one part of the query ---------------------------------------------------------------------

    def names(self, scope: Scope) -> list[str]:
        """The columns that the part gives, as they are named from outside."""
        renamed = self._renamed(scope)
        if renamed:
            return renamed
        if scope.set_operation_scopes:
            left, right = (self.names(each) for each in scope.set_operation_scopes)
            by_name = scope.expression.args.get("by_name")
            return [*left, *(name for name in right if by_name and name not in left)]
        if isinstance(scope.expression, exp.Query):
            return [WHOLE if each.is_star or isinstance(each.unalias(), exp.Columns) else each.alias_or_name
                    for each in scope.expression.selects]
        return []

    def _renamed(self, scope: Scope) -> list[str]:
        """Names given behind the alias: `q(a, b)`."""
        holder = scope.expression if isinstance(scope.expression, exp.UDTF) else scope.expression.parent
        alias = holder.args.get("alias") if isinstance(holder, exp.CTE | exp.Subquery | exp.UDTF) else None
        return [each.name for each in alias.columns] if isinstance(alias, exp.TableAlias) else []

    def projection(self, scope: Scope, number: int) -> exp.Expr:
        """The expression of a column; of a union, the one of its first branch that has it."""
        if scope.set_operation_scopes:
            left, right = scope.set_operation_scopes
            if number < len(self.names(left)):
                return self.projection(left, number)
            return self.projection(right, self.names(right).index(self.names(scope)[number]))
        selects: Sequence[exp.Expr] = scope.expression.selects if isinstance(scope.expression, exp.Query) else ()
        return selects[number] if number < len(selects) else exp.Star()

    def column(self, scope: Scope, number: int) -> _Made:
        """What a column of the part is made of."""
        key = id(scope), number
        made = self.done.setdefault(key, _Made())
        if self.turn.get(key) != self.turns:
            self.turn[key] = self.turns  # a recursive query meets itself here
            made.take(self._column(scope, number))
            child = f"{self.label(scope)}.{self.names(scope)[number]}"
            if scope.is_root or not self._branch(scope):
                self.edges |= dict.fromkeys((before, child) for before in made.before if before != child)
        return made

    def _branch(self, scope: Scope) -> bool:
        return isinstance(scope.expression.parent, exp.SetOperation)

    def _column(self, scope: Scope, number: int) -> _Made:
        made = _Made()
        if scope.set_operation_scopes:
            for branch, at in self._branches(scope, number):
                made.take(self.column(branch, at))
            return made
        if isinstance(scope.expression, exp.UDTF):
            self._take_all(made, scope.expression, scope)
            return made
        shown = self.projection(scope, number)
        if shown.is_star or shown.find(exp.Columns):
            made.unknown[f"{_text(shown)} of a relation whose columns are not known"] = None
            return made
        self._take_all(made, shown, scope)
        return made

    def _branches(self, scope: Scope, number: int) -> Iterator[tuple[Scope, int]]:
        for branch in scope.set_operation_scopes:
            names = self.names(branch)
            if scope.expression.args.get("by_name"):
                wanted = self.names(scope)[number]
                yield from ((branch, at) for at, name in enumerate(names) if name == wanted)
            elif number < len(names):
                yield branch, number

    # -- what an expression reads ---------------------------------------------------------------------------------

    def _take_all(self, made: _Made, expression: exp.Expr, scope: Scope) -> None:
        """Every column in the expression, those of its subqueries, and the windows it names."""
        for column in find_all_in_scope(expression, exp.Column):
            self._take(made, column, scope)
        for row in find_all_in_scope(expression, exp.TableColumn):
            made.unknown[f"'{row.name}' stands for a whole row"] = None
        if any(isinstance(count.this, exp.Star | None) for count in find_all_in_scope(expression, exp.Count)):
            for _, source in scope.selected_sources.values():
                self._take_rows(made, source)
        used = {each.args["alias"].name for each in find_all_in_scope(expression, exp.Window) if each.args.get("alias")}
        for window in scope.expression.args.get("windows") or ():
            if window.name in used and window is not expression:
                self._take_all(made, window, scope)
        for inner in self._inside(expression, scope):
            for number, name in enumerate(self.names(inner)):
                made.take(self.column(inner, number), f"{self.label(inner)}.{name}")

    def _inside(self, expression: exp.Expr, scope: Scope) -> list[Scope]:
        """The subqueries that stand in the expression."""
        nodes = {id(node) for node in expression.walk()}
        return [inner for inner in scope.subquery_scopes if id(inner.expression) in nodes]

    def _take_rows(self, made: _Made, source: object) -> None:
        """The rows of a relation are read, whatever is in them."""
        if isinstance(source, exp.Table):
            table = self._table(source)
            made.take(_Made({(table, WHOLE): None}), f"{table}.{WHOLE}")
        elif isinstance(source, Scope):
            for branch in source.set_operation_scopes or (source,):
                for inner in branch.selected_sources.values():
                    self._take_rows(made, inner[1])

    def _table(self, table: exp.Table) -> str:
        return self.known.get(table.name.casefold(), (table.name, {}))[0]

    def _take(self, made: _Made, column: exp.Column, scope: Scope) -> None:
        """One column, wherever it comes from."""
        if not column.table:
            self._take_bare(made, column, scope)
            return
        source = self._source(column.table, scope)
        if isinstance(source, Scope):
            self._take_inner(made, column, source)
        elif isinstance(source, exp.Table):
            self._take_raw(made, column.name, source)
        else:
            made.unknown[f"nothing is called '{column.table}' where {column.sql(DIALECT)} stands"] = None

    def _source(self, alias: str, scope: Scope | None) -> object:
        """What the alias stands for, here or in the queries around."""
        while scope is not None:
            if alias in scope.sources:
                return self._whole(scope.sources[alias])
            scope = scope.parent
        return None

    def _whole(self, source: object) -> object:
        """A recursive query's beginning stands for all of it where the query reads itself."""
        union = source.expression.parent if isinstance(source, Scope) else None
        if isinstance(source, Scope) and isinstance(union, exp.SetOperation) and source.is_cte:
            return self.parts.get(id(union), source)
        return source

    def _take_inner(self, made: _Made, column: exp.Column, source: Scope) -> None:
        if isinstance(source.expression, exp.Lateral) and isinstance(source.expression.this, exp.Subquery):
            source = self.parts.get(id(source.expression.this.unnest()), source)
        names = [name.casefold() for name in self.names(source)]
        if names.count(column.name.casefold()) == 1:
            number = names.index(column.name.casefold())
            made.take(self.column(source, number), f"{self.label(source)}.{self.names(source)[number]}")
        else:
            made.unknown[f"{self.label(source)} has no single column '{column.name}' that is known"] = None

    def _take_raw(self, made: _Made, name: str, table: exp.Table) -> None:
        if not isinstance(table.this, exp.Identifier):
            made.unknown[f"{_text(table.this)} is a function whose columns are not known"] = None
            return
        if table.args.get("pivots"):
            made.unknown["a PIVOT is not followed"] = None
            return
        shown, columns = self.known.get(table.name.casefold(), (table.name, None))
        if columns is not None and name.casefold() not in columns:
            made.unknown[f"{shown} has no column '{name}'"] = None
            return
        origin = shown, columns[name.casefold()] if columns else name
        made.take(_Made({origin: None}), ".".join(origin))

    def _take_bare(self, made: _Made, column: exp.Column, scope: Scope) -> None:
        """A column that no source is known to have: it is the one source's whose columns nobody knows, or unknown."""
        columns = [(source, self._columns_of(source)) for _, source in scope.selected_sources.values()]
        own = self.names(scope)
        if column.name in own and _after_the_columns(column):
            made.take(self.column(scope, own.index(column.name)))
            return
        open_ = [source for source, names in columns if names is None]
        having = sum(column.name.casefold() in names for _, names in columns if names is not None)
        only = open_[0] if len(open_) == 1 else None
        if isinstance(only, exp.Table) and not having and not scope.is_subquery and column.name not in scope.sources:
            self._take_raw(made, column.name, only)
        else:
            where = "more than one source" if having > 1 or len(open_) > 1 else "no source"
            made.unknown[f"'{column.name}' is of {where} that is known to have it"] = None

    def _columns_of(self, source: object) -> list[str] | None:
        """The columns of a source; None where they are not known."""
        if isinstance(source, Scope):
            names = [name.casefold() for name in self.names(source)]
            return None if WHOLE in names else names
        known = self.known.get(source.name.casefold()) if isinstance(source, exp.Table) else None
        return list(known[1]) if known else None

    # -- what decides which rows there are ------------------------------------------------------------------------

    def rows(self, scope: Scope) -> _Made:
        """The raw columns in filters, join conditions, groupings and limits, here and in what is read."""
        if id(scope) in self.rows_of:
            return self.rows_of[id(scope)]
        made = self.rows_of[id(scope)] = _Made()
        for part in self._deciding(scope.expression):
            self._take_all(made, part, scope)
        if scope.expression.args.get("distinct"):
            for number in range(len(self.names(scope))):
                made.take(self.column(scope, number))
        read = [source for _, source in scope.selected_sources.values()] if not scope.set_operation_scopes else []
        for inner in (*scope.set_operation_scopes, *read, *scope.subquery_scopes):
            if isinstance(inner, Scope):
                made.take(self.rows(inner))
        return made

    def _deciding(self, expression: exp.Expr) -> Iterator[exp.Expr]:
        for key in ("where", "group", "having", "qualify"):
            if isinstance(part := expression.args.get(key), exp.Expr):
                yield part
        if expression.args.get("limit") and expression.args.get("order"):
            yield expression.args["order"]
        group = expression.args.get("group")
        if isinstance(expression, exp.Query) and group is not None and group.args.get("all"):
            yield from (shown for shown in expression.selects if not shown.find(exp.AggFunc))
        for join in expression.args.get("joins") or ():
            if isinstance(on := join.args.get("on"), exp.Expr):
                yield on

    # -- how a part of the query is called in the graph -----------------------------------------------------------

    def label(self, scope: Scope) -> str:
        """The name of a common table expression or the alias of a subquery; numbered where two have the same."""
        top = scope.expression
        while isinstance(top.parent, exp.SetOperation):
            top = top.parent
        if id(top) not in self.labels:
            holder = top if isinstance(top, exp.UDTF) else top.parent
            name = holder.alias if isinstance(holder, exp.CTE | exp.Subquery | exp.UDTF) else ""
            name = name if name and not name.startswith("_") else "subquery"
            taken, number = set(self.labels.values()), 2
            raw = {table for table, _ in self.known.values()}
            shown = name
            while shown in taken or shown in raw:
                shown, number = f"{name}#{number}", number + 1
            self.labels[id(top)] = shown
        return self.labels[id(top)]
