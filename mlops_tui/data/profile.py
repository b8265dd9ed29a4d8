"""What is in a file or a dataset: every column's type, missing values, range, quantiles and most frequent value."""

import re
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import click
import numpy as np

from mlops_tui.analysis import radix
from mlops_tui.analysis.summary import of_counts, summary
from mlops_tui.capability import TargetPath, hidden_columns, local_path, look
from mlops_tui.data._inferred import contract_of, name_for
from mlops_tui.errors import BadInput
from mlops_tui.profiling import savedprofiles
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, finite
from store.scan import Field, Kind, Scan, engine, scan_file

SORTED = 1 << 24  # values of one column that are held and sorted for exact figures: 128 MiB
QUANTILES = {"p05": 0.05, "p50": 0.5, "p95": 0.95}
AS_TEXT = "numbers with a decimal comma are read as texts; write them with a point"
CLASSIFIED = "its values are classified, and not shown where others read along"
VALUES = ("min", "max", "mean", "std", *QUANTILES, "top")  # what says something of single values
IDS = ("column", "type", "rows", "nulls", "distinct", "min", "max", "mean", "std", *QUANTILES, "top")


SHOWN = tuple(Column(id) for id in IDS)
COMMA = re.compile(r"[+-]?\d+(,\d+)?")  # 1,5 is no number to whoever reads the file as it stands


@look
@click.argument("subject")
@click.option("--save", type=TargetPath(), default=None, help="Write it to a file that `drift --reference` takes.")
@click.option("--contract", "as_contract", is_flag=True, help="The same as `contract infer`.")
def profile(session: Session, subject: str, save: Path | None, *, as_contract: bool) -> View:
    """Describe every column of SUBJECT: a file, or a declared dataset[@snapshot].

    What is saved stands for SUBJECT as the reference of `drift`, which need not read it again.

    \b
    Example: mlops-tui profile flights.parquet
             mlops-tui profile flights.parquet --save flights.profile
    """
    if as_contract:
        return first_contract(session, subject)
    side, declared = _opened(session, subject)
    rows = _described(session, side)
    hidden = hidden_columns(session, declared, side.fields) if declared else []
    rows = [{**row, **dict.fromkeys(VALUES), "reason": CLASSIFIED} if row["column"] in hidden else row for row in rows]
    title = f"{Path(subject).name}: {side.rows:,} rows, {len(rows)} columns"
    facts = Facts({"rows": side.rows, "columns": len(rows), "nulls": sum(row["nulls"] for row in rows),
                   **({"saved": str(save)} if save is not None else {})})
    notes = [Text(f"{row['column']}: {row['reason']}.") for row in rows if row.get("reason") in (AS_TEXT, CLASSIFIED)]
    if save is not None:
        save.write_bytes(savedprofiles.packed(side, [name for name in side.fields if name not in hidden]))
    actions = [Action("Compare later files with it", ("drift", "--reference", str(save), "--current", "FILE"))] \
        if save is not None else []
    actions += [] if declared else [Action("A first contract for such files", ("contract", "infer", subject))]
    return View(title, Status.DONE, (facts, Table.of("columns", rows, *SHOWN), *notes), tuple(actions))


def _described(session: Session, side: Scan) -> list[dict[str, Any]]:
    rows = []
    for done, field in enumerate(side.fields.values()):
        session.progress(done, len(side.fields), f"describing columns: {field.name}")
        rows.append(described(side, field))
    session.progress(len(rows), len(rows), "describing columns: done")
    return rows


def first_contract(session: Session, subject: str) -> View:
    """The text of a contract that a file keeps; BadInput where it is a dataset that has one."""
    side, declared = _opened(session, subject)
    if declared:
        raise BadInput(f"'{subject}' has a contract.", where=str(session.declared().path_of("dataset", declared)),
                       next="Name a file to read one off.")
    file = Path(subject)
    rows = _described(session, side)
    text = contract_of(session, file, rows)
    return View(f"A first contract for {file.name}", Status.DONE, (
        Facts({"dataset": name_for(file), "columns": len(rows)}), Text(text, "code")), (
        Action("Write it into the project", ("init", "--from", str(file))),))


def _opened(session: Session, subject: str) -> tuple[Scan, str]:
    """The dataset of that name, with it, or else the file."""
    name = subject.removeprefix("dataset/").partition("@")[0]
    if session.project is not None and name in session.project.datasets:
        manifest = session.snapshot(subject.removeprefix("dataset/"))
        side, declared = Scan(session.data().connect(), session.data().scan(manifest), subject), name
    else:
        side, declared = scan_file(local_path(session, subject), engine()), ""
    if not side.rows:
        raise BadInput(f"'{subject}' has columns but no rows.", where=side.where, next="Name one with data.")
    return side, declared


