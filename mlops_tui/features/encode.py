"""Categories as numbers by what their rows came to, each row encoded without its own outcome."""

from pathlib import Path
from typing import Any, Literal

import click
import numpy as np

from mlops_tui.analysis.ranking import roc_auc
from mlops_tui.capability import LocalPath, TargetPath, measure
from mlops_tui.declarations.declare import duration
from mlops_tui.errors import BadInput
from mlops_tui.features import _rows
from mlops_tui.features._rows import Source
from mlops_tui.session import Session
from mlops_tui.transforms import encode as encoding
from mlops_tui.transforms import frozen, rows
from mlops_tui.transforms.encode import Encoding
from mlops_tui.transforms.frozen import Document
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.quoting import literal, quote

JUDGED = 100_000  # rows on which it is said how much the encoding tells
RARE = 20
OPTIMISM = ("In-sample: each row's value contains its own outcome, so a model that is trained on these values believes "
            "them more than it may. For later rows only.")


@measure
@click.argument("subject", required=False)
@click.option("--file", type=LocalPath(), default=None, help="Parquet, CSV or JSON file with the rows.")
@click.option("--target", default=None, help="Column with the outcome: two classes, several, or a number.")
@click.option("--columns", default=None, help="Columns to encode, such as dest,tailnum.")
@click.option("--smoothing", default="auto", show_default=True,
              help="Rows that the prior weighs, such as 20; auto: empirical Bayes.")
@click.option("--folds", type=int, default=5, show_default=True, help="Parts; each is encoded by the others.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed makes other folds.")
@click.option("--key", default=None, help="Columns that name a row: folds then do not depend on the order of rows.")
@click.option("--groups", default=None, help="Column whose equal values stay in one fold, such as a customer.")
@click.option("--time", default=None, help="Column with a time: each row is encoded from earlier ones only.")
@click.option("--known", default=None, help="Column with the time at which a row's outcome is known; else --time.")
@click.option("--gap", default="0s", show_default=True, help="Outcomes count this much later, such as 12h.")
@click.option("--task", type=click.Choice(["auto", "binary", "multiclass", "regression"]), default="auto",
              show_default=True, help="What the outcome is.")
@click.option("--map", "map_", default=None, help="Apply this frozen map instead: a file, or the digest of a kept one.")
@click.option("--in-sample", is_flag=True, help="Encode rows by a map that knows their outcomes; says why not to.")
@click.option("--out", type=TargetPath(rows=True), help="Write the rows with the encoded columns to this file.")
@click.option("--save", type=TargetPath(), default=None, help="Write the frozen map to this JSON file.")
def encode(session: Session, subject: str | None, file: Path | None, target: str | None, columns: str | None,
           smoothing: str, folds: int, seed: int, key: str | None, groups: str | None, time: str | None,
           known: str | None, gap: str, task: Literal["auto", "binary", "multiclass", "regression"], map_: str | None,
           in_sample: bool, out: Path | None, save: Path | None) -> View:
    """Encode categories by their outcomes, cross-fitted; the map for later rows is frozen with its digest.

    A level's value is shrunk towards the mean of all rows. Rows of the fit are encoded by the other folds, prior
    included; later rows by the map, where an unseen level gets the prior. Nulls are a level of their own.

    \b
    Example: mlops-tui encode --file flights.csv --target late --columns dest,tailnum --out june.parquet --save m.json
             mlops-tui encode --file july.csv --map m.json --out july.parquet
             mlops-tui encode flights --target late --columns dest --time sched_dep --gap 12h
    """
    source = _rows.opened(session, subject, file)
    if map_ is not None:
        document = _rows.map_of(session, map_, encoding.KIND)
        return _by_map(session, source, document, in_sample, out)
    if not target or not _rows.listed(columns):
        raise BadInput("Which columns are encoded by which outcome?", where="the command line",
                       next="Give --target y --columns a,b, or --map MAP.")
    how = Encoding(target, _rows.listed(columns), smoothing=_smoothing(smoothing), folds=folds, seed=seed,
                   key=_rows.listed(key) or (() if groups else source.key), groups=groups or "", time=time or "",
                   known=known or "", gap=_gap(source, time, gap), task=task)
    return _by_fit(session, source, how, in_sample, (out, save))


def _smoothing(text: str) -> float | Literal["auto"]:
    try:
        return "auto" if text == "auto" else float(text)
    except ValueError as problem:
        raise BadInput(f"'{text}' is neither auto nor a number of rows.", where="--smoothing",
                       next="Try: --smoothing 20") from problem


