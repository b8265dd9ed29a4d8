"""Whether one model is better than another on the same rows, with an interval, a test and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np

from mlops_tui import gates
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.metrics import METRICS, Family
from mlops_tui.analysis.paired import FORMS
from mlops_tui.capability import local_path, measure
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.modeling import _measurements
from mlops_tui.modeling._beside import Beside, Columns, apart, beside, joined, sorted_by
from mlops_tui.modeling._compared import ADJUST, Compared, Pair, Question, chosen, compared
from mlops_tui.modeling._heldout import Version, version
from mlops_tui.modeling._spans import timed
from mlops_tui.modeling._verdicts import forest, models_table, pairs_table, parts, reasons, title
from mlops_tui.models import looks, rivals
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Status, Text, View, finite
from store.facts import Looked, Trained
from store.written import names_file

ROWS = ("delong", *FORMS, "t", "bootstrap")
NO_MEANS = ("rmse", "r2", "spearman", "median_ae", "explained_variance")


@dataclass(frozen=True)
class Wanted:
    """How to compare, as it was asked for; None leaves the choice."""

    method: str
    metric: str | None
    margin: float | None
    threshold: float | None
    adjust: str
    stratified: bool
    cluster: str | None
    against: str | None
    scores: str | None = None
    task: str = "auto"
    weight: str | None = None
    fold: str | None = None
    id: str | None = None
    unpaired: bool = False
    test_share: float | None = None
    time: str | None = None
    preview: bool = False


@measure(looks="preview")
@click.argument("what")
@click.option("--label", default=None, help="File: column with what came; without it the columns are measurements.")
@click.option("--scores", default=None,
              help="File: the models' columns, separated by commas, the champion first: scores, classes or numbers.")
@click.option("--task", type=click.Choice(["auto", *(each.value for each in Task)]), default="auto", show_default=True,
              help="File: what is predicted; auto: told by the columns.")
@click.option("--method", type=click.Choice(["auto", *ROWS, "diebold-mariano", *_measurements.METHODS]), default="auto",
              show_default=True, help="auto: DeLong for ROC AUC, McNemar for accuracy, the paired bootstrap for F1 and "
              "its like, else a paired t. Of measurements: Wilcoxon for two models, Friedman and Nemenyi for more.")
@click.option("--metric", default=None,
              help="ROC AUC, accuracy or RMSE by default; accuracy where a threshold is given or the scores are "
                   "decisions. A model: the one it was ranked by in training.")
@click.option("--margin", type=click.FloatRange(min=0), default=None,
              help="A difference within it, either way, makes models equivalent; 0 by default, or as a model declares.")
@click.option("--threshold", type=float, default=None,
              help="A score at or above it is a yes; 0.5 by default, or as a model declares.")
@click.option("--adjust", type=click.Choice(list(ADJUST)), default="holm", show_default=True,
              help="Several pairs: holm makes one false verdict improbable, bh keeps few among many.")
@click.option("--stratified", is_flag=True, help="Bootstrap: keep the rows of each class, as drawn case by control.")
@click.option("--weight", default=None, help="File: column with what each row counts. A model declares its own.")
@click.option("--cluster", default=None, help="File: column that says which rows vary together, such as the day; of a "
              "model, `split: together:` says so.")
@click.option("--fold", default=None, help="File: column with the fold each row was tested in, for corrected-t.")
@click.option("--time", default=None, help="File: column with the time of each row, for diebold-mariano.")
@click.option("--test-share", type=click.FloatRange(min=0, min_open=True), default=None,
              help="Measurements by fold: rows tested by rows trained on, 1/9 for 10 folds.")
@click.option("--against", default=None,
              help="File: another file with the second model's answers. A model: another version than the champion.")
@click.option("--id", default=None, help="Two files: column that says which rows are the same.")
@click.option("--unpaired", is_flag=True, help="Two files: their rows are different ones.")
@click.option("--preview", is_flag=True, help="Model: only look, by the metric it was trained by; nothing is recorded.")
def compare(session: Session, what: str, label: str | None, **wanted: object) -> View:
    """Compare models on the same rows: is the second better than the first?

    WHAT is a file with a label and two or more columns of answers, or MODEL[@VERSION]: the version (the challenger)
    against the champion on test rows that both have answered and neither was fitted on. The verdict is better, worse,
    equivalent (within --margin) or inconclusive. Each further question asked of a model's test days makes a verdict
    harder to reach.

    \b
    Example: mlops-tui compare scored.parquet --label late --scores champion,challenger
    Example: mlops-tui compare scored.csv --label late --scores a,b,c --metric f1 --threshold 0.3 --margin 0.01
    Example: mlops-tui compare rows.csv --label minutes --scores old,new --metric mae --cluster flight
    Example: mlops-tui compare old.csv --against new.csv --id flight --label late --scores score
    Example: mlops-tui compare results.csv --scores logistic,forest,boosted --method friedman
    Example: mlops-tui compare flights-delay@challenger
    """
    asked = Wanted(**wanted)  # type: ignore[arg-type]
    if asked.metric is not None and asked.metric not in METRICS and label is not None:
        raise BadInput(f"'{asked.metric}' is not one of the metrics.", where="--metric",
                       next=f"Metrics: {', '.join(METRICS)}.")
    if not _is_file(what, label, asked):
        return _of_model(session, what, asked)
    file, names = local_path(session, what), _names(str(asked.scores), asked.against is not None)
    if label is None:
        return _of_measurements(file, names, asked)
    other = local_path(session, asked.against) if asked.against else None
    return _of_file((file, other), label, names, asked)


def _is_file(what: str, label: str | None, asked: Wanted) -> bool:
    """Whether WHAT is a file, which needs its columns named; a declared model has none of its options."""
    if not names_file(what) and label is None and asked.scores is None:
        given = [name for name, value in (
            ("--weight", asked.weight), ("--cluster", asked.cluster), ("--id", asked.id), ("--time", asked.time),
            ("--unpaired", asked.unpaired), ("--test-share", asked.test_share)) if value]
        if given or asked.task != "auto":
            raise BadInput(f"{given[0] if given else '--task'} is for files: a model declares what it needs.",
                           next="Leave it out.")
        return False
    if asked.scores is None or (label is None and asked.against is not None):
        raise BadInput("A file needs --label and --scores.", next="A declared model needs none of these options.")
    return True


def _names(scores: str, two_files: bool) -> list[str]:
    names = [name.strip() for name in scores.split(",") if name.strip()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"'{twice}' is named twice.", where="--scores", next="Name each score column once.")
    if two_files:
        if len(names) > 2 or not names:
            raise BadInput(f"Two files hold two models, not {len(names)}.", where="--scores",
                           next="Name the column of each, or one that both have.")
        return [names[0], names[-1]]
    if len(names) < 2:
        raise BadInput("One model has nothing to be compared with.", where="--scores",
                       next=f"Name two or more score columns, such as {names[0] if names else 'champion'},challenger.")
    return names


# -- files ----------------------------------------------------------------------------------------------------------


def _of_file(files: tuple[Path, Path | None], label: str, names: list[str], asked: Wanted) -> View:
    _fit_together(files[1], asked)
    data = _read(files, label, names, asked)
    if asked.method in _measurements.METHODS and asked.method != "corrected-t":
        raise BadInput(f"{asked.method} is for measurements on many data sets or folds.", where="--method",
                       next="Leave out --label, and name one column of measurements for each model.")
    plain = data.first.weight is None and asked.cluster is None
    by_fold, in_time = asked.method == "corrected-t", asked.method == "diebold-mariano"
    method = "auto" if by_fold or in_time or asked.unpaired else asked.method
    metric, how = chosen(data, method, asked.metric, asked.threshold, plain)
    if in_time:
        start = timed(files[0], str(asked.time), None, None).spans.start[data.kept]
        return _in_time(sorted_by(data, np.argsort(start, kind="stable").tolist()),
                        Question(metric, "diebold-mariano", asked.margin or 0.0, asked.adjust))
    question = Question(metric, "corrected-t" if by_fold else how, asked.margin or 0.0, asked.adjust,
                        stratified=asked.stratified, cluster=data.texts[asked.cluster] if asked.cluster else None,
                        fold=data.texts[asked.fold] if asked.fold else None)
    found = compared(data, question)
    return View(title(found), Status.DONE, parts(found, data), _actions(files, label, data))


def _fit_together(other: Path | None, asked: Wanted) -> None:
    """Refuse options that need each other."""
    by_fold = asked.method == "corrected-t"
    for wrong, said, next in (
            (by_fold and asked.fold is None, "The corrected t test needs the folds of a cross-validation.",
             "Name the column that says in which fold a row was tested: --fold COLUMN."),
            (asked.fold is not None and not by_fold, f"Folds are for --method corrected-t, not {asked.method}.",
             "Leave out --fold."),
            (asked.method == "diebold-mariano" and asked.time is None,
             "Diebold and Mariano's test needs the time of each row.", "Name the column: --time COLUMN."),
            (asked.time is not None and asked.method != "diebold-mariano", "Time is for --method diebold-mariano.",
             "Leave out --time."),
            (asked.method == "diebold-mariano" and (asked.weight or asked.cluster),
             "Diebold and Mariano's test counts every row once, and neighbours in time as alike.",
             "Leave out --weight and --cluster."),
            (by_fold and asked.cluster is not None, "The corrected t test compares folds, whatever is in them.",
             "Leave out --cluster: rows that belong together belong into one fold."),
            (other is not None and (asked.id is None) == (not asked.unpaired),
             "Do the two files hold the same rows?", "Say by which column: --id COLUMN. If they do not: --unpaired."),
            (other is None and (asked.id is not None or asked.unpaired), "--id and --unpaired are for two files.",
             "Name the other file: --against FILE."),
            (asked.unpaired and asked.method != "auto", f"{asked.method} is for models on the same rows.",
             "Leave out --method."),
            (asked.unpaired and asked.cluster is not None, "Clusters are for models on the same rows.",
             "Leave out --cluster."),
            (asked.test_share is not None, "--test-share is for measurements by fold.", "Leave it out, or --label.")):
        if wrong:
            raise BadInput(said, next=next)


def _read(files: tuple[Path, Path | None], label: str, names: list[str], asked: Wanted) -> Beside:
    """The models on the rows of one file, or of two."""
    texts = tuple(name for name in (asked.cluster, asked.fold, asked.id) if name)
    columns = Columns(label, tuple(names), asked.weight, texts, None if asked.task == "auto" else Task(asked.task))
    if files[1] is None:
        return beside(files[0], columns)
    ids = (asked.id,) if asked.id else ()
    one = beside(files[0], replace(columns, answers=(names[0],)))
    other = beside(files[1], replace(columns, answers=(names[1],), texts=ids, weight=asked.weight if asked.unpaired
                                     else None))
    told = (names[0], names[1]) if names[0] != names[1] else (
        f"{files[0].stem}.{names[0]}", f"{files[1].stem}.{names[1]}")
    if told[0] == told[1]:
        told = (str(files[0]), str(files[1]))
    return joined(one, other, asked.id, told) if asked.id else apart(one, other, told)


def _in_time(data: Beside, question: Question) -> View:
    """Losses in the order of time, whose neighbours resemble each other."""
    if question.metric.family not in (Family.LOSS, Family.ERROR) or question.metric.id in NO_MEANS:
        raise BadInput(f"{question.metric.id} is no mean over rows.", where="--metric",
                       next="Try: --metric mae, or --metric brier")
    found = compared(data, question)
    return View(title(found), Status.DONE, parts(found, data))


def _of_measurements(file: Path, names: list[str], asked: Wanted) -> View:
    """Models measured on many data sets or folds."""
    question = Question(_measurements.metric_named(asked.metric), asked.method, asked.margin or 0.0, asked.adjust)
    data = _measurements.measurements(file, tuple(names), question, asked.test_share)
    found, ranked = _measurements.compared(data)
    facts: dict[str, Cell] = {"metric": question.metric.id, "method": found.question.method,
                              "better_is": "higher" if question.metric.higher_is_better else "lower",
                              "rows": data.values.shape[0], "margin": question.margin}
    shown: list[Part] = []
    if ranked is not None:
        facts |= {"chi_square": ranked.statistic, "f": ranked.f, "p_value": ranked.p_value, "p_value_of": "f",
                  "critical_difference": ranked.critical}
        table, picture = _measurements.ranks_of(data.names, ranked)
        shown = [picture, table]
    said = [Text(_measurements.WHY[found.question.method]), *(Text(note) for note in found.notes)]
    return View(title(found), Status.DONE, (
        Facts(facts), *(shown or [forest(found)]), models_table(found), pairs_table(found), *said, *reasons(found)))


def _actions(files: tuple[Path, Path | None], label: str, data: Beside) -> tuple[Action, ...]:
    """The evaluation of each model of one file whose answers are probabilities."""
    if files[1] is not None or data.task is not Task.BINARY:
        return ()
    usual = [name for name, each in data.models.items() if each.given.min() >= 0 and each.given.max() <= 1]
    return tuple(Action(f"Evaluate {name}", ("evaluate", str(files[0]), "--label", label, "--score", name))
                 for name in usual[:3])


# -- a declared model -----------------------------------------------------------------------------------------------


def _of_model(session: Session, text: str, asked: Wanted) -> View:
    """A version against the champion, or the one named; what is not asked for is as it is declared."""
    if asked.fold is not None or asked.method in (*_measurements.METHODS, "diebold-mariano"):
        raise BadInput("A model's versions were tested once, not in folds.",
                       next="Leave out --fold and --method corrected-t.")
    mine = version(session, text)
    rival, rows = _beside(session, mine, asked.against)
    names = (f"{mine.trained.subject}@{rival.version}", mine.name)
    alone = asked.method == "delong" or asked.method in FORMS  # asked for by name, and knows of no clusters
    theirs, ours = (replace(each, together=None) if alone else each for each in (rows.theirs, rows.mine))
    data = Beside(" and ".join(names), {names[0]: theirs, names[1]: ours}, {}, rows.n)
    metric, how = chosen(data, asked.method, asked.metric or _usual(mine, asked.method), _threshold(mine, asked),
                         data.first.weight is None and data.first.clusters is None)
    margin = mine.model.tolerance if asked.margin is None else asked.margin
    asks = looks.question(metric.id, metric.threshold if metric.family is Family.DECISION
                          and metric.threshold != mine.model.threshold else None)
    judged, other = (rival, mine.trained) if mine.serves else (mine.trained, rival)  # the same question, turned about
    look = looks.Look(judged.version, asks, "" if _serves(mine, other) else other.version)
    known = _looks(session, mine, look)
    found = compared(data, Question(metric, how, margin, asked.adjust, max(len(known), 1), asked.stratified))
    if asked.preview and (look.rival or look.question != looks.asked_in_training(judged)):
        raise BadInput("Another question of the same test rows is a look that is counted.",
                       next="Leave out --preview, or --metric, --threshold and --against.")
    if not asked.preview:
        _keep(session, mine, look, (rows, rival, found.pairs[0]))
    told: dict[str, Cell] = {"champion" if _serves(mine, rival) else "rival": rival.version,
                             "version": mine.trained.version, "source": rows.source, "data": rows.data,
                             "looks": max(len(known), 1)}
    shared = [Text("Rows of one day are taken for independent here, which they are not: the gate counts by day.")] * (
        alone and rows.mine.clusters is not None)
    few = [Text(f"Only {rows.n} rows were scored by both; the gate asks for {gates.FEWEST}.")] * (rows.n < gates.FEWEST)
    notes = (*_looked(mine, known, found), *shared, *few)
    return View(title(found), Status.DONE, (Facts(told), *parts(found, data, notes)), (
        *(Action(f"Evaluate {name}", ("evaluate", name)) for name in reversed(names)),
        *([Action("Is it calibrated?", ("calibration", mine.name))] if data.task is Task.BINARY else []),
        *([] if mine.serves else [Action("Promote it", ("promote", mine.name))])))


def _threshold(mine: Version, asked: Wanted) -> float | None:
    return mine.model.threshold if asked.threshold is None else asked.threshold


def _serves(mine: Version, rival: Trained) -> bool:
    return rival.version == mine.state.champion


def _usual(mine: Version, method: str) -> str | None:
    """The metric that the method implies, else the one that the version was ranked by in training."""
    if method == "delong" or method in FORMS:
        return None
    known = str(mine.trained.detail.get("metric", ""))
    return known if known in METRICS else "mae" if known == "mase" else None


def _beside(session: Session, mine: Version, against: str | None) -> tuple[Trained, rivals.Shared]:
    """The champion, or the version named, and the rows that both answered; refused where there are none."""
    name = mine.trained.subject
    if against in mine.state.versions:
        against = f"{name}@{against}"
    rival = mine.state.trained("champion") if against is None else version(session, against).trained
    if rival is None:
        raise NotFound(f"'{name}' has no champion to compare {mine.name} with.",
                       next=f"Try: mlops-tui evaluate {mine.name}")
    if rival.subject != name:
        raise BadInput(f"{rival.subject} is another model than {name}.", where="--against",
                       next=f"Name a version: --against {name}@{next(iter(mine.state.versions))}")
    if rival.version == mine.trained.version:
        said = f"{mine.name} is the champion: there is nothing to compare it with." if against is None else \
            f"{mine.name} cannot be compared with itself."
        raise BadInput(said, where=f"versions: {', '.join(mine.state.versions)}",
                       next=f"Name another version, or try: mlops-tui train {name}")
    rows = rivals.shared(session, mine.model, mine.trained, rival)
    if not rows.n or (rows.one_class and rows.mine.task is not Task.REGRESSION):
        said = f"All {rows.n} rows that both have scored have the label {_label(rows.mine)}." if rows.n else \
            f"{name}@{rival.version} has scored none of the test rows of {mine.name} unseen."
        raise BadInput(said, where=f"{mine.scores.dataset}@{mine.scores.id[:12]}",
                       next=_more_rows(session, mine, rival))
    return rival, rows


def _label(answers: Answers) -> str:
    number = int(answers.label[0])
    return answers.classes[number] if answers.classes else str(number)


def _more_rows(session: Session, mine: Version, rival: Trained) -> str:
    """What makes the two comparable."""
    how, way = rivals.way_out(session, mine.model, mine.trained, rival)
    return f"{how[:1].upper()}{how[1:]}: mlops-tui {' '.join(way)}"


def _looks(session: Session, mine: Version, look: looks.Look) -> tuple[looks.Look, ...]:
    """The looks at the version's test days, this one among them; none where the days are not known."""
    days = looks.holdout_of(mine.trained)
    return () if days is None else looks.with_this(
        looks.looks(session.ledger.entries("trained", "looked"), days), look)


def _keep(session: Session, mine: Version, look: looks.Look,
          asked: tuple[rivals.Shared, Trained, Pair]) -> None:
    """Let the history know the question, once for the same rows."""
    rows, rival, pair = asked
    fact = Looked(subject=mine.trained.subject, version=look.version, question=look.question, rival=look.rival,
                  against=rival.version, n=rows.n, p_value=finite(pair.contrast.p_value), verdict=pair.verdict.value,
                  data=rows.data)
    known = [entry.fact for entry in session.ledger.entries("looked", subject=fact.subject)]
    if not any(isinstance(each, Looked) and (each.version, each.question, each.against, each.data) == (
            fact.version, fact.question, fact.against, fact.data) for each in known):
        session.ledger.append(fact)


def _looked(mine: Version, known: Sequence[looks.Look], found: Compared) -> list[Text]:
    """How often the test days were looked at, and what that costs."""
    days = looks.holdout_of(mine.trained)
    if days is None or not known:
        return []
    price = looks.price(len(known), found.pairs[0].judgement.level)
    return [Text(f"{looks.told(known, days)} {price}".strip())]
