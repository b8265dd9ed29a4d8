"""What limits a monitor or a model may set: the measures of each check, and the values that make sense."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlops_tui.declarations.declare import Mistake
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
        if self.low == -float("inf"):
            return f"at {self.high:g} or below" if self.high < float("inf") else "anywhere"
        if self.high == float("inf"):
            return f"above {self.low:g}" if self.inside else f"{self.low:g} or above"
        return f"{'between' if self.inside else 'from'} {self.low:g} {'and' if self.inside else 'to'} {self.high:g}"


_SHARE, _INSIDE, _ABOVE = Range(0, 1), Range(0, 1, inside=True), Range(0, inside=True)
_SIGNED, _LOSS, _BELOW_ONE = Range(-1, 1), Range(0), Range(-float("inf"), 1)
METRICS_OF: Mapping[str, Mapping[str, Range]] = {
    "binary": {
        **dict.fromkeys(("roc_auc", "average_precision", "accuracy", "balanced_accuracy", "precision", "recall",
                         "specificity", "f1", "brier"), _SHARE), "mcc": _SIGNED, "log_loss": _LOSS},
    "multiclass": {
        **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "roc_auc_ovr", "top_2_accuracy",
                         "top_3_accuracy", "top_5_accuracy"), _SHARE), "mcc": _SIGNED, "kappa": _SIGNED,
        "log_loss": _LOSS, "brier": Range(0, 2)},
    "regression": {
        **dict.fromkeys(("mae", "rmse", "median_ae", "mape", "mase", "pinball_10", "pinball_90"), _LOSS),
        **dict.fromkeys(("r2", "explained_variance"), _BELOW_ONE), "spearman": _SIGNED,
        "bias": Range(-float("inf"))}}
LESS_IS_BETTER = ("brier", "log_loss", "mae", "rmse", "median_ae", "mape", "mase", "pinball_10", "pinball_90")
USUAL: Mapping[str, tuple[str, ...]] = {  # what is measured where nothing is declared; the first decides
    "binary": ("roc_auc", "average_precision", "brier", "log_loss"),
    "multiclass": ("roc_auc_ovr", "balanced_accuracy", "macro_f1", "accuracy", "log_loss"),
    "regression": ("rmse", "mae", "r2", "bias")}
METRICS: Mapping[str, Range] = {**METRICS_OF["regression"], **METRICS_OF["multiclass"], **METRICS_OF["binary"]}
_GAPS = ("demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference",
         "predictive_parity_difference", "accuracy_difference")
BIAS_OF: Mapping[str, Mapping[str, Range]] = {
    "binary": {"four_fifths": _INSIDE, **dict.fromkeys(_GAPS, _SHARE)},
    "multiclass": dict.fromkeys(("accuracy_difference", "balanced_accuracy_difference"), _SHARE),
    "regression": {**dict.fromkeys(("mae", "rmse", "mean_error_difference", "mean_prediction_difference",
                                    "mae_difference"), _LOSS), "mae_ratio": Range(1), "ks": _SHARE}}
AT_LEAST = ("four_fifths",)  # of bias; its other limits are kept by what is at most so large
LIMITS: Mapping[str, Mapping[str, Range]] = {
    "bias": {**BIAS_OF["regression"], **BIAS_OF["multiclass"], **BIAS_OF["binary"]},
    "drift": {**dict.fromkeys(("ks", "v", "missing", "alpha", "power", "hellinger", "jensen_shannon"), _INSIDE),
              "psi": _ABOVE, "wasserstein": _ABOVE, "joint": Range(0.5, 1, inside=True)},
    "performance": METRICS,
    "calibration": {"ece": _SHARE, "in_the_large": _ABOVE},
    "health": {"z": _ABOVE, "missing": _SHARE, "distance": _SHARE},
    "stability": {"psi": _ABOVE, "watch": _ABOVE, "alpha": _INSIDE, "power": _INSIDE, "share": _SHARE},
    "catalog": {"undocumented": Range(0)},
    "ingest": {"bad_share": _SHARE},
    "validate": {"bad_share": _SHARE},
    "traffic": {"false_alarms": _ABOVE, "error_rate": _SHARE, "p99_ms": _ABOVE, "burn": _ABOVE},
    "triggers": {},
    "impact": {},
    "card": {},
    "payloads": {"bad_share": _SHARE}}


def of_task(task: str) -> Mapping[str, Range]:
    """The limits of bias that answers of a task can be held to."""
    return BIAS_OF[task]


def impossible(check: str, limits: Mapping[str, float], *path: str) -> Iterator[Mistake]:
    """The limits that the check does not know, or that nothing could keep or break; `path`: where they are written."""
    known = LIMITS[check]
    for name, value in limits.items():
        if name not in known:
            hint = nearest(name, known) or f"Limits: {', '.join(known)}."
            yield Mistake(f"No limit '{name}' for {check}.", (*path, name), hint)
        elif value not in known[name]:
            yield Mistake(f"A limit on {name} lies {known[name]}, not at {value:g}.", (*path, name))
