"""Models on the same rows by one metric: each with its interval, each pair with a test and the paid verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.clustered import reckoned
from mlops_tui.analysis.folds import diebold_mariano, naive_t
from mlops_tui.analysis.influence import shares
from mlops_tui.analysis.interval import Contrast, Estimate, Resampling
from mlops_tui.analysis.linearised import linearised
from mlops_tui.analysis.metrics import METRICS, Family, Metric, measured, metrics_of
from mlops_tui.analysis.multiplicity import benjamini_hochberg, holm
from mlops_tui.analysis.paired import FORMS, Method, contrast, corrected_t, usual
from mlops_tui.analysis.significance import Judgement, Verdict, detectable, judged, rows_needed
from mlops_tui.analysis.unpaired import unpaired
from mlops_tui.errors import BadInput
from mlops_tui.modeling._beside import Beside
from mlops_tui.modeling._labelled import need_probabilities
from store.columns import Texts

ADJUST: Mapping[str, Callable[[npt.ArrayLike], Floats]] = {"holm": holm, "bh": benjamini_hochberg, "none": np.asarray}
FIRST = {Task.BINARY: "roc_auc", Task.MULTICLASS: "accuracy", Task.REGRESSION: "rmse"}
LEVEL = 0.95


@dataclass(frozen=True)
class Question:
    """What is asked of the models: the metric and method, the margin, and how p is adjusted for several pairs."""

    metric: Metric
    method: str
    margin: float = 0.0
    adjust: str = "holm"
    looks: int = 1
    stratified: bool = False
    cluster: npt.NDArray[Any] | None = None
    fold: Texts | None = None

    @property
    def resampling(self) -> Resampling:
        return Resampling(stratified=self.stratified)


@dataclass(frozen=True)
class Pair:
    """Two models: their difference a − b, p adjusted for all pairs, and the judgement of b against a."""

    a: str
    b: str
    contrast: Contrast
    p_adjusted: float | None
    judgement: Judgement

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict


@dataclass(frozen=True)
class Compared:
    """The models' own estimates, and each pair of them; notes say what the figures do not."""

    question: Question
    models: Mapping[str, Estimate]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...] = ()

    @property
    def metric(self) -> Metric:
        return self.question.metric


def compared(data: Beside, question: Question) -> Compared:
    """Estimate each model and test each pair of them; BadInput says why where that cannot be done."""
    names = list(combinations(data.models, 2))
    notes: list[str] = []
    try:
        if question.fold is not None:
            models, contrasts, notes = _by_fold(data, question.metric, question.fold)
        else:
            models = {name: reckoned(question.metric, each) for name, each in data.models.items()}
            undefined = next((each for each in models.values() if each.value is None), None)
            if undefined is not None:
                raise ValueError(f"{question.metric.id} is undefined: {undefined.reason}")
            contrasts = [_pair(data.models[a], data.models[b], question, data.paired) for a, b in names]
    except ValueError as problem:
        raise BadInput(f"{str(problem)[0].upper()}{str(problem)[1:]}.", where=data.where,
                       next="Choose more rows, another --metric or another --threshold.") from problem
    return Compared(question, models, judge_all(names, contrasts, question), tuple(notes))


def _pair(a: Answers, b: Answers, question: Question, paired: bool) -> Contrast:
    if not paired:
        return unpaired(question.metric, a, b)
    if question.method == "diebold-mariano":
        return diebold_mariano(row_losses(question.metric, a) - row_losses(question.metric, b))
    method: Method = question.method  # type: ignore[assignment]
    return contrast(question.metric, a, b, question.resampling, method=method, cluster=question.cluster)


def row_losses(metric: Metric, answers: Answers) -> Floats:
    """What each row adds to a metric that is a mean over rows, (n,)."""
    value, moved = linearised(metric, answers)
    return np.asarray(value + moved / shares(answers))


def judge_all(names: Sequence[tuple[str, str]], contrasts: Sequence[Contrast], question: Question) -> tuple[Pair, ...]:
    """Each pair with p adjusted over all that have one, and judged by it."""
    tested = [i for i, each in enumerate(contrasts) if each.p_value is not None]
    adjusted = dict(zip(tested, ADJUST[question.adjust]([contrasts[i].p_value or 0.0 for i in tested]).tolist(),
                        strict=True)) if tested else {}
    family = 1 if question.adjust == "none" else len(contrasts)
    return tuple(Pair(a, b, each, None if i not in adjusted else min(adjusted[i] * question.looks, 1.0), judged(
        replace(each, p_value=adjusted.get(i)), question.metric.higher_is_better, question.margin, pairs=family,
        looks=question.looks)) for i, ((a, b), each) in enumerate(zip(names, contrasts, strict=True)))


def _by_fold(data: Beside, metric: Metric, fold: Texts) -> tuple[dict[str, Estimate], list[Contrast], list[str]]:
    """The metric in each fold; every row is tested once and trains the other folds, so n_test/n_train is 1/(J − 1)."""
    numbers, of = np.unique(fold, return_inverse=True)
    if numbers.size < 2:
        raise ValueError(f"all rows are in fold {numbers[0]}")
    values = {name: [_in_fold(metric, each.of(of == i), str(number)) for i, number in enumerate(numbers)]
              for name, each in data.models.items()}
    share = 1 / (numbers.size - 1)
    models = {}
    for name, each in values.items():
        mean = corrected_t(each, share)
        models[name] = Estimate(metric.id, mean.estimate, mean.low, mean.high, data.n, mean.method, mean.reason)
    pairs = list(combinations(values.items(), 2))
    notes = [naive_words(a, b, naive_t(np.subtract(one, other))) for (a, one), (b, other) in pairs]
    return models, [corrected_t(np.subtract(one, other), share) for (_, one), (_, other) in pairs], notes


