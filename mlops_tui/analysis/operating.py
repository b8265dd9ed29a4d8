"""What each threshold on the scores of a binary model makes of the rows, for drawing."""

from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.answers import Answers
from mlops_tui.analysis.arrays import Floats, two_classes
from mlops_tui.analysis.influence import shares

POINTS = 200


@dataclass(frozen=True)
class OperatingPoints:
    """From the threshold that flags nothing to the one that flags all, (k,): shares of rows, weighted where they are.

    `flagged` of all rows, `recall` of the yes rows, `false_positive_rate` of the no rows.
    """

    threshold: Floats
    flagged: Floats
    recall: Floats
    false_positive_rate: Floats
    prevalence: float

    @property
    def precision(self) -> Floats:
        """Of the flagged, the share of yes rows; 1 where nothing is flagged."""
        found = self.recall * self.prevalence
        return np.divide(found, self.flagged, out=np.ones(found.size), where=self.flagged > 0)


def operating_points(answers: Answers, points: int = POINTS) -> OperatingPoints:
    """Up to `points` thresholds, each a true one of the scores, evenly spread over the rows. ValueError as roc_auc."""
    y, s = two_classes(answers.label, answers.given)
    order, share = np.argsort(s)[::-1], shares(answers)
    ordered, positive = s[order], y[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), s.size - 1)  # of each group of equal scores
    if last.size > points:
        last = last[np.unique(np.searchsorted(last, np.linspace(last[0], s.size - 1, points)))]
    yes, all_ = np.cumsum(np.where(positive, share[order], 0.0))[last], np.cumsum(share[order])[last]
    if not 0 < yes[-1] < all_[-1]:
        raise ValueError("only one class has any weight")
    prevalence = float(yes[-1] / all_[-1])
    flagged, recall = all_ / all_[-1], yes / yes[-1]
    false = (all_ - yes) / (all_[-1] - yes[-1])
    return OperatingPoints(np.append(np.inf, ordered[last]), np.append(0.0, flagged), np.append(0.0, recall),
                           np.append(0.0, false), prevalence)
