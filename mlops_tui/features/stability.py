"""How stable features and scores are: the PSI of each over time, beside what chance alone makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

import click

from mlops_tui.analysis import stability as analysis
from mlops_tui.analysis.stability import Limits, Shift, Verdict
from mlops_tui.capability import LocalPath, decide, measure, noun
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import BadInput, nearest
from mlops_tui.features import _periods, _retiring
from mlops_tui.features._periods import EVERY, Compared
from mlops_tui.oversight.watching import watching
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, View, counted, finite
from store.facts import Finding

SHARE = 0.2  # of its periods, from which on a column that is volatile in them is volatile
STATUS: Mapping[Verdict, Status] = {"volatile": Status.FAIL, "moved": Status.WARN, "not enough data": Status.UNKNOWN,
                                    "stable": Status.PASS}
SHOWN = (Column("status"), Column("feature"), Column("psi", "PSI now", digits=3),
         Column("threshold", "by chance", digits=3), Column("worst", digits=3), Column("worst_at", "in"),
         Column("volatile_share", "volatile", share=True), Column("reason", "evidence"))

stability = noun("stability", __doc__ or "", bare="show", subject="show")


@dataclass(frozen=True)
class Line:
    """One column over time: its shift in each period, in order."""

    name: str
    shifts: Mapping[str, Shift]
    share: float

    @property
    def verdict(self) -> Verdict:
        return analysis.overall(list(self.shifts.values()), self.share)

    @property
    def now(self) -> Shift:
        return list(self.shifts.values())[-1]

    @property
    def worst(self) -> tuple[str, float | None]:
        known = {start: shift.psi for start, shift in self.shifts.items() if shift.psi is not None}
        return max(known.items(), key=lambda item: item[1]) if known else ("", None)

    @property
    def volatile_share(self) -> float | None:
        judged = [shift.verdict for shift in self.shifts.values() if shift.verdict != "not enough data"]
        return judged.count("volatile") / len(judged) if judged else None


@measure(of=stability, looks="preview")
@click.argument("subject", required=False)
@click.option("--every", type=click.Choice(EVERY), default="week", show_default=True, help="The length of a period.")
@click.option("--window", "length", default=None, help="How far back SUBJECT is looked at, such as 26w.")
@click.option("--monitor", default=None, help="Compare as this declared monitor does.")
@click.option("--columns", default=None, help="Only these columns, separated by commas.")
@click.option("--preview", is_flag=True, help="Only look: nothing is recorded.")
@click.option("--reference", type=LocalPath(), default=None, help="File that --current is held against.")
@click.option("--current", type=LocalPath(), default=None, help="File with the current data.")
@click.option("--file", "file", type=LocalPath(), default=None, help="One file, whose rows have a --time.")
@click.option("--time", "when", default=None, help="The column of --file that says when.")
def show(session: Session, subject: str | None, *, every: str, length: str | None, monitor: str | None,
         columns: str | None, preview: bool, reference: Path | None, current: Path | None, file: Path | None,
         when: str | None) -> View:
    """The PSI of each feature and score of SUBJECT, or of files, in each period against a reference.

    A feature is volatile where its PSI reaches 0.25 in a fifth of the periods, and has moved where it reaches 0.1 in
    one: always more than chance makes of it, which two samples of the same size and column exceed with probability 5 %
    over all comparisons, chi2(1 - a; B - 1)(1/n + 1/m). Missing values are a bin of their own. The reference is the
    monitor's, or else the first four periods.

    \b
    Example: mlops-tui stability flights-delay --every week
             mlops-tui stability --reference may.parquet --current july.parquet
             mlops-tui stability --file flights.parquet --time sched_dep
    """
    chosen = tuple(name.strip() for name in (columns or "").split(",") if name.strip())
    mode = _mode(subject, reference, current, file, when)
    if mode != "subject" and (length or monitor):
        raise BadInput("A file has no window and no monitor.", next="Drop --window and --monitor.")
    if mode == "subject":
        return _subject(session, str(subject), every, (length, monitor), chosen, preview=preview)
    zone = session.project.zone if session.project is not None else UTC
    found = _periods.of_files(_given(reference), _given(current), chosen) if mode == "files" else \
        _periods.of_file(_given(file), str(when), every, chosen, zone)
    lines = _lines(found, Limits(), SHARE)
    look = Action("What is in it", ("profile", found.where))
    return _view(_title(lines, ""), found, lines, (every, Limits()), (look,))


def _mode(subject: str | None, reference: Path | None, current: Path | None, file: Path | None,
          when: str | None) -> str:
    """What is to be looked at: a subject, two files, or one with a time."""
    given = {"subject": subject is not None, "files": reference is not None or current is not None,
             "file": file is not None or when is not None}
    chosen = [name for name, there in given.items() if there]
    how = "Give a declared SUBJECT, --reference FILE --current FILE, or --file FILE --time COLUMN."
    if len(chosen) != 1:
        raise BadInput("Nothing to look at." if not chosen else "More than one thing to look at.", next=how)
    whole = {"files": reference is not None and current is not None, "file": file is not None and when is not None}
    if not whole.get(chosen[0], True):
        raise BadInput("Half of what is to be looked at.", next=how)
    return chosen[0]


def _given(path: Path | None) -> Path:
    assert path is not None
    return path


def _subject(session: Session, text: str, every: str, by: tuple[str | None, str | None], chosen: Sequence[str], *,
             preview: bool) -> View:
    project, (length, monitor) = session.declared(), by
    subject = project.subject(text, "model", "dataset")
    declared = watching(session, "stability", subject.name, monitor, length)
    limits, share = _limits(declared)
    looked = bool(length or monitor or declared.reference)
    found = _periods.of_subject(session, subject, declared, every, windowed_=looked)
    chosen = chosen or declared.columns
    for name in chosen:
        if name not in found.reference:
            raise BadInput(f"'{subject.name}' has no column '{name}' to look at.", where=found.where,
                           next=nearest(name, found.reference) or f"Columns: {', '.join(found.reference)}.")
    if chosen:
        found = replace(found, reference={name: found.reference[name] for name in chosen})
    lines = _lines(found, limits, share)
    title = _title(lines, f"{subject.name}: ")
    kind, name = ("monitor", monitor) if monitor else (subject.kind, subject.name)
    digest = "" if chosen and not monitor else session.declaration(kind, name)
    if not preview:
        session.ledger.append(_finding(subject, found, lines, title, (monitor or "", digest)))
    return _view(title, found, lines, (every, limits), _next(subject, lines))


def _limits(declared: Monitor) -> tuple[Limits, float]:
    given = dict(declared.limits)
    share = given.pop("share", SHARE)
    try:
        return Limits(**given), share
    except ValueError as problem:
        raise BadInput(f"{problem}.") from problem


def _lines(found: Compared, limits: Limits, share: float) -> list[Line]:
    """Each column held against its reference, period by period; what is worst first."""
    tests = sum(name in columns for columns in found.periods.values() for name in found.reference)
    lines = [Line(name, shifts, share) for name, before in found.reference.items()
             if (shifts := {start: analysis.compared(before, columns[name], tests, limits)
                            for start, columns in found.periods.items() if name in columns})]
    order = list(STATUS)
    return sorted(lines, key=lambda line: (order.index(line.verdict), -(line.worst[1] or 0.0)))


def _title(lines: Sequence[Line], of: str) -> str:
    if not lines:
        return f"{of}nothing to compare yet"
    named = {verdict: [line.name for line in lines if line.verdict == verdict] for verdict in STATUS}
    for verdict, words in (("volatile", "volatile"), ("moved", "that moved")):
        if names := named[verdict]:  # type: ignore[index]
            few = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            return f"{of}{len(names)} of {counted(len(lines), 'feature')} {words}: {few}"
    unknown = len(named["not enough data"])
    if unknown:
        return f"{of}{unknown} of {counted(len(lines), 'feature')} cannot be judged, none is seen to move"
    return f"{of}{len(lines)} of {counted(len(lines), 'feature')} stable"


def _status(lines: Sequence[Line]) -> Status:
    order = list(STATUS)
    return STATUS[order[min((order.index(line.verdict) for line in lines), default=2)]]


def _finding(subject: Subject, found: Compared, lines: Sequence[Line], title: str, judging: tuple[str, str]) -> Finding:
    """What the history keeps: each column's verdict and figures, the worst in front."""
    farthest = max(lines, key=lambda line: line.worst[1] or 0.0, default=None)
    starts = list(found.periods)
    detail = {line.name: {"verdict": line.verdict, "psi": line.now.psi, "threshold": line.now.threshold,
                          "worst": line.worst[1], "worst_at": line.worst[0], "volatile_share": line.volatile_share}
              for line in lines}
    return Finding(
        check="stability", subject=subject.name, status=_status(lines).value, title=title, unit="PSI",
        value=farthest.worst[1] if farthest else None, n=sum(line.now.m for line in lines[:1]), data=found.data,
        window=(starts[0], starts[-1]) if starts else ("", ""), monitor=judging[0], declaration=judging[1],
        detail={"columns": detail, "periods": len(starts), "reference": found.words,
                "worst": farthest.name if farthest else ""})


