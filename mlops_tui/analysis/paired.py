"""How far two models differ on the same rows, with a test: DeLong, McNemar, paired t, bootstrap, corrected t."""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Bools, Counts, Floats, binary, finite, labelled, two_classes
from mlops_tui.analysis.confusion import DECISIONS
from mlops_tui.analysis.influence import checked, shares, too_uneven, variance_of_sums
from mlops_tui.analysis.interval import (
    Contrast,
    Resampling,
    normal_p,
    percentile,
    poisson_bootstrap,
    student_p,
    student_quantile,
    wilson,
)
from mlops_tui.analysis.linearised import linearised
from mlops_tui.analysis.metrics import Family, Metric, losses, metric_value
from mlops_tui.analysis.ranking import (
    auc_influence,
    average_precision_influence,
    delong_test,
    resampled_auc,
    resampled_average_precision,
)

McNemar = Literal["auto", "corrected", "uncorrected", "exact", "mid-p"]
Method = Literal["auto", "delong", "mcnemar", "mcnemar-corrected", "mcnemar-uncorrected", "mcnemar-exact",
                 "mcnemar-mid-p", "t", "bootstrap"]
FORMS: Mapping[str, McNemar] = {"mcnemar": "auto", "mcnemar-corrected": "corrected", "mcnemar-exact": "exact",
                                "mcnemar-uncorrected": "uncorrected", "mcnemar-mid-p": "mid-p"}
Difference = Callable[[Floats], Floats]

FEW_DISCORDANT = 25  # below this the chi-square of McNemar's statistic is not to be trusted (Fagerland et al. 2013)
WHOLE_ROWS = 10_000  # up to here each row is resampled; above, 1000 passes over them would take minutes
LINEAR_BINS = 4096
ROUNDED = 1e-12  # what rounding leaves of a number, as a share of it
FEW_CLUSTERS = 20  # below this their sums are too few to know how much they vary (Cameron, Gelbach & Miller 2008)
RESAMPLED = {"roc_auc": resampled_auc, "average_precision": resampled_average_precision}
INFLUENCE = {"roc_auc": auc_influence, "average_precision": average_precision_influence}


def contrast(metric: Metric, a: Answers, b: Answers, resampling: Resampling | None = None, *, method: Method = "auto",
             cluster: npt.ArrayLike | None = None) -> Contrast:
    """The difference a − b of a metric of any task between two models' answers on the same rows, with a paired test.

    delong: ROC AUC (`ranking.delong_contrast`). mcnemar: accuracy of two or more classes (`mcnemar_test`). t: Student's
    t of the differences of what each row moves both models' metric (`linear_t`), which for a mean over rows is the
    paired t test. bootstrap: a seeded resampling of rows. auto: the first of these that suits the metric; bootstrap for
    binary F1, MCC, precision and their like. With weights, or with `cluster` (n,) naming what each row belongs to (the
    answers' own clusters where none is given), auto is t, and delong and mcnemar, which know neither, are refused.

    ValueError for different rows or tasks, one class, a metric that is undefined or of another task, and a method that
    does not suit it.
    """
    how = resampling or Resampling()
    if a.task is not b.task or not np.array_equal(a.label, b.label):
        raise ValueError(f"the models answered on different rows: {a.n} and {b.n}" if a.n != b.n else
                         "the models answered on different rows: their labels differ")
    cluster = a.clusters if cluster is None else cluster
    _, plain = checked(b), checked(a).weight is None and cluster is None
    used = usual(metric, a.task, plain) if method == "auto" else method
    if used in ("delong", *FORMS) and not plain:
        raise ValueError(f"{used} knows neither weights nor clusters of rows")
    if used == "delong" and (metric.id, a.task) != ("roc_auc", Task.BINARY):
        raise ValueError(f"delong compares roc_auc of scores, not {metric.id} of a {a.task} model")
    if used in FORMS and metric.id != "accuracy":
        raise ValueError(f"{used} compares accuracy, not {metric.id}")
    if used == "delong":
        return delong_test(a.label, a.given, b.given, how.level)
    if used in FORMS:
        return _mcnemar_of(_right(metric, a), _right(metric, b), FORMS[used], how.level)
    if used == "t":
        return linear_t(metric, a, b, how.level, cluster)
    if plain and a.task is Task.BINARY:
        return paired_bootstrap(metric, a.label, a.given, b.given, how)
    return _linear_bootstrap(metric, a, b, how, cluster)


