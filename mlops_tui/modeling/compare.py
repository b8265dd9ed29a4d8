"""Whether one model is better than another on the same rows, with an interval, a test and a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import click
import numpy as np

from mlops_tui import gates, rivals
from mlops_tui.analysis.interval import Contrast, Estimate, Resampling
from mlops_tui.analysis.metrics import METRICS, Family, Metric, estimate, metric_value
from mlops_tui.analysis.multiplicity import holm
from mlops_tui.analysis.paired import corrected_t, mcnemar_test, paired_bootstrap
from mlops_tui.analysis.ranking import delong, delong_contrast, roc_curve
from mlops_tui.analysis.significance import Verdict, verdict
from mlops_tui.capability import local_path, measure
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.modeling._heldout import Version, of_file, version
from mlops_tui.modeling._pictures import roc_against
from mlops_tui.modeling._scored import Scored, need_probabilities, scored
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, finite
from store.facts import Trained

METHODS = {"delong": ("roc_auc",), "mcnemar": ("accuracy",), "bootstrap": tuple(METRICS), "corrected-t": tuple(METRICS)}
PAIR_COLUMNS = ("a", "b", Column("estimate", "a − b", digits=4), Column("low", digits=4), Column("high", digits=4),
                Column("p_adjusted", "p", digits=4), "verdict")  # scripts get the rest
DRAWN = Resampling()


@dataclass(frozen=True)
class Compared:
    """Models on the same rows by one metric: the models' own estimates, and each pair with adjusted p and verdict."""

    metric: Metric
    method: str
    models: Mapping[str, Estimate]
    pairs: tuple[tuple[str, str, Contrast, float | None, Verdict], ...]


@dataclass(frozen=True)
class Wanted:
    """How to compare, as it was asked for; None leaves the choice."""

    method: str
    metric: str | None
    margin: float | None
    threshold: float | None
    fold: str | None


@measure
@click.argument("what")
@click.option("--label", default=None, help="File: column of 0 and 1, or true and false.")
@click.option("--scores", default=None, help="File: score columns, separated by commas; the champion first.")
@click.option("--method", type=click.Choice(["auto", *METHODS]), default="auto", show_default=True,
              help="auto: DeLong for ROC AUC, McNemar for accuracy, else the paired bootstrap.")
@click.option("--metric", type=click.Choice(list(METRICS)), default=None,
              help="ROC AUC by default; accuracy where a threshold is given or the scores are decisions. A model: its "
                   "first criterion's.")
@click.option("--margin", type=click.FloatRange(min=0), default=None,
              help="A difference within it, either way, makes models equivalent; 0 by default, or as a model declares.")
@click.option("--threshold", type=float, default=None,
              help="A score at or above it is a yes; 0.5 by default, or as a model declares.")
@click.option("--fold", default=None, help="File: column with the fold each row was tested in, for corrected-t.")
def compare(session: Session, what: str, label: str | None, scores: str | None, method: str, metric: str | None,
            margin: float | None, threshold: float | None, fold: str | None) -> View:
    """Compare models on the same rows: is the second better than the first?

    WHAT is a file with a label and two or more scores, or MODEL[@VERSION]: the version (the challenger) against the
    champion on test rows that both have scored and neither was fitted on.

    \b
    Example: mlops-tui compare scored.parquet --label late --scores champion,challenger
    Example: mlops-tui compare scored.csv --label late --scores a,b,c --metric f1 --threshold 0.3 --margin 0.01
    Example: mlops-tui compare flights-delay@challenger
    """
    wanted = Wanted(method, metric, margin, threshold, fold)
    if not of_file(what, label=label, scores=scores):
        return _of_model(session, what, wanted)
    return _of_file(local_path(session, what), str(label), _names(str(scores)), wanted)


