"""Models measured on many data sets, folds or repeats: one row each, one column of measurements a model."""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.folds import five_by_two_f, five_by_two_t, naive_t
from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.metrics import METRICS, Family, Metric
from mlops_tui.analysis.paired import corrected_t
from mlops_tui.analysis.ranks import Friedman, critical_difference, friedman, wilcoxon
from mlops_tui.errors import BadInput
from mlops_tui.modeling._compared import Compared, Question, judge_all, naive_words
from mlops_tui.modeling._labelled import numbers_in
from mlops_tui.view import Column, Row, Series, Table
from store.columns import read_columns

METHODS = ("wilcoxon", "friedman", "corrected-t", "5x2cv-t", "5x2cv-f")
WHY = {
    "wilcoxon": "Wilcoxon's signed ranks: two models over data sets, none of which counts for its size.",
    "friedman": "Friedman and Nemenyi: several models are ranked on each data set, and mean ranks compared.",
    "corrected-t": "Corrected t (Nadeau & Bengio): folds share training rows, so their spread is made wider.",
    "5x2cv-t": "5×2 cross-validation, t (Dietterich): five repeats of two halves that share no training rows.",
    "5x2cv-f": "5×2 cross-validation, F (Alpaydin): as its t, but no order of the folds changes it.",
}


@dataclass(frozen=True)
class Measured:
    """A table of measurements (rows, models), and what was asked of it."""

    where: str
    names: tuple[str, ...]
    values: Floats
    question: Question
    test_share: float | None = None


def measurements(path: Path, names: tuple[str, ...], question: Question, test_share: float | None) -> Measured:
    """Read one column of measurements for each model; BadInput names a row (from 0) without a number."""
    read = read_columns(path, list(names))
    if read.rows < 2:
        raise BadInput(f"'{path.name}' has {read.rows} rows of measurements.", where=read.where,
                       next="Measure the models on two data sets or folds at least.")
    rows = np.ones(read.rows, dtype=bool)
    values = np.column_stack([numbers_in(read, name, rows, "measurement") for name in names])
    usual = "wilcoxon" if len(names) == 2 else "friedman"
    method = usual if question.method == "auto" else question.method
    if method not in METHODS:
        raise BadInput(f"{method} needs labels and answers, row by row.", where="--method",
                       next=f"Name the label: --label COLUMN; or, of measurements: {', '.join(METHODS)}.")
    if method == "friedman" and len(names) < 3:
        raise BadInput("Friedman's test ranks three models or more.", where="--method",
                       next="Of two: --method wilcoxon.")
    if method == "corrected-t" and not test_share:
        raise BadInput("The corrected t test needs to know how much larger the training was than the test.",
                       where="--method", next="Say n_test/n_train: --test-share 0.111 for 10 folds.")
    return Measured(read.where, names, values, Question(question.metric, method, question.margin, question.adjust),
                    test_share)


def metric_named(name: str | None) -> Metric:
    """What was measured; a name that is no metric of ours is better when higher."""
    return METRICS.get(name or "", Metric(name or "measured", Family.ERROR))


def compared(data: Measured) -> tuple[Compared, Friedman | None]:
    """Each model's mean, and each pair tested; with Friedman's test where it was asked for."""
    higher, method = data.question.metric.higher_is_better, data.question.method
    rows = data.values.shape[0]
    models = {name: Estimate(data.question.metric.id, float(data.values[:, i].mean()), None, None, rows, "mean",
                             f"the mean of {rows} measurements, which has no interval of its own")
              for i, name in enumerate(data.names)}
    found = None
    pairs = list(combinations(range(len(data.names)), 2))
    try:
        if method == "friedman":
            found = friedman(data.values, higher)
            contrasts = [_nemenyi(found, a, b) for a, b in pairs]
        else:
            contrasts = [_tested(data.values[:, a] - data.values[:, b], method, data.test_share) for a, b in pairs]
    except ValueError as problem:
        raise BadInput(f"{method} {problem}.", where=data.where,
                       next="Give the measurements that it needs, or another --method.") from problem
    notes = [naive_words(data.names[a], data.names[b], naive_t(data.values[:, a] - data.values[:, b]))
             for a, b in pairs] if method == "corrected-t" else []
    question = data.question if found is None else Question(  # Nemenyi's p is of the whole family already
        Metric("mean_rank", Family.ERROR, higher_is_better=False), method, data.question.margin, "none")
    named = [(data.names[a], data.names[b]) for a, b in pairs]
    return Compared(question, models, judge_all(named, contrasts, question), tuple(notes)), found


def _nemenyi(found: Friedman, a: int, b: int) -> Contrast:
    """Two models' mean ranks: simultaneous for all pairs, as the critical difference is."""
    apart = float(found.ranks[a] - found.ranks[b])

    def bounds(level: float) -> tuple[float, float]:
        reach = critical_difference(found.ranks.size, found.n, 1 - level)
        return apart - reach, apart + reach

    return Contrast(apart, *bounds(0.95), None, float(found.pairs[a, b]), "nemenyi", bounds=bounds)


def _tested(differences: Floats, method: str, test_share: float | None) -> Contrast:
    if method == "wilcoxon":
        return wilcoxon(differences)
    if method == "corrected-t":
        return corrected_t(differences, float(test_share or 0))
    if differences.size != 10:
        raise ValueError(f"needs ten rows, two folds of five repeats, not {differences.size}")
    return (five_by_two_t if method == "5x2cv-t" else five_by_two_f)(differences.reshape(5, 2))


def ranks_of(names: tuple[str, ...], found: Friedman) -> tuple[Table, Series]:
    """The mean ranks, best first, as a table and as a picture: what overlaps does not differ."""
    order = np.argsort(found.ranks, kind="stable")
    rows: list[Row] = [{"model": names[i], "mean_rank": float(found.ranks[i])} for i in order]
    half = found.critical / 2
    table = Table.of("ranks", rows, "model", Column("mean_rank", "mean rank", digits=3), title="Mean ranks, 1 the best")
    ranks = [float(found.ranks[i]) for i in order]
    return table, Series("ranks", "interval", tuple(names[i] for i in order), tuple(ranks),
                         tuple(each - half for each in ranks), tuple(each + half for each in ranks),
                         title=f"Mean ranks ± half the critical difference {found.critical:.3f}: overlapping is alike",
                         x_label="model", y_label="mean rank")
