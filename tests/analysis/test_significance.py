"""The judgement of two models: the verdict, non-inferiority, what looks cost, and how often it may be wrong."""

import pytest

from mlops_tui.analysis.interval import Contrast
from mlops_tui.analysis.significance import Verdict, verdict


def contrast(estimate: float, low: float | None, high: float | None, p: float | None) -> Contrast:
    return Contrast(estimate, low, high, None, p, "delong")


@pytest.mark.parametrize(("difference", "margin", "expected"), [
    (contrast(-0.02, -0.03, -0.01, 0.001), 0.0, Verdict.BETTER),
    (contrast(0.02, 0.01, 0.03, 0.001), 0.0, Verdict.WORSE),
    (contrast(-0.02, -0.05, 0.01, 0.2), 0.0, Verdict.INCONCLUSIVE),
    (contrast(-0.02, -0.03, -0.01, 0.001), 0.05, Verdict.EQUIVALENT),
    (contrast(-0.02, -0.06, -0.01, 0.001), 0.05, Verdict.BETTER),
    (contrast(0.0, 0.0, 0.0, 1.0), 0.0, Verdict.EQUIVALENT),
    (contrast(-0.02, None, None, None), 0.05, Verdict.INCONCLUSIVE),
    (contrast(-1.0, -1.2, -0.4, None), 0.0, Verdict.BETTER),
    (contrast(-0.02, -0.03, -0.01, 0.06), 0.0, Verdict.INCONCLUSIVE),  # p is adjusted for several pairs
])
def test_the_verdict_is_about_b_against_a(difference: Contrast, margin: float, expected: Verdict) -> None:
    assert verdict(difference, higher_is_better=True, margin=margin) == expected
    mirrored = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}.get(expected, expected)
    assert verdict(difference, higher_is_better=False, margin=margin) == mirrored


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margin"):
        verdict(contrast(0, -1, 1, 1), higher_is_better=True, margin=-0.1)