def _of_file(file: Path, label: str, names: list[str], wanted: Wanted) -> View:
    fold, margin = wanted.fold, wanted.margin or 0.0
    data = scored(file, label, names, [fold] if fold else [])
    metric, how = _chosen(data, wanted.method, wanted.metric, wanted.threshold)
    if how == "corrected-t" and fold is None:
        raise BadInput("The corrected t test needs the folds of a cross-validation.", where=data.where,
                       next="Name the column that says in which fold a row was tested: --fold COLUMN.")
    if fold is not None and how != "corrected-t":
        raise BadInput(f"Folds are for --method corrected-t, not {how}.", next="Leave out --fold.")
    found = compared(data, metric, how, margin, fold)
    return View(_title(found), Status.DONE, parts(found, data, margin), _actions(file, label, found))


def _of_model(session: Session, text: str, wanted: Wanted) -> View:
    """A version against the champion; metric, margin and threshold are the declared ones where none is given."""
    if wanted.fold is not None or wanted.method == "corrected-t":
        raise BadInput("A model's versions were tested once, not in folds.",
                       next="Leave out --fold and --method corrected-t.")
    mine = version(session, text)
    champion, rows = _beside(session, mine)
    names = (f"{mine.trained.subject}@{champion.version}", mine.name)
    data = Scored(" and ".join(names), rows.label == 1, {names[0]: rows.theirs.given, names[1]: rows.mine.given}, {},
                  rows.n)
    metric, how = _chosen(data, wanted.method, wanted.metric or _usual(mine, wanted.method),
                          mine.model.threshold if wanted.threshold is None else wanted.threshold)
    margin = mine.model.margin if wanted.margin is None else wanted.margin
    found = compared(data, metric, how, margin)
    told = Facts({"champion": champion.version, "version": mine.trained.version, "source": rows.source,
                  "data": rows.data})
    few = [Text(f"Only {rows.n} rows were scored by both; the gate asks for {gates.FEWEST}.")] * (rows.n < gates.FEWEST)
    return View(_title(found), Status.DONE, (told, *parts(found, data, margin), *few), (
        *(Action(f"Evaluate {name}", ("evaluate", name)) for name in reversed(names)),
        Action("Is it calibrated?", ("calibration", mine.name)), Action("Promote it", ("promote", mine.name))))


def _usual(mine: Version, method: str) -> str:
    """The metric that the method implies, else the one that the version was ranked by in training."""
    return METHODS[method][0] if method in {"delong", "mcnemar"} else str(mine.trained.detail.get("metric", "roc_auc"))


def _beside(session: Session, mine: Version) -> tuple[Trained, rivals.Shared]:
    """The champion, and the rows that both have scored; refused where there is no other, or no such rows."""
    name, champion = mine.trained.subject, mine.state.trained("champion")
    if champion is None:
        raise NotFound(f"'{name}' has no champion to compare {mine.name} with.",
                       next=f"Try: mlops-tui evaluate {mine.name}")
    if mine.serves:
        raise BadInput(f"{mine.name} is the champion: there is nothing to compare it with.",
                       where=f"versions: {', '.join(mine.state.versions)}",
                       next=f"Name another version, or try: mlops-tui train {name}")
    rows = rivals.shared(session, mine.model, mine.trained, champion)
    if rows.one_class:
        said = f"All {rows.n} rows that both have scored have the label {int(rows.label[0])}." if rows.n else \
            f"{name}@{champion.version} has scored none of the test rows of {mine.name} unseen."
        raise BadInput(said, where=f"{mine.scores.dataset}@{mine.scores.id[:12]}",
                       next=_more_rows(session, mine, champion))
    return champion, rows


def _more_rows(session: Session, mine: Version, champion: Trained) -> str:
    """What makes the two comparable."""
    how, way = rivals.way_out(session, mine.model, mine.trained, champion)
    return f"{how[:1].upper()}{how[1:]}: mlops-tui {' '.join(way)}"


def _names(scores: str) -> list[str]:
    names = [name.strip() for name in scores.split(",") if name.strip()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"'{twice}' is named twice.", where="--scores", next="Name each score column once.")
    if len(names) < 2:
        raise BadInput("One model has nothing to be compared with.", where="--scores",
                       next=f"Name two or more score columns, such as {names[0] if names else 'champion'},challenger.")
    return names


