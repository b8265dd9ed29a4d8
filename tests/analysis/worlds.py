"""Synthetic days whose kind of change is known: rows of two outcomes, scored by the model that is right beforehand."""

import numpy as np

from mlops_tui.analysis.shiftkinds import Sample
from mlops_tui.analysis.tails import expit

APART = np.array([0.9, 0.6, -0.5])  # of the means of the two outcomes, in standard deviations
PRIOR = 0.25
WORLDS = ("none", "label shift", "feature drift", "concept drift", "label shift and feature drift")


def sample(world: str, days: int, seed: int, rows: int = 400, storm: float = 0.3) -> Sample:
    """Days of a world, each with weather of its own (`storm`: how far days differ, in inputs and in odds)."""
    draw = np.random.default_rng(seed)
    labels, scores, names = [], [], []
    for day in range(days):
        share = expit(np.log(PRIOR / (1 - PRIOR)) - (0.9 if "label" in world else 0.0) + storm * draw.normal())
        y = draw.random(rows) < share
        x = draw.normal(size=(rows, 3)) + APART * y[:, None] + storm / 3 * draw.normal(size=3)
        if "feature" in world:
            x = x + 0.5 * APART
        odds = x @ APART - APART @ APART / 2 + np.log(PRIOR / (1 - PRIOR))
        if "label" not in world and world != "none":
            turned = 0.4 * (odds + 1.1) - 1.1 if world == "concept drift" else odds
            y = draw.random(rows) < expit(turned + storm / 2 * draw.normal())
        labels.append(y)
        scores.append(expit(odds))
        names.append(np.full(rows, day))
    return Sample(np.concatenate(labels), np.concatenate(scores), np.concatenate(names))
