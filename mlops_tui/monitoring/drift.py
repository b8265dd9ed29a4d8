"""How far today's inputs have moved from the ones the model was trained on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from duckdb import DuckDBPyConnection

from mlops_tui.analysis.verdict import Limits, rounded_up
from mlops_tui.capability import measure, subject_or_files
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import BadInput, nearest
from mlops_tui.monitoring import _joint
from mlops_tui.monitoring._joint import Together
from mlops_tui.oversight.watching import limits_from, watching
from mlops_tui.profiling import savedprofiles, windowed, windowprofiles
from mlops_tui.profiling.savedprofiles import is_profile
from mlops_tui.profiling.shifts import Rows, Shift, Side, compare
from mlops_tui.project import Subject
from mlops_tui.quality import anomalies
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, View, finite, worst
from store.facts import Finding
from store.scan import engine, scan_file

DRAWN = 3  # columns that are drawn, the worst first
USUAL = (Column("usual", digits=3), Column("decided_by", "decided by"))  # what weeks differ by, where that is known
SHOWN = (Column("column"), Column("drifted"), Column("effect", "moved by", digits=3),
         Column("declared_limit", "limit", digits=2), *USUAL, Column("detectable", "this size sees", digits=3),
         Column("psi", "PSI", digits=3), Column("reason", "evidence"))


@measure(looks="preview")
@click.option("--window", "length", default=None, help="How far back SUBJECT is looked at, such as 7d.")
@click.option("--monitor", default=None, help="Compare as this declared monitor does.")
@click.option("--columns", default=None, help="Only these columns, separated by commas.")
@click.option("--limit", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=None,
              help="The smallest effect that matters: KS of numbers, V of categories.  [default: KS 0.02, V 0.05]")
@click.option("--joint", is_flag=True, help="Also judge whether the columns have drifted together.")
@click.option("--preview", is_flag=True, help="SUBJECT: only look; nothing is recorded.")
@subject_or_files("reference", "current")
def drift(session: Session, subject: str | None, reference: Path | None, current: Path | None, length: str | None,
          monitor: str | None, columns: str | None, limit: float | None, joint: bool, preview: bool) -> View:
    """Compare the columns of SUBJECT, or of a file, with their reference.

    A column has drifted when the difference is significant among all columns and larger than matters: a
    Kolmogorov-Smirnov distance of 0.02 or a Cramer's V of 0.05, unless the monitor says otherwise. Against the same
    weekdays of at least three weeks it must also be larger than these weeks differ from each other, which is shown as
    usual; the larger of limit and usual decides. By chance a week like four others is the farthest of the five once in
    five, in every column: where usual decides, name few columns and let alerts wait, or set a limit above it. A column
    whose values are all different is an id, and is judged only where --columns names it. A file that `profile --save`
    wrote is a reference, too.

    With --joint, or where the monitor has a limit of that name, a classifier tries to tell the days of both sides apart
    by all columns together: that also shows when two columns go together otherwise than before and none has moved. From
    an AUC of 0.55 it matters, unless the monitor says otherwise.

    \b
    Example: mlops-tui drift flights-delay --window 7d
             mlops-tui drift --reference may.parquet --current july.parquet
             mlops-tui drift --reference may.profile --current july.parquet
    """
    chosen = tuple(name.strip() for name in (columns or "").split(",") if name.strip())
    if reference is not None and current is not None:
        if length or monitor:
            raise BadInput("A file has no window and no monitor.", next="Drop --window and --monitor.")
        return _files(session, reference, current, chosen, limit, joint=joint)
    found = session.declared().subject(str(subject), "model", "dataset")
    declared = watching(session, "drift", found.name, monitor, length)
    kind, name = ("monitor", monitor) if monitor else (found.kind, found.name)
    adhoc = bool(chosen or length or limit or joint)
    origin = limits_from(session, declared, monitor, "the default") if limit is None else "--limit"
    if limit is not None:
        declared = replace(declared, limits={**declared.limits, "ks": limit, "v": limit})
    if joint:
        declared = replace(declared, limits={"joint": _joint.LIMIT, **declared.limits})
    judging = Judging(monitor or "", "" if adhoc else session.declaration(kind, name), origin,
                      _limits(declared.limits))
    return _subject(session, found, declared, judging, chosen or declared.columns, preview=preview)


@dataclass(frozen=True)
class Judging:
    """By which monitor and declaration a comparison is judged (none: an ad-hoc look is evidence of nothing)."""

    monitor: str
    declaration: str
    limits_from: str
    limits: Limits


# -- files --------------------------------------------------------------------------------------------------------


def _files(session: Session, reference: Path, current: Path, chosen: Sequence[str], limit: float | None, *,
           joint: bool) -> View:
    connection = engine()
    sides = _opened(reference, connection), _rows(current, connection)
    limits = Limits() if limit is None else Limits(ks=limit, v=limit)
    shifts = compare(*sides, limits, chosen, session.progress)
    together = _together(*sides, chosen) if joint else None
    status, title = _with(verdict(shifts), together)
    title = title[:1].upper() + title[1:]
    facts = {"compared": f"{current.name} against {reference.name}", **counts(shifts, sides[0].rows, sides[1].rows)}
    return answer(title, status, facts, shifts, _next(reference, current, shifts), together)


def _together(reference: Side, current: Side, chosen: Sequence[str]) -> Together:
    """Both sides told apart by all columns; BadInput where one is a profile, which knows each column for itself."""
    if not (isinstance(reference, Rows) and isinstance(current, Rows)):
        raise BadInput("A saved profile knows nothing of columns together.",
                       next="Leave out --joint, or give the rows as --reference.")
    return _joint.of_scans(reference.scan, current.scan, chosen, _joint.LIMIT)


def _with(alone: tuple[Status, str], together: Together | None) -> tuple[Status, str]:
    """The answer about single columns with that about all of them together."""
    if together is None:
        return alone
    return worst([alone[0], _joint.status(together)]), "; ".join(filter(None, (alone[1], together.said)))


def _next(reference: Path, current: Path, shifts: Sequence[Shift]) -> tuple[Action, ...]:
    """What to look at after two files: the columns that moved, or the same rows by a limit that they can see."""
    argv = ("drift", "--reference", str(reference), "--current", str(current))
    moved = [shift.column for shift in sorted(shifts, key=_rank) if shift.verdict.drifted]
    sees = [shift.evidence.detectable for shift in shifts
            if shift.judged and shift.verdict.drifted is None and shift.evidence.detectable is not None]
    if moved:
        before = () if is_profile(reference) else (Action("Where they lay", ("profile", str(reference))),)
        return (Action("Where the values lie now", ("profile", str(current))), *before)
    if sees and max(sees) < 1:
        return (Action("Judge by what this size sees", (*argv, "--limit", f"{math.ceil(max(sees) * 100) / 100:g}")),)
    return (Action("What is in it", ("profile", str(current))),)


def _opened(path: Path, connection: DuckDBPyConnection) -> Side:
    """The reference: rows, or the profile of rows that was saved."""
    return savedprofiles.opened(path, connection) if is_profile(path) else _rows(path, connection)


def _rows(path: Path, connection: DuckDBPyConnection) -> Side:
    if is_profile(path):
        raise BadInput(f"'{path.name}' is a saved profile, which is a reference.", where=str(path),
                       next="Give it with --reference, and the rows of today with --current.")
    side = scan_file(path, connection)
    if not side.rows:
        raise BadInput(f"'{path.name}' has columns but no rows.", where=str(path), next="Name a file with data.")
    return Rows(side)


# -- a model or a dataset -------------------------------------------------------------------------------------------


def _limits(given: Mapping[str, float]) -> Limits:
    """The monitor's limits; BadInput names an unknown or impossible one."""
    known, given = Limits.__dataclass_fields__, {name: value for name, value in given.items() if name != "joint"}
    for name in given:
        if name not in known:
            raise BadInput(f"No limit '{name}' for drift.", next=nearest(name, known) or f"Limits: {', '.join(known)}.")
    try:
        return Limits(**given)
    except ValueError as problem:
        raise BadInput(f"{problem}.") from problem


