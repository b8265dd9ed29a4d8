"""What an SQL text reads and calls, as DuckDB's own parser sees it: nothing is run."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from store.refusal import Unreadable

NOW = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp")

# What DuckDB itself calls volatile, or the same within one query only; a test compares the list with DuckDB's.
UNSTEADY = frozenset((
    "current_connection_id", "current_database", "current_date", "current_query", "current_query_id",
    "current_schema", "current_schemas", "current_setting", "current_transaction_id", "currval",
    "gen_random_uuid", "get_current_time", "get_current_timestamp", "getvariable", "in_search_path", "nextval",
    "now", "random", "reservoir_quantile", "setseed", "setval", "sleep_ms", "stats", "today",
    "transaction_timestamp", "txid_current", "uuid", "uuidv4", "uuidv7", "write_log"))

_STRING = r"'(?:[^']|'')*'"
_GAP = re.compile(rf"""(?P<kept>{_STRING}|"(?:[^"]|"")*")|(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)+""", re.DOTALL)
# Strings with a notation of their own, and comments within comments, begin or end where the pattern cannot see it.
_UNSEEN = re.compile(r"(?<!\w)[ex]'|\$\w*\$|/\*(?:(?!\*/).)*/\*", re.IGNORECASE | re.DOTALL)


def compact(text: str) -> str:
    """The text less its comments, with one space for each gap: what is left of two texts is equal only where they say
    the same. A line break between two strings is kept, since it joins them.

    >>> compact("SELECT 1,  -- one\\n  'a  b'")
    "SELECT 1, 'a  b'"
    """
    if _UNSEEN.search(text):
        return text
    made, end = list[str](), 0
    for found in _GAP.finditer(text):
        made.append(text[end:found.start()])
        end = found.end()
        joins = "\n" in found[0] and text.endswith("'", 0, found.start()) and text.startswith("'", end)
        made.append(found["kept"] or ("\n" if joins else " "))
    return "".join([*made, text[end:]]).strip()


@dataclass(frozen=True)
class Named:
    """A name in the text, and the line on which it stands."""

    name: str
    line: int


@dataclass(frozen=True)
class Statement:
    """One SELECT: the tables it reads (those it defines itself left out), the functions it reads from, the parameters
    it takes, and what would give another answer the next time."""

    tables: tuple[Named, ...]
    sources: tuple[Named, ...]
    parameters: tuple[str, ...]
    unsteady: tuple[Named, ...]


@dataclass(frozen=True)
class Asked(Statement):
    """A look as a person writes it: `text` is what is run, `verb` what it begins with (SELECT for every query)."""

    text: str = ""
    verb: str = "SELECT"


_VERB = re.compile(r"\s*(DESCRIBE|SUMMARIZE|EXPLAIN(?:\s+ANALYZE)?)\s+(.*)", re.IGNORECASE | re.DOTALL)


def asked(text: str, connection: duckdb.DuckDBPyConnection) -> Asked:
    """A query, or DESCRIBE, SUMMARIZE or EXPLAIN of one or of a table; Unreadable where it is anything else."""
    bare = text.strip().rstrip(";").rstrip()
    if not bare:
        raise Unreadable("There is no SQL.", where="the query", next='Try: mlops-tui sql "SELECT 1"')
    found = _VERB.fullmatch(bare)
    verb, query = (found[1].split()[0].upper(), found[2]) if found else ("SELECT", bare)
    try:
        statement = parsed(query, "the query", connection)
    except Unreadable:
        if found is None or found[1].upper().startswith("EXPLAIN"):
            raise
        query = f"FROM {query}"
        statement = parsed(query, "the query", connection)
    return Asked(statement.tables, statement.sources, statement.parameters, statement.unsteady,
                 f"{found[1]} {query}" if found else query, verb)


def parsed(text: str, where: str, connection: duckdb.DuckDBPyConnection) -> Statement:
    """The text as one SELECT; Unreadable with the line where it is not."""
    asked = "SELECT json_serialize_sql(?, skip_null := true, skip_default := true, skip_empty := true)"
    document = json.loads(connection.execute(asked, [text]).fetchall()[0][0])
    if document["error"]:
        said, place = str(document["error_message"]), int(document.get("position", 0) or 0)
        if "Only SELECT" in said:
            raise Unreadable("The SQL is not a SELECT.", where=where, next="Write one SELECT; its rows are the result.")
        hint = "A name with a hyphen goes into double quotes." if 'near "-"' in said else "Write it as DuckDB reads it."
        raise Unreadable(f"The SQL cannot be parsed: {said}.", where=f"{where}:{_line(text, place)}", next=hint)
    statements = document.get("statements", [])
    if len(statements) != 1:
        raise Unreadable(f"The SQL has {len(statements)} statements.", where=where,
                         next="Write one SELECT; its rows are the result.")
    return _read(text, statements[0])


@cache
def _aggregates() -> frozenset[str]:
    """The functions that make one value of many rows, as DuckDB lists them."""
    with duckdb.connect(":memory:") as connection:
        found = connection.execute("SELECT DISTINCT function_name FROM duckdb_functions() "
                                   "WHERE function_type = 'aggregate'").fetchall()
    return frozenset(str(name) for (name,) in found)


