"""Classes that are predicted for groups: each class against the rest, and all of them together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_tui.analysis.arrays import Counts, Floats
from mlops_tui.analysis.fairness import Cells, Counted
from mlops_tui.analysis.interval import Estimate, percentile, wilson_share

RESAMPLES = 300


@dataclass(frozen=True)
class Classes(Counted):
    """Rows counted by group, class that came and class that was said, (g, k, k); weights and their squares as Cells."""

    names: tuple[str, ...]
    classes: tuple[str, ...]
    counts: Counts
    weights: Floats | None = None
    squares: Floats | None = None

    def against_rest(self, place: int) -> Cells:
        """The class of that place as the favourable answer."""
        def two(values: Any) -> Any:
            whole, came, said = values.sum(axis=(1, 2)), values[:, place].sum(axis=1), values[:, :, place].sum(axis=1)
            hit = values[:, place, place]
            return np.stack([np.stack([whole - came - said + hit, said - hit], axis=1),
                             np.stack([came - hit, hit], axis=1)], axis=1)

        return Cells(self.names, self.counts, self.weights, self.squares).mapped(two)

    @property
    def right(self) -> Cells:
        """Every row with the favourable label, decided favourably where the class that was said came: its selection
        rate is accuracy."""
        def two(values: Any) -> Any:
            hit = np.trace(values, axis1=1, axis2=2)
            found = np.zeros((len(self.names), 2, 2), dtype=values.dtype)
            found[:, 1, 0], found[:, 1, 1] = values.sum(axis=(1, 2)) - hit, hit
            return found

        return Cells(self.names, self.counts, self.weights, self.squares).mapped(two)


def balanced_accuracy(rows: Classes, level: float = 0.95) -> list[Estimate]:
    """The mean recall of the classes that came, of every group; the interval put together from the Wilson intervals of
    the recalls, which come from other rows (Zou & Donner 2008, Statist. Med. 27:1693)."""
    x, n, value = [], [], []
    for place in range(len(rows.classes)):
        cells = rows.against_rest(place)
        top, bottom = cells.of("tpr")
        x.append(top)
        n.append(bottom)
        value.append(cells.rate("tpr"))
    found = []
    for group in range(len(rows.names)):
        recalls = np.array([each[group] for each in value])
        known = ~np.isnan(recalls)
        share, worth = recalls[known], np.array([each[group] for each in n])[known]
        low, high = wilson_share(share, worth, level)
        mean, k = float(share.mean()), int(known.sum())
        found.append(Estimate("balanced_accuracy", mean, mean - math.hypot(*(share - low)) / k,
                              mean + math.hypot(*(high - share)) / k, int(rows.n[group]), "wilson, combined"))
    return found


def macro_f1(rows: Classes, seed: int = 0, level: float = 0.95) -> list[Estimate]:
    """The mean F1 of the classes that came or were said, of every group, with a bootstrap interval over its rows."""
    draw = np.random.default_rng(seed)
    found = []
    for group, weights in enumerate(rows.sums):
        unit = np.ones_like(weights)
        if rows.squares is not None:
            unit = np.divide(rows.squares[group], weights, out=np.zeros_like(weights), where=weights > 0)
        mean = np.divide(weights, unit, out=np.zeros_like(weights), where=unit > 0)
        seen = float(_f1(weights[None])[0])
        drawn = _f1(draw.poisson(mean, size=(RESAMPLES, *mean.shape)) * unit)
        low, high = percentile(drawn[~np.isnan(drawn)], level)
        found.append(Estimate("macro_f1", seen, min(low, seen), max(high, seen), int(rows.n[group]), "bootstrap"))
    return found


def _f1(tables: Floats) -> Floats:
    """(r, k, k) to (r,)."""
    hit, both = np.diagonal(tables, axis1=1, axis2=2), tables.sum(axis=1) + tables.sum(axis=2)
    each = np.divide(2 * hit, both, out=np.full(hit.shape, np.nan), where=both > 0)
    known = ~np.isnan(each)
    total = np.where(known, each, 0.0).sum(axis=1)
    found: Floats = np.divide(total, known.sum(axis=1), out=np.full(total.shape, np.nan), where=known.any(axis=1))
    return found


def counted(names: Sequence[str], classes: Sequence[str], places: tuple[Counts, Counts, Counts],
            weight: Floats | None = None) -> Classes:
    """Rows of the places (n,) of group, label and answer, counted."""
    group, label, said = places
    g, k = len(names), len(classes)
    cell = (group * k + label) * k + said
    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(cell, values, g * k * k).reshape(g, k, k), dtype=np.float64)

    counts = np.bincount(cell, minlength=g * k * k).reshape(g, k, k)
    return Classes(tuple(names), tuple(classes), counts, None if weight is None else summed(weight),
                   None if weight is None else summed(weight**2))
