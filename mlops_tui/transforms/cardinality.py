"""Categories with too many values: which are kept, where the others go, and the index that an embedding looks up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from mlops_tui.analysis import levels as rules
from mlops_tui.errors import BadInput
from mlops_tui.transforms import Made, frozen, rows
from mlops_tui.transforms.frozen import Document
from store.quoting import quote

KIND, OTHER, RARE = "cardinality", "(other)", 20
MISSING_INDEX = 0


@dataclass(frozen=True)
class Cardinality:
    """Which levels are kept: the `top` most frequent of those with at least `min_rows` rows; 0 `top`: all of them.

    The others go to `(other)`, or with `buckets`, where there are any, to that many hash buckets. `index`: columns of
    indices as well.
    """

    columns: tuple[str, ...]
    top: int = 0
    min_rows: int = 1
    buckets: int = 0
    index: bool = False

    def __post_init__(self) -> None:
        if not self.columns:
            raise BadInput("No column to bound.", next="Name some: columns a,b.")
        if self.top < 0 or self.min_rows < 0 or self.buckets < 0:
            raise BadInput("top, min_rows and buckets are numbers from 0.")
        if self.buckets > 1 << 31:
            raise BadInput(f"{self.buckets} buckets are more than an index can count.", next="Give at most 2147483648.")


def bucket(text: str, buckets: int) -> str:
    """SQL of the bucket from 0 of a level's text: the last 8 bytes of its MD5, little endian, modulo the buckets.

    Python: int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "little") % buckets. The same in any process, on any
    machine and with any version, unlike DuckDB's hash() and Python's.
    """
    return f"CAST(md5_number_lower({text}) % {buckets} AS BIGINT)"


def fit(cursor: duckdb.DuckDBPyConnection, relation: str, how: Cardinality) -> dict[str, Any]:
    """The levels that are kept, the most frequent first and equals by their text."""
    types = rows.types_of(cursor, relation)
    rows.need(types, how.columns)
    return {"kind": KIND, "edition": 1, "hash": "md5, last 8 bytes little endian", "index": how.index,
            "columns": [_fitted(cursor, relation, types, how, name) for name in how.columns]}


def _fitted(cursor: duckdb.DuckDBPyConnection, relation: str, types: Mapping[str, str], how: Cardinality,
            name: str) -> dict[str, Any]:
    counts = f"(SELECT {rows.level(name, types[name])} AS level, count(*) AS n FROM {relation} GROUP BY 1)"
    nulls, total, distinct = cursor.execute(
        f"SELECT coalesce(sum(n) FILTER (level IS NULL), 0), coalesce(sum(n), 0), count(level) FROM {counts}"
    ).fetchall()[0]
    limit = f" LIMIT {how.top}" if how.top else ""
    kept = cursor.execute(f"SELECT level, n FROM {counts} WHERE level IS NOT NULL AND n >= {how.min_rows} "
                          f"ORDER BY n DESC, level{limit}").fetchall()
    return {"column": name, "levels": [level for level, _ in kept], "counts": [n for _, n in kept],
            "buckets": how.buckets if distinct > len(kept) else 0, "null_rows": int(nulls),
            "rows": int(total), "distinct": distinct}


def size_of(each: Document) -> int:
    """How many indices a column has: 0 for no value, one for each level kept, then (other) or the buckets."""
    return 1 + len(each["levels"]) + max(1, int(each["buckets"]))


def names(document: Document) -> dict[str, list[str]]:
    """The columns that the map makes of each column: its level, and its index where the map has one."""
    ends = ("_level", "_index") if document["index"] else ("_level",)
    return {each["column"]: [f"{each['column']}{end}" for end in ends] for each in document["columns"]}


def applied(cursor: duckdb.DuckDBPyConnection, relation: str, document: Document, *, keep: bool = True) -> str:
    """SQL of the relation with each column's level, and its index: 0 for no value, 1 to k for the levels that are kept,
    then one for (other), or k + 1 + bucket; contiguous, as torch's `Embedding(n, width, padding_idx=0)` wants them."""
    types = rows.types_of(cursor, relation)
    rows.need(types, [each["column"] for each in document["columns"]])
    joins, shown, texts = [], [], []
    for place, each in enumerate(document["columns"]):
        made = names(document)[each["column"]]
        if taken := [name for name in made if name in types]:
            raise BadInput(f"There is a column '{taken[0]}' already.", next="Rename it, or leave it out.")
        kept, text = len(each["levels"]), f"r.{quote(f'=text{place}')}"
        texts.append(f"{rows.level(each['column'], types[each['column']])} AS {quote(f'=text{place}')}")
        listed = {"level": each["levels"], "place": list(range(1, kept + 1))}
        joins.append(f"LEFT JOIN {frozen.table(listed, {'level': 'VARCHAR', 'place': 'INTEGER'})} m{place} "
                     f"ON m{place}.level = {text}")
        hashed = bucket(text, each["buckets"]) if each["buckets"] else "0"
        other = f"'#' || {hashed}" if each["buckets"] else f"'{OTHER}'"
        shown.append(f"CASE WHEN {text} IS NULL THEN NULL WHEN m{place}.place IS NOT NULL THEN {text} ELSE {other} END "
                     f"AS {quote(made[0])}")
        if document["index"]:
            shown.append(f"CAST(CASE WHEN {text} IS NULL THEN {MISSING_INDEX} ELSE coalesce(m{place}.place, "
                         f"{kept + 1} + {hashed}) END AS BIGINT) AS {quote(made[1])}")
    gone = [quote(f"=text{place}") for place in range(len(texts))]
    gone += [] if keep else [quote(each["column"]) for each in document["columns"]]
    return (f"SELECT r.* EXCLUDE ({', '.join(gone)}), {', '.join(shown)} FROM (SELECT *, {', '.join(texts)} "
            f"FROM {relation}) r {' '.join(joins)}")


