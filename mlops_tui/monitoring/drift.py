"""How far today's inputs have moved from the ones the model was trained on."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from duckdb import DuckDBPyConnection

from mlops_tui import windowed
from mlops_tui.analysis.verdict import Limits
from mlops_tui.capability import measure, subject_or_files
from mlops_tui.errors import BadInput, nearest
from mlops_tui.kinds import Monitor
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.shifts import Shift, compare
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, View, finite
from mlops_tui.watching import watching
from store.facts import Finding
from store.scan import Scan, engine, scan_file

DRAWN = 3  # columns that are drawn, the worst first
SHOWN = (Column("column"), Column("drifted"), Column("effect", "moved by", digits=3), Column("limit", digits=2),
         Column("detectable", "this size sees", digits=3), Column("psi", "PSI", digits=3), Column("reason", "evidence"))


@measure
@click.option("--window", "length", default=None, help="How far back SUBJECT is looked at, such as 7d.")
@click.option("--monitor", default=None, help="Compare as this declared monitor does.")
@click.option("--columns", default=None, help="Only these columns, separated by commas.")
@subject_or_files("reference", "current")
def drift(session: Session, subject: str | None, reference: Path | None, current: Path | None, length: str | None,
          monitor: str | None, columns: str | None) -> View:
    """Compare the columns of SUBJECT, or of a file, with their reference.

    A column has drifted when the difference is significant among all columns and larger than matters: a
    Kolmogorov-Smirnov distance of 0.02 or a Cramer's V of 0.05, unless the monitor says otherwise. Against the same
    weekdays of at least three weeks it must also be larger than these weeks differ from each other.

    \b
    Example: mlops-tui drift flights-delay --window 7d
             mlops-tui drift --reference may.parquet --current july.parquet
    """
    chosen = tuple(name.strip() for name in (columns or "").split(",") if name.strip())
    if reference is not None and current is not None:
        if length or monitor:
            raise BadInput("A file has no window and no monitor.", next="Drop --window and --monitor.")
        return _files(session, reference, current, chosen)
    found = session.declared().subject(str(subject), "model", "dataset")
    declared = watching(session, "drift", found.name, monitor, length)
    kind, name = ("monitor", monitor) if monitor else (found.kind, found.name)
    judged_as = "" if chosen or length else session.declaration(kind, name)  # an ad-hoc look is evidence of nothing
    return _subject(session, found, declared, (monitor or "", judged_as), chosen or declared.columns)


# -- files --------------------------------------------------------------------------------------------------------


def _files(session: Session, reference: Path, current: Path, chosen: Sequence[str]) -> View:
    connection = engine()
    sides = _opened(reference, connection), _opened(current, connection)
    shifts = compare(*sides, Limits(), chosen, session.progress)
    status, title = verdict(shifts)
    title = title[:1].upper() + title[1:]
    facts = {"compared": f"{current.name} against {reference.name}", **counts(shifts, sides[0].rows, sides[1].rows)}
    return answer(title, status, facts, shifts)


def _opened(path: Path, connection: DuckDBPyConnection) -> Scan:
    side = scan_file(path, connection)
    if not side.rows:
        raise BadInput(f"'{path.name}' has columns but no rows.", where=str(path), next="Name a file with data.")
    return side


# -- a model or a dataset -------------------------------------------------------------------------------------------


def _limits(given: Mapping[str, float]) -> Limits:
    """The monitor's limits; BadInput names an unknown or impossible one."""
    known = Limits.__dataclass_fields__
    for name in given:
        if name not in known:
            raise BadInput(f"No limit '{name}' for drift.", next=nearest(name, known) or f"Limits: {', '.join(known)}.")
    try:
        return Limits(**given)
    except ValueError as problem:
        raise BadInput(f"{problem}.") from problem


def _subject(session: Session, subject: Subject, declared: Monitor, judging: tuple[str, str],
             chosen: Sequence[str]) -> View:
    """Read both windows, compare, append the finding, which bears the monitor and declaration it was judged by."""
    window = session.now() - declared.window, session.now()
    limits, source = _limits(declared.limits), windowed.source(session, subject)
    for name in chosen:
        if name not in source.columns:
            raise BadInput(f"'{subject.name}' has no column '{name}'.", where=source.where,
                           next=nearest(name, source.columns) or f"Columns: {', '.join(source.columns)}.")
    against = windowed.reference(session, subject, declared.reference, window)
    names = tuple(chosen) or source.columns
    with windowed.rows_in(session, source, against.spans, names) as before, \
            windowed.rows_in(session, source, (window,), names) as now:
        rows = before.rows, now.rows
        enough = min(rows) >= max(1, declared.min_rows)
        shifts = compare(before, now, limits, names, session.progress) if enough else []
    status, title = verdict(shifts) if enough else too_few(*rows, declared.min_rows)
    facts = {"compared": f"{_days(declared.window)} against {against.words}", "from": window[0], "to": window[1],
             **counts(shifts, *rows)}
    session.ledger.append(_finding(source, judging, window, shifts, status, f"{subject.name}: {title}", rows))
    actions = (Action("How well does it do?", ("performance", subject.name)),) if subject.kind == "model" else ()
    return answer(f"{subject.name}: {title}", status, facts, shifts, actions)


