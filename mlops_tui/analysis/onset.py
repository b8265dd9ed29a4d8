"""When a daily series began to be another one: the likeliest single change of its mean, with an interval."""

from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.arrays import Floats

FEWEST = 14  # days
LEVEL, PERMUTATIONS, SEED = 0.05, 999, 0


@dataclass(frozen=True)
class Onset:
    """The place of the first value after the change, with the earliest and latest credible one; the means around it.

    `p_value` is that of no change at all.
    """

    place: int
    low: int
    high: int
    before: float
    after: float
    p_value: float

    @property
    def seen(self) -> bool:
        return self.p_value <= LEVEL


def onset(values: Floats, weights: Floats, level: float = 0.95, seed: int = SEED) -> Onset | None:
    """The change of mean of days (n,) that is likeliest; None for fewer than 14 days, or days that do not differ.

    Normal days of one variance, means unknown, any day alike beforehand: the posterior of the day is proportional to
    (w₁·w₂)^−½ · RSS^−(n−2)/2 (Smith 1975, Biometrika 62:407), its highest part of `level` the interval. The p-value is
    that of the largest weighted CUSUM among days in random order (Antoch & Hušková 2001, Stat. Probab. Lett. 53:37),
    which takes days for exchangeable: where weather lasts for days, it is too small.
    """
    n = values.size
    if n < FEWEST or not np.ptp(values) > 0 or not weights.sum() > 0:
        return None
    gain, first, rest = _gain(values, weights)
    total = float(weights @ np.square(values - np.average(values, weights=weights)))
    left = np.maximum(total - gain, 1e-12 * total)
    log = -0.5 * np.log(first * rest) - (n - 2) / 2 * np.log(left)
    posterior = np.exp(log - log.max())
    posterior /= posterior.sum()
    order = np.argsort(posterior)[::-1]
    inside = order[: int(np.searchsorted(np.cumsum(posterior[order]), level)) + 1] + 1
    draw, at = np.random.default_rng(seed), int(posterior.argmax()) + 1
    mixed = draw.permuted(np.tile(np.arange(n), (PERMUTATIONS, 1)), axis=1)
    above = int((_gain(values[mixed], weights[mixed])[0].max(axis=1) >= gain.max() * (1 - 1e-12)).sum())
    before, after = (float(np.average(values[part], weights=weights[part])) for part in (slice(at), slice(at, None)))
    return Onset(at, int(inside.min()), int(inside.max()), before, after, (1 + above) / (1 + PERMUTATIONS))


def _gain(values: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """By how much a change before each place (from 1) lowers the sum of squares; the weights before and after it.

    Of series (…, n), each for itself.
    """
    done, sums = np.cumsum(weights, axis=-1), np.cumsum(weights * values, axis=-1)
    first, heavy = done[..., :-1], done[..., -1:]
    rest = heavy - first
    gap = sums[..., :-1] / first - (sums[..., -1:] - sums[..., :-1]) / rest
    return np.square(gap) * first * rest / heavy, first, rest
