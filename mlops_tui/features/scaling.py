"""Numbers brought to one scale by the method that the data ask for, with how far one wild value could move it."""

from pathlib import Path
from typing import Any, Literal

import click

from mlops_tui.capability import LocalPath, TargetPath, measure
from mlops_tui.errors import BadInput
from mlops_tui.features import _rows
from mlops_tui.features._rows import Source
from mlops_tui.session import Session
from mlops_tui.transforms import frozen, rows
from mlops_tui.transforms import scaling as transform
from mlops_tui.transforms.frozen import Document
from mlops_tui.transforms.scaling import Scaling
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted

RULE = ("auto: no interquartile range: unscaled · under 50 values: robust · tail index below 2 with its whole "
        "interval, or over 5 % beyond 3 interquartile ranges of a quartile: normal quantiles · over 0.1 % there "
        "(and over 3 values): winsorised · quartile skew beyond 0.3, or a value over 10 interquartile ranges out: "
        "robust · else standard.")
HANDLED = ("Parameters come from finite values. Null and NaN stay null; an infinity is taken for the nearest end by "
           "winsorised, uniform and normal, and is null by the others.")
BOUND = ("moved at most: how far one value that is replaced by anything, 10¹² say, can move another row's scaled value "
         "of 1 (for uniform and normal: its place in 0 to 1).")


@measure
@click.argument("subject", required=False)
@click.option("--file", type=LocalPath(), default=None, help="Parquet, CSV or JSON file with the rows.")
@click.option("--columns", default=None, help="Columns to scale, such as distance,delay; else every number.")
@click.option("--method", type=click.Choice(transform.METHODS[:-1]), default="auto", show_default=True,
              help="How; auto chooses for each column.")
@click.option("--tails", type=float, default=0.01, show_default=True,
              help="Share that winsorising pulls in on each side.")
@click.option("--map", "map_", default=None, help="Apply these frozen parameters instead: a file, or a kept digest.")
@click.option("--inverse", is_flag=True, help="Turn scaled columns back, with --map.")
@click.option("--out", type=TargetPath(rows=True), help="Write the rows with the scaled columns to this file.")
@click.option("--save", type=TargetPath(), default=None, help="Write the frozen parameters to this JSON file.")
def scaling(session: Session, subject: str | None, file: Path | None, columns: str | None,
            method: Literal["auto", "standard", "robust", "winsorised", "uniform", "normal"], tails: float,
            map_: str | None, inverse: bool, out: Path | None, save: Path | None) -> View:
    """Scale numbers by the method that their outliers, tail and skew ask for; the parameters are frozen.

    \b
    Example: mlops-tui scaling --file flights.csv --columns distance,delay --out scaled.parquet --save scale.json
             mlops-tui scaling --file july.csv --map scale.json --out july.parquet
             mlops-tui scaling flights --method robust
    """
    source = _rows.opened(session, subject, file)
    if inverse and map_ is None:
        raise BadInput("What is turned back?", where="--inverse", next="Give the parameters with --map.")
    with _rows.read(source):
        if map_ is not None:
            return _by_map(source, _rows.map_of(session, map_, transform.KIND), inverse, out)
        named = _rows.listed(columns) or tuple(name for name in source.columns if rows.is_number(source.types[name]))
        if not named:
            raise BadInput(f"'{source.name}' has no column of numbers.", where=source.where, next="Name another.")
        document: dict[str, Any] = {"kind": transform.KIND, "edition": 1, "columns": []}
        for done, name in enumerate(named):
            session.progress(done, len(named), f"scaling: {name}")
            one = Scaling((name,), method, tails)
            document["columns"] += transform.fit(source.cursor, source.relation, one)["columns"]
        session.progress(len(named), len(named), "scaling: done")
        if out is not None:
            _rows.write(source, transform.applied(source.cursor, source.relation, document), out)
    return _view(session, source, document, (out, save))


def _by_map(source: Source, document: Document, inverse: bool, out: Path | None) -> View:
    query = (transform.inverted if inverse else transform.applied)(source.cursor, source.relation, document)
    if out is not None:
        _rows.write(source, query, out)
    made = {name: [f"{name}_unscaled"] for name in transform.names(document)} if inverse else transform.names(document)
    listed = [_judged(source, query, each, made[each["column"]][0]) for each in document["columns"]]
    facts: dict[str, Cell] = {"rows": source.rows, "map": frozen.digest_of(document), "out": str(out) if out else None}
    table = Table.of("columns", listed, "column", "method", Column("null_rows", "null"), Column("low", digits=4),
                     Column("high", digits=4), title="What came of it")
    return View(f"{counted(len(listed), 'column')} of {source.name} {'turned back' if inverse else 'scaled'} by frozen "
                "parameters", Status.DONE, (Facts(facts), table, Text(HANDLED)))


def _judged(source: Source, query: str, each: Document, name: str) -> Row:
    null, low, high = source.one(f'SELECT count(*) - count("{name}"), min("{name}"), max("{name}") FROM ({query})')
    return {"column": each["column"], "method": each["method"], "null_rows": null, "low": low, "high": high}


def _view(session: Session, source: Source, document: Document, files: tuple[Path | None, Path | None]) -> View:
    columns = document["columns"]
    unscaled = [each["column"] for each in columns if each["method"] == "none"]
    title = f"{counted(len(columns) - len(unscaled), 'column')} of {source.name} scaled"
    title += f", {', '.join(unscaled)} left unscaled" if unscaled else ""
    digest = _rows.kept(session, source, document, files[1], title)
    facts: dict[str, Cell] = {"rows": source.rows, "map": digest, "out": str(files[0]) if files[0] else None,
                              "saved": str(files[1]) if files[1] else None}
    table = Table.of("columns", [_row(each) for each in columns], "column", "method", "reason",
                     Column("centre", digits=4), Column("scale", digits=4), Column("moved", "moved at most", digits=4))
    evidence = Table.of("evidence", [_row(each) for each in columns], "column", Column("rows", "finite"), "missing",
                        "infinite", Column("far_share", "far out", share=True), Column("tail", "tail index", digits=2),
                        Column("skew", "quartile skew", digits=2), title="What it was chosen by")
    actions = (Action("Scale later rows", ("scaling", "--file", "FILE", "--map", str(files[1]), "--out", "OUT")),) \
        if files[1] else ()
    return View(title, Status.WARN if unscaled else Status.DONE,
                (Facts(facts), table, evidence, Text(RULE), Text(f"{BOUND} {HANDLED}")), actions)


def _row(each: Document) -> Row:
    """A column's parameters and evidence; the bound is given for another value of 1 on its scale."""
    bound = each.get("influence")
    reason = each["reason"] if bound or each["method"] == "none" else f"{each['reason']}; one value can move it at will"
    return {"column": each["column"], "method": each["method"], "reason": reason, "centre": each.get("centre"),
            "scale": each.get("scale"), "moved": bound["base"] + bound["slope"] if bound else None,
            "moved_base": bound["base"] if bound else None, "moved_slope": bound["slope"] if bound else None,
            "rows": each["rows"], "missing": each["missing"], "infinite": each["infinite"],
            "far_share": each.get("far_share"), "tail": each.get("tail"), "skew": each.get("skew")}
