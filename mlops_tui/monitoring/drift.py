"""How far today's inputs have moved from the ones the model was trained on."""

from collections.abc import Sequence
from pathlib import Path

import click
from duckdb import DuckDBPyConnection

from mlops_tui.analysis.verdict import Limits
from mlops_tui.capability import measure, subject_or_files
from mlops_tui.errors import BadInput
from mlops_tui.session import Session
from mlops_tui.shifts import Shift, compare
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, View, finite
from store.scan import Scan, engine, scan_file

DRAWN = 3  # columns that are drawn, the worst first
SHOWN = (Column("column"), Column("drifted"), Column("effect", "moved by", digits=3), Column("limit", digits=2),
         Column("detectable", "this size sees", digits=3), Column("psi", "PSI", digits=3), Column("reason", "evidence"))


@measure
@click.option("--columns", default=None, help="Only these columns, separated by commas.")
@subject_or_files("reference", "current")
def drift(session: Session, subject: str | None, reference: Path | None, current: Path | None,
          columns: str | None) -> View:
    """Compare the columns of SUBJECT, or of two files, with their reference.

    A column has drifted when the difference is significant among all columns and larger than matters: a
    Kolmogorov-Smirnov distance of 0.02, or a Cramer's V of 0.05.

    \b
    Example: mlops-tui drift --reference may.parquet --current july.parquet
    """
    chosen = tuple(name.strip() for name in (columns or "").split(",") if name.strip())
    if reference is None or current is None:
        raise BadInput("Only files can be compared so far.", next="Give --reference FILE and --current FILE.")
    connection = engine()
    sides = _opened(reference, connection), _opened(current, connection)
    shifts = compare(*sides, Limits(), chosen, session.progress)
    return answer(f"{current.name} against {reference.name}", sides[0].rows, sides[1].rows, shifts)


def _opened(path: Path, connection: DuckDBPyConnection) -> Scan:
    side = scan_file(path, connection)
    if not side.rows:
        raise BadInput(f"'{path.name}' has columns but no rows.", where=str(path), next="Name a file with data.")
    return side


def answer(what: str, rows_reference: int, rows_current: int, shifts: Sequence[Shift],
           actions: tuple[Action, ...] = ()) -> View:
    """The view of a comparison: the verdict first, the worst columns first."""
    status, title = verdict(shifts)
    ranked = sorted(shifts, key=lambda shift: (_RANK[shift.verdict.drifted], -shift.severity))
    facts = Facts({"compared": what, "rows_reference": rows_reference, "rows_current": rows_current,
                   "drifted_columns": sum(shift.verdict.drifted is True for shift in shifts),
                   "unknown_columns": sum(shift.verdict.drifted is None and shift.judged for shift in shifts),
                   "method": _method(shifts)})
    table = Table.of("columns", [row(shift) for shift in ranked], *SHOWN)
    return View(title, status, (facts, table, *pictures(ranked)), actions)


_RANK = {True: 0, None: 1, False: 2}


def verdict(shifts: Sequence[Shift]) -> tuple[Status, str]:
    """How the comparison stands, and in one sentence why."""
    judged = [shift for shift in shifts if shift.judged]
    drifted = sum(shift.verdict.drifted is True for shift in judged)
    unknown = sum(shift.verdict.drifted is None for shift in judged)
    if drifted:
        return Status.FAIL, f"{drifted} of {len(judged)} columns moved more than they should"
    if unknown or not judged:
        return Status.UNKNOWN, f"{unknown} of {len(judged)} columns cannot be judged, none is seen to move"
    return Status.PASS, f"None of {len(judged)} columns moved more than it should"


def _method(shifts: Sequence[Shift]) -> str:
    tests = sum(shift.evidence.test is not None for shift in shifts)
    return f"KS and chi-square, Benjamini-Hochberg over {tests} columns at {Limits().alpha:g}"


def row(shift: Shift) -> Row:
    """One column as a row: test, certified bounds, verdict, and why."""
    evidence, figures = shift.evidence, dict(shift.figures)
    values: dict[str, Cell] = {
        "column": shift.column, "kind": shift.kind, "test": evidence.test,
        "value": finite(evidence.statistic.low) if evidence.statistic else None,
        "low": finite(evidence.statistic.low) if evidence.statistic else None,
        "high": finite(evidence.statistic.high) if evidence.statistic else None,
        "p_value": evidence.p_value.high if evidence.p_value else None, "p_adjusted": shift.verdict.p_adjusted,
        "effect": evidence.effect.low if evidence.effect else None, "psi": figures.pop("psi", None),
        "drifted": shift.verdict.drifted, "reason": shift.verdict.reason,
        "limit": finite(evidence.limit), "detectable": evidence.detectable}
    gone_r, rows_r, gone_c, rows_c = evidence.missing
    values |= {"missing_reference": gone_r / rows_r if rows_r else None,
               "missing_current": gone_c / rows_c if rows_c else None}
    return values | {key: finite(value) if isinstance(value, float) else value for key, value in figures.items()}


def pictures(ranked: Sequence[Shift]) -> tuple[Series, ...]:
    """Reference against current for the columns that moved most."""
    drawn = [shift for shift in ranked if shift.picture is not None][:DRAWN]
    return tuple(Series(f"bins:{shift.column}", "bins", tuple(_label(label) for label in shift.picture.labels),
                        shift.picture.reference, other=shift.picture.current, names=("reference", "current"),
                        title=shift.column, x_label="up to" if shift.kind == "numeric" else "value", y_label="share")
                 for shift in drawn if shift.picture is not None)


def _label(label: str | float) -> Cell:
    return finite(label) if isinstance(label, float) else label