def naive_words(a: str, b: str, p: float) -> str:
    """What a plain t test over the folds would say, and why it is not asked."""
    return (f"{a}, {b}: the plain t test over the folds would say p = {p:.3g}. It takes them for independent, though "
            "their training sets overlap, and finds differences that are none too often (anti-conservative).")


def _in_fold(metric: Metric, answers: Answers, number: str) -> float:
    try:
        found = measured(metric, answers)
    except ValueError as problem:
        raise ValueError(f"fold {number} has no {metric.id}: {problem}") from problem
    if found.value is None:
        raise ValueError(f"fold {number} has no {metric.id}: {found.reason}")
    return found.value


# -- which metric, which method -------------------------------------------------------------------------------------


def chosen(data: Beside, method: str, name: str | None, threshold: float | None, plain: bool = True) -> tuple[
        Metric, str]:
    """The metric and the method that suit the answers and each other; `plain` where rows count alike and singly."""
    task = data.task
    hard = task is Task.BINARY and all(np.isin(each.given, [0, 1]).all() for each in data.models.values())
    if name is None:
        implied = {"delong": "roc_auc", **dict.fromkeys(FORMS, "accuracy")}.get(method)
        name = implied or ("accuracy" if hard or (threshold is not None and task is Task.BINARY) else FIRST[task])
    known = metrics_of(task)
    if name not in known:
        raise BadInput(f"{name} is no metric of a {task} model.", where="--metric",
                       next=f"Metrics: {', '.join(known)}.")
    metric = METRICS[name]
    if metric.signed:
        raise BadInput(f"Of {name} 0 is best, and neither more nor less of it is better.", where="--metric",
                       next="Compare sizes of errors: --metric mae.")
    fitting = usual(metric, task, plain)
    how = fitting if method == "auto" else method
    only = "roc_auc" if how == "delong" else "accuracy" if how in FORMS else name
    if name != only:
        raise BadInput(f"{how} compares {only}, not {name}.", where="--method",
                       next=f"Try: --metric {name} --method {fitting}")
    if not plain and (how == "delong" or how in FORMS):
        raise BadInput(f"{how} takes every row for one of its own kind: it knows no weights and no clusters.",
                       where="--method", next="Leave out --method: a t of what each row moves the metric knows both.")
    if task is Task.BINARY:
        _need_probabilities(data, metric, threshold)
    return replace(metric, threshold=0.5 if threshold is None else threshold), how


def _need_probabilities(data: Beside, metric: Metric, threshold: float | None) -> None:
    for column, each in data.models.items():
        if metric.family is Family.LOSS:
            need_probabilities(data.where, column, each.given, "Compare them by --metric roc_auc.")
        if metric.family is Family.DECISION and threshold is None:
            need_probabilities(data.where, column, each.given, "Say which score is a yes: --threshold T.")


WHY = {
    "delong": "DeLong: both models rank the same rows, so what they find hard alike is taken out of the difference.",
    "mcnemar": "McNemar: on the same rows only those count that one model has right and the other wrong.",
    "t": "Paired t: each row gives the difference of what it moves both models' {metric}.",
    "bootstrap": "Bootstrap: {metric} is no mean over rows, so rows, with both answers, are drawn again 1,000 times.",
    "corrected-t": "Corrected t (Nadeau & Bengio): folds share training rows, so their spread is made wider.",
    "unpaired": "Unpaired: the models answered on different rows, which need far more of them.",
    "diebold-mariano": "Diebold–Mariano: neighbours in time are wrong alike, so their losses count for less.",
}


def why(question: Question, paired: bool = True, together: int = 0) -> str:
    """Which method was used, and why; `together`: how many groups of rows that vary together were counted."""
    used = "unpaired" if not paired else "mcnemar" if question.method in FORMS else question.method
    said = WHY[used].format(metric=question.metric.id)
    if question.cluster is not None:
        said += f" Rows that belong together count as one: {np.unique(question.cluster).size:,} clusters."
    elif together:
        said += f" Rows of one span of time vary together and count as one: {together:,} of them (`split: together:`)."
    return said


def power_words(pair: Pair, n: int, margin: float) -> str:
    """What an inconclusive comparison would have needed; nothing for a conclusive one."""
    alpha = (1 - pair.judgement.level) / 2  # of one question, paid for all
    shown = detectable(pair.contrast, alpha)
    if pair.verdict is not Verdict.INCONCLUSIVE or shown is None or not n:
        return ""
    needed = rows_needed(pair.contrast, n, margin, alpha)
    if needed is None:
        return f"{pair.a}, {pair.b}: a difference of {shown:.4f} would have been found in four of five such samples."
    if needed <= n:
        return (f"{pair.a}, {pair.b}: so many rows show a difference of {margin:g} in four of five samples; here it is "
                "too near to the margin, or to 0.")
    return (f"{pair.a}, {pair.b}: to find a difference of {margin:g} in four of five samples takes about {needed:,} "
            "rows.")