# -- the view -------------------------------------------------------------------------------------------------------


def _view(title: str, found: Compared, lines: Sequence[Line], how: tuple[str, Limits],
          actions: tuple[Action, ...]) -> View:
    every, limits = how
    starts = list(found.periods)
    facts: dict[str, Cell] = {
        "compared": f"{counted(len(starts), every)} against {found.words}" if len(starts) != 1 else
        f"{starts[0]} against {found.words}", "features": len(lines),
        "volatile": sum(line.verdict == "volatile" for line in lines),
        "method": f"PSI over at most {analysis.BINS} bins of the reference and one for missing"}
    table = Table.of("features", [_row(line) for line in lines], *(
        SHOWN if len(starts) > 1 else [column for column in SHOWN if column.id not in
                                       ("worst", "worst_at", "volatile_share")]))
    parts = (Facts(facts), table, *((_heat(lines, starts, every, limits),) if len(starts) > 1 and lines else ()))
    return View(title, _status(lines), parts, actions)


def _row(line: Line) -> Row:
    now = line.now
    low, high = analysis.interval(now.psi, now.n, now.m, now.bins) if now.psi is not None else (None, None)
    return {"status": STATUS[line.verdict], "feature": line.name, "verdict": line.verdict, "psi": finite(now.psi),
            "low": finite(low), "high": finite(high), "threshold": finite(now.threshold),
            "detectable": finite(now.detectable), "worst": finite(line.worst[1]), "worst_at": line.worst[0] or None,
            "volatile_share": line.volatile_share, "rows_reference": now.n, "rows": now.m, "bins": now.bins,
            "reason": now.reason or f"{now.verdict} now",
            **{f"psi {start}": finite(shift.psi) for start, shift in line.shifts.items()}}