def _days(span: timedelta) -> str:
    return f"{span.days} days" if span.days != 1 and not span.seconds else str(span)


def too_few(rows_reference: int, rows_current: int, wanted: int) -> tuple[Status, str]:
    """The answer where there is nothing, or too little, to compare."""
    for rows, where in ((rows_current, "window"), (rows_reference, "reference")):
        if not rows:
            return Status.UNKNOWN, f"no rows in the {where}"
    return Status.UNKNOWN, f"{min(rows_reference, rows_current):,} rows, {wanted:,} are wanted"


def _finding(source: windowed.Source, judging: tuple[str, str], window: windowed.Span, shifts: Sequence[Shift],
             status: Status, title: str, rows: tuple[int, int]) -> Finding:
    """What the history keeps: the worst column, and every column's figures."""
    worst = max((shift for shift in shifts if shift.evidence.effect), key=lambda shift: shift.severity, default=None)
    effect = worst.evidence.effect if worst is not None else None
    kept = ("test", "effect", "p_adjusted", "psi", "drifted", "reason")
    figures: dict[str, Any] = {shift.column: {key: row(shift)[key] for key in kept} for shift in shifts}
    subject = source.subject
    return Finding(
        check="drift", subject=subject.name, status=status.value, title=title, n=rows[1], monitor=judging[0],
        value=effect.low if effect else None, low=effect.low if effect else None, high=effect.high if effect else None,
        limit=worst.evidence.limit if worst is not None else None, unit=worst.unit if worst is not None else "",
        window=(window[0].isoformat(), window[1].isoformat()), data=(source.manifest.id,),
        declaration=judging[1],
        detail={"columns": figures, "worst": worst.column if worst is not None else "", "rows_reference": rows[0],
                "drifted": sorted(shift.column for shift in shifts if shift.verdict.drifted)})


# -- the view -------------------------------------------------------------------------------------------------------


def _rank(shift: Shift) -> tuple[int, float]:
    """The worst first; what is not compared at all comes last."""
    return {True: 0, None: 1, False: 2}[shift.verdict.drifted] if shift.judged else 3, -shift.severity


def verdict(shifts: Sequence[Shift]) -> tuple[Status, str]:
    """How the comparison stands, and in one sentence why."""
    judged = [shift for shift in shifts if shift.judged]
    drifted = sum(shift.verdict.drifted is True for shift in judged)
    unknown = sum(shift.verdict.drifted is None for shift in judged)
    if drifted:
        return Status.FAIL, f"{drifted} of {len(judged)} columns moved more than they should"
    if unknown or not judged:
        return Status.UNKNOWN, f"{unknown} of {len(judged)} columns cannot be judged, none is seen to move"
    return Status.PASS, f"none of {len(judged)} columns moved more than it should"


def counts(shifts: Sequence[Shift], rows_reference: int, rows_current: int) -> dict[str, Cell]:
    """The facts of a comparison that scripts read."""
    tests = sum(shift.evidence.test is not None for shift in shifts)
    return {"rows_reference": rows_reference, "rows_current": rows_current,
            "drifted_columns": sum(shift.verdict.drifted is True for shift in shifts),
            "unknown_columns": sum(shift.verdict.drifted is None and shift.judged for shift in shifts),
            "method": f"KS and chi-square, Benjamini-Hochberg over {tests} columns"}


def answer(title: str, status: Status, facts: Mapping[str, Cell], shifts: Sequence[Shift],
           actions: tuple[Action, ...] = ()) -> View:
    """The view of a comparison: the verdict first, the worst columns first."""
    ranked = sorted(shifts, key=_rank)
    table = Table.of("columns", [row(shift) for shift in ranked], *SHOWN)
    return View(title, status, (Facts(facts), table, *pictures(ranked)), actions)


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
        "limit": finite(evidence.limit), "usual": evidence.usual, "detectable": evidence.detectable}
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
