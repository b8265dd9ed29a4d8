"""Whether answers know labels that they cannot know: a test against chance, by the moments of a permutation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.ranks import mid_ranks

LEVEL = 0.001  # one false alarm in a thousand


@dataclass(frozen=True)
class Chance:
    """How far answers agree with permuted labels: standardised, and the one-sided p of as much by chance."""

    z: float
    p_value: float
    n: int
    level: float = LEVEL

    @property
    def above(self) -> bool:
        """Whether the answers know more than chance allows."""
        return self.p_value < self.level


def above_chance(folds: Sequence[Answers], level: float = LEVEL) -> Chance:
    """Test that answers on each fold's test rows are independent of their permuted labels; large z: they know them.

    Labels that were permuted before anything was fitted are exchangeable within a fold's test rows to whoever has not
    seen them. The agreement T = Σ a(i, y_i) then has the mean and variance of a random permutation (Hoeffding 1951,
    Ann. Math. Stat. 22:558): of the ranks of a score and the label (binary, Wilcoxon's), of both ranks (regression,
    Spearman's), of the probability given to the row's class (multiclass). Summed over folds, z is compared with the
    normal. ValueError for no folds, or answers that are the same on all rows.
    """
    moments = [_moments(each) for each in folds]
    variance = sum(each[1] for each in moments)
    if not moments or variance <= 0:
        raise ValueError("the answers do not vary, so nothing can be seen in them")
    z = sum(each[0] for each in moments) / math.sqrt(variance)
    return Chance(z, math.erfc(z / math.sqrt(2)) / 2, sum(each.n for each in folds), level)


def _moments(answers: Answers) -> tuple[float, float]:
    """T less its mean, and its variance, of one fold."""
    n = answers.n
    if n < 2:
        return 0.0, 0.0
    if answers.task is Task.MULTICLASS:
        return _of_classes(answers)
    u, v = mid_ranks(answers.given) / n, np.asarray(answers.label, dtype=np.float64)
    if answers.task is Task.REGRESSION:
        v = mid_ranks(v) / n
    u, v = u - u.mean(), v - v.mean()
    return float(u @ v), float((u @ u) * (v @ v) / (n - 1))


def _of_classes(answers: Answers) -> tuple[float, float]:
    n, label = answers.n, answers.label.astype(np.int64)
    k = max(len(answers.classes), int(label.max()) + 1, *answers.given.shape[1:])
    given = answers.given if answers.given.ndim == 2 else np.eye(k)[answers.given.astype(np.int64)]
    share = np.bincount(label, minlength=given.shape[1])[:given.shape[1]] / n
    row, column = given @ share, given.mean(axis=0)
    centred = given - row[:, None] - column + column @ share
    return (float(given[np.arange(n), label].sum() - n * (column @ share)),
            float((n * share * centred**2).sum() / (n - 1)))