def described(side: Scan, field: Field) -> dict[str, Any]:
    """One column as a row of the table; what does not exist for its type is None."""
    row = dict.fromkeys(IDS) | {"column": field.name, "type": field.type, "kind": field.kind, "rows": side.rows}
    row |= DESCRIBED[field.kind](side, field)
    if row["nulls"] == side.rows:
        row["reason"] = "no values"
    return {key: finite(value) if isinstance(value, float) else _cell(value) for key, value in row.items()}


def _cell(value: Any) -> Cell:
    """A date or a time without a zone as ISO 8601 text, everything else as it is."""
    if isinstance(value, date | time) and not (isinstance(value, datetime) and value.tzinfo):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | datetime) else str(value)


def _number(side: Scan, field: Field) -> Row:
    """Counts and moments from one pass into a certified profile; the rest from the values, sorted, if they fit."""
    tally, held = None, []
    for batch in side.numbers(field.name):
        tally = tally or radix.Tally(radix.grid_for(batch.values))
        tally.add(batch.values, batch.nulls)
        if side.rows <= SORTED:
            held.append(batch.values)
    found = (tally or radix.Tally(radix.Grid())).profile()
    whole = "INT" in field.type or found.n == 0
    row: dict[str, Cell] = {
        "nulls": found.nulls, "nans": found.nans, "mean": found.mean, "std": found.std,
        "min": _whole(found.minimum, whole), "max": _whole(found.maximum, whole)}
    if found.n and found.mean is None:
        row["reason"] = "no mean: a value is infinite or too far out"
    if side.rows > SORTED:
        return {**row, **_bounded(side, field, found)}
    at = tuple(QUANTILES.values())
    exact = of_counts(found.value, found.counts, at) if found.discrete else summary(np.concatenate(held), at)
    return {**row, "distinct": exact.distinct, "top": _whole(exact.top, whole), "top_rows": exact.top_rows,
            **dict(zip(QUANTILES, exact.quantiles, strict=True))}


def _bounded(side: Scan, field: Field, found: radix.Profile) -> Row:
    """Too many values to hold: quantiles within the width of a cell, the number of distinct ones estimated."""
    row: dict[str, Cell] = {"reason": f"over {SORTED:,} rows: quantiles within bounds, distinct estimated"}
    row["distinct"] = found.cells.size if found.discrete else side.distinct(field.name, estimated=True)
    for name, q in QUANTILES.items() if found.n else ():
        low, high = found.quantile(q)
        row |= {name: (low + high) / 2, f"{name}_low": low, f"{name}_high": high}
    return row


def _whole(value: float | None, whole: bool) -> Cell:
    """A number of a column of whole numbers as one."""
    return int(value) if whole and value is not None and abs(value) < np.inf else value


def _category(side: Scan, field: Field) -> Row:
    levels = side.levels(field.name)
    if levels.bucketed:
        return {"nulls": levels.nulls, "distinct": side.distinct(field.name), "reason": "too many values to count each"}
    counts = levels.counts
    comma = any("," in level for level in counts) and all(COMMA.fullmatch(level.strip()) for level in counts)
    top = min(counts, key=lambda level: (-counts[level], level), default=None)
    often = counts[top] if top is not None and (counts[top] > 1 or len(counts) == 1) else 0
    return {"nulls": levels.nulls, "distinct": len(counts), "min": min(counts, default=None),
            "max": max(counts, default=None), "top": top if often else None, "top_rows": often,
            **({"reason": AS_TEXT} if comma else {})}


def _boolean(side: Scan, field: Field) -> Row:
    """As a category, with the share of true as its mean."""
    levels = side.levels(field.name)
    known = sum(levels.counts.values())
    return {**_category(side, field), "mean": levels.counts.get("true", 0) / known if known else None}


def _time(side: Scan, field: Field) -> Row:
    found = side.times(field.name, tuple(QUANTILES.values()))
    return {"nulls": found.nulls, "distinct": found.distinct, "min": _cell(found.minimum), "max": _cell(found.maximum),
            "top": _cell(found.top), "top_rows": found.top_rows,
            **{name: _cell(value) for name, value in zip(QUANTILES, found.quantiles, strict=True)}}


DESCRIBED: dict[Kind, Callable[[Scan, Field], Row]] = {
    "numeric": _number, "category": _category, "boolean": _boolean, "time": _time}
