"""Lags, rolling and expanding aggregates, each as it was known at the row's own time: past windows only, no leaks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import duckdb

from mlops_tui import folds
from mlops_tui.capability import LocalPath, TargetPath, measure
from mlops_tui.errors import BadInput, nearest
from mlops_tui.features import _leaks, _model_rows
from mlops_tui.features._as_view import view_sql
from mlops_tui.features._built import alike, columns_of, plan_of
from mlops_tui.project import read_feature
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.transforms.windows import AGGREGATES, Windows, spans, sql
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, Text, View
from store.columns import write_rows
from store.facts import Fact, Proposal
from store.lake import Manifest
from store.quoting import quote
from store.scan import engine, scan_file

if TYPE_CHECKING:
    from store.ledger import Entry

PREVIEW = 10


@dataclass(frozen=True)
class Source:
    """A file or a dataset whose rows get windows: what follows FROM, its columns with their types, and its name."""

    connection: duckdb.DuckDBPyConnection
    relation: str
    columns: Mapping[str, str]
    name: str
    where: str
    manifest: Manifest | None = None


def _listed(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if value else ()


@measure
@click.argument("subject", required=False)
@click.option("--day", default=None, help="Of a model: one local day, such as 2013-06-01.")
@click.option("--from", "start", default=None, help="Of a model: first local day of a longer window.")
@click.option("--to", "end", default=None, help="Of a model: the local day after the last one.")
@click.option("--file", type=LocalPath(), default=None, help="A Parquet, CSV or JSON file, instead of SUBJECT.")
@click.option("--entity", callback=_listed, default=None, help="Columns that say whose row it is: a,b.")
@click.option("--time", "time_column", default=None, help="The column of the row's time.")
@click.option("--column", callback=_listed, default=None, help="Columns that are aggregated: x,y.")
@click.option("--rolling", callback=_listed, default=None, help="Windows of time before the row: 1h,24h.")
@click.option("--aggregate", callback=_listed, default="mean", show_default=True, help=", ".join(AGGREGATES))
@click.option("--lag", callback=_listed, default=None, help="The n-th newest value before the row: 1,7.")
@click.option("--expanding", is_flag=True, help="Aggregate all that came before, too.")
@click.option("--available-after", default="0s", show_default=True, help="A row is known so long after its time.")
@click.option("--known-at", default="", help="The column that says when a row arrived.")
@click.option("--own", is_flag=True, help="A row sees itself and others of the same time.")
@click.option("--sql", "sql_file", type=LocalPath(), default=None, help="Check this feature view over the file.")
@click.option("--outcome", multiple=True, help="With --sql: COLUMN=KNOWN, a value known only at the time in KNOWN.")
@click.option("--view", "view_name", default="", help="Give the windows as the SQL of a feature view of this name.")
@click.option("--out", type=TargetPath(rows=True), help="Write the rows, with their windows, to this file.")
@click.option("--check-leaks", type=int, default=0, help="Recompute N moments with the future removed and compare.")
def windows(session: Session, subject: str | None, day: str | None, start: str | None, end: str | None,
            file: Path | None, entity: tuple[str, ...], time_column: str | None, column: tuple[str, ...],
            rolling: tuple[str, ...], aggregate: tuple[str, ...], lag: tuple[str, ...], expanding: bool,
            available_after: str, known_at: str, own: bool, sql_file: Path | None, outcome: tuple[str, ...],
            view_name: str, out: Path | None, check_leaks: int) -> View:
    """Build features of SUBJECT, or of a file, each as known at the row's time.

    A model: its rows with all its features; days built before are not built again. A dataset or a file: its rows with
    the lags, rolling and expanding aggregates asked for, of rows that are earlier and known. A feature view: looked
    through for leaks.

    A window of 1h holds what is at most 1h old, rows of the same time do not see each other, and of those the greater
    value counts as newer. Written rows come entity by entity, in the order of time. With --known-at the work grows with
    the square of an entity's rows within the window.

    \b
    Example: mlops-tui windows flights-delay --from 2013-01-01 --to 2013-06-01
             mlops-tui windows --file trips.csv --entity place --time at --column delay --rolling 1h,1d --out rows.csv
             mlops-tui windows weather --check-leaks 20
    """
    kind = "" if subject is None else session.declared().subject(subject, "model", "dataset", "feature").kind
    if kind == "model":
        return _model_rows.build(session, str(subject), day, start, end, check_leaks)
    if kind == "feature":
        return _leaks_of_view(session, session.declared().subject(str(subject), "feature").name, check_leaks)
    source = _source(session, subject, file)
    if sql_file is not None:
        return _leaks_of_sql(session, source, sql_file, time_column, known_at, outcome, check_leaks)
    if not entity or time_column is None or not column:
        raise BadInput("Which windows?", next="Give --entity, --time, --column, and --rolling, --lag or --expanding.")
    asked = Windows(entity, time_column, column, rolling, expanding, aggregate, _numbers(lag),
                    spans([available_after])[0], known_at, own)
    asked.checked(source.columns, source.where)
    if view_name:
        return _as_view(session, asked, source, view_name)
    return _made(session, asked, source, out, check_leaks)


def _numbers(texts: tuple[str, ...]) -> tuple[int, ...]:
    wrong = next((text for text in texts if not text.isdecimal()), None)
    if wrong is not None:
        raise BadInput(f"'{wrong}' is no lag.", next="Write --lag 1,7.")
    return tuple(map(int, texts))


def _source(session: Session, subject: str | None, file: Path | None) -> Source:
    """The dataset or the file; one thread, so that sums of floating-point numbers have one order."""
    if (subject is None) == (file is None):
        raise BadInput("Windows of what?", next="Name a model, a dataset or a feature view, or give --file FILE.")
    connection = engine()
    if file is not None:
        scan = scan_file(file, connection)
        connection.execute("SET threads = 1")
        return Source(connection, scan.relation, {each.name: each.type for each in scan.fields.values()}, file.stem,
                      str(file))
    name = session.declared().subject(str(subject), "dataset").name
    manifest = session.snapshot(str(subject))
    connection.execute("SET threads = 1")
    return Source(connection, alike(session.data(), manifest), manifest.columns, name, name, manifest)


# -- the rows with their windows ------------------------------------------------------------------------------------


def _made(session: Session, asked: Windows, source: Source, out: Path | None, check_leaks: int) -> View:
    """The rows written entity by entity, or the first of them shown; of a dataset they are kept as NAME.windows."""
    query = sql(asked, source.relation, source.columns, source.where, ordered=False)
    facts: dict[str, Cell] = {"features": len(asked.names), "entity": asked.entity, "time": asked.time}
    parts: list[Facts | Table] = []
    session.progress(0, 0, f"windows of {source.name}")
    if out is not None:
        facts |= {"rows": write_rows(out, query, source.connection), "file": str(out)}
    elif source.manifest is not None:
        written = session.data().write(f"{source.name}.windows", query, sort=(*asked.entity, asked.time),
                                       connection=source.connection)
        kept, _ = session.commit(written, source=f"windows {source.name}")
        facts |= {"rows": kept.rows, "dataset": kept.dataset, "snapshot": kept.id}
    else:
        facts |= {"rows": source.connection.execute(f"SELECT count(*) FROM {source.relation}").fetchall()[0][0]}
        parts.append(_preview(asked, source, sql(asked, source.relation, source.columns, source.where)))
    shown = Table.of("features", [{"feature": name, "column": column} for name, column in asked.names.items()],
                     "feature", "column", title="Features")
    view = View(f"{facts['rows']:,} rows of {source.name} with {len(asked.names)} windows", Status.DONE,
                (Facts(facts), shown, *parts))
    if check_leaks < 1:
        return view
    told = _leaks.said(session, source.name, _leaks.of_rows(session, source.connection, asked, source.relation,
                                                            source.columns, check_leaks))
    return View(told.title, told.status, (*view.parts, *told.parts))


def _preview(asked: Windows, source: Source, query: str) -> Table:
    names = [*asked.entity, asked.time, *asked.names]
    rows = source.connection.execute(f"SELECT {', '.join(map(quote, names))} FROM ({query}) LIMIT {PREVIEW}").fetchall()
    listed: list[Row] = [{name: value if value is None or isinstance(value, bool | int | float) else str(value)
                          for name, value in zip(names, row, strict=True)} for row in rows]
    return Table.of("rows", listed, *names, title="The first rows")


def _as_view(session: Session, asked: Windows, source: Source, name: str) -> View:
    """The SQL of a feature view; of a declared dataset it is put forward as a file of the project."""
    if not name.replace("_", "a").replace("-", "a").isalnum():
        raise BadInput(f"'{name}' cannot be the name of a view.", next="Use letters, digits, hyphens and underscores.")
    text = view_sql(asked, source.name, source.columns)
    facts: dict[str, Cell] = {"feature": name, "path": f"features/{name}.sql", "features": len(asked.names)}
    if source.manifest is None or session.project is None or not session.ledger.recording:
        return View(f"Feature view {name}", Status.DONE, (Facts(facts), Text(text, "code")))
    path = session.project.root / "features" / f"{name}.sql"
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    number: list[str] = []

    def decide(entries: "Sequence[Entry]") -> Iterable[Fact]:
        number[:] = [folds.next_id("P", {entry.subject for entry in entries if entry.kind == "proposal"})]
        return (Proposal(subject=number[0], event="proposed", path=f"features/{name}.sql", content=text, before=before,
                         why=f"windows of {source.name}", origin="windows"),)

    session.ledger.transact(decide)
    return View(f"{number[0]} puts forward the feature view {name}", Status.DONE,
                (Facts(facts | {"proposal": number[0]}), Text(text, "code")),
                (Action("Write it", ("adopt", number[0])),))


# -- leaks ----------------------------------------------------------------------------------------------------------


def _leaks_of_view(session: Session, name: str, wanted: int) -> View:
    """A declared view over its datasets as they were known at sampled moments."""
    if wanted < 1:
        raise BadInput(f"'{name}' is a feature view.", next=f"Try: mlops-tui windows {name} --check-leaks 20")
    plan, lake = plan_of(session, name), session.data()
    cursor = lake.connect()

    def see(at: datetime | None) -> None:
        for dataset, source in plan.sources.items():
            scan = alike(lake, source)
            rows = f"SELECT * FROM {scan}" if at is None else pointintime.as_known(plan.contracts[dataset], scan, at)
            cursor.execute(f"CREATE OR REPLACE TEMP VIEW {quote(dataset)} AS {rows}")

    see(None)
    found = _leaks.of_view(session, cursor, plan.view, plan.columns, see, wanted)
    return _leaks.said(session, name, found, tuple(source.id for source in plan.sources.values()),
                       session.declaration("feature", name))


def _leaks_of_sql(session: Session, source: Source, file: Path, time: str | None, known_at: str,
                  outcome: tuple[str, ...], wanted: int) -> View:
    """A view's SQL over a file, which it reads by the file's name without its ending."""
    view = read_feature(file)
    if time is None:
        raise BadInput("When did a row of the file happen?", next="Add: --time COLUMN, and --known-at COLUMN.")
    later = dict(_outcome(text) for text in outcome)
    for name in (time, *([known_at] if known_at else []), *later, *later.values()):
        if name not in source.columns:
            raise BadInput(f"There is no column '{name}'.", where=source.where, next=nearest(name, source.columns))
    columns = columns_of(view, ((source.name, tuple(source.columns.items())),))
    cursor = source.connection

    def see(at: datetime | None) -> None:
        rows = f"SELECT * FROM {source.relation}"
        if at is not None:
            cut = pointintime.moment(at)
            hidden = [f"CASE WHEN {quote(when)} <= {cut} THEN {quote(name)} END AS {quote(name)}"
                      for name, when in later.items()]
            replaced = f"REPLACE ({', '.join(hidden)})" if hidden else ""
            rows = (f"SELECT * {replaced} FROM {source.relation} "
                    f"WHERE coalesce({quote(known_at or time)}, {quote(time)}) <= {cut}")
        cursor.execute(f"CREATE OR REPLACE TEMP VIEW {quote(source.name)} AS {rows}")

    see(None)
    return _leaks.said(session, view.name, _leaks.of_view(session, cursor, view, columns, see, wanted or 20))


def _outcome(text: str) -> tuple[str, str]:
    name, sign, when = text.partition("=")
    if not sign:
        raise BadInput(f"'{text}' is no outcome.", next="Write --outcome late=known_at")
    return name.strip(), when.strip()
