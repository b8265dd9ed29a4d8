"""How often the intervals of the library hold the truth: samples of a population whose every metric is known.

In the population log odds x are normal, and a row is positive with probability expit(SLOPE·x + SHIFT), so a score of
expit(x) is informative and miscalibrated by that line. A rival scores expit(x + noise).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy import special

from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.calibration import calibration_line, log_losses
from mlops_tui.analysis.confusion import DECISIONS
from mlops_tui.analysis.interval import Estimate, Resampling
from mlops_tui.analysis.metrics import LOSSES, METRICS, estimate
from mlops_tui.analysis.paired import corrected_t, mcnemar_test, paired_bootstrap
from mlops_tui.analysis.ranking import delong_test
from mlops_tui.analysis.weighted import estimate as weighted_estimate

MEAN, SPREAD, SLOPE, SHIFT, NOISE = -0.5, 1.3, 0.8, -0.2, 0.8
THRESHOLD = 0.4
HEAVIER = 3.0  # mean weight of a positive, where a negative has 1; each is exponential

Bounds = tuple[float | None, float | None]
Simulated = Callable[[np.random.Generator, int], tuple[Bounds, float]]


@dataclass(frozen=True)
class Rows:
    """A sample: outcomes, scores, a rival's scores, weights, each (n,)."""

    labels: Bools
    scores: Floats
    rival: Floats
    weights: Floats


def sample(rng: np.random.Generator, n: int) -> Rows:
    x = rng.normal(MEAN, SPREAD, n)
    labels = rng.random(n) < special.expit(SLOPE * x + SHIFT)
    weights = rng.exponential(size=n) * np.where(labels, HEAVIER, 1.0)
    return Rows(labels, special.expit(x), special.expit(x + rng.normal(0, NOISE, n)), weights)


@cache
def truth(metric: str, heavier: float = 1.0, noise: float = 0.0) -> float:
    """A metric of the whole population by numeric integration; positives count `heavier` times."""
    x = np.linspace(MEAN - 9 * SPREAD, MEAN + 9 * SPREAD, 10_001)
    density = np.exp(-0.5 * ((x - MEAN) / SPREAD) ** 2)
    share = special.expit(SLOPE * x + SHIFT)
    positive, negative = heavier * density * share, density * (1 - share)
    if noise:
        far = np.linspace(-6, 6, 241)
        kernel = np.exp(-0.5 * far**2)
        kernel /= kernel.sum()
        positive, negative = (sum(k * np.interp(x - noise * f, x, each) for k, f in zip(kernel, far, strict=True))
                              for each in (positive, negative))
    total = positive.sum() + negative.sum()
    positive, negative = positive / total, negative / total
    scores = special.expit(x)
    if metric in DECISIONS:
        flagged = scores >= THRESHOLD
        cells = np.array([positive[flagged].sum(), negative[flagged].sum(), positive[~flagged].sum(),
                          negative[~flagged].sum()])
        return float(DECISIONS[metric].value(cells[:, None])[0])
    if metric in LOSSES:
        yes, no = LOSSES[metric](np.ones(x.size), scores), LOSSES[metric](np.zeros(x.size), scores)
        return float(positive @ yes + negative @ no)
    if metric == "roc_auc":
        return float(positive @ (np.cumsum(negative) - negative / 2) / positive.sum() / negative.sum())
    reached, flagged = (np.cumsum(each[::-1])[::-1] for each in (positive, positive + negative))
    return float(positive @ (reached / flagged) / positive.sum())


def _metric(name: str) -> Simulated:
    def one(rng: np.random.Generator, n: int) -> tuple[Bounds, float]:
        rows = sample(rng, n)
        found = estimate(replace(METRICS[name], threshold=THRESHOLD), rows.labels, rows.scores,
                         Resampling(resamples=250, seed=int(rng.integers(1 << 30))))
        return (found.low, found.high), truth(name)

    return one


def _weighted(name: str) -> Simulated:
    def one(rng: np.random.Generator, n: int) -> tuple[Bounds, float]:
        rows = sample(rng, n)
        found: Estimate = weighted_estimate(replace(METRICS[name], threshold=THRESHOLD), rows.labels, rows.scores,
                                            rows.weights)
        return (found.low, found.high), truth(name, HEAVIER)

    return one


def _bootstrap(name: str) -> Simulated:
    def one(rng: np.random.Generator, n: int) -> tuple[Bounds, float]:
        rows = sample(rng, n)
        found = paired_bootstrap(replace(METRICS[name], threshold=THRESHOLD), rows.labels, rows.scores, rows.rival,
                                 Resampling(resamples=400, seed=int(rng.integers(1 << 30))))
        return (found.low, found.high), truth(name) - truth(name, noise=NOISE)

    return one


