"""What each metric says in a few plain words, with what a model that knows nothing would reach."""

from collections.abc import Callable, Mapping

import numpy as np

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.interval import Estimate

Says = Callable[[Estimate, Answers], str]


def _yes_share(answers: Answers) -> float:
    return float(np.average(answers.label, weights=answers.weight))


def _shares(answers: Answers) -> np.ndarray:
    counts = np.bincount(answers.label.astype(np.int64), answers.weight)
    return np.asarray(counts[counts > 0] / counts.sum())


def _most(answers: Answers) -> float:
    return float(_shares(answers).max())


def _entropy(answers: Answers) -> float:
    share = _shares(answers)
    return float(-(share * np.log(share)).sum())


def _spread(answers: Answers) -> float:
    share = _shares(answers)
    left = 1 - float((share**2).sum())
    return left / 2 if answers.task is Task.BINARY else left


def _fixed(words: str) -> Says:
    return lambda each, answers: words


WORDS: Mapping[str, Says] = {
    "roc_auc": _fixed("a yes above a no; guessing 0.5"),
    "average_precision": lambda _, a: f"mean precision; guessing {_yes_share(a):.3f}",
    "accuracy": lambda _, a: f"of rows right; a constant: {_most(a):.3f}",
    "precision": lambda each, a: f"of {each.n:,} flagged rows are yes",
    "recall": lambda each, a: f"of {each.n:,} yes rows are flagged",
    "specificity": lambda each, a: f"of {each.n:,} no rows not flagged",
    "f1": _fixed("precision and recall in one"),
    "mcc": _fixed("from −1 to 1; guessing 0"),
    "kappa": _fixed("beyond chance; guessing 0"),
    "brier": lambda _, a: f"squared error; a constant: {_spread(a):.3f}",
    "log_loss": lambda _, a: f"surprise; a constant: {_entropy(a):.3f}",
    "macro_f1": _fixed("F1, every class alike, rare or not"),
    "weighted_f1": _fixed("F1, each class by its rows"),
    "roc_auc_ovr": _fixed("class above rest; guessing 0.5"),
    "top_2_accuracy": _fixed("of rows right in 2 guesses"),
    "top_3_accuracy": _fixed("of rows right in 3 guesses"),
    "top_5_accuracy": _fixed("of rows right in 5 guesses"),
    "mae": _fixed("off by this much on average"),
    "rmse": lambda _, a: f"large errors weigh; the best constant here: {_amount(_deviation(a))}",
    "median_ae": _fixed("half of the rows are off by less"),
    "r2": _fixed("of variance explained; guessing 0"),
    "bias": lambda each, _: "too high on average" if (each.low or 0) > 0 else
            "too low on average" if (each.high or 0) < 0 else "neither too high nor too low",
    "mape": _fixed("error as a share of the label"),
    "explained_variance": _fixed("as R², without the bias"),
    "spearman": _fixed("right order, from −1 to 1"),
    "pinball_10": _fixed("as a forecast of the 10 % mark"),
    "pinball_90": _fixed("as a forecast of the 90 % mark"),
}


def _deviation(answers: Answers) -> float:
    mean = np.average(answers.label, weights=answers.weight)
    return float(np.sqrt(np.average((answers.label - mean) ** 2, weights=answers.weight)))


def _amount(value: float) -> str:
    return f"{value:,.4g}" if value < 10_000 else f"{value:,.0f}"


def in_words(each: Estimate, answers: Answers) -> str:
    """What the metric says, in a few words; nothing for one that has none."""
    if each.metric == "balanced_accuracy":
        guess = 1 / _shares(answers).size
        return f"mean recall; guessing {guess:.3g}"
    says = WORDS.get(each.metric)
    return says(each, answers) if says else ""
