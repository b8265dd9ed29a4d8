"""How often the right one of several classes is given, over all rows and class by class, and how sure the model was."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mlops_tui.analysis.answers import Answers
from mlops_tui.analysis.arrays import Bools, Counts, Floats
from mlops_tui.analysis.influence import Linear, Scale, proportion, shares, weighted_mean
from mlops_tui.analysis.interval import Interval, auc_interval, wilson_share, z_score
from mlops_tui.analysis.ranking import placements

CLIP = 1e-15
SLACK = 0.001  # that probabilities may miss 1 by, as rounded ones do
RARE = 30  # rows of a class, whose own spread is then not to be trusted
Number = TypeVar("Number", float, Floats)
Cells = Floats  # (k, k): the share of weight by class of the label, then by class given


@dataclass(frozen=True)
class Decided:
    """A metric of the cells: value and gradient, the influence of a row in each cell; or why it is undefined."""

    of: Callable[[Cells], tuple[float, Floats] | str]
    scale: Scale


@dataclass(frozen=True)
class ClassScore:
    """One class: rows that are it, rows that were given it, and three proportions with Wilson intervals."""

    name: str
    n: int
    given: int
    precision: tuple[float, Interval] | None
    recall: tuple[float, Interval] | None
    f1: tuple[float, Interval] | None


def checked(answers: Answers) -> Answers:
    """The answers; ValueError for no rows, class numbers outside, probabilities that are none or do not sum to 1."""
    k = len(answers.classes)
    if answers.n == 0:
        raise ValueError("no rows")
    for numbers, what in ((answers.label, "label"), *([(answers.given, "class")] if answers.given.ndim == 1 else [])):
        if numbers.min() < 0 or numbers.max() >= k:
            raise ValueError(f"a {what} is the number of one of {k} classes")
    if answers.given.ndim == 2:
        if answers.given.shape[1] != k:
            raise ValueError(f"{k} classes but {answers.given.shape[1]} probabilities a row")
        if not np.isfinite(answers.given).all() or answers.given.min() < 0 or answers.given.max() > 1:
            raise ValueError("probabilities lie in [0, 1]")
        gap = np.abs(answers.given.sum(axis=1) - 1)
        if gap.max() > SLACK:
            row = int(gap.argmax())
            raise ValueError(f"the probabilities of row {row} add up to {answers.given[row].sum():.4g}, not to 1")
    return answers


def cells(answers: Answers) -> Cells:
    """The share of all weight by class and class given, (k, k)."""
    if answers.weight is None:
        counted: Cells = confusion(answers) / answers.n
        return counted
    k = len(answers.classes)
    of = answers.label * k + answers.decided
    return np.bincount(of, shares(answers), k * k).astype(np.float64).reshape(k, k)


def confusion(answers: Answers) -> Counts:
    """Rows by class and class given, (k, k), unweighted."""
    k = len(answers.classes)
    counts: Counts = np.bincount(answers.label * k + answers.decided, minlength=k * k).reshape(k, k)
    return counts


# -- of the cells ---------------------------------------------------------------------------------------------------


def accuracy(c: Cells) -> tuple[float, Floats]:
    """The share of rows that were given their class."""
    value = float(np.trace(c))
    gradient: Floats = np.eye(len(c)) - value
    return value, gradient


def balanced_accuracy(c: Cells) -> tuple[float, Floats]:
    """Mean recall of the classes that occur."""
    rows = c.sum(axis=1)
    there = rows > 0
    recall = np.divide(np.diag(c), rows, out=np.zeros(len(c)), where=there)
    gradient = np.divide(np.eye(len(c)) - recall[:, None], rows[:, None], out=np.zeros_like(c), where=there[:, None])
    return float(recall[there].mean()), gradient / there.sum()


def _f1(c: Cells) -> tuple[Floats, Floats]:
    """F1 of each class, (k,), 0 where it neither occurs nor is given; and the sum of its two margins, 1 there."""
    size = c.sum(axis=1) + c.sum(axis=0)
    size[size == 0] = 1
    return 2 * np.diag(c) / size, size


def _of_f1(c: Cells, counts: Floats) -> tuple[float, Floats]:
    """Σ counts·F1 and its gradient: of F1 of class c, (2·[i = j = c] − F1·([i = c] + [j = c]))/size."""
    f1, size = _f1(c)
    lost = counts * f1 / size
    return float(counts @ f1), np.diag(2 * counts / size) - lost[:, None] - lost[None, :]


def macro_f1(c: Cells) -> tuple[float, Floats]:
    """Mean F1 of the classes that occur or are given, all alike however rare (scikit-learn's `f1_macro`)."""
    there = (c.sum(axis=1) + c.sum(axis=0)) > 0
    return _of_f1(c, there / there.sum())


def weighted_f1(c: Cells) -> tuple[float, Floats]:
    """Mean F1 of the classes by their share of the rows (scikit-learn's `f1_weighted`)."""
    value, gradient = _of_f1(c, c.sum(axis=1))
    return value, gradient + (_f1(c)[0] - value)[:, None]


def kappa(c: Cells) -> tuple[float, Floats] | str:
    """Cohen's κ, (pₒ − pₑ)/(1 − pₑ), with the variance of Fleiss, Cohen & Everitt (1969, Psych. Bull. 72:323)."""
    rows, given, right = c.sum(axis=1), c.sum(axis=0), float(np.trace(c))
    chance = float(rows @ given)
    if 1 - chance < 1e-12:
        return "all rows are of one class and were given it"
    of_chance = given[:, None] + rows[None, :] - 2 * chance
    return ((right - chance) / (1 - chance),
            (np.eye(len(c)) - right) / (1 - chance) - of_chance * (1 - right) / (1 - chance) ** 2)


def mcc(c: Cells) -> tuple[float, Floats] | str:
    """Matthews' correlation of several classes, R_K (Gorodkin 2004, Comput. Biol. Chem. 28:367)."""
    rows, given, right = c.sum(axis=1), c.sum(axis=0), float(np.trace(c))
    chance, of_rows, of_given = float(rows @ given), 1 - float(rows @ rows), 1 - float(given @ given)
    if min(of_rows, of_given) < 1e-12:
        return "all rows are of one class, or all were given one"
    root = float(np.sqrt(of_rows * of_given))
    value = (right - chance) / root
    top = np.eye(len(c)) - right - (given[:, None] + rows[None, :] - 2 * chance)
    bottom = (1 - of_rows - rows)[:, None] / of_rows + (1 - of_given - given)[None, :] / of_given
    return value, top / root - value * bottom


DECIDED: Mapping[str, Decided] = {
    "accuracy": Decided(accuracy, Scale.LOGIT),
    "balanced_accuracy": Decided(balanced_accuracy, Scale.LOGIT),
    "macro_f1": Decided(macro_f1, Scale.LOGIT),
    "weighted_f1": Decided(weighted_f1, Scale.LOGIT),
    "mcc": Decided(mcc, Scale.FISHER),
    "kappa": Decided(kappa, Scale.FISHER),
}


# -- of probabilities -----------------------------------------------------------------------------------------------


def log_losses(answers: Answers) -> Floats:
    """−log of the probability given to the class of each row, in nats, (n,), clipped at 1e-15."""
    given: Floats = answers.given[np.arange(answers.n), answers.label]
    losses: Floats = -np.log(np.clip(given, CLIP, 1))
    return losses


def brier_losses(answers: Answers) -> Floats:
    """Σ over classes of (probability − whether it is that class)², (n,), from 0 to 2 (Brier 1950, eq. 2)."""
    given: Floats = answers.given[np.arange(answers.n), answers.label]
    losses: Floats = np.square(answers.given).sum(axis=1) - 2 * given + 1
    return losses


def in_top(answers: Answers, most: int) -> Floats:
    """1 where the class of a row is among the `most` most probable ones, the first of equal ones before, (n,)."""
    own = answers.given[np.arange(answers.n), answers.label][:, None]
    earlier = np.arange(len(answers.classes))[None, :] < answers.label[:, None]
    before = (answers.given > own).sum(axis=1) + ((answers.given == own) & earlier).sum(axis=1)
    found: Floats = (before < most).astype(np.float64)
    return found


def rare_auc_interval(answers: Answers, level: float = 0.95) -> Interval | None:
    """The interval of `roc_auc_ovr` where a class has fewer than 30 rows, which may be separated by chance; else None.

    Newcombe's intervals of each class (2006, method 5), which keep their width there, joined as by `of_classes`.
    """
    n = np.bincount(answers.label, minlength=len(answers.classes))
    if n[n > 0].min() >= RARE:
        return None
    scale, joined, down, up = answers.effective / answers.n, 0.0, 0.0, 0.0
    seen = [number for number in np.flatnonzero(n) if n[number] < answers.n]
    for number in seen:
        of = answers.label == number
        share = shares(answers)
        auc = float(share[of] @ _placed(of, answers.given[:, number], share)[of]) / float(share[of].sum())
        each = auc_interval(auc, None, scale * n[number], scale * (answers.n - n[number]), level)
        joined, down, up = joined + auc, down + (auc - each.low) ** 2, up + (each.high - auc) ** 2
    mean = joined / len(seen)
    return Interval(mean - math.sqrt(down) / len(seen), mean + math.sqrt(up) / len(seen), "newcombe-mover", level)


def roc_auc_ovr(answers: Answers) -> Linear | str:
    """Mean ROC AUC of each class that occurs against all others (Provost & Domingos 2000; scikit-learn's `ovr`, macro).

    A class without rows, or with all of them, is left out.
    """
    share, total, value, seen = shares(answers), np.zeros(answers.n), 0.0, 0
    for number in range(len(answers.classes)):
        of = answers.label == number
        mass = float(share[of].sum())
        if not of.any() or of.all():
            continue
        placed = placements(of, answers.given[:, number]) if answers.weight is None else \
            _placed(of, answers.given[:, number], share)
        auc = float(share[of] @ placed[of]) / mass
        total += (placed - auc) / np.where(of, mass, 1 - mass)
        value, seen = value + auc, seen + 1
    return Linear(value / seen, total / seen, Scale.LOGIT) if seen else "all rows are of one class"


def _placed(of: Bools, scores: Floats, share: Floats) -> Floats:
    """Of each row the share of the other class's weight that it is ranked rightly against; a tie counts half."""
    order = np.argsort(scores)
    ordered = scores[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    size = np.diff(np.append(first, scores.size))
    positive = np.add.reduceat(np.where(of, share, 0.0)[order], first)
    negative = np.add.reduceat(np.where(of, 0.0, share)[order], first)
    below, passed = (np.cumsum(mass) - mass / 2 for mass in (negative, positive))
    placed = np.empty(scores.size)
    placed[order] = np.where(of[order], np.repeat(below / negative.sum(), size),
                             np.repeat(1 - passed / positive.sum(), size))
    return placed


PROBABLE: Mapping[str, Callable[[Answers], Floats]] = {"log_loss": log_losses, "brier": brier_losses}
TOPS = {"top_2_accuracy": 2, "top_3_accuracy": 3, "top_5_accuracy": 5}


def linear(metric: str, answers: Answers) -> Linear | str:
    """The metric of several classes and each row's influence on it, or why it is undefined. KeyError: no such one."""
    if metric == "accuracy":
        return _mean((answers.label == answers.decided).astype(np.float64), answers, Scale.LOGIT)
    if metric in DECIDED:
        found = DECIDED[metric].of(cells(answers))
        if isinstance(found, str):
            return found
        return Linear(min(found[0], 1.0), found[1][answers.label, answers.decided], DECIDED[metric].scale)
    if answers.given.ndim == 1:
        return "the model gives no probabilities"
    if metric == "roc_auc_ovr":
        return roc_auc_ovr(answers)
    if metric in TOPS:
        if TOPS[metric] >= len(answers.classes):
            return f"there are only {len(answers.classes)} classes"
        return _mean(in_top(answers, TOPS[metric]), answers, Scale.LOGIT)
    return _mean(PROBABLE[metric](answers), answers, Scale.LOSS)


def _mean(values: Floats, answers: Answers, scale: Scale) -> Linear:
    value = weighted_mean(values, shares(answers))
    return Linear(value, values - value, scale)


def of_classes(metric: str, answers: Answers, level: float = 0.95) -> Interval | None:
    """The interval of a mean over classes, joined from each class's own (MOVER: Zou & Donner 2008, Statist. Med.
    27:1693), so that a rare class without an error keeps its width; None for other metrics.

    Recalls are proportions of disjoint rows, with Wilson's intervals. F1 = 2J/(1 + J), J the share of right rows among
    those that are the class or were given it, and its interval is Wilson's of J turned the same way.
    """
    if metric not in ("balanced_accuracy", "macro_f1"):
        return None
    k, of = len(answers.classes), answers.label * len(answers.classes) + answers.decided
    share = shares(answers)
    mass, squares = (np.bincount(of, each, k * k).reshape(k, k) for each in (share, np.square(share)))
    hit, total, hit2, total2 = (each for found in (mass, squares) for each in (
        np.diag(found), found.sum(axis=1) + (found.sum(axis=0) - np.diag(found) if metric == "macro_f1" else 0)))
    hit, total, hit2, total2 = (each[mass.sum(axis=1) + (mass.sum(axis=0) if metric == "macro_f1" else 0) > 0]
                                for each in (hit, total, hit2, total2))
    value = np.minimum(hit / total, 1.0)
    spread = (hit2 * (1 - value) ** 2 + np.maximum(total2 - hit2, 0) * value**2) / total**2
    rows = np.divide(value * (1 - value), spread, out=total**2 / total2, where=spread > 1e-300)
    low, high = wilson_share(value, rows, level)
    if metric == "macro_f1":
        value, low, high = _doubled(value), _doubled(low), _doubled(high)
    mean, classes = float(value.mean()), value.size
    return Interval(mean - float(np.sqrt(np.square(value - low).sum())) / classes,
                    mean + float(np.sqrt(np.square(high - value).sum())) / classes, "wilson-mover", level)


def by_label(influence: Floats, answers: Answers) -> tuple[float, float]:
    """Variance of a linearised metric that weighs classes alike, and Satterthwaite's degrees of freedom (1946).

    The rows of each class add a variance of their own, each with its n/(n − 1): the rarest class decides.
    """
    moved, k = np.square(shares(answers) * influence), len(answers.classes)
    n = np.bincount(answers.label, minlength=k)
    part = np.bincount(answers.label, moved, k)[n > 0].astype(np.float64)
    rows = np.maximum(n[n > 0], 2).astype(np.float64)
    part = part * rows / (rows - 1)
    total, worst = float(part.sum()), float(np.square(part) @ (1 / (rows - 1)))
    return total, total**2 / worst if worst > 0 else 0.0


def all_right(metric: str, answers: Answers, level: float = 0.95) -> Interval | None:
    """The interval where every row was given its class, or none, and nothing varies; None where that is no evidence.

    z² rows are added that are right by chance alone, as Agresti & Coull (1998, Am. Stat. 52:119) add to a proportion,
    and the interval is taken there; the bound on the side of the value is the value.
    """
    if metric not in DECIDED:
        return None
    share = shares(answers)
    rows, z2 = 1 / float(np.square(share).sum()), z_score(level) ** 2
    seen = cells(answers)
    added = (rows * seen + z2 * np.outer(seen.sum(axis=1), seen.sum(axis=0))) / (rows + z2)
    found, value = DECIDED[metric].of(added), DECIDED[metric].of(seen)
    if isinstance(found, str) or isinstance(value, str):
        return None
    spread = float((added * np.square(found[1])).sum()) / (rows + z2)
    half = z_score(level) * math.sqrt(spread)
    if half == 0:
        return None
    low, high = found[0] - half, found[0] + half
    return Interval(min(low, value[0]), max(high, value[0]) if value[0] < 1 else 1.0, "agresti-coull", level)


def by_class(answers: Answers, level: float = 0.95) -> tuple[ClassScore, ...]:
    """Each class by itself, in order; a proportion of no rows is None.

    F1 = 2J/(1 + J) with J the share of right rows among those that are the class or were given it, a plain proportion,
    so its interval is that of J turned the same way.
    """
    share, decided = shares(answers), answers.decided
    found = []
    for number, name in enumerate(answers.classes):
        of, given = answers.label == number, decided == number
        hit = (of & given).astype(np.float64)
        parts = [_part(hit, rows, share, level) for rows in (given, of, of | given)]
        joint = parts[2]
        f1 = joint and (_doubled(joint[0]), Interval(_doubled(joint[1].low), _doubled(joint[1].high), "wilson", level))
        found.append(ClassScore(name, int(of.sum()), int(given.sum()), parts[0], parts[1], f1))
    return tuple(found)


def _doubled(share: Number) -> Number:
    return 2 * share / (1 + share)


def _part(hit: Floats, rows: Bools, share: Floats,
          level: float) -> tuple[float, Interval] | None:
    if not rows.any():
        return None
    own = share[rows] / share[rows].sum()
    return proportion(hit[rows], own, level)
