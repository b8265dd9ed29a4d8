"""Which requests are kept whole: decided by the hash of a prediction's id, so that everybody decides alike. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_tui.declarations.datasetkeys import Samples

FAILED = 400  # the status from which on a request has failed
_ALL = 1 << 64


@dataclass(frozen=True)
class Kept:
    """Why a request is kept, and how much it stands for: one by the chance with which it was."""

    why: str
    share: float

    @property
    def weight(self) -> float:
        """What it counts in an estimate over all requests, which is unbiased then (Horvitz and Thompson 1952)."""
        return 1.0 / self.share


def place(id: str) -> float:
    """Where a prediction lies in [0, 1): evenly, and the same for everybody who knows its id.

    >>> place("a") == place("a"), 0 <= place("b") < 1
    (True, True)
    """
    digest = hashlib.blake2b(id.encode(errors="backslashreplace"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (_ALL >> 11)


def kept(id: str, row: Mapping[str, Any], declared: Samples) -> Kept | None:
    """Whether a request is kept, by the largest share that applies to it; `row` has the columns of the log.

    The chance depends on the row alone and the choice on the id alone, so the weights are those of independent draws.
    """
    share, why = declared.share, "share"
    status = row.get("status")
    if declared.errors > share and isinstance(status, int | float) and status >= FAILED:
        share, why = declared.errors, "error"
    for column, shares in declared.by.items():
        wanted = shares.get(_text(row.get(column)))
        if wanted is not None and wanted > share:
            share, why = wanted, f"{column} {_text(row.get(column))}"
    return Kept(why, share) if place(id) < share else None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def total(values: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The total over all requests as estimated from (value, share) of those kept, and its standard error.

    Horvitz–Thompson, with the variance of independent draws (Poisson sampling): sum of (1 - p) (y/p)^2.
    """
    found = list(values)
    return (sum(value / share for value, share in found),
            sum((1 - share) * (value / share) ** 2 for value, share in found) ** 0.5)