def usual(metric: Metric, task: Task, plain: bool = True) -> Method:
    """The method that suits a metric: where rows count alike and are independent (`plain`), and where not."""
    if not plain:
        return "t"
    if metric.id == "roc_auc":
        return "delong"
    if metric.id == "accuracy":
        return "mcnemar"
    return "bootstrap" if task is Task.BINARY and metric.family is not Family.LOSS else "t"


def _right(metric: Metric, answers: Answers) -> Bools:
    """Whether each row is decided as its label says, (n,)."""
    if answers.task is Task.REGRESSION:
        raise ValueError("a regression model decides nothing: it has no accuracy")
    if answers.task is Task.MULTICLASS:
        return np.asarray(answers.decided == answers.label)
    y, s = labelled(answers.label, answers.given)
    return np.asarray((s >= metric.threshold) == y)


def linear_t(metric: Metric, a: Answers, b: Answers, level: float = 0.95,
             cluster: npt.ArrayLike | None = None) -> Contrast:
    """The difference of a metric by Student's t of what each row moves it, Σ (movedₐ − movedᵦ)² the variance.

    Exact for means over rows (the paired t test, scipy's `ttest_rel`), to first order for others. Each class of binary
    scores, like the rows of any other answers, counts n/(n − 1), with weights 1/(1 − Σ share²); degrees of freedom are
    Kish's effective rows less 1. With `cluster` the sums of the clusters take the rows' place, G/(G − 1) and G − 1 df
    (Liang & Zeger 1986, Biometrika 73:13). No interval where weights are too uneven, with the reason.
    """
    value_a, moved_a = linearised(metric, a)
    value_b, moved_b = linearised(metric, b)
    estimate, moved, share = value_a - value_b, moved_a - moved_b, shares(a)
    if np.abs(moved).max() <= ROUNDED * max(np.abs(moved_a).max(), np.abs(moved_b).max()):
        same = bool(np.isclose(value_a, value_b, rtol=ROUNDED, atol=0))
        return _no_spread(0.0 if same else estimate, same, "t")
    reason = too_uneven(shares(checked(a)))
    if reason:
        return Contrast(estimate, None, None, None, None, "t", reason)
    if cluster is not None:
        moved = _sums(moved, cluster)
        variance, df = variance_of_sums(moved), moved.size - 1.0
        few = f"only {moved.size} clusters: the interval is rather narrow" if moved.size < FEW_CLUSTERS else ""
    else:
        sides = [a.label == 1, a.label == 0] if metric.family is Family.RANKING and a.task is Task.BINARY else \
            [np.ones(a.n, dtype=bool)]
        variance, df, few = sum(_spread(moved[side], share[side]) for side in sides), a.effective - 1, ""
    if variance == 0:
        return _no_spread(estimate, False, "t")
    error = math.sqrt(variance)

    def bounds(level: float) -> tuple[float, float]:
        half = student_quantile(df, level) * error
        return estimate - half, estimate + half

    statistic = estimate / error
    return Contrast(estimate, *bounds(level), statistic, student_p(statistic, df), "t", few, error, bounds)


def _spread(moved: Floats, share: Floats) -> float:
    """The variance of a sum of independent rows; 0 for one row, whose spread is unknown."""
    part = share / share.sum()
    free = 1 - float(np.square(part).sum())
    return float(np.square(moved).sum()) / free if free > 0 else 0.0


def _sums(moved: Floats, cluster: npt.ArrayLike) -> Floats:
    """What all rows of each cluster move together, (clusters,)."""
    names, of = np.unique(np.asarray(cluster), return_inverse=True)
    if of.shape != moved.shape:
        raise ValueError(f"{moved.size} rows but {of.size} names of clusters")
    if names.size < 2:
        raise ValueError(f"all rows are in one cluster, {names[0]}")
    return np.bincount(of, weights=moved).astype(np.float64)


