"""Which metric to judge a model by, and why: from how rare answers are, what they cost, what is done with them."""

from dataclasses import dataclass
from typing import Literal

RARE = 0.10  # share of the rarer class below which ranking is judged by average precision

Use = Literal["judge by", "beside it", "not by"]


@dataclass(frozen=True)
class Situation:
    """What is known of a yes-or-no model: share of positives, whether costs, a capacity and probabilities matter."""

    prevalence: float
    costs: bool = False
    capacity: bool = False
    probabilities: bool = False

    @property
    def rare(self) -> bool:
        return min(self.prevalence, 1 - self.prevalence) < RARE

    @property
    def majority(self) -> float:
        return max(self.prevalence, 1 - self.prevalence)


@dataclass(frozen=True)
class Advice:
    """One metric, whether to judge by it, and why, in words."""

    metric: str
    use: Use
    why: str


def advised(of: Situation) -> list[Advice]:
    """The metrics in order: the one to judge by first, those beside it, those not to judge by last.

    A cost matrix says what is wanted, so it goes first; then a capacity, since only the top of the ranking is acted on;
    then probabilities that others compute with (proper scoring rules: Gneiting & Raftery 2007, JASA 102:359). Without
    any, the ranking is judged: by average precision where a class is rare (Davis & Goadrich 2006, ICML; Saito &
    Rehmsmeier 2015, PLoS ONE), and by ROC AUC where neither is.
    """
    main, ranked = _first(of), "average_precision" if of.rare else "roc_auc"
    found = [Advice(main, "judge by", _WHY[main].format(**_words(of)))]
    beside = [name for name, wanted in (
        ("f_beta", of.costs), ("recall_at_capacity", of.capacity), ("precision_at_capacity", of.capacity),
        ("log_loss", of.probabilities), ("brier", of.probabilities or of.costs), (ranked, True), ("mcc", True),
        ("balanced_accuracy", True)) if wanted and name != main]
    found += [Advice(name, "beside it", _WHY[name].format(**_words(of))) for name in beside]
    if of.rare and main != "roc_auc":
        found.append(Advice("roc_auc", "not by", "with a rare class it hardly moves when false alarms multiply"))
    found.append(Advice("accuracy", "not by", f"always giving the more frequent answer is right in {of.majority:.1%}"))
    return found


def _first(of: Situation) -> str:
    if of.costs:
        return "expected_cost"
    if of.capacity:
        return "recall_at_capacity"
    if of.probabilities:
        return "log_loss"
    return "average_precision" if of.rare else "roc_auc"


def _words(of: Situation) -> dict[str, str]:
    rarer = "positives" if of.prevalence <= 0.5 else "negatives"
    return {"rare": f"{min(of.prevalence, 1 - of.prevalence):.1%} {rarer}", "base": f"{of.prevalence:.3f}"}


_WHY = {
    "expected_cost": "the costs say what is wanted: cost per row at the threshold, in their currency",
    "f_beta": "one number for the decisions, in which a miss weighs as it costs",
    "recall_at_capacity": "only so many rows can be acted on: how many of the positives are among them",
    "precision_at_capacity": "how many of the rows acted on are worth it",
    "log_loss": "others compute with the probabilities: a proper score punishes wrong ones",
    "brier": "whether the probabilities mean what they say; thresholds from costs rest on it",
    "average_precision": "{rare}: how clean the top of the ranking is; a random order has {base}",
    "roc_auc": "both classes are frequent ({rare}): how well the ranking separates them, at any threshold",
    "mcc": "one number for the decisions that no class alone can lift; 0 is guessing",
    "balanced_accuracy": "the mean of both classes' recall; 0.5 is guessing",
}


def of_classes(shares: list[float], probabilities: bool) -> list[Advice]:
    """The same for several classes, of these shares."""
    uneven = min(shares) < 1 / (2 * len(shares))
    main = "log_loss" if probabilities else "macro_f1" if uneven else "accuracy"
    why = {"log_loss": "others compute with the probabilities: a proper score punishes wrong ones",
           "macro_f1": f"the rarest class has {min(shares):.1%}: every class counts the same",
           "accuracy": f"no class is rare (the rarest has {min(shares):.1%}), and every error is the same"}
    beside = [Advice(name, "beside it", text) for name, text in (
        ("balanced_accuracy", f"the mean recall of the classes; {1 / len(shares):.3f} is guessing"),
        ("mcc", "one number that no class alone can lift; 0 is guessing"),
        ("macro_f1", "every class counts the same, precision too")) if name != main]
    last = [Advice("accuracy", "not by", f"always saying the most frequent class is right in {max(shares):.1%}")]
    return [Advice(main, "judge by", why[main]), *beside, *(last if main != "accuracy" else [])]


def of_numbers(too_low: float, too_high: float) -> list[Advice]:
    """The same for numbers, whose errors cost so much per unit; the quantile to predict is low/(low + high).

    The mean minimises squared, the median absolute, and a quantile pinball loss (Gneiting 2011, JASA 106:746); which
    quantile is that of the newsvendor (Koenker & Bassett 1978). ValueError for costs that are not above 0.
    """
    if not (too_low > 0 and too_high > 0):
        raise ValueError("an error of either sign must cost something")
    at = too_low / (too_low + too_high)
    if too_low != too_high:
        return [Advice("pinball", "judge by", f"too low costs {too_low:g}, too high {too_high:g} a unit: predict the "
                                              f"quantile {at:.3g}, and judge by pinball loss there"),
                Advice("mae", "not by", "it is least at the median, whatever the costs"),
                Advice("rmse", "not by", "it is least at the mean, whatever the costs")]
    return [Advice("mae", "judge by", "errors of either sign cost the same for each unit: the median is best"),
            Advice("rmse", "beside it", "judge by it instead where one large error is worse than many small ones"),
            Advice("bias", "beside it", "whether errors add up in sums; 0 is best")]
