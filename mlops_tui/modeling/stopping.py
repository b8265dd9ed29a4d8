"""When training should have ended: a recorded curve under a stopping rule, or the curve of a version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from mlops_tui import folds
from mlops_tui.analysis.stopping import KINDS, Decision, Replay, Rule, Stopper, Why, replay
from mlops_tui.capability import local_path, look
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Series, Status, Text, View, counted, finite
from store.columns import ReadColumn, ReadFile, read_columns
from store.facts import Trained

MOST_EPOCHS = 1_000_000


@dataclass(frozen=True)
class Curve:
    """A recorded curve in order: values, what each epoch is called, training errors and seconds where they are kept."""

    where: str
    column: str
    values: Sequence[float]
    epochs: Sequence[float]
    training: Sequence[float] | None = None
    seconds: Sequence[float] | None = None


@look
@click.argument("subject", metavar="FILE|MODEL[@VERSION]")
@click.option("--value", default=None, help="Column with the validation value of each epoch.")
@click.option("--epoch", default=None, help="Column that numbers the epochs; else they come in order, from 1.")
@click.option("--training", default=None, help="Column with the training error of each epoch, which pq needs.")
@click.option("--seconds", default=None, help="Column with the seconds each epoch took, to say how many are saved.")
@click.option("--rule", "kind", type=click.Choice(KINDS), default="patience", show_default=True,
              help="patience, or one of Prechelt's: generalisation loss, its quotient to progress, rising strips.")
@click.option("--patience", default=5, show_default=True, help="Stop after so many epochs without improvement.")
@click.option("--min-delta", default=0.0, show_default=True, help="What is better by no more is no improvement.")
@click.option("--relative", is_flag=True, help="--min-delta is a share of the value to beat.")
@click.option("--warm-up", default=0, show_default=True, help="During so many epochs only divergence stops.")
@click.option("--higher", is_flag=True, help="A larger value is better, as with accuracy.")
@click.option("--alpha", default=5.0, show_default=True, help="gl: percent above the lowest; pq: the quotient.")
@click.option("--strip", default=5, show_default=True, help="pq, up: epochs of a strip.")
@click.option("--strips", default=3, show_default=True, help="up: so many strips in a row end worse.")
@click.option("--diverged-at", type=float, default=None, help="Stop at once beyond this value, as for NaN.")
def stopping(session: Session, subject: str, value: str | None, epoch: str | None, training: str | None,
             seconds: str | None, **how: Any) -> View:
    """Where a recorded curve of training should have ended, or how the training of MODEL[@VERSION] ended.

    A FILE (CSV, Parquet, JSON) holds one row an epoch. Whatever stops, the best stage is what is kept. A value that is
    no number (NaN, infinite) stops at once.

    \b
    Example: mlops-tui stopping curve.csv --value val_loss --patience 5 --min-delta 0.001
             mlops-tui stopping curve.csv --value val_loss --training loss --rule pq --alpha 0.5
             mlops-tui stopping flights-delay@3
    """
    if value is None:
        given = [f"--{name}" for name, column in (("epoch", epoch), ("training", training), ("seconds", seconds))
                 if column is not None]
        if given or session.project is None:
            raise BadInput("Which column holds the values?", where=" ".join(given) or subject,
                           next="Add: --value COLUMN")
        return _of_version(session, subject)
    rule = _rule(**how)
    return _replayed(_curve(local_path(session, subject), value, epoch, training, seconds), rule)


def _rule(higher: bool, **how: Any) -> Rule:
    try:
        return Rule(higher_is_better=higher, **how)
    except ValueError as problem:
        raise BadInput(f"That is no rule: {problem}.", where="options",
                       next="Try: mlops-tui stopping --help") from problem


# -- a file ---------------------------------------------------------------------------------------------------------


def _curve(path: Any, value: str, epoch: str | None, training: str | None, seconds: str | None) -> Curve:
    """The curve in a file, in order of its epochs; BadInput by column and row for what is no curve."""
    names = [name for name in (value, epoch, training, seconds) if name is not None]
    read = read_columns(path, list(dict.fromkeys(names)))
    if not 0 < read.rows <= MOST_EPOCHS:
        said = "has columns but no rows" if not read.rows else f"has {read.rows:,} rows, too many for one curve"
        raise BadInput(f"'{path.name}' {said}.", where=read.where, next="Name a file with one row an epoch.")
    found = {name: _numbers(read, name) for name in names}
    order = np.arange(read.rows)
    if epoch is not None:
        order = np.argsort(found[epoch], kind="stable")
        again = np.flatnonzero(np.diff(found[epoch][order]) == 0)
        if not np.isfinite(found[epoch]).all() or again.size:
            bad = found[epoch][order][again[0]] if again.size else float("nan")
            raise BadInput(f"'{epoch}' does not number the epochs: {bad:g} is there twice." if again.size else
                           f"'{epoch}' does not number the epochs: one of them is no number.", where=read.where,
                           next="Keep the rows of one run, one row an epoch.")
    listed = {name: tuple(column[order].tolist()) for name, column in found.items()}
    named = [int(each) if each.is_integer() else each for each in listed[epoch]] if epoch else range(1, read.rows + 1)
    return Curve(read.where, value, listed[value], named,
                 listed[training] if training else None, listed[seconds] if seconds else None)


def _numbers(read: ReadFile, name: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
    column: ReadColumn = read.columns[name]
    if column.field.kind != "numeric":
        raise BadInput(f"'{name}' holds no numbers: the column is {column.field.type}.", where=read.where,
                       next="Name a column of numbers.")
    if column.missing.any():
        row = int(np.argmax(column.missing))
        raise BadInput(f"{counted(int(column.missing.sum()), 'row')} have no '{name}'.",
                       where=f"{read.where}, row {row} (from 0)",
                       next="Leave out epochs that were not measured; a value that was NaN is written NaN.")
    return np.asarray(column.values, dtype=np.float64)


def _replayed(curve: Curve, rule: Rule) -> View:
    try:
        found = replay(rule, curve.values, curve.training)
    except ValueError as problem:
        raise BadInput(f"The curve cannot be judged: {problem}.", where=curve.where,
                       next="Name its column with --training." if curve.training is None and rule.kind == "pq"
                       else "Choose --rule patience.") from problem
    facts = {"rule": str(rule), "better": "higher" if rule.higher_is_better else "lower", **_facts(curve, found),
             "source": curve.where}
    parts: list[Part] = [Facts(facts), _picture(curve, rule, found)]
    if _missed(found):
        parts.insert(1, Text(f"A better value came later: {found.best:g} at epoch "
                             f"{curve.epochs[found.best_epoch - 1]:g}; the rule would have missed it."))
    return View(_title(curve, found), _status(found), tuple(parts))


def _status(found: Replay) -> Status:
    """Divergence, and a rule that misses what came later, deserve a look."""
    return Status.WARN if found.decision.why is Why.DIVERGED or found.missed else Status.DONE


def _missed(found: Replay) -> bool:
    """Whether the rule gave up on a curve that got better; what comes after a divergence is none of its doing."""
    return found.missed and found.decision.why is not Why.DIVERGED


def _title(curve: Curve, found: Replay) -> str:
    decision = found.decision
    best = f"best {decision.best:.4g} at epoch {curve.epochs[decision.best_epoch - 1]:g}" if decision.best_epoch else \
        "no epoch before it can be kept"
    if not decision.stop:
        return f"Runs through all {found.epochs} epochs: {best}"
    named = curve.epochs[decision.epoch - 1]
    at = f"epoch {decision.epoch} of {found.epochs}" + (f" (numbered {named:g})" if named != decision.epoch else "")
    if decision.why is Why.DIVERGED:
        return f"Diverged at {at}: {curve.column} is {curve.values[decision.epoch - 1]:g}; {best}"
    return f"Stops at {at}: {decision.why}; {best}"


def _facts(curve: Curve, found: Replay) -> dict[str, Cell]:
    decision = found.decision
    named = curve.epochs
    saved: dict[str, Cell] = {}
    if curve.seconds is not None:
        spent = np.asarray(curve.seconds, dtype=np.float64)
        saved = {"seconds": finite(float(spent.sum())), "saved_seconds": finite(float(spent[decision.epoch:].sum()))}
    return {"stop_epoch": named[decision.epoch - 1] if decision.stop else None,
            "best_epoch": named[decision.best_epoch - 1] if decision.best_epoch else None,
            "best": finite(decision.best), "reason": str(decision.why), "waited": decision.waited,
            "epochs": found.epochs, "epochs_run": decision.epoch, "saved_epochs": found.saved,
            "saved_share": found.saved / found.epochs, **saved,
            "best_of_all": finite(found.best),
            "best_of_all_epoch": named[found.best_epoch - 1] if found.best_epoch else None}


def _picture(curve: Curve, rule: Rule, found: Replay) -> Series:
    """The curve, and beside it the best so far, which ends where training does."""
    stopper, best = Stopper(rule), list[Cell]()
    errors: Sequence[float | None] = curve.training or [None] * len(curve.values)
    for value, error in list(zip(curve.values, errors, strict=True))[:found.decision.epoch]:
        decision: Decision = stopper.update(value, error)
        best.append(finite(decision.best))
    return _line(curve.column, curve.epochs, curve.values, best)


def _line(name: str, epochs: Sequence[float], values: Sequence[float], best: Sequence[Cell]) -> Series:
    return Series("curve", "line", tuple(epochs), tuple(finite(value) for value in values), other=tuple(best),
                  names=(name, "best so far, until the stop"), title="Curve", x_label="epoch", y_label=name)


# -- a version ------------------------------------------------------------------------------------------------------


def _of_version(session: Session, text: str) -> View:
    """How the training of a version ended, as it was kept with it."""
    subject = session.declared().subject(text, "model")
    state = folds.model_state(session.ledger.entries("trained", "promotion"), subject.name)
    if not state.versions:
        return View(f"{subject.name} was never trained", Status.UNKNOWN,
                    actions=(Action("Train its candidates", ("train", subject.name)),))
    version = state.resolve(subject.version) or ("" if subject.version else state.challenger)
    fact = state.trained(version) if version else None
    if fact is None:
        raise NotFound(f"'{subject.name}' has no version '{subject.version}'.",
                       where=f"versions: {', '.join(state.versions)}", next="Try: mlops-tui model list")
    kept: Mapping[str, Any] = fact.detail.get("stopping") or {}
    return _kept(subject.name, fact, kept) if kept else _none(session, subject.name, fact)


def _none(session: Session, name: str, fact: Trained) -> View:
    said = (f"Its candidate '{fact.candidate}' declares none. In {session.declared().path_of('model', name).name}: "
            f"candidates: {{{fact.candidate}: {{…, stopping: {{validation: 14d, patience: 5}}}}}}")
    return View(f"{name} {fact.version} was trained without early stopping", Status.DONE,
                (Facts({"version": fact.version, "candidate": fact.candidate}), Text(said)),
                (Action("What it cost", ("footprint", f"{name}@{fact.version}")),))


def _kept(name: str, fact: Trained, kept: Mapping[str, Any]) -> View:
    values = [float("nan") if value is None else float(value) for value in kept["values"]]
    at = "Ran through all" if not kept["stopped"] else f"Diverged at stage {kept['epochs_run']} of" if \
        kept["reason"] == Why.DIVERGED else f"Stopped at stage {kept['epochs_run']} of"
    title = f"{name} {fact.version}: {at} {kept['most']} stages, kept {kept['best_epoch']}"
    facts: dict[str, Cell] = {
        "version": fact.version, "candidate": fact.candidate, "rule": kept["rule"], "reason": kept["reason"],
        "stop_epoch": kept["epochs_run"] if kept["stopped"] else None, "best_epoch": kept["best_epoch"],
        "best": kept["best"], "metric": kept["metric"], "epochs_run": kept["epochs_run"],
        "saved_epochs": kept["most"] - kept["epochs_run"], "saved_share": 1 - kept["epochs_run"] / kept["most"],
        "validation_from": kept["validation_from"], "validation_rows": kept["validation_rows"],
        "fitted_rows": kept["fitted_rows"], "purged": kept["purged"], "refitted": kept["refitted"]}
    lowest = np.fmin.accumulate(values).tolist()
    picture = _line(f"{kept['metric']} on the validation rows", range(1, len(values) + 1), values,
                    [finite(value) for value in lowest])
    status = Status.WARN if kept["reason"] == Why.DIVERGED or not kept["stopped"] else Status.DONE
    note = () if kept["stopped"] else (Text("It was still within its patience when the declared number of stages "
                                            "ended: more of them may be better."),)
    return View(title, status, (Facts(facts), *note, picture),
                (Action("How good it is", ("evaluate", f"{name}@{fact.version}")),
                 Action("What it cost", ("footprint", f"{name}@{fact.version}"))))