def _linear_bootstrap(metric: Metric, a: Answers, b: Answers, how: Resampling,
                      cluster: npt.ArrayLike | None) -> Contrast:
    """A Poisson bootstrap of what rows, or whole clusters of them, move the difference."""
    value_a, moved_a = linearised(metric, a)
    value_b, moved_b = linearised(metric, b)
    moved = moved_a - moved_b
    if not moved.any():
        return _no_spread(value_a - value_b, value_a == value_b)
    strata = np.unique(a.label, return_inverse=True)[1] if how.stratified and a.task is not Task.REGRESSION else \
        np.zeros(a.n, dtype=np.int64)
    if cluster is not None:
        moved = _sums(moved, cluster)
        strata = np.zeros(moved.size, dtype=np.int64)
    samples = poisson_bootstrap(*_linear_cells(strata, moved), how)
    return _of_samples(value_a - value_b, samples + (value_a - value_b), how.level)


def _of_samples(estimate: float, samples: Floats, level: float, reason: str = "") -> Contrast:
    """A difference from its bootstrap samples: percentile interval, and p from the smaller tail, one sample added."""
    def bounds(level: float) -> tuple[float, float]:
        return percentile(samples, level)

    tail = min(int((samples <= 0).sum()), int((samples >= 0).sum()))
    return Contrast(estimate, *bounds(level), None, min(2 * (tail + 1) / (samples.size + 1), 1.0), "bootstrap", reason,
                    float(samples.std(ddof=1)), bounds)


def mcnemar(only_a: int, only_b: int, method: McNemar = "auto") -> tuple[float, float, str]:
    """McNemar's test of two models' right rows: (statistic, two-sided p, method used).

    `only_a` rows are right by a alone, `only_b` by b alone. corrected: χ² = (|b − c| − 1)²/(b + c), 1 df (Edwards
    1948); uncorrected: without the 1; exact: binomial, statistic min(b, c); mid-p: exact less half the probability of
    what was seen (Fagerland, Lydersen & Laake 2013, BMC Med. Res. Methodol. 13:91). auto: mid-p below 25 discordant
    rows, else corrected. No discordant row: statistic 0, p 1. ValueError for negative counts.

    >>> statistic, p, used = mcnemar(1, 7, "exact")
    >>> statistic, round(p, 12), used
    (1.0, 0.0703125, 'mcnemar-exact')
    """
    if min(only_a, only_b) < 0:
        raise ValueError(f"counts are not negative: {only_a}, {only_b}")
    n, fewer = only_a + only_b, min(only_a, only_b)
    used = ("mid-p" if n < FEW_DISCORDANT else "corrected") if method == "auto" else method
    if n == 0:
        return 0.0, 1.0, f"mcnemar-{used}"
    if used in {"exact", "mid-p"}:
        p = 2 * tails.binomial_cdf(fewer, n, 0.5)
        if used == "mid-p":
            p -= math.exp(math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1) - n * math.log(2))
        return float(fewer), min(p, 1.0), f"mcnemar-{used}"
    distance = max(abs(only_a - only_b) - (used == "corrected"), 0)
    statistic = distance**2 / n
    return statistic, normal_p(math.sqrt(statistic)), f"mcnemar-{used}"


def paired_proportions(right_a: Bools, right_b: Bools, level: float = 0.95) -> tuple[float, float, float]:
    """Difference of two proportions on the same rows with its interval: (estimate a − b, low, high).

    Newcombe's square-and-add of Wilson intervals with the correlation of the pairs (1998, Statist. Med. 17:2635,
    method 10), which stays inside [−1, 1] and keeps a width where no row differs. `right_*` (n,) of the same rows.
    """
    n, a, b, both = right_a.size, int(right_a.sum()), int(right_b.sum()), int((right_a & right_b).sum())
    one, other = wilson(a, n, level), wilson(b, n, level)
    covariance = float(both * (n - a - b + both) - (a - both) * (b - both))
    if covariance > 0:
        covariance = max(covariance - n / 2, 0.0)
    margins = math.sqrt(a * (n - a)) * math.sqrt(b * (n - b))
    correlation = covariance / margins if margins > 0 else 0.0

    def reach(x: float, y: float) -> float:
        return math.sqrt(max(x * x - 2 * correlation * x * y + y * y, 0.0))

    estimate = (a - b) / n
    return (estimate, estimate - reach(a / n - one.low, other.high - b / n),
            estimate + reach(one.high - a / n, b / n - other.low))


