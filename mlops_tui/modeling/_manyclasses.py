"""The calibration of probabilities of several classes: of the class that is said, and class by class."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.calibration import ece, reliability
from mlops_tui.analysis.chance import ece_by_chance, ece_interval, tilts
from mlops_tui.analysis.multiplicity import holm
from mlops_tui.errors import BadInput, nearest
from mlops_tui.modeling._heldout import Version, own_answers
from mlops_tui.modeling._pictures import reliability_diagram
from mlops_tui.modeling._testrows import uneven, weights_of
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View
from store.columns import NULL, Texts, read_columns

LIMIT, SURE, SLACK = 0.05, 0.05, 1e-3  # probabilities of a row add up to 1 but for rounding


def of_classes(file: Path, label: str, given: Sequence[str], weight: str | None, bins: int) -> View:
    """The calibration of a file whose label is a class, with a column of probabilities for each."""
    columns = dict(_pair(each) for each in given)
    read = read_columns(file, [*columns.values(), *([weight] if weight else [])], [label])
    labels = read.texts[label]
    rows = labels != NULL
    if not rows.any():
        raise BadInput(f"No row has a label: all {read.rows} values of '{label}' are null.", where=read.where,
                       next="Join the outcomes first.")
    numbers = {}
    for name in (*columns.values(), *([weight] if weight else [])):
        column = read.columns[name]
        if column.field.kind != "numeric":
            raise BadInput(f"'{name}' is no number: the column is {column.field.type}.", where=read.where,
                           next="Name a numeric column.")
        values = column.values.astype(np.float64)
        bad = rows & (column.missing | ~np.isfinite(values))
        if bad.any():
            raise BadInput(f"{int(bad.sum())} labelled rows have no usable '{name}'.",
                           where=f"{read.where}, row {int(np.argmax(bad))} (from 0)", next="Score every row.")
        numbers[name] = values[rows]
    weights = weights_of(numbers[weight], weight, read.where, np.arange(int(rows.sum())) % 2 == 0) if weight else None
    chances = {each: numbers[column] for each, column in columns.items()}
    return _view(file.name, read.where, labels[rows], chances, weights, bins)


def _pair(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise BadInput(f"'{text}' does not say which column holds the probability of which class.",
                       next="Write --probability CLASS=COLUMN.")
    return name, column


def of_version(session: Session, chosen: Version, bins: int) -> View:
    """The calibration of a version of several classes on its test rows."""
    found = own_answers(session, chosen)
    if found.given.ndim != 2:
        raise BadInput(f"{chosen.name} gives classes without probabilities.", where=chosen.scores.dataset,
                       next=f"Try: mlops-tui evaluate {chosen.name}")
    chances = {each: np.asarray(found.given[:, place], dtype=np.float64) for place, each in enumerate(found.classes)}
    names = np.array(found.classes, dtype=np.str_)[np.asarray(found.label, dtype=np.int64)]
    return _view(chosen.name, chosen.name, names, chances, uneven(found.weight), bins)


def _view(name: str, where: str, labels: Texts, chances: Mapping[str, Floats], weights: Floats | None,
          bins: int) -> View:
    classes = list(chances)
    strange = sorted(set(np.unique(labels).tolist()) - set(classes))
    if strange:
        raise BadInput(f"The label '{strange[0]}' has no probability.", where=where,
                       next=nearest(strange[0], classes) or f"Add --probability {strange[0]}=COLUMN.")
    if len(classes) < 2:
        raise BadInput("Several classes are two and more.", where=where, next="Add --probability CLASS=COLUMN.")
    table = np.column_stack(list(chances.values()))
    off = (table < 0).any(axis=1) | (np.abs(table.sum(axis=1) - 1) > SLACK)
    if off.any():
        row = table[int(np.argmax(off))]
        raise BadInput(f"In {int(off.sum())} rows the probabilities are negative or do not add up to 1, such as "
                       f"{' + '.join(f'{each:g}' for each in row)}.", where=where,
                       next="Name the columns of all classes.")
    table = np.clip(table, 0, 1)
    number = np.array([classes.index(each) for each in labels.tolist()])
    top = table.argmax(axis=1)
    right: Bools = top == number
    said = reliability(right, table.max(axis=1), bins, weights=weights)
    low, high = ece_interval(said)
    chance = ece_by_chance(said)
    each_row = [_class_row(each, number == place, table[:, place], weights, bins)
                for place, each in enumerate(classes)]
    adjusted = holm([float(str(row["p_value"])) for row in each_row])
    rows: list[Row] = [row | {"p_adjusted": float(p), "verdict": _verdict(row, float(p))}
                       for row, p in zip(each_row, adjusted, strict=True)]
    classwise = float(np.mean([float(str(row["ece"])) for row in rows]))
    sure, happened = (float(np.average(each, weights=weights)) for each in (table.max(axis=1), right))
    told = "too sure of itself" if sure > happened else "too timid"
    word = told if chance.p_value < SURE else "calibrated as far as these rows can tell"
    shown = Table.of("classes", rows, Column("class", cut=20), "n", Column("predicted", share=True),
                     Column("observed", share=True), Column("gap", digits=3), Column("low", digits=3),
                     Column("high", digits=3), Column("ece", "ECE", digits=3), Column("p_adjusted", digits=4),
                     "verdict", title="Class by class: observed less predicted, p adjusted for all classes (Holm)")
    facts = Facts({"rows": labels.size, "classes": len(classes), "top_label_ece": ece(said), "top_label_ece_low": low,
                   "top_label_ece_high": high, "ece_by_chance_high": chance.high, "p_value": chance.p_value,
                   "classwise_ece": classwise, "confidence": sure, "accuracy": happened, "limit": LIMIT})
    return View(f"{name} is {word}: of the class it says it is {sure:.1%} sure, and right in {happened:.1%}",
                Status.WARN if low > LIMIT else Status.DONE,
                (reliability_diagram(said), Text("The diagram is of the class that is said: how sure, and how right."),
                 shown, facts), (Action("Evaluate", ("evaluate", "--help")),))


def _class_row(name: str, labels: Bools, scores: Floats, weights: Floats | None, bins: int) -> dict[str, Cell]:
    tilt = tilts(labels, scores, None, weights)[0]
    return {"class": name, "n": int(labels.sum()), "predicted": tilt.predicted, "observed": tilt.observed,
            "gap": tilt.gap, "low": tilt.low, "high": tilt.high, "p_value": tilt.p_value,
            "ece": ece(reliability(labels, scores, bins, weights=weights)), "few": tilt.few}


def _verdict(row: Mapping[str, Cell], p: float) -> str:
    if row["few"]:
        return str(row["few"])
    return ("too high" if float(str(row["gap"])) < 0 else "too low") if p < SURE else ""
