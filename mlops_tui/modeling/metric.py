"""Which metric to judge a model by, and why; and which threshold is the cheapest."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from mlops_tui.analysis.advice import Advice, Situation, advised, of_classes, of_numbers
from mlops_tui.analysis.arrays import kish
from mlops_tui.analysis.threshold import beta_of, over_majority, row_costs
from mlops_tui.capability import local_path, measure
from mlops_tui.errors import BadInput
from mlops_tui.modeling._advised import Asked, advice_table
from mlops_tui.modeling._heldout import Version, own_answers, version
from mlops_tui.modeling._labelled import scored, uneven
from mlops_tui.modeling._modelfile import proposed, with_threshold
from mlops_tui.modeling._priced import PER, Case, Priced, notes_of, picture_of, priced, table_of
from mlops_tui.models.worth import money
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Row, Status, Table, Text, View, finite
from store.columns import read_columns
from store.facts import Finding
from store.written import names_file

COSTS = ("false_positive", "false_negative", "true_positive", "true_negative")
AMOUNT = "cost of {}, per row: a number, or a column of amounts; a gain is negative."


@measure(looks="preview")
@click.argument("what")
@click.option("--label", default=None, help="File: column with what came: 0 and 1; else see --task.")
@click.option("--score", default=None, help="File: column with the score of a yes.")
@click.option("--threshold", type=float, default=None,
              help="File: a score at or above it is a yes now; 0.5 for probabilities.")
@click.option("--false-positive", default=None, help=AMOUNT.format("a false alarm").capitalize())
@click.option("--false-negative", default=None, help=AMOUNT.format("a miss").capitalize())
@click.option("--true-positive", default=None, help=AMOUNT.format("a right yes").capitalize())
@click.option("--true-negative", default=None, help=AMOUNT.format("a right no").capitalize())
@click.option("--weight", default=None, help="File: column with what each row counts. A model declares its own.")
@click.option("--capacity", type=float, default=None, help="How many rows can be acted on; below 1: which share.")
@click.option("--probabilities", is_flag=True, help="Others compute with the probabilities.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]), default="binary", show_default=True,
              help="File: what is predicted.")
@click.option("--too-low", type=float, default=1.0, show_default=True, help="Regression: cost of a unit too low.")
@click.option("--too-high", type=float, default=1.0, show_default=True, help="Regression: cost of a unit too high.")
@click.option("--propose", is_flag=True, help="Model: put the cheaper threshold forward, for `adopt` to write.")
@click.option("--preview", is_flag=True, help="Model: only look; nothing is recorded.")
def metric(session: Session, what: str, label: str | None, score: str | None, threshold: float | None,
           weight: str | None, capacity: float | None, task: str, too_low: float, too_high: float, *,
           probabilities: bool, propose: bool, preview: bool, **amounts: str | None) -> View:
    """Say which metric to judge WHAT by: the scores in a file, or MODEL[@VERSION] on its test rows.

    With costs it names the cheapest threshold as well: in theory, for calibrated scores, and on these rows. A model
    declares them (`costs:`, or `value:`).

    \b
    Example: mlops-tui metric scored.parquet --label bad --score p --false-positive 1 --false-negative 5
             mlops-tui metric fraud.parquet --label fraud --score p --false-positive 5 --false-negative amount
             mlops-tui metric flights-delay@challenger
    """
    if label is None and not names_file(what):
        if score or weight or threshold is not None or any(amounts.values()):
            raise BadInput("A model declares its label, threshold and costs; a file needs --label.",
                           next="Of a model, give --capacity and --probabilities where you like.")
        return _of_model(session, what, capacity, probabilities=probabilities, propose=propose, preview=preview)
    if label is None:
        raise BadInput("A file needs --label.", next="A declared model needs none of these options.")
    file = local_path(session, what)
    if propose:
        raise BadInput("Only a declared model has a threshold to change.", next="Leave out --propose.")
    if task == "regression":
        return _of_numbers(file, label, too_low, too_high)
    if task == "multiclass":
        return _of_classes(file, label, probabilities=probabilities)
    if score is None:
        raise BadInput("A file needs --score.", next="Of several classes or numbers: --task multiclass or regression.")
    asked = _read(file, label, score, amounts, weight)
    now = threshold if threshold is not None else 0.5 if asked.probable else None
    if now is not None and not math.isfinite(now):
        raise BadInput(f"{now} is no threshold.", next="Give a number.")
    asked = replace(asked, now=now, capacity=_capacity(capacity, asked.labels.size), probabilities=probabilities)
    view, _ = _judged(asked)
    argv = (str(file), "--label", label, "--score", score)
    return replace(view, actions=(Action("Is it calibrated?", ("calibration", *argv)),
                                  Action("Evaluate", ("evaluate", *argv))) if asked.probable else ())


def _read(file: Path, label: str, score: str, amounts: Mapping[str, str | None], weight: str | None) -> Asked:
    """Labels, scores and costs of a file; amounts that are no numbers name columns."""
    given = {name: text for name in COSTS if (text := amounts.get(name)) is not None}
    if given and not {"false_positive", "false_negative"} <= set(given):
        raise BadInput("Both errors have a cost: a false alarm and a miss.",
                       next="Add: --false-positive X --false-negative Y")
    numbers = {name: _number(text) for name, text in given.items()}
    columns = [text for name, text in given.items() if numbers[name] is None]
    data = scored(file, label, [score, *columns], weight=weight)
    costs = {name: data.scores[text] if (number := numbers[name]) is None else np.full(data.n, number)
             for name, text in given.items()}
    return Asked(score, data.labels, data.scores[score], None, costs, weight=data.weight)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    if not math.isfinite(found):
        raise BadInput(f"{text} is no amount.", next="Give a number, or a column of amounts.")
    return found


def _capacity(asked: float | None, rows: int) -> int | None:
    if asked is None:
        return None
    if not (asked > 0 and math.isfinite(asked)) or (asked >= 1 and asked != int(asked)):
        raise BadInput(f"{asked:g} is no capacity.", next="Give a number of rows, or a share below 1.")
    return max(1, round(asked * rows)) if asked < 1 else min(int(asked), rows)


# -- a model --------------------------------------------------------------------------------------------------------


def _of_model(session: Session, text: str, capacity: float | None, *, probabilities: bool, propose: bool,
              preview: bool) -> View:
    """A version on its own test rows, by the costs that are declared; kept as a finding unless only looked at."""
    if preview and propose:
        raise BadInput("A look proposes nothing.", next="Leave out --preview, or --propose.")
    chosen = version(session, text)
    model, name = chosen.model, chosen.trained.subject
    if model.task != "binary":
        raise BadInput(f"{name} is a {model.task} model: a threshold and costs of yes and no are not of it.",
                       where=str(session.declared().path_of("model", name)),
                       next="Ask of a file of its labels: --task " + model.task)
    own = own_answers(session, chosen)
    labels, scores = own.label.astype(np.bool_), own.given
    declared = model.costs is not None or model.value is not None
    costs, unit = money(model) if declared else (None, "units")
    amounts = {each: np.full(labels.size, getattr(costs, each)) for each in COSTS} if costs else {}
    asked = Asked(chosen.name, labels, scores, model.threshold, amounts, unit, _capacity(capacity, labels.size),
                  probabilities, uneven(own.weight))
    view, found = _judged(asked)
    if not preview:
        session.ledger.append(_finding(session, chosen, view, found, unit))
    threshold = _proposable(found, model.threshold)
    if propose:
        return _put_forward(session, chosen, view, threshold)
    actions = (Action(f"Propose the threshold {threshold:g}", ("metric", chosen.name, "--propose")),) \
        if threshold is not None else ()
    return replace(view, actions=(*actions, Action("Is it calibrated?", ("calibration", chosen.name))))


def _proposable(found: Priced | None, now: float) -> float | None:
    """The threshold to put forward: surely cheaper, and one that can be declared."""
    if found is None or not found.sure or found.chosen.threshold is None:
        return None
    value = float(f"{found.chosen.threshold:.4g}")
    return value if 0 <= value <= 1 and value != now else None


def _put_forward(session: Session, chosen: Version, view: View, threshold: float | None) -> View:
    name = chosen.trained.subject
    if threshold is None:
        raise BadInput(f"No threshold is surely cheaper for {chosen.name} than {chosen.model.threshold:g}.",
                       where=str(session.declared().path_of("model", name)),
                       next=f"Try: mlops-tui metric {chosen.name}")
    fact = proposed(session, name, lambda text, path: with_threshold(text, threshold, path), view.title,
                    f"metric of {name}")
    return View(f"{fact.subject} would set the threshold of {name} to {threshold:g}", Status.DONE,
                (Facts({"proposal": fact.subject, "path": fact.path, "from": chosen.model.threshold, "to": threshold,
                        "why": view.title}), *view.parts[1:]),
                (Action("Write it into the project", ("adopt", fact.subject)),))


def _finding(session: Session, chosen: Version, view: View, found: Priced | None, unit: str) -> Finding:
    """What enters the history: what the threshold that is advised saves per 1,000 rows beside the declared one."""
    trained, saved = chosen.trained, found.chosen.beside_now.saved if found and found.chosen.beside_now else None
    scaled = [None if each is None else PER * each for each in (saved.value, saved.low, saved.high)] if saved else \
        [None, None, None]
    facts = view.facts()
    return Finding(check="metric", subject=trained.subject, status=view.status.value, title=view.title, value=scaled[0],
                   low=scaled[1], high=scaled[2], unit=f"{unit}/1,000 rows", n=int(str(facts["rows"])),
                   data=(trained.scores,), version=trained.version,
                   declaration=session.declaration("model", trained.subject),
                   detail={id: facts.get(id) for id in ("judge_by", "threshold_now", "threshold_advised",
                                                        "threshold_theory", "threshold_best")})


# -- yes or no ------------------------------------------------------------------------------------------------------


def _judged(asked: Asked) -> tuple[View, Priced | None]:
    """The advice on these rows, with the thresholds where there are costs."""
    labels, n = asked.labels, asked.labels.size
    situation = Situation(asked.prevalence, bool(asked.costs), asked.capacity is not None, asked.probabilities)
    advice = advised(situation)
    case = _case(asked) if asked.costs else None
    found = priced(case) if case is not None else None
    facts: dict[str, Cell] = {"judge_by": advice[0].metric, "rows": n, "positives": int(labels.sum()),
                              "prevalence": situation.prevalence, "majority_share": situation.majority}
    if asked.weight is not None:
        facts["effective_rows"] = kish(asked.weight)
    facts |= _threshold_facts(asked, found)
    warned, notes = _beside_majority(asked, situation)
    facts |= warned
    parts: list[Part] = [Facts(facts), *notes, *_hints(asked, found),
                         advice_table(advice, asked, case.costs if case else None)]
    if case is not None and found is not None:
        parts += [table_of(case, found), notes_of(found), *picture_of(case, found)]
    status = Status.WARN if notes or (found is not None and found.sure) else Status.DONE
    return View(_title(asked, advice[0], found), status, tuple(parts)), found


def _case(asked: Asked) -> Case:
    try:
        costs = row_costs(asked.labels, asked.costs["false_positive"], asked.costs["false_negative"],
                          asked.costs.get("true_positive", 0.0), asked.costs.get("true_negative", 0.0))
    except ValueError as problem:
        raise BadInput(f"With these costs nothing can be decided: {problem}.",
                       next="A gain is a negative cost: look at the signs.") from problem
    costs = costs if asked.weight is None else costs.weighted(asked.weight)
    return Case(asked.labels, asked.scores, costs, asked.now, asked.probable, asked.unit,
                bool(np.ptp(costs.harm) or np.ptp(costs.miss)), asked.capacity)


def _title(asked: Asked, first: Advice, found: Priced | None) -> str:
    said = f"{asked.name}: judge by {first.metric.replace('_', ' ')}"
    if found is None:
        return said
    chosen = found.chosen
    if chosen.id == "always":
        return f"{said}; {chosen.note}"
    at = "say no to all" if chosen.threshold is None or math.isinf(chosen.threshold) else \
        f"threshold {chosen.threshold:.3g}"
    saved = chosen.beside_now.saved if chosen.beside_now else None
    if chosen.id == "capacity":
        return f"{said}; {at} is the cheapest that {asked.capacity:,} rows allow"
    if chosen.id == "now" or (chosen.beside_now is not None and not chosen.beside_now.changed):
        return f"{said}; no threshold is surely cheaper than {asked.now:g}"
    if saved is None or saved.value is None:
        return f"{said}; {at} is the cheapest"
    if saved.low is None:
        return f"{said}; {at} is advised: {saved.reason} beside {asked.now:g}"
    low, value, high = (PER * float(each) for each in (saved.low, saved.value, saved.high or saved.low))
    sure = "saves" if found.sure else "does not surely save"
    return (f"{said}; {at} {sure} {value:,.1f} {asked.unit} per 1,000 rows [{low:,.1f}, {high:,.1f}] beside "
            f"{asked.now:g}")


def _threshold_facts(asked: Asked, found: Priced | None) -> dict[str, Cell]:
    facts: dict[str, Cell] = {"threshold_now": asked.now}
    if found is None:
        return facts
    theory, advised_at = found.of("theory"), found.chosen.threshold
    facts |= {"threshold_advised": finite(advised_at), "threshold_theory": theory.threshold if theory else None,
              "threshold_best": finite(found.best.threshold), "threshold_best_low": finite(found.best.low),
              "threshold_best_high": finite(found.best.high), "method": "bootstrap of the rows", "seed": 0}
    harm, miss = asked.mean_costs()
    if harm > 0 and miss > 0:
        facts |= {"beta": beta_of(harm, miss), "cost_ratio": miss / harm}
    return facts


def _beside_majority(asked: Asked, situation: Situation) -> tuple[dict[str, Cell], list[Text]]:
    """Accuracy beside that of a constant answer; a warning where it is lower, or not surely higher."""
    if asked.now is None:
        return {}, []
    gain, bounds = over_majority(asked.labels, asked.decided, asked.weight)
    facts: dict[str, Cell] = {
        "accuracy": float(np.average(asked.decided == asked.labels, weights=asked.weight)), "accuracy_gain": gain,
        "accuracy_gain_low": bounds.low, "accuracy_gain_high": bounds.high}
    usual = "yes" if situation.prevalence >= 0.5 else "no"
    if gain >= 0:
        return facts, []
    sure = "surely" if bounds.high < 0 else "though not surely"
    return facts, [Text(f"Always saying {usual} is right in {situation.majority:.1%} of the rows, this model at "
                        f"{asked.now:g} in {facts['accuracy']:.1%}: {sure} less "
                        f"({gain:+.1%} [{bounds.low:+.1%}, {bounds.high:+.1%}]).")]


def _hints(asked: Asked, found: Priced | None) -> list[Text]:
    """What the numbers rest on, where that is in doubt."""
    if found is None:
        return []
    said = []
    theory = found.of("theory")
    if theory and theory.threshold is not None and found.chosen.id == "best":
        said.append(Text(f"{found.best.threshold:.3g} is surely cheaper here than {theory.threshold:.3g}, which would "
                         "be best if the scores were calibrated: they are not, around there."))
    if not asked.probable:
        said.append(Text("The scores are no probabilities, so there is no threshold in theory."))
    each = found.of("each")
    if each is not None and each.beside_now is not None:
        said.append(Text("Amounts differ from row to row: a threshold for each row needs them when it decides."))
    return said


# -- several classes, numbers -----------------------------------------------------------------------------------------


def _of_classes(file: Path, label: str, *, probabilities: bool) -> View:
    values = read_columns(file, [], [label]).texts[label]
    names, counts = np.unique(values, return_counts=True)
    if names.size < 2 or names.size > PER:
        raise BadInput(f"'{label}' has {names.size:,} different values.", where=str(file),
                       next="Several classes are between 2 and 1,000.")
    advice = of_classes((counts / counts.sum()).tolist(), probabilities)
    return _advice_view(label, advice, {"rows": int(counts.sum()), "classes": int(names.size),
                                        "majority_share": float(counts.max() / counts.sum())})


def _of_numbers(file: Path, label: str, too_low: float, too_high: float) -> View:
    column = read_columns(file, [label]).columns[label]
    if column.field.kind != "numeric":
        raise BadInput(f"'{label}' is no number: the column is {column.field.type}.", where=str(file),
                       next="Name a numeric column, or say --task multiclass.")
    try:
        advice = of_numbers(too_low, too_high)
    except ValueError as problem:
        raise BadInput(f"{str(problem).capitalize()}.", next="Give --too-low and --too-high above 0.") from problem
    known = ~column.missing
    return _advice_view(label, advice, {"rows": int(known.sum()), "quantile": too_low / (too_low + too_high)})


def _advice_view(label: str, advice: list[Advice], facts: dict[str, Cell]) -> View:
    rows: list[Row] = [{"use": each.use, "metric": each.metric, "why": each.why} for each in advice]
    return View(f"{label}: judge by {advice[0].metric.replace('_', ' ')}", Status.DONE, (
        Facts({"judge_by": advice[0].metric, **facts}), Table.of("advice", rows, "use", "metric", "why",
                                                                 title="Metrics")))