def _heat(lines: Sequence[Line], starts: Sequence[str], every: str, limits: Limits) -> Series:
    values = tuple(min(shift.psi, 2 * limits.psi) if (shift := line.shifts.get(start)) and shift.psi is not None else
                   None for line in lines for start in starts)
    return Series("psi", "heat", tuple(starts), values, names=tuple(line.name for line in lines),
                  low=(0.0,), high=(2 * limits.psi,), title=f"PSI by {every}, up to {2 * limits.psi:g}",
                  x_label=every, y_label="PSI")


def _next(subject: Subject, lines: Sequence[Line]) -> tuple[Action, ...]:
    """Volatile inputs are retired, by a proposal; the answers of the model are none."""
    names = [line.name for line in lines if line.verdict == "volatile" and line.name != _periods.SCORE]
    if subject.kind != "model":
        return (Action("What is in it", ("profile", subject.name)),)
    retire = tuple(Action(f"Retire {name}", ("stability", "retire", subject.name, name), ("reason",))
                   for name in names[:3])
    return (*retire, Action("What it is made of", ("dictionary", "list", "--model", subject.name)))


# -- retiring -------------------------------------------------------------------------------------------------------


@decide(of=stability)
@click.argument("model")
@click.argument("feature")
def retire(session: Session, model: str, feature: str, reason: str) -> View:
    """Propose to take FEATURE out of MODEL; a view's feature leaves every model that uses the view.

    The proposal names those models. Nothing is written before somebody adopts it.

    \b
    Example: mlops-tui stability retire flights-delay arr_delay_3h --reason "volatile since July"
    """
    return _retiring.proposed(session, model, feature, reason)
