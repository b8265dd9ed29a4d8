"""Logistic regression by Newton's method, for the one or two parameters that calibration needs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.arrays import Floats

STEPS = 60
SMALL = 0.5     # of the linear predictor, moved by a step: a full one cannot raise the loss
SAMPLE = 10_000  # rows that Newton's steps are first made on, where there are several times as many
PIECE = 8_192    # rows looked at together: their arrays stay in the processor's cache
RUNAWAY = 30.0  # a linear predictor this large in size means fitted probabilities of 1e-13: no finite optimum


class NoOptimum(ValueError):
    """The likelihood has no finite maximum, or no single one."""


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients (k,) and their covariance (k, k), the inverse of the information at the optimum."""

    coefficients: Floats
    covariance: Floats


def logistic(columns: Floats, targets: Floats, offset: Floats | None = None,
             weights: Floats | None = None) -> LogisticFit:
    """Maximum likelihood of P(target = 1) = expit(columns @ β + offset), no penalty (McCullagh & Nelder 1989, §4.4).

    `columns` (n, k) with a column of ones where an intercept is wanted; `targets` (n,) in [0, 1], fractions allowed (as
    Platt's smoothed targets are); `weights` (n,): how many rows each stands for. Newton with step halving, from the
    optimum of an even sample where rows are many; it ends where a further step would move β by less than 10⁻⁵ of a
    standard error, and takes that step. Raises NoOptimum for perfectly separated classes and for columns that depend on
    each other.
    """
    problem = _Likelihood(np.ascontiguousarray(columns.T), targets,
                          np.zeros(1) if offset is None else offset, np.ones(1) if weights is None else weights)
    furthest = np.abs(problem.rows).max(axis=1)
    beta = _first_guess(columns, targets, offset, weights)
    for _ in range(STEPS):
        gradient, information = problem.slopes(beta)
        if np.linalg.cond(information) > 1e13:
            raise NoOptimum("the columns do not determine the coefficients")
        step = np.asarray(np.linalg.solve(information, gradient), dtype=np.float64)
        if np.abs(step) @ furthest <= SMALL:  # the likelihood is nearly a parabola so far around
            beta = beta + step
            if float(gradient @ step) < 1e-10:
                return LogisticFit(beta, np.asarray(np.linalg.inv(information)))
            continue
        beta = problem.search(beta, step)
        if problem.nearest(beta) > RUNAWAY:
            raise NoOptimum("the classes are perfectly separated")
    raise NoOptimum(f"no optimum after {STEPS} steps: the classes may be perfectly separated")


def _first_guess(columns: Floats, targets: Floats, offset: Floats | None, weights: Floats | None) -> Floats:
    """The optimum of every k-th row where there are many, else 0."""
    every = targets.size // SAMPLE
    if every < 4:
        return np.zeros(columns.shape[1])
    try:
        others = (None if each is None else each[::every] for each in (offset, weights))
        return logistic(columns[::every], targets[::every], *others).coefficients
    except NoOptimum:
        return np.zeros(columns.shape[1])


@dataclass(frozen=True)
class _Likelihood:
    """The likelihood of coefficients on columns that lie in memory one after the other, (k, n)."""

    rows: Floats
    targets: Floats
    offset: Floats  # (n,), or (1,) of all rows
    weight: Floats  # likewise

    def pieces(self) -> Iterator[tuple[Floats, Floats, Floats, Floats]]:
        for start in range(0, self.targets.size, PIECE):
            part = slice(start, start + PIECE)
            offset, weight = (each[part] if each.size > 1 else each for each in (self.offset, self.weight))
            yield self.rows[:, part], self.targets[part], offset, weight

    def slopes(self, beta: Floats) -> tuple[Floats, Floats]:
        """Gradient (k,) and information (k, k) of the log likelihood; expit(x) is ½ + ½·tanh(x/2), which is faster."""
        gradient, information = np.zeros(beta.size), np.zeros((beta.size, beta.size))
        for rows, targets, offset, weight in self.pieces():
            half = np.tanh(0.5 * (beta @ rows + offset))
            gradient += rows @ (weight * (targets - 0.5 - 0.5 * half))
            information += (rows * (weight * (0.25 - 0.25 * half * half))) @ rows.T
        return gradient, information

    def nearest(self, beta: Floats) -> float:
        """The linear predictor nearest to 0, without its sign."""
        return min(float(np.abs(beta @ rows + offset).min()) for rows, _, offset, _ in self.pieces())

    def loss(self, beta: Floats) -> float:
        """Negative log likelihood: log(1 + eˣ) − t·x, summed."""
        total = 0.0
        for rows, targets, offset, weight in self.pieces():
            predictor = beta @ rows + offset
            total += float(np.sum(weight * (np.logaddexp(0, predictor) - targets * predictor)))
        return total

    def search(self, beta: Floats, step: Floats) -> Floats:
        """The first of full, half, quarter … step that does not raise the loss."""
        before = self.loss(beta)
        return next((moved for moved in (beta + step / 2**halving for halving in range(30))
                     if self.loss(moved) <= before), beta)
