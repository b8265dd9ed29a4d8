"""Noise for private answers, drawn by OpenDP on whole numbers and nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any

from opendp import accuracy, domains, measurements, measures, metrics, mod

mod.enable_features("contrib")
WHOLE = "i64"
LEAST, MOST = -(1 << 62), 1 << 62


def laplace(values: Sequence[int], scale: float) -> list[int]:
    """Each value with noise of the discrete Laplace distribution: P(k) ∝ exp(−|k| / scale)."""
    if not values:
        return []
    space = domains.vector_domain(domains.atom_domain(T=WHOLE)), metrics.l1_distance(T=WHOLE)
    return [int(each) for each in measurements.make_laplace(*space, scale=scale)([_within(each) for each in values])]


def laplace_loss(sensitivity: int, scale: float) -> float:
    """The ε that `laplace` spends where the values of two neighbours differ by so much in all (L1)."""
    space = domains.vector_domain(domains.atom_domain(T=WHOLE)), metrics.l1_distance(T=WHOLE)
    made: Any = measurements.make_laplace(*space, scale=scale)
    return float(made.map(sensitivity))


def _thresholding(scale: float, threshold: int) -> Any:
    space = (domains.map_domain(domains.atom_domain(T=str), domains.atom_domain(T=WHOLE)),
             metrics.l01inf_distance(metrics.absolute_distance(T=WHOLE)))
    return measurements.make_laplace_threshold(*space, scale=scale, threshold=threshold)


def threshold_for(contributions: int, scale: float, delta: float) -> int:
    """The least noisy count from which a key may be told, so that a person's own key shows with a chance of δ."""
    low, high = contributions, contributions + 1
    while _loss(contributions, scale, high)[1] > delta:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _loss(contributions, scale, middle)[1] <= delta else (middle, high)
    return high


def _loss(contributions: int, scale: float, threshold: int) -> tuple[float, float]:
    epsilon, delta = _thresholding(scale, threshold).map((contributions, contributions, contributions))
    return float(epsilon), float(delta)


def threshold_loss(contributions: int, scale: float, threshold: int) -> tuple[float, float]:
    """The (ε, δ) that `thresholded` spends where a person has so many rows, all with one key or each with another."""
    return _loss(contributions, scale, threshold)


def thresholded(counts: Mapping[str, int], scale: float, threshold: int) -> dict[str, int]:
    """The keys whose count is at least the threshold once it has noise, with that count."""
    found = _thresholding(scale, threshold)({key: _within(value) for key, value in counts.items()})
    return {str(key): int(value) for key, value in found.items()}


def least(scores: Sequence[int], scale: float) -> int:
    """The place of the least score, each with exponential noise (exponential mechanism, permute and flip)."""
    return int(_choosing(scale)([_within(each) for each in scores]))


def least_loss(sensitivity: int, scale: float) -> float:
    """The ε that `least` spends where the scores of two neighbours differ by so much at most."""
    return float(_choosing(scale).map(sensitivity))


def _choosing(scale: float) -> Any:
    space = domains.vector_domain(domains.atom_domain(T=WHOLE)), metrics.linf_distance(T=WHOLE)
    return measurements.make_noisy_max(*space, measures.max_divergence(), scale=scale, negate=True)


def within(scale: float, alpha: float = 0.05) -> float:
    """How far Laplace noise goes at most, but for a share α of draws."""
    return float(accuracy.discrete_laplacian_scale_to_accuracy(scale, alpha))


def _within(value: int) -> int:
    """The value as OpenDP's 64 bits hold it; what lies beyond is at their edge, for both of two neighbours."""
    return min(max(int(value), LEAST), MOST)