def row_wise(text: str, connection: duckdb.DuckDBPyConnection) -> frozenset[str] | None:
    """The columns that a SELECT reads of its one table where each row stands for itself; None where other rows count.

    `*` stands for all of them. No joins, aggregates, windows, subqueries, order or limit.
    """
    asked = "SELECT json_serialize_sql(?, skip_null := true, skip_default := true, skip_empty := true)"
    document = json.loads(connection.execute(asked, [text]).fetchall()[0][0])
    [statement] = document["statements"]
    top, nodes = statement["node"], list(_nodes(statement["node"]))
    aggregates = _aggregates()
    alone = top.get("type") == "SELECT_NODE" and top.get("from_table", {}).get("type") == "BASE_TABLE" and \
        not any(top.get(part) for part in ("modifiers", "group_expressions", "qualify", "having", "sample"))
    others = any((node is not top and str(node.get("type", "")).endswith("_NODE")) or node.get("class") == "WINDOW"
                 or node.get("function_name") in aggregates for node in nodes)
    if not alone or others:
        return None
    return frozenset("*" if node["class"] == "STAR" else str(node["column_names"][-1])
                     for node in nodes if node.get("class") in ("STAR", "COLUMN_REF"))


def _read(text: str, statement: dict[str, Any]) -> Statement:
    tables = [Named(_full_name(node), _line(text, int(node.get("query_location", 0))))
              for node in _given(statement, frozenset())]
    sources: list[Named] = []
    drawn: list[Named] = []
    parameters: list[str] = []
    for node in _nodes(statement):
        line, kind = _line(text, int(node.get("query_location", 0))), node.get("type")
        if kind == "TABLE_FUNCTION":
            sources.append(Named(str(node["function"].get("function_name", "")).lower(), line))
        elif kind == "VALUE_PARAMETER":
            parameters.append(str(node.get("identifier", "")))
        drawn += [Named(name, line) for name in _drawn(node)]
    return Statement(tuple(dict.fromkeys(tables)), tuple(dict.fromkeys(sources)), tuple(dict.fromkeys(parameters)),
                     tuple(dict.fromkeys(drawn)))


def _drawn(node: dict[str, Any]) -> Iterator[str]:
    """What of a node would give another answer the next time."""
    name = str(node.get("function_name", "")).lower()
    if name in UNSTEADY or (name == "age" and len(node.get("arguments", [])) == 1):  # `age` of one time counts from now
        yield f"{name}()"
    if node.get("type") == "COLUMN_REF" and str(node["column_names"][-1]).lower() in NOW:
        yield str(node["column_names"][-1]).lower()
    if node.get("sample"):
        yield "a sample"


def _given(value: Any, own: frozenset[str]) -> Iterator[dict[str, Any]]:
    """The tables that a part of the text reads and that no WITH around it defines: a name defined elsewhere in the
    text says nothing here, where DuckDB would look for a table, or for a file of that name."""
    if isinstance(value, list):
        for each in value:
            yield from _given(each, own)
    elif isinstance(value, dict):
        for entry in _own(value):
            name = str(entry["key"]).lower()
            itself = {name} if entry["value"]["query_node"]["type"] == "RECURSIVE_CTE_NODE" else set()
            yield from _given(entry["value"], own | itself)
            own |= {name}
        if value.get("type") == "BASE_TABLE" and (
                _full_name(value) != str(value["table_name"]) or str(value["table_name"]).lower() not in own):
            yield value
        for key, child in value.items():
            if key != "cte_map":
                yield from _given(child, own)


def _full_name(table: dict[str, Any]) -> str:
    return ".".join(str(table[part]) for part in ("catalog_name", "schema_name", "table_name") if table.get(part))


def _own(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The tables that a WITH defines."""
    entries = node.get("cte_map", {}).get("map", [])
    return entries if isinstance(entries, list) else []


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)


def _line(text: str, place: int) -> int:
    """The line of a place that DuckDB counts in bytes."""
    return text.encode()[:place].count(b"\n") + 1


def filtered(text: str, where: str, connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The columns that the text holds against a given value (`=`, `IN`): by their last names."""
    asked = "SELECT json_serialize_sql(?, skip_null := true, skip_default := true, skip_empty := true)"
    parsed(text, where, connection)
    document = json.loads(connection.execute(asked, [text]).fetchall()[0][0])
    found: dict[str, None] = {}
    for node in _nodes(document):
        sides = [node.get("left"), node.get("right")] if node.get("type") == "COMPARE_EQUAL" else \
            node.get("children", []) if node.get("type") == "COMPARE_IN" else []
        columns = [side for side in sides if side and side.get("type") == "COLUMN_REF"]
        if len(columns) == 1 and len(sides) > 1 and not any(_columns_in(side) for side in sides if side not in columns):
            found[str(columns[0]["column_names"][-1])] = None
    return tuple(found)


def _columns_in(node: Any) -> bool:
    """Whether a part of the text depends on a column or on another query."""
    return any(each.get("type") == "COLUMN_REF" or "subquery" in each for each in _nodes(node))