def _gap(source: Source, time: str | None, text: str) -> int:
    """The gap in the unit of the time: microseconds of a timestamp, else a whole number."""
    stamps = source.types.get(time or "", "").startswith(("TIMESTAMP", "DATE"))
    try:
        if stamps or text == "0s":
            span = duration(text)
            return (span.days * 86400 + span.seconds) * 1_000_000 + span.microseconds
        return int(text)
    except ValueError as problem:
        raise BadInput(f"{problem}.", where="--gap", next="Try: --gap 12h, or a whole number where the times are."
                       ) from problem


# -- fitting --------------------------------------------------------------------------------------------------------


def _by_fit(session: Session, source: Source, how: Encoding, in_sample: bool,
            files: tuple[Path | None, Path | None]) -> View:
    with _rows.read(source):
        session.progress(0, 3, "encode: the map")
        document = encoding.fit(source.cursor, source.relation, how)
        session.progress(1, 3, "encode: the folds")
        query = encoding.applied(source.cursor, source.relation, document) if in_sample else \
            encoding.crossed(source.cursor, source.relation, how, document)
        if files[0] is not None:
            _rows.write(source, query, files[0])
        session.progress(2, 3, "encode: what it tells")
        told = _told(source, document, query)
        session.progress(3, 3, "encode: done")
    named = counted(len(how.columns), "column")
    title = f"{named} of {source.name} encoded by {how.target}" + (", in-sample" if in_sample else ", out of fold")
    digest = _rows.kept(session, source, document, files[1], title)
    facts = {**_facts(source, document), "folds": _folds(source, how, in_sample), "map": digest,
             "out": str(files[0]) if files[0] else None, "saved": str(files[1]) if files[1] else None}
    table = Table.of("columns", [_row(document, each, told) for each in document["columns"]], "column", "levels",
                     Column("rare_levels", f"of < {RARE} rows"), Column("null_rows", "nulls"), Column("low", digits=4),
                     Column("high", digits=4), Column("measure", ""), Column("out_of_fold", "tells", digits=3),
                     Column("in_sample", "would claim", digits=3))
    parts: list[Part] = [Facts(facts), table, Text(OPTIMISM if in_sample else _words(source, how, document))]
    return View(title, Status.WARN if in_sample else Status.DONE, tuple(parts), _actions(source, how, digest, files[1]))


def _facts(source: Source, document: Document) -> dict[str, Cell]:
    priors = document["prior"]
    return {"rows": source.rows, "labelled": document["rows"], "target": document["target"], "task": document["task"],
            "prior": priors[0] if len(priors) == 1 else None, "smoothing": str(document["smoothing"])}


def _folds(source: Source, how: Encoding, in_sample: bool) -> str:
    if in_sample:
        return "none: in-sample"
    if how.time:
        return f"earlier rows by {how.known or how.time}"
    by = how.groups or ", ".join(how.key) or "row number"
    return f"{how.folds} by {'' if how.groups or how.key else 'the '}{by}, seed {how.seed}"


def _words(source: Source, how: Encoding, document: Document) -> str:
    said = ["Each row is encoded from earlier rows alone; those before the first known outcome have no value."
            if how.time else "Each row is encoded by the other folds, and so is the prior that it is shrunk towards: "
            "that differs from scikit-learn, whose prior is of all rows."]
    if not how.time and not how.key and not how.groups and source.file is not None:
        said.append("Folds go by the row's number in the file: give --key to make them independent of the order.")
    if document["task"] == "multiclass":
        said.append(f"One column for each of {len(document['classes'])} classes.")
    return " ".join(said)


def _row(document: Document, each: dict[str, Any], told: dict[str, tuple[str, float | None, float | None]]) -> Row:
    values = [value for values in each["values"] for value in values]
    measure, inside, outside = told[each["column"]]
    return {"column": each["column"], "levels": len(each["levels"]),
            "rare_levels": sum(count < RARE for count in each["rows"]),
            "null_rows": each["null"]["rows"] if each["null"] else 0, "low": min(values, default=None),
            "high": max(values, default=None), "measure": measure, "out_of_fold": outside, "in_sample": inside,
            "encoded": tuple(encoding.names(document)[each["column"]])}


