"""What a search came to, in one answer: the score to expect, what choosing flatters, and how stable the choice is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.nested import Nested, learning_curve, more_rows
from mlops_tui.analysis.permuted import LEVEL
from mlops_tui.declarations import searchspace
from mlops_tui.declarations.limits import METRICS_OF
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, finite
from store.facts import Tuned

NUMBERS = (Column("value", digits=4), Column("low", digits=4), Column("high", digits=4))
POINTS = 12  # that are shown, best first


def nested(fact: Tuned) -> Nested:
    """The scores as values."""
    detail = fact.detail
    return Nested(np.array(detail["outer"]), np.array(detail["inner"]), float(detail["test_share"]),
                  bool(detail["higher_is_better"]))


def worth_writing(fact: Tuned, *, asked: bool = False) -> bool:
    """Whether the parameters that were found are surely better than the declared ones, on rows that took no part in
    finding them, and nothing leaks; where a person `asked`, other parameters are enough."""
    if fact.detail["chance"]["above"] or not fact.params or fact.params == fact.detail["points"][0]:
        return False
    low = nested(fact).gain(0).low
    return asked or (low is not None and low > 0)


def why(fact: Tuned) -> str:
    """Why the parameters should be written."""
    found = nested(fact)
    score, gain = found.nested(fact.metric), found.gain(0)
    return (f"{fact.candidate} with {searchspace.spelled(fact.params)}: nested {fact.metric} "
            f"{_range(fact, score)}, {gain.estimate:+.4f}{_bounds(gain)} over what is declared")


def shown(fact: Tuned, spent: Mapping[str, Cell] | None = None, proposal: str = "") -> View:
    """The result; `spent` is what it cost where it was computed now, `proposal` the number of one that was made."""
    found, leaks = nested(fact), bool(fact.detail["chance"]["above"])
    score, optimism = found.nested(fact.metric), found.optimism()
    if leaks:
        title = (f"{fact.subject} {fact.candidate}: leaks, the fit on permuted labels knows the test labels "
                 f"(p {_p(fact.detail['chance']['p_value'])})")
    else:
        title = (f"{fact.subject} {fact.candidate}: {fact.metric} {_range(fact, score)} to expect; "
                 f"the search itself says {found.non_nested:.4f}")
    scores = _scores(fact, found, score, optimism)
    parts: list[Part] = [Facts(_facts(fact, found, spent or {}, proposal)), scores, _picture(fact, scores),
                         _parameters(fact, found), _folds(fact, found), _points(fact, found), _curve(fact, found)]
    notes = _notes(fact, found, leaks)
    parts += [Text("\n".join(notes))] if notes else []
    return View(title, Status.FAIL if leaks else Status.DONE, tuple(parts), _next(fact, proposal))


def _next(fact: Tuned, proposal: str) -> tuple[Action, ...]:
    if not fact.key:
        return ()
    write = (Action("Write the parameters", ("adopt", proposal)),) if proposal else ()
    return (*write, Action("Train it", ("train", fact.subject, "--candidate", fact.candidate)))


def _facts(fact: Tuned, found: Nested, spent: Mapping[str, Cell], proposal: str) -> dict[str, Cell]:
    detail, chance = fact.detail, fact.detail["chance"]
    judged = chance["reason"] or ("above chance" if chance["above"] else f"at chance, as they must be (at {LEVEL:g})")
    return {"candidate": fact.candidate, "metric": fact.metric, "chosen": searchspace.spelled(fact.params),
            **({"proposal": proposal} if proposal else {}),
            "nested": finite(found.nested(fact.metric).value), "non_nested": found.non_nested,
            "optimism": finite(found.optimism().estimate), "same_choice": found.agreement(),
            "permuted_labels": judged, "permuted_p": finite(chance["p_value"]),
            "rows": detail["rows"], "folds": f"{found.outer.shape[1]} outer, {detail['inner_folds']} inner, "
                                             f"{detail['scheme']}",
            "points": f"{len(detail['points'])}, {detail['how']}", "fits": detail["fits"], "seed": fact.seed, **spent}


def _scores(fact: Tuned, found: Nested, score: Estimate, optimism: Contrast) -> Table:
    rows: list[Row] = [
        {"score": "nested", "what": "to expect of tuning and fitting (nested)", **_estimate(fact, score)},
        {"score": "non_nested", "what": "the search's own best (non-nested)", "value": found.non_nested, "low": None,
         "high": None, "reason": "chosen on the very rows that score it"},
        {"score": "optimism", "what": "optimism between them", **_contrast(optimism)}]
    if fact.key:
        rows += [{"score": "declared", "what": "as declared now", "value": float(found.outer[0].mean()), "low": None,
                  "high": None, "reason": ""},
                 {"score": "gain", "what": "gain of tuning over it", **_contrast(found.gain(0))}]
    return Table.of("scores", rows, "what", *NUMBERS,
                    title=f"{fact.metric}, mean of {found.outer.shape[1]} outer folds")


def _picture(fact: Tuned, scores: Table) -> Series:
    """How much the search flatters itself: its own best beside what is to be expected, and what is declared."""
    names = {"nested": "to expect", "non_nested": "search's own best", "declared": "as declared"}
    rows = [row for row in scores.rows if row["score"] in names]
    value, low, high = (tuple(row[end] for row in rows) for end in ("value", "low", "high"))
    return Series("scores", "interval", tuple(names[str(row["score"])] for row in rows), value, low, high,
                  title=f"{scores.title}: to expect with its 95 % interval", x_label="score", y_label=fact.metric)


def _estimate(fact: Tuned, each: Estimate) -> Row:
    kept = _within(fact, each)
    return {"value": finite(each.value), "low": finite(kept.low), "high": finite(kept.high), "reason": each.reason,
            "method": each.method}


def _within(fact: Tuned, each: Estimate) -> Estimate:
    """The estimate with bounds that the metric can have."""
    known = METRICS_OF[fact.detail["task"]][fact.metric]
    if each.low is None or each.high is None:
        return each
    return replace(each, low=max(each.low, known.low), high=min(each.high, known.high))


def _contrast(each: Contrast) -> Row:
    spread = each.low != each.high
    return {"value": finite(each.estimate), "low": finite(each.low) if spread else None,
            "high": finite(each.high) if spread else None, "reason": "" if spread else "the same in every fold",
            "method": each.method}


def _parameters(fact: Tuned, found: Nested) -> Table:
    """What each outer fold chose of each parameter: one that every fold chooses alike may be trusted."""
    points, declared = fact.detail["points"], fact.detail["declared"]
    names = dict.fromkeys(name for point in points for name in point)
    rows: list[Row] = []
    for name in names:
        chosen = [str(_value(points[at], declared, name)) for at in found.chosen]
        value = _value(fact.params, declared, name)
        edge = searchspace.at_the_edge(points, name, value)
        rows.append({"parameter": name, "chosen": str(value), "declared": str(declared.get(name, "default")),
                     "agree": chosen.count(str(value)) / len(chosen), "by_fold": tuple(chosen),
                     "note": f"{edge} tried: the best may lie beyond" if edge else ""})
    return Table.of("parameters", rows, "parameter", "chosen", "declared", Column("agree", "folds agree", share=True),
                    Column("by_fold", "chosen by fold"), "note", title="Parameters")


def _value(point: Mapping[str, Any], declared: Mapping[str, Any], name: str) -> Any:
    return point[name] if name in point else declared.get(name, "default")


def _folds(fact: Tuned, found: Nested) -> Table:
    detail, at = fact.detail, np.arange(found.outer.shape[1])
    rows: list[Row] = [
        {"fold": int(fold) + 1, "train_rows": detail["train_rows"][fold], "test_rows": detail["test_rows"][fold],
         "purged": detail["purged"][fold], "chosen": searchspace.spelled(detail["points"][found.chosen[fold]]),
         "inner": float(found.inner[found.chosen[fold], fold]), "outer": float(found.scores[fold]),
         "best_of_all": float(found.outer[found.best, fold])} for fold in at]
    return Table.of("folds", rows, "fold", Column("train_rows", "train"), Column("test_rows", "test"), "purged",
                    "chosen", Column("inner", digits=4), Column("outer", digits=4),
                    Column("best_of_all", "best of all", digits=4), title="Outer folds")


def _points(fact: Tuned, found: Nested) -> Table:
    mean, chosen = found.outer.mean(axis=1), found.chosen.tolist()
    order = np.argsort(-mean if found.higher_is_better else mean, kind="stable")
    rows: list[Row] = [{"point": searchspace.spelled(fact.detail["points"][at]), "score": float(mean[at]),
                        "worst_fold": float(found.outer[at].min() if found.higher_is_better else found.outer[at].max()),
                        "chosen_by": chosen.count(at)} for at in order]
    return Table.of("points", rows[:POINTS], "point", Column("score", "non-nested", digits=4),
                    Column("worst_fold", "worst fold", digits=4), Column("chosen_by", "folds chose it"),
                    title="What was tried, best first", total=len(rows))


def curve(fact: Tuned) -> list[tuple[float, Estimate]]:
    """Score against training size of the chosen point, means over the outer folds with corrected intervals."""
    detail = fact.detail
    found = learning_curve(fact.metric, np.array(detail["curve"]), detail["sizes"], float(detail["test_share"]))
    return [(rows, _within(fact, each)) for rows, each in found]


def _curve(fact: Tuned, found: Nested) -> Series:
    points = curve(fact)
    return Series("learning_curve", "band", tuple(round(size) for size, _ in points),
                  tuple(finite(each.value) for _, each in points), tuple(finite(each.low) for _, each in points),
                  tuple(finite(each.high) for _, each in points), names=(fact.metric,),
                  title=f"Learning curve of {searchspace.spelled(fact.params)}: mean of {found.outer.shape[1]} folds, "
                  "band 95 %", x_label="training rows", y_label=fact.metric)


def _notes(fact: Tuned, found: Nested, leaks: bool) -> list[str]:
    """What a person should know before the numbers are used."""
    detail, notes = fact.detail, list[str]()
    if leaks:
        notes.append("Something learns from the labels of test rows, so every score here is worthless: fit what "
                     "prepares the rows inside the pipeline (`prepare:` or `steps:`), on training rows alone.")
    if fact.key and worth_writing(fact, asked=True) and not worth_writing(fact):
        notes.append("On rows that took no part in the choice, tuning is not surely better than declared"
                     f"{_bounds(found.gain(0)) or ': the same in every fold'}; --propose puts the parameters forward "
                     "anyway.")
    more = more_rows(np.array(detail["curve"]), found.test_share)
    low, high = sorted((_sign(found) * (more.low or 0.0), _sign(found) * (more.high or 0.0)))
    verdict = "would help" if low > 0 else "would not help" if high < 0 else "are not seen to help"
    notes.append(f"From 56 % of the training rows to all of them {fact.metric} changes by {more.estimate:+.4f}"
                 f"{_bounds(more)}: more rows {verdict}.")
    if detail.get("stopping"):
        notes.append(f"{fact.candidate} stops early (`stopping:`) when it is trained; here every point is fitted to "
                     "its end.")
    if detail.get("calibrate"):
        notes.append(f"{fact.candidate} is recalibrated ({detail['calibrate']}) when it is trained; here it is scored "
                     "before that.")
    return [*notes, *map(str, detail["notes"])]


def _sign(found: Nested) -> int:
    return 1 if found.higher_is_better else -1


def _range(fact: Tuned, each: Estimate) -> str:
    kept = _within(fact, each)
    return f"{each.value:.4f}" + (f" [{kept.low:.4f}, {kept.high:.4f}]" if kept.low is not None else "")


def _bounds(each: Contrast) -> str:
    return f" [{each.low:+.4f}, {each.high:+.4f}]" if each.low != each.high else ""


def _p(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1g}"
