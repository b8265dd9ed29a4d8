"""How often intervals of several classes and of numbers hold the true value: skewed errors, skill, weights, small n.

    python tests/bench/coverage_tasks.py [DRAWS] > coverage.json
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.metrics import measured, metrics_of

Draw = Callable[[np.random.Generator, int], Answers]
ROWS, ALL = (50, 200, 1000), 1_000_000


def numbers(rng: np.random.Generator, rows: int) -> Answers:
    label = rng.normal(10, 2, rows)
    return Answers(Task.REGRESSION, label, label + rng.normal(0.2, 1, rows))


def skewed(rng: np.random.Generator, rows: int) -> Answers:
    label = 10 + rng.exponential(2, rows)
    return Answers(Task.REGRESSION, label, label + 0.2 + 0.8 * rng.standard_t(5, rows))


def classes(skill: float) -> Draw:
    def draw(rng: np.random.Generator, rows: int) -> Answers:
        label = rng.choice(4, rows, p=(0.5, 0.3, 0.15, 0.05))
        given = rng.gamma(1.0, size=(rows, 4))
        given[np.arange(rows), label] += skill
        return Answers(Task.MULTICLASS, label, given / given.sum(axis=1, keepdims=True), ("a", "b", "c", "d"))

    return draw


def weighted(draw: Draw) -> Draw:
    return lambda rng, rows: replace(draw(rng, rows), weight=rng.gamma(2.0, size=rows))


CASES: dict[str, Draw] = {
    "numbers": numbers, "numbers, skewed": skewed, "numbers, weighted": weighted(numbers),
    "classes": classes(1), "classes, skilled": classes(4), "classes, weighted": weighted(classes(1))}


def main(draws: int) -> None:
    for name, draw in CASES.items():
        whole = draw(np.random.default_rng(99), ALL)
        metrics = metrics_of(whole.task)
        truth = {each: measured(metric, whole).value for each, metric in metrics.items()}
        for rows in ROWS:
            held, made = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
            for seed in range(draws):
                sample = draw(np.random.default_rng([7, seed]), rows)
                for each, metric in metrics.items():
                    found, true = measured(metric, sample), truth[each]
                    if true is not None and found.low is not None and found.high is not None:
                        made[each] += 1
                        held[each] += found.low <= true <= found.high
            shares = {each: round(100 * held[each] / made[each], 1) for each in truth if made[each]}
            sys.stdout.write(json.dumps({"case": name, "rows": rows, "draws": draws, "covered": shares}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