def mcnemar_test(
    labels: npt.ArrayLike, flagged_a: npt.ArrayLike, flagged_b: npt.ArrayLike, method: McNemar = "auto",
    level: float = 0.95,
) -> Contrast:
    """The difference in accuracy of two models' decisions on the same rows, (n,) of 0/1, by McNemar's test.

    Interval: `paired_proportions`. ValueError for other values, unequal lengths or no rows.
    """
    y, a, b = binary(labels), binary(flagged_a), binary(flagged_b)
    if not y.size == a.size == b.size or y.size == 0:
        raise ValueError(f"{y.size} labels, {a.size} and {b.size} decisions")
    return _mcnemar_of(a == y, b == y, method, level)


def _mcnemar_of(right_a: Bools, right_b: Bools, method: McNemar, level: float) -> Contrast:
    only_a, only_b, n = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum()), right_a.size
    statistic, p, used = mcnemar(only_a, only_b, method)

    def bounds(level: float) -> tuple[float, float]:
        _, low, high = paired_proportions(right_a, right_b, level)
        return low, high

    error = math.sqrt(only_a + only_b - (only_a - only_b) ** 2 / n) / n
    return Contrast((only_a - only_b) / n, *bounds(level), statistic, p, used,
                    "" if only_a + only_b else "both are right and wrong alike on every row", error, bounds)


def paired_bootstrap(
    metric: Metric, labels: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike, resampling: Resampling | None = None
) -> Contrast:
    """The difference of any metric between two score columns (n,), by a Poisson bootstrap that keeps rows paired.

    Rows are counted in cells that are alike to both models, and the cells resampled: by both decisions; by both scores
    up to 10,000 rows; by their influence on the difference for losses, and for rankings of more rows (whose resamples
    are then those of the linearised metric: at that size its curvature is lost in the noise). Percentile interval;
    two-sided p = 2·min(P(d* ≤ 0), P(d* ≥ 0)), one resample added to either side; no statistic; seeded.
    ValueError for one class, a metric that is undefined for either model, and input as `metric_value`.
    """
    how = resampling or Resampling()
    y, s = two_classes(labels, a)
    _, t = labelled(y, b)
    (value_a, why_a), (value_b, why_b) = metric_value(metric, y, s), metric_value(metric, y, t)
    if value_a is None or value_b is None:
        raise ValueError(f"{metric.id} is undefined: {why_a or why_b}")
    estimate = value_a - value_b
    counts, difference = CELLS[metric.family](metric, y, s, t)
    samples = poisson_bootstrap(counts, difference, how)
    samples = samples[np.isfinite(samples)]  # a resample may leave a decision metric undefined
    if samples.size < how.resamples / 2 or np.ptp(samples) == 0:
        same = np.array_equal(s, t) or (metric.family is Family.DECISION and estimate == 0)
        return _no_spread(estimate, same)
    samples += estimate - float(difference(counts[None].astype(np.float64))[0])
    discordant = int(counts[:, 1:3].sum()) if metric.family is Family.DECISION else FEW_DISCORDANT
    few = f"only {discordant} rows are decided differently: the interval is rather narrow"
    return _of_samples(estimate, samples, how.level, few if discordant < FEW_DISCORDANT else "")


def _no_spread(estimate: float, same: bool, method: str = "bootstrap") -> Contrast:
    if same:
        return Contrast(0.0, 0.0, 0.0, 0.0 if method == "t" else None, 1.0, method,
                        "both models give the same on every row", 0.0, lambda _: (0.0, 0.0))
    return Contrast(estimate, None, None, None, None, method, "no row differs from another: no interval" if
                    method == "t" else "the resamples do not vary: no interval")


