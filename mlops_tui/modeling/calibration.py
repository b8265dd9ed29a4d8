"""Whether a model's probabilities mean what they say, and which recalibration would mend them."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click
import numpy as np

from mlops_tui import folds
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Bools, Counts, Floats
from mlops_tui.analysis.calibration import Strategy
from mlops_tui.analysis.clustered import clustered
from mlops_tui.analysis.mending import FOLDS, Rows, at_random, in_time, recalibrations
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.capability import local_path, measure
from mlops_tui.errors import BadInput
from mlops_tui.inputs.moments import told
from mlops_tui.inputs.tabular import of_file
from mlops_tui.modeling._heldout import Version, grouped, own_answers, small_enough, times_of, version
from mlops_tui.modeling._labelled import need_probabilities, scored, uneven
from mlops_tui.modeling._live import live_calibration
from mlops_tui.modeling._manyclasses import of_classes, of_version
from mlops_tui.modeling._reliability import LIMIT, Judged, judged, parts, status, title, view_facts
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Status, Text, View
from store.columns import Texts, read_columns
from store.facts import Finding

MOST_GROUPS = 1000
IN_A_MODEL = "write `calibrate: {}` under the model's candidate, and train it."


@dataclass(frozen=True)
class Asked:
    """What to show of the calibration of a file or a version."""

    bins: int
    strategy: Strategy
    group: str | None
    weight: str | None
    time: str | None


@measure(looks="preview")
@click.argument("what")
@click.option("--label", default=None, help="File: column with what came: 0 and 1; with --probability, classes.")
@click.option("--score", default=None, help="File: column with the probability of a yes.")
@click.option("--probability", multiple=True, metavar="CLASS=COLUMN",
              help="File: column with the probability of a class; once for each.")
@click.option("--test", is_flag=True, help="Model: on the test rows of the version (challenger, else champion).")
@click.option("--window", "length", default=None, help="Model in service: how far back, such as 7d.")
@click.option("--monitor", default=None, help="Model in service: judge as this declared monitor does.")
@click.option("--group", default=None, help="Column whose values are judged each (of a version: a feature).")
@click.option("--weight", default=None, help="File: column with what each row counts. A model declares its own.")
@click.option("--time", default=None, help="File: column by which recalibrations are fitted on earlier rows alone.")
@click.option("--bins", type=click.IntRange(min=1), default=10, show_default=True, help="Bins of the diagram.")
@click.option("--strategy", type=click.Choice(["uniform", "quantile"]), default="uniform", show_default=True,
              help="Bins of equal width, or of equal numbers of rows.")
@click.option("--preview", is_flag=True, help="Model: only look; nothing is recorded.")
def calibration(session: Session, what: str, label: str | None, score: str | None, probability: tuple[str, ...],
                test: bool, length: str | None, monitor: str | None, group: str | None, weight: str | None,
                time: str | None, bins: int, strategy: str, preview: bool) -> View:
    """Check the calibration of WHAT: the scores in a file, or of MODEL[@VERSION], and find what would mend it.

    MODEL is judged in service, on its logged predictions whose outcome is known. A version that does not serve, and
    any with --test, is judged on its test rows.

    \b
    Example: mlops-tui calibration scored.parquet --label late --score challenger --group origin --time sched_dep
             mlops-tui calibration flights-delay --window 7d
             mlops-tui calibration flights-delay@challenger --group carrier
    """
    asked = Asked(bins, cast("Strategy", strategy), group, weight, time)
    if probability:
        if label is None or score is not None or group or time:
            raise BadInput("Several classes are judged by --label and --probability alone.",
                           next="Leave out --score, --group and --time.")
        return of_classes(local_path(session, what), label, probability, weight, bins)
    if of_file(what, label=label, score=score):
        return _of_file(local_path(session, what), str(label), str(score), asked)
    if weight or time:
        raise BadInput("--weight and --time are for files.", next="A model declares `weight:` and `split: time:`.")
    subject = session.declared().subject(what, "model")
    model = session.declared().model(subject.name)
    if model.task == "regression":
        raise BadInput(f"Calibration is of probabilities; {subject.name} is a regression.",
                       where=str(session.declared().path_of("model", subject.name)),
                       next=f"Try: mlops-tui evaluate {subject.name}")
    if not (test or _waits(session, subject)) or length or monitor:
        if test or group:
            raise BadInput("--test and --group are of test rows, not of predictions in service.",
                           next="Leave out --window and --monitor." if test else "Add --test.")
        return live_calibration(session, what, length, monitor, preview=preview)
    chosen = version(session, what)
    return of_version(session, chosen, bins) if model.task == "multiclass" else _of_version(
        session, chosen, asked, preview=preview)


def _waits(session: Session, subject: Subject) -> bool:
    """Whether the words name a version that does not serve."""
    if not subject.version:
        return False
    state = folds.model_state(session.ledger.entries("trained", "promotion"), subject.name)
    return state.resolve(subject.version) != state.champion


# -- a file ---------------------------------------------------------------------------------------------------------


def _of_file(file: Path, label: str, score: str, asked: Asked) -> View:
    data = scored(file, label, [score], [asked.group] if asked.group else [], asked.weight)
    scores, of = data.scores[score], data.of
    need_probabilities(of.where, score, scores, "Turn them into probabilities first, for example by Platt scaling.")
    if data.n < FOLDS:
        raise BadInput(f"{data.n} labelled rows are too few to judge calibration on.", where=of.where,
                       next=f"At least {FOLDS} are needed; some hundreds say something.")
    groups = of.texts[asked.group] if asked.group else None
    if asked.group and groups is not None:
        small_enough(groups, asked.group, of.where, MOST_GROUPS)
    times = _times(file, of.rows, asked.time) if asked.time else None
    found = _judged(data.labels, scores, data.weight, times, groups, asked)
    counted: dict[str, Cell] = {"rows": data.n, "without_label": of.unlabelled, "limit": LIMIT}
    argv = (str(file), "--label", label, "--score", score)
    far = status(found, LIMIT)[0] is Status.FAIL
    return View(title(score, found, LIMIT), Status.WARN if far else Status.DONE,
                (*parts(found, IN_A_MODEL), view_facts(counted, found)), (Action("Evaluate", ("evaluate", *argv)),))


def _times(file: Path, rows: Bools, name: str) -> Counts:
    """The times of these rows of the file, in microseconds since 1970."""
    read = read_columns(file, [name])
    column = read.columns[name]
    if column.field.kind not in ("time", "numeric"):
        raise BadInput(f"'{name}' is no time: the column is {column.field.type}.", where=read.where,
                       next="Name a column of times, or of numbers that grow with time.")
    bad = rows & (column.missing | (column.values != column.values))
    if bad.any():
        raise BadInput(f"{int(bad.sum())} labelled rows have no '{name}'.", next="Leave out --time, or these rows.",
                       where=f"{read.where}, row {int(np.argmax(bad))} (from 0)")
    return column.values[rows].astype(np.int64)


def _judged(labels: Bools, scores: Floats, weights: Floats | None, times: Counts | None, groups: Texts | None,
            asked: Asked) -> Judged:
    rows: Rows = at_random(labels, scores, weights) if times is None else in_time(labels, scores, times, weights)
    return judged(labels, scores, recalibrations(rows, asked.bins), forward=times is not None, bins=asked.bins,
                  strategy=asked.strategy, weights=weights, groups=groups)


# -- a version ------------------------------------------------------------------------------------------------------


def _of_version(session: Session, chosen: Version, asked: Asked, *, preview: bool) -> View:
    """A version on its own test rows, judged by the declared `ece_at_most`; kept as a finding unless only looked at."""
    trained, name = chosen.trained, chosen.name
    answers = own_answers(session, chosen)
    labels, scores = answers.label == 1, answers.given
    need_probabilities(name, trained.candidate, scores, "Let the candidate give probabilities, and train it again.")
    groups = grouped(session, chosen, asked.group) if asked.group else None
    if asked.group and groups is not None:
        small_enough(groups, asked.group, name, MOST_GROUPS)
    found = _judged(labels, scores, uneven(answers.weight), times_of(session, chosen), groups, asked)
    stands, reason = status(found, chosen.model.ece_at_most)
    kept = _finding(session, chosen, found, stands, title(name, found, chosen.model.ece_at_most))
    if not preview:
        session.ledger.append(kept)
    counted: dict[str, Cell] = {"version": trained.version, "candidate": trained.candidate, "rows": found.n,
                                "test_from": told(str(trained.detail.get("test_from") or "")),
                                "limit": chosen.model.ece_at_most, **({"undecided": reason} if reason else {}),
                                **_own(chosen)}
    how = f"write `calibrate: {{}}` under {trained.candidate} in models/{trained.subject}.yaml, and train it."
    train = (Action("Then train it", ("train", trained.subject, "--candidate", trained.candidate)),) \
        if found.mend.better else ()
    shown = (*parts(found, how), *_by_span(answers), view_facts(counted, found))
    return View(kept.title, stands, shown, (*train, Action("How good is it?", ("evaluate", name))))


def _by_span(answers: Answers) -> list[Text]:
    """How far off scores are on the whole where spans of time count, not rows; nothing where rows are independent."""
    if answers.clusters is None:
        return []
    off = clustered(METRICS["bias"], Answers(Task.REGRESSION, answers.given, answers.label.astype(np.float64),
                                             weight=answers.weight), answers.clusters)
    if off.low is None or off.high is None or off.value is None:
        return []
    sure = "surely off" if off.low > 0 or off.high < 0 else "not surely off"
    return [Text(f"All of this takes rows as independent, and rows of one span of time vary together: counted by its "
                 f"{answers.groups} spans it is {sure} on the whole, {off.value * 100:+.1f} points "
                 f"[{off.low * 100:+.1f}, {off.high * 100:+.1f}] seen over said.")]


def _own(chosen: Version) -> dict[str, Cell]:
    """The recalibration that is a part of the version already."""
    own = chosen.trained.detail.get("calibrator")
    if not isinstance(own, dict):
        return {}
    return {"calibrator": f"{own['method']}, {own['says']}" if own["method"] else str(own["says"])}


def _finding(session: Session, chosen: Version, found: Judged, stands: Status, said: str) -> Finding:
    trained, (low, high) = chosen.trained, found.range or (None, None)
    return Finding(check="calibration", subject=trained.subject, status=stands.value, title=said, value=found.ece,
                   low=low, high=high, limit=chosen.model.ece_at_most, n=found.n,
                   data=tuple(each for each in (trained.scores,) if each), version=trained.version,
                   declaration=session.declaration("model", trained.subject),
                   detail={"rows": "test", "mean_score": found.whole.predicted, "observed": found.whole.observed,
                           "slope": found.line.slope, "intercept": found.line.intercept, "mend": found.mend.name,
                           "tests": {each.name: each.p_value for each in found.tests}})
