"""A candidate with its recalibration inside: fitted on what it says of later rows than it was fitted on, in training.

Runs in the child process. The whole becomes scikit-learn's own CalibratedClassifierCV, fitted: whoever loads it needs
nothing of ours, and its scores are the ones that training measured.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special
from sklearn.calibration import CalibratedClassifierCV, _CalibratedClassifier, _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression

from mlops_tui.analysis.mending import AS_IS, Mended, best, recalibrations
from mlops_tui.analysis.mending import Rows as Scored
from mlops_tui.analysis.recalibration import Map, OddsLine, fitted
from mlops_tui.errors import BadInput
from mlops_tui.models.candidates import BINARY, Fitted, Floats, Rows, described

CUTS = (0.4, 0.6, 0.8)  # of the training rows: up to here a copy is fitted, from here to the next it is asked
FEWEST = 100            # rows of the training that were scored unseen
ODDS, KNOTS = 14.0, 4097  # a map that is no line on the log odds is kept as so many points: off by less than 1e-6
AUTO, DAY = "auto", 86_400_000_000

Refit = Callable[[Rows], Fitted]


@dataclass(frozen=True)
class Moments:
    """When each training row happened, and when its outcome was known, in microseconds, (n,); rows rise in time."""

    at: npt.NDArray[np.int64]
    known: npt.NDArray[np.int64]


def recalibrated(model: Fitted, refit: Refit, how: str, train: Rows, moments: Moments, where: str) -> Fitted:
    """The model with the recalibration that `how` names inside; `auto`: the best one, or none where none is surely
    better.

    Copies are fitted by `refit` on the first 40, 60 and 80 % of the training rows, without those whose outcome was not
    known yet when the next ones happened, and asked about the next 20 %. On these scores the maps are fitted; to choose
    one, fitted on the earlier and judged on the later of them. BadInput for a map that cannot be fitted.
    """
    if train.task != BINARY:
        raise BadInput(f"`calibrate:` is for a yes or no; this is a {train.task} model.", where=where,
                       next="Leave `calibrate:` out.")
    began = time.perf_counter()
    chosen, block = unseen(train, refit, moments)
    label = train.label[chosen].astype(np.bool_)
    if chosen.size < FEWEST or label.all() or not label.any():
        raise BadInput(f"{chosen.size} training rows could be scored unseen, which is too little to recalibrate on.",
                       where=where, next=f"At least {FEWEST} of both outcomes are needed: choose a longer window.")
    scores = np.concatenate([score for _, score in block])
    fold = np.repeat(np.arange(len(block)), [score.size for _, score in block])
    weights = None if train.weight is None else train.weight[chosen]
    rows = Scored(label, scores, np.unique(fold, return_inverse=True)[1], True, weights,
                  np.unique(moments.at[chosen] // DAY, return_inverse=True)[1])
    tried = recalibrations(rows)
    name = best(tried).name if how == AUTO else how
    told = {"asked": how, "method": "" if name == AS_IS else name, "rows": int(chosen.size),
            "tried": [_told(each) for each in tried]}
    spent = model.seconds + time.perf_counter() - began
    if name == AS_IS:
        said = "as it is: no recalibration is surely better"
        return replace(model, spelled="", seconds=spent, notes=(*model.notes, said), calibrator=told | {"says": said})
    try:
        found = fitted(name, label, scores, weights)
    except ValueError as problem:
        raise BadInput(f"{name} cannot recalibrate it: {problem}.", where=where,
                       next="Write `calibrate: auto`, or leave it out.") from problem
    return replace(model, model=wrapped(model.model, found), spelled="", seconds=spent,
                   notes=(*model.notes, f"recalibrated by {name}, {found}{_doubt(tried, name)}"),
                   description=f"{described(model.model)}, recalibrated by {name}",
                   calibrator=told | {"says": str(found)})


def _doubt(tried: Sequence[Mended], name: str) -> str:
    """What is to be said of a recalibration that was asked for by name and is not surely better."""
    each = next(each for each in tried if each.name == name)
    if each.better:
        return ""
    worse = each.low is not None and each.low > 0
    return f"; on later rows of the training that is {'worse than' if worse else 'not surely better than'} as it is"


def unseen(train: Rows, refit: Refit, moments: Moments) -> tuple[npt.NDArray[np.intp], list[tuple[int, Floats]]]:
    """Which training rows were scored by a copy fitted before them, and the scores of each span of them."""
    n = moments.at.size
    cuts = [int(np.searchsorted(moments.at, moments.at[int(n * share)])) for share in CUTS]  # equal times stay together
    chosen, blocks = [], []
    for number, (first, end) in enumerate(zip(cuts, [*cuts[1:], n], strict=True)):
        if end <= first:
            continue
        before = np.flatnonzero(moments.known[:first] <= moments.at[first])
        if before.size == 0 or len(set(train.label[before].tolist())) < 2:
            continue
        copy = refit(_taken(train, before))
        blocks.append((number, response(copy.model, train.features.iloc[first:end])))
        chosen.append(np.arange(first, end))
    return (np.concatenate(chosen) if chosen else np.empty(0, dtype=np.intp)), blocks


def _taken(rows: Rows, places: npt.NDArray[np.intp]) -> Rows:
    weight = None if rows.weight is None else rows.weight[places]
    return Rows(rows.features.iloc[places], rows.label[places], rows.task, weight)


def response(model: Any, features: Any) -> Floats:
    """What a recalibration reads, in [0, 1]: the logistic of a decision where there is one, else the probability.

    Of nearly every estimator with both they are the same number.
    """
    if hasattr(model, "decision_function"):
        return np.asarray(special.expit(np.asarray(model.decision_function(features), dtype=np.float64)))
    return np.asarray(model.predict_proba(features), dtype=np.float64)[:, 1]


def wrapped(model: Any, found: Map) -> CalibratedClassifierCV:
    """A fitted model and a map as one fitted estimator of scikit-learn's."""
    decides = hasattr(model, "decision_function")
    if decides and isinstance(found, OddsLine):
        method, calibrator = "sigmoid", _SigmoidCalibration()
        calibrator.a_, calibrator.b_ = -found.slope, -found.intercept
    else:
        method, calibrator = "isotonic", _points(found, decides)
    classes = np.asarray(model.classes_)
    whole = CalibratedClassifierCV(model, method=method, ensemble=False)
    whole.calibrated_classifiers_ = [_CalibratedClassifier(model, [calibrator], classes=classes, method=method)]
    whole.classes_ = classes
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(model, name):
            setattr(whole, name, getattr(model, name))
    return whole


def _points(found: Map, decides: bool) -> IsotonicRegression:
    """The map as a rising line through points, by decision or by probability."""
    grid = np.linspace(-ODDS, ODDS, KNOTS)
    corners: Sequence[float] = getattr(found, "x", ())
    if len(corners):
        scores = np.asarray(corners, dtype=np.float64)
        grid = special.logit(np.clip(scores, special.expit(-ODDS), special.expit(ODDS))) if decides else scores
    else:
        scores = special.expit(grid) if decides else np.unique([0.0, *special.expit(grid), 1.0])
        grid = grid if decides else scores
    points = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    return points.fit(grid, np.maximum.accumulate(found(scores)))


def _told(each: Mended) -> dict[str, Any]:
    return {"method": each.name, "log_loss": each.log_loss, "change": each.change, "low": each.low, "high": each.high,
            "ece": each.ece, "n": each.n, "reason": each.reason}