def _delong(rng: np.random.Generator, n: int) -> tuple[Bounds, float]:
    rows = sample(rng, n)
    found = delong_test(rows.labels, rows.scores, rows.rival)
    return (found.low, found.high), truth("roc_auc") - truth("roc_auc", noise=NOISE)


def _newcombe(rng: np.random.Generator, n: int) -> tuple[Bounds, float]:
    rows = sample(rng, n)
    found = mcnemar_test(rows.labels, rows.scores >= THRESHOLD, rows.rival >= THRESHOLD)
    return (found.low, found.high), truth("accuracy") - truth("accuracy", noise=NOISE)


def _folds(rng: np.random.Generator, n: int) -> tuple[Bounds, float]:
    """Ten random tests of a tenth of the rows, of two models that are fixed: all that the correction is exact for."""
    rows = sample(rng, n)
    gap = log_losses(rows.labels, rows.scores) - log_losses(rows.labels, rows.rival)
    tests = [gap[rng.permutation(n)[:n // 10]].mean() for _ in range(10)]
    found = corrected_t(tests, (n // 10) / (n - n // 10))
    return (found.low, found.high), truth("log_loss") - truth("log_loss", noise=NOISE)


def _line(which: str, value: float) -> Simulated:
    def one(rng: np.random.Generator, n: int) -> tuple[Bounds, float]:
        rows = sample(rng, n)
        found = getattr(calibration_line(rows.labels, rows.scores), which)
        return found or (None, None), value

    return one


INTERVALS: Mapping[str, Simulated] = {
    **{name: _metric(name) for name in (*DECISIONS, "roc_auc", "average_precision", *LOSSES)},
    **{f"weighted {name}": _weighted(name) for name in (*DECISIONS, "roc_auc", "average_precision", *LOSSES)},
    "calibration slope": _line("slope_bounds", SLOPE), "calibration intercept": _line("intercept_bounds", SHIFT),
    "DeLong difference": _delong, "paired accuracies (Newcombe)": _newcombe, "corrected t of folds": _folds,
    **{f"paired bootstrap {name}": _bootstrap(name) for name in ("roc_auc", "average_precision", "f1", "brier")},
}


DRAWS = 4000
PROMISE = (0.93, 0.97)  # what a 95 % interval holds to, and by interval and rows of a sample what some hold instead
EXCEPTIONS: Mapping[tuple[str, int], float] = {
    ("weighted log_loss", 100): 0.916,          # some 45 effective rows of a heavy-tailed loss
    ("weighted recall", 100): 0.928,            # some 17 effective positives
    ("weighted balanced_accuracy", 60): 0.921, ("weighted recall", 60): 0.924,  # some 27 effective rows
    ("weighted f1", 60): 0.923, ("weighted mcc", 60): 0.915, ("weighted average_precision", 60): 0.972,
    ("weighted brier", 60): 0.925, ("weighted log_loss", 60): 0.916,
    ("weighted accuracy", 30): 0.921, ("weighted balanced_accuracy", 30): 0.909,  # some 13, where they are 10 at all
    ("weighted precision", 30): 0.858, ("weighted recall", 30): 0.9297, ("weighted specificity", 30): 0.921,
    ("weighted f1", 30): 0.909, ("weighted mcc", 30): 0.905, ("weighted average_precision", 30): 0.990,
    ("weighted brier", 30): 0.926, ("weighted log_loss", 30): 0.912,
    ("calibration slope", 30): 0.972,           # Wald's interval of a dozen positives
    ("paired bootstrap f1", 60): 0.92,          # few rows are decided differently, and the interval says so
}


@dataclass(frozen=True)
class Coverage:
    """Of the samples that have an interval: the share that hold the truth, lie wholly above it, and wholly below it."""

    held: float
    above: float
    below: float
    without: float  # share of all samples that have none


def coverage(interval: str, rows: int, draws: int = DRAWS) -> Coverage:
    """The coverage of an interval in so many seeded samples of so many rows."""
    one, rng = INTERVALS[interval], np.random.default_rng([rows, *interval.encode()])
    held = above = below = 0
    for _ in range(draws):
        (low, high), value = one(rng, rows)
        if low is not None and high is not None:
            held, above, below = held + (low <= value <= high), above + (low > value), below + (high < value)
    given = max(held + above + below, 1)
    return Coverage(held / given, above / given, below / given, 1 - (held + above + below) / draws)
