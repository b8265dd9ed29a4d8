"""Why a model does worse or otherwise: what kind of change it is, and what moved or happened at the same time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import click
import numpy as np

from mlops_tui.analysis.logistic import NoOptimum
from mlops_tui.analysis.onset import Onset, onset
from mlops_tui.analysis.shiftkinds import Change, Kinds, Limits, Signals, kinds, signals
from mlops_tui.capability import look
from mlops_tui.declarations.kinds import Model
from mlops_tui.inputs.moments import moment
from mlops_tui.logs.predictionlog import named
from mlops_tui.monitoring import _why_changes, _why_inputs, _why_rows, _why_segments
from mlops_tui.monitoring._why_rows import Compared
from mlops_tui.oversight.watching import watchers
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Part, Row, Series, Status, Table, Text, View, counted, finite
from store.ledger import Entry

SHOWN = 8  # rows of a list
MEANS = {
    "label shift": "Label shift: yes became rarer or more frequent at every score alike, so a corrected prior puts the "
                   "scores right and needs no training.",
    "feature drift": "Feature drift: rows of either outcome come with other inputs than before, and the scores went "
                     "with them.",
    "concept drift": "Concept drift: outcomes follow the scores otherwise than before, in a way that no corrected "
                     "prior describes; training on newer rows is what may help."}
FIRST = {"label shift": "odds", "concept drift": "slope", "feature drift": "within"}


@dataclass(frozen=True)
class Began:
    """When it began: day and the days it may have been, of a daily series (days and values), or why that is unknown."""

    days: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    found: Onset | None = None
    of: str = ""

    @property
    def day(self) -> str:
        return self.days[self.found.place] if self.found is not None and self.found.seen else ""


@look(fold=True)
@click.argument("subject")
@click.option("--window", "length", default=None, help="How far back SUBJECT is looked at.  [default: 7d]")
@click.option("--to", default=None, help="The day or time at which the window ends.  [default: now]")
def why(session: Session, subject: str, length: str | None, to: str | None) -> View:
    """Say what kind of change SUBJECT met, and what moved or happened at the same time.

    SUBJECT is a model, or an alert or incident that names a model and a window. Rows of the window whose outcome is
    known by now are held against the version's own test rows, or against what it served before where these are gone.
    Label shift, feature drift and concept drift are told apart by three contrasts that count days; then come the
    inputs, the parts of the rows and the changes that go with it. Together does not mean by it.

    \b
    Example: mlops-tui why flights-delay --window 7d
             mlops-tui why flights-delay --to 2013-09-14
             mlops-tui why AL-3
    """
    asked = _why_rows.asked(session, subject, length, to)
    case = _why_rows.compared(session, asked)
    entries = session.ledger.entries()
    found = kinds(case.then.sample, case.now.sample, _limits(session, case.asked.model)) if _binary(case) else Kinds(
        reason=f"kinds of change are told apart for yes and no, and this model is {case.model.task}")
    each = _signals(case) if not found.reason else None
    began = _began(case, found, each[0]) if each else Began()
    inputs = _why_inputs.inputs(session, case)
    parts: list[Part] = [*map(Text, _said(case, found, began, inputs, entries)), _facts(case, found), *_kinds(found)]
    start = moment(began.day, session.declared().zone) if began.day else asked.bounds[0]
    parts += [_inputs(inputs), *(_segments(case, each[1], each[2]) if each else ()),
              _changes(entries, asked, start), *_pictures(case, began)]
    return View(_title(case, found), _status(found), tuple(parts), tuple(_next(session, asked, found)))


def _binary(case: Compared) -> bool:
    return case.model.task == "binary"


def _limits(session: Session, model: str) -> Limits:
    """The odds that matter are those of the model's calibration monitor, where it declares some."""
    given = [session.declared().monitors[name].limits.get("in_the_large")
             for name in watchers(session, "calibration", model)]
    declared = [each for each in given if each is not None]
    return Limits(odds=declared[0]) if declared else Limits()


def _signals(case: Compared) -> tuple[Signals, Signals, Signals] | None:
    """What the history, the reference and the window say row by row; None where no curve can be fitted."""
    if not case.history.label.size:
        return None
    try:
        history, then, now = (signals(case.then.sample, side.sample) for side in (case.history, case.then, case.now))
    except (NoOptimum, ValueError):
        return None
    return history, then, now


# -- when it began --------------------------------------------------------------------------------------------------


def _began(case: Compared, found: Kinds, each: Signals) -> Began:
    """The likeliest day on which what moved most began to move, of what the version served."""
    if not found.kinds:
        return Began()
    chosen = FIRST[found.kinds[0]]
    if found.kinds[0] == "concept drift" and found.slope is not None and found.slope.state != "moved":
        chosen = "odds"
    if found.kinds == ("label shift", "feature drift"):
        chosen = "within"
    days, place = np.unique(case.history.day, return_inverse=True)
    rows = np.bincount(place).astype(np.float64)
    values = np.bincount(place, getattr(each, chosen)) / rows
    return Began(tuple(map(str, days)), tuple(values.tolist()), onset(values, rows), chosen)