@dataclass(frozen=True)
class Measured:
    """How the levels that are not kept fell into the buckets: what is measured, beside what is to be expected."""

    hashed: int
    occupied: int
    pairs: int
    sharing: int
    rows_sharing: int
    expected: rules.Collisions


def collisions(cursor: duckdb.DuckDBPyConnection, relation: str, types: Mapping[str, str],
               each: Document) -> Measured:
    """Count them for one column of a map with buckets."""
    text = rows.level(each["column"], types[each["column"]])
    kept = frozen.table({"level": each["levels"]}, {"level": "VARCHAR"})
    hashed, occupied, pairs, sharing, of_rows = cursor.execute(
        f"WITH l AS (SELECT {text} AS level, count(*) AS n FROM {relation} GROUP BY 1), "
        f"b AS (SELECT {bucket('level', each['buckets'])} AS b, count(*) AS d, sum(n) AS n FROM l ANTI JOIN {kept} k "
        "USING (level) WHERE level IS NOT NULL GROUP BY 1) "
        "SELECT coalesce(sum(d), 0), count(*), coalesce(sum(d * (d - 1) // 2), 0), coalesce(sum(d) FILTER (d > 1), 0), "
        "coalesce(sum(n) FILTER (d > 1), 0) FROM b").fetchall()[0]
    return Measured(int(hashed), int(occupied), int(pairs), int(sharing), int(of_rows),
                    rules.birthday(int(hashed), each["buckets"]))


def step(cursor: duckdb.DuckDBPyConnection, relations: Mapping[str, str], params: Mapping[str, Any]) -> Made:
    """A pipeline's step: fitted on the first input, applied to the last; `keep` (true): the columns stay as well."""
    how, keep = declared(params)
    given = list(relations.values())
    document = fit(cursor, given[0], how)
    return Made(applied(cursor, given[-1], document, keep=keep), document)


def declared(params: Mapping[str, Any]) -> tuple[Cardinality, bool]:
    """Parameters from a declaration, and whether the columns stay; BadInput names what is not known."""
    given = rows.plain(params)
    keep = bool(given.pop("keep", True))
    return rows.parameters(Cardinality, given, KIND), keep