def _subject(session: Session, subject: Subject, declared: Monitor, judging: Judging,
             chosen: Sequence[str], *, preview: bool) -> View:
    """Read both windows, compare, append the finding, which bears the monitor and declaration it was judged by."""
    window = session.now() - declared.window, session.now()
    source = windowed.source(session, subject)
    for name in chosen:
        if name not in source.columns:
            raise BadInput(f"'{subject.name}' has no column '{name}'.", where=source.where,
                           next=nearest(name, source.columns) or f"Columns: {', '.join(source.columns)}.")
    against = windowed.reference(session, subject, declared.reference, window)
    names = tuple(chosen) or source.columns
    before, now = (windowprofiles.side(session, source, names, spans) for spans in (against.spans, (window,)))
    rows = before.rows, now.rows
    enough = min(rows) >= max(1, declared.min_rows)
    shifts = compare(before, now, judging.limits, chosen, session.progress) if enough else []
    shifts = _quiet(session, subject, window, shifts)
    wanted = declared.limits.get("joint") if enough else None
    together = _joint.of_subject(session, source, names, (against.spans, window), wanted) if wanted else None
    status, title = _with(verdict(shifts) if enough else too_few(*rows, declared.min_rows), together)
    facts = {"compared": f"{_days(declared.window)} against {against.words}", "from": window[0], "to": window[1],
             "limits_from": judging.limits_from, **counts(shifts, *rows)}
    if not preview:
        found = _finding(source, judging, window, shifts, status, f"{subject.name}: {title}", rows)
        session.ledger.append(replace(found, detail={**found.detail, "joint": _joint.kept(together)}) if together
                              else found)
    actions = (Action("How well does it do?", ("performance", subject.name)),
               Action("Why?", ("why", subject.name))) if subject.kind == "model" else ()
    return answer(f"{subject.name}: {title}", status, facts, shifts, actions, together)


