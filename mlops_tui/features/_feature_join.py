"""Rows and the features that were known at their time, side by side."""

from pathlib import Path

import click
import duckdb

from mlops_tui.capability import TargetPath, local_path, measure
from mlops_tui.errors import BadInput
from mlops_tui.features import _asof
from mlops_tui.features._built import plan_of, rows_of, together
from mlops_tui.features.feature import feature, views_named
from mlops_tui.session import Session
from mlops_tui.view import Cell, Column, Facts, Row, Status, Table, View, counted
from store.columns import write_rows
from store.lake import Manifest
from store.scan import engine, scan_file


@measure(of=feature)
@click.argument("labels")
@click.argument("views", nargs=-1, required=True)
@click.option("--time", "time_column", default=None, help="The rows' own time; a dataset's event time by default.")
@click.option("--at", default="", help="Read the views' datasets as they are tagged so.")
@click.option("--out", type=TargetPath(rows=True), help="Write the rows to this file.")
def join(session: Session, labels: str, views: tuple[str, ...], time_column: str | None, at: str,
         out: Path | None) -> View:
    """Join the rows of LABELS (a file, or a dataset[@snapshot]) with VIEWS as known at each row's time.

    A value counts from its time plus the view's available_after on, until the next row of its entity or its ttl. Rows
    are matched by the columns named like the view's entity. Without --out the result is the dataset LABELS.joined.

    \b
    Example: mlops-tui feature join labels.parquet weather airport_delays --time asked_at --out rows.parquet
             mlops-tui feature join flights weather --at before-storms
    """
    names = views_named(session, views, every=False)
    plans = [plan_of(session, name, at) for name in names]
    lake, connection = session.data(), engine()
    rows, source = _labels(session, connection, labels, time_column, at)
    stored = [(plan, together(plan, rows_of(session, plan)[0])) for plan in plans]
    session.progress(0, 0, "joining")
    query = _asof.joined(connection, lake, rows, stored)
    features = sum(len(plan.values) for plan in plans)
    facts: dict[str, Cell] = {"features": features, "views": tuple(names), "time": rows.time, "labels": source}
    if out is not None:
        facts |= {"rows": write_rows(out, query, connection), "file": str(out)}
    else:
        facts |= _kept(session, labels, lake.write(f"{_stem(labels)}.joined", query, connection=connection))
    connection.close()
    used: list[Row] = [{"feature": plan.view.name, "rows": manifest.rows, "version": plan.version,
                        "snapshots": tuple(f"{name}@{each.id[:12]}" for name, each in plan.sources.items())}
                       for plan, manifest in stored]
    table = Table.of("views", used, "feature", "rows", Column("version", cut=12), "snapshots")
    return View(f"{facts['rows']:,} rows with {counted(features, 'feature')} as known at {rows.time}", Status.DONE,
                (Facts(facts), table))


def _stem(labels: str) -> str:
    return Path(labels.partition("@")[0]).stem


def _kept(session: Session, labels: str, written: Manifest) -> dict[str, Cell]:
    committed, _ = session.commit(written, source=f"feature join {Path(labels).name}")
    return {"rows": committed.rows, "dataset": committed.dataset, "snapshot": committed.id}


def _labels(session: Session, connection: duckdb.DuckDBPyConnection, labels: str, time: str | None,
            at: str) -> tuple[_asof.Labels, str]:
    """The rows to join to, and what they are: the declared dataset of that name, or else the file."""
    project, name = session.declared(), labels.removeprefix("dataset/").partition("@")[0]
    if name in project.datasets:
        manifest = session.snapshot(labels if "@" in labels or not at else f"{name}@{at}")
        moment_column = time or project.datasets[name].custom("eventTime")
        if not moment_column:
            raise BadInput(f"Which column of '{name}' is its time?", next="Add: --time COLUMN")
        return _asof.Labels(session.data().scan(manifest), manifest.columns, str(moment_column), labels), manifest.id
    if not Path(labels).suffix:
        project.subject(labels, "dataset")
    path = local_path(session, labels)
    if time is None:
        raise BadInput("Which column is the rows' time?", next="Add: --time COLUMN")
    scan = scan_file(path, connection)
    return _asof.Labels(scan.relation, {each.name: each.type for each in scan.fields.values()}, time, str(path)), \
        path.name
