"""What scores mean within groups, and what would make groups be decided alike, with its price."""

import math

import numpy as np

from mlops_tui.analysis.fairness import Cells
from mlops_tui.analysis.interval import student_quantile
from mlops_tui.analysis.mitigation import FINE, GroupScores, own_thresholds, price, reweighing
from mlops_tui.governance._audited import Asked
from mlops_tui.view import Cell, Column, Part, Row, Series, Table, Text, finite

BINS = 10


def calibration(scores: tuple[GroupScores, ...], names: tuple[str, ...], reference: int) -> list[Part]:
    """How far each group's mean score is from what happened, and the picture of the group that is furthest off."""
    rows: list[Row] = []
    for name, each in zip(names, scores, strict=True):
        n = int(each.n.sum())
        mean, observed = float(each.scores.sum() / n), float(each.yes.sum() / n)
        gap = observed - mean
        spread = math.sqrt(max(each.squares / n - gap**2, 0.0) / (n - 1)) if n > 1 else math.nan
        half = student_quantile(n - 1, 0.95) * spread if spread > 0 else math.nan
        rows.append({"group": name, "n": n, "mean_score": mean, "observed": observed, "gap": gap,
                     "low": finite(gap - half), "high": finite(gap + half),
                     "ece": float(np.abs(np.subtract(*each.coarse(BINS)[1:])).sum() / n),
                     "reason": "" if math.isfinite(half) else "no spread between its rows"})
    table = Table.of("calibration", rows, "group", "n", Column("mean_score", "mean score", digits=3),
                     Column("observed", "yes", digits=3), Column("gap", digits=3), Column("low", digits=3),
                     Column("high", digits=3), Column("ece", "ECE", digits=3),
                     *(["reason"] if any(row["reason"] for row in rows) else []),
                     title="Calibration within groups: share of yes − mean score")
    worst_place = max((place for place in range(len(names)) if place != reference),
                      key=lambda place: abs(float(str(rows[place]["gap"]))))
    return [table, _reliability(scores, names, reference, worst_place)]


def _reliability(scores: tuple[GroupScores, ...], names: tuple[str, ...], first: int, second: int) -> Series:
    def shares(place: int) -> tuple[Cell, ...]:
        rows, _, yes = scores[place].coarse(BINS)
        return tuple(float(share / n) if n else None for share, n in zip(yes, rows, strict=True))

    middles = tuple((place + 0.5) / BINS for place in range(BINS))
    return Series("calibration", "line", middles, shares(first), other=shares(second), names=(names[first],
                                                                                              names[second]),
                  title="Share of yes by score", x_label="score", y_label="share of yes")


def mitigations(cells: Cells, scores: tuple[GroupScores, ...], asked: Asked, reference: int) -> list[Part]:
    """Weights for training, and thresholds by group where there are scores; each with its price."""
    weights, worth = reweighing(cells)
    rows: list[Row] = [{"group": name, "favourable": finite(float(good)), "other": finite(float(bad))}
                       for name, (bad, good) in zip(cells.names, weights, strict=True)]
    parts: list[Part] = [Table.of("reweighing", rows, "group", Column("favourable", f"{asked.label} {asked.favourable}",
                                                                      digits=3),
                                  Column("other", f"{asked.label} other", digits=3),
                                  title=f"Training weights that part label and group; {worth:.1%} of the rows' worth")]
    return [*parts, *_thresholds(cells, scores, asked, reference)] if scores and asked.threshold is not None else parts


def _thresholds(cells: Cells, scores: tuple[GroupScores, ...], asked: Asked, reference: int) -> list[Part]:
    now = 0.5 if asked.threshold is None else asked.threshold
    if not 0 <= now <= 1:
        return []
    target = float(scores[reference].said_yes()[round(now * FINE)])
    found = own_thresholds(scores, now, target)
    rows: list[Row] = []
    for name, each in zip(cells.names, found, strict=True):
        row: dict[str, Cell] = {"group": name, "threshold": each.threshold, "before": each.before, "after": each.after,
                                "better": each.better, "worse": each.worse}
        rows.append(row)
    change, low, high = price(found, int(cells.n.sum()))
    table = Table.of("thresholds", rows, "group", Column("threshold", digits=3),
                     Column("before", "yes now", share=True), Column("after", "yes then", share=True), "better",
                     "worse", title=f"A threshold for each group, to say yes as often as to {cells.names[reference]}")
    return [table, Text(f"That changes the share of right decisions by {change:+.2%} [{low:+.2%}, {high:+.2%}]. "
                        "Deciding by group is not lawful everywhere: ask before.")]