def _chosen(data: Scored, method: str, name: str | None, threshold: float | None) -> tuple[Metric, str]:
    """The metric and the method that suit the scores and each other."""
    hard = all(np.isin(values, [0, 1]).all() for values in data.scores.values())
    if name is None:
        name = METHODS[method][0] if method in {"delong", "mcnemar"} else (
            "accuracy" if hard or threshold is not None else "roc_auc")
    fitting = {"roc_auc": "delong", "accuracy": "mcnemar"}.get(name, "bootstrap")
    how = fitting if method == "auto" else method
    if name not in METHODS[how]:
        raise BadInput(f"{how} compares {METHODS[how][0]}, not {name}.", where="--method",
                       next=f"Try: --metric {name} --method {fitting}")
    metric = METRICS[name]
    if metric.family is Family.LOSS:
        for column, values in data.scores.items():
            need_probabilities(data.where, column, values, "Compare them by --metric roc_auc.")
    if metric.family is Family.DECISION and threshold is None:
        for column, values in data.scores.items():
            need_probabilities(data.where, column, values, "Say which score is a yes: --threshold T.")
    return replace(metric, threshold=0.5 if threshold is None else threshold), how


def compared(data: Scored, metric: Metric, method: str, margin: float = 0.0, fold: str | None = None) -> Compared:
    """Estimate each model and test each pair, with Holm's correction over the pairs; `fold` only for corrected-t."""
    names = list(data.scores)
    try:
        if method == "corrected-t":
            models, contrasts = _by_fold(data, metric, data.texts[str(fold)])
        else:
            models = {name: estimate(metric, data.labels, values) for name, values in data.scores.items()}
            contrasts = _contrasts(data, metric, method)
    except ValueError as problem:
        raise BadInput(f"{str(problem)[0].upper()}{str(problem)[1:]}.", where=data.where,
                       next="Choose more rows, another --metric or another --threshold.") from problem
    tested = [i for i, contrast in enumerate(contrasts) if contrast.p_value is not None]
    adjusted = dict(zip(tested, holm([contrasts[i].p_value or 0.0 for i in tested]).tolist(), strict=True))
    pairs = []
    for i, ((a, b), contrast) in enumerate(zip(combinations(names, 2), contrasts, strict=True)):
        corrected = replace(contrast, p_value=adjusted.get(i))
        pairs.append((a, b, contrast, adjusted.get(i), verdict(corrected, metric.higher_is_better, margin)))
    return Compared(metric, method, models, tuple(pairs))


def _contrasts(data: Scored, metric: Metric, method: str) -> list[Contrast]:
    columns = list(data.scores.values())
    if method == "delong":
        ranked = delong(data.labels, columns)
        return [delong_contrast(ranked, a, b) for a, b in combinations(range(len(columns)), 2)]
    if method == "mcnemar":
        flagged = [values >= metric.threshold for values in columns]
        return [mcnemar_test(data.labels, a, b) for a, b in combinations(flagged, 2)]
    return [paired_bootstrap(metric, data.labels, a, b, DRAWN) for a, b in combinations(columns, 2)]


def _by_fold(data: Scored, metric: Metric, fold: np.ndarray) -> tuple[dict[str, Estimate], list[Contrast]]:
    """The metric in each fold; every row is tested once and trains the other folds, so n_test/n_train is 1/(J − 1)."""
    numbers, of = np.unique(fold, return_inverse=True)
    if numbers.size < 2:
        raise ValueError(f"all rows are in fold {numbers[0]}")
    values = {name: [_in_fold(metric, data.labels[of == i], scores[of == i], str(number))
                     for i, number in enumerate(numbers)] for name, scores in data.scores.items()}
    share = 1 / (numbers.size - 1)
    models = {}
    for name, each in values.items():
        mean = corrected_t(each, share)
        models[name] = Estimate(metric.id, mean.estimate, mean.low, mean.high, data.n, mean.method, mean.reason)
    return models, [corrected_t(np.subtract(a, b), share) for a, b in combinations(values.values(), 2)]


def _in_fold(metric: Metric, labels: np.ndarray, scores: np.ndarray, number: str) -> float:
    value, reason = metric_value(metric, labels, scores)
    if value is None:
        raise ValueError(f"fold {number} has no {metric.id}: {reason}")
    return value


