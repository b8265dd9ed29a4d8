"""How many values of a category to keep, how often hashing brings two together, and how wide an embedding is."""

import math
from dataclasses import dataclass

MOST_DIMENSIONS = 50
BYTES = 4  # of one float32 weight


@dataclass(frozen=True)
class Collisions:
    """What is to be expected when so many levels are hashed into so many buckets, with standard deviations."""

    levels: int
    buckets: int
    occupied: float
    occupied_sd: float
    pairs: float
    pairs_sd: float
    sharing: float


def birthday(levels: int, buckets: int) -> Collisions:
    """Expected collisions of d levels in B buckets under a uniform hash (the birthday problem; Johnson & Kotz 1977, Urn
    Models, §3): occupied buckets B(1 − (1 − 1/B)^d), with variance B(B−1)(1−2/B)^d + B(1−1/B)^d − B²(1−1/B)^(2d);
    colliding pairs d(d−1)/(2B), with variance d(d−1)/2 · (1/B)(1 − 1/B), since pairs are pairwise independent (it
    bounds the first, which rounding spoils for many buckets); levels that share their bucket d(1 − (1 − 1/B)^(d−1)).
    ValueError below no level or one bucket.

    >>> round(birthday(23, 365).pairs, 3)
    0.693
    """
    if levels < 0 or buckets < 1:
        raise ValueError(f"{levels} levels cannot be hashed into {buckets} buckets")
    empty = (1 - 1 / buckets) ** levels
    both = (1 - 2 / buckets) ** levels if buckets > 1 else 0.0
    choices = levels * (levels - 1) / 2
    of_pairs = choices / buckets * (1 - 1 / buckets)
    variance = min(max(buckets * (buckets - 1) * both + buckets * empty - (buckets * empty) ** 2, 0.0), of_pairs)
    sharing = levels * (1 - (1 - 1 / buckets) ** max(levels - 1, 0)) if levels else 0.0
    occupied = -buckets * math.expm1(levels * math.log1p(-1 / buckets)) if buckets > 1 else float(min(levels, 1))
    return Collisions(levels, buckets, occupied, math.sqrt(variance), choices / buckets, math.sqrt(of_pairs), sharing)


def dimensions(levels: int, most: int = MOST_DIMENSIONS) -> int:
    """Dimensions of an embedding of n levels: min(most, round(1.6 · n^0.56)), at least 1.

    The rule of thumb of fastai's `emb_sz_rule` (Howard & Gugger 2020, Information 11:108), which caps at 600; we cap at
    50. ValueError below one level.

    >>> [dimensions(n) for n in (1, 2, 100, 10_000)]
    [2, 2, 21, 50]
    """
    if levels < 1:
        raise ValueError(f"an embedding of {levels} levels has no size")
    wanted: float = 1.6 * math.pow(levels, 0.56)
    return max(1, min(most, round(wanted)))


def embedding_bytes(levels: int, width: int) -> int:
    """Bytes of a table of n float32 vectors of that width."""
    return levels * width * BYTES


@dataclass(frozen=True)
class Shape:
    """What an id looks like: shares are of the non-null values."""

    rows: int
    distinct: int
    monotone: bool
    uuid_share: float
    hex_share: float
    whole: bool
    text: bool


def id_like(found: Shape, few: int = 20) -> tuple[bool, str]:
    """Whether a column names rows instead of saying something of them, and by which of these signs, in this order:

    nearly all values are UUIDs; or hexadecimal digests, nearly all distinct; all are distinct and rise or fall with the
    rows (whole numbers or texts); all are distinct whole numbers or texts; over 90 % are distinct texts or whole
    numbers. Numbers with fractions are measurements, however distinct. Below 20 values nothing is said.
    """
    if found.rows < few:
        return False, f"only {found.rows} values"
    share = found.distinct / found.rows
    if found.uuid_share > 0.99:
        return True, "UUIDs"
    if found.hex_share > 0.99 and share > 0.5:
        return True, "hexadecimal digests"
    if not (found.whole or found.text):
        return False, ""
    if found.distinct == found.rows:
        return True, "all distinct, in order of the rows" if found.monotone else "all distinct"
    return share > 0.9, f"{share:.1%} distinct" if share > 0.9 else ""
