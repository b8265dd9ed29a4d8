"""How good a model is: its metrics with intervals, on the whole and by slice, judged by its criteria."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import click
import numpy as np

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.cost import Costs
from mlops_tui.capability import local_path, measure
from mlops_tui.errors import BadInput
from mlops_tui.inputs.moments import told
from mlops_tui.modeling._answered import Asked, answered, by_class
from mlops_tui.modeling._evaluated import (
    Evaluated,
    classes_table,
    confusion_table,
    evaluated,
    facts,
    metrics_table,
    slices_parts,
    status,
    title,
    warnings,
)
from mlops_tui.modeling._heldout import (
    Version,
    classified,
    columns_of,
    finding,
    judged,
    own_answers,
    small_enough,
    version,
)
from mlops_tui.modeling._labelled import need_probabilities
from mlops_tui.modeling._pictures import FIRST, PICTURES, costs
from mlops_tui.models import looks
from mlops_tui.models.worth import money
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Part, Row, Status, Table, Text, View, worst
from store.columns import Texts
from store.written import names_file

MOST = 1000   # groups: a column with more is no grouping
DRAWN = (*(name for each in PICTURES.values() for name in each), "cost")


@dataclass(frozen=True)
class Wanted:
    """What of an evaluation is wanted beyond the whole."""

    threshold: float | None
    groups: Sequence[str]
    pictures: Sequence[str]


@measure(looks="preview")
@click.argument("what")
@click.option("--label", default=None, help="File: column with what came.")
@click.option("--score", default=None, help="File: column with the probability of a yes.")
@click.option("--prediction", default=None,
              help="File: column with the class, the number, or the yes or no (1, 0) that was given.")
@click.option("--probability", multiple=True, metavar="CLASS=COLUMN",
              help="File: column with the probability of a class; once for each.")
@click.option("--weight", default=None, help="File: column with what each row counts. A model declares its own.")
@click.option("--cluster", default=None, help="File: column that says which rows vary together, such as the day; of a "
              "model, `split: together:` says so.")
@click.option("--task", type=click.Choice(["auto", *(each.value for each in Task)]), default="auto", show_default=True,
              help="File: what is predicted; auto: told by the columns.")
@click.option("--threshold", type=float, default=None,
              help="File: a score at or above it is a yes; 0.5 by default. A model declares its own.")
@click.option("--group", multiple=True,
              help="Column (of a model, one of its features) whose values are evaluated each; may be repeated.")
@click.option("--picture", multiple=True, type=click.Choice(["all", *DRAWN]), help="Draw these, or all there are.")
@click.option("--preview", is_flag=True, help="Model: only look; nothing is recorded.")
def evaluate(session: Session, what: str, label: str | None, score: str | None, prediction: str | None,
             probability: tuple[str, ...], weight: str | None, cluster: str | None, task: str,
             threshold: float | None,
             group: tuple[str, ...], picture: tuple[str, ...], preview: bool) -> View:
    """Evaluate WHAT: the answers in a file against its labels, or MODEL[@VERSION] on the test rows it has not seen.

    Yes or no (--score, or --prediction of 0 and 1), several classes (--prediction or --probability) or numbers
    (--prediction). A model's version (the challenger, else the champion) is judged by the criteria of its declaration,
    and by each of its `slices:`.

    \b
    Example: mlops-tui evaluate scored.parquet --label late --score challenger --threshold 0.3 --group origin
             mlops-tui evaluate rows.csv --label kind --probability cat=p_cat --probability dog=p_dog
             mlops-tui evaluate rows.csv --label minutes --prediction guess --weight passengers
             mlops-tui evaluate flights-delay@challenger --group carrier
    """
    wanted = Wanted(threshold, tuple(dict.fromkeys(group)), picture)
    if not _is_file(what, label, (score, prediction, *probability, weight, cluster)):
        if task != "auto":
            raise BadInput("The task of a model is declared.", next="Leave out --task.")
        return _of_model(session, what, wanted, preview=preview)
    asked = Asked(str(label), score, prediction, by_class(probability), weight, None if task == "auto" else Task(task))
    return _of_file(local_path(session, what), asked, wanted, cluster)


def _is_file(what: str, label: str | None, answered_by: Sequence[str | None]) -> bool:
    """Whether WHAT is a file, which needs a label; a declared model has no such options."""
    named = names_file(what) or label is not None or any(answered_by)
    if named and label is None:
        raise BadInput("A file needs --label, and what the model answered: --score, --prediction or --probability.",
                       next="A declared model needs none of these options.")
    return named


def _of_file(file: Path, asked: Asked, wanted: Wanted, cluster: str | None) -> View:
    data = answered(file, asked, (*wanted.groups, *([cluster] if cluster else [])))
    columns = {name: data.texts[name] for name in wanted.groups}
    for name, values in columns.items():
        small_enough(values, name, data.where, MOST)
    together = np.unique(data.texts[cluster], return_inverse=True)[1] if cluster else None
    found = _evaluated(replace(data.answers, together=together), 0.5 if wanted.threshold is None else wanted.threshold,
                       "", columns, data.where, f"values of {cluster}" if cluster else "")
    name = asked.score or asked.prediction or "probabilities"
    told_of = {"score": name, **facts(found), "without_label": data.unlabelled,
               **({"without_weight": data.weightless} if data.weightless else {})}
    notes = [Text(each) for each in data.notes]
    argv = (str(file), "--label", asked.label, "--score", name)
    actions = (Action("Calibration", ("calibration", *argv)),) if found.binary is not None and not found.hard else ()
    return View(_sentence(title(name, found), found), worst(status(found), Status.DONE),
                (*warnings(found), *notes, *_body(found, wanted, Facts(told_of))), actions)


def _evaluated(answers: Answers, threshold: float, deciding: str, columns: Mapping[str, Texts],
               where: str, unit: str) -> Evaluated:
    try:
        return evaluated(answers, threshold, deciding, columns, unit)
    except ValueError as problem:
        raise BadInput(f"{str(problem)[0].upper()}{str(problem)[1:]}.", where=where,
                       next="Choose more rows, or another --weight.") from problem


def _of_model(session: Session, text: str, wanted: Wanted, *, preview: bool) -> View:
    """A version on its own test rows at the declared threshold, judged by the declared criteria.

    Kept as a finding unless only looked at.
    """
    chosen = version(session, text)
    name, trained = chosen.name, chosen.trained
    if wanted.threshold is not None:
        raise BadInput(f"The threshold of {trained.subject} is declared: {chosen.model.threshold:g}.",
                       where=str(session.declared().path_of("model", trained.subject)),
                       next="Change `threshold:` there, and leave out --threshold.")
    answers = own_answers(session, chosen)
    if answers.task is Task.BINARY:
        need_probabilities(name, trained.candidate, answers.given,
                           "Let the candidate give probabilities, and train it again.")
    columns, left_out = columns_of(session, chosen, wanted.groups)
    for column, values in columns.items():
        small_enough(values, column, name, MOST)
    unit = "days" if chosen.model.split.together == timedelta(days=1) else "spans of time"
    found = _evaluated(answers, chosen.model.threshold, chosen.deciding, columns, name, unit)
    rows = judged(session, chosen, found)
    met = f", {sum(row['verdict'] == 'met' for row in rows)} of {len(rows)} criteria met" if rows else ""
    said = _sentence(f"{title(name, found)}{met}", found, classified(session))
    shown = {"version": trained.version, "candidate": trained.candidate, **facts(found),
             "test_from": told(str(trained.detail.get("test_from") or "")), "scores": chosen.scores.id}
    declared = chosen.model.costs is not None or (chosen.model.value is not None and chosen.model.value.false_alarm)
    body = _body(found, wanted, Facts(shown), money(chosen.model) if declared and found.binary is not None else None)
    kept = finding(session, chosen, found, rows, said)
    if not preview:
        session.ledger.append(kept)
    notes = (*warnings(found), *_looked(session, chosen), *(Text(each) for each in left_out))
    return View(kept.title, Status(kept.status), (*notes, *_criteria(rows), *body), _next(chosen, found, rows))


def _looked(session: Session, chosen: Version) -> list[Text]:
    """A warning where others have looked at these test rows: the best of many looks is no fair picture."""
    days = looks.holdout_of(chosen.trained)
    found = looks.looks(session.ledger.entries("trained", "looked"), days) if days is not None else ()
    return [Text(looks.told(found, days))] if days is not None and len(found) > 1 else []


def _criteria(rows: Sequence[Row]) -> list[Table]:
    if not rows:
        return []
    bare = any(row["low"] is None or row["verdict"] == "too few rows" for row in rows)
    why = (Column("reason", worth=-1),) if bare else ()  # else it repeats what stands beside it
    return [Table.of("criteria", rows, "metric", Column("limit", digits=4), Column("value", digits=4),
                     Column("low", digits=4), Column("high", digits=4), "verdict", *why, title="Criteria")]


def _sentence(said: str, found: Evaluated, secret: Collection[str] = ()) -> str:
    """The title, with the slices that are worse than the rest; values of secret columns are not named."""
    worse = found.worse
    if not worse:
        return said
    named = " and ".join(f"{each.column} {'…' if each.column in secret else each.name}" for each in worse[:2])
    more = f" and {len(worse) - 2} more" if len(worse) > 2 else ""
    return f"{said}; worse where {named}{more}"


def _body(found: Evaluated, wanted: Wanted, told_of: Facts,
          priced: tuple[Costs, str] | None = None) -> tuple[Part, ...]:
    """Metrics, classes, slices, the counts behind them, pictures."""
    drawn = PICTURES[found.answers.task]
    first = () if found.hard else FIRST
    chosen = [name for name in drawn if name in (wanted.pictures or first) or "all" in wanted.pictures]
    known = (*drawn, "all", *(["cost"] if priced is not None else []))
    for name in wanted.pictures:
        if name not in known:
            raise BadInput(f"There is no picture '{name}' of this {found.answers.task} model.",
                           next="Declare `costs:` in the model." if name == "cost" else
                           f"Pictures: {', '.join(known)}.")
    pictures = [drawn[name](found) for name in chosen]
    if priced is not None and (not wanted.pictures or {"cost", "all"} & {*wanted.pictures}):
        pictures.append(costs(found.answers, *priced, found.threshold))
    return (metrics_table(found), *confusion_table(found), *classes_table(found), *slices_parts(found), told_of,
            *pictures)


def _next(chosen: Version, found: Evaluated, criteria: Sequence[Row]) -> tuple[Action, ...]:
    """Where to go from a version: beside the champion where it is another, its calibration, its promotion.

    The last only where every criterion is met: another one shuts its gate.
    """
    shut = chosen.serves or not all(row["verdict"] == "met" for row in criteria)
    rival = Action("Beside the champion", ("compare", chosen.name))
    return (*([rival] if chosen.state.champion and not chosen.serves else []),
            *([Action("Is it calibrated?", ("calibration", chosen.name))] if found.binary is not None else []),
            *([] if shut else [Action("Promote it", ("promote", chosen.name))]),
            *([Action("More pictures", ("evaluate", chosen.name, "--picture", "all"))] if found.binary else []))