def _quiet(session: Session, subject: Subject, window: windowed.Span, shifts: Sequence[Shift]) -> list[Shift]:
    """A column that moved in days of which its contract knows why is no alarm, and says what is known."""
    zone = session.declared().zone
    days = window[0].astimezone(zone).date(), window[1].astimezone(zone).date()
    moved = [shift.column for shift in shifts if shift.verdict.drifted]
    name, datasets = subject.name, session.declared().datasets
    known = anomalies.known_of(datasets, moved, days, lambda: session.made_of(name) if subject.kind == "model" else
                               {column: ((name, column),) for column in moved}) if moved else {}
    return [replace(shift, verdict=replace(shift.verdict, drifted=False, reason=f"{known[shift.column]} "
                                           f"({shift.verdict.reason})")) if shift.column in known else shift
            for shift in shifts]


def _days(span: timedelta) -> str:
    return f"{span.days} days" if span.days != 1 and not span.seconds else str(span)


def too_few(rows_reference: int, rows_current: int, wanted: int) -> tuple[Status, str]:
    """The answer where there is nothing, or too little, to compare."""
    for rows, where in ((rows_current, "window"), (rows_reference, "reference")):
        if not rows:
            return Status.UNKNOWN, f"no rows in the {where}"
    return Status.UNKNOWN, f"{min(rows_reference, rows_current):,} rows, {wanted:,} are wanted"


def _finding(source: windowed.Source, judging: Judging, window: windowed.Span, shifts: Sequence[Shift],
             status: Status, title: str, rows: tuple[int, int]) -> Finding:
    """What the history keeps: the worst column, and every column's figures."""
    farthest = max((shift for shift in shifts if shift.evidence.effect), key=lambda shift: shift.severity, default=None)
    effect = farthest.evidence.effect if farthest is not None else None
    limit, unit = (farthest.evidence.limit, farthest.unit) if farthest is not None else (None, "")
    kept = ["test", "effect", "limit", "usual", "detectable", "p_adjusted", "psi", "drifted", "reason",
            *(f"{name}_{end}" for name in judging.limits.of_distances for end in ("low", "high"))]
    figures: dict[str, Any] = {shift.column: {key: row(shift).get(key) for key in kept} for shift in shifts}
    subject = source.subject
    return Finding(
        check="drift", subject=subject.name, status=status.value, title=title, n=rows[1], monitor=judging.monitor,
        value=effect.low if effect else None, low=effect.low if effect else None, high=effect.high if effect else None,
        limit=limit, unit=unit, window=(window[0].isoformat(), window[1].isoformat()), data=(source.manifest.id,),
        declaration=judging.declaration,
        detail={"columns": figures, "worst": farthest.column if farthest is not None else "", "rows_reference": rows[0],
                "drifted": sorted(shift.column for shift in shifts if shift.verdict.drifted)})


# -- the view -------------------------------------------------------------------------------------------------------


def _rank(shift: Shift) -> tuple[int, float]:
    """The worst first; what is not compared at all comes last."""
    if shift.change in ("gone", "retyped"):
        return 0, -math.inf
    return {True: 0, None: 1, False: 2}[shift.verdict.drifted] if shift.judged else 3, -shift.severity


