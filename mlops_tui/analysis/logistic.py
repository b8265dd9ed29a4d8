"""Logistic regression by Newton's method, for the one or two parameters that calibration needs."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from mlops_tui.analysis.arrays import Floats

STEPS = 60
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
    Platt's smoothed targets are); `weights` (n,): how many rows each stands for. Newton with step halving. Raises NoOptimum for perfectly separated classes and for
    columns that depend on each other.
    """
    shift = np.zeros(len(targets)) if offset is None else offset
    rows = np.ones(len(targets)) if weights is None else weights
    beta = np.zeros(columns.shape[1])
    loss = _loss(columns, targets, (shift, rows), beta)
    for _ in range(STEPS):
        fitted = special.expit(columns @ beta + shift)
        information = (columns * (rows * fitted * (1 - fitted))[:, None]).T @ columns
        if np.linalg.cond(information) > 1e13:
            raise NoOptimum("the columns do not determine the coefficients")
        step = np.linalg.solve(information, columns.T @ (rows * (targets - fitted)))
        beta, improved = _line_search(columns, targets, (shift, rows), (beta, step, loss))
        if np.max(np.abs(columns @ step)) < 1e-10 or loss - improved <= 1e-14 * (1 + abs(loss)):
            return LogisticFit(beta, np.linalg.inv(information))
        loss = improved
        if np.min(np.abs(columns @ beta + shift)) > RUNAWAY:
            raise NoOptimum("the classes are perfectly separated")
    raise NoOptimum(f"no optimum after {STEPS} steps: the classes may be perfectly separated")


def _loss(columns: Floats, targets: Floats, given: tuple[Floats, Floats], beta: Floats) -> float:
    """Negative log likelihood: log(1 + eˣ) − t·x, summed over rows; `given` are their offsets and weights."""
    predictor = columns @ beta + given[0]
    return float(given[1] @ (np.logaddexp(0, predictor) - targets * predictor))


def _line_search(
    columns: Floats, targets: Floats, given: tuple[Floats, Floats], state: tuple[Floats, Floats, float]
) -> tuple[Floats, float]:
    """The first of full, half, quarter … step that does not raise the loss."""
    beta, step, loss = state
    for halving in range(30):
        moved = beta + step / 2**halving
        if (now := _loss(columns, targets, given, moved)) <= loss:
            return moved, now
    return beta, loss
