"""What limits a monitor or a model may set: the measures of each check, and the values that make sense."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlops_tui.declare import Mistake
from mlops_tui.errors import nearest


@dataclass(frozen=True)
class Range:
    """The values a limit may have; `inside`: neither end is one."""

    low: float
    high: float = float("inf")
    inside: bool = False

    def __contains__(self, value: float) -> bool:
        return self.low < value < self.high if self.inside else self.low <= value <= self.high

    def __str__(self) -> str:
        if self.low == float("-inf"):
            return f"at {self.high:g} or below"
        if self.high == float("inf"):
            return f"above {self.low:g}" if self.inside else f"{self.low:g} or above"
        return f"{'between' if self.inside else 'from'} {self.low:g} {'and' if self.inside else 'to'} {self.high:g}"


_SHARE, _INSIDE, _ABOVE = Range(0, 1), Range(0, 1, inside=True), Range(0, inside=True)
METRICS: Mapping[str, Mapping[str, Range]] = {  # by the task of a model
    "binary": {**dict.fromkeys(("roc_auc", "average_precision", "accuracy", "balanced_accuracy", "precision", "recall",
                                "specificity", "f1", "brier"), _SHARE), "mcc": Range(-1, 1), "log_loss": Range(0)},
    "multiclass": {**dict.fromkeys(("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "precision_macro",
                                    "recall_macro", "roc_auc_ovr"), _SHARE),
                   "mcc": Range(-1, 1), "kappa": Range(-1, 1), "brier": Range(0, 2), "log_loss": Range(0)},
    "regression": {**dict.fromkeys(("mae", "rmse", "median_absolute_error", "mape", "mase"), Range(0)),
                   "r2": Range(float("-inf"), 1), "mean_error": Range(float("-inf"))}}
LIMITS: Mapping[str, Mapping[str, Range]] = {
    "drift": dict.fromkeys(("ks", "v", "missing", "alpha", "power"), _INSIDE),
    "performance": {**METRICS["regression"], **METRICS["binary"], **METRICS["multiclass"]},
    "calibration": {"ece": _SHARE, "in_the_large": _ABOVE},
    "health": {"z": _ABOVE, "missing": _SHARE, "distance": _SHARE},
    "stability": {"psi": _ABOVE, "watch": _ABOVE, "alpha": _INSIDE, "power": _INSIDE, "share": _SHARE},
    "catalog": {"undocumented": Range(0)},
    "ingest": {"bad_share": _SHARE},
    "validate": {"bad_share": _SHARE}}


def impossible(check: str, limits: Mapping[str, float], *path: str) -> Iterator[Mistake]:
    """The limits that the check does not know, or that nothing could keep or break; `path`: where they are written."""
    known = LIMITS[check]
    for name, value in limits.items():
        if name not in known:
            hint = nearest(name, known) or f"Limits: {', '.join(known)}."
            yield Mistake(f"No limit '{name}' for {check}.", (*path, name), hint)
        elif value not in known[name]:
            yield Mistake(f"A limit on {name} lies {known[name]}, not at {value:g}.", (*path, name))
