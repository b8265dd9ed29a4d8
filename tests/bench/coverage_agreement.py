"""How often the intervals of agreement hold the true value, by cases and deciders: 4,000 seeded samples each.

    python tests/bench/coverage_agreement.py [DRAWS] > coverage.json
"""

import json
import sys

import numpy as np

from mlops_tui.analysis.agreement import agreements, decisions
from mlops_tui.analysis.interval import Resampling

NAMES = ("agreement", "cohen_kappa", "fleiss_kappa", "alpha_nominal")
KINDS, ALIKE = 3, 0.6  # who does not see the truth guesses, so that κ and α are ALIKE²


def drawn(seed: int, cases: int, deciders: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    truth = draw.integers(KINDS, size=(cases, 1))
    guess = draw.integers(KINDS, size=(cases, deciders))
    return np.where(draw.random((cases, deciders)) < ALIKE, truth, guess)


def main(draws: int) -> None:
    true = dict.fromkeys(NAMES, ALIKE ** 2) | {"agreement": ALIKE**2 + (1 - ALIKE**2) / KINDS}
    for cases, deciders in ((30, 2), (30, 3), (100, 2), (100, 3), (400, 3)):
        held = dict.fromkeys(NAMES, 0)
        for seed in range(draws):
            found = agreements(decisions(drawn(seed, cases, deciders), np.arange(float(KINDS))), "nominal",
                               Resampling(200, seed))
            for name in NAMES:
                low, high = found[name].low, found[name].high
                held[name] += low is not None and high is not None and low <= true[name] <= high
        covered = {name: round(100 * count / draws, 1) for name, count in held.items()}
        sys.stdout.write(json.dumps({"cases": cases, "deciders": deciders, "draws": draws, "covered": covered}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
