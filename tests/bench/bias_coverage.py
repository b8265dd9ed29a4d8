"""How often the intervals of bias hold the truth: differences and ratios by rate, size and weight; JSON."""

import json
import sys

import numpy as np

from mlops_tui.analysis.disparities import average_odds, average_predictive_value, widest
from mlops_tui.analysis.fairness import COMPARED, Cells, gaps, overall_gaps
from mlops_tui.analysis.inequality import inequality
from mlops_tui.analysis.interval import Resampling

SAMPLES = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
SHARES = {"usual": [[[0.30, 0.15], [0.15, 0.40]], [[0.25, 0.10], [0.25, 0.40]]],
          "rare": [[[0.90, 0.03], [0.04, 0.03]], [[0.85, 0.05], [0.03, 0.07]]]}


def truth(shares: np.ndarray, overall: bool) -> dict[tuple[str, str], float]:
    """Differences and ratios of a population with groups of equal size."""
    exact = Cells(("a", "b"), np.zeros((2, 2, 2), dtype=np.int64), shares, shares)
    whole = Cells(("all",), np.zeros((1, 2, 2), dtype=np.int64), shares.sum(axis=0, keepdims=True),
                  shares.sum(axis=0, keepdims=True))
    found = {}
    for rate in COMPARED:
        one, other = exact.rate(rate)[0], (whole.rate(rate)[0] if overall else exact.rate(rate)[1])
        found[rate, "difference"], found[rate, "ratio"] = one - other, one / other
    return found


def drawn(draw: np.random.Generator, shares: np.ndarray, n: int, weighted: bool) -> Cells:
    counts = np.stack([draw.multinomial(n, each.ravel() / each.sum()).reshape(2, 2) for each in shares])
    if not weighted:
        return Cells(("a", "b"), counts)
    weights, squares = np.zeros(counts.shape), np.zeros(counts.shape)
    for at in np.ndindex(*counts.shape):
        own = draw.exponential(size=counts[at])
        weights[at], squares[at] = own.sum(), own @ own
    return Cells(("a", "b"), counts, weights, squares)


def covered(name: str, n: int, *, weighted: bool = False, overall: bool = False) -> dict[str, object]:
    draw, shares = np.random.default_rng(1), np.array(SHARES[name])
    true, held, usable = truth(shares, overall), dict.fromkeys(truth(shares, overall), 0), 0
    for _ in range(SAMPLES):
        cells = drawn(draw, shares, n, weighted)
        found = overall_gaps(cells) if overall else gaps(cells, 1)
        usable += 1
        for gap in found:
            if gap.group == "a":
                for kind, each in (("difference", gap.difference), ("ratio", gap.ratio)):
                    value = true[gap.rate, kind]
                    held[gap.rate, kind] += each.low is None or each.low <= value <= (each.high or 0.0)
    shares_held = {f"{rate} {kind}": round(count / usable, 4) for (rate, kind), count in held.items()}
    return {"shares": name, "rows_a_group": n, "weighted": weighted, "to_overall": overall,
            "least": min(shares_held.values()), "most": max(shares_held.values()), "held": shares_held}


def others() -> dict[str, float]:
    """Average odds and predictive value, aggregates, and indices of inequality, 200 rows a group."""
    draw, shares = np.random.default_rng(2), np.array(SHARES["usual"])
    exact = Cells(("a", "b"), (shares * 10_000).astype(np.int64))
    samples = min(SAMPLES, 2000)
    names = ("average_odds", "average_predictive_value", "equalized_odds", "equalized_odds_mean", "theil_index",
             "generalized_entropy_index", "coefficient_of_variation")
    held, few = dict.fromkeys(names, 0), Resampling(200)
    true = {"average_odds": average_odds(exact, 0, 1)[0].value,
            "average_predictive_value": average_predictive_value(exact, 0, 1).value,
            "equalized_odds": widest(exact, ("tpr", "fpr"))[0].value,
            "equalized_odds_mean": widest(exact, ("tpr", "fpr"), agg="mean")[0].value,
            **{name: each.value for name, each in inequality(exact, few).items()}}
    for seed in range(samples):
        cells = drawn(draw, shares, 200, weighted=False)
        found = {"average_odds": average_odds(cells, 0, 1)[0],
                 "average_predictive_value": average_predictive_value(cells, 0, 1),
                 "equalized_odds": widest(cells, ("tpr", "fpr"))[0],
                 "equalized_odds_mean": widest(cells, ("tpr", "fpr"), agg="mean")[0],
                 **inequality(cells, Resampling(200, seed))}
        for name in names:
            held[name] += found[name].low <= true[name] <= found[name].high
    return {name: round(count / samples, 4) for name, count in held.items()}


def main() -> None:
    runs = [covered("usual", 100), covered("usual", 1000), covered("rare", 300), covered("usual", 200, weighted=True),
            covered("usual", 200, overall=True)]
    print(json.dumps({"samples": SAMPLES, "level": 0.95, "runs": runs, "others": others()}, indent=2))


if __name__ == "__main__":
    main()