def parts(found: Compared, data: Scored, margin: float) -> tuple[Part, ...]:
    """What a comparison shows: the facts, the models, the pairs, the ROC curves."""
    facts: dict[str, Cell] = {
        "metric": found.metric.id, "method": found.method,
        "better_is": "higher" if found.metric.higher_is_better else "lower",
        "rows": data.n, "positives": int(data.labels.sum()), "without_label": data.rows - data.n, "margin": margin}
    if found.metric.family is Family.DECISION:
        facts["threshold"] = found.metric.threshold
    if found.method == "bootstrap":
        facts |= {"seed": DRAWN.seed, "resamples": DRAWN.resamples}
    models = Table.of("models", [_model_row(name, each) for name, each in found.models.items()], "model", "metric",
                      Column("value", digits=4), Column("low", digits=4), Column("high", digits=4), title="Models")
    pairs = Table.of("pairs", [_pair_row(*pair) for pair in found.pairs], *PAIR_COLUMNS,
                     title=f"Pairs by {found.metric.id}: the verdict is about b, p is Holm's")
    curves = {name: roc_curve(data.labels, scores) for name, scores in data.scores.items()}
    first = next(iter(curves))
    drawn = [roc_against(curves[first], curves[name], (first, name)) for name in curves if name != first]
    notes = [Text(f"{a}, {b}: {contrast.reason}.") for a, b, contrast, *_ in found.pairs if contrast.reason]
    return (Facts(facts), models, pairs, *notes, *(drawn if found.metric.family is Family.RANKING else ()))


def _model_row(name: str, each: Estimate) -> Row:
    return {"model": name, "metric": each.metric, "value": finite(each.value), "low": finite(each.low),
            "high": finite(each.high), "n": each.n, "method": each.method, "reason": each.reason}


def _pair_row(a: str, b: str, contrast: Contrast, adjusted: float | None, judged: Verdict) -> Row:
    return {"a": a, "b": b, "method": contrast.method, "estimate": finite(contrast.estimate),
            "low": finite(contrast.low), "high": finite(contrast.high), "statistic": finite(contrast.statistic),
            "p_value": finite(contrast.p_value), "p_adjusted": finite(adjusted), "verdict": judged.value,
            "reason": contrast.reason}


def _title(found: Compared) -> str:
    a, b, contrast, _, judged = found.pairs[0]
    if len(found.pairs) > 1:
        best = [name for name in found.models if any(
            (pair[1] == name and pair[4] is Verdict.BETTER) or (pair[0] == name and pair[4] is Verdict.WORSE)
            for pair in found.pairs)]
        won = "; ".join(_beaten(found, name) for name in best) or "none is better than another"
        return f"{len(found.models)} models by {found.metric.id}: {won}"
    if judged is Verdict.INCONCLUSIVE:
        return f"{b} against {a} by {found.metric.id}: inconclusive"
    said = {Verdict.BETTER: "is better than", Verdict.WORSE: "is worse than",
            Verdict.EQUIVALENT: "is equivalent to"}[judged]
    return f"{b} {said} {a}: its {found.metric.id} is {_apart(-contrast.estimate)}"


def _apart(difference: float) -> str:
    return f"{abs(difference):.4f} {'higher' if difference > 0 else 'lower'}" if difference else "the same"


def _beaten(found: Compared, winner: str) -> str:
    """Which models one is better than, and by how much of the metric."""
    lost = [(b if a == winner else a, abs(contrast.estimate)) for a, b, contrast, _, judged in found.pairs
            if (b == winner and judged is Verdict.BETTER) or (a == winner and judged is Verdict.WORSE)]
    return f"{winner} is better than {' and '.join(f'{name} by {by:.4f}' for name, by in lost)}"


def _actions(file: Path, label: str, found: Compared) -> tuple[Action, ...]:
    return tuple(Action(f"Evaluate {name}", ("evaluate", str(file), "--label", label, "--score", name))
                 for name in list(found.models)[:3])