# -- in words -------------------------------------------------------------------------------------------------------


def _title(case: Compared, found: Kinds) -> str:
    name = case.asked.model
    if found.reason:
        return f"{name}: what kind of change it is cannot be said: {found.reason}"
    seen, before = _share(case.now.label), _share(case.then.label)
    if found.kinds:
        return f"{name}: {' and '.join(found.kinds)}; {seen:.1%} are yes now, {before:.1%} were in the reference"
    if found.settled:
        return f"{name}: nothing changed that matters; {seen:.1%} are yes now, {before:.1%} were"
    return f"{name}: no change can be told from how {found.days[0]} and {found.days[1]} days differ by themselves"


def _share(label: "np.typing.NDArray[np.generic]") -> float:
    return float(np.asarray(label, dtype=np.float64).mean())


def _status(found: Kinds) -> Status:
    return Status.WARN if found.kinds else Status.PASS if found.settled else Status.UNKNOWN


def _said(case: Compared, found: Kinds, began: Began, inputs: _why_inputs.Inputs,
          entries: Sequence[Entry]) -> list[str]:
    """The answer as somebody would tell it, a line for each question."""
    told = (" ".join(MEANS[kind] for kind in found.kinds), _of_the_share(found), _of_the_auc(found),
            _of_what_is_open(found), _of_the_onset(began, found), _of_the_inputs(inputs), _of_deployment(case, entries))
    return [each for each in told if each]


def _of_the_share(found: Kinds) -> str:
    if found.share is None or found.foreseen is None or found.rest is None:
        return ""
    sign = 1 if found.share.estimate > 0 else -1
    said = (f"Of 100 rows {abs(found.share.estimate) * 100:.1f} {'more' if sign > 0 else 'fewer'} are yes than in the "
            f"reference. The scores foresaw {_points(found.foreseen, sign)} of these; {_points(found.rest, sign)} they "
            "did not.")
    alone = "feature drift" in found.kinds and "label shift" not in found.kinds and found.share.state == "moved"
    return f"{said} It is not label shift alone: rows of either outcome have got other scores." if alone else said


def _points(change: Change, sign: int = 1) -> str:
    low, high = sorted((change.low * sign, change.high * sign))
    return f"{change.estimate * sign * 100:.1f} [{low * 100:.1f}, {high * 100:.1f}]"


def _of_the_auc(found: Kinds) -> str:
    gap = found.auc_gap
    if gap is None or found.auc is None or found.expected_auc is None:
        return ""
    head = f"roc_auc is {found.auc:.3f}; from these scores {found.expected_auc:.3f} was to be expected"
    bounds = f"{gap.estimate:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
    if gap.high < 0:
        return f"{head}: the model ranks worse than it did, by {bounds}."
    if gap.low > 0:
        return f"{head}: the model ranks better than it did, by {bounds}."
    return f"{head} ({bounds}): how well it ranks goes with how unlike the rows are, and is not seen to have changed."


OPEN = {"odds": "the odds at a given score", "slope": "how steeply outcomes follow the score",
        "within": "the scores of either outcome"}


def _of_what_is_open(found: Kinds) -> str:
    if found.reason or not found.unclear:
        return ""
    return (f"Days differ too much to say whether {' or '.join(OPEN[each] for each in found.unclear)} changed as well."
            if found.kinds else "What moved may be how these days differ: a longer --window says more.")


def _of_the_onset(began: Began, found: Kinds) -> str:
    if not found.kinds:
        return ""
    if not began.day or began.found is None:
        return "When it began is not seen in what the version served."
    first, last = began.days[began.found.low], began.days[began.found.high]
    span = f" (between {first} and {last})" if first != last else ""
    return f"It is likeliest to have begun on {began.day}{span}."


def _of_the_inputs(inputs: _why_inputs.Inputs) -> str:
    if inputs.reason:
        return f"Inputs are not compared: {inputs.reason}"
    over = sum(row["over"] is True for row in inputs.rows)
    heavy = _why_inputs.heavy(inputs.rows)
    named = ", ".join(f"{row['input']} {float(str(row['moves'])) * 100:+.1f}" for row in heavy[:3])
    head = f"{over} of {len(inputs.rows)} inputs moved by more than their limit." if over else \
        f"None of {len(inputs.rows)} inputs moved by more than its limit."
    return f"{head} Those that go with the most, in points of the mean score: {named}." if named else head


def _of_deployment(case: Compared, entries: Sequence[Entry]) -> str:
    start, end = case.asked.bounds
    found = _why_changes.deployment(entries, case.asked.model, case.version, end)
    if found is None:
        return f"That version {case.version} was deployed is not in the history."
    days, entry = (start - found.recorded_at) // timedelta(days=1), f"(entry {found.seq:,})"
    if days < 0:
        return f"Version {case.version} was deployed within the window {entry}."
    return f"Version {case.version} had served for {counted(days, 'day')} when the window began {entry}."


# -- the view -------------------------------------------------------------------------------------------------------


