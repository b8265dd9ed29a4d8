"""What a comparison looks like: the differences as a picture, the models, the pairs with their verdicts, and why so."""

from collections.abc import Sequence

from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import Family
from mlops_tui.analysis.ranking import roc_curve
from mlops_tui.analysis.significance import Verdict
from mlops_tui.modeling._beside import Beside
from mlops_tui.modeling._compared import Compared, Pair, power_words, why
from mlops_tui.modeling._pictures import roc_against
from mlops_tui.view import Cell, Column, Facts, Part, Row, Series, Table, Text, finite

UNNAMED = "measured"  # the metric of measurements that were given no name
PAIR_COLUMNS = ("a", "b", Column("estimate", "a − b", digits=4), Column("low", digits=4), Column("high", digits=4),
                Column("p_adjusted", "p", digits=4), "verdict")  # scripts get the rest


def parts(found: Compared, data: Beside, more: Sequence[Text] = ()) -> tuple[Part, ...]:
    """What a comparison shows: the facts, the differences as a picture, models and pairs, why so, the ROC curves."""
    question, first = found.question, data.first
    facts: dict[str, Cell] = {
        "metric": found.metric.id, "method": question.method if data.paired else "unpaired",
        "better_is": "higher" if found.metric.higher_is_better else "lower", "rows": data.n}
    if data.task is Task.BINARY:
        facts["positives"] = int(first.label.sum())
    facts |= {"without_label": data.rows - data.n - data.weightless if data.paired else 0, "margin": question.margin}
    if data.weightless:
        facts["without_weight"] = data.weightless
    if first.weight is not None:
        facts["effective_rows"] = round(first.effective, 1)
    if data.task is Task.BINARY and found.metric.family is Family.DECISION:
        facts["threshold"] = found.metric.threshold
    if question.method == "bootstrap":
        facts |= {"seed": question.resampling.seed, "resamples": question.resampling.resamples}
    if len(found.pairs) > 1:
        facts["adjusted"] = question.adjust
    together = first.groups if first.clusters is not None else 0
    said = [Text(why(question, data.paired, together)), *(Text(note) for note in found.notes), *reasons(found),
            *(Text(words) for each in found.pairs if (words := power_words(each, data.n, question.margin)))]
    return (Facts(facts), forest(found), models_table(found), pairs_table(found), *said, *more, *_curves(found, data))


def _curves(found: Compared, data: Beside) -> list[Series]:
    if found.metric.family is not Family.RANKING or data.task is not Task.BINARY or not data.paired:
        return []
    curves = {name: roc_curve(each.label, each.given, groups=each.clusters) for name, each in data.models.items()}
    first = next(iter(curves))
    return [roc_against(curves[first], curves[name], (first, name)) for name in curves if name != first]


def reasons(found: Compared) -> list[Text]:
    return [Text(f"{each.a}, {each.b}: {each.contrast.reason}.") for each in found.pairs if each.contrast.reason]


def forest(found: Compared) -> Series:
    """Each difference with its interval; one that leaves 0 out is a difference."""
    return Series("differences", "interval", tuple(f"{each.a} − {each.b}" for each in found.pairs),
                  tuple(finite(each.contrast.estimate) for each in found.pairs),
                  tuple(finite(each.contrast.low) for each in found.pairs),
                  tuple(finite(each.contrast.high) for each in found.pairs),
                  title=f"Differences in {found.metric.id}, 95 % intervals", x_label="pair", y_label=found.metric.id)


def models_table(found: Compared) -> Table:
    return Table.of("models", [_model_row(name, each) for name, each in found.models.items()], "model", "metric",
                    Column("value", digits=4), Column("low", digits=4), Column("high", digits=4), title="Models")


def pairs_table(found: Compared) -> Table:
    """Every pair: difference, test and verdict."""
    return Table.of("pairs", [_pair_row(pair) for pair in found.pairs], *PAIR_COLUMNS,
                    title=f"Pairs by {found.metric.id}: {_way(found)} is better, and the verdict is about b"
                    f"{_paid(found)}")


def _way(found: Compared) -> str:
    return "higher" if found.metric.higher_is_better else "lower"


def _paid(found: Compared) -> str:
    """What p was adjusted for: several pairs, several looks."""
    names = {"holm": "Holm's", "bh": "Benjamini and Hochberg's", "none": "not adjusted"}
    name = "Nemenyi's" if found.question.method == "friedman" else names[found.question.adjust]
    times = f" × {found.question.looks} looks" if found.question.looks > 1 else ""
    return f", p is {name}{times}" if len(found.pairs) > 1 else f", p is one look's{times}" if times else ""


def _model_row(name: str, each: Estimate) -> Row:
    return {"model": name, "metric": each.metric, "value": finite(each.value), "low": finite(each.low),
            "high": finite(each.high), "n": each.n, "method": each.method, "reason": each.reason}


def _pair_row(pair: Pair) -> Row:
    contrast, judged = pair.contrast, pair.judgement
    return {"a": pair.a, "b": pair.b, "method": contrast.method, "estimate": finite(contrast.estimate),
            "low": finite(contrast.low), "high": finite(contrast.high), "statistic": finite(contrast.statistic),
            "p_value": finite(contrast.p_value), "p_adjusted": finite(pair.p_adjusted),
            "verdict": pair.verdict.value, "no_worse": judged.no_worse, "margin_low": finite(judged.low),
            "margin_high": finite(judged.high), "margin_level": judged.level, "reason": contrast.reason}


def title(found: Compared) -> str:
    pair = found.pairs[0]
    if len(found.pairs) > 1:
        best = [name for name in found.models if any(
            (each.b == name and each.verdict is Verdict.BETTER) or (each.a == name and each.verdict is Verdict.WORSE)
            for each in found.pairs)]
        won = "; ".join(_beaten(found, name) for name in best) or "none is better than another"
        return f"{len(found.models)} models by {found.metric.id}: {won}"
    if pair.verdict is Verdict.INCONCLUSIVE:
        return f"{pair.b} against {pair.a} by {found.metric.id}: inconclusive"
    said = {Verdict.BETTER: "is better than", Verdict.WORSE: "is worse than",
            Verdict.EQUIVALENT: "is equivalent to"}[pair.verdict]
    named = "mean" if found.metric.id == UNNAMED else found.metric.id
    way = "" if found.metric.higher_is_better else ", and lower is better"
    return f"{pair.b} {said} {pair.a}: its {named} is {_apart(-pair.contrast.estimate)}{way}{_perhaps(found, pair)}"


def _perhaps(found: Compared, pair: Pair) -> str:
    """What a difference that is sure leaves open: that it lies within the margin."""
    margin, low, high = found.question.margin, pair.judgement.low, pair.judgement.high
    if pair.verdict not in (Verdict.BETTER, Verdict.WORSE) or low is None or high is None or not margin:
        return ""
    return f"; perhaps by no more than the margin of {margin:g}" if low <= margin and high >= -margin else ""


def _apart(difference: float) -> str:
    return f"{abs(difference):.4f} {'higher' if difference > 0 else 'lower'}" if difference else "the same"


def _beaten(found: Compared, winner: str) -> str:
    """Which models one is better than, and by how much of the metric."""
    lost = [(each.b if each.a == winner else each.a, abs(each.contrast.estimate)) for each in found.pairs
            if (each.b == winner and each.verdict is Verdict.BETTER)
            or (each.a == winner and each.verdict is Verdict.WORSE)]
    return f"{winner} is better than {' and '.join(f'{name} by {by:.4f}' for name, by in lost)}"