CHANGED = (("gone", "gone"), ("retyped", "of another type"), ("new", "new"))  # of a column, and how it is said


def verdict(shifts: Sequence[Shift]) -> tuple[Status, str]:
    """How the comparison stands, and in one sentence why: a column that is gone or of another type fails as well."""
    judged = [shift for shift in shifts if shift.judged]
    changed = {change: [shift.column for shift in shifts if shift.change == change] for change, _ in CHANGED}
    said = "".join(f"; {words}: {', '.join(changed[change])}" for change, words in CHANGED if changed[change])
    status, title = _moved(judged)
    if changed["gone"] or changed["retyped"]:
        status = Status.FAIL
    return worst([status, Status.UNKNOWN]) if changed["new"] else status, title + said


def _moved(judged: Sequence[Shift]) -> tuple[Status, str]:
    drifted = sum(shift.verdict.drifted is True for shift in judged)
    unknown = [shift for shift in judged if shift.verdict.drifted is None]
    if drifted:
        return Status.FAIL, f"{drifted} of {len(judged)} columns moved more than they should"
    if unknown or not judged:
        needed = max((shift.evidence.needed or 0 for shift in unknown), default=0)
        more = f": {rounded_up(needed):,} rows on each side would say" if needed else ""
        return Status.UNKNOWN, f"{len(unknown)} of {len(judged)} columns cannot be judged, none is seen to move{more}"
    return Status.PASS, f"none of {len(judged)} columns moved more than it should"


def counts(shifts: Sequence[Shift], rows_reference: int, rows_current: int) -> dict[str, Cell]:
    """The facts of a comparison that scripts read."""
    tests = sum(shift.evidence.test is not None for shift in shifts)
    return {"rows_reference": rows_reference, "rows_current": rows_current,
            "drifted_columns": sum(shift.verdict.drifted is True for shift in shifts),
            "unknown_columns": sum(shift.verdict.drifted is None and shift.judged for shift in shifts),
            **{f"{change}_columns": count for change in ("gone", "retyped", "new", "id")
               if (count := sum(shift.change == change for shift in shifts))},
            "method": f"KS and chi-square, Benjamini-Hochberg over {tests} columns"}


def answer(title: str, status: Status, facts: Mapping[str, Cell], shifts: Sequence[Shift],
           actions: tuple[Action, ...] = (), together: Together | None = None) -> View:
    """The view of a comparison: the verdict first, the worst columns first."""
    ranked = sorted(shifts, key=_rank)
    usual = any(shift.evidence.usual is not None for shift in shifts)
    table = Table.of("columns", [row(shift) for shift in ranked],
                     *(column for column in SHOWN if usual or column not in USUAL))
    more = (_joint.table(together),) if together is not None else ()
    return View(title, status, (Facts(facts), table, *more, *pictures(ranked)), actions)


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
        "limit": finite(evidence.limit), "declared_limit": finite(evidence.declared), "usual": evidence.usual,
        "decided_by": _decided_by(shift), "detectable": evidence.detectable, "rows_needed": evidence.needed,
        "change": shift.change}
    gone_r, rows_r, gone_c, rows_c = evidence.missing
    values |= {"missing_reference": gone_r / rows_r if rows_r else None,
               "missing_current": gone_c / rows_c if rows_c else None}
    return values | {key: finite(value) if isinstance(value, float) else value for key, value in figures.items()}


def _decided_by(shift: Shift) -> str | None:
    """Which of the two an effect was held against: the limit that was set, or what such weeks usually differ by."""
    evidence = shift.evidence
    if evidence.effect is None:
        return None
    return "usual" if evidence.usual is not None and evidence.usual > evidence.declared else "limit"


def pictures(ranked: Sequence[Shift]) -> tuple[Series, ...]:
    """Reference against current for the columns that moved most."""
    drawn = [shift for shift in ranked if shift.picture is not None][:DRAWN]
    return tuple(Series(f"bins:{shift.column}", "bins", tuple(_label(label) for label in shift.picture.labels),
                        shift.picture.reference, other=shift.picture.current, names=("reference", "current"),
                        title=shift.column, x_label="up to" if shift.kind == "numeric" else "value", y_label="share")
                 for shift in drawn if shift.picture is not None)


def _label(label: str | float) -> Cell:
    return finite(label) if isinstance(label, float) else label
