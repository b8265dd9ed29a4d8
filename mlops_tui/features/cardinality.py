"""Categories with too many values: which to keep, where the rest goes, and how large an embedding of them is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mlops_tui.analysis import levels as rules
from mlops_tui.capability import LocalPath, TargetPath, measure
from mlops_tui.features import _rows
from mlops_tui.features._rows import Source
from mlops_tui.session import Session
from mlops_tui.transforms import cardinality as transform
from mlops_tui.transforms import frozen, rows
from mlops_tui.transforms.cardinality import Cardinality
from mlops_tui.transforms.frozen import Document
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.quoting import quote

UUID = "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
HEX = "^([0-9a-f]{16,}|[0-9A-F]{16,})$"
RULES = ("dimensions: min(50, round(1.6 · n^0.56)), fastai's rule of thumb with a cap of 50; memory: indices × "
         "dimensions × 4 bytes. Indices are contiguous: 0 for no value, the levels kept, then (other) or the buckets, "
         "as in torch.nn.Embedding(indices, dimensions, padding_idx=0).")
HASH = ("Hash: the last 8 bytes, little endian, of the MD5 of the level's UTF-8 text, modulo the buckets: the same in "
        "any process and on any machine.")


@measure
@click.argument("subject", required=False)
@click.option("--file", type=LocalPath(), default=None, help="Parquet, CSV or JSON file with the rows.")
@click.option("--columns", default=None, help="Columns to bound, such as tailnum,dest; else every text.")
@click.option("--top", type=click.IntRange(min=0), default=0, show_default=True,
              help="Keep so many of the most frequent levels; 0: all that are frequent enough.")
@click.option("--min-rows", type=click.IntRange(min=0), default=transform.RARE, show_default=True,
              help="Keep levels with at least so many rows.")
@click.option("--buckets", type=click.IntRange(min=0), default=0, show_default=True,
              help="Hash the others into so many buckets; 0: all of them are (other).")
@click.option("--map", "map_", default=None, help="Apply this frozen map instead: a file, or the digest of a kept one.")
@click.option("--out", type=TargetPath(rows=True), help="Write the rows with levels and indices to this file.")
@click.option("--save", type=TargetPath(), default=None, help="Write the frozen map to this JSON file.")
def cardinality(session: Session, subject: str | None, file: Path | None, columns: str | None, top: int, min_rows: int,
                buckets: int, map_: str | None, out: Path | None, save: Path | None) -> View:
    """Bound the levels of categories, find columns that are ids, and plan embeddings; the map is frozen.

    \b
    Example: mlops-tui cardinality --file flights.csv --columns tailnum,dest --top 500 --buckets 64 --save levels.json
             mlops-tui cardinality --file july.csv --map levels.json --out july.parquet
             mlops-tui cardinality flights
    """
    source = _rows.opened(session, subject, file)
    with _rows.read(source):
        if map_ is not None:
            return _by_map(source, _rows.map_of(session, map_, transform.KIND), out)
        named = _rows.listed(columns) or tuple(
            name for name in source.columns if source.types[name] in ("VARCHAR", "UUID")) or tuple(source.columns)
        rows.need(source.types, named)
        documents, found = [], []
        for done, name in enumerate(named):
            session.progress(done, len(named), f"cardinality: {name}")
            one = transform.fit(source.cursor, source.relation, Cardinality((name,), top, min_rows, buckets, True))
            documents.append(one)
            found.append(_shape(source, name))
        session.progress(len(named), len(named), "cardinality: done")
        document = {**documents[0], "columns": [each for one in documents for each in one["columns"]]}
        if out is not None:
            _rows.write(source, transform.applied(source.cursor, source.relation, document), out)
        return _view(session, source, document, found, (out, save))


def _shape(source: Source, name: str) -> rules.Shape:
    """What of a column tells an id: distinct values, order, how they are spelled."""
    kind, x = source.types[name], quote(name)
    text = rows.level(name, kind)
    count, distinct, uuids, digests = source.one(
        f"SELECT count(l), count(DISTINCT l), count(*) FILTER (regexp_full_match(l, '{UUID}')), "
        f"count(*) FILTER (regexp_full_match(l, '{HEX}')) FROM (SELECT {text} AS l FROM {source.relation})")
    monotone = False
    if distinct == count and rows.ROW in source.types:
        up, down = source.one(
            f"SELECT coalesce(bool_and(x > p), false), coalesce(bool_and(x < p), false) FROM (SELECT {x} AS x, lag({x})"
            f" OVER (ORDER BY {quote(rows.ROW)}) AS p FROM {source.relation} WHERE {x} IS NOT NULL) "
            "WHERE p IS NOT NULL")
        monotone = bool(up or down)
    share = max(count, 1)
    return rules.Shape(count, distinct, monotone, uuids / share, digests / share, kind in rows.WHOLE,
                       kind in ("VARCHAR", "UUID"))


def _view(session: Session, source: Source, document: Document, shapes: list[rules.Shape],
          files: tuple[Path | None, Path | None]) -> View:
    columns = document["columns"]
    listed = [_row(each, shape) for each, shape in zip(columns, shapes, strict=True)]
    ids = [str(row["column"]) for row in listed if row["id"]]
    title = f"{counted(len(columns), 'column')} of {source.name} bounded"
    title += f"; {', '.join(ids)} {'is an id' if len(ids) == 1 else 'are ids'}" if ids else ""
    digest = _rows.kept(session, source, document, files[1], title)
    facts: dict[str, Cell] = {"rows": source.rows, "map": digest, "out": str(files[0]) if files[0] else None,
                              "saved": str(files[1]) if files[1] else None}
    kept = Table.of("columns", listed, "column", "distinct", Column("distinct_share", "of rows", share=True), "kept",
                    Column("kept_share", "rows kept", share=True), Column("nulls"), Column("reason", "an id?"))
    plan = Table.of("embedding", listed, "column", "indices", "dimensions", Column("bytes_before", "before", unit="B"),
                    Column("bytes_after", "after", unit="B"), title="Embedding plan")
    parts: list[Part] = [Facts(facts), kept, plan, *_collided(source, document), Text(RULES)]
    parts += [Text(HASH)] if any(each["buckets"] for each in columns) else []
    return View(title, Status.WARN if ids else Status.DONE, tuple(parts), _actions(source, files[1]))


def _row(each: Mapping[str, Any], shape: rules.Shape) -> Row:
    is_id, why = rules.id_like(shape)
    covered, known = sum(each["counts"]), each["rows"] - each["null_rows"]
    indices = transform.size_of(each)
    width, before = rules.dimensions(indices), max(each["distinct"], 1) + 1
    return {"column": each["column"], "distinct": each["distinct"],
            "distinct_share": each["distinct"] / known if known else None, "kept": len(each["levels"]),
            "kept_share": covered / known if known else None, "nulls": each["null_rows"], "id": is_id,
            "reason": f"yes: {why}" if is_id else why or "no", "buckets": each["buckets"], "indices": indices,
            "dimensions": width, "bytes_before": rules.embedding_bytes(before, rules.dimensions(before)),
            "bytes_after": rules.embedding_bytes(indices, width),
            "makes": tuple(transform.names({"columns": [each], "index": True})[each["column"]])}


def _collided(source: Source, document: Document) -> list[Part]:
    """For each hashed column, the collisions that came about beside those of the birthday problem."""
    listed: list[Row] = []
    for each in document["columns"]:
        if each["buckets"]:
            found = transform.collisions(source.cursor, source.relation, source.types, each)
            listed.append({"column": each["column"], "hashed": found.hashed, "buckets": each["buckets"],
                           "pairs": found.pairs, "expected_pairs": found.expected.pairs, "pairs_sd":
                           found.expected.pairs_sd, "occupied": found.occupied, "expected_occupied":
                           found.expected.occupied, "sharing": found.sharing, "expected_sharing":
                           found.expected.sharing, "rows_sharing": found.rows_sharing})
    return [Table.of("collisions", listed, "column", "hashed", "buckets", Column("pairs", "colliding pairs"),
                     Column("expected_pairs", "expected", digits=1), Column("pairs_sd", "±", digits=1),
                     Column("sharing", "levels sharing"), Column("rows_sharing", "their rows"),
                     title="Hash collisions")] if listed else []


def _actions(source: Source, saved: Path | None) -> tuple[Action, ...]:
    if saved is not None:
        later = ("cardinality", "--file", "FILE", "--map", str(saved), "--out", "OUT")
        return (Action("Apply it to later rows", later),)
    named = (source.subject,) if source.subject else ("--file", str(source.file))
    return (Action("Hash the rare ones", ("cardinality", *named, "--buckets", "64")),)


def _by_map(source: Source, document: Document, out: Path | None) -> View:
    query = transform.applied(source.cursor, source.relation, document)
    if out is not None:
        _rows.write(source, query, out)
    listed: list[Row] = []
    for each in document["columns"]:
        made = quote(transform.names({**document, "index": True})[each["column"]][1])
        asked = query if document["index"] else transform.applied(source.cursor, source.relation,
                                                                  {**document, "index": True})
        kept = len(each["levels"])
        nulls, other, most = source.one(f"SELECT count(*) FILTER ({made} = 0), count(*) FILTER ({made} > {kept}), "
                                        f"max({made}) FROM ({asked})")
        listed.append({"column": each["column"], "kept": kept, "null_rows": nulls, "other_rows": other,
                       "other_share": other / source.rows, "indices": transform.size_of(each), "highest": most})
    facts: dict[str, Cell] = {"rows": source.rows, "map": frozen.digest_of(document), "out": str(out) if out else None}
    table = Table.of("columns", listed, "column", "kept", Column("null_rows", "null"), Column("other_rows", "other"),
                     Column("other_share", "share", share=True), "indices", Column("highest", "highest index"))
    return View(f"{counted(len(listed), 'column')} of {source.name} bounded by a frozen map", Status.DONE,
                (Facts(facts), table, Text(RULES)))