def _decision_cells(metric: Metric, y: Bools, a: Floats, b: Floats) -> tuple[Counts, Difference]:
    """Cells by both decisions: neither flags, b alone, a alone, both."""
    decided = 2 * (a >= metric.threshold) + (b >= metric.threshold)
    rule = DECISIONS[metric.id].value

    def of(weights: Floats, flagged: list[int], passed: list[int]) -> Floats:
        negative, positive = weights[:, 0].T, weights[:, 1].T
        return rule(np.stack([positive[flagged].sum(axis=0), negative[flagged].sum(axis=0),
                              positive[passed].sum(axis=0), negative[passed].sum(axis=0)]))

    return (np.bincount(decided + 4 * y, minlength=8).reshape(2, 4),
            lambda weights: of(weights, [2, 3], [0, 1]) - of(weights, [1, 3], [0, 2]))


def _ranking_cells(metric: Metric, y: Bools, a: Floats, b: Floats) -> tuple[Counts, Difference]:
    """Pairs of both models' scores, ordered by a's; each model's own scores are sums over them."""
    if y.size > WHOLE_ROWS:
        influence = INFLUENCE[metric.id]
        return _linear_cells(y, influence(y, a) - influence(y, b))
    rank_a, rank_b = (np.unique(s, return_inverse=True)[1] for s in (a, b))
    width = int(rank_b.max()) + 1
    keys, cell = np.unique(rank_a * width + rank_b, return_inverse=True)
    by_b = np.argsort(keys % width, kind="stable")
    starts_a, starts_b = (np.flatnonzero(np.diff(key, prepend=-1)) for key in (keys // width, (keys % width)[by_b]))
    of = RESAMPLED[metric.id]

    def difference(weights: Floats) -> Floats:
        return (of(np.add.reduceat(weights, starts_a, axis=2))
                - of(np.add.reduceat(np.ascontiguousarray(weights[:, :, by_b]), starts_b, axis=2)))

    return np.bincount(cell + keys.size * y, minlength=2 * keys.size).reshape(2, keys.size), difference


def _loss_cells(metric: Metric, y: Bools, a: Floats, b: Floats) -> tuple[Counts, Difference]:
    gap = losses(metric.id, y, a) - losses(metric.id, y, b)
    return _linear_cells(y, (gap - gap.mean()) / gap.size)


def _linear_cells(strata: Bools | Counts, influence: Floats) -> tuple[Counts, Difference]:
    """Cells by stratum and influence, each standing for its mean; the difference is then a sum, less its estimate."""
    distinct = np.unique(influence)
    bins = min(LINEAR_BINS, distinct.size)
    edges = distinct[(np.arange(bins) * distinct.size) // bins]
    cell = np.searchsorted(edges, influence, side="right") - 1 + bins * strata
    levels = int(strata.max()) + 1
    counts = np.bincount(cell, minlength=levels * bins)
    mean = np.bincount(cell, weights=influence, minlength=counts.size) / np.maximum(counts, 1)
    return counts.reshape(levels, -1), lambda weights: weights.reshape(len(weights), -1) @ mean


CELLS = {Family.DECISION: _decision_cells, Family.RANKING: _ranking_cells, Family.LOSS: _loss_cells}


def corrected_t(differences: npt.ArrayLike, test_share: float, level: float = 0.95) -> Contrast:
    """Mean of J fold differences with the corrected resampled t test (Nadeau & Bengio 2003, Mach. Learn. 52:239).

    t = mean/√(s²·(1/J + n_test/n_train)), J − 1 df; `test_share` is n_test/n_train. Training sets of folds overlap, so
    the plain t test is anti-conservative. `differences` (J,), J ≥ 2; ValueError otherwise, or for test_share ≤ 0.
    """
    d = finite(differences)
    if d.size < 2 or test_share <= 0:
        raise ValueError(f"needs at least two folds and a positive n_test/n_train, not {d.size} and {test_share}")
    mean, error = float(d.mean()), math.sqrt(float(d.var(ddof=1)) * (1 / d.size + test_share))
    if np.ptp(d) == 0:
        p = 1.0 if mean == 0 else None
        return Contrast(mean, mean, mean, 0.0 if p else None, p, "corrected-t", "all folds differ alike: no variance")

    def bounds(level: float) -> tuple[float, float]:
        half = student_quantile(d.size - 1, level) * error
        return mean - half, mean + half

    return Contrast(mean, *bounds(level), mean / error, student_p(mean / error, d.size - 1), "corrected-t",
                    error=error, bounds=bounds)
