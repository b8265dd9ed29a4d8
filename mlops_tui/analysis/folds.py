"""Two models measured again and again on parts of the same rows: tests that know how training sets overlap."""

import math

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Floats, finite
from mlops_tui.analysis.interval import Contrast, student_p, student_quantile

REPEATS = 5
NO_INTERVAL = "5×2 cross-validation tests the difference, and has no interval of its mean"


def five_by_two_t(differences: npt.ArrayLike) -> Contrast:
    """Dietterich's 5×2cv paired t test (1998, Neural Comput. 10:1895) of (5, 2) differences: five repeats of two folds.

    t = the first difference / √(mean of the five variances), 5 degrees of freedom. The estimate is the mean of all ten.
    ValueError for another shape.
    """
    d, variance = _halves(differences)
    total = float(variance.mean())
    if total == 0:
        return _without_variance(d, "5x2cv-t")
    statistic = float(d[0, 0]) / math.sqrt(total)
    return Contrast(float(d.mean()), None, None, statistic, student_p(statistic, REPEATS), "5x2cv-t", NO_INTERVAL)


def five_by_two_f(differences: npt.ArrayLike) -> Contrast:
    """Alpaydin's combined 5×2cv F test (1999, Neural Comput. 11:1885), which no order of folds changes.

    F = Σ differences² / (2·Σ variances), 10 and 5 degrees of freedom, for (5, 2) differences. ValueError otherwise.
    """
    d, variance = _halves(differences)
    total = float(variance.sum())
    if total == 0:
        return _without_variance(d, "5x2cv-f")
    statistic = float(np.square(d).sum()) / (2 * total)
    return Contrast(float(d.mean()), None, None, statistic, tails.f_sf(statistic, 2 * REPEATS, REPEATS),
                    "5x2cv-f", NO_INTERVAL)


def _halves(differences: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Differences (5, 2) and the variance of each repeat (5,)."""
    d = np.asarray(differences, dtype=np.float64)
    if d.shape != (REPEATS, 2) or not np.isfinite(d).all():
        raise ValueError(f"needs five repeats of two folds, not values of shape {d.shape}")
    return d, np.asarray(np.square(d - d.mean(axis=1, keepdims=True)).sum(axis=1))


def _without_variance(d: Floats, method: str) -> Contrast:
    mean = float(d.mean())
    p = 1.0 if mean == 0 else None
    return Contrast(mean, None, None, 0.0 if p else None, p, method, "both folds differ alike: no variance")


def naive_t(differences: npt.ArrayLike) -> float:
    """p of the plain t test over folds, to be shown beside the others and never to be judged by.

    It takes folds for independent, whose training sets overlap, and finds differences that are none too often
    (anti-conservative). ValueError below two folds; 1 where none differ.
    """
    d = finite(differences)
    if d.size < 2:
        raise ValueError(f"needs at least two folds, not {d.size}")
    spread = float(d.std(ddof=1)) / math.sqrt(d.size)
    return student_p(float(d.mean()) / spread, d.size - 1) if spread > 0 else 1.0 if d.mean() == 0 else 0.0


def diebold_mariano(differences: npt.ArrayLike, lags: int | None = None, level: float = 0.95) -> Contrast:
    """The mean difference of two models' losses in the order of time, (n,), whose neighbours resemble each other.

    Its variance is Newey & West's (1987, Econometrica 55:703) with `lags` (else ⌊4(n/100)^(2/9)⌋) Bartlett weights, and
    t is corrected for few rows and held against n − 1 degrees of freedom (Diebold & Mariano 1995; Harvey, Leybourne &
    Newbold 1997, Int. J. Forecast. 13:281). ValueError below ten rows, or for as many lags as rows.
    """
    d = finite(differences)
    n = d.size
    reach = math.floor(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    if n < 10 or not 0 <= reach < n:
        raise ValueError(f"needs ten rows in time and fewer lags than rows, not {n} and {reach}")
    mean, centred = float(d.mean()), d - d.mean()
    variance = sum((1 if lag == 0 else 2 * (1 - lag / (reach + 1))) * float(centred[lag:] @ centred[:n - lag])
                   for lag in range(reach + 1)) / n**2
    if variance <= 0:
        p = 1.0 if mean == 0 else None
        return Contrast(mean, None, None, 0.0 if p else None, p, "diebold-mariano", "the losses differ alike in time")
    ahead = reach + 1
    error = math.sqrt(variance / ((n + 1 - 2 * ahead + ahead * (ahead - 1) / n) / n))

    def bounds(level: float) -> tuple[float, float]:
        half = student_quantile(n - 1, level) * error
        return mean - half, mean + half

    return Contrast(mean, *bounds(level), mean / error, student_p(mean / error, n - 1), "diebold-mariano", "", error,
                    bounds)
