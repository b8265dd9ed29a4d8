"""Which requests are kept, and that estimates from them hold for all."""

import numpy as np
import pytest

from mlops_tui.declarations.datasetkeys import Samples
from mlops_tui.logs.sampling import kept, place, total

DECLARED = Samples(share=0.1, errors=1.0, by={"carrier": {"AA": 0.5}, "outcome": {"true": 0.3}})


def test_the_largest_share_that_applies_counts() -> None:
    for row, why, share in (({}, "share", 0.1), ({"status": 500, "carrier": "AA"}, "error", 1.0),
                            ({"carrier": "AA", "outcome": True}, "carrier AA", 0.5), ({"outcome": True}, "outcome true",
                                                                                      0.3),
                            ({"status": 399}, "share", 0.1), ({"carrier": None}, "share", 0.1)):
        found = [one for each in range(2000) if (one := kept(str(each), row, DECLARED)) is not None]
        assert {(each.why, each.share, each.weight) for each in found} == {(why, share, 1 / share)}
        assert len(found) == pytest.approx(2000 * share, abs=4 * (2000 * share * (1 - share)) ** 0.5)
    assert kept("a", {}, Samples(share=0.0)) is None
    assert all(kept(str(each), {}, Samples(share=1.0)) for each in range(100))


def test_everybody_decides_alike_and_a_larger_share_holds_the_smaller() -> None:
    small = {each for each in range(5000) if kept(str(each), {}, Samples(share=0.05))}
    large = {each for each in range(5000) if kept(str(each), {"carrier": "AA"}, DECLARED)}
    assert small < large
    places = np.array([place(f"r{each}") for each in range(20_000)])
    assert abs(np.histogram(places, 10, (0, 1))[0] - 2000).max() < 4.5 * (20_000 * 0.09) ** 0.5


def test_a_total_is_unbiased_and_its_error_is_as_large_as_said() -> None:
    random = np.random.default_rng(1)
    values, classes = random.gamma(2, 10, 3000), random.choice(["AA", "UA"], 3000, p=[0.2, 0.8])
    rows = [{"carrier": str(each)} for each in classes]
    found = []
    for seed in range(60):
        some = [(values[n], one.share) for n, row in enumerate(rows)
                if (one := kept(f"{seed}/{n}", row, DECLARED)) is not None]
        found.append(total(some))
    estimates, errors = np.array(found).T
    truth, spread = values.sum(), estimates.std(ddof=1)
    assert abs(estimates.mean() - truth) < 3.3 * spread / 60**0.5
    assert errors.mean() == pytest.approx(spread, rel=0.37), "60 replicates tell a standard error to 9.2 %: 4 of them"
