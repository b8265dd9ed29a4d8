"""P-values corrected for how many questions were asked at once."""

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Floats


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """Adjusted p-values (k,) of (k,) p-values; rejecting those ≤ α keeps the expected share of false ones among the
    rejected at most α (Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57:289), for independent or positively dependent
    tests. As scipy.stats.false_discovery_control. ValueError for values outside [0, 1].

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    p = _checked(p_values)
    order = np.argsort(p)[::-1]  # from the largest down, so that a running minimum makes the steps monotone
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum.accumulate(p[order] * p.size / np.arange(p.size, 0, -1)).clip(max=1.0)
    return adjusted


def holm(p_values: npt.ArrayLike) -> Floats:
    """Adjusted p-values (k,) of (k,) p-values; rejecting those ≤ α makes any false rejection at most α probable,
    however the tests depend on each other (Holm 1979, Scand. J. Stat. 6:65). ValueError for values outside [0, 1].

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = _checked(p_values)
    order = np.argsort(p)
    adjusted = np.empty(p.size)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)).clip(max=1.0)
    return adjusted


def _checked(p_values: npt.ArrayLike) -> Floats:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not bool(np.all((p >= 0) & (p <= 1))):
        raise ValueError("p-values are one column of numbers between 0 and 1")
    return p
