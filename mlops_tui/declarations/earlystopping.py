"""When the fit of a candidate ends early, as its model declares it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

from mlops_tui.declarations.declare import Mistake

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Stopping:
    """When a fit ends early, by its error on the last `validation` of its training rows; its best stage is kept.

    `refit`: then fit so many stages on all training rows, the validation rows too. The rest: `analysis.stopping.Rule`.
    """

    validation: timedelta
    patience: int = 5
    min_delta: float = 0.0
    relative: bool = False
    warm_up: int = 0
    rule: Literal["patience", "gl", "pq", "up"] = "patience"
    alpha: float = 5.0
    strip: int = 5
    strips: int = 3
    refit: bool = False

    def mistakes(self) -> Iterator[Mistake]:
        """Numbers under which nothing would stop, or everything."""
        if not self.validation:
            yield Mistake("A validation stretch of no time has no rows.", ("validation",), "Write 14d.")
        for key, least in (("patience", 1), ("strip", 1), ("strips", 1), ("warm_up", 0), ("min_delta", 0)):
            if getattr(self, key) < least:
                yield Mistake(f"{key} is {least} or more, not {getattr(self, key):g}.", (key,))
        if self.alpha <= 0:
            yield Mistake(f"alpha is above 0, not {self.alpha:g}.", ("alpha",))

    def asked(self, gap: timedelta, time: str, known: str) -> dict[str, Any]:
        """What a child needs to know: the rule, spans in microseconds, and the columns that place a row in time."""
        return {**asdict(self), "validation": self.validation // MICROSECOND, "gap": gap // MICROSECOND, "time": time,
                "known": known}


def ended(told: Mapping[str, Any]) -> str:
    """How a fit ended, in a line."""
    how = f"stopped early at stage {told['epochs_run']} of {told['most']} ({told['reason']})" if told["stopped"] else \
        f"ran through its {told['most']} stages"
    return f"{how}, kept the best, {told['best_epoch']}" + (", fitted again on all rows" if told["refitted"] else "")