def _told(source: Source, document: Document, query: str) -> dict[str, tuple[str, float | None, float | None]]:
    """Of each column: the measure, and what it is in-sample and as encoded; None for several classes."""
    if document["task"] == "multiclass":
        return {each["column"]: ("", None, None) for each in document["columns"]}
    y, names = quote(document["target"]), [made[0] for made in encoding.names(document).values()]
    listed, held = ", ".join(map(quote, names)), quote("=judged")
    source.cursor.execute(f"CREATE OR REPLACE TEMP TABLE {held} AS SELECT * FROM ({query}) WHERE {y} IS NOT NULL"
                          f"{_chosen(source)}")
    inside = encoding.applied(source.cursor, f"(SELECT * EXCLUDE ({listed}) FROM {held})", document)
    classes = document["task"] == "binary"
    if classes:
        y = f"({rows.level(document['target'], source.types[document['target']])}) = {literal(document['classes'][1])}"
    found = [source.cursor.execute(f"SELECT {y} AS y, {listed} FROM {each}").fetchnumpy()
             for each in (f"({inside})", held)]
    return {column: ("AUC" if classes else "correlation", _tells(found[0]["y"], found[0][made[0]], classes),
                     _tells(found[1]["y"], found[1][made[0]], classes))
            for column, made in encoding.names(document).items()}


def _chosen(source: Source) -> str:
    """SQL that leaves at most about JUDGED rows, chosen by hash."""
    parts = -(-source.rows // JUDGED)
    by = (rows.ROW,) if rows.ROW in source.types else source.key
    if parts == 1 or not by:
        return ""
    return f" AND {rows.fold(source.types, by, min(parts, 255), 7)} = 0"


def _tells(label: Any, value: Any, classes: bool) -> float | None:
    """ROC AUC of an encoded column for two classes, else its correlation with the outcome; None where there is none."""
    x = np.ma.filled(np.ma.asarray(value).astype(np.float64), np.nan)
    known = np.isfinite(x)
    y = np.ma.getdata(label)[known].astype(np.bool_ if classes else np.float64)
    if classes:
        return roc_auc(y, x[known]) if y.any() and not y.all() else None
    enough = known.sum() > 1 and x[known].std() > 0 and y.std() > 0
    return float(np.corrcoef(x[known], y)[0, 1]) if enough else None


def _actions(source: Source, how: Encoding, digest: str, saved: Path | None) -> tuple[Action, ...]:
    if source.subject:
        return (Action("Which columns have many values?", ("cardinality", source.subject)),)
    if saved is not None:
        return (Action("Encode later rows", ("encode", "--file", "FILE", "--map", str(saved), "--out", "OUT")),)
    return (Action("Which columns have many values?", ("cardinality", "--file", str(source.file))),)


# -- applying -------------------------------------------------------------------------------------------------------


def _by_map(session: Session, source: Source, document: Document, in_sample: bool, out: Path | None) -> View:
    with _rows.read(source):
        query = encoding.applied(source.cursor, source.relation, document)
        inside = encoding.fitted_on(source.cursor, source.relation, document)
        if inside and not in_sample:
            raise BadInput("These are the rows that the map was fitted on: it knows their outcomes.",
                           where=source.where,
                           next="Fit again without --map for values out of fold, or force it with --in-sample.")
        if out is not None:
            _rows.write(source, query, out)
        listed = [_unseen(source, each) for each in document["columns"]]
    unseen = sum(int(str(row["unseen_rows"])) for row in listed)
    facts = {**_facts(source, document), "unseen_rows": unseen, "map": frozen.digest_of(document),
             "out": str(out) if out else None}
    table = Table.of("columns", listed, "column", "levels", Column("unseen_levels", "unseen"),
                     Column("unseen_rows", "rows of them"), Column("unseen_share", "share", share=True))
    said = (Text(OPTIMISM),) if inside else ()
    return View(f"{counted(len(listed), 'column')} of {source.name} encoded by the map of {document['target']}",
                Status.WARN if inside else Status.DONE, (Facts(facts), table, *said))


def _unseen(source: Source, each: dict[str, Any]) -> Row:
    """How many levels and rows the map has never seen; they get the prior."""
    text = rows.level(each["column"], source.types[each["column"]])
    known = frozen.table({"level": each["levels"]}, {"level": "VARCHAR"})
    nulls = "" if not each["null"] else " AND l.level IS NOT NULL"
    levels, unseen = source.one(
        f"SELECT count(*), coalesce(sum(l.n), 0) FROM (SELECT {text} AS level, count(*) AS n FROM {source.relation} "
        f"GROUP BY 1) l LEFT JOIN {known} k ON k.level = l.level WHERE k.level IS NULL{nulls}")
    return {"column": each["column"], "levels": len(each["levels"]), "unseen_levels": levels,
            "unseen_rows": int(unseen), "unseen_share": int(unseen) / source.rows}