def _facts(case: Compared, found: Kinds) -> Facts:
    return Facts({"asked": case.asked.origin or None, "version": case.version, "from": case.asked.bounds[0],
                  "to": case.asked.bounds[1], "predictions": case.total, "labels_in": int(case.now.label.size),
                  "waiting": case.waiting or None, "of_other_versions": case.others or None,
                  "held_against": case.then_words, "rows_reference": int(case.then.label.size),
                  "days": found.days[1], "days_reference": found.days[0],
                  "trained_share": _trained_share(case),
                  "share_if_label_shift": finite(found.prior_if_label),
                  "method": "leave-one-day-out, Student's t; 5 % for the three contrasts together"})


def _trained_share(case: Compared) -> float | None:
    given = case.trained.detail.get("prevalence") if case.trained is not None else None
    return given if isinstance(given, float) else None


CONTRASTS = (("odds", "odds of yes at a given score, log", "label shift"),
             ("slope", "steepness of outcomes by score", "concept drift"),
             ("within", "scores of either outcome, P(above) − ½", "feature drift"))


def _kinds(found: Kinds) -> Iterator[Part]:
    """The three contrasts with interval and limit, and how the share of yes moved."""
    if found.reason:
        return
    rows: list[Row] = []
    for name, what, tells in CONTRASTS:
        change: Change = getattr(found, name)
        rows.append({"contrast": name, "what": what, "tells": tells, "change": change.estimate, "low": change.low,
                     "high": change.high, "limit": change.limit, "found": change.state})
    yield Table.of("contrasts", rows, Column("what", "what moved"), Column("change", digits=2), Column("low", digits=2),
                   Column("high", digits=2), Column("limit", digits=2), "found", Column("tells", "tells of"),
                   title="What tells the kinds apart")
    named = (("share of yes", found.share), ("foreseen by the scores", found.foreseen),
             ("not foreseen", found.rest), ("roc_auc beyond what these scores give", found.auc_gap))
    shares: list[Row] = [{"what": what, "change": each.estimate, "low": each.low, "high": each.high}
                         for what, each in named if each is not None]
    yield Table.of("share", shares, Column("what"), Column("change", digits=3), Column("low", digits=3),
                   Column("high", digits=3), title="Against the reference")


def _inputs(inputs: _why_inputs.Inputs) -> Part:
    if inputs.reason:
        return Text(f"Inputs: {inputs.reason}")
    return Table.of("inputs", inputs.rows[:SHOWN], "input", Column("moves", "goes with, of the mean score", digits=3),
                    Column("moves_low", "low", digits=3), Column("moves_high", "high", digits=3),
                    Column("weight", digits=3), Column("distance", "moved by", digits=2), Column("limit", digits=2),
                    "over", total=len(inputs.rows), title="Inputs that moved at the same time, by their weight")


def _segments(case: Compared, then: Signals, now: Signals) -> Iterator[Part]:
    if not case.now.slices:
        return
    found = _why_segments.segments(case, then, now)
    yield Table.of("segments", found.rows[:SHOWN], "slice", Column("excess", "excess a day", found.unit, 1),
                   Column("low", digits=1), Column("high", digits=1), Column("rows_a_day", "rows a day", digits=0),
                   "sure", total=len(found.rows), title="Where decisions cost more than the scores foresaw")


def _changes(entries: Sequence[Entry], asked: _why_rows.Asked, start: datetime) -> Part:
    rows = _why_changes.changes(entries, asked.model, min(start, asked.bounds[1]), asked.bounds[1])
    return Table.of("changes", rows[:SHOWN], "at", "kind", "what", Column("times"), "entry", total=len(rows),
                    title="What happened around that time")


def _pictures(case: Compared, began: Began) -> Iterator[Part]:
    """What was seen and predicted by day, with the onset; and the series that the onset was looked for in."""
    if not case.history.label.size:
        return
    days, place = np.unique(case.history.day, return_inverse=True)
    n = np.bincount(place)
    seen = np.bincount(place, np.asarray(case.history.label, dtype=np.float64)) / n
    said = np.bincount(place, case.history.score) / n
    marks = (("began", began.day),) if began.day else ()
    yield Series("seen_and_predicted", "line", tuple(map(str, days)), tuple(seen.tolist()),
                 other=tuple(finite(float(each)) for each in said), names=("seen", "predicted"),
                 title=f"By day, of version {case.version}", marks=marks)
    if began.days:
        yield Series("onset", "line", began.days, began.values, title=f"What moved, by day: {began.of}", marks=marks)


def _next(session: Session, asked: _why_rows.Asked, found: Kinds) -> Iterator[Action]:
    model: Model = session.declared().model(asked.model)
    if model.task == "binary":
        yield Action("What would help?", ("remedy", asked.model))
    log, built = named(asked.model), session.current(f"{asked.model}.features") is not None
    yield Action("Which columns moved?", ("drift", log if not built and log in session.declared().datasets else
                                          asked.model))
    if "label shift" in found.kinds or "concept drift" in found.kinds:
        yield Action("Is it calibrated?", ("calibration", asked.model))
    if asked.origin:
        yield Action("Back", ("incident" if asked.origin.startswith("INC") else "alert", "show",
                              asked.origin.partition(":")[0]))
